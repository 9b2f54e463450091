/* SPDX-License-Identifier: MIT */
/*
 * An entry of the table is one allocation:
 *
 *   +----------------------------------+------------+-------------+------------------+-------------+
 *   | field length * 2 + (has a place) | place: 5   | field bytes | value length     | value bytes |
 *   | varint                           | (optional) |             | varint           |             |
 *   +----------------------------------+------------+-------------+------------------+-------------+
 *
 *   varint  7 bits a byte, low ones first, the high bit set in all bytes but the last
 *   place   where in the heap of expiries its time stands, little-endian, 40 bits
 *
 * Two short lengths cost two bytes in all. The value stands last, so that another value of the same size class is written over it without
 * moving anything before. The time of an expiry is stored once, in the heap; a field without one pays a bit.
 *
 * Invariants:
 *   1. An entry has a place exactly when the heap holds it, and there.
 *   2. The size of an allocation is class_of(what the lengths imply), always asked for as the whole class.
 */
#include "store/hash_object.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "ds/hashtable.h"
#include "store/due_heap.h"

/* As full as the keyspace's own table: 12.7 bytes of table a field. */
#define MAX_FILL 800
#define PLACE_BYTES 5u
#define PLACE_MAX (((size_t)1 << (8 * PLACE_BYTES)) - 1)
#define VARINT_BYTES_MAX 10

struct hash_object {
    struct hashtable *table;
    struct due_heap dues;
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "places are stored by memcpy");

/* --- entries --- */

static inline size_t varint_bytes(uint64_t n) { return n < 0x80 ? 1 : (70u - (unsigned)__builtin_clzll(n)) / 7u; }

static inline char *put_varint(char *to, uint64_t n)
{
    for (; n >= 0x80; n >>= 7) *to++ = (char)(n | 0x80);
    *to++ = (char)n;
    return to;
}

static inline const char *get_varint(const char *from, uint64_t *n)
{
    uint8_t byte = (uint8_t)*from++;
    *n = byte & 0x7f;
    for (unsigned shift = 7; __builtin_expect(byte & 0x80, 0); shift += 7) {
        byte = (uint8_t)*from++;
        *n |= (uint64_t)(byte & 0x7f) << shift;
    }
    return from;
}

/* An entry's field, and whether it has a place. */
static inline struct slice field_of(const void *entry, bool *has_place)
{
    uint64_t head;
    const char *at = get_varint(entry, &head);
    *has_place = head & 1;
    return SLICE(at + (*has_place ? PLACE_BYTES : 0), head >> 1);
}

static inline struct slice value_after(struct slice field)
{
    uint64_t len;
    const char *at = get_varint(field.ptr + field.len, &len);
    return SLICE(at, len);
}

static inline size_t get_place(const void *entry)
{
    uint64_t head, place = 0;
    memcpy(&place, get_varint(entry, &head), PLACE_BYTES);
    return place;
}

static void set_place(void *entry, size_t place)
{
    uint64_t head;
    ASSERT(place <= PLACE_MAX);
    char *at = (char *)entry + (get_varint(entry, &head) - (const char *)entry);
    memcpy(at, &place, PLACE_BYTES);
}

/* The allocator's class for so many bytes: multiples of 16 up to 128, then four to each doubling. */
static inline size_t class_of(size_t bytes)
{
    if (bytes <= 128) return (bytes + 15) & ~(size_t)15;
    size_t step = (size_t)1 << (61 - __builtin_clzl(bytes - 1));
    return (bytes + step - 1) & ~(step - 1);
}

static inline size_t entry_class(bool has_place, size_t field_len, size_t value_len)
{
    return class_of(varint_bytes(2 * field_len + has_place) + (has_place ? PLACE_BYTES : 0) + field_len +
                    varint_bytes(value_len) + value_len);
}

static inline size_t class_of_entry(const void *entry)
{
    bool has_place;
    struct slice field = field_of(entry, &has_place);
    return entry_class(has_place, field.len, value_after(field).len);
}

static inline void put_value(char *to, struct slice value)
{
    to = put_varint(to, value.len);
    if (value.len > 0) memmove(to, value.ptr, value.len);
}

