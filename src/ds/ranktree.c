/* SPDX-License-Identifier: MIT */
/*
 * A leaf holds up to 62 elements in order, their scores beside them, so that a search reads few lines and follows no pointer until scores
 * are equal. An inner node holds up to 63 children; of each it knows the number of elements below and the first of them.
 *
 *   leaf, 1024 bytes
 *   0      8      16      24                        520                      1016
 *   +------+------+-------+------------ ... --------+------------ ... -------+-------+
 *   | prev | next | count | scores 0 ... 61         | elements 0 ... 61      | spare |
 *   +------+------+-------+------------ ... --------+------------ ... -------+-------+
 *
 *   inner node, 2048 bytes
 *   0       8                    512                 1016                1520                  2024
 *   +-------+-------- ... -------+------- ... -------+-------- ... ------+------- ... ---------+-------+
 *   | count | scores of firsts   | children          | element counts    | first elements      | spare |
 *   +-------+-------- ... -------+------- ... -------+-------- ... ------+------- ... ---------+-------+
 *
 * All leaves are at the same depth, below `height` levels of inner nodes. Nodes do not know their parents: an operation remembers the path it
 * came down. To insert into a full leaf, room is made first (evened out with a neighbour, or split) and the search begins again, so that
 * no path has to be mended. A split at either end of the order leaves all but one element behind: sets that grow in order have full leaves.
 *
 * Invariants:
 *   1. Elements ascend strictly by (score, member), within leaves and from leaf to leaf; prev and next join the leaves in that order.
 *   2. A leaf's scores are those of its elements.
 *   3. Of each child an inner node knows the exact number of elements and the first element with its score.
 *   4. No node is empty but the leaf of an empty tree; the root is a leaf or has two children or more.
 *   5. Nodes that are not on the left or right edge of the tree hold at least LEAF_MIN elements or INNER_MIN children.
 */
#include "ds/ranktree.h"

#include <math.h>

#include "base/assert.h"
#include "base/mem.h"

#define LEAF_SLOTS 62u
#define INNER_SLOTS 63u
#define LEAF_MIN 20u
#define INNER_MIN 20u
/* Two neighbours become one up to here; above they are evened out, and both are well over the minimum then. */
#define LEAF_MERGE_MAX 50u
#define INNER_MERGE_MAX 50u
/* What a tree built at once leaves free. */
#define BUILD_FILL 56u
/* A full leaf gives to a neighbour with at least so much room rather than split. */
#define EVEN_ROOM_MIN 12u
/* 20^18 is more than there can be. */
#define HEIGHT_MAX 18u
#define AHEAD_ELEMENTS 12u

struct leaf {
    struct leaf *prev, *next;
    uint64_t count;
    double scores[LEAF_SLOTS];
    struct ranked *elements[LEAF_SLOTS];
    uint64_t spare;
};
_Static_assert(sizeof(struct leaf) == 1024, "a leaf fills its size class");
_Static_assert(offsetof(struct leaf, scores) == 24 && offsetof(struct leaf, elements) == 520, "as drawn");
_Static_assert(RANKTREE_RUN_MAX == LEAF_SLOTS, "a run is what one leaf can hold");

struct inner {
    uint64_t count;
    double scores[INNER_SLOTS];
    void *children[INNER_SLOTS];
    size_t counts[INNER_SLOTS];
    struct ranked *firsts[INNER_SLOTS];
    uint64_t spare[3];
};
_Static_assert(sizeof(struct inner) == 2048, "an inner node fills its size class");
_Static_assert(offsetof(struct inner, counts) == 1016 && offsetof(struct inner, firsts) == 1520, "as drawn");
_Static_assert(LEAF_MERGE_MAX / 2 >= LEAF_MIN && INNER_MERGE_MAX / 2 >= INNER_MIN, "evened nodes are over the minimum");

struct ranktree {
    void *root; /* a leaf when height is 0 */
    unsigned height;
    size_t count;
    size_t leaves, inners;
};

/* The way down to a place between elements: slot elements of the leaf are before it. */
struct path {
    struct inner *inner[HEIGHT_MAX];
    unsigned at[HEIGHT_MAX];
    struct leaf *leaf;
    unsigned slot;
};

/* --- elements --- */

static inline size_t ranked_size(size_t len) { return sizeof(struct ranked) + (len < RANKED_LONG ? 1 : 9) + len; }

