/* SPDX-License-Identifier: MIT */
/*
 * The two forms of a sorted set:
 *
 *   ENCODING_LISTPACK   member, score, member, score ... in the order of (score, member). A score that is a whole number is stored as an
 *                       integer, any other as the shortest text that reads back the same: what RDB files hold.
 *   ENCODING_SKIPLIST   struct zset_object: every element is one allocation (`struct ranked`: score and member), found by member in a
 *                       hashtable and by order in a ranked tree.
 *
 * A listpack becomes an object when it has too many members or one too long (value_limits), and stays one. The score stands in the element and
 * in the tree's leaf: with the score alone in the leaf an element of 16 bytes would still take an allocation of 32, ZSCORE would need a way
 * from the element to its leaf, and with the score alone in the element every step of a search would miss the cache.
 *
 * Invariants:
 *   1. Pairs of a listpack ascend by (score, member). One that a file brought may break that; nothing here relies on it but for finding places.
 *   2. Table and tree of an object hold the same elements. The tree owns them.
 *   3. A sorted set of a database is never empty.
 */
#include "store/zset.h"

#include <math.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "ds/listpack.h"
#include "store/db_private.h"
#include "store/object.h"

/* As full as the keyspace's own table: 12.7 bytes of table a member. */
#define WHOLE_SCORE_MAX 4611686018427387904.0 /* 2^62: such scores are integers in a listpack, as in Redis */
#define MAX_FILL 800
/* A hint from a file is believed so far; above the table grows as members come. */
#define EXPECT_MAX ((size_t)1 << 24)

struct zset_object {
    struct hashtable *members; /* of struct ranked */
    struct ranktree *order;
};

static inline bool is_object(const struct entry *e) { return entry_encoding(e) == ENCODING_SKIPLIST; }

/* --- elements of the object --- */

static uint64_t hash_of(const void *el)
{
    struct slice member = ranked_member(el);
    return hash_bytes(member.ptr, member.len);
}

static bool has_key(const void *el, const char *key, size_t len)
{
    struct slice member = ranked_member(el);
    return member.len == len && (len == 0 || memcmp(member.ptr, key, len) == 0);
}

static const struct hashtable_type members_type = {hash_of, has_key, NULL, MAX_FILL};

static inline struct ranked *find_member(const struct zset_object *o, struct slice member, uint64_t hash)
{
    return hashtable_find(o->members, member.ptr, member.len, hash);
}

static inline struct ranked *find(const struct entry *e, struct slice member)
{
    return find_member(value_object(e), member, hash_bytes(member.ptr, member.len));
}

static inline void element_of(const struct ranked *el, struct zset_element *out)
{
    struct slice member = ranked_member(el);
    out->member = (struct item){member.ptr, member.len, 0};
    out->score = ranked_score(el);
}

/* --- scores in a listpack --- */

#define POWERS 23

/* "-12.25" and the like: the digits as one integer and a power of ten that are both exact doubles, so that one division rounds correctly. */
static bool parse_short_decimal(struct slice s, double *out)
{
    static const double powers[POWERS] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                          1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *p = s.ptr, *end = s.ptr + s.len, *point = NULL;
    bool is_negative = p < end && *p == '-';
    if (is_negative) p++;
    if (end - p > 16) return false; /* 15 digits and a point: under 2^53 */
    uint64_t digits = 0;
    size_t count = 0;
    for (; p < end; p++) {
        unsigned digit = (unsigned char)*p - (unsigned)'0';
        if (*p == '.' && !point) {
            point = p + 1;
        } else if (digit <= 9) {
            digits = digits * 10 + digit;
            count++;
        } else {
            return false;
        }
    }
    if (count == 0 || count > 15) return false;
    double value = (double)digits / powers[point ? end - point : 0];
    *out = is_negative ? -value : value;
    return true;
}

/* A text that is no number came from a file: 0. */
static double score_of(const struct item *i)
{
    double score = 0;
    if (item_is_int(i)) return (double)i->integer;
    struct slice text = SLICE(i->ptr, i->len);
    if (!parse_short_decimal(text, &score) && !num_parse_double(text, &score)) score = 0;
    return score;
}

/* `text` has NUM_DOUBLE_CHARS bytes. */
static struct item score_item(double score, char *text)
{
    if (fabs(score) <= WHOLE_SCORE_MAX && score == (double)(int64_t)score)
        return (struct item){NULL, 0, (int64_t)score};
    return (struct item){text, num_format_double(text, score), 0};
}

