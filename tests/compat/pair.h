/* SPDX-License-Identifier: MIT */
/* The two servers, a connection to each, and the bookkeeping of what was found different. */
#ifndef COMPAT_PAIR_H
#define COMPAT_PAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/compat/compare.h"
#include "tests/support/process.h"
#include "tests/support/wire.h"

/* Differences shown for one test; more than that say nothing new. */
#define DIFFERENCES_SHOWN 8

struct side {
    const char *name;
    struct process process;
    struct wire wire;
};

struct pair {
    struct side judge, ours;
    /* of the test that is running */
    const char *test;
    unsigned differences;
    /* of all */
    unsigned passed, failed;
};

void pair_start(struct pair *p);
void pair_stop(struct pair *p);

/* A test begins: empty databases, new connections, that protocol. */
void pair_begin(struct pair *p, const char *test, int resp);
void pair_end(struct pair *p);
/* Something is wrong with the test that is running. */
void pair_fail(struct pair *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool pair_is_hopeless(const struct pair *p); /* enough differences: stop this test */

void pair_connect(struct pair *p, int resp);
/* Sends the request to both and waits for so many replies of each. False: recorded as a failure. */
bool pair_exchange(struct pair *p, const char *request, size_t len, size_t replies);
/* Compares two replies; records and shows a difference. */
void pair_compare(struct pair *p, struct compare how, const char *where, const char *command, size_t command_len,
                  const char *judge, size_t judge_len, const char *ours, size_t ours_len);
/* One inline command to both, compared. */
void pair_same(struct pair *p, const char *line, struct compare how);
/* DEBUG DIGEST, and the keys and DUMP payloads of every database. */
void pair_compare_data(struct pair *p);

/* Starts a server on what p->dir holds: --port 0, the unix socket, no save rules. False: it did not come up. */
bool side_start(struct side *s, const char *program);

void streams_run(struct pair *p, const char *only);
void random_run(struct pair *p, const char *only, unsigned long seed, unsigned long count);
void protocol_run(struct pair *p);
void crossload_run(struct pair *p, unsigned long seed);

#endif
