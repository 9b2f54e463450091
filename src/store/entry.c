/* SPDX-License-Identifier: MIT */
/*
 * An entry is one allocation:
 *
 *   0        8             16            24            32
 *   +--------+-------------+-------------+-------------+-----------+----------------+
 *   | header | expiry, ms  | pointer to  | long key    | key bytes | value bytes    |
 *   |        | (optional)  | a value     | length      |           | (when in place)|
 *   +--------+-------------+-------------+-------------+-----------+----------------+
 *                           (optional)    (optional)
 *
 *   header, low bits first:
 *   type 4 | encoding 4 | has_expiry 1 | has_long_key 1 | has_pointer 1 | spare 1 | clock 24 |
 *   key_len 12 | value_len 16
 *
 * What is absent takes no room: what follows moves up. The value is one of
 *
 *   ENCODING_INT      in place, an int64_t; value_len is 8
 *   ENCODING_EMBSTR   in place, value_len bytes, as they were set
 *   ENCODING_RAW      in place and changed since it was set, or a blob behind the pointer; value_len is 0 then
 *   ENCODING_LISTPACK, ENCODING_INTSET, ENCODING_LISTPACK_EX
 *                     in place up to ENTRY_INLINE_PACKED_MAX bytes, or a blob behind the pointer
 *   ENCODING_QUICKLIST, ENCODING_HASHTABLE, ENCODING_SKIPLIST
 *                     an object behind the pointer, which only its type's module looks into
 *
 * The size of the allocation is not stored: it is the size class of what the header implies, and always asked for
 * as the whole class. So a value may change within its class without the allocator, and freeing passes the right size.
 *
 * Invariants:
 *   1. has_long_key: key_len is 0 and the long length is over KEY_LEN_MAX.
 *   2. has_pointer: value_len is 0, and the encoding of a string is RAW. An object always has one.
 *   3. A string in place is at most ENTRY_INLINE_VALUE_MAX bytes; an EMBSTR is never the canonical text of an integer,
 *      unless it was made by entry_new_text.
 */
#include "store/entry.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/worker.h"
#include "store/value.h"

#define KEY_LEN_MAX 4095u
#define INT_BYTES 8u
/* Freeing more than this is felt by the command that does it. */
#define SLOW_TO_FREE_BYTES ((size_t)1 << 20)
#define GROWTH_MAX_BYTES ((size_t)1 << 20)
/* A packed blob comes back into the entry only when it is well below the limit, so that it does not go to and fro. */
#define PACKED_BACK_BYTES (ENTRY_INLINE_PACKED_MAX / 4 * 3)

_Static_assert(sizeof(void *) == 8, "prefix words are 8 bytes each");
_Static_assert(offsetof(struct entry, body) == 8, "the header is one word");
_Static_assert(ENTRY_INLINE_VALUE_MAX <= UINT16_MAX && ENTRY_INLINE_PACKED_MAX <= UINT16_MAX, "value_len has 16 bits");

/* --- layout --- */

/* The allocator's class for so many bytes: multiples of 16 up to 128, then four to each doubling. */
static inline size_t class_of(size_t bytes)
{
    if (bytes <= 128) return (bytes + 15) & ~(size_t)15;
    size_t step = (size_t)1 << (61 - __builtin_clzl(bytes - 1));
    return (bytes + step - 1) & ~(step - 1);
}

static inline size_t key_bytes(const struct entry *e)
{
    return __builtin_expect(e->has_long_key, 0) ? entry_key(e).len : e->key_len;
}

static inline size_t class_of_entry(const struct entry *e)
{
    return class_of(sizeof(*e) + entry_prefix_bytes(e) + key_bytes(e) + e->value_len);
}

static inline char *value_place(struct entry *e) { return e->body + entry_prefix_bytes(e) + key_bytes(e); }

static inline char *pointer_place(struct entry *e) { return e->body + 8u * (unsigned)e->has_expiry; }

static inline void put_pointer(struct entry *e, const void *p) { memcpy(pointer_place(e), &p, sizeof(p)); }

static inline void put_expiry(struct entry *e, int64_t expire_at_ms)
{
    if (e->has_expiry) memcpy(e->body, &expire_at_ms, sizeof(expire_at_ms));
}

