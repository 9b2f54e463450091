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
#include "base/worker.h"
#include "store/list.h"

#define MODEL_MAX 120
struct model {
    char *items[MODEL_MAX + 1];
    size_t count;
};

static uint64_t state = 5;
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

static void check(const struct value_ref *ref, const struct model *m)
{
    struct list_iter it;
    char digits[NUM_INT64_CHARS];
    size_t i = 0;
    assert_int_equal(ref->e == NULL, m->count == 0);
    if (ref->e == NULL) return;
    assert_int_equal(list_count(ref->e), m->count);
    for (list_iter_init(&it, ref->e, 0, false); list_iter_next(&it); i++)
        assert_true(slice_eq(item_slice(&it.item, digits), slice_of(m->items[i])));
    list_iter_deinit(&it);
    assert_int_equal(i, m->count);
}

static void count_pop(void *ctx, const struct item *i)
{
    (void)i;
    ++*(size_t *)ctx;
}

static void shrink(struct value_ref *ref, struct model *m, const char *text)
{
    size_t at = below((unsigned)m->count), n = 1 + below((unsigned)(m->count - at)), popped = 0;
    switch (below(3)) {
    case 0:
        list_pop(ref, LIST_TAIL, n, count_pop, &popped);
        assert_int_equal(popped, n);
        model_delete(m, m->count - n, n);
        break;
    case 1:
        list_trim(ref, (int64_t)at, (int64_t)n);
        model_delete(m, at + n, m->count - at - n);
        model_delete(m, 0, at);
        break;
    default: {
        size_t found = m->count;
        for (size_t i = 0; i < m->count && found == m->count; i++)
            if (strcmp(m->items[i], text) == 0) found = i;
        assert_int_equal(list_remove_equal(ref, slice_of(text), 1, false), found < m->count);
        if (found < m->count) model_delete(m, found, 1);
    }
    }
}

static void step(struct value_ref *ref, struct model *m)
{
    char text[400];
    snprintf(text, sizeof(text), below(2) ? "%0*u" : "e%*u", below(9) == 0 ? 300 : 1, below(9));
    struct slice s = slice_of(text);
    unsigned what = m->count >= MODEL_MAX ? 0 : below(5);
    if (m->count > 0 && what == 0) {
        shrink(ref, m, text);
    } else if (m->count > 0 && what == 1) {
        size_t at = below((unsigned)m->count);
        assert_true(list_set(ref, (int64_t)at - (below(2) ? (int64_t)m->count : 0), s));
        model_delete(m, at, 1);
        model_insert(m, at, text);
    } else if (m->count > 0 && what == 2) {
        assert_true(list_insert(ref, slice_of(m->items[0]), true, s));
        model_insert(m, 0, text);
    } else {
        bool at_head = below(2);
        list_push(ref, at_head ? LIST_HEAD : LIST_TAIL, &s, 1);
        model_insert(m, at_head ? 0 : m->count, text);
    }
}

static void equals_a_plain_array(void **unused)
{
    (void)unused;
    static const int sizes[] = {1, 2, 4, 16, -1};
    struct value_limits limits = *value_limits();
    struct keyspace *ks = keyspace_new(1);
    for (int run = 0; run < 10; run++) {
        limits.list_max_listpack_size = sizes[run % 5];
        limits.list_compress_depth = run / 5;
        value_set_limits(&limits);
        struct value_ref ref = {keyspace_db(ks, 0), key_of(SLICE_LIT("key")), NULL};
        struct model m = {.count = 0};
        for (int i = 0; i < 3000; i++) {
            step(&ref, &m);
            check(&ref, &m);
        }
        model_delete(&m, 0, m.count);
        keyspace_flush(ks, false);
    }
    keyspace_free(ks);
}

static void form_follows_the_limit_with_slack(void **unused)
{
    (void)unused;
    struct value_limits limits = *value_limits();
    limits.list_max_listpack_size = 8;
    value_set_limits(&limits);
    struct keyspace *ks = keyspace_new(1);
    struct value_ref ref = {keyspace_db(ks, 0), key_of(SLICE_LIT("key")), NULL};
    struct slice x = SLICE_LIT("x");
    size_t popped = 0;
    for (int i = 0; i < 8; i++) list_push(&ref, LIST_TAIL, &x, 1);
    assert_int_equal(entry_encoding(ref.e), ENCODING_LISTPACK);
    list_push(&ref, LIST_TAIL, &x, 1);
    assert_int_equal(entry_encoding(ref.e), ENCODING_QUICKLIST);
    list_pop(&ref, LIST_TAIL, 4, count_pop, &popped);
    assert_int_equal(entry_encoding(ref.e), ENCODING_QUICKLIST);
    list_pop(&ref, LIST_TAIL, 1, count_pop, &popped);
    assert_int_equal(entry_encoding(ref.e), ENCODING_LISTPACK);
    assert_int_equal(list_count(ref.e), 4);
    keyspace_free(ks);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_plain_array),
        cmocka_unit_test(form_follows_the_limit_with_slack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
