/* SPDX-License-Identifier: MIT */
/* A recursive descent over the syntax text. Nodes come from one array and are linked into lists by index. */
#include "commands/syntax.h"

#include <ctype.h>
#include <stdio.h>

#define DEPTH_MAX 12

struct parser {
    const char *pos;
    struct syntax *out;
    unsigned depth;
};

/* A list being built. */
struct list {
    short first, last;
    unsigned count;
};

static bool parse_alternatives(struct parser *p, char close, short *node);

/* --- nodes --- */

static struct syntax_node *node_at(struct parser *p, short i) { return &p->out->nodes[i]; }

static short new_node(struct parser *p, enum syntax_type type)
{
    if (p->out->count == SYNTAX_NODES_MAX) return -1;
    short i = (short)p->out->count++;
    *node_at(p, i) = (struct syntax_node){.type = type, .child = -1, .next = -1, .key_index = -1};
    return i;
}

static void append(struct parser *p, struct list *l, short node)
{
    if (l->first < 0)
        l->first = node;
    else
        node_at(p, l->last)->next = node;
    l->last = node;
    l->count++;
}

static void set_name(struct syntax_node *n, struct slice text)
{
    size_t len = text.len < SYNTAX_NAME_MAX - 1 ? text.len : SYNTAX_NAME_MAX - 1;
    for (size_t i = 0; i < len; i++) n->name[i] = (char)tolower((unsigned char)text.ptr[i]);
    n->name[len] = '\0';
}

/* A list's name: those of its members. */
static void name_after_children(struct parser *p, struct syntax_node *n)
{
    size_t len = 0;
    for (short c = n->child; c >= 0; c = node_at(p, c)->next) {
        int wrote = snprintf(n->name + len, sizeof(n->name) - len, "%s%s", len > 0 ? "_" : "", node_at(p, c)->name);
        if (wrote < 0 || (len += (size_t)wrote) >= sizeof(n->name)) return;
    }
}

static bool same_argument(const struct syntax_node *a, const struct syntax_node *b)
{
    return strcmp(a->name, b->name) == 0 && slice_eq(a->token, b->token) && a->type == b->type;
}

/* --- what a name says about the type --- */

static bool is_one_of(struct slice s, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (slice_is_word(s, *words)) return true;
    }
    return false;
}

static bool ends_with(struct slice s, const char *tail)
{
    size_t n = strlen(tail);
    return s.len >= n && memcmp(s.ptr + s.len - n, tail, n) == 0;
}

static enum syntax_type type_of_name(struct slice s)
{
    static const char *const keys[] = {"key",     "key1",   "key2", "newkey", "source", "destination",
                                       "destkey", "srckey", "dst",  "src",    NULL};
    static const char *const integers[] = {
        "seconds",        "milliseconds", "count",         "offset", "start",     "end",      "db",
        "destination-db", "index",        "index1",        "index2", "cursor",    "ttl",      "bit",
        "increment",      "decrement",    "min-match-len", "port",   "client-id", "protover", "frequency",
        "numkeys",        "timeout",      "idle-seconds",  "weight", "limit",     NULL};
    static const char *const doubles[] = {"float-increment", "score", "longitude", "latitude",
                                          "radius",          "width", "height",    NULL};
    static const char *const patterns[] = {"pattern", NULL};
    if (s.len >= 9 && memcmp(s.ptr, "unix-time", 9) == 0) return SYNTAX_UNIX_TIME;
    if (is_one_of(s, keys)) return SYNTAX_KEY;
    if (is_one_of(s, integers) || ends_with(s, "-id")) return SYNTAX_INTEGER;
    if (is_one_of(s, doubles)) return SYNTAX_DOUBLE;
    return is_one_of(s, patterns) ? SYNTAX_PATTERN : SYNTAX_STRING;
}

static bool is_token(struct slice s)
{
    bool has_capital = false;
    for (size_t i = 0; i < s.len; i++) {
        if (islower((unsigned char)s.ptr[i])) return false;
        if (isupper((unsigned char)s.ptr[i])) has_capital = true;
    }
    return has_capital || s.len == 1; /* a single sign like "*" or "$" stands for itself */
}

/* --- the grammar --- */

static void skip_spaces(struct parser *p)
{
    while (*p->pos == ' ') p->pos++;
}

static struct slice take_word(struct parser *p)
{
    const char *start = p->pos;
    while (*p->pos != '\0' && strchr(" []<>|", *p->pos) == NULL) p->pos++;
    return SLICE(start, (size_t)(p->pos - start));
}