static inline struct blob *get_blob(const struct entry *e) { return e->has_pointer ? entry_pointer(e) : NULL; }

static inline struct slice place_slice(const struct entry *e)
{
    struct slice key = entry_key(e);
    return SLICE(key.ptr + key.len, e->value_len);
}

/* What a value needs of the entry around it. */
struct form {
    enum value_encoding encoding;
    bool has_expiry;
    bool has_pointer;
    size_t place_bytes; /* of the value in place */
};

static inline size_t class_of_form(size_t key_len, const struct form *f)
{
    unsigned words = (unsigned)f->has_expiry + f->has_pointer + (key_len > KEY_LEN_MAX);
    return class_of(sizeof(struct entry) + 8u * words + key_len + f->place_bytes);
}

/* Key in place; expiry, pointer and value are the caller's to write. */
static struct entry *make(struct slice key, enum value_type type, const struct form *f)
{
    struct entry *e = mem_alloc(class_of_form(key.len, f));
    bool is_long = key.len > KEY_LEN_MAX;
    e->type = type;
    e->encoding = f->encoding;
    e->has_expiry = f->has_expiry;
    e->has_long_key = is_long;
    e->has_pointer = f->has_pointer;
    e->spare = 0;
    e->clock = 0;
    e->key_len = is_long ? 0 : key.len & KEY_LEN_MAX;
    e->value_len = f->place_bytes & UINT16_MAX;
    char *to = e->body + entry_prefix_bytes(e);
    if (is_long) memcpy(to - 8, &key.len, 8);
    if (key.len > 0) memcpy(to, key.ptr, key.len);
    return e;
}

static inline void set_form(struct entry *e, const struct form *f)
{
    e->encoding = f->encoding;
    e->has_expiry = f->has_expiry;
    e->has_pointer = f->has_pointer;
    e->value_len = f->place_bytes & UINT16_MAX;
}

/* Gives the entry another form. The key stays, and so do the first `keep` bytes of a value in place; expiry,
 * pointer and the rest of the value are the caller's to write, and the old pointer is his already. */
static struct entry *reshape(struct entry *e, const struct form *f, size_t keep)
{
    struct slice key = entry_key(e);
    size_t old_class = class_of_entry(e), new_class = class_of_form(key.len, f);
    if (old_class == new_class) {
        bool stays = e->has_expiry == f->has_expiry && e->has_pointer == f->has_pointer;
        set_form(e, f);
        if (stays) return e;
        char *to = e->body + entry_prefix_bytes(e);
        memmove(to, key.ptr, key.len + keep);
        if (e->has_long_key) memcpy(to - 8, &key.len, 8);
        return e;
    }
    struct entry *n = mem_alloc(new_class);
    memcpy(n, e, sizeof(*n));
    set_form(n, f);
    char *to = n->body + entry_prefix_bytes(n);
    memcpy(to, key.ptr, key.len + keep);
    if (n->has_long_key) memcpy(to - 8, &key.len, 8);
    mem_free_sized(e, old_class);
    return n;
}

/* --- values --- */

/* As Redis decides: a canonical 64-bit integer of at most 20 characters. */
static inline bool is_integer(struct slice value, int64_t *out)
{
    if (value.len == 0 || value.len > NUM_INT64_CHARS) return false;
    if ((value.ptr[0] < '0' || value.ptr[0] > '9') && value.ptr[0] != '-') return false;
    return num_parse_int64(value, out);
}

static inline bool has_time(int64_t expire_at_ms) { return expire_at_ms != ENTRY_NO_EXPIRY; }

static void free_blob_job(void *blob) { blob_free(blob); }

static inline bool is_slow_blob(const struct blob *b) { return b && b->cap > SLOW_TO_FREE_BYTES; }

static void free_blob_lazily(struct blob *b)
{
    if (is_slow_blob(b))
        worker_submit(free_blob_job, b);
    else
        blob_free(b);
}

/* The blob a value goes on to live in: without much slack. */
static struct blob *settle(struct blob *b) { return blob_trim(b, b->len / 8 + 64); }

/* The value's type and encoding. */
struct kind {
    enum value_type type;
    enum value_encoding encoding;
};

