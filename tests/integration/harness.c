/* SPDX-License-Identifier: MIT */
#include "tests/integration/harness.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int server_setup(void **state)
{
    struct server *s = calloc(1, sizeof(*s));
    if (s == NULL) return -1;
    /* A client that writes to a server that closed gets an error, not a signal. */
    signal(SIGPIPE, SIG_IGN);
    process_prepare(&s->process);
    server_path(s, "dump.rdb", s->rdb, sizeof(s->rdb));
    *state = s;
    return 0;
}

static void disconnect(struct server *s)
{
    if (s->client != NULL) redisFree(s->client);
    s->client = NULL;
}

int server_teardown(void **state)
{
    struct server *s = *state;
    disconnect(s);
    process_discard(&s->process);
    free(s);
    return 0;
}

void server_path(const struct server *s, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/%s", s->process.dir, name);
}

int free_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    close(fd);
    return ntohs(addr.sin_port);
}

redisContext *server_connect(struct server *s)
{
    redisContext *c =
        redisConnectUnixWithTimeout(s->process.socket, (struct timeval){.tv_sec = PROCESS_WAIT_MS / 1000});
    assert_non_null(c);
    assert_int_equal(c->err, 0);
    redisSetTimeout(c, (struct timeval){.tv_sec = PROCESS_WAIT_MS / 1000});
    return c;
}

redisContext *server_connect_tcp(const char *host, int port)
{
    redisContext *c = redisConnectWithTimeout(host, port, (struct timeval){.tv_sec = PROCESS_WAIT_MS / 1000});
    assert_non_null(c);
    if (c->err == 0) redisSetTimeout(c, (struct timeval){.tv_sec = PROCESS_WAIT_MS / 1000});
    return c;
}

struct wire server_wire(struct server *s)
{
    struct wire w;
    wire_init(&w, process_connect(&s->process));
    assert_true(w.fd >= 0);
    return w;
}

bool server_start_bare(struct server *s, const char *const *args, int *status)
{
    disconnect(s);
    /* A stale socket file must not look like a server that is ready. */
    unlink(s->process.socket);
    process_spawn(&s->process, process_server_path(), args);
    return process_wait_ready(&s->process, status);
}

static void fail_with_output(struct server *s, const char *what)
{
    char *output = process_output(&s->process);
    fputs(output, stdout);
    free(output);
    fail_msg("%s", what);
}

void server_start(struct server *s, const char *const *args)
{
    const char *all[PROCESS_ARGS_MAX + 1] = {"--port",
                                             "0",
                                             "--unixsocket",
                                             s->process.socket,
                                             "--save",
                                             "",
                                             "--loglevel",
                                             "verbose",
                                             "--enable-debug-command",
                                             "yes",
                                             "--enable-protected-configs",
                                             "yes"};
    unsigned n = 12;
    int status;
    for (; *args != NULL && n < PROCESS_ARGS_MAX; args++) all[n++] = *args;
    if (!server_start_bare(s, all, &status)) fail_with_output(s, "the server did not start");
    s->client = server_connect(s);
    wait_until_loaded(s->client);
}

char *server_start_refused(struct server *s, const char *const *args)
{
    disconnect(s);
    unlink(s->process.log);
    process_spawn(&s->process, process_server_path(), args);
    int status = process_wait_exit(&s->process);
    if (status == -1 || !WIFEXITED(status)) fail_with_output(s, "the server did not refuse to start");
    assert_int_equal(WEXITSTATUS(status), 1);
    return process_output(&s->process);
}

void server_kill(struct server *s)
{
    disconnect(s);
    process_stop(&s->process, SIGKILL);
}

