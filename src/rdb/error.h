/* SPDX-License-Identifier: MIT */
/*
 * What went wrong with a snapshot: one line for the log, and its parts.
 *
 * Two offsets are told. `offset` is the first byte of the damaged item itself: the length, string, number or opcode
 * that does not hold; it is the one in the text. `record_offset` is where the record begins that the item belongs to
 * (its expiry, IDLE or FREQ opcode, else its type byte): everything before it was read and is whole.
 */
#ifndef RDB_ERROR_H
#define RDB_ERROR_H

#include <stdint.h>

#include "base/slice.h"

struct rdb_error {
    char text[768];   /* whole: "dump.rdb: offset 1234: database 0, key "user:1": LZF data does not decode ..." */
    char reason[256]; /* the last part alone */
    uint64_t offset;  /* of the damaged item in the file; 0 when it does not apply */
    uint64_t record_offset;
    int db;        /* -1 unknown */
    int sys_errno; /* of a failed system call, else 0 */
};

/* Where in a file it went wrong. */
struct rdb_error_place {
    const char *file;
    uint64_t offset, record_offset;
    int db;                  /* -1: not in a database yet */
    const struct slice *key; /* NULL: no key was read; shown quoted, cut after 64 bytes */
    int sys_errno;
};

/* Fills in `error` (NULL is fine): the line is put together from the place and the reason. */
void rdb_error_at(struct rdb_error *error, const struct rdb_error_place *place, const char *reason);
/* A failed system call: "<what> failed: <errno in words>". */
void rdb_error_system(struct rdb_error *error, int sys_errno, const char *what_fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