/* Its place is the heap's to write. */
static void *entry_new(struct slice field, struct slice value, bool has_place)
{
    char *entry = mem_alloc(entry_class(has_place, field.len, value.len));
    char *at = put_varint(entry, 2 * field.len + has_place);
    if (has_place) at += PLACE_BYTES;
    if (field.len > 0) memcpy(at, field.ptr, field.len);
    put_value(at + field.len, value);
    return entry;
}

static void entry_release(void *entry) { mem_free_sized(entry, class_of_entry(entry)); }

static uint64_t hash_of(const void *entry)
{
    bool has_place;
    struct slice field = field_of(entry, &has_place);
    return hash_bytes(field.ptr, field.len);
}

static bool has_key(const void *entry, const char *key, size_t len)
{
    bool has_place;
    struct slice field = field_of(entry, &has_place);
    return field.len == len && (len == 0 || memcmp(field.ptr, key, len) == 0);
}

static const struct hashtable_type table_type = {hash_of, has_key, entry_release, MAX_FILL};

/* --- the object --- */

struct hash_object *hash_object_new(size_t expected)
{
    struct hash_object *o = mem_alloc(sizeof(*o));
    o->table = hashtable_new(&table_type);
    due_heap_init(&o->dues, set_place);
    if (expected > 0) hashtable_expand(o->table, expected);
    return o;
}

void hash_object_free(void *object)
{
    struct hash_object *o = object;
    if (o == NULL) return;
    hashtable_free(o->table);
    due_heap_deinit(&o->dues);
    mem_free_sized(o, sizeof(*o));
}

size_t hash_object_count(const void *object) { return hashtable_count(((const struct hash_object *)object)->table); }

void *hash_object_copy(const void *object)
{
    const struct hash_object *o = object;
    struct hash_object *copy = hash_object_new(hashtable_count(o->table));
    struct hashtable_iter it;
    hashtable_iter_init(&it, o->table);
    for (const void *entry; (entry = hashtable_iter_next(&it)) != NULL;) {
        size_t bytes = class_of_entry(entry);
        void *twin = mem_alloc(bytes);
        memcpy(twin, entry, bytes);
        hashtable_insert(copy->table, twin, hash_of(twin));
        bool has_place;
        field_of(twin, &has_place);
        if (has_place) due_heap_add(&copy->dues, o->dues.dues[get_place(entry)].at_ms, twin);
    }
    return copy;
}

size_t hash_object_bytes(const void *object, size_t samples)
{
    const struct hash_object *o = object;
    size_t count = hashtable_count(o->table), looked = 0, entry_bytes = 0;
    struct hashtable_iter it;
    hashtable_iter_init(&it, o->table);
    for (const void *entry; (samples == 0 || looked < samples) && (entry = hashtable_iter_next(&it)) != NULL; looked++)
        entry_bytes += class_of_entry(entry);
    if (looked > 0) entry_bytes = (size_t)((double)entry_bytes / (double)looked * (double)count);
    return mem_good_size(sizeof(*o)) + hashtable_memory(o->table) + o->dues.cap * sizeof(struct due) + entry_bytes;
}

void hash_object_set_resize_allowed(struct hash_object *o, bool allowed)
{
    hashtable_set_resize_allowed(o->table, allowed);
}

/* --- reading --- */

void hash_object_pair_of(const struct hash_object *o, const void *table_entry, struct hash_pair *out)
{
    bool has_place;
    struct slice field = field_of(table_entry, &has_place), value = value_after(field);
    out->field = (struct item){field.ptr, field.len, 0};
    out->value = (struct item){value.ptr, value.len, 0};
    out->expire_at_ms = has_place ? o->dues.dues[get_place(table_entry)].at_ms : HASH_NO_EXPIRY;
}

bool hash_object_get(const struct hash_object *o, struct slice field, struct hash_pair *out)
{
    const void *entry = hashtable_find(o->table, field.ptr, field.len, hash_bytes(field.ptr, field.len));
    if (entry == NULL) return false;
    hash_object_pair_of(o, entry, out);
    return true;
}

int64_t hash_object_min_expiry(const struct hash_object *o)
{
    return o->dues.len > 0 ? o->dues.dues[0].at_ms : HASH_NO_EXPIRY;
}

