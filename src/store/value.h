/* SPDX-License-Identifier: MIT */
/*
 * Values of all types behind one door: where they are held, how they are freed, copied and counted. A collection is either
 *   packed   a listpack or intset: inside the entry up to ENTRY_INLINE_PACKED_MAX bytes, in a blob behind the pointer above;
 *   object   a quicklist, hashtable or ranked tree behind the pointer.
 *
 * The type modules (list.h, set.h, hash.h, zset.h) change a value through a `struct value_ref`: the entry may move when its packed bytes
 * change size, and the ref always knows where it is.
 */
#ifndef STORE_VALUE_H
#define STORE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ds/pack.h"
#include "store/db.h"
#include "store/entry.h"

/* Thresholds of the packed encodings: redis.conf. One struct for the process, set by configuration (value_set_limits). */
struct value_limits {
    size_t hash_max_listpack_entries, hash_max_listpack_value;
    size_t set_max_intset_entries, set_max_listpack_entries, set_max_listpack_value;
    size_t zset_max_listpack_entries, zset_max_listpack_value;
    int list_max_listpack_size; /* negative: -1 4 KiB .. -5 64 KiB; positive: entries */
    int list_compress_depth;
};
const struct value_limits *value_limits(void);
void value_set_limits(const struct value_limits *limits);

/* A value in a database, or (db NULL) an entry that is being built: RDB decoder, STORE commands. */
struct value_ref {
    struct db *db;
    struct key key;
    struct entry *e; /* NULL: the key is absent */
};

/* For a ref whose key is absent: an empty collection in its smallest encoding, put into the database (without db: made). */
void value_create(struct value_ref *ref, enum value_type type);
/* Takes the key out of its database and frees the value, lazily when that takes long: a collection that became empty.
 * ref->e is NULL then. */
void value_drop(struct value_ref *ref);

/* An entry of its own with an empty collection in its smallest encoding; put it into a database with db_insert/db_put when it holds something. */
struct entry *value_new_empty(struct slice key, enum value_type type, int64_t expire_at_ms);
/* From bytes that are valid for the type (already validated): listpack or intset. */
struct entry *value_new_packed(struct slice key, enum value_type type, enum value_encoding encoding, struct slice bytes,
                               int64_t expire_at_ms);
/* Takes the object over (quicklist, hashtable, ztree). */
struct entry *value_new_object(struct slice key, enum value_type type, enum value_encoding encoding, void *object,
                               int64_t expire_at_ms);

/* The packed bytes of a value, as a pack whose owner is the ref. The pack is valid until the value changes otherwise. */
struct pack value_pack(struct value_ref *ref);
const uint8_t *value_packed(const struct entry *e); /* read only */
void *value_object(const struct entry *e);
/* Replaces packed bytes by an object (conversion to the large encoding); the packed bytes are gone then. */
void value_become_object(struct value_ref *ref, enum value_encoding encoding, void *object);

/* Replaces packed bytes by others, which do not point into the same value: an intset that becomes a listpack. */
void value_become_packed(struct value_ref *ref, enum value_encoding encoding, struct slice bytes);

/* Elements: list length, set and zset cardinality, hash fields. 1 for a string. */
size_t value_count(const struct entry *e);
/* A deep copy under another key. */
struct entry *value_copy(const struct entry *e, struct slice new_key, int64_t expire_at_ms);
/* What freeing costs, in allocations: over VALUE_LAZY_EFFORT it goes to the background. */
#define VALUE_LAZY_EFFORT 64
size_t value_free_effort(const struct entry *e);
/* For entry.c: frees an object, at once or in the background. */
void value_free_object(enum value_type type, void *object, bool lazily);
/* Bytes beyond the entry's own allocation; samples: elements looked at in large collections (0: all). */
size_t value_object_bytes(const struct entry *e, size_t samples);

#endif