/* --- pairs of a listpack --- */

/* Reads the pair at a position; returns the position of the next, or LISTPACK_END. */
static inline uint32_t read_pair(const uint8_t *lp, uint32_t at, struct zset_element *out)
{
    struct item score;
    at = listpack_read(lp, at, &out->member);
    at = listpack_read(lp, at, &score);
    out->score = score_of(&score);
    return at;
}

static double score_after(const uint8_t *lp, uint32_t at)
{
    struct item score;
    listpack_get(lp, listpack_next(lp, at), &score);
    return score_of(&score);
}

static uint32_t find_packed(const uint8_t *lp, struct slice member)
{
    uint32_t first = listpack_first(lp);
    if (first == LISTPACK_END) return LISTPACK_END;
    struct item wanted = item_of(member);
    return listpack_find(lp, first, &wanted, 1);
}

static int compare_bytes(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_item(const struct item *i, struct slice text)
{
    char digits[NUM_INT64_CHARS];
    return compare_bytes(item_slice(i, digits), text);
}

static inline bool is_above(const struct zset_element *el, double score, struct slice member)
{
    return el->score > score || (el->score == score && compare_item(&el->member, member) > 0);
}

/* The first pair above (score, member): where a new one goes. LISTPACK_END: behind all. */
static uint32_t place_for(const uint8_t *lp, double score, struct slice member)
{
    struct zset_element el;
    /* Sets that grow in order: the last one tells. */
    uint32_t last = listpack_last(lp);
    if (last == LISTPACK_END) return LISTPACK_END;
    read_pair(lp, listpack_prev(lp, last), &el);
    if (!is_above(&el, score, member)) return LISTPACK_END;
    for (uint32_t at = listpack_first(lp), next; at != LISTPACK_END; at = next) {
        next = read_pair(lp, at, &el);
        if (is_above(&el, score, member)) return at;
    }
    return LISTPACK_END;
}

static void insert_packed(struct value_ref *ref, struct slice member, double score)
{
    char text[NUM_DOUBLE_CHARS];
    struct pack p = value_pack(ref);
    struct item pair[2] = {item_of(member), score_item(score, text)};
    listpack_insert_many(&p, place_for(p.bytes, score, member), pair, 2);
}

/* True when the pair at a position can have another score where it is. */
static bool keeps_place(const uint8_t *lp, uint32_t at, double score, struct slice member)
{
    struct zset_element el;
    uint32_t prev = listpack_prev(lp, at), next = listpack_next(lp, listpack_next(lp, at));
    if (prev != LISTPACK_END) {
        read_pair(lp, listpack_prev(lp, prev), &el);
        if (is_above(&el, score, member)) return false;
    }
    if (next == LISTPACK_END) return true;
    read_pair(lp, next, &el);
    return is_above(&el, score, member);
}

static void rescore_packed(struct value_ref *ref, uint32_t at, struct slice member, double score)
{
    char text[NUM_DOUBLE_CHARS];
    struct pack p = value_pack(ref);
    if (keeps_place(p.bytes, at, score, member)) {
        struct item i = score_item(score, text);
        listpack_replace(&p, listpack_next(p.bytes, at), &i);
        return;
    }
    listpack_delete(&p, at, 2);
    insert_packed(ref, member, score);
}

/* Room for one more member of this size in the packed form. */
static bool fits_packed(const struct entry *e, struct slice member)
{
    const struct value_limits *limits = value_limits();
    struct item longest = {"", member.len + NUM_DOUBLE_CHARS, 0};
    if (member.len > limits->zset_max_listpack_value) return false;
    return zset_count(e) < limits->zset_max_listpack_entries &&
           listpack_fits(value_packed(e), 2 * listpack_element_bytes(&longest));
}

/* --- the object --- */

static struct zset_object *object_new(size_t expected)
{
    struct zset_object *o = mem_alloc(sizeof(*o));
    o->members = hashtable_new(&members_type);
    o->order = NULL;
    if (expected > 0) hashtable_expand(o->members, expected < EXPECT_MAX ? expected : EXPECT_MAX);
    return o;
}

void zset_object_free(void *object)
{
    struct zset_object *o = object;
    if (!o) return;
    hashtable_free(o->members);
    ranktree_free(o->order, true);
    mem_free_sized(o, sizeof(*o));
}

void *zset_object_copy(const void *object)
{
    const struct zset_object *from = object;
    size_t count = ranktree_count(from->order), n = 0;
    struct zset_object *to = object_new(count);
    struct ranked **sorted = mem_alloc(count * sizeof(*sorted));
    struct ranktree_iter it;
    ranktree_iter_init(&it, from->order, 0, false);
    for (const struct ranked *el; (el = ranktree_iter_next(&it)) != NULL; n++) {
        sorted[n] = ranked_new(ranked_member(el), ranked_score(el));
        hashtable_insert(to->members, sorted[n], hash_of(sorted[n]));
    }
    to->order = ranktree_build(sorted, n);
    mem_free(sorted);
    return to;
}

size_t zset_object_bytes(const void *object, size_t samples)
{
    const struct zset_object *o = object;
    size_t count = ranktree_count(o->order), looked = 0, bytes = 0;
    struct hashtable_iter it;
    hashtable_iter_init(&it, o->members);
    for (const struct ranked *el; (samples == 0 || looked < samples) && (el = hashtable_iter_next(&it)); looked++)
        bytes += ranked_bytes(el);
    if (looked > 0) bytes = (size_t)((double)bytes / (double)looked * (double)count);
    return mem_good_size(sizeof(*o)) + hashtable_memory(o->members) + ranktree_memory(o->order) + bytes;
}

/* Elements from a listpack, as yet without a tree. `sorted` gets them in the listpack's order; true when that is the order of the tree. A
 * member that is there twice (only a file can bring it) counts once. */
static bool take_pairs(struct zset_object *o, const uint8_t *lp, struct ranked **sorted, size_t *n)
{
    struct zset_element el;
    char digits[NUM_INT64_CHARS];
    bool is_sorted = true;
    *n = 0;
    for (uint32_t at = listpack_first(lp); at != LISTPACK_END;) {
        at = read_pair(lp, at, &el);
        struct slice member = item_slice(&el.member, digits);
        uint64_t hash = hash_bytes(member.ptr, member.len);
        if (find_member(o, member, hash)) continue;
        const struct ranked *last = *n > 0 ? sorted[*n - 1] : NULL;
        if (last && !is_above(&el, ranked_score(last), ranked_member(last))) is_sorted = false;
        sorted[*n] = ranked_new(member, el.score);
        hashtable_insert(o->members, sorted[*n], hash);
        ++*n;
    }
    return is_sorted;
}

/* `expected` members in all. */
static void become_object(struct value_ref *ref, size_t expected)
{
    size_t n, count = zset_count(ref->e);
    struct zset_object *o = object_new(expected > count ? expected : count);
    struct ranked **sorted = mem_alloc((count + 1) * sizeof(*sorted));
    if (take_pairs(o, value_packed(ref->e), sorted, &n)) {
        o->order = ranktree_build(sorted, n);
    } else {
        o->order = ranktree_new();
        for (size_t i = 0; i < n; i++) ranktree_insert(o->order, sorted[i]);
    }
    mem_free(sorted);
    value_become_object(ref, ENCODING_SKIPLIST, o);
}

static struct zset_object *object_to_change(const struct value_ref *ref)
{
    struct zset_object *o = value_object(ref->e);
    if (ref->db != NULL) hashtable_set_resize_allowed(o->members, !ref->db->ks->child_alive);
    return o;
}

/* --- reading --- */

size_t zset_count(const struct entry *e)
{
    if (is_object(e)) return ranktree_count(((const struct zset_object *)value_object(e))->order);
    return listpack_count(value_packed(e)) / 2;
}

bool zset_score(const struct entry *e, struct slice member, double *score)
{
    if (is_object(e)) {
        const struct ranked *el = find(e, member);
        if (el) *score = ranked_score(el);
        return el != NULL;
    }
    uint32_t at = find_packed(value_packed(e), member);
    if (at != LISTPACK_END) *score = score_after(value_packed(e), at);
    return at != LISTPACK_END;
}

static bool rank_in_packed(const uint8_t *lp, struct slice member, size_t *rank, double *score)
{
    struct zset_element el;
    struct item wanted = item_of(member);
    uint32_t at = listpack_first(lp), next;
    for (size_t i = 0; at != LISTPACK_END; at = next, i++) {
        bool is_it = listpack_equals(lp, at, &wanted);
        next = read_pair(lp, at, &el);
        if (!is_it) continue;
        *rank = i;
        *score = el.score;
        return true;
    }
    return false;
}

bool zset_rank(const struct entry *e, struct slice member, size_t *rank, double *score)
{
    if (!is_object(e)) return rank_in_packed(value_packed(e), member, rank, score);
    const struct ranked *el = find(e, member);
    if (!el) return false;
    *rank = ranktree_rank(((const struct zset_object *)value_object(e))->order, el);
    *score = ranked_score(el);
    return true;
}

/* --- ranges --- */

static bool is_below_min(const struct zset_score_range *r, double score)
{
    return r->min_open ? score <= r->min : score < r->min;
}

static bool is_above_max(const struct zset_score_range *r, double score)
{
    return r->max_open ? score >= r->max : score > r->max;
}

static void set_range(size_t from, size_t to, size_t *first, size_t *count)
{
    *first = from;
    *count = to > from ? to - from : 0;
}

static void packed_ranks_by_score(const uint8_t *lp, const struct zset_score_range *r, size_t *first, size_t *count)
{
    struct zset_element el;
    size_t from = 0, to = 0;
    for (uint32_t at = listpack_first(lp); at != LISTPACK_END; to++) {
        at = read_pair(lp, at, &el);
        if (is_above_max(r, el.score)) break;
        if (is_below_min(r, el.score)) from = to + 1;
    }
    set_range(from, to, first, count);
}

void zset_ranks_by_score(const struct entry *e, const struct zset_score_range *r, size_t *first, size_t *count)
{
    if (!is_object(e)) {
        packed_ranks_by_score(value_packed(e), r, first, count);
        return;
    }
    const struct ranktree *order = ((const struct zset_object *)value_object(e))->order;
    size_t from = ranktree_rank_of_score(order, r->min, r->min_open);
    size_t to = ranktree_rank_of_score(order, r->max, !r->max_open);
    set_range(from, to, first, count);
}

static bool is_lex_above_min(const struct zset_lex_range *r, const struct item *member)
{
    if (r->min_infinite != 0) return r->min_infinite < 0;
    int order = compare_item(member, r->min);
    return r->min_open ? order > 0 : order >= 0;
}

static bool is_lex_below_max(const struct zset_lex_range *r, const struct item *member)
{
    if (r->max_infinite != 0) return r->max_infinite > 0;
    int order = compare_item(member, r->max);
    return r->max_open ? order < 0 : order <= 0;
}

static bool is_lex_empty(const struct zset_lex_range *r)
{
    if (r->min_infinite > 0 || r->max_infinite < 0) return true;
    if (r->min_infinite < 0 || r->max_infinite > 0) return false;
    int order = compare_bytes(r->min, r->max);
    return order > 0 || (order == 0 && (r->min_open || r->max_open));
}

static void packed_ranks_by_lex(const uint8_t *lp, const struct zset_lex_range *r, size_t *first, size_t *count)
{
    struct zset_element el;
    uint32_t at = listpack_first(lp);
    size_t i = 0, n = 0;
    for (; at != LISTPACK_END; i++) {
        uint32_t next = read_pair(lp, at, &el);
        if (is_lex_above_min(r, &el.member)) break;
        at = next;
    }
    for (; at != LISTPACK_END; n++) {
        at = read_pair(lp, at, &el);
        if (!is_lex_below_max(r, &el.member)) break;
    }
    *first = i;
    *count = n;
}

void zset_ranks_by_lex(const struct entry *e, const struct zset_lex_range *r, size_t *first, size_t *count)
{
    *first = *count = 0;
    if (is_lex_empty(r)) return;
    if (!is_object(e)) {
        packed_ranks_by_lex(value_packed(e), r, first, count);
        return;
    }
    const struct ranktree *order = ((const struct zset_object *)value_object(e))->order;
    size_t from = r->min_infinite < 0 ? 0 : ranktree_rank_of_member(order, r->min, r->min_open);
    size_t to = r->max_infinite > 0 ? ranktree_count(order) : ranktree_rank_of_member(order, r->max, !r->max_open);
    set_range(from, to, first, count);
}

/* --- walks --- */

void zset_iter_init(struct zset_iter *it, const struct entry *e, size_t rank, bool backwards)
{
    it->e = e;
    it->backwards = backwards;
    it->at = LISTPACK_END;
    if (is_object(e))
        ranktree_iter_init(&it->order, ((const struct zset_object *)value_object(e))->order, rank, backwards);
    else if (rank < zset_count(e))
        it->at = listpack_seek(value_packed(e), 2 * (int64_t)rank);
}

bool zset_iter_next(struct zset_iter *it)
{
    if (is_object(it->e)) {
        const struct ranked *el = ranktree_iter_next(&it->order);
        if (el) element_of(el, &it->element);
        return el != NULL;
    }
    if (it->at == LISTPACK_END) return false;
    const uint8_t *lp = value_packed(it->e);
    uint32_t next = read_pair(lp, it->at, &it->element);
    if (it->backwards) {
        next = listpack_prev(lp, it->at);
        if (next != LISTPACK_END) next = listpack_prev(lp, next);
    }
    it->at = next;
    return true;
}

void zset_random(const struct entry *e, struct rng *rng, struct zset_element *out)
{
    struct zset_iter it;
    ASSERT(zset_count(e) > 0);
    zset_iter_init(&it, e, rng_below(rng, zset_count(e)), false);
    zset_iter_next(&it);
    *out = it.element;
}

struct scan {
    void (*fn)(void *ctx, const struct zset_element *el);
    void *ctx;
};

static void scan_one(void *ctx, void *entry)
{
    const struct scan *s = ctx;
    struct zset_element el;
    element_of(entry, &el);
    s->fn(s->ctx, &el);
}

uint64_t zset_scan(const struct entry *e, uint64_t cursor, void (*fn)(void *ctx, const struct zset_element *el),
                   void *ctx)
{
    if (is_object(e)) {
        struct scan s = {fn, ctx};
        return hashtable_scan(((const struct zset_object *)value_object(e))->members, cursor, scan_one, &s);
    }
    struct zset_iter it;
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it)) fn(ctx, &it.element);
    return 0;
}