static short word_node(struct parser *p, struct slice word)
{
    bool token = is_token(word);
    short i = new_node(p, token ? SYNTAX_TOKEN : type_of_name(word));
    if (i < 0) return -1;
    struct syntax_node *n = node_at(p, i);
    set_name(n, word);
    if (token) n->token = word;
    if (n->type == SYNTAX_KEY) n->key_index = (int)p->out->keys++;
    return i;
}

/* The arguments that a group repeats: itself, or those of a block without a token. */
static short group_first(struct parser *p, short group, unsigned *len)
{
    const struct syntax_node *g = node_at(p, group);
    *len = 1;
    if (g->type != SYNTAX_BLOCK || g->token.len > 0) return group;
    *len = 0;
    for (short c = g->child; c >= 0; c = node_at(p, c)->next) ++*len;
    return g->child;
}

/* True when the `len` arguments from `a` on are those from `b` on. */
static bool same_arguments(struct parser *p, short a, short b, unsigned len)
{
    for (; len > 0; len--) {
        if (!same_argument(node_at(p, a), node_at(p, b))) return false;
        a = node_at(p, a)->next;
        b = node_at(p, b)->next;
    }
    return true;
}

/* The last `len` arguments of the list become a block that may come several times, in their place. */
static void fold_tail(struct parser *p, struct list *l, short prior, short tail, unsigned len, short block)
{
    struct syntax_node *n = node_at(p, block);
    n->flags = SYNTAX_MULTIPLE;
    n->child = tail;
    name_after_children(p, n);
    l->count -= len;
    l->last = prior;
    if (prior < 0) l->first = -1;
    append(p, l, block);
}

/* "x [x ...]": the group behind repeats what stands before it. True when it did and is swallowed. */
static bool merge_repetition(struct parser *p, struct list *l, short group)
{
    const unsigned both = SYNTAX_MULTIPLE | SYNTAX_OPTIONAL;
    if ((node_at(p, group)->flags & both) != both) return false;
    unsigned len;
    short again = group_first(p, group, &len);
    if (len > l->count) return false;
    short prior = -1;
    short tail = l->first;
    for (unsigned skip = l->count - len; skip > 0; skip--) {
        prior = tail;
        tail = node_at(p, tail)->next;
    }
    if (!same_arguments(p, tail, again, len)) return false;
    for (short c = again; len > 0 && c >= 0; c = c == group ? -1 : node_at(p, c)->next)
        p->out->keys -= node_at(p, c)->type == SYNTAX_KEY;
    struct syntax_node *n = node_at(p, tail);
    if (again == group)
        n->flags |= SYNTAX_MULTIPLE | (n->token.len > 0 ? SYNTAX_MULTIPLE_TOKEN : 0u);
    else
        fold_tail(p, l, prior, tail, len, group);
    return true;
}

/* Gives a token that waits at the end of the list to the argument behind it: true when that took its place. */
static bool give_token(struct parser *p, struct list *l, short node)
{
    if (l->last < 0) return false;
    struct syntax_node *waiting = node_at(p, l->last);
    const struct syntax_node *n = node_at(p, node);
    if (waiting->flags & SYNTAX_OPTIONAL) return false;
    if (waiting->type != SYNTAX_TOKEN || n->type == SYNTAX_TOKEN || n->token.len > 0 || (n->flags & SYNTAX_OPTIONAL))
        return false;
    struct slice token = waiting->token;
    *waiting = *n;
    waiting->token = token;
    waiting->next = -1;
    if (waiting->child >= 0) set_name(waiting, token);
    return true;
}

static bool add_item(struct parser *p, struct list *l, short node)
{
    if (node < 0) return false;
    if (!merge_repetition(p, l, node) && !give_token(p, l, node)) append(p, l, node);
    return true;
}

/* "YES|NO", without spaces: one argument, closer than the alternatives of a bracket. */
static short word_or_choice(struct parser *p, struct slice word)
{
    short first = word_node(p, word);
    if (first < 0 || p->pos[0] != '|' || strchr(" []<>|", p->pos[1]) != NULL) return first;
    struct list choices = {-1, -1, 0};
    append(p, &choices, first);
    while (p->pos[0] == '|' && strchr(" []<>|", p->pos[1]) == NULL) {
        p->pos++;
        short next = word_node(p, take_word(p));
        if (next < 0) return -1;
        append(p, &choices, next);
    }
    short i = new_node(p, SYNTAX_ONEOF);
    if (i < 0) return -1;
    node_at(p, i)->child = choices.first;
    name_after_children(p, node_at(p, i));
    return i;
}

