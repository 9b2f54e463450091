/* SPDX-License-Identifier: MIT */
/*
 * A set is, from small to large:
 *
 *   ENCODING_INTSET     only integers, up to set-max-intset-entries
 *   ENCODING_LISTPACK   up to set-max-listpack-entries members of up to set-max-listpack-value bytes
 *   ENCODING_HASHTABLE  a hashtable of members; the table is the object itself
 *
 * It goes up when a member does not fit and never down by itself. A member of the hashtable is one allocation, with no more around its
 * bytes than their length:
 *
 *   0        1                      0      1           9
 *   +--------+------- ... -+        +------+-----------+------- ... -+
 *   | length | bytes       |   or   | 0xff | length    | bytes       |
 *   +--------+------- ... -+        +------+-----------+------- ... -+
 *   up to 254 bytes                 longer; 8 bytes, this machine's order
 *
 * Integers are members of the hashtable by their text, as everywhere outside an intset and a listpack.
 */
#include "store/set.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "ds/intset.h"
#include "ds/listpack.h"
#include "store/object.h"

#define LONG_MEMBER 0xffu
#define LONG_HEAD_BYTES 9u
/* As full as the tables of keys are: see db.c. */
#define MEMBERS_MAX_FILL 800
/* An intset takes no more, whatever the limit says. */
#define INTSET_ENTRIES_MAX ((size_t)1 << 30)
/* What an integer may take in a listpack. */
#define LISTPACK_INTEGER_BYTES 11u

/* --- members of a hashtable --- */

static inline size_t head_bytes(size_t len) { return len < LONG_MEMBER ? 1 : LONG_HEAD_BYTES; }

static uint8_t *member_new(struct slice bytes)
{
    size_t head = head_bytes(bytes.len);
    uint8_t *m = mem_alloc(head + bytes.len);
    m[0] = head == 1 ? (uint8_t)bytes.len : LONG_MEMBER;
    if (head > 1) memcpy(m + 1, &bytes.len, 8);
    if (bytes.len > 0) memcpy(m + head, bytes.ptr, bytes.len);
    return m;
}

static inline struct slice member_slice(const void *member)
{
    const uint8_t *m = member;
    size_t len = m[0];
    if (__builtin_expect(len < LONG_MEMBER, 1)) return SLICE((const char *)m + 1, len);
    memcpy(&len, m + 1, 8);
    return SLICE((const char *)m + LONG_HEAD_BYTES, len);
}

static inline size_t member_bytes(const void *member)
{
    size_t len = member_slice(member).len;
    return head_bytes(len) + len;
}

static void member_free(void *member) { mem_free_sized(member, member_bytes(member)); }

static uint64_t member_hash(const void *member)
{
    struct slice s = member_slice(member);
    return hash_bytes(s.ptr, s.len);
}

static bool member_has_key(const void *member, const char *key, size_t len)
{
    struct slice s = member_slice(member);
    return s.len == len && bytes_are_same(s.ptr, key, len);
}

static const struct hashtable_type members_type = {member_hash, member_has_key, member_free, MEMBERS_MAX_FILL};
/* Members of another table, which owns them. */
static const struct hashtable_type borrowed_type = {member_hash, member_has_key, NULL, MEMBERS_MAX_FILL};

static inline struct hashtable *table_of(const struct entry *e) { return value_object(e); }

/* --- looking --- */

size_t set_count(const struct entry *e)
{
    switch (entry_encoding(e)) {
    case ENCODING_INTSET: return intset_count(value_packed(e));
    case ENCODING_LISTPACK: return listpack_count(value_packed(e));
    case ENCODING_HASHTABLE: return hashtable_count(table_of(e));
    case ENCODING_INT:
    case ENCODING_EMBSTR:
    case ENCODING_RAW:
    case ENCODING_QUICKLIST:
    case ENCODING_SKIPLIST:
    case ENCODING_LISTPACK_EX: break;
    }
    UNREACHABLE();
}

