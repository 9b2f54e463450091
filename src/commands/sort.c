/* SPDX-License-Identifier: MIT */
/*
 * SORT and SORT_RO: the elements of a list, set or sorted set in order of themselves or of other keys' values.
 *
 * Three steps. The elements are loaded into a vector, with texts copied into one arena, since looking up the keys of patterns may move or
 * unpack whatever they came from. They are put in order by their weights. Then the wanted part is replied, or pushed into a new list.
 *
 * Orders are total, so that the same data always gives the same reply: equal numbers go by the elements' bytes; what is equal under ALPHA
 * stays as it stands in a list, and goes by the elements' bytes else. Texts compare by their bytes, in no locale.
 */
#include "commands/commands.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "server/server.h"
#include "store/hash.h"
#include "store/list.h"
#include "store/set.h"
#include "store/zset.h"

/* --- options --- */

struct sort_options {
    bool is_descending, is_alpha;
    bool keeps_order; /* BY a pattern without '*' */
    bool has_by;
    struct slice by;
    int64_t limit_start, limit_count; /* as given; count < 0: all */
    unsigned store;                   /* argument with the destination, 0: none */
    unsigned get_count;               /* patterns of GET, which are looked for again when they are used */
};

/* Arguments that an option takes; 0 for a flag, -1 when it is no option or too few arguments follow it. */
static int option_length(const struct call *c, unsigned i, bool is_read_only)
{
    unsigned left = c->argc - i - 1;
    if (call_arg_is(c, i, "asc") || call_arg_is(c, i, "desc") || call_arg_is(c, i, "alpha")) return 0;
    if (call_arg_is(c, i, "limit")) return left >= 2 ? 2 : -1;
    if (call_arg_is(c, i, "by") || call_arg_is(c, i, "get")) return left >= 1 ? 1 : -1;
    if (!is_read_only && call_arg_is(c, i, "store")) return left >= 1 ? 1 : -1;
    return -1;
}

static void parse_flag(const struct call *c, unsigned i, struct sort_options *o)
{
    if (call_arg_is(c, i, "alpha"))
        o->is_alpha = true;
    else
        o->is_descending = call_arg_is(c, i, "desc");
}

static void parse_by(const struct call *c, unsigned i, struct sort_options *o)
{
    o->by = call_arg(c, i);
    bool is_pattern = memchr(o->by.ptr, '*', o->by.len) != NULL;
    o->has_by = is_pattern;
    /* Once asked for it stays, whatever another BY says. */
    if (!is_pattern) o->keeps_order = true;
}

/* False: replied. */
static bool parse_options(struct call *c, bool is_read_only, struct sort_options *o)
{
    *o = (struct sort_options){.limit_count = -1};
    for (unsigned i = 2; i < c->argc; i++) {
        int length = option_length(c, i, is_read_only);
        if (length < 0) {
            call_syntax_error(c);
            return false;
        }
        if (length == 0) parse_flag(c, i, o);
        if (call_arg_is(c, i, "by")) parse_by(c, i + 1, o);
        if (call_arg_is(c, i, "get")) o->get_count++;
        if (call_arg_is(c, i, "store")) o->store = i + 1;
        if (length == 2 &&
            (!call_int_arg(c, i + 1, &o->limit_start, NULL) || !call_int_arg(c, i + 2, &o->limit_count, NULL)))
            return false;
        i += (unsigned)length;
    }
    return true;
}

/* The next pattern of GET at or behind argument *i, which is left behind it. */
static struct slice next_get(const struct call *c, unsigned *i)
{
    while (!call_arg_is(c, *i, "get")) *i += 1 + (unsigned)option_length(c, *i, false);
    *i += 2;
    return call_arg(c, *i - 1);
}

/* --- the vector --- */

/* A text in the arena, with a NUL behind it. */
struct text {
    size_t at, len;
};

struct element {
    struct text self;
    struct text weight; /* under BY and ALPHA, when it has one */
    double score;       /* without ALPHA */
    uint32_t index;     /* as loaded */
    bool has_weight;
};

