/* SPDX-License-Identifier: MIT */
/*
 * Blocked clients: a handler that finds nothing to take waits for its keys. When one of them holds a value of the wanted type, the whole
 * request is executed again, as if it had just come (the handler replies, or blocks again); clients of one key are served in the order in
 * which they blocked. A blocked client executes nothing else; what it sends meanwhile stays in its buffer.
 *
 *   executing --blocking_wait--> BLOCKED --key ready, request executed again--> executing
 *                                   |----- time-out: the reply of `on_timeout`
 *                                   |----- CLIENT UNBLOCK: the same, or -UNBLOCKED
 *                                   `----- disconnect: nothing is left behind
 */
#ifndef SERVER_BLOCKING_H
#define SERVER_BLOCKING_H

#include "server/command.h"

enum blocking_timeout_reply { BLOCKING_REPLY_NULL_ARRAY, BLOCKING_REPLY_NULL };

/* Parses a time-out in seconds (fractions allowed, 0: for ever) into ms; replies Redis's error and returns false. */
bool blocking_timeout_arg(struct call *c, unsigned i, int64_t *timeout_ms);
/* Blocks the client of the call on the keys at arguments first .. first + count - 1. The handler returns at once afterwards, without a reply. */
void blocking_wait(struct call *c, unsigned first, unsigned count, enum value_type type, int64_t timeout_ms,
                   enum blocking_timeout_reply on_timeout);
/* True while a request of a blocked client is being executed again. */
bool blocking_is_retry(const struct call *c);
/* The contents of a database came from elsewhere (SWAPDB): every key that is waited for there is looked at again. */
void blocking_database_changed(struct server *s, struct db *db);
/* CLIENT UNBLOCK: as if the time were over, or with an error. False: the client is not blocked. */
bool blocking_unblock(struct client *client, bool with_error);

#endif
