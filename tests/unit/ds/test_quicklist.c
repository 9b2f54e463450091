/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/mem.h"
#include "ds/quicklist.h"

/* The plain model: an array of texts. */
#define MODEL_MAX 400
struct model {
    char *items[MODEL_MAX + 1];
    size_t count;
};

static uint64_t state;
static unsigned below(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

static void model_insert(struct model *m, size_t at, const char *text)
{
    memmove(&m->items[at + 1], &m->items[at], (m->count - at) * sizeof(char *));
    m->items[at] = strdup(text);
    m->count++;
}

static void model_delete(struct model *m, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++) free(m->items[i]);
    memmove(&m->items[at], &m->items[at + n], (m->count - at - n) * sizeof(char *));
    m->count -= n;
}

static size_t model_delete_equal(struct model *m, const char *text, size_t max, bool from_tail)
{
    size_t removed = 0;
    for (size_t k = 0, n = m->count; k < n && removed < max; k++) {
        size_t i = from_tail ? n - 1 - k : k - removed;
        if (strcmp(m->items[i], text) != 0) continue;
        model_delete(m, i, 1);
        removed++;
    }
    return removed;
}

static void check(const struct quicklist *q, const struct model *m, bool backwards)
{
    struct quicklist_cursor c;
    struct item item;
    char digits[NUM_INT64_CHARS];
    size_t from = m->count == 0 ? 0 : below((unsigned)m->count), i = from;
    assert_true(quicklist_is_valid(q));
    assert_int_equal(quicklist_count(q), m->count);
    quicklist_cursor_init(&c, q, from, backwards);
    for (; quicklist_cursor_next(&c, &item); i += backwards ? -(size_t)1 : 1) {
        assert_true(i < m->count);
        assert_true(slice_eq(item_slice(&item, digits), slice_of(m->items[i])));
    }
    quicklist_cursor_deinit(&c);
    if (m->count > 0) assert_int_equal(i, backwards ? SIZE_MAX : m->count);
}

static const char *random_text(void)
{
    static char text[12000];
    switch (below(8)) {
    case 0: snprintf(text, sizeof(text), "%u", below(100000)); break;
    case 1: snprintf(text, sizeof(text), "%0*d", (int)(below(40) == 0 ? 11000 : 1 + below(600)), 7); break;
    case 2: text[0] = '\0'; break;
    default: snprintf(text, sizeof(text), "v%u", below(5)); break;
    }
    return text;
}

static void step(struct quicklist *q, struct model *m)
{
    const char *text = random_text();
    size_t at = m->count == 0 ? 0 : below((unsigned)m->count), n;
    switch (below(m->count >= MODEL_MAX ? 3 : 8)) {
    case 0:
        n = below((unsigned)(m->count - at) + 1);
        if (m->count < MODEL_MAX && n > 5) n = 5;
        quicklist_delete(q, at, n);
        model_delete(m, at, n);
        break;
    case 1: {
        bool from_tail = below(2);
        size_t max = 1 + below(4);
        size_t removed = model_delete_equal(m, text, max, from_tail);
        assert_int_equal(quicklist_delete_equal(q, slice_of(text), max, from_tail), removed);
        break;
    }
    case 2:
        if (m->count == 0) break;
        quicklist_replace(q, at, slice_of(text));
        model_delete(m, at, 1);
        model_insert(m, at, text);
        break;
    case 3:
    case 4:
        quicklist_insert(q, at, slice_of(text));
        model_insert(m, at, text);
        break;
    case 5:
    case 6:
        quicklist_push(q, false, slice_of(text));
        model_insert(m, m->count, text);
        break;
    default:
        quicklist_push(q, true, slice_of(text));
        model_insert(m, 0, text);
        break;
    }
}

static void random_operations(int max_size, int depth)
{
    struct quicklist *q = quicklist_new(max_size, depth);
    struct model m = {.count = 0};
    state = (uint64_t)max_size * 31 + (uint64_t)depth + 1000;
    for (int i = 0; i < 3000; i++) {
        step(q, &m);
        check(q, &m, below(2));
    }
    struct quicklist *copy = quicklist_copy(q);
    check(copy, &m, false);
    assert_true(quicklist_memory(copy) > 0);
    quicklist_free(copy);
    quicklist_free(q);
    model_delete(&m, 0, m.count);
}

static void equals_a_plain_array_at_all_limits(void **s)
{
    (void)s;
    static const int sizes[] = {-2, -1, 0, 1, 2, 3, 16};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int depth = 0; depth < 4; depth++) random_operations(sizes[i], depth);
    }
}

static bool count_node(void *ctx, bool is_plain, struct slice bytes)
{
    size_t *counts = ctx;
    counts[is_plain]++;
    return bytes.len > 0;
}

static void large_elements_have_nodes_of_their_own(void **s)
{
    (void)s;
    struct quicklist *q = quicklist_new(-1, 0);
    char *large = calloc(1, 5000);
    quicklist_push(q, false, SLICE_LIT("a"));
    quicklist_push(q, false, SLICE(large, 5000));
    quicklist_push(q, false, SLICE_LIT("b"));
    size_t counts[2] = {0, 0};
    quicklist_each_node(q, count_node, counts);
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 1);
    assert_null(quicklist_only_listpack(q));
    assert_true(quicklist_is_valid(q));
    free(large);
    quicklist_free(q);
}

static void inner_nodes_are_compressed(void **s)
{
    (void)s;
    struct quicklist *packed = quicklist_new(-2, 1), *plain = quicklist_new(-2, 0);
    char text[200];
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 2000; i++) {
        quicklist_push(packed, false, SLICE(text, sizeof(text)));
        quicklist_push(plain, false, SLICE(text, sizeof(text)));
    }
    assert_true(quicklist_memory(packed) * 4 < quicklist_memory(plain));
    assert_true(quicklist_is_valid(packed));
    quicklist_free(packed);
    quicklist_free(plain);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_plain_array_at_all_limits),
        cmocka_unit_test(large_elements_have_nodes_of_their_own),
        cmocka_unit_test(inner_nodes_are_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