int server_terminate(struct server *s, int signo)
{
    disconnect(s);
    int status = process_stop(&s->process, signo);
    return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static redisReply *vask(redisContext *c, const char *fmt, va_list ap)
{
    redisReply *r = redisvCommand(c, fmt, ap);
    if (r == NULL) fail_msg("%s: no reply: %s", fmt, c->errstr);
    return r;
}

redisReply *ask(redisContext *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = vask(c, fmt, ap);
    va_end(ap);
    return r;
}

static void check_text(redisReply *r, int type, const char *want, const char *fmt)
{
    if (r->type != type || strcmp(r->str, want) != 0)
        fail_msg("%s: wanted \"%s\", got type %d \"%s\" (%lld)", fmt, want, r->type, r->str != NULL ? r->str : "",
                 r->integer);
    freeReplyObject(r);
}

void expect_status(redisContext *c, const char *want, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    check_text(vask(c, fmt, ap), REDIS_REPLY_STATUS, want, fmt);
    va_end(ap);
}

void expect_bulk(redisContext *c, const char *want, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    check_text(vask(c, fmt, ap), REDIS_REPLY_STRING, want, fmt);
    va_end(ap);
}

void expect_error(redisContext *c, const char *want_start, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = vask(c, fmt, ap);
    va_end(ap);
    if (r->type != REDIS_REPLY_ERROR || strncmp(r->str, want_start, strlen(want_start)) != 0)
        fail_msg("%s: wanted the error \"%s\", got type %d \"%s\"", fmt, want_start, r->type,
                 r->str != NULL ? r->str : "");
    freeReplyObject(r);
}

void expect_nil(redisContext *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = vask(c, fmt, ap);
    va_end(ap);
    if (r->type != REDIS_REPLY_NIL)
        fail_msg("%s: wanted nil, got type %d \"%s\"", fmt, r->type, r->str != NULL ? r->str : "");
    freeReplyObject(r);
}

static long long take_int(redisReply *r, const char *fmt)
{
    if (r->type != REDIS_REPLY_INTEGER)
        fail_msg("%s: wanted an integer, got type %d \"%s\"", fmt, r->type, r->str != NULL ? r->str : "");
    long long value = r->integer;
    freeReplyObject(r);
    return value;
}

void expect_int(redisContext *c, long long want, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    long long got = take_int(vask(c, fmt, ap), fmt);
    va_end(ap);
    if (got != want) fail_msg("%s: wanted %lld, got %lld", fmt, want, got);
}

long long ask_int(redisContext *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    long long got = take_int(vask(c, fmt, ap), fmt);
    va_end(ap);
    return got;
}

void expect_closed(redisContext *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    redisReply *r = redisvCommand(c, fmt, ap);
    va_end(ap);
    if (r != NULL)
        fail_msg("%s: wanted the connection closed, got type %d \"%s\"", fmt, r->type, r->str != NULL ? r->str : "");
}

static bool find_field(redisContext *c, const char *field, char *out, size_t size)
{
    redisReply *r = ask(c, "INFO everything");
    char line[128];
    snprintf(line, sizeof(line), "\n%s:", field);
    const char *at = r->str != NULL ? strstr(r->str, line) : NULL;
    if (at != NULL) {
        at += strlen(line);
        snprintf(out, size, "%.*s", (int)strcspn(at, "\r\n"), at);
    }
    freeReplyObject(r);
    return at != NULL;
}

void info_field(redisContext *c, const char *field, char *out, size_t size)
{
    if (!find_field(c, field, out, size)) fail_msg("INFO has no field %s", field);
}

long long info_int(redisContext *c, const char *field)
{
    char text[128];
    info_field(c, field, text, sizeof(text));
    return strtoll(text, NULL, 10);
}

void expect_info(redisContext *c, const char *field, const char *want)
{
    char text[128];
    info_field(c, field, text, sizeof(text));
    if (strcmp(text, want) != 0) fail_msg("INFO %s: wanted %s, got %s", field, want, text);
}

void wait_info(redisContext *c, const char *field, const char *want)
{
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    char text[128];
    for (;;) {
        info_field(c, field, text, sizeof(text));
        if (strcmp(text, want) == 0) return;
        if (wait_clock_ms() > deadline_ms) fail_msg("INFO %s: still %s, waited for %s", field, text, want);
        wait_a_little();
    }
}

void wait_until_loaded(redisContext *c) { wait_info(c, "loading", "0"); }

void expect_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) fail_msg("\"%s\" is not in:\n%s", part, text);
}