static inline struct kind kind_of(const struct entry *e) { return (struct kind){entry_type(e), entry_encoding(e)}; }

static struct entry *new_in_place(struct slice key, struct kind kind, struct slice value, int64_t expire_at_ms)
{
    struct form f = {.encoding = kind.encoding, .has_expiry = has_time(expire_at_ms), .place_bytes = value.len};
    struct entry *e = make(key, kind.type, &f);
    put_expiry(e, expire_at_ms);
    if (value.len > 0) memcpy(value_place(e), value.ptr, value.len);
    return e;
}

/* `value`: a blob or an object. */
static struct entry *new_with_pointer(struct slice key, struct kind kind, void *value, int64_t expire_at_ms)
{
    struct form f = {.encoding = kind.encoding, .has_expiry = has_time(expire_at_ms), .has_pointer = true};
    struct entry *e = make(key, kind.type, &f);
    put_expiry(e, expire_at_ms);
    put_pointer(e, value);
    return e;
}

static struct entry *new_with_blob(struct slice key, struct blob *value, int64_t expire_at_ms)
{
    return new_with_pointer(key, (struct kind){VALUE_STRING, ENCODING_RAW}, value, expire_at_ms);
}

static struct entry *new_bytes(struct slice key, enum value_encoding encoding, struct slice value, int64_t expire_at_ms)
{
    if (value.len > ENTRY_INLINE_VALUE_MAX) return new_with_blob(key, blob_copy_of(value), expire_at_ms);
    return new_in_place(key, (struct kind){VALUE_STRING, encoding}, value, expire_at_ms);
}

struct entry *entry_new_int(struct slice key, int64_t value, int64_t expire_at_ms)
{
    struct kind kind = {VALUE_STRING, ENCODING_INT};
    return new_in_place(key, kind, SLICE((const char *)&value, INT_BYTES), expire_at_ms);
}

struct entry *entry_new_string(struct slice key, struct slice value, int64_t expire_at_ms)
{
    int64_t n;
    if (is_integer(value, &n)) return entry_new_int(key, n, expire_at_ms);
    return new_bytes(key, ENCODING_EMBSTR, value, expire_at_ms);
}

struct entry *entry_new_text(struct slice key, struct slice value, int64_t expire_at_ms)
{
    return new_bytes(key, ENCODING_EMBSTR, value, expire_at_ms);
}

struct entry *entry_new_raw(struct slice key, struct slice value, int64_t expire_at_ms)
{
    return new_bytes(key, ENCODING_RAW, value, expire_at_ms);
}

struct entry *entry_new_string_blob(struct slice key, struct blob *value, int64_t expire_at_ms)
{
    if (value->len > ENTRY_INLINE_VALUE_MAX) return new_with_blob(key, settle(value), expire_at_ms);
    struct entry *e = entry_new_string(key, blob_slice(value), expire_at_ms);
    blob_free(value);
    return e;
}

struct entry *entry_copy(const struct entry *e, struct slice new_key, int64_t expire_at_ms)
{
    ASSERT(entry_type(e) == VALUE_STRING || entry_is_packed(e));
    if (!e->has_pointer) return new_in_place(new_key, kind_of(e), place_slice(e), expire_at_ms);
    return new_with_pointer(new_key, kind_of(e), blob_copy_of(blob_slice(get_blob(e))), expire_at_ms);
}

struct entry *entry_new_packed(struct slice key, enum value_type type, enum value_encoding encoding, struct slice bytes,
                               int64_t expire_at_ms)
{
    struct kind kind = {type, encoding};
    if (bytes.len <= ENTRY_INLINE_PACKED_MAX) return new_in_place(key, kind, bytes, expire_at_ms);
    return new_with_pointer(key, kind, blob_copy_of(bytes), expire_at_ms);
}

struct entry *entry_new_object(struct slice key, enum value_type type, enum value_encoding encoding, void *object,
                               int64_t expire_at_ms)
{
    return new_with_pointer(key, (struct kind){type, encoding}, object, expire_at_ms);
}

