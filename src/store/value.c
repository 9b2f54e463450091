/* SPDX-License-Identifier: MIT */
/*
 * The door to values of all types. Packed bytes are entry.c's; objects are freed, copied and measured by their type's module through the
 * hooks of object.h. What is asked of a value by its type is a flat switch here and nowhere else.
 */
#include "store/value.h"

#include "base/assert.h"
#include "base/worker.h"
#include "ds/intset.h"
#include "ds/listpack.h"
#include "store/hash.h"
#include "store/list.h"
#include "store/object.h"
#include "store/set.h"
#include "store/zset.h"

/* --- limits --- */

static struct value_limits limits_now = {
    .hash_max_listpack_entries = 512,
    .hash_max_listpack_value = 64,
    .set_max_intset_entries = 512,
    .set_max_listpack_entries = 128,
    .set_max_listpack_value = 64,
    .zset_max_listpack_entries = 128,
    .zset_max_listpack_value = 64,
    .list_max_listpack_size = -2,
    .list_compress_depth = 0,
};

const struct value_limits *value_limits(void) { return &limits_now; }

void value_set_limits(const struct value_limits *limits) { limits_now = *limits; }

/* --- making --- */

struct entry *value_new_packed(struct slice key, enum value_type type, enum value_encoding encoding, struct slice bytes,
                               int64_t expire_at_ms)
{
    return entry_new_packed(key, type, encoding, bytes, expire_at_ms);
}

struct entry *value_new_object(struct slice key, enum value_type type, enum value_encoding encoding, void *object,
                               int64_t expire_at_ms)
{
    return entry_new_object(key, type, encoding, object, expire_at_ms);
}

struct entry *value_new_empty(struct slice key, enum value_type type, int64_t expire_at_ms)
{
    uint8_t bytes[INTSET_EMPTY_BYTES > LISTPACK_EMPTY_BYTES ? INTSET_EMPTY_BYTES : LISTPACK_EMPTY_BYTES];
    if (type == VALUE_SET && value_limits()->set_max_intset_entries > 0) {
        intset_init(bytes);
        return entry_new_packed(key, type, ENCODING_INTSET, SLICE((char *)bytes, INTSET_EMPTY_BYTES), expire_at_ms);
    }
    listpack_init(bytes);
    return entry_new_packed(key, type, ENCODING_LISTPACK, SLICE((char *)bytes, LISTPACK_EMPTY_BYTES), expire_at_ms);
}

void value_create(struct value_ref *ref, enum value_type type)
{
    ASSERT(ref->e == NULL);
    ref->e = value_new_empty(ref->key.name, type, ENTRY_NO_EXPIRY);
    if (ref->db != NULL) db_insert(ref->db, ref->e, ref->key.hash);
}

void value_drop(struct value_ref *ref)
{
    struct entry *e = ref->e;
    ref->e = NULL;
    if (ref->db != NULL) {
        struct entry *taken = db_take(ref->db, &ref->key);
        ASSERT(taken == e);
    }
    entry_free_lazily(e);
}

/* --- packed bytes and objects --- */

static uint8_t *resize_packed(void *owner, size_t size)
{
    struct value_ref *ref = owner;
    uint8_t *bytes;
    if (ref->db != NULL)
        ref->e = db_resize_packed(ref->db, &ref->key, ref->e, size, &bytes);
    else
        ref->e = entry_resize_packed(ref->e, size, &bytes);
    return bytes;
}

struct pack value_pack(struct value_ref *ref)
{
    ASSERT(entry_is_packed(ref->e));
    /* The bytes of an entry are writable; entry_packed says const for those who only read. */
    return (struct pack){(uint8_t *)entry_packed(ref->e), resize_packed, ref};
}

const uint8_t *value_packed(const struct entry *e)
{
    ASSERT(entry_is_packed(e));
    return entry_packed(e);
}

void *value_object(const struct entry *e)
{
    ASSERT(e->has_pointer);
    return entry_pointer(e);
}

