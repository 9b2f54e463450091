/* SPDX-License-Identifier: MIT */
/*
 * The server as commands see it: opaque, with narrow accessors. Its body is in server/state.h, private to this folder.
 */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rng.h"
#include "server/config.h"
#include "server/stats.h"
#include "store/db.h"

#define KEEPSAKE_VERSION "0.1.0"
#define REDIS_COMPAT_VERSION "7.2.4"

struct server;

/* --- the program's life: main.c --- */
struct server *server_new(void);                          /* with the default configuration */
struct config *server_config_for_start(struct server *s); /* to be filled before server_start */
/* Becomes the process that the configuration asks for, listens, loads the snapshot. False: the reason is logged. */
bool server_start(struct server *s);
void server_run(struct server *s); /* until SHUTDOWN or a signal */
/* Takes the argument area over for the title that ps shows; copies what it needs. */
void process_init_title(int argc, char **argv);

/* --- for commands --- */
struct keyspace *server_keyspace(struct server *s);
const struct config *server_config(const struct server *s);
struct server_stats *server_stats(struct server *s);
const struct persistence_stats *server_persistence(const struct server *s);
struct rng *server_rng(struct server *s);
uint64_t server_dirty(const struct server *s);
int64_t server_start_s(const struct server *s); /* wall clock, seconds */
bool server_is_loading(const struct server *s);

/* INFO: the text of one section ("server", "memory"), of a group ("default", "all", "everything"), or of several. Unknown names add nothing. */
void info_render(struct server *s, const struct slice *sections, unsigned count, struct buf *out);

/* CONFIG SET and RESETSTAT. error as in config_set. */
bool server_config_set(struct server *s, const struct config_change *changes, size_t count, bool allow_protected,
                       char *error, size_t error_size);
void server_reset_stats(struct server *s);

/* SHUTDOWN. Returns only when it was refused: false with the error reply's text, or true when it will happen later (waits). */
enum shutdown_flags {
    SHUTDOWN_DEFAULT = 0,
    SHUTDOWN_SAVE = 1,
    SHUTDOWN_NOSAVE = 2,
    SHUTDOWN_NOW = 4,
    SHUTDOWN_FORCE = 8
};
bool server_shutdown(struct server *s, unsigned flags, char *error, size_t error_size);
bool server_shutdown_abort(struct server *s); /* false: none is under way */

void server_set_active_expire(struct server *s, bool on); /* DEBUG SET-ACTIVE-EXPIRE */

#endif
