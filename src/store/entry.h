/* SPDX-License-Identifier: MIT */
/*
 * Entry: a key, its expiry and its value, in one allocation when the value is small. The layout is drawn
 * down to the bit in entry.c. Entries are made, changed and freed only by store/; everybody else reads them.
 */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/slice.h"

struct entry;

/* Values as they stand in 4 bits of the header. Later types join here. */
enum value_type { VALUE_STRING, VALUE_LIST, VALUE_SET, VALUE_ZSET, VALUE_HASH, VALUE_STREAM };

/* How a value is held. INT: 8 bytes in place. EMBSTR: in place, never changed since it was set. RAW: in place or,
 * when large, a blob behind a pointer. */
enum value_encoding {
    ENCODING_INT,
    ENCODING_EMBSTR,
    ENCODING_RAW,
    /* collections: see value.h */
    ENCODING_LISTPACK,
    ENCODING_INTSET,
    ENCODING_QUICKLIST,
    ENCODING_HASHTABLE,
    ENCODING_SKIPLIST,
    ENCODING_LISTPACK_EX, /* a hash whose fields may expire: a listpack of field, value, expiry */
};

#define ENTRY_NO_EXPIRY (-1)
/* Values up to this many bytes live inside the entry. */
#define ENTRY_INLINE_VALUE_MAX 192
/* OBJECT ENCODING says embstr up to here, raw above, as Redis does. */
#define ENTRY_EMBSTR_MAX 44
/* Packed collections (listpack, intset) up to this many bytes live inside the entry. */
#define ENTRY_INLINE_PACKED_MAX 1024

static inline struct slice entry_key(const struct entry *e);
static inline enum value_type entry_type(const struct entry *e);
static inline enum value_encoding entry_encoding(const struct entry *e);
static inline int64_t entry_expire_at_ms(const struct entry *e); /* ENTRY_NO_EXPIRY: none */
static inline bool entry_is_expired(const struct entry *e, int64_t now_ms);

/* Names for OBJECT ENCODING and TYPE. */
const char *entry_encoding_name(const struct entry *e);
const char *value_type_name(enum value_type type); /* "string", "list", ... */

/* The value of a string. An integer is formatted into `scratch` (at least NUM_INT64_CHARS bytes). */
struct slice entry_string(const struct entry *e, char *scratch);
/* True and the number when the value is held as an integer. */
static inline bool entry_int(const struct entry *e, int64_t *out);
/* Length of a string value in bytes, without formatting. */
size_t entry_string_len(const struct entry *e);

/* Bytes the entry occupies with everything it owns; large collections are walked. */
size_t entry_memory(const struct entry *e);
/* The entry's own allocation alone. */
size_t entry_own_bytes(const struct entry *e);
/* True when the invariants of entry.c hold; for tests. */
bool entry_is_valid(const struct entry *e);

/* --- access clock: 24 bits, LRU seconds, or LFU minutes (16) and counter (8) --- */
static inline uint32_t entry_clock(const struct entry *e);
static inline void entry_set_clock(struct entry *e, uint32_t clock24);

/* --- making and freeing: for store/ and the RDB decoder --- */

/* A string entry that picks the smallest form for `value`: integer, in place, or a blob. */
struct entry *entry_new_string(struct slice key, struct slice value, int64_t expire_at_ms);
/* The same with a blob that becomes the value (taken over), or is copied when it is small. */
struct entry *entry_new_string_blob(struct slice key, struct blob *value, int64_t expire_at_ms);
struct entry *entry_new_int(struct slice key, int64_t value, int64_t expire_at_ms);
/* As entry_new_string, but never as an integer, whatever the text: INCRBYFLOAT. */
struct entry *entry_new_text(struct slice key, struct slice value, int64_t expire_at_ms);
/* As entry_new_string, never an integer and always encoded RAW: values that were changed in place. */
struct entry *entry_new_raw(struct slice key, struct slice value, int64_t expire_at_ms);
/* A copy of a string or a packed collection under another key, with the access clock 0; value_copy copies everything. */
struct entry *entry_copy(const struct entry *e, struct slice new_key, int64_t expire_at_ms);
/* The entry under another key: takes `e` over, its value moves without a copy when it is large. */
struct entry *entry_rekey(struct entry *e, struct slice new_key);
/* A packed collection: in place up to ENTRY_INLINE_PACKED_MAX bytes, a blob above. */
struct entry *entry_new_packed(struct slice key, enum value_type type, enum value_encoding encoding, struct slice bytes,
                               int64_t expire_at_ms);
/* A collection behind the pointer; takes the object over. */
struct entry *entry_new_object(struct slice key, enum value_type type, enum value_encoding encoding, void *object,
                               int64_t expire_at_ms);