/* --- changing --- */

void zset_find(const struct value_ref *ref, struct slice member, struct zset_found *found)
{
    *found = (struct zset_found){.is_there = false, .at = LISTPACK_END};
    if (!ref->e) return;
    if (!is_object(ref->e)) {
        const uint8_t *lp = value_packed(ref->e);
        found->at = find_packed(lp, member);
        found->is_there = found->at != LISTPACK_END;
        if (found->is_there) found->score = score_after(lp, found->at);
        return;
    }
    found->hash = hash_bytes(member.ptr, member.len);
    found->element = find_member(value_object(ref->e), member, found->hash);
    found->is_there = found->element != NULL;
    if (found->is_there) found->score = ranked_score(found->element);
}

static void add_to_object(struct value_ref *ref, struct slice member, double score, uint64_t hash)
{
    struct zset_object *o = object_to_change(ref);
    struct ranked *el = ranked_new(member, score);
    hashtable_insert(o->members, el, hash);
    ranktree_insert(o->order, el);
}

static void add_member(struct value_ref *ref, struct slice member, double score, const struct zset_found *found)
{
    if (!ref->e) value_create(ref, VALUE_ZSET);
    if (is_object(ref->e)) {
        add_to_object(ref, member, score, found->hash);
    } else if (fits_packed(ref->e, member)) {
        insert_packed(ref, member, score);
    } else {
        become_object(ref, 0);
        add_to_object(ref, member, score, hash_bytes(member.ptr, member.len));
    }
}

