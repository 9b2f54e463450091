/* SPDX-License-Identifier: MIT */
/* The command families: each file gives its table rows, ended by one without a name. */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "server/command.h"

const struct command *string_commands(void);       /* string.c */
const struct command *list_commands(void);         /* list.c: LPUSH, LRANGE, BLPOP ... */
const struct command *bitmap_commands(void);       /* bitmap.c */
const struct command *hash_commands(void);         /* hash.c */
const struct command *hash_expire_commands(void);  /* hash_expire.c: HEXPIRE, HTTL ... */
const struct command *set_commands(void);          /* set.c, set_algebra.c */
const struct command *zset_commands(void);         /* zset.c: ZADD, ZREM, ZPOPMIN, ZSCAN ... */
const struct command *zset_range_commands(void);   /* zset_range.c: ZRANGE, ZCOUNT ... */
const struct command *zset_algebra_commands(void); /* zset_algebra.c: ZUNION, ZINTERSTORE ... */
const struct command *geo_commands(void);          /* geo.c: GEOADD, GEOSEARCH ... */
const struct command *keys_commands(void);         /* keys.c: DEL, SCAN, RENAME, COPY ... */
const struct command *expire_commands(void);       /* expire.c */
const struct command *object_commands(void);       /* object.c: OBJECT, MEMORY, DUMP, RESTORE */
const struct command *connection_commands(void);   /* connection.c: PING, AUTH, HELLO, SELECT ... */
const struct command *client_commands(void);       /* client.c: CLIENT */
const struct command *server_commands(void);       /* server.c: INFO, SAVE, SHUTDOWN, FLUSHALL ... */
const struct command *config_commands(void);       /* config.c: CONFIG */
const struct command *command_commands(void);      /* command.c: COMMAND */
const struct command *debug_commands(void);        /* debug.c: DEBUG */
const struct command *hyperloglog_commands(void);  /* hyperloglog.c: PFADD, PFCOUNT ... */
const struct command *sort_commands(void);         /* sort.c: SORT, SORT_RO */

/* Puts all of them into the command table; once, at start. */
void commands_register(void);

#endif