struct vector {
    struct element *elements;
    size_t count;
    struct buf arena;
    size_t first, last_plus_one; /* the part to be replied */
};

static struct text keep(struct buf *arena, struct slice s)
{
    struct text t = {arena->len, s.len};
    char *to = buf_reserve(arena, s.len + 1);
    if (s.len > 0) memcpy(to, s.ptr, s.len);
    to[s.len] = '\0';
    arena->len += s.len + 1;
    return t;
}

static struct slice text_of(const struct buf *arena, struct text t) { return SLICE(arena->data + t.at, t.len); }

static void add_element(struct vector *v, const struct item *i)
{
    char scratch[NUM_INT64_CHARS];
    struct element *e = &v->elements[v->count];
    *e = (struct element){.self = keep(&v->arena, item_slice(i, scratch)), .index = (uint32_t)v->count};
    v->count++;
}

static void load_list(struct vector *v, const struct entry *list, int64_t index, bool backwards, size_t count)
{
    struct list_iter it;
    list_iter_init(&it, list, index, backwards);
    while (v->count < count && list_iter_next(&it)) add_element(v, &it.item);
    list_iter_deinit(&it);
}

static void load_set(struct vector *v, const struct entry *set, size_t count)
{
    struct set_iter it;
    set_iter_init(&it, set);
    while (v->count < count && set_iter_next(&it)) add_element(v, &it.item);
}

static void load_zset(struct vector *v, const struct entry *zset, size_t rank, bool backwards, size_t count)
{
    struct zset_iter it;
    zset_iter_init(&it, zset, rank, backwards);
    while (v->count < count && zset_iter_next(&it)) add_element(v, &it.element.member);
}

/* LIMIT over `size` elements, as Redis puts bounds to it. */
static void place_limit(struct vector *v, const struct sort_options *o, size_t size)
{
    int64_t n = (int64_t)size;
    int64_t start = o->limit_start < 0 ? 0 : o->limit_start < n ? o->limit_start : n;
    int64_t count = o->limit_count < 0 || o->limit_count > n - start ? n - start : o->limit_count;
    v->first = (size_t)start;
    v->last_plus_one = (size_t)(start + count);
}

/* What is in order already is loaded no further than needed; the vector is then the part to be replied. */
static void load_part(struct vector *v, const struct entry *e, const struct sort_options *o, size_t size)
{
    size_t count = v->last_plus_one - v->first;
    size_t from = o->is_descending ? size - 1 - v->first : v->first;
    if (count > 0 && entry_type(e) == VALUE_LIST) load_list(v, e, (int64_t)from, o->is_descending, count);
    if (count > 0 && entry_type(e) == VALUE_ZSET) load_zset(v, e, from, o->is_descending, count);
    v->first = 0;
    v->last_plus_one = count;
}

static void load_all(struct vector *v, const struct entry *e, size_t size)
{
    if (entry_type(e) == VALUE_LIST) load_list(v, e, 0, false, size);
    if (entry_type(e) == VALUE_SET) load_set(v, e, size);
    if (entry_type(e) == VALUE_ZSET) load_zset(v, e, 0, false, size);
}

static void load(struct vector *v, const struct entry *e, const struct sort_options *o)
{
    size_t size = e == NULL ? 0 : value_count(e);
    *v = (struct vector){.elements = NULL};
    place_limit(v, o, size);
    if (size == 0) return;
    bool is_part = o->keeps_order && entry_type(e) != VALUE_SET;
    v->elements = mem_alloc((is_part ? v->last_plus_one - v->first : size) * sizeof(*v->elements));
    if (is_part)
        load_part(v, e, o, size);
    else
        load_all(v, e, size);
}

static void vector_deinit(struct vector *v)
{
    mem_free(v->elements);
    buf_deinit(&v->arena);
}

/* --- patterns --- */

/* "weight_*" or "user_*->name", with the place of an element at '*'. */
struct pattern {
    struct slice prefix, suffix;
    struct slice field; /* of a hash */
    bool has_star, has_field, is_self;
};