struct entry *entry_rekey(struct entry *e, struct slice new_key)
{
    struct form f = {entry_encoding(e), e->has_expiry, e->has_pointer, e->value_len};
    struct entry *n = make(new_key, entry_type(e), &f);
    n->clock = e->clock;
    put_expiry(n, entry_expire_at_ms(e));
    if (e->has_pointer) put_pointer(n, entry_pointer(e));
    memcpy(value_place(n), place_slice(e).ptr, e->value_len);
    mem_free_sized(e, class_of_entry(e));
    return n;
}

/* --- freeing --- */

static inline bool has_blob(const struct entry *e)
{
    return e->has_pointer && (entry_type(e) == VALUE_STRING || entry_is_packed(e));
}

static void free_value(struct entry *e, bool lazily)
{
    if (!e->has_pointer) return;
    if (!has_blob(e))
        value_free_object(entry_type(e), entry_pointer(e), lazily && value_free_effort(e) > VALUE_LAZY_EFFORT);
    else if (lazily)
        free_blob_lazily(entry_pointer(e));
    else
        blob_free(entry_pointer(e));
}

void entry_free(void *e)
{
    if (!e) return;
    free_value(e, false);
    mem_free_sized(e, class_of_entry(e));
}

void entry_free_lazily(struct entry *e)
{
    free_value(e, true);
    mem_free_sized(e, class_of_entry(e));
}

bool entry_is_slow_to_free(const struct entry *e)
{
    if (!e->has_pointer) return false;
    return has_blob(e) ? is_slow_blob(entry_pointer(e)) : value_free_effort(e) > VALUE_LAZY_EFFORT;
}

/* --- reading --- */

const char *entry_encoding_name(const struct entry *e)
{
    switch (entry_encoding(e)) {
    case ENCODING_INT: return "int";
    case ENCODING_EMBSTR: return e->value_len <= ENTRY_EMBSTR_MAX ? "embstr" : "raw";
    case ENCODING_RAW: return "raw";
    case ENCODING_LISTPACK: return "listpack";
    case ENCODING_INTSET: return "intset";
    case ENCODING_QUICKLIST: return "quicklist";
    case ENCODING_HASHTABLE: return "hashtable";
    case ENCODING_SKIPLIST: return "skiplist";
    case ENCODING_LISTPACK_EX: return "listpackex";
    }
    UNREACHABLE();
}

const char *value_type_name(enum value_type type)
{
    switch (type) {
    case VALUE_STRING: return "string";
    case VALUE_LIST: return "list";
    case VALUE_SET: return "set";
    case VALUE_ZSET: return "zset";
    case VALUE_HASH: return "hash";
    case VALUE_STREAM: return "stream";
    }
    UNREACHABLE();
}

struct slice entry_string(const struct entry *e, char *scratch)
{
    int64_t n;
    if (e->has_pointer) return blob_slice(entry_pointer(e));
    if (entry_int(e, &n)) return SLICE(scratch, num_format_int64(scratch, n));
    return place_slice(e);
}

size_t entry_string_len(const struct entry *e)
{
    int64_t n;
    if (e->has_pointer) return get_blob(e)->len;
    if (entry_int(e, &n)) return num_digits_uint64(n < 0 ? 0 - (uint64_t)n : (uint64_t)n) + (n < 0);
    return e->value_len;
}

size_t entry_own_bytes(const struct entry *e) { return class_of_entry(e); }

size_t entry_memory(const struct entry *e) { return class_of_entry(e) + value_object_bytes(e, 0); }

static bool string_is_valid(const struct entry *e)
{
    if (e->has_pointer) return e->encoding == ENCODING_RAW && get_blob(e)->len <= get_blob(e)->cap;
    if (e->encoding == ENCODING_INT) return e->value_len == INT_BYTES;
    return e->encoding <= ENCODING_RAW && e->value_len <= ENTRY_INLINE_VALUE_MAX;
}

static bool collection_is_valid(const struct entry *e)
{
    if (!entry_is_packed(e)) return e->has_pointer && e->encoding <= ENCODING_SKIPLIST && e->encoding > ENCODING_RAW;
    if (e->has_pointer) return get_blob(e)->len <= get_blob(e)->cap && get_blob(e)->len > 0;
    return e->value_len > 0 && e->value_len <= ENTRY_INLINE_PACKED_MAX;
}

