/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ds/ranktree.h"

/* The plain model: the same elements in one sorted array. */
struct model {
    struct ranked **sorted;
    size_t count, cap;
};

static int compare_keys(double score, struct slice member, const struct ranked *el)
{
    struct slice other = ranked_member(el);
    if (score != ranked_score(el)) return score < ranked_score(el) ? -1 : 1;
    size_t len = member.len < other.len ? member.len : other.len;
    int order = len > 0 ? memcmp(member.ptr, other.ptr, len) : 0;
    return order ? order : (member.len > other.len) - (member.len < other.len);
}

/* How many elements are below the key. */
static size_t model_place(const struct model *m, double score, struct slice member)
{
    size_t from = 0, to = m->count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (compare_keys(score, member, m->sorted[middle]) > 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void model_add(struct model *m, struct ranked *el)
{
    if (m->count == m->cap) {
        m->cap = m->cap ? 2 * m->cap : 64;
        m->sorted = mem_realloc(m->sorted, m->cap * sizeof(*m->sorted));
    }
    size_t at = model_place(m, ranked_score(el), ranked_member(el));
    memmove(m->sorted + at + 1, m->sorted + at, (m->count - at) * sizeof(*m->sorted));
    m->sorted[at] = el;
    m->count++;
}

static void model_cut(struct model *m, size_t at, size_t n)
{
    memmove(m->sorted + at, m->sorted + at + n, (m->count - at - n) * sizeof(*m->sorted));
    m->count -= n;
}

struct pair {
    struct ranktree *tree;
    struct model model;
    struct rng rng;
    size_t names;
    unsigned scores; /* so many different ones: few make many ties */
};

static void pair_init(struct pair *p, uint64_t seed, unsigned scores)
{
    *p = (struct pair){.tree = ranktree_new(), .scores = scores};
    rng_seed(&p->rng, seed);
}

static void pair_deinit(struct pair *p)
{
    ranktree_free(p->tree, true);
    mem_free(p->model.sorted);
}

static double draw_score(struct pair *p)
{
    static const double special[] = {-INFINITY, INFINITY, -0.0, 0.0, 1e300, -1e-300};
    if (rng_below(&p->rng, 16) == 0) return special[rng_below(&p->rng, 6)];
    return ((double)rng_below(&p->rng, p->scores) - (double)p->scores / 2) / 4;
}

/* Members are all different; some are empty in all but a tail, some long. */
static struct ranked *draw_element(struct pair *p)
{
    char text[400];
    size_t len =
        (size_t)snprintf(text, sizeof(text), "%llu:%zu", (unsigned long long)rng_below(&p->rng, 1000), p->names++);
    if (rng_below(&p->rng, 50) == 0) {
        size_t longer = 250 + rng_below(&p->rng, 10);
        memset(text + len, 'x', longer - len);
        len = longer;
    }
    return ranked_new(SLICE(text, len), draw_score(p));
}

static void add(struct pair *p)
{
    struct ranked *el = draw_element(p);
    ranktree_insert(p->tree, el);
    model_add(&p->model, el);
}

static void take(struct pair *p)
{
    if (p->model.count == 0) return;
    size_t at = rng_below(&p->rng, p->model.count);
    struct ranked *el = p->model.sorted[at];
    ranktree_remove(p->tree, el);
    model_cut(&p->model, at, 1);
    ranked_free(el);
}

static void rescore(struct pair *p)
{
    if (p->model.count == 0) return;
    size_t at = rng_below(&p->rng, p->model.count);
    struct ranked *el = p->model.sorted[at];
    double score = rng_below(&p->rng, 2) ? draw_score(p) : ranked_score(el) + 0.25 * (double)rng_below(&p->rng, 3);
    model_cut(&p->model, at, 1);
    ranktree_set_score(p->tree, el, score);
    assert_memory_equal(&(double){ranked_score(el)}, &score, sizeof(score));
    model_add(&p->model, el);
}

static void take_run(struct pair *p, size_t most)
{
    struct ranked *out[RANKTREE_RUN_MAX];
    if (p->model.count == 0) return;
    size_t at = rng_below(&p->rng, p->model.count), max = 1 + rng_below(&p->rng, most);
    size_t n = ranktree_take_run(p->tree, at, max, out);
    assert_in_range(n, 1, max);
    assert_true(at + n <= p->model.count);
    assert_memory_equal(out, p->model.sorted + at, n * sizeof(*out));
    for (size_t i = 0; i < n; i++) ranked_free(out[i]);
    model_cut(&p->model, at, n);
}

static void check_walk(const struct pair *p, size_t from, bool backwards)
{
    struct ranktree_iter it;
    ranktree_iter_init(&it, p->tree, from, backwards);
    for (size_t i = from; i < p->model.count; i += backwards ? (size_t)-1 : 1)
        assert_ptr_equal(ranktree_iter_next(&it), p->model.sorted[i]);
    assert_null(ranktree_iter_next(&it));
}

static void check_all(const struct pair *p)
{
    assert_true(ranktree_is_valid(p->tree));
    assert_int_equal(ranktree_count(p->tree), p->model.count);
    check_walk(p, 0, false);
    if (p->model.count > 0) check_walk(p, p->model.count - 1, true);
}

static size_t count_scores(const struct model *m, double score, bool or_equal)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count; i++) {
        double s = ranked_score(m->sorted[i]);
        n += s < score || (or_equal && s == score);
    }
    return n;
}