static struct pattern pattern_of(struct slice text)
{
    struct pattern p = {.is_self = text.len == 1 && text.ptr[0] == '#'};
    const char *star = memchr(text.ptr, '*', text.len);
    p.has_star = star != NULL;
    if (star == NULL) return p;
    const char *rest = star + 1, *end = text.ptr + text.len;
    const char *arrow = memmem(rest, (size_t)(end - rest), "->", 2);
    p.has_field = arrow != NULL && arrow + 2 < end;
    p.prefix = SLICE(text.ptr, (size_t)(star - text.ptr));
    p.suffix = SLICE(rest, (size_t)((p.has_field ? arrow : end) - rest));
    if (p.has_field) p.field = SLICE(arrow + 2, (size_t)(end - arrow - 2));
    return p;
}

/* A value that a pattern leads to. The text points into the store or into the scratch bytes: take it before the next look-up. */
struct found {
    struct slice text;
    char scratch[NUM_INT64_CHARS];
};

struct resolver {
    struct call *call;
    struct buf name; /* of the key, reused */
};

static bool read_field(struct resolver *r, const struct entry *e, struct slice field, struct found *out)
{
    struct item value;
    if (entry_type(e) != VALUE_HASH || !hash_get(e, field, r->call->now_ms, &value)) return false;
    out->text = item_slice(&value, out->scratch);
    return true;
}

static bool resolve(struct resolver *r, const struct pattern *p, struct slice element, struct found *out)
{
    out->text = element;
    if (p->is_self) return true;
    if (!p->has_star) return false;
    buf_clear(&r->name);
    buf_append_slice(&r->name, p->prefix);
    buf_append_slice(&r->name, element);
    buf_append_slice(&r->name, p->suffix);
    struct slice name = buf_slice(&r->name);
    struct key key = key_of(name.len > 0 ? name : SLICE("", 0));
    const struct entry *e = db_find(r->call->db, &key, r->call->now_ms, DB_FIND_READ);
    if (e == NULL) return false;
    if (p->has_field) return read_field(r, e, p->field, out);
    if (entry_type(e) != VALUE_STRING) return false;
    out->text = entry_string(e, out->scratch);
    return true;
}

/* --- weights and order --- */

/* What strtod makes of a text: leading blanks and nothing at all are numbers, too. */
static bool parse_score(const char *text, double *score)
{
    char *end;
    errno = 0;
    *score = strtod(text, &end);
    return *end == '\0' && errno != ERANGE && !isnan(*score);
}

/* strtod wants a NUL: a text that is not plain digits is copied behind the others for a moment. */
static bool score_text(struct buf *arena, struct slice text, double *score)
{
    int64_t n;
    if (num_parse_int64(text, &n)) {
        *score = (double)n;
        return true;
    }
    size_t len = arena->len;
    struct text copy = keep(arena, text);
    bool is_number = parse_score(arena->data + copy.at, score);
    arena->len = len;
    return is_number;
}

static bool score_self(const struct vector *v, struct element *e)
{
    int64_t n;
    if (!num_parse_int64(text_of(&v->arena, e->self), &n)) return parse_score(v->arena.data + e->self.at, &e->score);
    e->score = (double)n;
    return true;
}

/* False: a score is no number. */
static bool weigh(struct resolver *r, struct vector *v, const struct sort_options *o)
{
    const struct pattern by = pattern_of(o->has_by ? o->by : SLICE("", 0));
    bool are_numbers = true;
    struct found found;
    if (!o->has_by && o->is_alpha) return true;
    for (size_t i = 0; i < v->count; i++) {
        struct element *e = &v->elements[i];
        if (o->has_by && !resolve(r, &by, text_of(&v->arena, e->self), &found)) continue;
        e->has_weight = true;
        if (o->is_alpha)
            e->weight = keep(&v->arena, found.text);
        else if (o->has_by)
            are_numbers &= score_text(&v->arena, found.text, &e->score);
        else
            are_numbers &= score_self(v, e);
    }
    return are_numbers;
}

struct order {
    const struct buf *arena;
    const struct sort_options *options;
    bool is_list; /* which has an order of its own to fall back to */
};