static bool packed_has(const struct entry *e, const struct item *i)
{
    const uint8_t *bytes = value_packed(e);
    if (entry_encoding(e) == ENCODING_INTSET) return item_is_int(i) && intset_has(bytes, i->integer);
    return listpack_find(bytes, listpack_first(bytes), i, 0) != LISTPACK_END;
}

bool set_has(const struct entry *e, struct slice member)
{
    if (entry_encoding(e) == ENCODING_HASHTABLE)
        return hashtable_find(table_of(e), member.ptr, member.len, hash_bytes(member.ptr, member.len)) != NULL;
    struct item i = item_of(member);
    return packed_has(e, &i);
}

static uint64_t packed_has_many(const struct entry *e, const struct set_probe *probes, uint64_t asked)
{
    uint64_t found = 0;
    for (uint64_t left = asked; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        struct item item = item_of(probes[i].member);
        if (packed_has(e, &item)) found |= (uint64_t)1 << i;
    }
    return found;
}

/* The cache misses of all lookups overlap: buckets, then members, then those in chained buckets. */
uint64_t set_has_many(const struct entry *e, const struct set_probe *probes, uint64_t asked)
{
    if (entry_encoding(e) != ENCODING_HASHTABLE) return packed_has_many(e, probes, asked);
    const struct hashtable *t = table_of(e);
    uint64_t found = 0, chained = 0;
    for (uint64_t left = asked; left != 0; left &= left - 1)
        hashtable_prefetch_bucket(t, probes[__builtin_ctzll(left)].hash);
    for (uint64_t left = asked; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        if (hashtable_prefetch_entry(t, probes[i].hash)) chained |= (uint64_t)1 << i;
    }
    for (; chained != 0; chained &= chained - 1)
        hashtable_prefetch_child_entry(t, probes[__builtin_ctzll(chained)].hash);
    for (uint64_t left = asked; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        const struct set_probe *p = &probes[i];
        if (hashtable_find(t, p->member.ptr, p->member.len, p->hash) != NULL) found |= (uint64_t)1 << i;
    }
    return found;
}

struct set_probe set_probe(struct slice member)
{
    return (struct set_probe){member, hash_bytes(member.ptr, member.len)};
}

/* --- walking --- */

void set_iter_init(struct set_iter *it, const struct entry *e)
{
    *it = (struct set_iter){.e = e};
    if (entry_encoding(e) == ENCODING_HASHTABLE)
        hashtable_iter_init(&it->table, table_of(e));
    else if (entry_encoding(e) == ENCODING_LISTPACK)
        it->at = listpack_first(value_packed(e));
}

static inline struct item item_of_member(const void *member)
{
    struct slice s = member_slice(member);
    return (struct item){.ptr = s.ptr, .len = s.len};
}

bool set_iter_next(struct set_iter *it)
{
    if (entry_encoding(it->e) == ENCODING_HASHTABLE) {
        const void *member = hashtable_iter_next(&it->table);
        if (member == NULL) return false;
        it->item = item_of_member(member);
        return true;
    }
    const uint8_t *bytes = value_packed(it->e);
    if (entry_encoding(it->e) == ENCODING_INTSET) {
        if (it->index == intset_count(bytes)) return false;
        it->item = (struct item){.integer = intset_get(bytes, it->index++)};
        return true;
    }
    if (it->at == LISTPACK_END) return false;
    it->at = listpack_read(bytes, it->at, &it->item);
    return true;
}

/* No member is looked into before all of this part have been asked for. */
static unsigned next_members(struct set_iter *it, struct item *out, unsigned max)
{
    const void *met[SET_PROBES_MAX];
    unsigned n = 0;
    while (n < max && (met[n] = hashtable_iter_next(&it->table)) != NULL) n++;
    for (unsigned i = 0; i < n; i++) out[i] = item_of_member(met[i]);
    return n;
}