void value_become_object(struct value_ref *ref, enum value_encoding encoding, void *object)
{
    if (ref->db != NULL)
        ref->e = db_become_object(ref->db, &ref->key, ref->e, encoding, object);
    else
        ref->e = entry_become_object(ref->e, encoding, object);
}

void value_become_packed(struct value_ref *ref, enum value_encoding encoding, struct slice bytes)
{
    struct pack p = value_pack(ref);
    pack_resize(&p, bytes.len);
    memcpy(p.bytes, bytes.ptr, bytes.len);
    ref->e->encoding = encoding;
}

/* --- by type --- */

size_t value_count(const struct entry *e)
{
    switch (entry_type(e)) {
    case VALUE_STRING: return 1;
    case VALUE_LIST: return list_count(e);
    case VALUE_SET: return set_count(e);
    case VALUE_ZSET: return zset_count(e);
    case VALUE_HASH: return hash_count(e);
    case VALUE_STREAM: break;
    }
    UNREACHABLE();
}

static void *copy_object(enum value_type type, const void *object)
{
    switch (type) {
    case VALUE_LIST: return list_object_copy(object);
    case VALUE_SET: return set_object_copy(object);
    case VALUE_ZSET: return zset_object_copy(object);
    case VALUE_HASH: return hash_object_copy(object);
    case VALUE_STRING:
    case VALUE_STREAM: break;
    }
    UNREACHABLE();
}

static void free_object(enum value_type type, void *object)
{
    switch (type) {
    case VALUE_LIST: list_object_free(object); return;
    case VALUE_SET: set_object_free(object); return;
    case VALUE_ZSET: zset_object_free(object); return;
    case VALUE_HASH: hash_object_free(object); return;
    case VALUE_STRING:
    case VALUE_STREAM: break;
    }
    UNREACHABLE();
}

static size_t object_bytes(enum value_type type, const void *object, size_t samples)
{
    switch (type) {
    case VALUE_LIST: return list_object_bytes(object, samples);
    case VALUE_SET: return set_object_bytes(object, samples);
    case VALUE_ZSET: return zset_object_bytes(object, samples);
    case VALUE_HASH: return hash_object_bytes(object, samples);
    case VALUE_STRING:
    case VALUE_STREAM: break;
    }
    UNREACHABLE();
}

static bool has_object(const struct entry *e) { return entry_type(e) != VALUE_STRING && !entry_is_packed(e); }

struct entry *value_copy(const struct entry *e, struct slice new_key, int64_t expire_at_ms)
{
    if (!has_object(e)) return entry_copy(e, new_key, expire_at_ms);
    void *object = copy_object(entry_type(e), value_object(e));
    return entry_new_object(new_key, entry_type(e), entry_encoding(e), object, expire_at_ms);
}

size_t value_free_effort(const struct entry *e) { return has_object(e) ? value_count(e) : 1; }

size_t value_object_bytes(const struct entry *e, size_t samples)
{
    if (has_object(e)) return object_bytes(entry_type(e), value_object(e), samples);
    return e->has_pointer ? blob_alloc_bytes(value_object(e)) : 0;
}

/* --- freeing in the background --- */

static void free_list_job(void *object) { free_object(VALUE_LIST, object); }
static void free_set_job(void *object) { free_object(VALUE_SET, object); }
static void free_zset_job(void *object) { free_object(VALUE_ZSET, object); }
static void free_hash_job(void *object) { free_object(VALUE_HASH, object); }

static worker_fn *free_job_of(enum value_type type)
{
    switch (type) {
    case VALUE_LIST: return free_list_job;
    case VALUE_SET: return free_set_job;
    case VALUE_ZSET: return free_zset_job;
    case VALUE_HASH: return free_hash_job;
    case VALUE_STRING:
    case VALUE_STREAM: break;
    }
    UNREACHABLE();
}

void value_free_object(enum value_type type, void *object, bool lazily)
{
    if (lazily)
        worker_submit(free_job_of(type), object);
    else
        free_object(type, object);
}
