/* SPDX-License-Identifier: MIT */
#include "tests/compat/pair.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_BYTES 400

bool side_start(struct side *s, const char *program)
{
    const char *args[] = {
        "--port", "0",           "--unixsocket", s->process.socket, "--save", "",      "--enable-debug-command",
        "yes",    "--daemonize", "no",           "--databases",     "16",     "--dir", s->process.dir,
        NULL};
    process_spawn(&s->process, program, args);
    int status;
    if (process_wait_ready(&s->process, &status)) return true;
    char *output = process_output(&s->process);
    printf("%s did not start:\n%s\n", s->name, output);
    free(output);
    return false;
}

void pair_start(struct pair *p)
{
    p->judge.name = "redis-server";
    p->ours.name = "keepsake";
    p->judge.wire.fd = p->ours.wire.fd = -1;
    process_prepare(&p->judge.process);
    process_prepare(&p->ours.process);
    if (side_start(&p->judge, process_judge_path()) && side_start(&p->ours, process_server_path())) return;
    pair_stop(p);
    printf("0 passed, 1 failed\n");
    exit(1);
}

static void side_stop(struct side *s)
{
    wire_close(&s->wire);
    process_discard(&s->process);
}

void pair_stop(struct pair *p)
{
    side_stop(&p->judge);
    side_stop(&p->ours);
}

/* A server that died is shown with its last words and started anew, so that the other tests say what they have to. */
static void side_revive(struct pair *p, struct side *s, const char *program)
{
    if (process_is_running(&s->process)) return;
    char *output = process_output(&s->process);
    size_t len = strlen(output);
    pair_fail(p, "%s died:\n%s", s->name, len > 4000 ? output + len - 4000 : output);
    free(output);
    process_discard(&s->process);
    process_prepare(&s->process);
    if (!side_start(s, program)) exit(1);
}

static void side_connect(struct side *s, int resp)
{
    const char *reply;
    size_t len;
    wire_close(&s->wire);
    wire_init(&s->wire, process_connect(&s->process));
    if (resp == 3) wire_command(&s->wire, "HELLO 3", &reply, &len);
}

void pair_connect(struct pair *p, int resp)
{
    side_connect(&p->judge, resp);
    side_connect(&p->ours, resp);
}

static void side_flush(struct side *s)
{
    const char *reply;
    size_t len;
    side_connect(s, 2);
    wire_command(&s->wire, "FLUSHALL", &reply, &len);
}

void pair_begin(struct pair *p, const char *test, int resp)
{
    p->test = test;
    p->differences = 0;
    side_flush(&p->judge);
    side_flush(&p->ours);
    pair_connect(p, resp);
}

void pair_end(struct pair *p)
{
    side_revive(p, &p->judge, process_judge_path());
    side_revive(p, &p->ours, process_server_path());
    if (p->differences > 0)
        p->failed++;
    else
        p->passed++;
    printf("%s %s\n", p->differences > 0 ? "FAIL" : "ok  ", p->test);
    fflush(stdout);
}

