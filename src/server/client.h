/* SPDX-License-Identifier: MIT */
/*
 * Clients: a connection with its protocol state. Made by the listeners, freed by the loop's before-wait phase after client_close_later.
 *
 *   READING --bytes--> (parse, execute) --replies--> WRITING --drained--> READING
 *        \--- EOF, error, limit, QUIT, KILL ---> CLOSING (close after reply, or at once) --> freed before the next wait
 */
#ifndef SERVER_CLIENT_H
#define SERVER_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/loop.h"
#include "net/socket.h"
#include "resp/parser.h"
#include "resp/reply.h"
#include "server/config.h"

struct server;
struct command;
struct blocked;
struct request;

enum client_reply_mode { CLIENT_REPLY_ON, CLIENT_REPLY_OFF, CLIENT_REPLY_SKIP_NEXT, CLIENT_REPLY_SKIPPING };

struct client {
    struct loop_handle handle; /* first: the loop gives it back */
    struct server *server;
    int fd;
    struct db *db;
    struct resp_parser parser;
    struct reply reply;
    char *kept; /* bytes of a partial command; NULL when none */
    size_t kept_len, kept_cap;
    const struct command *last_command;
    uint64_t id;
    struct client *next, *prev;        /* all clients, by age */
    struct client *next_pending_write; /* has replies to send before the wait */
    struct client *next_closing;
    bool is_authenticated, is_unix, is_writing /* waits for LOOP_WRITE */, is_pending_write, is_closing,
        close_after_reply;
    bool is_blocked;  /* waits for keys: executes nothing, what it sends is kept */
    bool is_resuming; /* in the list of those that go on */
    bool no_evict, no_touch, is_local;
    uint8_t reply_mode;                 /* enum client_reply_mode */
    int64_t created_us, last_active_us; /* monotonic */
    int64_t soft_limit_since_us;        /* 0: under the soft limit */
    uint64_t commands, bytes_in, bytes_out;
    struct blocked *blocked;              /* blocking.c; also while its request is executed again */
    struct request *queued, *queued_last; /* parsed behind the request that blocks */
    struct client *next_resuming;
    char *name, *lib_name, *lib_version; /* NULL: not set */
    char peer[SOCKET_NAME_BYTES], local[SOCKET_NAME_BYTES];
};

/* Closes once the replies so far are sent; reads nothing more. */
void client_close_after_reply(struct client *c);
/* Closes without sending; freed before the next wait, so that pointers of this turn stay valid. */
void client_close_later(struct client *c);
struct client *client_find(struct server *s, uint64_t id); /* NULL */
struct client *clients_first(struct server *s);
unsigned clients_count(const struct server *s);
/* One line as CLIENT LIST and INFO show it, without a newline. */
void client_describe(const struct client *c, struct buf *out);
enum client_class client_class(const struct client *c);
int64_t client_age_s(const struct client *c);
/* Frees everything at shutdown. */
void clients_close_all(struct server *s);

#endif
