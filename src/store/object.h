/* SPDX-License-Identifier: MIT */
/*
 * What value.c needs of each type's large encoding, which it only knows as a pointer. Each type's module implements its own; nobody
 * else calls these.
 *
 *   free   everything the object owns, and itself; may run in the background thread, so it touches nothing shared
 *   copy   a deep copy
 *   bytes  what it occupies, itself included; element sizes are those of `samples` elements, scaled up (0: all are looked at)
 *
 * Elements are counted by list_count, set_count, hash_count and zset_count.
 */
#ifndef STORE_OBJECT_H
#define STORE_OBJECT_H

#include <stddef.h>

/* ENCODING_QUICKLIST: a quicklist */
void list_object_free(void *object);
void *list_object_copy(const void *object);
size_t list_object_bytes(const void *object, size_t samples);

/* ENCODING_HASHTABLE of a set: a hashtable of members */
void set_object_free(void *object);
void *set_object_copy(const void *object);
size_t set_object_bytes(const void *object, size_t samples);

/* ENCODING_HASHTABLE of a hash: a hashtable of fields with their values */
void hash_object_free(void *object);
void *hash_object_copy(const void *object);
size_t hash_object_bytes(const void *object, size_t samples);

/* ENCODING_SKIPLIST: members and the ranked tree over them */
void zset_object_free(void *object);
void *zset_object_copy(const void *object);
size_t zset_object_bytes(const void *object, size_t samples);

#endif
