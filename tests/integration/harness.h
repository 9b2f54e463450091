/* SPDX-License-Identifier: MIT */
/*
 * The real binary under test: a server in a temporary folder, a hiredis client, and assertions on replies. The cmocka fixtures give each test a
 * fresh folder and leave no process behind, whatever happens.
 */
#ifndef INTEGRATION_HARNESS_H
#define INTEGRATION_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <hiredis.h>

#include "tests/support/process.h"
#include "tests/support/wire.h"

struct server {
    struct process process;
    int port;             /* 0: unix socket only */
    redisContext *client; /* NULL: not connected */
    char rdb[96];         /* dump.rdb in its folder */
};

/* Arguments of the server: ARGS("--save", "60 1"). */
#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_ARGS ((const char *const[]){NULL})

/* Fixtures: *state is a struct server with a folder; nothing runs yet. */
int server_setup(void **state);
int server_teardown(void **state);
#define SERVER_TEST(f) cmocka_unit_test_setup_teardown(f, server_setup, server_teardown)

/* Starts with --port 0, the unix socket, --save "" and then args; connects. Fails the test when it does not come up. */
void server_start(struct server *s, const char *const *args);
/* The same with exactly these arguments; does not connect. False: it ended. */
bool server_start_bare(struct server *s, const char *const *args, int *status);
/* Expects the start to be refused: exit status 1; returns the output (the caller frees it). */
char *server_start_refused(struct server *s, const char *const *args);
void server_kill(struct server *s); /* SIGKILL, as a crash */
int server_terminate(struct server *s,
                     int signo); /* the exit status, or -1 when it died of the signal or did not end */
int free_port(void);

redisContext *server_connect(struct server *s); /* another client */
redisContext *server_connect_tcp(const char *host, int port);
struct wire server_wire(struct server *s); /* a raw connection */
void server_path(const struct server *s, const char *name, char *out, size_t size);

/* Sends a command and checks its reply. */
void expect_status(redisContext *c, const char *want, const char *fmt, ...);
void expect_error(redisContext *c, const char *want_start, const char *fmt, ...);
void expect_bulk(redisContext *c, const char *want, const char *fmt, ...);
void expect_int(redisContext *c, long long want, const char *fmt, ...);
void expect_nil(redisContext *c, const char *fmt, ...);
long long ask_int(redisContext *c, const char *fmt, ...);
redisReply *ask(redisContext *c, const char *fmt, ...); /* never NULL */
/* A command that ends the connection instead of replying. */
void expect_closed(redisContext *c, const char *fmt, ...);

/* A field of INFO; fails the test when it is missing. */
void info_field(redisContext *c, const char *field, char *out, size_t size);
long long info_int(redisContext *c, const char *field);
void expect_info(redisContext *c, const char *field, const char *want);
/* Waits (bounded) until the field has the value. */
void wait_info(redisContext *c, const char *field, const char *want);
void wait_until_loaded(redisContext *c);
/* Fails the test unless text holds part. */
void expect_contains(const char *text, const char *part);

#endif