bool entry_is_valid(const struct entry *e)
{
    if (e->has_long_key && (e->key_len != 0 || entry_key(e).len <= KEY_LEN_MAX)) return false;
    if (e->has_pointer && e->value_len != 0) return false;
    return entry_type(e) == VALUE_STRING ? string_is_valid(e) : collection_is_valid(e);
}

/* --- changing --- */

static struct entry *set_in_place(struct entry *e, enum value_encoding encoding, struct slice value,
                                  int64_t expire_at_ms)
{
    struct form f = {.encoding = encoding, .has_expiry = has_time(expire_at_ms), .place_bytes = value.len};
    free_value(e, true);
    e = reshape(e, &f, 0);
    e->type = VALUE_STRING;
    put_expiry(e, expire_at_ms);
    if (value.len > 0) memcpy(value_place(e), value.ptr, value.len);
    return e;
}

/* `b` may be the blob the entry has already. */
static struct entry *set_with_blob(struct entry *e, struct blob *b, int64_t expire_at_ms)
{
    struct form f = {.encoding = ENCODING_RAW, .has_expiry = has_time(expire_at_ms), .has_pointer = true};
    if (get_blob(e) != b) free_value(e, true);
    e = reshape(e, &f, 0);
    e->type = VALUE_STRING;
    put_expiry(e, expire_at_ms);
    put_pointer(e, b);
    return e;
}

/* A blob that holds the bytes: the one the entry has, when it fits without much slack. */
static struct blob *blob_with(struct entry *e, struct slice value)
{
    struct blob *b = entry_type(e) == VALUE_STRING ? get_blob(e) : NULL;
    if (!b || b->cap < value.len || b->cap / 2 > value.len) return blob_copy_of(value);
    memcpy(b->data, value.ptr, value.len);
    b->len = value.len;
    return b;
}

struct entry *entry_set_string(struct entry *e, struct slice value, int64_t expire_at_ms)
{
    int64_t n;
    if (is_integer(value, &n)) return set_in_place(e, ENCODING_INT, SLICE((const char *)&n, INT_BYTES), expire_at_ms);
    if (value.len <= ENTRY_INLINE_VALUE_MAX) return set_in_place(e, ENCODING_EMBSTR, value, expire_at_ms);
    return set_with_blob(e, blob_with(e, value), expire_at_ms);
}

struct entry *entry_set_string_blob(struct entry *e, struct blob *value, int64_t expire_at_ms)
{
    if (value->len > ENTRY_INLINE_VALUE_MAX) return set_with_blob(e, settle(value), expire_at_ms);
    e = entry_set_string(e, blob_slice(value), expire_at_ms);
    blob_free(value);
    return e;
}

struct entry *entry_set_int(struct entry *e, int64_t value)
{
    return set_in_place(e, ENCODING_INT, SLICE((const char *)&value, INT_BYTES), entry_expire_at_ms(e));
}

struct entry *entry_set_expiry(struct entry *e, int64_t expire_at_ms)
{
    if (has_time(expire_at_ms) != e->has_expiry) {
        struct form f = {entry_encoding(e), has_time(expire_at_ms), e->has_pointer, e->value_len};
        void *pointer = e->has_pointer ? entry_pointer(e) : NULL;
        e = reshape(e, &f, e->value_len);
        if (e->has_pointer) put_pointer(e, pointer);
    }
    put_expiry(e, expire_at_ms);
    return e;
}

/* The value in place becomes RAW of `len` bytes in place. */
static char *resize_in_place(struct entry **e, size_t len)
{
    char text[NUM_INT64_CHARS];
    int64_t expire_at_ms = entry_expire_at_ms(*e), n;
    size_t digits = entry_int(*e, &n) ? num_format_int64(text, n) : 0;
    size_t old_len = digits > 0 ? digits : (*e)->value_len;
    size_t kept = old_len < len ? old_len : len;
    struct form f = {.encoding = ENCODING_RAW, .has_expiry = (*e)->has_expiry, .place_bytes = len};
    *e = reshape(*e, &f, digits > 0 ? 0 : kept);
    put_expiry(*e, expire_at_ms);
    char *place = value_place(*e);
    if (digits > 0) memcpy(place, text, kept);
    memset(place + kept, 0, len - kept);
    return place;
}

