/* SPDX-License-Identifier: MIT */
/*
 * A bucket is one cache line:
 *
 *   0      1                8        16                 56       64
 *   +------+----------------+--------+------- ... ------+--------+
 *   | meta | tags 0 ... 6   | slot 0 | slots 1 ... 5    | slot 6 |
 *   +------+----------------+--------+------- ... ------+--------+
 *
 *   meta  bits 0-6: slot i holds an entry; bit 7: chained, and slot 6 is the link to a child bucket of the same form
 *   tag   the top 8 bits of the entry's hash; the bucket's index are its low bits
 *
 * A lookup touches the bucket, compares seven tags at once, and follows a pointer only when its tag is equal: two
 * cache misses for a hit, one for a miss.
 *
 * A resize keeps two arrays and moves array 0 into array 1, bucket by bucket:
 *
 *   array 0   [ moved, empty ... | rehash_pos ... not moved yet ]        array 1   [ ... ]
 *
 * A key belongs in array 0 when its bucket there is not moved yet and in array 1 when it is, also a key that is
 * inserted meanwhile. So every hash has exactly one home bucket at any time, and a lookup searches one chain only.
 *
 * Invariants:
 *   1. Slots fill from 0 upwards without a gap.
 *   2. Only full buckets are chained: 6 entries and the link. The last bucket of a chain holds at least 2 entries.
 *   3. Every entry is in the chain of its home bucket and its tag is that of its hash.
 *   4. Moved buckets of array 0 are empty and unchained. rehash_pos is 0 when no resize is under way.
 *   5. entries[] count what is in the arrays, pools[].used the child buckets of each.
 *   6. longest[a] is at least the length of the longest chain of array a, in buckets.
 *
 * The arrays are multiples of 64 bytes in allocator classes of the same size, which aligns them to cache lines;
 * the large ones are mappings of their own in huge pages. Child buckets come from a pool of the array they hang on, and
 * go with it: freed one by one at every growth they would leave the allocator's pages full of holes.
 */
#include "ds/hashtable.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/assert.h"
#include "base/mem.h"
#include "base/worker.h"

#define SLOTS 7u
#define LINK_SLOT 6u
#define ALL_SLOTS 0x7fu
#define CHAINED 0x80u

struct bucket {
    uint8_t meta;
    uint8_t tags[SLOTS];
    void *slots[SLOTS];
};
_Static_assert(sizeof(void *) == 8, "the layout is for 64 bits");
_Static_assert(sizeof(struct bucket) == 64, "a bucket is a cache line");
_Static_assert(offsetof(struct bucket, slots) == 8, "meta and tags are one word");

/* Child buckets, a chunk at a time. */
struct pool {
    struct bucket **chunks;
    struct bucket *free_list; /* linked through slot 0 */
    size_t chunk_count;
    size_t chunk_used; /* buckets ever taken from the last chunk */
    size_t used;       /* buckets in chains now */
};

struct hashtable {
    struct hashtable_counts counts; /* first: hashtable_count reads it */
    struct bucket *array[2];        /* [1] is NULL unless a resize is under way */
    size_t mask[2];
    size_t rehash_pos; /* next bucket of array 0 to move; home_of compares with it, always */
    struct hashtable_type type;
    size_t capacity; /* entries at which array 0 is as full as max_fill allows; 0 while there is no array */
    struct pool pools[2];
    uint32_t longest[2];
    bool resize_allowed;
};
_Static_assert(offsetof(struct hashtable, counts) == 0, "hashtable_count reads the counts at the start");

/* Where array[0] points while the table is empty and new: lookups need no test for it. Never written. */
static const struct bucket no_bucket;

/* Buckets moved by an insertion or removal. Growth starts with 7 entries a bucket, so 2 end it after a fourteenth
 * more. */
#define STEP_BUCKETS 2
/* Empty buckets looked at in place of one with entries. */
#define EMPTY_PER_BUCKET 8
/* A shrink is never by more, so that it ends before inserts could overfill the small array. */
#define SHRINK_FACTOR_MAX 16
#define EMERGENCY_FILL_FACTOR 3
#define BUCKETS_MAX ((size_t)1 << 40)
/* A chunk of child buckets is this part of the array. */
#define CHUNK_PART 256
#define MAP_MIN_BYTES ((size_t)2 << 20)
/* Unmapping more than this takes long enough to notice. */
#define UNMAP_HERE_MAX_BYTES ((size_t)16 << 20)
/* How far walks run ahead, in buckets: the bucket's line, its child's, its entries. */
#define AHEAD_BUCKET 12
#define AHEAD_CHILD 6
#define AHEAD_ENTRIES 3
#define RANDOM_TRIES 4096

