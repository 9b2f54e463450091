/* SPDX-License-Identifier: MIT */
/* What one server saves the other loads: the same keys, values, expiries, by DEBUG DIGEST. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/compat/gen_core.h"
#include "tests/compat/pair.h"

#define COMMANDS 4000

/* The reply of one command, the caller frees it; NULL: none. */
static char *ask(struct side *s, const char *line)
{
    const char *reply;
    size_t len;
    return wire_command(&s->wire, line, &reply, &len) ? strndup(reply, len) : NULL;
}

/* --- collections on both sides of every threshold --- */

enum element_form { FORM_INTEGER, FORM_TEXT, FORM_LONG, FORM_REPETITIVE, FORMS };

static void append_arg(struct bytes *request, const char *text)
{
    size_t len = strlen(text);
    bytes_appendf(request, "$%zu\r\n", len);
    bytes_append(request, text, len);
    bytes_append(request, "\r\n", 2);
}

static void append_element(struct bytes *request, enum element_form form, int i)
{
    char text[512];
    switch (form) {
    case FORM_INTEGER: snprintf(text, sizeof(text), "%lld", (long long)i * i * (i % 2 ? -100003 : 17)); break;
    case FORM_TEXT: snprintf(text, sizeof(text), "element %d", i); break;
    case FORM_LONG: snprintf(text, sizeof(text), "%d%0*d", i, i == 3 ? 300 : 20, i); break;
    case FORM_REPETITIVE:
    case FORMS: snprintf(text, sizeof(text), "%d:%064d", i, i % 3); break;
    }
    append_arg(request, text);
}

static void append_score(struct bytes *request, int i)
{
    static const char *const scores[] = {"1",    "-2.5",  "0.1", "1e300", "-inf", "inf", "4503599627370497",
                                         "1e17", "5e-324"};
    char text[32];
    snprintf(text, sizeof(text), "%d", i);
    append_arg(request, i < (int)(sizeof(scores) / sizeof(scores[0])) ? scores[i] : text);
}

/* `n` elements in one command. */
static void add_collection(struct side *s, const char *command, enum element_form form, int n)
{
    bool is_hash = strcmp(command, "HSET") == 0, is_zset = strcmp(command, "ZADD") == 0;
    struct bytes request = {0};
    char key[64];
    snprintf(key, sizeof(key), "%s:%d:%d", command, (int)form, n);
    bytes_appendf(&request, "*%d\r\n", 2 + n * (is_hash || is_zset ? 2 : 1));
    append_arg(&request, command);
    append_arg(&request, key);
    for (int i = 0; i < n; i++) {
        if (is_zset) append_score(&request, i);
        append_element(&request, form, i);
        if (is_hash) append_element(&request, (enum element_form)((form + 1) % FORMS), i);
    }
    (void)wire_exchange(&s->wire, request.ptr, request.len, 1);
    bytes_free(&request);
}

static void fill_collections(struct side *s)
{
    static const char *const commands[] = {"RPUSH", "SADD", "HSET", "ZADD"};
    static const int counts[] = {1, 2, 5, 127, 128, 129, 511, 512, 513, 3000};
    for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++)
        for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++)
            for (int form = 0; form < FORMS; form++) add_collection(s, commands[c], (enum element_form)form, counts[n]);
}

static void side_fill(struct side *s, unsigned long seed)
{
    struct bytes request = {0};
    struct gen g;
    for (const struct gen_family *f = gen_families; f->name != NULL; f++) {
        gen_init(&g, seed);
        for (unsigned i = 0; i < COMMANDS; i++) {
            request.len = 0;
            gen_command(&g, f->make, &request);
            if (wire_exchange(&s->wire, request.ptr, request.len, 1) != WIRE_OK) break;
        }
        gen_deinit(&g);
    }
    bytes_free(&request);
    fill_collections(s);
    /* Everything is written in some form: many databases, far expiries, all lengths where forms change. */
    for (int i = 0; i < 300; i++) {
        char *line;
        if (asprintf(&line, "SET len:%d %0*d%s", i, i + 1, i % 10, i % 3 == 0 ? " EX 100000" : "") < 0) abort();
        free(ask(s, line));
        free(line);
        if (i % 20 == 19) {
            char select[32];
            snprintf(select, sizeof(select), "SELECT %d", i / 20);
            free(ask(s, select));
        }
    }
}

static void compare_text(struct pair *p, const char *what, const char *before, const char *after)
{
    if (before == NULL || after == NULL)
        pair_fail(p, "%s: no reply", what);
    else if (strcmp(before, after) != 0)
        pair_fail(p, "%s: %s before, %s after", what, before, after);
}

struct way {
    const char *name, *writer, *reader;
    const char *before_save; /* a command for the writer; may be NULL */
};

/* A server of its own for each end: the writer's folder becomes the reader's. */
static void one_way(struct pair *p, const struct way *w, unsigned long seed)
{
    const char *writer = w->writer, *reader = w->reader;
    pair_begin(p, w->name, 2);
    struct side s = {.name = "the writer", .wire.fd = -1};
    process_prepare(&s.process);
    if (!side_start(&s, writer)) {
        pair_fail(p, "no writer");
    } else {
        wire_init(&s.wire, process_connect(&s.process));
        side_fill(&s, seed);
        char *prepared = ask(&s, w->before_save ? w->before_save : "PING");
        compare_text(p, w->before_save ? w->before_save : "PING", w->before_save ? "+OK\r\n" : "+PONG\r\n", prepared);
        free(prepared);
        char *saved = ask(&s, "SAVE"), *digest = ask(&s, "DEBUG DIGEST"), *size = ask(&s, "DBSIZE");
        compare_text(p, "SAVE", "+OK\r\n", saved);
        wire_close(&s.wire);
        process_stop(&s.process, SIGKILL);
        remove(s.process.socket);
        s.name = "the reader";
        if (!side_start(&s, reader)) {
            pair_fail(p, "the reader refuses the file");
        } else {
            wire_init(&s.wire, process_connect(&s.process));
            char *loading;
            while ((loading = ask(&s, "PING")) != NULL && loading[0] == '-') {
                free(loading);
                wait_a_little();
            }
            free(loading);
            free(ask(&s, "SELECT 14"));
            char *digest_after = ask(&s, "DEBUG DIGEST"), *size_after = ask(&s, "DBSIZE");
            compare_text(p, "DEBUG DIGEST", digest, digest_after);
            compare_text(p, "DBSIZE", size, size_after);
            free(digest_after);
            free(size_after);
        }
        free(saved);
        free(digest);
        free(size);
    }
    wire_close(&s.wire);
    process_discard(&s.process);
    pair_end(p);
}

void crossload_run(struct pair *p, unsigned long seed)
{
    const char *judge = process_judge_path(), *ours = process_server_path();
    const struct way ways[] = {
        {"redis-server saves, keepsake loads", judge, ours, NULL},
        {"keepsake saves, redis-server loads", ours, judge, NULL},
        {"keepsake saves, keepsake loads", ours, ours, NULL},
        {"keepsake saves version 6, redis-server loads", ours, judge, "CONFIG SET rdb-version 6"},
        {"keepsake saves version 8, redis-server loads", ours, judge, "CONFIG SET rdb-version 8"},
        {"keepsake saves version 10, redis-server loads", ours, judge, "CONFIG SET rdb-version 10"},
        {"keepsake saves version 12, keepsake loads", ours, ours, "CONFIG SET rdb-version 12"},
    };
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) one_way(p, &ways[i], seed + i);
}
