/* SPDX-License-Identifier: MIT */
/*
 * One value as the payload of DUMP and RESTORE:
 *
 *   OFFSET   SIZE  MEANING
 *   0        1     value type
 *   1        ...   value
 *   size-10  2     RDB version, little-endian; written: RDB_DUMP_VERSION, or what the value needs; read: up to
 *                  RDB_VERSION_MAX
 *   size-8   8     CRC-64/Jones of all before, little-endian; never left out
 */
#ifndef RDB_DUMP_H
#define RDB_DUMP_H

#include <stdbool.h>

#include "base/buf.h"
#include "rdb/error.h"
#include "store/entry.h"

/* Appends the payload. `compress`: LZF where it pays (rdbcompression). */
void rdb_dump(const struct entry *e, bool compress, struct buf *out);

enum rdb_restore_status { RDB_RESTORE_OK, RDB_RESTORE_BAD_VERSION_OR_CHECKSUM, RDB_RESTORE_BAD_FORMAT };
/* A new entry for `key` (the caller's) from a payload. Trusts nothing. `error` may be NULL; its file is "DUMP
 * payload". */
enum rdb_restore_status rdb_restore(struct slice payload, struct slice key, int64_t expire_at_ms, struct entry **out,
                                    struct rdb_error *error);

#endif
