/* SPDX-License-Identifier: MIT */
/*
 * Ranked B+tree: elements in the order of (score, member bytes), found by that order and by their rank. The layout is drawn in ranktree.c.
 *
 * An element is one allocation, `struct ranked`: a score and a member. The tree holds pointers and a copy of the scores. It writes the score of
 * an element (ranktree_set_score) and never its member. Scores are not NaN; 0 and -0 are equal in the order. Two elements of a tree never have
 * equal members, which the caller sees to (with a hashtable): here only equal score and member together would be noticed.
 *
 * Everything is O(log n) unless said otherwise.
 */
#ifndef DS_RANKTREE_H
#define DS_RANKTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* --- elements --- */

struct ranked;
struct ranked *ranked_new(struct slice member, double score);
void ranked_free(struct ranked *el);
size_t ranked_bytes(const struct ranked *el); /* what it occupies */
static inline struct slice ranked_member(const struct ranked *el);
static inline double ranked_score(const struct ranked *el);

/* --- the tree --- */

struct ranktree;
struct ranktree *ranktree_new(void);
/* From elements in strictly ascending order; nodes are left a little room. O(n). */
struct ranktree *ranktree_build(struct ranked *const *sorted, size_t n);
void ranktree_free(struct ranktree *t, bool with_elements); /* NULL is fine; O(n) */
size_t ranktree_count(const struct ranktree *t);
size_t ranktree_memory(const struct ranktree *t); /* bytes of the nodes and the struct, without the elements */

void ranktree_insert(struct ranktree *t, struct ranked *el);
void ranktree_remove(struct ranktree *t,
                     struct ranked *el); /* the element must be in the tree and is the caller's then */
/* Moves an element of the tree to its place under another score; in place when its order does not change. */
void ranktree_set_score(struct ranktree *t, struct ranked *el, double score);
/* Takes out elements from a rank on: at least one, at most max and at most RANKTREE_RUN_MAX. Writes them to out in order and returns how
 * many. They are the caller's then. rank < count, max > 0. */
#define RANKTREE_RUN_MAX 62u
size_t ranktree_take_run(struct ranktree *t, size_t rank, size_t max, struct ranked *out[RANKTREE_RUN_MAX]);

/* --- ranks, from 0 for the lowest --- */

size_t ranktree_rank(const struct ranktree *t, const struct ranked *el); /* the element must be in the tree */
/* How many elements have a score below this one (or_equal: or the same): the rank of the first that has not. */
size_t ranktree_rank_of_score(const struct ranktree *t, double score, bool or_equal);
/* The same by member, for trees whose scores are all equal. In others it is some rank, without meaning. */
size_t ranktree_rank_of_member(const struct ranktree *t, struct slice member, bool or_equal);

/* --- walks, of a tree that does not change meanwhile --- */

struct ranktree_iter {
    void *leaf; /* private */
    unsigned slot;
    bool backwards;
};
/* From a rank on, up or down. A rank of no element: nothing. */
void ranktree_iter_init(struct ranktree_iter *it, const struct ranktree *t, size_t rank, bool backwards);
/* NULL at the end. O(1), prefetches ahead. */
struct ranked *ranktree_iter_next(struct ranktree_iter *it);

/* Walks everything; true when all invariants hold. */
bool ranktree_is_valid(const struct ranktree *t);

/* --- private part: only for inlining --- */

/*   0       8     9                        or, from RANKED_LONG bytes on:   8      9          17
 *   +-------+-----+-------- ... ------+                                     +------+----------+------- ... -----+
 *   | score | len | member            |                                     | 0xff | length   | member          |
 *   +-------+-----+-------- ... ------+                                     +------+----------+------- ... -----+   */
#define RANKED_LONG 0xffu

struct ranked {
    double score;
    uint8_t bytes[];
};

static inline struct slice ranked_member(const struct ranked *el)
{
    if (__builtin_expect(el->bytes[0] != RANKED_LONG, 1)) return SLICE((const char *)el->bytes + 1, el->bytes[0]);
    uint64_t len;
    memcpy(&len, el->bytes + 1, sizeof(len));
    return SLICE((const char *)el->bytes + 9, len);
}

static inline double ranked_score(const struct ranked *el) { return el->score; }

#endif