void pair_fail(struct pair *p, const char *fmt, ...)
{
    p->differences++;
    printf("%s: ", p->test);
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

bool pair_is_hopeless(const struct pair *p) { return p->differences >= DIFFERENCES_SHOWN; }

static bool side_exchange(struct pair *p, struct side *s, const char *request, size_t len, size_t replies)
{
    static const char *const names[] = {"ok", "closed the connection", "did not reply in time",
                                        "sent what is no reply"};
    enum wire_result r = wire_exchange(&s->wire, request, len, replies);
    if (r == WIRE_OK) return true;
    struct bytes shown = {0};
    bytes_append_shown(&shown, request, len, SHOWN_BYTES);
    pair_fail(p, "%s %s after %s", s->name, names[r], shown.ptr);
    bytes_free(&shown);
    return false;
}

bool pair_exchange(struct pair *p, const char *request, size_t len, size_t replies)
{
    bool judge_ok = side_exchange(p, &p->judge, request, len, replies);
    return side_exchange(p, &p->ours, request, len, replies) && judge_ok;
}

void pair_compare(struct pair *p, struct compare how, const char *where, const char *command, size_t command_len,
                  const char *judge, size_t judge_len, const char *ours, size_t ours_len)
{
    if (compare_replies(how, judge, judge_len, ours, ours_len)) return;
    struct bytes shown = {0};
    bytes_append_shown(&shown, command, command_len, SHOWN_BYTES);
    bytes_append(&shown, "\n    redis-server: ", 19);
    bytes_append_shown(&shown, judge, judge_len, SHOWN_BYTES);
    bytes_append(&shown, "\n    keepsake:     ", 19);
    bytes_append_shown(&shown, ours, ours_len, SHOWN_BYTES);
    pair_fail(p, "%s: %s", where, shown.ptr);
    bytes_free(&shown);
}

static void compare_next(struct pair *p, struct compare how, const char *where, const char *command, size_t command_len)
{
    const char *judge, *ours;
    size_t judge_len, ours_len;
    if (!wire_next(&p->judge.wire, &judge, &judge_len) || !wire_next(&p->ours.wire, &ours, &ours_len)) {
        pair_fail(p, "%s: no reply", where);
        return;
    }
    pair_compare(p, how, where, command, command_len, judge, judge_len, ours, ours_len);
}

void pair_same(struct pair *p, const char *line, struct compare how)
{
    struct bytes request = {0};
    bytes_appendf(&request, "%s\r\n", line);
    if (pair_exchange(p, request.ptr, request.len, 1)) compare_next(p, how, "data", line, strlen(line));
    bytes_free(&request);
}

/* Sends a command about a key to both and compares the replies. True when the judge's reply begins with `wanted`. */
static bool ask_about(struct pair *p, const char *head, struct bytes key, struct compare how, const char *wanted)
{
    const char *judge, *ours;
    size_t judge_len, ours_len;
    bool is_wanted = false;
    struct bytes request = {0};
    bytes_append(&request, head, strlen(head));
    bytes_append(&request, key.ptr, key.len);
    if (pair_exchange(p, request.ptr, request.len, 1)) {
        if (wire_next(&p->judge.wire, &judge, &judge_len) && wire_next(&p->ours.wire, &ours, &ours_len)) {
            pair_compare(p, how, "key", request.ptr, request.len, judge, judge_len, ours, ours_len);
            is_wanted = strncmp(judge, wanted, strlen(wanted)) == 0;
        } else {
            pair_fail(p, "key: no reply");
        }
    }
    bytes_free(&request);
    return is_wanted;
}

/* Only strings have one payload: the order of a collection is each server's own, and its digest does not depend on it. */
static void compare_key(struct pair *p, struct bytes key)
{
    struct compare same = {COMPARE_BYTES, 0}, kind = {COMPARE_KIND, 0};
    bool is_string = ask_about(p, "*2\r\n$4\r\nTYPE\r\n", key, same, "+string");
    ask_about(p, "*2\r\n$6\r\nSTRLEN\r\n", key, same, "");
    ask_about(p, "*2\r\n$4\r\nDUMP\r\n", key, is_string ? same : kind, "");
    ask_about(p, "*3\r\n$5\r\nDEBUG\r\n$12\r\nDIGEST-VALUE\r\n", key, same, "");
}

/* Every key of the judge's selected database, both sides. */
static void compare_keys(struct pair *p)
{
    const char *reply;
    size_t len;
    if (!wire_command(&p->judge.wire, "KEYS *", &reply, &len) || reply[0] != '*') {
        pair_fail(p, "KEYS * failed");
        return;
    }
    struct bytes keys = {0};
    bytes_append(&keys, reply, len);
    long count = strtol(keys.ptr + 1, NULL, 10);
    size_t at = (size_t)(strchr(keys.ptr, '\n') - keys.ptr) + 1;
    for (long i = 0; i < count && !pair_is_hopeless(p); i++) {
        long one = wire_reply_length(keys.ptr + at, keys.len - at);
        compare_key(p, (struct bytes){.ptr = keys.ptr + at, .len = (size_t)one});
        at += (size_t)one;
    }
    bytes_free(&keys);
}

void pair_compare_data(struct pair *p)
{
    pair_connect(p, 2);
    for (int db = 0; db < 16 && !pair_is_hopeless(p); db++) {
        char line[32];
        snprintf(line, sizeof(line), "SELECT %d", db);
        pair_same(p, line, (struct compare){0});
        pair_same(p, "DBSIZE", (struct compare){0});
        pair_same(p, "KEYS *", (struct compare){COMPARE_SORTED, 0});
        compare_keys(p);
    }
    pair_same(p, "DEBUG DIGEST", (struct compare){0});
}