static size_t capacity_with_growth(size_t len) { return len < GROWTH_MAX_BYTES ? 2 * len : len + GROWTH_MAX_BYTES; }

/* The value as a blob of `len` bytes. Whoever changes a value twice will do so again: room to grow from then on. */
static struct blob *resize_as_blob(struct entry *e, size_t len)
{
    char scratch[NUM_INT64_CHARS];
    struct blob *b = get_blob(e);
    size_t old_len = entry_string_len(e);
    if (!b) {
        struct slice old = entry_string(e, scratch);
        b = blob_new(entry_encoding(e) == ENCODING_RAW ? capacity_with_growth(len) : len);
        memcpy(b->data, old.ptr, old_len < len ? old_len : len);
    } else if (b->cap < len) {
        b = blob_reserve(b, capacity_with_growth(len));
    }
    if (len > old_len) memset(b->data + old_len, 0, len - old_len);
    b->len = len;
    return b;
}

struct entry *entry_make_writable(struct entry *e, size_t len, char **bytes)
{
    ASSERT(entry_type(e) == VALUE_STRING);
    if (!e->has_pointer && len <= ENTRY_INLINE_VALUE_MAX) {
        *bytes = resize_in_place(&e, len);
        return e;
    }
    struct blob *b = resize_as_blob(e, len);
    *bytes = b->data;
    if (e->has_pointer) {
        put_pointer(e, b);
        return e;
    }
    return set_with_blob(e, b, entry_expire_at_ms(e));
}

/* --- collections --- */

/* The blob of a packed value goes back into the entry. */
static struct entry *blob_to_place(struct entry *e, struct blob *b, size_t size)
{
    int64_t expire_at_ms = entry_expire_at_ms(e);
    struct form f = {.encoding = entry_encoding(e), .has_expiry = e->has_expiry, .place_bytes = size};
    e = reshape(e, &f, 0);
    put_expiry(e, expire_at_ms);
    memcpy(value_place(e), b->data, size < b->len ? size : b->len);
    blob_free(b);
    return e;
}

static struct entry *place_to_pointer(struct entry *e, enum value_encoding encoding, void *p)
{
    int64_t expire_at_ms = entry_expire_at_ms(e);
    struct form f = {.encoding = encoding, .has_expiry = e->has_expiry, .has_pointer = true};
    e = reshape(e, &f, 0);
    put_expiry(e, expire_at_ms);
    put_pointer(e, p);
    return e;
}

static struct entry *resize_packed_blob(struct entry *e, size_t size)
{
    struct blob *b = get_blob(e);
    if (size <= PACKED_BACK_BYTES) return blob_to_place(e, b, size);
    /* The classes are a fifth apart: growth by steps of them copies each byte a few times only. */
    b = blob_reserve(b, size);
    b->len = size;
    put_pointer(e, blob_trim(b, b->cap / 4));
    return e;
}

static struct entry *resize_packed_in_place(struct entry *e, size_t size)
{
    int64_t expire_at_ms = entry_expire_at_ms(e);
    struct form f = {.encoding = entry_encoding(e), .has_expiry = e->has_expiry, .place_bytes = size};
    e = reshape(e, &f, size < e->value_len ? size : e->value_len);
    put_expiry(e, expire_at_ms);
    return e;
}

struct entry *entry_resize_packed(struct entry *e, size_t size, uint8_t **bytes)
{
    ASSERT(entry_is_packed(e));
    if (e->has_pointer) {
        e = resize_packed_blob(e, size);
    } else if (size <= ENTRY_INLINE_PACKED_MAX) {
        e = resize_packed_in_place(e, size);
    } else {
        struct blob *b = blob_new(size);
        memcpy(b->data, value_place(e), e->value_len);
        b->len = size;
        e = place_to_pointer(e, entry_encoding(e), b);
    }
    *bytes = e->has_pointer ? (uint8_t *)get_blob(e)->data : (uint8_t *)value_place(e);
    return e;
}

struct entry *entry_become_object(struct entry *e, enum value_encoding encoding, void *object)
{
    ASSERT(entry_is_packed(e));
    if (!e->has_pointer) return place_to_pointer(e, encoding, object);
    blob_free(get_blob(e));
    e->encoding = encoding;
    put_pointer(e, object);
    return e;
}