unsigned set_iter_next_many(struct set_iter *it, struct item *out, unsigned max)
{
    ASSERT(max <= SET_PROBES_MAX);
    if (entry_encoding(it->e) == ENCODING_HASHTABLE) return next_members(it, out, max);
    unsigned n = 0;
    while (n < max && set_iter_next(it)) out[n++] = it->item;
    return n;
}

void set_random(const struct entry *e, struct rng *rng, struct item *out)
{
    if (entry_encoding(e) == ENCODING_HASHTABLE) {
        *out = item_of_member(hashtable_random(table_of(e), rng));
        return;
    }
    const uint8_t *bytes = value_packed(e);
    uint64_t index = rng_below(rng, set_count(e));
    if (entry_encoding(e) == ENCODING_INTSET)
        *out = (struct item){.integer = intset_get(bytes, index)};
    else
        listpack_get(bytes, listpack_seek(bytes, (int64_t)index), out);
}

void set_draw(const struct entry *e, struct rng *rng, size_t n,
              void (*fn)(void *ctx, const struct item *i, bool is_drawn), void *ctx)
{
    size_t left = set_count(e);
    struct set_iter it;
    set_iter_init(&it, e);
    for (; set_iter_next(&it); left--) {
        bool is_drawn = rng_below(rng, left) < n;
        n -= is_drawn;
        fn(ctx, &it.item, is_drawn);
    }
}

void set_draw_few(const struct entry *e, struct rng *rng, size_t n, void (*fn)(void *ctx, const struct item *i),
                  void *ctx)
{
    ASSERT(n <= set_count(e) / 2);
    struct hashtable *drawn = hashtable_new(&borrowed_type);
    while (hashtable_count(drawn) < n) {
        void *member = hashtable_random(table_of(e), rng);
        struct slice s = member_slice(member);
        uint64_t hash = hash_bytes(s.ptr, s.len);
        if (hashtable_find(drawn, s.ptr, s.len, hash) != NULL) continue;
        hashtable_insert(drawn, member, hash);
        struct item i = item_of_member(member);
        fn(ctx, &i);
    }
    hashtable_free(drawn);
}

struct scan_relay {
    void (*fn)(void *ctx, const struct item *i);
    void *ctx;
};

static void relay_member(void *ctx, void *member)
{
    const struct scan_relay *r = ctx;
    struct item i = item_of_member(member);
    r->fn(r->ctx, &i);
}

uint64_t set_scan(const struct entry *e, uint64_t cursor, void (*fn)(void *ctx, const struct item *i), void *ctx)
{
    if (entry_encoding(e) == ENCODING_HASHTABLE) {
        struct scan_relay relay = {fn, ctx};
        return hashtable_scan(table_of(e), cursor, relay_member, &relay);
    }
    struct set_iter it;
    set_iter_init(&it, e);
    while (set_iter_next(&it)) fn(ctx, &it.item);
    return 0;
}

/* --- going up --- */

static void insert_new(struct hashtable *t, struct slice member, uint64_t hash)
{
    hashtable_insert(t, member_new(member), hash);
}

/* A hint may be wrong, or a client's: room for no more than this is taken in advance. */
#define EXPECT_MAX ((size_t)1 << 20)

static struct hashtable *table_new(size_t room)
{
    struct hashtable *t = hashtable_new(&members_type);
    (void)hashtable_expand(t, room < EXPECT_MAX ? room : EXPECT_MAX); /* without room it grows as it goes */
    return t;
}

static void become_table(struct value_ref *ref, size_t room)
{
    char scratch[NUM_INT64_CHARS];
    struct hashtable *t = table_new(room);
    struct set_iter it;
    set_iter_init(&it, ref->e);
    while (set_iter_next(&it)) {
        struct slice s = item_slice(&it.item, scratch);
        insert_new(t, s, hash_bytes(s.ptr, s.len));
    }
    value_become_object(ref, ENCODING_HASHTABLE, t);
}

static uint8_t *resize_heap(void *owner, size_t size)
{
    uint8_t **bytes = owner;
    return *bytes = mem_realloc(*bytes, size);
}

