/* SPDX-License-Identifier: MIT */
/*
 * Hand-made streams: tests/compat/streams/ *.txt, one command a line, each sent to both servers and compared. The README of this
 * folder tells the form of a line and the directives.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/compat/pair.h"

#define FOLDER "tests/compat/streams"
#define ARGS_MAX 1024

/* A line cut into arguments. */
struct line {
    unsigned argc;
    struct bytes argv[ARGS_MAX];
};

static void line_free(struct line *l)
{
    for (unsigned i = 0; i < l->argc; i++) bytes_free(&l->argv[i]);
    l->argc = 0;
}

static int hex_digit(char c) { return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10; }

/* What stands behind a backslash; returns where it ends. */
static const char *take_escape(const char *s, struct bytes *out)
{
    static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
    if (s[0] == 'x' && isxdigit((unsigned char)s[1]) && isxdigit((unsigned char)s[2])) {
        char c = (char)(hex_digit(s[1]) * 16 + hex_digit(s[2]));
        bytes_append(out, &c, 1);
        return s + 3;
    }
    const char *known = *s != '\0' ? strchr(from, *s) : NULL;
    bytes_append(out, known != NULL ? to + (known - from) : s, 1);
    return *s != '\0' ? s + 1 : s;
}

static const char *take_quoted(const char *s, struct bytes *out)
{
    char quote = *s++;
    while (*s != '\0' && *s != quote) {
        if (*s == '\\' && quote == '"')
            s = take_escape(s + 1, out);
        else if (*s == '\\' && s[1] == '\'')
            bytes_append(out, "'", 1), s += 2;
        else
            bytes_append(out, s++, 1);
    }
    return *s == quote ? s + 1 : NULL;
}

/* "@70000*ab": "ab" 70000 times. */
static void repeat_word(struct bytes *word)
{
    char *text;
    if (word->len < 4 || word->ptr[0] != '@' || !isdigit((unsigned char)word->ptr[1])) return;
    unsigned long times = strtoul(word->ptr + 1, &text, 10);
    if (*text != '*') return;
    struct bytes out = {0};
    for (unsigned long i = 0; i < times; i++) bytes_append(&out, text + 1, word->len - (size_t)(text + 1 - word->ptr));
    bytes_free(word);
    *word = out;
}

static bool line_split(const char *s, struct line *l)
{
    l->argc = 0;
    for (;;) {
        while (isspace((unsigned char)*s)) s++;
        if (*s == '\0') return true;
        if (l->argc == ARGS_MAX) return false;
        struct bytes *word = &l->argv[l->argc++];
        *word = (struct bytes){0};
        bytes_append(word, "", 0);
        bool is_plain = *s != '"' && *s != '\'';
        while (s != NULL && *s != '\0' && !isspace((unsigned char)*s)) {
            if (*s == '"' || *s == '\'')
                s = take_quoted(s, word);
            else
                bytes_append(word, s++, 1);
        }
        if (s == NULL) return false;
        if (is_plain) repeat_word(word);
    }
}

static void line_encode(const struct line *l, struct bytes *request)
{
    request->len = 0;
    bytes_appendf(request, "*%u\r\n", l->argc);
    for (unsigned i = 0; i < l->argc; i++) bytes_append_bulk(request, l->argv[i].ptr, l->argv[i].len);
}

struct stream {
    struct pair *pair;
    int resp;
    unsigned number; /* of the line */
    char where[128];
    struct line line;
    struct bytes request;
    /* from directives, for the next command */
    bool has_rule, has_no_reply;
    struct compare rule;
    struct bytes expected; /* instead of the judge's reply; empty: none */
    int only_resp;
};

static void directive(struct stream *s, const char *text)
{
    struct line l;
    if (!line_split(text, &l) || l.argc == 0) {
        pair_fail(s->pair, "%s: a directive that cannot be read", s->where);
        return;
    }
    const char *word = l.argv[0].ptr;
    s->has_rule = true;
    if (strcmp(word, "ignore") == 0)
        s->rule = (struct compare){COMPARE_NOTHING, 0};
    else if (strcmp(word, "sorted") == 0)
        s->rule = (struct compare){COMPARE_SORTED, 0};
    else if (strcmp(word, "kind") == 0)
        s->rule = (struct compare){COMPARE_KIND, 0};
    else if (strcmp(word, "near") == 0 && l.argc == 2)
        s->rule = (struct compare){COMPARE_NEAR, strtol(l.argv[1].ptr, NULL, 10)};
    else if (strcmp(word, "version") == 0 && l.argc == 2)
        bytes_append(&s->expected, l.argv[1].ptr, l.argv[1].len), s->has_rule = false;
    else if (strcmp(word, "resp2") == 0 || strcmp(word, "resp3") == 0)
        s->only_resp = word[4] - '0', s->has_rule = false;
    else if (strcmp(word, "noreply") == 0)
        s->has_no_reply = true, s->has_rule = false;
    else if (strcmp(word, "reconnect") == 0)
        pair_connect(s->pair, s->resp), s->has_rule = false;
    else
        pair_fail(s->pair, "%s: no such directive: %s", s->where, word);
    line_free(&l);
}