bool zset_set_found(struct value_ref *ref, struct slice member, double score, const struct zset_found *found)
{
    ASSERT(!isnan(score));
    if (!found->is_there) {
        add_member(ref, member, score, found);
        return true;
    }
    if (found->score == score) return false;
    if (is_object(ref->e))
        ranktree_set_score(object_to_change(ref)->order, found->element, score);
    else
        rescore_packed(ref, found->at, member, score);
    return false;
}

bool zset_set(struct value_ref *ref, struct slice member, double score)
{
    struct zset_found found;
    zset_find(ref, member, &found);
    return zset_set_found(ref, member, score, &found);
}

static bool remove_from_object(struct value_ref *ref, struct slice member)
{
    struct zset_object *o = object_to_change(ref);
    struct ranked *el = hashtable_remove(o->members, member.ptr, member.len, hash_bytes(member.ptr, member.len));
    if (!el) return false;
    ranktree_remove(o->order, el);
    ranked_free(el);
    return true;
}

static bool remove_packed(struct value_ref *ref, struct slice member)
{
    uint32_t at = find_packed(value_packed(ref->e), member);
    if (at == LISTPACK_END) return false;
    struct pack p = value_pack(ref);
    listpack_delete(&p, at, 2);
    return true;
}

bool zset_remove(struct value_ref *ref, struct slice member)
{
    bool was_there = is_object(ref->e) ? remove_from_object(ref, member) : remove_packed(ref, member);
    if (was_there && zset_count(ref->e) == 0) value_drop(ref);
    return was_there;
}