/* Of an intset. */
static void become_listpack(struct value_ref *ref)
{
    const uint8_t *ints = value_packed(ref->e);
    size_t n = intset_count(ints);
    struct item *items = mem_alloc(n * sizeof(*items));
    for (size_t i = 0; i < n; i++) items[i] = (struct item){.integer = intset_get(ints, i)};
    uint8_t *lp = mem_alloc(LISTPACK_EMPTY_BYTES);
    listpack_init(lp);
    struct pack p = {lp, resize_heap, &lp};
    listpack_insert_many(&p, LISTPACK_END, items, n);
    value_become_packed(ref, ENCODING_LISTPACK, SLICE((const char *)lp, listpack_bytes(lp)));
    mem_free(items);
    mem_free(lp);
}

static size_t digits_of(int64_t n)
{
    char scratch[NUM_INT64_CHARS];
    return num_format_int64(scratch, n);
}

/* Whether the integers of an intset and one more member, which is no integer, may stand in a listpack. */
static bool fits_listpack(const uint8_t *ints, size_t len)
{
    const struct value_limits *limits = value_limits();
    size_t n = intset_count(ints), longest = 0;
    if (n > 0) {
        size_t low = digits_of(intset_get(ints, 0)), high = digits_of(intset_get(ints, n - 1));
        longest = low > high ? low : high;
    }
    return n < limits->set_max_listpack_entries && len <= limits->set_max_listpack_value &&
           longest <= limits->set_max_listpack_value && n * LISTPACK_INTEGER_BYTES + len < LISTPACK_MAX_BYTES / 2;
}

static size_t intset_entries_max(void)
{
    size_t max = value_limits()->set_max_intset_entries;
    return max < INTSET_ENTRIES_MAX ? max : INTSET_ENTRIES_MAX;
}

/* --- adding and removing --- */

static bool table_add(const struct entry *e, struct slice member)
{
    struct hashtable *t = table_of(e);
    uint64_t hash = hash_bytes(member.ptr, member.len);
    if (hashtable_find(t, member.ptr, member.len, hash) != NULL) return false;
    insert_new(t, member, hash);
    return true;
}

static bool listpack_add(struct value_ref *ref, struct slice member, const struct item *i)
{
    const uint8_t *lp = value_packed(ref->e);
    if (listpack_find(lp, listpack_first(lp), i, 0) != LISTPACK_END) return false;
    const struct value_limits *limits = value_limits();
    size_t n = listpack_count(lp);
    if (n >= limits->set_max_listpack_entries || member.len > limits->set_max_listpack_value ||
        !listpack_fits(lp, listpack_element_bytes(i))) {
        become_table(ref, n + 1);
        return table_add(ref->e, member);
    }
    struct pack p = value_pack(ref);
    listpack_append(&p, i);
    return true;
}

static bool ints_add(struct value_ref *ref, struct slice member, const struct item *i)
{
    if (item_is_int(i)) {
        struct pack p = value_pack(ref);
        if (!intset_add(&p, i->integer)) return false;
        size_t n = intset_count(value_packed(ref->e));
        if (n > intset_entries_max()) become_table(ref, n);
        return true;
    }
    const uint8_t *ints = value_packed(ref->e);
    if (!fits_listpack(ints, member.len)) {
        become_table(ref, intset_count(ints) + 1);
        return table_add(ref->e, member);
    }
    become_listpack(ref);
    struct pack p = value_pack(ref);
    listpack_append(&p, i);
    return true;
}