void entry_free(void *e);
/* As entry_free, but a value that takes long to free goes to the background. */
void entry_free_lazily(struct entry *e);
/* True when freeing it takes longer than a command should: a large blob, a collection of many allocations. */
bool entry_is_slow_to_free(const struct entry *e);

/* --- changing a value: each may move the entry and returns where it is now; the caller (db.c) puts that into its
 * tables. A new value never points into the entry itself. A new entry has the access clock 0, a changed one keeps it.
 * --- */

/* A new string value and expiry. Stays in place, without the allocator, when the size class is the same. */
struct entry *entry_set_string(struct entry *e, struct slice value, int64_t expire_at_ms);
struct entry *entry_set_string_blob(struct entry *e, struct blob *value, int64_t expire_at_ms); /* takes value */
struct entry *entry_set_int(struct entry *e, int64_t value);
struct entry *entry_set_expiry(struct entry *e, int64_t expire_at_ms); /* ENTRY_NO_EXPIRY takes it away */
/* Turns the value into RAW bytes of length `len`: kept as far as they go, zero filled beyond. With growth in mind
 * (capacity is doubled up to 1 MiB more) when it has to grow as a blob. `*bytes` gets the place to write. */
struct entry *entry_make_writable(struct entry *e, size_t len, char **bytes);
/* A packed collection of `size` bytes: kept as far as they go, the rest is the caller's to write, at *bytes. */
struct entry *entry_resize_packed(struct entry *e, size_t size, uint8_t **bytes);
/* A packed collection becomes an object of the same type; its bytes are gone. Takes the object over. */
struct entry *entry_become_object(struct entry *e, enum value_encoding encoding, void *object);

/* The bytes of a packed collection. */
static inline const uint8_t *entry_packed(const struct entry *e);
/* What stands behind the pointer, of a value that has one: a blob or an object. */
static inline void *entry_pointer(const struct entry *e);
static inline bool entry_is_packed(const struct entry *e);

/* --- private part: only for inlining --- */

struct entry {
    uint64_t type : 4;
    uint64_t encoding : 4;
    uint64_t has_expiry : 1;
    uint64_t has_long_key : 1; /* key_len is 0 and 8 bytes of length stand before the key */
    uint64_t has_pointer : 1;  /* the value is behind a pointer that stands before the key */
    uint64_t spare : 1;
    uint64_t clock : 24;
    uint64_t key_len : 12;
    uint64_t value_len : 16; /* of a value in place */
    /* then, each only when its flag is set: int64_t expiry; void *pointer; uint64_t long key length;
     * then the key bytes, then the value bytes in place */
    char body[];
};
_Static_assert(sizeof(struct entry) == 8, "the header is one word");

static inline size_t entry_prefix_bytes(const struct entry *e)
{
    return 8u * ((unsigned)e->has_expiry + e->has_pointer + e->has_long_key);
}

static inline struct slice entry_key(const struct entry *e)
{
    size_t off = entry_prefix_bytes(e);
    size_t len = e->key_len;
    if (__builtin_expect(e->has_long_key, 0)) memcpy(&len, e->body + off - 8, 8);
    return SLICE(e->body + off, len);
}

static inline enum value_type entry_type(const struct entry *e) { return (enum value_type)e->type; }
static inline enum value_encoding entry_encoding(const struct entry *e) { return (enum value_encoding)e->encoding; }

static inline int64_t entry_expire_at_ms(const struct entry *e)
{
    if (!e->has_expiry) return ENTRY_NO_EXPIRY;
    int64_t ms;
    memcpy(&ms, e->body, 8);
    return ms;
}

static inline bool entry_is_expired(const struct entry *e, int64_t now_ms)
{
    return e->has_expiry && entry_expire_at_ms(e) < now_ms;
}

static inline bool entry_int(const struct entry *e, int64_t *out)
{
    if (e->type != VALUE_STRING || e->encoding != ENCODING_INT) return false;
    struct slice key = entry_key(e);
    memcpy(out, key.ptr + key.len, 8);
    return true;
}

static inline void *entry_pointer(const struct entry *e)
{
    void *p;
    memcpy(&p, e->body + 8u * (unsigned)e->has_expiry, sizeof(p));
    return p;
}

static inline bool entry_is_packed(const struct entry *e)
{
    return e->encoding == ENCODING_LISTPACK || e->encoding == ENCODING_INTSET || e->encoding == ENCODING_LISTPACK_EX;
}

static inline const uint8_t *entry_packed(const struct entry *e)
{
    if (e->has_pointer) return (const uint8_t *)((const struct blob *)entry_pointer(e))->data;
    struct slice key = entry_key(e);
    return (const uint8_t *)key.ptr + key.len;
}

static inline uint32_t entry_clock(const struct entry *e) { return (uint32_t)e->clock; }
static inline void entry_set_clock(struct entry *e, uint32_t clock24) { e->clock = clock24 & 0xffffff; }

#endif