/* --- buckets --- */

static inline uint8_t tag_of(uint64_t hash) { return (uint8_t)(hash >> 56); }

static inline struct bucket *child_of(const struct bucket *b) { return b->meta & CHAINED ? b->slots[LINK_SLOT] : NULL; }

static inline unsigned entries_in(const struct bucket *b) { return (unsigned)__builtin_ctz(~(b->meta & ALL_SLOTS)); }

/* Bit i is set when slot i holds an entry with this tag. */
static inline unsigned match(const struct bucket *b, uint8_t tag)
{
#if defined(__SSE2__) && !defined(HASHTABLE_NO_SIMD)
    __m128i word = _mm_loadl_epi64((const __m128i *)(const void *)b);
    unsigned equal = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(word, _mm_set1_epi8((char)tag)));
#else
    const uint64_t low7 = 0x7f7f7f7f7f7f7f7f;
    uint64_t word;
    memcpy(&word, b, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    /* The high bit of each byte that is zero after the xor; then those bits gathered into the top byte. */
    uint64_t differs = word ^ (0x0101010101010101 * (uint64_t)tag);
    uint64_t zero = ~(((differs & low7) + low7) | differs | low7);
    unsigned equal = (unsigned)(((zero >> 7) * 0x0102040810204080) >> 56);
#endif
    return (equal >> 1) & b->meta & ALL_SLOTS;
}

static inline void prefetch_entries_of(const struct bucket *b)
{
    for (unsigned i = 0, n = entries_in(b); i < n; i++) {
        __builtin_prefetch(b->slots[i]);
        __builtin_prefetch((const char *)b->slots[i] + 64);
    }
}

/* For walks in bucket order: what bucket i + AHEAD_... will need. */
static inline void look_ahead(const struct bucket *array, size_t mask, size_t i)
{
    if (__builtin_expect(i + AHEAD_BUCKET > mask, 0)) {
        if (i + AHEAD_ENTRIES <= mask) prefetch_entries_of(&array[i + AHEAD_ENTRIES]);
        return;
    }
    __builtin_prefetch(&array[i + AHEAD_BUCKET]);
    const struct bucket *child = child_of(&array[i + AHEAD_CHILD]);
    if (child) __builtin_prefetch(child);
    const struct bucket *b = &array[i + AHEAD_ENTRIES];
    prefetch_entries_of(b);
    child = child_of(b);
    if (child) prefetch_entries_of(child);
}

/* --- child buckets --- */

static size_t chunk_buckets(const struct hashtable *t, unsigned a)
{
    return t->mask[a] < CHUNK_PART ? 1 : (t->mask[a] + 1) / CHUNK_PART;
}

static struct bucket *child_new(struct hashtable *t, unsigned a)
{
    struct pool *p = &t->pools[a];
    size_t chunk_size = chunk_buckets(t, a);
    p->used++;
    if (p->free_list) {
        struct bucket *child = p->free_list;
        p->free_list = child->slots[0];
        return child;
    }
    if (p->chunk_count == 0 || p->chunk_used == chunk_size) {
        p->chunks = mem_realloc(p->chunks, (p->chunk_count + 1) * sizeof(void *));
        p->chunks[p->chunk_count++] = mem_alloc(chunk_size * sizeof(struct bucket));
        p->chunk_used = 0;
    }
    return &p->chunks[p->chunk_count - 1][p->chunk_used++];
}

static void pool_clear(struct hashtable *t, unsigned a)
{
    struct pool *p = &t->pools[a];
    size_t bytes = chunk_buckets(t, a) * sizeof(struct bucket);
    for (size_t i = 0; i < p->chunk_count; i++) mem_free_sized(p->chunks[i], bytes);
    mem_free(p->chunks);
    *p = (struct pool){0};
}

static void child_free(struct hashtable *t, unsigned a, struct bucket *child)
{
    struct pool *p = &t->pools[a];
    child->slots[0] = p->free_list;
    p->free_list = child;
    if (--p->used == 0) pool_clear(t, a);
}

