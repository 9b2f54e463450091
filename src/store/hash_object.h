/* SPDX-License-Identifier: MIT */
/*
 * The large form of a hash: a hashtable whose entries hold field and value (and the way to an expiry) in one allocation, and a heap of the
 * expiries. It knows no databases; hash.h is the door for everybody else, the four hooks below for value.c.
 */
#ifndef STORE_HASH_OBJECT_H
#define STORE_HASH_OBJECT_H

#include "store/hash.h"

struct hash_object;

/* --- what a value of any type has to be able to do --- */
void hash_object_free(void *object);
void *hash_object_copy(const void *object);
size_t hash_object_count(const void *object);
/* Bytes of everything; with samples > 0 estimated from so many fields. */
size_t hash_object_bytes(const void *object, size_t samples);

/* --- for hash.c --- */
struct hash_object *hash_object_new(size_t expected); /* room for so many fields */
void hash_object_set_resize_allowed(struct hash_object *o, bool allowed);
/* The pair points into the object until it changes. */
bool hash_object_get(const struct hash_object *o, struct slice field, struct hash_pair *out);
/* Sets the value. True: the field is new. The expiry that it had stays, or goes. */
bool hash_object_set(struct hash_object *o, struct slice field, struct slice value, bool keep_expiry);
bool hash_object_remove(struct hash_object *o, struct slice field);
/* False: no such field. HASH_NO_EXPIRY takes it away. */
bool hash_object_set_expiry(struct hash_object *o, struct slice field, int64_t expire_at_ms);
int64_t hash_object_min_expiry(const struct hash_object *o); /* HASH_NO_EXPIRY: none */
size_t hash_object_expired_count(const struct hash_object *o, int64_t now_ms);
/* Removes the field that expires first. */
void hash_object_remove_next(struct hash_object *o);

const struct hashtable *hash_object_table(const struct hash_object *o); /* of entries that read as pairs: */
void hash_object_pair_of(const struct hash_object *o, const void *table_entry, struct hash_pair *out);
bool hash_object_is_valid(const struct hash_object *o);

#endif