static int compare_texts(const struct buf *arena, struct text a, struct text b)
{
    int order = memcmp(arena->data + a.at, arena->data + b.at, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* ALPHA compares as C strings what is replied, as Redis does; what is stored, to the last byte. */
static int compare_alpha(const struct order *o, struct text a, struct text b)
{
    if (o->options->store > 0) return compare_texts(o->arena, a, b);
    return strcmp(o->arena->data + a.at, o->arena->data + b.at);
}

static int compare_weights(const struct order *o, const struct element *a, const struct element *b)
{
    if (!o->options->is_alpha) {
        if (a->score != b->score) return a->score < b->score ? -1 : 1;
        return compare_texts(o->arena, a->self, b->self);
    }
    if (!o->options->has_by) return compare_alpha(o, a->self, b->self);
    if (!a->has_weight || !b->has_weight) return (int)a->has_weight - (int)b->has_weight;
    return compare_alpha(o, a->weight, b->weight);
}

static int compare_elements(const void *x, const void *y, void *ctx)
{
    const struct order *o = ctx;
    const struct element *a = x, *b = y;
    int order = compare_weights(o, a, b);
    if (order == 0 && !o->is_list) order = compare_texts(o->arena, a->self, b->self);
    if (order == 0) return a->index < b->index ? -1 : 1;
    return o->options->is_descending ? -order : order;
}

/* False: a score is no number. */
static bool put_in_order(struct resolver *r, struct vector *v, const struct sort_options *o, bool is_list)
{
    struct order order = {&v->arena, o, is_list};
    if (o->keeps_order) return true;
    if (!weigh(r, v, o)) return false;
    if (v->count > 1) qsort_r(v->elements, v->count, sizeof(*v->elements), compare_elements, &order);
    return true;
}

/* --- results --- */

typedef void result_fn(void *ctx, const struct slice *value); /* NULL: there is none */

/* All results in order: the elements, or what the patterns of GET lead to. */
static void each_result(struct resolver *r, const struct vector *v, const struct sort_options *o, result_fn *fn,
                        void *ctx)
{
    struct found found;
    for (size_t i = v->first; i < v->last_plus_one; i++) {
        struct slice element = text_of(&v->arena, v->elements[i].self);
        if (o->get_count == 0) fn(ctx, &element);
        for (unsigned get = 0, at = 2; get < o->get_count; get++) {
            struct pattern p = pattern_of(next_get(r->call, &at));
            fn(ctx, resolve(r, &p, element, &found) ? &found.text : NULL);
        }
    }
}

static size_t result_count(const struct vector *v, const struct sort_options *o)
{
    return (v->last_plus_one - v->first) * (o->get_count > 0 ? o->get_count : 1);
}

static void reply_result(void *ctx, const struct slice *value)
{
    if (value != NULL)
        reply_bulk(ctx, *value);
    else
        reply_null(ctx);
}

static void push_result(void *ctx, const struct slice *value)
{
    struct slice element = value != NULL ? *value : SLICE("", 0);
    list_push(ctx, LIST_TAIL, &element, 1);
}

/* The destination may be the source, or a key of a pattern: it is replaced only when the new list is whole. */
static void store_results(struct resolver *r, const struct vector *v, const struct sort_options *o)
{
    struct call *c = r->call;
    struct key k = call_key(c, o->store);
    struct value_ref list = {.key = k};
    size_t count = result_count(v, o);
    if (count > 0) {
        each_result(r, v, o, push_result, &list);
        db_put(c->db, list.e, k.hash);
        call_changed(c, c->db, k.name, NOTIFY_LIST, "sortstore");
        call_add_dirty(c, count - 1);
    } else if (db_delete(c->db, &k, c->now_ms, server_config(c->server)->lazyfree_lazy_server_del)) {
        call_changed(c, c->db, k.name, NOTIFY_GENERIC, "del");
    }
    reply_int(c->reply, (int64_t)count);
}

static void give_results(struct resolver *r, const struct vector *v, const struct sort_options *o)
{
    if (o->store > 0) {
        store_results(r, v, o);
        return;
    }
    reply_array(r->call->reply, result_count(v, o));
    each_result(r, v, o, reply_result, r->call->reply);
}

/* --- the commands --- */

/* False: another type stands there, replied. */
static bool is_sortable(struct call *c, const struct entry *e)
{
    if (e == NULL || entry_type(e) == VALUE_LIST || entry_type(e) == VALUE_SET) return true;
    return !call_wrong_type(c, e, VALUE_ZSET);
}

static void sort(struct call *c, bool is_read_only)
{
    struct sort_options o;
    struct vector v;
    struct resolver r = {.call = c, .name = BUF_INIT};
    if (!parse_options(c, is_read_only, &o)) return;
    const struct entry *e = call_find_read(c, 1);
    if (!is_sortable(c, e)) return;
    /* A set has no order to be kept; what is stored has to be the same each time. */
    if (o.keeps_order && o.store > 0 && e != NULL && entry_type(e) == VALUE_SET) {
        o.keeps_order = o.has_by = false;
        o.is_alpha = true;
    }
    load(&v, e, &o);
    if (put_in_order(&r, &v, &o, e != NULL && entry_type(e) == VALUE_LIST))
        give_results(&r, &v, &o);
    else
        reply_error(c->reply, "ERR One or more scores can't be converted into double");
    vector_deinit(&v);
    buf_deinit(&r.name);
}

static void sort_command(struct call *c) { sort(c, false); }
static void sort_ro_command(struct call *c) { sort(c, true); }

/* The key, and the destination of the last STORE. */
static int sort_keys(struct arg *argv, unsigned argc, unsigned *out, unsigned max)
{
    unsigned store = 0;
    for (unsigned i = 2; i < argc; i++) {
        struct slice word = arg_slice(&argv[i]);
        if (slice_is_word(word, "limit"))
            i += 2;
        else if (slice_is_word(word, "get") || slice_is_word(word, "by"))
            i++;
        else if (slice_is_word(word, "store") && i + 1 < argc)
            store = ++i;
    }
    if (argc < 2 || max < 1) return -1;
    out[0] = 1;
    if (store == 0 || max < 2) return 1;
    out[1] = store;
    return 2;
}

/* --- the table --- */

#define SORT_COMPLEXITY \
    "O(N+M*log(M)), N being the number of elements and M the number of those sorted; O(N) when they are not sorted."
#define SORT_SYNTAX "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] [ALPHA]"

/* clang-format off */
#define SORT_BY_GET_SPEC                                                                                             \
    {.flags = KEY_RO | KEY_ACCESS, .step = 1, .is_unknown = true,                                                    \
     .notes = "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content " \
              "of the key we sort"}

static const struct command rows[] = {
    {.name = "sort", .handler = sort_command, .arity = -2, .flags = CMD_WRITE | CMD_DENYOOM | CMD_MOVABLE_KEYS,
     .categories = CAT_LIST | CAT_SET | CAT_SORTEDSET | CAT_DANGEROUS, .group = GROUP_GENERIC, .since = "1.0.0",
     .complexity = SORT_COMPLEXITY,
     .summary = "Returns or stores the elements of a list, set or sorted set in order of themselves or of other keys.",
     .syntax = SORT_SYNTAX " [STORE destination]",
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), SORT_BY_GET_SPEC,
              {.flags = KEY_OW | KEY_UPDATE, .step = 1, .is_unknown = true,
               .notes = "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere "
                        "in the argument array"}},
     .get_keys = sort_keys},
    {.name = "sort_ro", .handler = sort_ro_command, .arity = -2, .flags = CMD_READONLY | CMD_MOVABLE_KEYS,
     .categories = CAT_LIST | CAT_SET | CAT_SORTEDSET | CAT_DANGEROUS, .group = GROUP_GENERIC, .since = "7.0.0",
     .complexity = SORT_COMPLEXITY,
     .summary = "Returns the elements of a list, set or sorted set in order of themselves or of other keys.",
     .syntax = SORT_SYNTAX,
     .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS), SORT_BY_GET_SPEC}},
    {0},
};
/* clang-format on */

const struct command *sort_commands(void) { return rows; }