static size_t pool_bytes(const struct hashtable *t, unsigned a)
{
    const struct pool *p = &t->pools[a];
    return p->chunk_count * (chunk_buckets(t, a) * sizeof(struct bucket) + sizeof(void *));
}

/* Makes the full bucket b a chained one and returns the new child. */
static struct bucket *extend(struct hashtable *t, unsigned a, struct bucket *b)
{
    struct bucket *child = child_new(t, a);
    child->meta = 1;
    child->tags[0] = b->tags[LINK_SLOT];
    child->slots[0] = b->slots[LINK_SLOT];
    b->slots[LINK_SLOT] = child;
    b->meta = (ALL_SLOTS >> 1) | CHAINED;
    return child;
}

/* Frees the only child of `parent` and takes its one entry into the link's place. */
static void fold_child(struct hashtable *t, unsigned a, struct bucket *parent)
{
    struct bucket *child = parent->slots[LINK_SLOT];
    parent->tags[LINK_SLOT] = child->tags[0];
    parent->slots[LINK_SLOT] = child->slots[0];
    parent->meta = ALL_SLOTS;
    child_free(t, a, child);
}

static void put(struct hashtable *t, unsigned a, struct bucket *b, void *entry, uint8_t tag)
{
    uint32_t depth = 1;
    for (; b->meta & CHAINED; depth++) b = b->slots[LINK_SLOT];
    if (b->meta == ALL_SLOTS) {
        b = extend(t, a, b);
        depth++;
    }
    if (depth > t->longest[a]) t->longest[a] = depth;
    unsigned i = entries_in(b);
    b->tags[i] = tag;
    b->slots[i] = entry;
    b->meta |= (uint8_t)(1u << i);
    t->counts.entries[a]++;
}

/* --- arrays --- */

static size_t capacity_of(const struct hashtable *t, size_t buckets) { return buckets * t->type.max_fill / 100; }

static size_t buckets_for(const struct hashtable *t, size_t count)
{
    size_t buckets = 1;
    while (capacity_of(t, buckets) < count && buckets < BUCKETS_MAX) buckets *= 2;
    return buckets;
}

static struct bucket *array_new(size_t buckets)
{
    size_t bytes = buckets * sizeof(struct bucket);
    return bytes >= MAP_MIN_BYTES ? mem_map(bytes) : mem_calloc(bytes);
}

/* NULL when there is no memory for a large one. */
static struct bucket *array_try_new(size_t buckets)
{
    size_t bytes = buckets * sizeof(struct bucket);
    return bytes >= MAP_MIN_BYTES ? mem_try_map(bytes) : mem_calloc(bytes);
}

static void array_free(struct bucket *array, size_t buckets)
{
    size_t bytes = buckets * sizeof(struct bucket);
    if (array == &no_bucket) return;
    if (bytes >= MAP_MIN_BYTES)
        mem_unmap(array, bytes);
    else
        mem_free_sized(array, bytes);
}

struct array_job {
    struct bucket *array;
    size_t buckets;
};

static void run_array_job(void *arg)
{
    struct array_job *job = arg;
    array_free(job->array, job->buckets);
    mem_free_sized(job, sizeof(*job));
}

/* At the end of a resize in the middle of a command: giving back a large mapping must not stall it. */
static void array_free_soon(struct bucket *array, size_t buckets)
{
    if (buckets * sizeof(struct bucket) <= UNMAP_HERE_MAX_BYTES) {
        array_free(array, buckets);
        return;
    }
    struct array_job *job = mem_alloc(sizeof(*job));
    *job = (struct array_job){array, buckets};
    worker_submit(run_array_job, job);
}

/* Takes an array of `buckets` empty buckets as the only one. The pools are empty, or moved by the caller. */
static void set_only_array(struct hashtable *t, struct bucket *array, size_t buckets)
{
    t->array[0] = array;
    t->mask[0] = buckets - 1;
    t->capacity = array == &no_bucket ? 0 : capacity_of(t, buckets);
    t->longest[0] = 1;
    t->array[1] = NULL;
    t->mask[1] = 0;
    t->longest[1] = 0;
    t->rehash_pos = 0;
    t->counts = (struct hashtable_counts){0};
    t->pools[0] = t->pools[1] = (struct pool){0};
}

static void set_no_array(struct hashtable *t) { set_only_array(t, (struct bucket *)&no_bucket, 1); }