static struct compare rule_of(const struct stream *s)
{
    char words[2][32] = {"", ""};
    if (s->has_rule) return s->rule;
    for (unsigned i = 0; i < 2 && i < s->line.argc; i++) {
        snprintf(words[i], sizeof(words[i]), "%s", s->line.argv[i].ptr);
        for (char *c = words[i]; *c != '\0'; c++) *c = (char)tolower((unsigned char)*c);
    }
    return compare_rule(words[0], words[1]);
}

static void command(struct stream *s, const char *text)
{
    const char *judge, *ours;
    size_t judge_len, ours_len;
    if (!line_split(text, &s->line)) {
        pair_fail(s->pair, "%s: quotes do not match: %s", s->where, text);
        return;
    }
    line_encode(&s->line, &s->request);
    if (!pair_exchange(s->pair, s->request.ptr, s->request.len, s->has_no_reply ? 0 : 1)) {
        pair_connect(s->pair, s->resp);
    } else if (!s->has_no_reply) {
        bool both =
            wire_next(&s->pair->judge.wire, &judge, &judge_len) && wire_next(&s->pair->ours.wire, &ours, &ours_len);
        if (both && s->expected.len > 0) judge = s->expected.ptr, judge_len = s->expected.len;
        if (both) pair_compare(s->pair, rule_of(s), s->where, text, strlen(text), judge, judge_len, ours, ours_len);
    }
    line_free(&s->line);
}

static void next_line(struct stream *s, const char *file, char *text)
{
    snprintf(s->where, sizeof(s->where), "%s:%u", file, s->number);
    text[strcspn(text, "\r\n")] = '\0';
    while (isspace((unsigned char)*text)) text++;
    if (text[0] == '#' && text[1] == '!') {
        directive(s, text + 2);
        return;
    }
    if (text[0] == '#' || text[0] == '\0') return;
    if (s->only_resp == 0 || s->only_resp == s->resp) command(s, text);
    s->has_rule = s->has_no_reply = false;
    s->only_resp = 0;
    s->expected.len = 0;
}

static void run_file(struct pair *p, const char *file, int resp)
{
    char path[512], name[300];
    snprintf(path, sizeof(path), FOLDER "/%s", file);
    snprintf(name, sizeof(name), "stream %s, RESP%d", file, resp);
    FILE *f = fopen(path, "r");
    struct stream *s = calloc(1, sizeof(*s));
    if (s == NULL) abort();
    s->pair = p;
    s->resp = resp;
    pair_begin(p, name, resp);
    if (f == NULL) pair_fail(p, "%s cannot be opened", path);
    char *text = NULL;
    size_t size = 0;
    while (f != NULL && getline(&text, &size, f) >= 0 && !pair_is_hopeless(p)) {
        s->number++;
        next_line(s, file, text);
    }
    free(text);
    if (f != NULL) fclose(f);
    bytes_free(&s->request);
    bytes_free(&s->expected);
    free(s);
    if (!pair_is_hopeless(p)) pair_compare_data(p);
    pair_end(p);
}

static int is_stream(const struct dirent *d)
{
    size_t len = strlen(d->d_name);
    return len > 4 && strcmp(d->d_name + len - 4, ".txt") == 0;
}

void streams_run(struct pair *p, const char *only)
{
    struct dirent **files;
    int count = scandir(FOLDER, &files, is_stream, alphasort);
    for (int i = 0; i < count; i++) {
        if (only == NULL || strncmp(files[i]->d_name, only, strlen(only)) == 0) {
            run_file(p, files[i]->d_name, 2);
            run_file(p, files[i]->d_name, 3);
        }
        free(files[i]);
    }
    if (count >= 0) free(files);
}