struct ranked *ranked_new(struct slice member, double score)
{
    struct ranked *el = mem_alloc(ranked_size(member.len));
    uint8_t *to = el->bytes + 1;
    el->score = score;
    if (member.len < RANKED_LONG) {
        el->bytes[0] = (uint8_t)member.len;
    } else {
        uint64_t len = member.len;
        el->bytes[0] = RANKED_LONG;
        memcpy(to, &len, sizeof(len));
        to += sizeof(len);
    }
    if (member.len > 0) memcpy(to, member.ptr, member.len);
    return el;
}

void ranked_free(struct ranked *el) { mem_free_sized(el, ranked_size(ranked_member(el).len)); }

size_t ranked_bytes(const struct ranked *el) { return mem_good_size(ranked_size(ranked_member(el).len)); }

static inline int compare_members(struct slice a, struct slice b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len > 0 ? memcmp(a.ptr, b.ptr, len) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* --- places in the order --- */

/* A place between elements: before those that are above (score, member), with or_equal after an equal one. */
struct bound {
    enum { BY_BOTH, BY_SCORE, BY_MEMBER } by;
    bool or_equal;
    double score;
    struct slice member;
};

static struct bound bound_after(const struct ranked *el, double score)
{
    return (struct bound){.by = BY_BOTH, .or_equal = true, .score = score, .member = ranked_member(el)};
}

/* How many of n ascending scores are below s; the halving has no branch that could be guessed wrong. */
static inline unsigned count_below(const double *scores, unsigned n, double s)
{
    const double *from = scores;
    while (n > 0) {
        unsigned half = (n + 1) / 2;
        from += from[half - 1] < s ? half : 0;
        n -= half;
    }
    return (unsigned)(from - scores);
}

static inline unsigned count_up_to(const double *scores, unsigned n, double s)
{
    const double *from = scores;
    while (n > 0) {
        unsigned half = (n + 1) / 2;
        from += from[half - 1] <= s ? half : 0;
        n -= half;
    }
    return (unsigned)(from - scores);
}

/* How many of the elements from..to, which have equal scores, are before the bound by their members. Each comparison misses the cache: both
 * elements that may come next are fetched meanwhile. */
static unsigned count_members(struct ranked *const *elements, unsigned from, unsigned to, const struct bound *b)
{
    int limit = b->or_equal ? 0 : -1;
    while (from < to) {
        unsigned middle = (from + to) / 2;
        if (to - from > 2) {
            __builtin_prefetch(elements[(from + middle) / 2]);
            __builtin_prefetch(elements[(middle + 1 + to) / 2]);
        }
        int order = compare_members(ranked_member(elements[middle]), b->member);
        if (order < 0 || order == limit)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* How many of n keys of a node are before the bound. */
static inline unsigned count_before(const double *scores, struct ranked *const *elements, unsigned n,
                                    const struct bound *b)
{
    if (b->by == BY_MEMBER) return count_members(elements, 0, n, b);
    if (b->by == BY_SCORE) return b->or_equal ? count_up_to(scores, n, b->score) : count_below(scores, n, b->score);
    unsigned from = count_below(scores, n, b->score);
    if (from == n || scores[from] != b->score) return from;
    unsigned to = from + count_up_to(scores + from, n - from, b->score);
    return count_members(elements, from, to, b);
}

/* All lines of scores at once; one after the other a search would wait for each. */
static inline void prefetch_scores(const struct leaf *leaf)
{
    const char *at = (const char *)leaf;
    for (size_t line = 0; line < offsetof(struct leaf, elements); line += 64) __builtin_prefetch(at + line);
}

/* The child in which the bound is: the last one whose first element is before it. */
static inline unsigned child_before(const struct inner *node, const struct bound *b)
{
    unsigned before = count_before(node->scores, node->firsts, (unsigned)node->count, b);
    return before > 0 ? before - 1 : 0;
}

static inline void descend(const struct ranktree *t, const struct bound *b, struct path *p)
{
    void *node = t->root;
    for (unsigned depth = 0; depth < t->height; depth++) {
        struct inner *inner = node;
        unsigned at = child_before(inner, b);
        p->inner[depth] = inner;
        p->at[depth] = at;
        node = inner->children[at];
    }
    p->leaf = node;
    prefetch_scores(p->leaf);
    p->slot = count_before(p->leaf->scores, p->leaf->elements, (unsigned)p->leaf->count, b);
}

/* To the slot of an element that is in the tree. */
static void descend_to(const struct ranktree *t, const struct ranked *el, struct path *p)
{
    struct bound b = bound_after(el, el->score);
    descend(t, &b, p);
    ASSERT(p->slot > 0 && p->leaf->elements[p->slot - 1] == el);
    p->slot--;
}

static void descend_to_rank(const struct ranktree *t, size_t rank, struct path *p)
{
    void *node = t->root;
    for (unsigned depth = 0; depth < t->height; depth++) {
        struct inner *inner = node;
        unsigned at = 0;
        for (; rank >= inner->counts[at]; at++) rank -= inner->counts[at];
        p->inner[depth] = inner;
        p->at[depth] = at;
        node = inner->children[at];
    }
    p->leaf = node;
    p->slot = (unsigned)rank;
}

static size_t rank_of_path(const struct ranktree *t, const struct path *p)
{
    size_t rank = p->slot;
    for (unsigned depth = 0; depth < t->height; depth++)
        for (unsigned i = 0; i < p->at[depth]; i++) rank += p->inner[depth]->counts[i];
    return rank;
}

size_t ranktree_rank(const struct ranktree *t, const struct ranked *el)
{
    struct path p;
    descend_to(t, el, &p);
    return rank_of_path(t, &p);
}

static size_t rank_of_bound(const struct ranktree *t, const struct bound *b)
{
    struct path p;
    descend(t, b, &p);
    return rank_of_path(t, &p);
}

size_t ranktree_rank_of_score(const struct ranktree *t, double score, bool or_equal)
{
    struct bound b = {.by = BY_SCORE, .or_equal = or_equal, .score = score};
    return rank_of_bound(t, &b);
}

size_t ranktree_rank_of_member(const struct ranktree *t, struct slice member, bool or_equal)
{
    struct bound b = {.by = BY_MEMBER, .or_equal = or_equal, .member = member};
    return rank_of_bound(t, &b);
}

/* --- nodes --- */

static struct leaf *leaf_new(struct ranktree *t)
{
    struct leaf *leaf = mem_alloc(sizeof(*leaf));
    leaf->prev = leaf->next = NULL;
    leaf->count = 0;
    t->leaves++;
    return leaf;
}

static void leaf_free(struct ranktree *t, struct leaf *leaf)
{
    mem_free_sized(leaf, sizeof(*leaf));
    t->leaves--;
}

static struct inner *inner_new(struct ranktree *t)
{
    struct inner *inner = mem_alloc(sizeof(*inner));
    inner->count = 0;
    t->inners++;
    return inner;
}

static void inner_free(struct ranktree *t, struct inner *inner)
{
    mem_free_sized(inner, sizeof(*inner));
    t->inners--;
}

static void link_after(struct leaf *leaf, struct leaf *fresh)
{
    fresh->prev = leaf;
    fresh->next = leaf->next;
    if (leaf->next) leaf->next->prev = fresh;
    leaf->next = fresh;
}

static void unlink_leaf(struct leaf *leaf)
{
    if (leaf->prev) leaf->prev->next = leaf->next;
    if (leaf->next) leaf->next->prev = leaf->prev;
}

/* Moves n slots; the arrays may be the same and overlap. Counts are the caller's. */
static void move_slots(struct leaf *to, unsigned to_at, const struct leaf *from, unsigned from_at, unsigned n)
{
    memmove(to->scores + to_at, from->scores + from_at, n * sizeof(double));
    memmove(to->elements + to_at, from->elements + from_at, n * sizeof(void *));
}

static void move_children(struct inner *to, unsigned to_at, const struct inner *from, unsigned from_at, unsigned n)
{
    memmove(to->scores + to_at, from->scores + from_at, n * sizeof(double));
    memmove(to->children + to_at, from->children + from_at, n * sizeof(void *));
    memmove(to->counts + to_at, from->counts + from_at, n * sizeof(size_t));
    memmove(to->firsts + to_at, from->firsts + from_at, n * sizeof(void *));
}

static size_t elements_below(const struct inner *node)
{
    size_t sum = 0;
    for (unsigned i = 0; i < node->count; i++) sum += node->counts[i];
    return sum;
}

/* Writes what the parent knows of child i. */
static void note_leaf(struct inner *parent, unsigned i, struct leaf *leaf)
{
    parent->children[i] = leaf;
    parent->counts[i] = leaf->count;
    parent->scores[i] = leaf->scores[0];
    parent->firsts[i] = leaf->elements[0];
}

static void note_inner(struct inner *parent, unsigned i, struct inner *node)
{
    parent->children[i] = node;
    parent->counts[i] = elements_below(node);
    parent->scores[i] = node->scores[0];
    parent->firsts[i] = node->firsts[0];
}

/* The node at `depth` of the path has another first element: its ancestors are told, as far as it is theirs too. */
static void note_first(const struct ranktree *t, const struct path *p, unsigned depth)
{
    if (depth == 0) return;
    double score = depth == t->height ? p->leaf->scores[0] : p->inner[depth]->scores[0];
    struct ranked *first = depth == t->height ? p->leaf->elements[0] : p->inner[depth]->firsts[0];
    while (depth-- > 0) {
        p->inner[depth]->scores[p->at[depth]] = score;
        p->inner[depth]->firsts[p->at[depth]] = first;
        if (p->at[depth] != 0) break;
    }
}

/* --- making room --- */

/* Evens out the leaves i and i + 1 of a parent. */
static void even_leaves(struct inner *parent, unsigned i)
{
    struct leaf *left = parent->children[i], *right = parent->children[i + 1];
    unsigned nl = (unsigned)left->count, nr = (unsigned)right->count, target = (nl + nr) / 2;
    if (nl > target) {
        unsigned n = nl - target;
        move_slots(right, n, right, 0, nr);
        move_slots(right, 0, left, target, n);
    } else {
        unsigned n = target - nl;
        move_slots(left, nl, right, 0, n);
        move_slots(right, 0, right, n, nr - n);
    }
    left->count = target;
    right->count = nl + nr - target;
    note_leaf(parent, i, left);
    note_leaf(parent, i + 1, right);
}

static void even_inners(struct inner *parent, unsigned i)
{
    struct inner *left = parent->children[i], *right = parent->children[i + 1];
    unsigned nl = (unsigned)left->count, nr = (unsigned)right->count, target = (nl + nr) / 2;
    if (nl > target) {
        unsigned n = nl - target;
        move_children(right, n, right, 0, nr);
        move_children(right, 0, left, target, n);
    } else {
        unsigned n = target - nl;
        move_children(left, nl, right, 0, n);
        move_children(right, 0, right, n, nr - n);
    }
    left->count = target;
    right->count = nl + nr - target;
    note_inner(parent, i, left);
    note_inner(parent, i + 1, right);
}

/* Where a full node is split: in the middle, or at the end to which elements are being added. */
static unsigned split_place(const struct path *p, unsigned n)
{
    if (!p->leaf->next && p->slot == p->leaf->count) return n - 1;
    if (!p->leaf->prev && p->slot == 0) return 1;
    return n / 2;
}

/* Splits the node at `depth` of the path; its parent has room. */
static void split(struct ranktree *t, const struct path *p, unsigned depth)
{
    struct inner *parent = p->inner[depth - 1];
    unsigned at = p->at[depth - 1];
    move_children(parent, at + 2, parent, at + 1, (unsigned)parent->count - at - 1);
    parent->count++;
    if (depth == t->height) {
        struct leaf *right = leaf_new(t);
        unsigned n = (unsigned)p->leaf->count, keep = split_place(p, n);
        move_slots(right, 0, p->leaf, keep, n - keep);
        p->leaf->count = keep;
        right->count = n - keep;
        link_after(p->leaf, right);
        note_leaf(parent, at, p->leaf);
        note_leaf(parent, at + 1, right);
        return;
    }
    struct inner *left = p->inner[depth], *right = inner_new(t);
    unsigned n = (unsigned)left->count, keep = split_place(p, n);
    move_children(right, 0, left, keep, n - keep);
    left->count = keep;
    right->count = n - keep;
    note_inner(parent, at, left);
    note_inner(parent, at + 1, right);
}

static void add_root(struct ranktree *t)
{
    struct inner *root = inner_new(t);
    root->count = 1;
    if (t->height == 0)
        note_leaf(root, 0, t->root);
    else
        note_inner(root, 0, t->root);
    t->root = root;
    t->height++;
    ASSERT(t->height < HEIGHT_MAX);
}

/* Gives some elements of the full leaf to a neighbour with room. Not at the ends: see split_place. */
static bool give_to_neighbour(const struct ranktree *t, const struct path *p)
{
    if (t->height == 0 || split_place(p, LEAF_SLOTS) != LEAF_SLOTS / 2) return false;
    struct inner *parent = p->inner[t->height - 1];
    unsigned at = p->at[t->height - 1];
    for (unsigned i = at > 0 ? at - 1 : 0; i <= at && i + 1 < parent->count; i++) {
        const struct leaf *other = parent->children[i == at ? at + 1 : i];
        if (other->count + EVEN_ROOM_MIN > LEAF_SLOTS) continue;
        even_leaves(parent, i);
        return true;
    }
    return false;
}

/* One step towards room in the full leaf at the end of the path, which is worthless afterwards: the topmost of the full nodes in a row above
 * the leaf is split, or gets a parent. */
static void make_room(struct ranktree *t, const struct path *p)
{
    if (give_to_neighbour(t, p)) return;
    unsigned depth = t->height;
    while (depth > 0 && p->inner[depth - 1]->count == INNER_SLOTS) depth--;
    if (depth == 0)
        add_root(t);
    else
        split(t, p, depth);
}

/* --- changing --- */

static void add_to_counts(struct ranktree *t, const struct path *p, size_t n)
{
    for (unsigned depth = 0; depth < t->height; depth++) p->inner[depth]->counts[p->at[depth]] += n;
    t->count += n;
}

void ranktree_insert(struct ranktree *t, struct ranked *el)
{
    struct bound b = bound_after(el, el->score);
    struct path p;
    for (descend(t, &b, &p); p.leaf->count == LEAF_SLOTS; descend(t, &b, &p)) make_room(t, &p);
    move_slots(p.leaf, p.slot + 1, p.leaf, p.slot, (unsigned)p.leaf->count - p.slot);
    p.leaf->scores[p.slot] = el->score;
    p.leaf->elements[p.slot] = el;
    p.leaf->count++;
    add_to_counts(t, &p, 1);
    if (p.slot == 0) note_first(t, &p, t->height);
}

static void drop_child(struct inner *parent, unsigned i)
{
    move_children(parent, i, parent, i + 1, (unsigned)parent->count - i - 1);
    parent->count--;
}

static void merge_or_even_leaves(struct ranktree *t, struct inner *parent, unsigned i)
{
    struct leaf *left = parent->children[i], *right = parent->children[i + 1];
    if (left->count + right->count > LEAF_MERGE_MAX) {
        even_leaves(parent, i);
        return;
    }
    move_slots(left, (unsigned)left->count, right, 0, (unsigned)right->count);
    left->count += right->count;
    unlink_leaf(right);
    leaf_free(t, right);
    drop_child(parent, i + 1);
    note_leaf(parent, i, left);
}

static void merge_or_even_inners(struct ranktree *t, struct inner *parent, unsigned i)
{
    struct inner *left = parent->children[i], *right = parent->children[i + 1];
    if (left->count + right->count > INNER_MERGE_MAX) {
        even_inners(parent, i);
        return;
    }
    move_children(left, (unsigned)left->count, right, 0, (unsigned)right->count);
    left->count += right->count;
    inner_free(t, right);
    drop_child(parent, i + 1);
    note_inner(parent, i, left);
}

static size_t node_count(const struct ranktree *t, const struct path *p, unsigned depth)
{
    return depth == t->height ? p->leaf->count : p->inner[depth]->count;
}

static void drop_empty_node(struct ranktree *t, const struct path *p, unsigned depth)
{
    if (depth == t->height) {
        unlink_leaf(p->leaf);
        leaf_free(t, p->leaf);
    } else {
        inner_free(t, p->inner[depth]);
    }
    drop_child(p->inner[depth - 1], p->at[depth - 1]);
    if (p->at[depth - 1] == 0 && p->inner[depth - 1]->count > 0) note_first(t, p, depth - 1);
}

/* Mends the minimum after elements were taken out of the leaf, from the leaf upwards; at the end the path is worthless. */
static void rebalance(struct ranktree *t, const struct path *p)
{
    for (unsigned depth = t->height; depth > 0; depth--) {
        bool is_leaf = depth == t->height;
        struct inner *parent = p->inner[depth - 1];
        size_t n = node_count(t, p, depth);
        if (n == 0) {
            drop_empty_node(t, p, depth);
            continue;
        }
        if (n >= (is_leaf ? LEAF_MIN : INNER_MIN)) return;
        if (parent->count == 1) continue;
        unsigned left = p->at[depth - 1] > 0 ? p->at[depth - 1] - 1 : 0;
        if (is_leaf)
            merge_or_even_leaves(t, parent, left);
        else
            merge_or_even_inners(t, parent, left);
    }
}

/* A root with one child is not needed. */
static void lower_root(struct ranktree *t)
{
    while (t->height > 0 && ((struct inner *)t->root)->count == 1) {
        struct inner *root = t->root;
        t->root = root->children[0];
        t->height--;
        inner_free(t, root);
    }
}

/* Takes n slots from the path's on out of its leaf. */
static void remove_slots(struct ranktree *t, const struct path *p, unsigned n)
{
    struct leaf *leaf = p->leaf;
    move_slots(leaf, p->slot, leaf, p->slot + n, (unsigned)leaf->count - p->slot - n);
    leaf->count -= n;
    add_to_counts(t, p, 0 - (size_t)n);
    if (t->count == 0) return; /* the root is a leaf: others are never empty */
    if (p->slot == 0 && leaf->count > 0) note_first(t, p, t->height);
    if (leaf->count < LEAF_MIN) {
        rebalance(t, p);
        lower_root(t);
    }
}

void ranktree_remove(struct ranktree *t, struct ranked *el)
{
    struct path p;
    descend_to(t, el, &p);
    remove_slots(t, &p, 1);
}

size_t ranktree_take_run(struct ranktree *t, size_t rank, size_t max, struct ranked *out[RANKTREE_RUN_MAX])
{
    ASSERT(rank < t->count && max > 0);
    struct path p;
    descend_to_rank(t, rank, &p);
    size_t n = p.leaf->count - p.slot;
    if (n > max) n = max;
    memcpy(out, p.leaf->elements + p.slot, n * sizeof(*out));
    remove_slots(t, &p, (unsigned)n);
    return n;
}

/* True when an element with this bound belongs in the leaf, as far as its neighbours say. Within its own limits they are not looked at. */
static bool belongs_in(const struct leaf *leaf, const struct bound *b)
{
    if (count_before(leaf->scores, leaf->elements, 1, b) == 0) {
        const struct leaf *prev = leaf->prev;
        if (prev && count_before(prev->scores + prev->count - 1, prev->elements + prev->count - 1, 1, b) == 0)
            return false;
    }
    size_t last = leaf->count - 1;
    if (count_before(leaf->scores + last, leaf->elements + last, 1, b) == 1) {
        const struct leaf *next = leaf->next;
        if (next && count_before(next->scores, next->elements, 1, b) == 1) return false;
    }
    return true;
}

/* Moves the slot `from` to where the bound is in the same leaf; returns its new place. */
static unsigned shift_slot(struct leaf *leaf, unsigned from, struct ranked *el, const struct bound *b)
{
    unsigned to = count_before(leaf->scores, leaf->elements, (unsigned)leaf->count, b);
    if (to > from) {
        to--;
        move_slots(leaf, from, leaf, from + 1, to - from);
    } else {
        move_slots(leaf, to + 1, leaf, to, from - to);
    }
    leaf->scores[to] = b->score;
    leaf->elements[to] = el;
    return to;
}

void ranktree_set_score(struct ranktree *t, struct ranked *el, double score)
{
    struct path p;
    struct bound b = bound_after(el, score);
    descend_to(t, el, &p);
    if (belongs_in(p.leaf, &b)) {
        unsigned to = shift_slot(p.leaf, p.slot, el, &b);
        el->score = score;
        if (to == 0 || p.slot == 0) note_first(t, &p, t->height);
        return;
    }
    remove_slots(t, &p, 1);
    el->score = score;
    ranktree_insert(t, el);
}

/* --- the whole tree --- */

struct ranktree *ranktree_new(void)
{
    struct ranktree *t = mem_alloc(sizeof(*t));
    *t = (struct ranktree){0};
    t->root = leaf_new(t);
    return t;
}

/* Part i of n things cut into `parts` even parts begins here. */
static size_t part_begin(size_t n, size_t parts, size_t i) { return n / parts * i + (i < n % parts ? i : n % parts); }

static struct leaf **build_leaves(struct ranktree *t, struct ranked *const *sorted, size_t n, size_t leaves)
{
    struct leaf **row = mem_alloc(leaves * sizeof(*row));
    for (size_t i = 0; i < leaves; i++) {
        size_t from = part_begin(n, leaves, i), to = part_begin(n, leaves, i + 1);
        struct leaf *leaf = leaf_new(t);
        for (size_t k = from; k < to; k++) leaf->scores[k - from] = sorted[k]->score;
        memcpy(leaf->elements, sorted + from, (to - from) * sizeof(*sorted));
        leaf->count = to - from;
        if (i > 0) link_after(row[i - 1], leaf);
        row[i] = leaf;
    }
    return row;
}

/* Puts a level of inner nodes above a row of n nodes, in the same place; returns how many. */
static size_t build_level(struct ranktree *t, void **row, size_t n)
{
    size_t nodes = (n + BUILD_FILL - 1) / BUILD_FILL;
    for (size_t i = 0; i < nodes; i++) {
        size_t from = part_begin(n, nodes, i), to = part_begin(n, nodes, i + 1);
        struct inner *inner = inner_new(t);
        for (; from < to; from++) {
            unsigned at = (unsigned)inner->count++;
            if (t->height == 0)
                note_leaf(inner, at, row[from]);
            else
                note_inner(inner, at, row[from]);
        }
        row[i] = inner;
    }
    t->height++;
    return nodes;
}

struct ranktree *ranktree_build(struct ranked *const *sorted, size_t n)
{
    if (n == 0) return ranktree_new();
    struct ranktree *t = mem_alloc(sizeof(*t));
    *t = (struct ranktree){.count = n};
    size_t leaves = (n + BUILD_FILL - 1) / BUILD_FILL;
    void **row = (void **)build_leaves(t, sorted, n, leaves);
    for (size_t nodes = leaves; nodes > 1;) nodes = build_level(t, row, nodes);
    t->root = row[0];
    mem_free_sized(row, leaves * sizeof(*row));
    return t;
}

/* Elements far ahead in a walk: they are scattered over memory. */
static inline void prefetch_ahead(const struct leaf *leaf, unsigned slot, bool backwards)
{
    const struct leaf *other;
    if (!backwards) {
        slot += AHEAD_ELEMENTS;
        if (slot < leaf->count) {
            __builtin_prefetch(leaf->elements[slot]);
            return;
        }
        other = leaf->next;
        if (other && slot - leaf->count < other->count) __builtin_prefetch(other->elements[slot - leaf->count]);
        return;
    }
    if (slot >= AHEAD_ELEMENTS) {
        __builtin_prefetch(leaf->elements[slot - AHEAD_ELEMENTS]);
        return;
    }
    other = leaf->prev;
    unsigned back = AHEAD_ELEMENTS - slot;
    if (other && back <= other->count) __builtin_prefetch(other->elements[other->count - back]);
}

static void prefetch_leaf(const struct leaf *leaf)
{
    if (!leaf) return;
    const char *at = (const char *)leaf;
    __builtin_prefetch(at);
    for (size_t line = offsetof(struct leaf, elements); line < sizeof(*leaf); line += 64) __builtin_prefetch(at + line);
}

void ranktree_iter_init(struct ranktree_iter *it, const struct ranktree *t, size_t rank, bool backwards)
{
    *it = (struct ranktree_iter){.backwards = backwards};
    if (rank >= t->count) return;
    struct path p;
    descend_to_rank(t, rank, &p);
    it->leaf = p.leaf;
    it->slot = p.slot;
}

struct ranked *ranktree_iter_next(struct ranktree_iter *it)
{
    struct leaf *leaf = it->leaf;
    if (!leaf) return NULL;
    unsigned slot = it->slot;
    struct ranked *el = leaf->elements[slot];
    prefetch_ahead(leaf, slot, it->backwards);
    if (it->backwards) {
        if (slot > 0) {
            it->slot = slot - 1;
            return el;
        }
        it->leaf = leaf = leaf->prev;
        if (!leaf) return el;
        it->slot = (unsigned)leaf->count - 1;
        prefetch_leaf(leaf->prev);
        return el;
    }
    if (slot + 1 < leaf->count) {
        it->slot = slot + 1;
        return el;
    }
    it->leaf = leaf = leaf->next;
    it->slot = 0;
    if (leaf) prefetch_leaf(leaf->next);
    return el;
}

static struct leaf *first_leaf(const struct ranktree *t)
{
    void *node = t->root;
    for (unsigned depth = 0; depth < t->height; depth++) node = ((struct inner *)node)->children[0];
    return node;
}

static void free_inners(struct ranktree *t, void *node, unsigned levels)
{
    if (levels == 0) return;
    struct inner *inner = node;
    for (unsigned i = 0; i < inner->count; i++) free_inners(t, inner->children[i], levels - 1);
    inner_free(t, inner);
}

void ranktree_free(struct ranktree *t, bool with_elements)
{
    if (!t) return;
    struct leaf *leaf = first_leaf(t);
    free_inners(t, t->root, t->height);
    while (leaf) {
        struct leaf *next = leaf->next;
        prefetch_leaf(next);
        for (unsigned i = 0; with_elements && i < leaf->count; i++) {
            prefetch_ahead(leaf, i, false);
            ranked_free(leaf->elements[i]);
        }
        leaf_free(t, leaf);
        leaf = next;
    }
    mem_free_sized(t, sizeof(*t));
}

size_t ranktree_count(const struct ranktree *t) { return t->count; }

size_t ranktree_memory(const struct ranktree *t)
{
    return mem_good_size(sizeof(*t)) + t->leaves * sizeof(struct leaf) + t->inners * sizeof(struct inner);
}

/* --- validation --- */

struct check {
    const struct ranktree *tree;
    const struct leaf *last_leaf;
    const struct ranked *last;
    size_t leaves, inners;
};

static bool is_above(const struct ranked *last, const struct ranked *el)
{
    if (!last || last->score < el->score) return true;
    return last->score == el->score && compare_members(ranked_member(last), ranked_member(el)) < 0;
}

static bool leaf_is_valid(struct check *c, const struct leaf *leaf, bool at_edge)
{
    if (leaf->prev != c->last_leaf || (c->last_leaf && c->last_leaf->next != leaf)) return false;
    if (leaf->count > LEAF_SLOTS || (leaf->count == 0 && c->tree->count > 0)) return false;
    if (!at_edge && leaf->count < LEAF_MIN) return false;
    for (unsigned i = 0; i < leaf->count; i++) {
        const struct ranked *el = leaf->elements[i];
        bool same_score = el->score == leaf->scores[i] && !signbit(el->score) == !signbit(leaf->scores[i]);
        if (!same_score || !is_above(c->last, el)) return false;
        c->last = el;
    }
    c->last_leaf = leaf;
    c->leaves++;
    return true;
}

static bool knows_child(const struct inner *parent, unsigned i, unsigned levels)
{
    size_t count;
    const double *score;
    const struct ranked *first;
    if (levels == 1) {
        const struct leaf *leaf = parent->children[i];
        count = leaf->count, score = leaf->scores, first = leaf->elements[0];
    } else {
        const struct inner *inner = parent->children[i];
        count = elements_below(inner), score = inner->scores, first = inner->firsts[0];
    }
    return count == parent->counts[i] && first == parent->firsts[i] && *score == parent->scores[i];
}

static bool node_is_valid(struct check *c, const void *node, unsigned levels, bool at_left, bool at_right)
{
    if (levels == 0) return leaf_is_valid(c, node, at_left || at_right);
    const struct inner *inner = node;
    if (inner->count == 0 || inner->count > INNER_SLOTS) return false;
    if (!at_left && !at_right && inner->count < INNER_MIN) return false;
    for (unsigned i = 0; i < inner->count; i++) {
        bool last = i + 1 == inner->count;
        if (!knows_child(inner, i, levels)) return false;
        if (!node_is_valid(c, inner->children[i], levels - 1, at_left && i == 0, at_right && last)) return false;
    }
    c->inners++;
    return true;
}

bool ranktree_is_valid(const struct ranktree *t)
{
    struct check c = {.tree = t};
    if (t->height > 0 && ((const struct inner *)t->root)->count < 2) return false;
    if (!node_is_valid(&c, t->root, t->height, true, true)) return false;
    size_t count = t->height == 0 ? ((const struct leaf *)t->root)->count : elements_below(t->root);
    return c.last_leaf->next == NULL && count == t->count && c.leaves == t->leaves && c.inners == t->inners;
}