static inline bool has_array(const struct hashtable *t) { return t->array[0] != &no_bucket; }

/* Unmoved buckets of array 0 and those of array 1 as one row of numbers; array 1 begins at *first. */
static inline size_t row_length(const struct hashtable *t, size_t *first)
{
    *first = t->mask[0] + 1 - t->rehash_pos;
    return *first + (t->array[1] ? t->mask[1] + 1 : 0);
}

static inline struct bucket *row_bucket(const struct hashtable *t, size_t first, size_t i)
{
    return i < first ? &t->array[0][t->rehash_pos + i] : &t->array[1][i - first];
}

/* --- resizing --- */

bool hashtable_is_rehashing(const struct hashtable *t) { return t->array[1] != NULL; }

/* Judged by the buckets that keys can be in at this point of a resize: the others are no relief. */
static bool is_too_full(const struct hashtable *t)
{
    size_t old = t->mask[0] + 1, new = t->mask[1] + 1;
    size_t reached = new > old ? t->rehash_pos *(new / old) : t->rehash_pos < new ? t->rehash_pos : new;
    return t->counts.entries[0] > EMERGENCY_FILL_FACTOR * capacity_of(t, old - t->rehash_pos) ||
           t->counts.entries[1] > EMERGENCY_FILL_FACTOR * capacity_of(t, reached);
}

static inline bool may_move(const struct hashtable *t) { return t->array[1] && (t->resize_allowed || is_too_full(t)); }

/* Into an empty array of so many buckets. */
static void start_resize(struct hashtable *t, struct bucket *array, size_t buckets)
{
    if (hashtable_count(t) == 0) {
        array_free_soon(t->array[0], t->mask[0] + 1);
        set_only_array(t, array, buckets);
        return;
    }
    t->array[1] = array;
    t->mask[1] = buckets - 1;
    t->longest[1] = 1;
    t->rehash_pos = 0;
}

static void finish_resize(struct hashtable *t)
{
    struct hashtable_counts counts = {{t->counts.entries[1], 0}};
    struct pool pool = t->pools[1];
    uint32_t longest = t->longest[1];
    pool_clear(t, 0);
    array_free_soon(t->array[0], t->mask[0] + 1);
    set_only_array(t, t->array[1], t->mask[1] + 1);
    t->counts = counts;
    t->pools[0] = pool;
    t->longest[0] = longest;
}

/* Moves the chain of one bucket into array 1. */
static void move_bucket(struct hashtable *t, struct bucket *top)
{
    struct bucket *b = top;
    while (b) {
        unsigned n = entries_in(b);
        for (unsigned i = 0; i < n; i++) {
            uint64_t hash = t->type.hash_of(b->slots[i]);
            put(t, 1, &t->array[1][hash & t->mask[1]], b->slots[i], b->tags[i]);
        }
        t->counts.entries[0] -= n;
        struct bucket *child = child_of(b);
        if (b != top) child_free(t, 0, b);
        b = child;
    }
    top->meta = 0;
}

static void move_buckets(struct hashtable *t, size_t buckets)
{
    size_t looks = buckets * EMPTY_PER_BUCKET;
    while (buckets > 0 && looks > 0 && t->rehash_pos <= t->mask[0]) {
        struct bucket *b = &t->array[0][t->rehash_pos];
        look_ahead(t->array[0], t->mask[0], t->rehash_pos);
        __builtin_prefetch(&t->array[1][(t->rehash_pos + AHEAD_ENTRIES) & t->mask[1]], 1);
        __builtin_prefetch(&t->array[1][(t->rehash_pos + AHEAD_ENTRIES + t->mask[0] + 1) & t->mask[1]], 1);
        if (b->meta) {
            move_bucket(t, b);
            buckets--;
        }
        looks--;
        t->rehash_pos++;
    }
    if (t->rehash_pos > t->mask[0] || hashtable_count(t) == 0) finish_resize(t);
}

bool hashtable_rehash_step(struct hashtable *t, size_t buckets)
{
    if (may_move(t)) move_buckets(t, buckets);
    return may_move(t);
}