/* Items up to '|', a closing bracket or the end. */
static bool parse_list(struct parser *p, struct list *l, bool *repeats)
{
    *l = (struct list){-1, -1, 0};
    *repeats = false;
    for (;;) {
        skip_spaces(p);
        char c = *p->pos;
        if (c == '\0' || c == '|' || c == ']' || c == '>') return true;
        if (*repeats) return false; /* nothing may follow "..." */
        short node;
        if (c == '[' || c == '<') {
            p->pos++;
            if (!parse_alternatives(p, c == '[' ? ']' : '>', &node)) return false;
            if (c == '[') node_at(p, node)->flags |= SYNTAX_OPTIONAL;
            if (!add_item(p, l, node)) return false;
            continue;
        }
        struct slice word = take_word(p);
        if (slice_eq(word, SLICE_LIT("..."))) {
            *repeats = l->count > 0;
            if (!*repeats) return false;
        } else if (!add_item(p, l, word_or_choice(p, word))) {
            return false;
        }
    }
}

/* "LIMIT offset count": a token before arguments without one belongs to them all. */
static bool heads_block(struct parser *p, const struct syntax_node *head)
{
    if (head->token.len == 0 || (head->flags & SYNTAX_OPTIONAL)) return false;
    for (short c = head->next; c >= 0; c = node_at(p, c)->next) {
        if (node_at(p, c)->token.len > 0) return false;
    }
    return true;
}

/* One alternative as one node: itself when it is a single argument, else a block. */
static short list_node(struct parser *p, const struct list *l)
{
    if (l->count == 1) return l->first;
    short i = new_node(p, SYNTAX_BLOCK);
    if (i < 0) return -1;
    struct syntax_node *block = node_at(p, i);
    struct syntax_node *head = node_at(p, l->first);
    block->child = l->first;
    if (heads_block(p, head)) {
        block->token = head->token;
        if (head->type == SYNTAX_TOKEN)
            block->child = head->next;
        else
            head->token = SLICE(NULL, 0);
        set_name(block, block->token);
    } else {
        name_after_children(p, block);
    }
    return i;
}

static bool parse_alternatives(struct parser *p, char close, short *node)
{
    if (++p->depth > DEPTH_MAX) return false;
    struct list alternatives = {-1, -1, 0};
    bool repeats_any = false;
    for (;;) {
        struct list l;
        bool repeats;
        if (!parse_list(p, &l, &repeats) || l.count == 0) return false;
        bool more = *p->pos == '|';
        short one = list_node(p, &l);
        if (one < 0) return false;
        append(p, &alternatives, one);
        repeats_any |= repeats;
        if (!more) break;
        p->pos++;
    }
    if (*p->pos != close) return false;
    if (close != '\0') p->pos++;
    p->depth--;
    short result = alternatives.first;
    if (alternatives.count > 1) {
        result = new_node(p, SYNTAX_ONEOF);
        if (result < 0) return false;
        node_at(p, result)->child = alternatives.first;
        name_after_children(p, node_at(p, result));
    }
    struct syntax_node *n = node_at(p, result);
    if (repeats_any) n->flags |= SYNTAX_MULTIPLE | (n->token.len > 0 ? SYNTAX_MULTIPLE_TOKEN : 0u);
    *node = result;
    return true;
}

bool syntax_parse(const char *text, struct syntax *out)
{
    out->count = 0;
    out->keys = 0;
    out->first = -1;
    struct parser p = {.pos = text, .out = out};
    struct list l;
    bool repeats;
    if (!parse_list(&p, &l, &repeats)) return false;
    if (*p.pos != '|') {
        out->first = l.first;
        return *p.pos == '\0' && !repeats;
    }
    /* alternatives without brackets: from the start again, as one argument */
    out->count = 0;
    out->keys = 0;
    p = (struct parser){.pos = text, .out = out};
    return parse_alternatives(&p, '\0', &out->first);
}

const char *syntax_type_name(enum syntax_type type)
{
    switch (type) {
    case SYNTAX_STRING: return "string";
    case SYNTAX_INTEGER: return "integer";
    case SYNTAX_DOUBLE: return "double";
    case SYNTAX_KEY: return "key";
    case SYNTAX_PATTERN: return "pattern";
    case SYNTAX_UNIX_TIME: return "unix-time";
    case SYNTAX_TOKEN: return "pure-token";
    case SYNTAX_ONEOF: return "oneof";
    case SYNTAX_BLOCK: return "block";
    }
    return "string";
}
