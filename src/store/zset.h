/* SPDX-License-Identifier: MIT */
/*
 * Sorted sets: a listpack of member, score pairs in order while small; above, a hashtable from member to element and a ranked B+tree of the
 * same elements, ordered by score and then member bytes (ENCODING_SKIPLIST: the name clients know).
 */
#ifndef STORE_ZSET_H
#define STORE_ZSET_H

#include "base/rng.h"
#include "ds/item.h"
#include "ds/ranktree.h"
#include "store/value.h"

struct zset_element {
    struct item member;
    double score;
};

size_t zset_count(const struct entry *e);
bool zset_score(const struct entry *e, struct slice member, double *score);
/* Inserts or updates. ref->e NULL: a new one, put into the database (without db: made). True: the member is new. score is not NaN. */
bool zset_set(struct value_ref *ref, struct slice member, double score);
/* A look-up that a zset_set_found may follow, which is cheaper than zset_score and zset_set. Valid until the set changes. */
struct zset_found {
    bool is_there;
    double score; /* when it is there */
    /* private */
    uint64_t hash;
    struct ranked *element;
    uint32_t at;
};
void zset_find(const struct value_ref *ref, struct slice member, struct zset_found *found); /* ref->e may be NULL */
bool zset_set_found(struct value_ref *ref, struct slice member, double score, const struct zset_found *found);
bool zset_remove(struct value_ref *ref, struct slice member); /* an empty one is taken out (ref->e NULL) */

/* --- ranges --- */
struct zset_score_range {
    double min, max;
    bool min_open, max_open; /* "(1" */
};
struct zset_lex_range {
    struct slice min, max;
    bool min_open, max_open;
    int8_t min_infinite, max_infinite; /* -1 for "-", +1 for "+", 0: min, max count */
};
/* Rank of a member, 0 the lowest; false: not there. */
bool zset_rank(const struct entry *e, struct slice member, size_t *rank, double *score);
/* Ranks [first, first + count) of the elements in a range; count 0: none. O(log n). */
void zset_ranks_by_score(const struct entry *e, const struct zset_score_range *r, size_t *first, size_t *count);
void zset_ranks_by_lex(const struct entry *e, const struct zset_lex_range *r, size_t *first, size_t *count);
/* Walks from a rank on, up or down. */
struct zset_iter {
    const struct entry *e;
    struct zset_element element;
    /* private */
    struct ranktree_iter order;
    uint32_t at;
    bool backwards;
};
void zset_iter_init(struct zset_iter *it, const struct entry *e, size_t rank, bool backwards);
bool zset_iter_next(struct zset_iter *it);
/* Removes count elements from a rank on; an empty one is taken out. fn (may be NULL) sees each before it goes. */
void zset_remove_ranks(struct value_ref *ref, size_t first, size_t count,
                       void (*fn)(void *ctx, const struct zset_element *el), void *ctx);
void zset_random(const struct entry *e, struct rng *rng, struct zset_element *out); /* fair */
uint64_t zset_scan(const struct entry *e, uint64_t cursor, void (*fn)(void *ctx, const struct zset_element *el),
                   void *ctx);
/* The set will have so many members in all: past the limits of the packed form it takes the large one at once, with room. For an absent key
 * (ref->e NULL) without a database it makes the set; with one it does nothing, since a database holds no empty set. Also makes a packed
 * value that a file brought conform to the limits. */
void zset_expect(struct value_ref *ref, size_t count, size_t longest_member);
bool zset_is_valid(const struct entry *e); /* walks everything; for tests */

#endif