static void grow_if_needed(struct hashtable *t)
{
    size_t wanted = hashtable_count(t) + 1;
    if (wanted <= t->capacity) return;
    bool may_wait = has_array(t) && !t->resize_allowed;
    if (may_wait && wanted <= EMERGENCY_FILL_FACTOR * t->capacity) return;
    size_t buckets = buckets_for(t, wanted);
    if (buckets > t->mask[0] + 1 || !has_array(t)) start_resize(t, array_new(buckets), buckets);
}

void hashtable_shrink_if_needed(struct hashtable *t)
{
    size_t count = hashtable_count(t), buckets = t->mask[0] + 1;
    if (count >= t->capacity / 8 || buckets == 1 || t->array[1] || !t->resize_allowed) return;
    if (count == 0) {
        array_free_soon(t->array[0], buckets);
        set_no_array(t);
        return;
    }
    size_t target = buckets_for(t, 2 * count);
    if (target < buckets / SHRINK_FACTOR_MAX) target = buckets / SHRINK_FACTOR_MAX;
    start_resize(t, array_new(target), target);
}

/* What every removal ends with. */
static void after_removal(struct hashtable *t)
{
    if (t->array[1])
        hashtable_rehash_step(t, STEP_BUCKETS);
    else
        hashtable_shrink_if_needed(t);
}

bool hashtable_expand(struct hashtable *t, size_t count)
{
    if (count > BUCKETS_MAX * (t->type.max_fill / 100)) return false;
    size_t buckets = buckets_for(t, count);
    size_t present = (t->array[1] ? t->mask[1] : t->mask[0]) + 1;
    if (has_array(t) && buckets <= present) return true;
    if (!t->resize_allowed && hashtable_count(t) > 0) return true;
    struct bucket *array = array_try_new(buckets);
    if (!array) return false;
    while (t->array[1]) move_buckets(t, t->mask[0] + 1);
    start_resize(t, array, buckets);
    return true;
}

void hashtable_set_resize_allowed(struct hashtable *t, bool allowed) { t->resize_allowed = allowed; }

/* --- one entry --- */

/* The one chain that may hold a key of this hash. */
static inline struct bucket *home_of(const struct hashtable *t, uint64_t hash, unsigned *a)
{
    size_t i = hash & t->mask[0];
    *a = 0;
    if (__builtin_expect(i < t->rehash_pos, 0)) {
        *a = 1;
        return &t->array[1][hash & t->mask[1]];
    }
    return &t->array[0][i];
}

/* An entry's place, with what a removal needs to know. */
struct place {
    struct bucket *bucket; /* NULL: not found */
    struct bucket *parent; /* NULL when the bucket is not a child */
    unsigned slot;
    unsigned array;
};

static inline struct place find_place(const struct hashtable *t, const char *key, size_t len, uint64_t hash)
{
    struct place p = {.parent = NULL};
    uint8_t tag = tag_of(hash);
    struct bucket *b = home_of(t, hash, &p.array);
    for (; b; p.parent = b, b = child_of(b)) {
        for (unsigned m = match(b, tag); m; m &= m - 1) {
            p.slot = (unsigned)__builtin_ctz(m);
            p.bucket = b;
            if (__builtin_expect(t->type.has_key(b->slots[p.slot], key, len), 1)) return p;
        }
    }
    p.bucket = NULL;
    return p;
}

static inline struct place find_place_of(const struct hashtable *t, const void *entry, uint64_t hash)
{
    struct place p = {.parent = NULL};
    uint8_t tag = tag_of(hash);
    struct bucket *b = home_of(t, hash, &p.array);
    for (; b; p.parent = b, b = child_of(b)) {
        for (unsigned m = match(b, tag); m; m &= m - 1) {
            p.slot = (unsigned)__builtin_ctz(m);
            p.bucket = b;
            if (b->slots[p.slot] == entry) return p;
        }
    }
    p.bucket = NULL;
    return p;
}

void *hashtable_find(const struct hashtable *t, const char *key, size_t len, uint64_t hash)
{
    struct place p = find_place(t, key, len, hash);
    return p.bucket ? p.bucket->slots[p.slot] : NULL;
}

void **hashtable_find_slot(struct hashtable *t, const char *key, size_t len, uint64_t hash)
{
    struct place p = find_place(t, key, len, hash);
    return p.bucket ? &p.bucket->slots[p.slot] : NULL;
}

void **hashtable_find_slot_of(struct hashtable *t, const void *entry, uint64_t hash)
{
    struct place p = find_place_of(t, entry, hash);
    return p.bucket ? &p.bucket->slots[p.slot] : NULL;
}

