/* SPDX-License-Identifier: MIT */
/*
 * Values of sets, hashes, sorted sets and lists out of the decoder, in all forms of the format's versions: what rdb_get_value does for these
 * types. Twin of encode_collections.h.
 */
#ifndef RDB_DECODE_COLLECTIONS_H
#define RDB_DECODE_COLLECTIONS_H

#include "rdb/decode.h"

bool rdb_is_collection(uint8_t type); /* a value type that is read here */
/* As rdb_get_value. An empty collection, duplicates, disorder, scores that are no numbers are refused. */
bool rdb_get_collection(struct rdb_decoder *d, uint8_t type, struct slice key, int64_t expire_at_ms,
                        struct entry **out);

/* --- for decode_list.c and decode_collections.c --- */
struct rdb_gather *rdb_decoder_gather(struct rdb_decoder *d); /* cleared */
/* The number of elements, none of which can take less than min_bytes of what is left. Zero is refused. */
bool rdb_get_count(struct rdb_decoder *d, uint8_t type, unsigned min_bytes, uint64_t *count);
bool rdb_fail_value(struct rdb_decoder *d, uint8_t type, const char *reason);
bool rdb_get_list(struct rdb_decoder *d, uint8_t type, struct slice key, int64_t expire_at_ms, struct entry **out);

#endif