size_t hash_object_expired_count(const struct hash_object *o, int64_t now_ms)
{
    return due_heap_count_before(&o->dues, now_ms);
}

const struct hashtable *hash_object_table(const struct hash_object *o) { return o->table; }

/* --- changing --- */

static void forget_due(struct hash_object *o, const void *entry)
{
    bool has_place;
    field_of(entry, &has_place);
    if (has_place) due_heap_remove(&o->dues, get_place(entry));
}

/* Puts another entry for the same field into its slot; the new one takes the old one's place in the heap over when both have one. */
static void replace(struct hash_object *o, void **slot, struct slice value, bool has_place)
{
    bool had_place;
    void *old = *slot;
    struct slice field = field_of(old, &had_place);
    void *new = entry_new(field, value, has_place);
    if (had_place && has_place) {
        size_t place = get_place(old);
        set_place(new, place);
        o->dues.dues[place].item = new;
    } else if (had_place) {
        due_heap_remove(&o->dues, get_place(old));
    }
    entry_release(old);
    *slot = new;
}

static void overwrite(struct hash_object *o, void **slot, struct slice value, bool keep_expiry)
{
    bool has_place;
    struct slice field = field_of(*slot, &has_place), old = value_after(field);
    bool stays = has_place == (has_place && keep_expiry);
    if (stays && entry_class(has_place, field.len, old.len) == entry_class(has_place, field.len, value.len))
        put_value((char *)*slot + (field.ptr + field.len - (const char *)*slot), value);
    else
        replace(o, slot, value, has_place && keep_expiry);
}

bool hash_object_set(struct hash_object *o, struct slice field, struct slice value, bool keep_expiry)
{
    uint64_t hash = hash_bytes(field.ptr, field.len);
    void **slot = hashtable_find_slot(o->table, field.ptr, field.len, hash);
    if (slot == NULL)
        hashtable_insert(o->table, entry_new(field, value, false), hash);
    else
        overwrite(o, slot, value, keep_expiry);
    return slot == NULL;
}

bool hash_object_remove(struct hash_object *o, struct slice field)
{
    void *entry = hashtable_remove(o->table, field.ptr, field.len, hash_bytes(field.ptr, field.len));
    if (entry == NULL) return false;
    forget_due(o, entry);
    entry_release(entry);
    return true;
}

void hash_object_remove_next(struct hash_object *o)
{
    void *entry = o->dues.dues[0].item;
    bool was_there = hashtable_remove_entry(o->table, entry, hash_of(entry));
    ASSERT(was_there);
    due_heap_remove(&o->dues, 0);
    entry_release(entry);
}

bool hash_object_set_expiry(struct hash_object *o, struct slice field, int64_t expire_at_ms)
{
    bool has_place, wants_place = expire_at_ms != HASH_NO_EXPIRY;
    void **slot = hashtable_find_slot(o->table, field.ptr, field.len, hash_bytes(field.ptr, field.len));
    if (slot == NULL) return false;
    struct slice stored = field_of(*slot, &has_place);
    if (has_place && wants_place) {
        due_heap_move(&o->dues, get_place(*slot), expire_at_ms);
    } else if (has_place != wants_place) {
        replace(o, slot, value_after(stored), wants_place);
        if (wants_place) due_heap_add(&o->dues, expire_at_ms, *slot);
    }
    return true;
}

/* --- validation --- */

bool hash_object_is_valid(const struct hash_object *o)
{
    if (!hashtable_is_valid(o->table)) return false;
    size_t with_place = 0;
    struct hashtable_iter it;
    hashtable_iter_init(&it, o->table);
    for (const void *entry; (entry = hashtable_iter_next(&it)) != NULL;) {
        bool has_place;
        field_of(entry, &has_place);
        with_place += has_place;
        if (has_place && (get_place(entry) >= o->dues.len || o->dues.dues[get_place(entry)].item != entry))
            return false;
    }
    for (size_t i = 1; i < o->dues.len; i++)
        if (o->dues.dues[i].at_ms < o->dues.dues[(i - 1) / 2].at_ms) return false;
    return with_place == o->dues.len;
}