void hashtable_insert(struct hashtable *t, void *entry, uint64_t hash)
{
    unsigned a;
    if (t->array[1])
        hashtable_rehash_step(t, STEP_BUCKETS);
    else
        grow_if_needed(t);
    struct bucket *b = home_of(t, hash, &a);
    put(t, a, b, entry, tag_of(hash));
}

/* The last entry of the chain fills the gap; a last bucket with one entry left is folded into its parent. */
static void *take_out(struct hashtable *t, struct place p)
{
    void *entry = p.bucket->slots[p.slot];
    struct bucket *last = p.bucket, *parent = p.parent;
    while (last->meta & CHAINED) {
        parent = last;
        last = last->slots[LINK_SLOT];
    }
    unsigned from = entries_in(last) - 1;
    p.bucket->tags[p.slot] = last->tags[from];
    p.bucket->slots[p.slot] = last->slots[from];
    last->meta &= (uint8_t) ~(1u << from);
    t->counts.entries[p.array]--;
    if (parent && last->meta == 1) fold_child(t, p.array, parent);
    after_removal(t);
    return entry;
}

void *hashtable_remove(struct hashtable *t, const char *key, size_t len, uint64_t hash)
{
    struct place p = find_place(t, key, len, hash);
    return p.bucket ? take_out(t, p) : NULL;
}

bool hashtable_remove_entry(struct hashtable *t, const void *entry, uint64_t hash)
{
    struct place p = find_place_of(t, entry, hash);
    if (p.bucket) take_out(t, p);
    return p.bucket != NULL;
}

void hashtable_prefetch_bucket(const struct hashtable *t, uint64_t hash)
{
    unsigned a;
    __builtin_prefetch(home_of(t, hash, &a));
}

static inline void prefetch_match(const struct bucket *b, unsigned m)
{
    const char *entry = b->slots[__builtin_ctz(m)];
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + 64);
}

bool hashtable_prefetch_entry(const struct hashtable *t, uint64_t hash)
{
    unsigned a;
    const struct bucket *b = home_of(t, hash, &a);
    unsigned m = match(b, tag_of(hash));
    if (m) {
        prefetch_match(b, m);
        return false;
    }
    if (b->meta & CHAINED) __builtin_prefetch(b->slots[LINK_SLOT]);
    return b->meta & CHAINED;
}

void hashtable_prefetch_child_entry(const struct hashtable *t, uint64_t hash)
{
    unsigned a;
    const struct bucket *child = child_of(home_of(t, hash, &a));
    unsigned m = child ? match(child, tag_of(hash)) : 0;
    if (m) prefetch_match(child, m);
}

/* --- the table --- */

struct hashtable *hashtable_new(const struct hashtable_type *type)
{
    ASSERT(type->max_fill >= 100 && type->max_fill <= 900);
    struct hashtable *t = mem_calloc(sizeof(*t));
    t->type = *type;
    t->resize_allowed = true;
    set_no_array(t);
    return t;
}

static void free_bucket_entries(const struct hashtable *t, const struct bucket *b)
{
    if (!t->type.free_entry) return;
    for (unsigned i = 0, n = entries_in(b); i < n; i++) t->type.free_entry(b->slots[i]);
}

static void free_array_with_entries(struct hashtable *t, unsigned a, size_t from)
{
    struct bucket *array = t->array[a];
    for (size_t i = from; i <= t->mask[a] && t->counts.entries[a] > 0; i++) {
        if (t->type.free_entry) look_ahead(array, t->mask[a], i);
        free_bucket_entries(t, &array[i]);
        struct bucket *child = child_of(&array[i]);
        while (child) {
            free_bucket_entries(t, child);
            child = child_of(child);
        }
    }
    pool_clear(t, a);
    array_free(array, t->mask[a] + 1);
}

void hashtable_clear(struct hashtable *t)
{
    free_array_with_entries(t, 0, t->rehash_pos);
    if (t->array[1]) free_array_with_entries(t, 1, 0);
    set_no_array(t);
}

void hashtable_free(struct hashtable *t)
{
    if (!t) return;
    hashtable_clear(t);
    mem_free_sized(t, sizeof(*t));
}

static size_t top_buckets(const struct hashtable *t, unsigned a)
{
    return t->array[a] && t->array[a] != &no_bucket ? t->mask[a] + 1 : 0;
}

