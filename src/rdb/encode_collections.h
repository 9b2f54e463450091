/* SPDX-License-Identifier: MIT */
/*
 * Values of sets, hashes, sorted sets and lists into the encoder, in the form of its target version: what rdb_put_value does for these types.
 * Twin of decode_collections.h.
 */
#ifndef RDB_ENCODE_COLLECTIONS_H
#define RDB_ENCODE_COLLECTIONS_H

#include "rdb/encode.h"

uint8_t rdb_collection_type(const struct entry *entry, int version); /* rdb_type_of */
/* `version` is at least rdb_version_needed(entry). */
void rdb_put_collection(struct rdb_encoder *e, const struct entry *entry);

#endif