/* An empty set of the encoding in which `count` members will probably end. */
static void create_for(struct value_ref *ref, const struct item *first, size_t count)
{
    uint8_t bytes[INTSET_EMPTY_BYTES];
    if (item_is_int(first) && count <= value_limits()->set_max_intset_entries) {
        intset_init(bytes);
        struct slice empty = SLICE((const char *)bytes, INTSET_EMPTY_BYTES);
        ref->e = value_new_packed(ref->key.name, VALUE_SET, ENCODING_INTSET, empty, ENTRY_NO_EXPIRY);
    } else if (count <= value_limits()->set_max_listpack_entries) {
        listpack_init(bytes);
        struct slice empty = SLICE((const char *)bytes, LISTPACK_EMPTY_BYTES);
        ref->e = value_new_packed(ref->key.name, VALUE_SET, ENCODING_LISTPACK, empty, ENTRY_NO_EXPIRY);
    } else {
        struct hashtable *t = table_new(count);
        ref->e = value_new_object(ref->key.name, VALUE_SET, ENCODING_HASHTABLE, t, ENTRY_NO_EXPIRY);
    }
    if (ref->db != NULL) db_insert(ref->db, ref->e, ref->key.hash);
}
_Static_assert(LISTPACK_EMPTY_BYTES <= INTSET_EMPTY_BYTES, "one place for both");

void set_expect(struct value_ref *ref, struct slice first, size_t count)
{
    if (ref->e == NULL) {
        struct item i = item_of(first);
        create_for(ref, &i, count);
        return;
    }
    enum value_encoding encoding = entry_encoding(ref->e);
    if ((encoding == ENCODING_LISTPACK && count > value_limits()->set_max_listpack_entries) ||
        (encoding == ENCODING_INTSET && count > value_limits()->set_max_intset_entries))
        become_table(ref, count);
}

bool set_add(struct value_ref *ref, struct slice member)
{
    if (ref->e != NULL && entry_encoding(ref->e) == ENCODING_HASHTABLE) return table_add(ref->e, member);
    struct item i = item_of(member);
    if (ref->e == NULL) create_for(ref, &i, 1);
    if (entry_encoding(ref->e) == ENCODING_INTSET) return ints_add(ref, member, &i);
    if (entry_encoding(ref->e) == ENCODING_LISTPACK) return listpack_add(ref, member, &i);
    return table_add(ref->e, member);
}

static bool table_remove(const struct entry *e, struct slice member)
{
    void *m = hashtable_remove(table_of(e), member.ptr, member.len, hash_bytes(member.ptr, member.len));
    if (m == NULL) return false;
    member_free(m);
    return true;
}

static bool packed_remove(struct value_ref *ref, const struct item *i)
{
    struct pack p = value_pack(ref);
    if (entry_encoding(ref->e) == ENCODING_INTSET) return item_is_int(i) && intset_remove(&p, i->integer);
    uint32_t at = listpack_find(p.bytes, listpack_first(p.bytes), i, 0);
    if (at == LISTPACK_END) return false;
    listpack_delete(&p, at, 1);
    return true;
}

bool set_remove(struct value_ref *ref, struct slice member)
{
    bool removed;
    if (entry_encoding(ref->e) == ENCODING_HASHTABLE) {
        removed = table_remove(ref->e, member);
    } else {
        struct item i = item_of(member);
        removed = packed_remove(ref, &i);
    }
    if (removed && set_count(ref->e) == 0) value_drop(ref);
    return removed;
}

/* --- the object, for value.c --- */

void set_object_free(void *object) { hashtable_free(object); }

void *set_object_copy(const void *object)
{
    struct hashtable *copy = hashtable_new(&members_type);
    (void)hashtable_expand(copy, hashtable_count(object));
    struct hashtable_iter it;
    hashtable_iter_init(&it, object);
    for (const void *m; (m = hashtable_iter_next(&it)) != NULL;) insert_new(copy, member_slice(m), member_hash(m));
    return copy;
}

size_t set_object_bytes(const void *object, size_t samples)
{
    size_t count = hashtable_count(object), seen = 0, bytes = 0;
    struct hashtable_iter it;
    hashtable_iter_init(&it, object);
    for (const void *m; (samples == 0 || seen < samples) && (m = hashtable_iter_next(&it)) != NULL; seen++)
        bytes += mem_good_size(member_bytes(m));
    return hashtable_memory(object) + (seen == 0 ? 0 : (size_t)((double)bytes / (double)seen * (double)count));
}