static void check_ranks(struct pair *p)
{
    for (int i = 0; i < 8 && p->model.count > 0; i++) {
        size_t at = rng_below(&p->rng, p->model.count);
        assert_int_equal(ranktree_rank(p->tree, p->model.sorted[at]), at);
    }
    double score = draw_score(p);
    assert_int_equal(ranktree_rank_of_score(p->tree, score, false), count_scores(&p->model, score, false));
    assert_int_equal(ranktree_rank_of_score(p->tree, score, true), count_scores(&p->model, score, true));
}

static void empty_tree_answers_everything(void **state)
{
    (void)state;
    struct ranktree *t = ranktree_new();
    struct ranktree_iter it;
    assert_true(ranktree_is_valid(t));
    assert_int_equal(ranktree_count(t), 0);
    assert_int_equal(ranktree_rank_of_score(t, INFINITY, true), 0);
    assert_int_equal(ranktree_rank_of_member(t, SLICE_LIT("x"), true), 0);
    ranktree_iter_init(&it, t, 0, false);
    assert_null(ranktree_iter_next(&it));
    ranktree_iter_init(&it, t, 0, true);
    assert_null(ranktree_iter_next(&it));
    ranktree_free(t, true);
    t = ranktree_build(NULL, 0);
    assert_true(ranktree_is_valid(t));
    ranktree_free(t, true);
    ranktree_free(NULL, true);
}

static void elements_hold_members_of_any_length(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 16, 253, 254, 255, 256, 100000};
    char *text = mem_calloc(100000);
    for (size_t i = 0; i < 100000; i++) text[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        struct ranked *el = ranked_new(SLICE(lengths[i] ? text : NULL, lengths[i]), -2.5);
        assert_true(slice_eq(ranked_member(el), SLICE(text, lengths[i])));
        assert_true(ranked_score(el) == -2.5);
        assert_true(ranked_bytes(el) >= lengths[i] + 9);
        ranked_free(el);
    }
    mem_free(text);
}

static void random_steps(struct pair *p, int steps, unsigned adds_of_16, int check_every)
{
    for (int i = 0; i < steps; i++) {
        uint64_t what = rng_below(&p->rng, 16);
        if (what < adds_of_16)
            add(p);
        else if (what < 13)
            take(p);
        else if (what < 15)
            rescore(p);
        else
            take_run(p, 1 + rng_below(&p->rng, 8));
        if (i % check_every == 0) {
            check_all(p);
            check_ranks(p);
        }
    }
    check_all(p);
}

static void random_operations_match_the_model(void **state)
{
    (void)state;
    static const unsigned scores[] = {1, 5, 100, 1000000};
    for (size_t i = 0; i < sizeof(scores) / sizeof(*scores); i++) {
        struct pair p;
        pair_init(&p, 10 + i, scores[i]);
        random_steps(&p, 1500, 10, 1);
        random_steps(&p, 12000, 10, 61);
        random_steps(&p, 12000, 4, 61);
        random_steps(&p, 2000, 2, 1);
        pair_deinit(&p);
    }
}