/* Elements that are out of the tree: shown, taken out of the table and freed. The misses of a run overlap. */
static void discard_run(struct zset_object *o, struct ranked **run, size_t n)
{
    uint64_t hashes[RANKTREE_RUN_MAX];
    for (size_t i = 0; i < n; i++) {
        hashes[i] = hash_of(run[i]);
        hashtable_prefetch_bucket(o->members, hashes[i]);
    }
    for (size_t i = 0; i < n; i++) {
        bool was_there = hashtable_remove_entry(o->members, run[i], hashes[i]);
        ASSERT(was_there);
        ranked_free(run[i]);
    }
}

static void show(const struct entry *e, size_t first, size_t count,
                 void (*fn)(void *ctx, const struct zset_element *el), void *ctx)
{
    struct zset_iter it;
    zset_iter_init(&it, e, first, false);
    while (count-- > 0 && zset_iter_next(&it)) fn(ctx, &it.element);
}

void zset_remove_ranks(struct value_ref *ref, size_t first, size_t count,
                       void (*fn)(void *ctx, const struct zset_element *el), void *ctx)
{
    size_t total = zset_count(ref->e);
    if (first >= total || count == 0) return;
    if (count > total - first) count = total - first;
    if (fn) show(ref->e, first, count, fn, ctx);
    if (count == total) {
        value_drop(ref);
        return;
    }
    if (!is_object(ref->e)) {
        struct pack p = value_pack(ref);
        listpack_delete(&p, listpack_seek(p.bytes, 2 * (int64_t)first), 2 * count);
        return;
    }
    struct zset_object *o = object_to_change(ref);
    struct ranked *run[RANKTREE_RUN_MAX];
    while (count > 0) {
        size_t n = ranktree_take_run(o->order, first, count, run);
        discard_run(o, run, n);
        count -= n;
    }
}

