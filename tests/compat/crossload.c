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

/* A server of its own for each end: the writer's folder becomes the reader's. */
static void one_way(struct pair *p, const char *name, const char *writer, const char *reader, unsigned long seed)
{
    pair_begin(p, name, 2);
    struct side s = {.name = "the writer", .wire.fd = -1};
    process_prepare(&s.process);
    if (!side_start(&s, writer)) {
        pair_fail(p, "no writer");
    } else {
        wire_init(&s.wire, process_connect(&s.process));
        side_fill(&s, seed);
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
    one_way(p, "redis-server saves, keepsake loads", process_judge_path(), process_server_path(), seed);
    one_way(p, "keepsake saves, redis-server loads", process_server_path(), process_judge_path(), seed + 1);
    one_way(p, "keepsake saves, keepsake loads", process_server_path(), process_server_path(), seed + 2);
}