static void grows_to_several_levels_and_shrinks_to_nothing(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 3, 1u << 30);
    struct ranked **all = mem_alloc(200000 * sizeof(*all));
    for (size_t i = 0; i < 200000; i++) {
        all[i] = draw_element(&p);
        ranktree_insert(p.tree, all[i]);
        if (i % 9973 == 0) assert_true(ranktree_is_valid(p.tree));
    }
    assert_true(ranktree_is_valid(p.tree));
    for (size_t i = 0; i < 200000; i++) {
        size_t other = i + rng_below(&p.rng, 200000 - i);
        struct ranked *el = all[other];
        all[other] = all[i];
        ranktree_remove(p.tree, el);
        ranked_free(el);
        if (i % 9973 == 0 || i > 199900) assert_true(ranktree_is_valid(p.tree));
    }
    assert_int_equal(ranktree_count(p.tree), 0);
    assert_true(ranktree_is_valid(p.tree));
    mem_free(all);
    pair_deinit(&p);
}

static struct ranked *numbered(size_t i)
{
    char text[32];
    return ranked_new(SLICE(text, (size_t)snprintf(text, sizeof(text), "%08zu", i)), (double)i);
}

/* Both ends: as times that only grow, and as RDB files list sorted sets, from the highest down. */
static void growing_in_order_fills_the_leaves(void **state)
{
    (void)state;
    for (int down = 0; down < 2; down++) {
        struct ranktree *t = ranktree_new();
        for (size_t i = 0; i < 100000; i++) {
            ranktree_insert(t, numbered(down ? 100000 - i : i));
            if (i % 4999 == 0) assert_true(ranktree_is_valid(t));
        }
        assert_true(ranktree_is_valid(t));
        assert_true(ranktree_memory(t) < 100000 * 18);
        ranktree_free(t, true);
    }
}

static void random_growth_keeps_leaves_well_filled(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 8);
    struct ranktree *t = ranktree_new();
    for (size_t i = 0; i < 100000; i++) ranktree_insert(t, numbered(rng_next(&rng) >> 20));
    assert_true(ranktree_is_valid(t));
    assert_true(ranktree_memory(t) < 100000 * 22);
    ranktree_free(t, true);
}

static void taking_from_an_end_leaves_a_valid_tree(void **state)
{
    (void)state;
    for (int end = 0; end < 2; end++) {
        struct ranktree *t = ranktree_new();
        struct ranked *out[RANKTREE_RUN_MAX];
        for (size_t i = 0; i < 30000; i++) ranktree_insert(t, numbered(i));
        for (size_t left = 30000, step = 0; left > 0; step++) {
            size_t n = ranktree_take_run(t, end ? left - 1 : 0, 1 + step % 100, out);
            for (size_t i = 0; i < n; i++) ranked_free(out[i]);
            left -= n;
            assert_int_equal(ranktree_count(t), left);
            if (step % 13 == 0 || left < 300) assert_true(ranktree_is_valid(t));
        }
        ranktree_free(t, true);
    }
}

static void built_tree_equals_an_inserted_one(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 56, 57, 62, 63, 112, 113, 3135, 3136, 3137, 3600, 20000, 180000};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
        struct pair p;
        pair_init(&p, s, 100);
        ranktree_free(p.tree, true);
        for (size_t i = 0; i < sizes[s]; i++) model_add(&p.model, numbered(i));
        p.tree = ranktree_build(p.model.sorted, sizes[s]);
        check_all(&p);
        check_ranks(&p);
        if (sizes[s] < 10000) random_steps(&p, 3000, 4, 97);
        pair_deinit(&p);
    }
}