size_t hashtable_memory(const struct hashtable *t)
{
    size_t buckets = top_buckets(t, 0) + top_buckets(t, 1);
    return mem_good_size(sizeof(*t)) + buckets * sizeof(struct bucket) + pool_bytes(t, 0) + pool_bytes(t, 1);
}

/* --- walks --- */

static void scan_chain(const struct bucket *top, void (*fn)(void *ctx, void *entry), void *ctx)
{
    for (const struct bucket *b = top; b; b = child_of(b)) prefetch_entries_of(b);
    for (const struct bucket *b = top; b; b = child_of(b))
        for (unsigned i = 0, n = entries_in(b); i < n; i++) fn(ctx, b->slots[i]);
}

static uint64_t reverse_bits(uint64_t v)
{
    v = ((v >> 1) & 0x5555555555555555) | ((v & 0x5555555555555555) << 1);
    v = ((v >> 2) & 0x3333333333333333) | ((v & 0x3333333333333333) << 2);
    v = ((v >> 4) & 0x0f0f0f0f0f0f0f0f) | ((v & 0x0f0f0f0f0f0f0f0f) << 4);
    return __builtin_bswap64(v);
}

/* Counts up in the bits of the mask from the highest down, so that buckets which a resize merges or splits are
 * neighbours in the order and a cursor means the same in arrays of any size. */
static uint64_t next_cursor(uint64_t cursor, size_t mask) { return reverse_bits(reverse_bits(cursor | ~mask) + 1); }

uint64_t hashtable_scan(const struct hashtable *t, uint64_t cursor, void (*fn)(void *ctx, void *entry), void *ctx)
{
    if (!t->array[1]) {
        scan_chain(&t->array[0][cursor & t->mask[0]], fn, ctx);
        cursor = next_cursor(cursor, t->mask[0]);
        __builtin_prefetch(&t->array[0][cursor & t->mask[0]]);
        return cursor;
    }
    unsigned small = t->mask[0] <= t->mask[1] ? 0 : 1, large = 1 - small;
    scan_chain(&t->array[small][cursor & t->mask[small]], fn, ctx);
    do { /* every bucket of the large array that belongs to the one of the small */
        scan_chain(&t->array[large][cursor & t->mask[large]], fn, ctx);
        cursor = next_cursor(cursor, t->mask[large]);
    } while (cursor & (t->mask[small] ^ t->mask[large]));
    return cursor;
}

void hashtable_iter_init(struct hashtable_iter *it, const struct hashtable *t)
{
    *it = (struct hashtable_iter){.table = t, .bucket = t->rehash_pos, .current = &t->array[0][t->rehash_pos]};
    size_t ahead = t->rehash_pos + AHEAD_ENTRIES;
    for (size_t i = t->rehash_pos; i < ahead && i <= t->mask[0]; i++) prefetch_entries_of(&t->array[0][i]);
}

/* The bucket after the current one: its child, the next of the array, the first of the other array, or NULL. */
static const struct bucket *iter_next_bucket(struct hashtable_iter *it, const struct bucket *b)
{
    const struct hashtable *t = it->table;
    const struct bucket *child = child_of(b);
    if (child) return child;
    if (it->bucket == t->mask[it->array]) {
        if (it->array == 1 || !t->array[1]) return NULL;
        it->array = 1;
        it->bucket = 0;
    } else {
        it->bucket++;
    }
    look_ahead(t->array[it->array], t->mask[it->array], it->bucket);
    return &t->array[it->array][it->bucket];
}

void *hashtable_iter_next(struct hashtable_iter *it)
{
    const struct bucket *b = it->current;
    while (b && it->slot >= entries_in(b)) {
        b = iter_next_bucket(it, b);
        it->current = b;
        it->slot = 0;
    }
    return b ? b->slots[it->slot++] : NULL;
}

/* --- random entries --- */

/* Entry n of a chain, NULL when it is shorter. */
static void *chain_entry(const struct bucket *b, size_t n)
{
    while (n >= LINK_SLOT && (b->meta & CHAINED)) {
        n -= LINK_SLOT;
        b = b->slots[LINK_SLOT];
    }
    return n < entries_in(b) ? b->slots[n] : NULL;
}

