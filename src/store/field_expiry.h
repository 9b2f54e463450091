/* SPDX-License-Identifier: MIT */
/*
 * Which hashes of a database have fields that expire, and which of them is due next. The index holds key names and times, no entries:
 * an entry that moves does not concern it. It exists once a database has had such a hash.
 *
 * Who tells it: hash.c when the next expiry of a hash changes, db.c when an entry comes in or goes as a whole.
 */
#ifndef STORE_FIELD_EXPIRY_H
#define STORE_FIELD_EXPIRY_H

#include "store/db.h"

struct field_expiry;

void field_expiry_free(struct field_expiry *index); /* NULL is fine */
size_t field_expiry_bytes(const struct field_expiry *index);
/* When the next field of the hash expires; -1: none does (any more), or the key is gone. */
void field_expiry_set(struct db *db, const struct key *key, int64_t next_ms);
/* The time that stands in the index, -1: none. For tests. */
int64_t field_expiry_get(const struct db *db, const struct key *key);

/* An entry came into the tables, or is about to leave them. Any type: both are one comparison for what is no hash in question. */
void field_expiry_note_slow(struct db *db, const struct entry *e, uint64_t hash, bool is_there);
static inline void field_expiry_note(struct db *db, const struct entry *e, uint64_t hash, bool is_there)
{
    bool concerns = entry_type(e) == VALUE_HASH && entry_encoding(e) != ENCODING_LISTPACK;
    if (__builtin_expect(concerns, 0)) field_expiry_note_slow(db, e, hash, is_there);
}

#endif