static void equal_scores_are_ranked_by_member(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 5, 1);
    for (size_t i = 0; i < 6000; i++) {
        char text[32];
        size_t len = (size_t)snprintf(text, sizeof(text), "%04llx", (unsigned long long)(2 * i * 7919 % 60000));
        struct ranked *el = ranked_new(SLICE(text, len), 3);
        ranktree_insert(p.tree, el);
        model_add(&p.model, el);
    }
    check_all(&p);
    for (size_t i = 0; i < 5000; i++) {
        char text[32];
        size_t len = (size_t)snprintf(text, sizeof(text), "%04llx", (unsigned long long)rng_below(&p.rng, 65536));
        struct slice member = SLICE(text, rng_below(&p.rng, len + 1));
        size_t below = model_place(&p.model, 3, member);
        bool is_there = below < p.model.count && slice_eq(ranked_member(p.model.sorted[below]), member);
        assert_int_equal(ranktree_rank_of_member(p.tree, member, false), below);
        assert_int_equal(ranktree_rank_of_member(p.tree, member, true), below + is_there);
    }
    pair_deinit(&p);
}

static void zeros_of_both_signs_are_one_score(void **state)
{
    (void)state;
    struct ranktree *t = ranktree_new();
    struct ranked *b = ranked_new(SLICE_LIT("b"), -0.0), *a = ranked_new(SLICE_LIT("a"), 0.0);
    ranktree_insert(t, b);
    ranktree_insert(t, a);
    assert_int_equal(ranktree_rank(t, a), 0);
    assert_int_equal(ranktree_rank(t, b), 1);
    assert_int_equal(ranktree_rank_of_score(t, 0.0, false), 0);
    assert_int_equal(ranktree_rank_of_score(t, -0.0, true), 2);
    ranktree_set_score(t, b, 0.0);
    assert_false(signbit(ranked_score(b)));
    assert_true(ranktree_is_valid(t));
    ranktree_free(t, true);
}

static void walks_begin_anywhere(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 6, 1000);
    for (size_t i = 0; i < 500; i++) add(&p);
    for (size_t i = 0; i < 500; i++) {
        check_walk(&p, i, false);
        check_walk(&p, i, true);
    }
    struct ranktree_iter it;
    ranktree_iter_init(&it, p.tree, 500, true);
    assert_null(ranktree_iter_next(&it));
    pair_deinit(&p);
}

static void freeing_without_elements_leaves_them_alone(void **state)
{
    (void)state;
    size_t before = mem_used();
    struct ranked *el = ranked_new(SLICE_LIT("kept"), 1);
    struct ranktree *t = ranktree_build(&el, 1);
    ranktree_free(t, false);
    assert_true(slice_eq(ranked_member(el), SLICE_LIT("kept")));
    ranked_free(el);
    assert_int_equal(mem_used(), before);
}

static void memory_is_what_the_nodes_take(void **state)
{
    (void)state;
    size_t before = mem_used(), elements = 0;
    struct ranktree *t = ranktree_new();
    for (size_t i = 0; i < 20000; i++) {
        struct ranked *el = numbered(i * 7919 % 20000);
        elements += ranked_bytes(el);
        ranktree_insert(t, el);
    }
    /* What mem_used counts may be a little over the classes with plain malloc. */
    assert_in_range(mem_used() - before, ranktree_memory(t) + elements, ranktree_memory(t) + elements * 3 / 2);
    ranktree_free(t, true);
    assert_int_equal(mem_used(), before);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_tree_answers_everything),
        cmocka_unit_test(elements_hold_members_of_any_length),
        cmocka_unit_test(random_operations_match_the_model),
        cmocka_unit_test(grows_to_several_levels_and_shrinks_to_nothing),
        cmocka_unit_test(growing_in_order_fills_the_leaves),
        cmocka_unit_test(random_growth_keeps_leaves_well_filled),
        cmocka_unit_test(taking_from_an_end_leaves_a_valid_tree),
        cmocka_unit_test(built_tree_equals_an_inserted_one),
        cmocka_unit_test(equal_scores_are_ranked_by_member),
        cmocka_unit_test(zeros_of_both_signs_are_one_score),
        cmocka_unit_test(walks_begin_anywhere),
        cmocka_unit_test(freeing_without_elements_leaves_them_alone),
        cmocka_unit_test(memory_is_what_the_nodes_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