static void *nth_entry(const struct hashtable *t, size_t n)
{
    struct hashtable_iter it;
    hashtable_iter_init(&it, t);
    void *entry = hashtable_iter_next(&it);
    while (n-- > 0) entry = hashtable_iter_next(&it);
    return entry;
}

/* Throws at a board with one row per bucket, as wide as the longest chain may be: every entry is one field. A table so
 * empty that nothing is hit (nothing shrinks while a snapshot child lives) is walked. */
void *hashtable_random(const struct hashtable *t, struct rng *rng)
{
    size_t count = hashtable_count(t);
    if (count == 0) return NULL;
    size_t first, rows = row_length(t, &first);
    uint32_t depth = t->longest[0] > t->longest[1] ? t->longest[0] : t->longest[1];
    size_t width = LINK_SLOT * (depth - 1) + SLOTS;
    for (int i = 0; i < RANDOM_TRIES; i++) {
        size_t field = rng_below(rng, rows * width);
        void *entry = chain_entry(row_bucket(t, first, field / width), field % width);
        if (entry) return entry;
    }
    return nth_entry(t, rng_below(rng, count));
}

size_t hashtable_sample(const struct hashtable *t, struct rng *rng, void **out, size_t n)
{
    size_t count = hashtable_count(t);
    if (count == 0 || n == 0) return 0;
    size_t first, rows = row_length(t, &first), got = 0;
    size_t at = rng_below(rng, rows), looks = 16 * n;
    for (; got < n && looks > 0; looks--, at = at + 1 == rows ? 0 : at + 1) {
        for (const struct bucket *b = row_bucket(t, first, at); b; b = child_of(b))
            for (unsigned i = 0, in = entries_in(b); i < in && got < n; i++) out[got++] = b->slots[i];
    }
    if (got == 0) out[got++] = hashtable_random(t, rng);
    return got;
}

/* --- statistics and validation --- */

static size_t chain_length(const struct bucket *b)
{
    size_t n = 0;
    for (; b; b = child_of(b)) n++;
    return n;
}

void hashtable_stats(const struct hashtable *t, struct hashtable_stats *out)
{
    *out = (struct hashtable_stats){.rehash_position = t->rehash_pos};
    out->chained_buckets = t->pools[0].used + t->pools[1].used;
    for (unsigned a = 0; a < 2; a++) {
        out->buckets[a] = top_buckets(t, a);
        out->entries[a] = t->counts.entries[a];
        for (size_t i = 0; i < out->buckets[a]; i++) {
            size_t length = chain_length(&t->array[a][i]);
            if (length > out->longest_chain) out->longest_chain = length;
        }
    }
}

static bool bucket_is_valid(const struct hashtable *t, unsigned a, const struct bucket *b, const struct bucket *top)
{
    unsigned present = b->meta & ALL_SLOTS;
    if (present & (present + 1)) return false;
    if ((b->meta & CHAINED) && present != ALL_SLOTS >> 1) return false;
    if (b != top && !(b->meta & CHAINED) && entries_in(b) < 2) return false;
    for (unsigned i = 0, n = entries_in(b); i < n; i++) {
        unsigned home_array;
        uint64_t hash = t->type.hash_of(b->slots[i]);
        if (home_of(t, hash, &home_array) != top || home_array != a || b->tags[i] != tag_of(hash)) return false;
    }
    return true;
}

static bool array_is_valid(const struct hashtable *t, unsigned a)
{
    size_t entries = 0, children = 0;
    for (size_t i = 0; i <= t->mask[a]; i++) {
        const struct bucket *top = &t->array[a][i];
        if (a == 0 && i < t->rehash_pos && top->meta != 0) return false;
        size_t length = chain_length(top);
        if (length > t->longest[a]) return false;
        children += length - 1;
        for (const struct bucket *b = top; b; b = child_of(b)) {
            if (!bucket_is_valid(t, a, b, top)) return false;
            entries += entries_in(b);
        }
    }
    return entries == t->counts.entries[a] && children == t->pools[a].used;
}

bool hashtable_is_valid(const struct hashtable *t)
{
    if (!t->array[1] && (t->rehash_pos != 0 || t->counts.entries[1] != 0)) return false;
    if (!has_array(t) && (hashtable_count(t) != 0 || no_bucket.meta != 0)) return false;
    if (t->rehash_pos > t->mask[0]) return false;
    return array_is_valid(t, 0) && (!t->array[1] || array_is_valid(t, 1));
}