void zset_expect(struct value_ref *ref, size_t count, size_t longest_member)
{
    const struct value_limits *limits = value_limits();
    bool is_large = count > limits->zset_max_listpack_entries || longest_member > limits->zset_max_listpack_value;
    if (!is_large || (ref->e == NULL && ref->db != NULL)) return;
    if (ref->e == NULL) value_create(ref, VALUE_ZSET);
    if (is_object(ref->e))
        hashtable_expand(object_to_change(ref)->members, count < EXPECT_MAX ? count : EXPECT_MAX);
    else
        become_object(ref, count);
}

/* --- validation --- */

static bool pairs_are_valid(const uint8_t *lp)
{
    struct zset_element el, last = {.score = 0};
    char digits[NUM_INT64_CHARS];
    if (!listpack_is_valid(lp) || listpack_count(lp) % 2 != 0) return false;
    uint32_t first = listpack_first(lp);
    for (uint32_t at = first; at != LISTPACK_END; last = el) {
        bool has_last = at != first;
        at = read_pair(lp, at, &el);
        if (isnan(el.score)) return false;
        if (has_last && !is_above(&el, last.score, item_slice(&last.member, digits))) return false;
    }
    return true;
}

bool zset_is_valid(const struct entry *e)
{
    if (!is_object(e)) return pairs_are_valid(value_packed(e));
    const struct zset_object *o = value_object(e);
    if (!ranktree_is_valid(o->order) || !hashtable_is_valid(o->members)) return false;
    struct ranktree_iter it;
    ranktree_iter_init(&it, o->order, 0, false);
    for (const struct ranked *el; (el = ranktree_iter_next(&it)) != NULL;)
        if (find_member(o, ranked_member(el), hash_of(el)) != el) return false;
    return hashtable_count(o->members) == ranktree_count(o->order);
}
