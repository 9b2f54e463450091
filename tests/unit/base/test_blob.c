/* SPDX-License-Identifier: MIT */
#include "base/blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"

static void a_new_blob_is_empty_with_room(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 5000; cap += 7) {
        size_t before = mem_used();
        struct blob *b = blob_new(cap);
        assert_int_equal(b->len, 0);
        assert_true(b->cap >= cap);
        assert_int_equal(mem_used() - before, blob_alloc_bytes(b));
        memset(b->data, 1, b->cap);
        blob_free(b);
        assert_int_equal(mem_used(), before);
    }
    blob_free(NULL);
}

static void a_copy_holds_the_bytes(void **state)
{
    (void)state;
    struct blob *b = blob_copy_of(SLICE("a\0b", 3));
    assert_true(slice_eq(blob_slice(b), SLICE("a\0b", 3)));
    blob_free(b);
    b = blob_copy_of(SLICE(NULL, 0));
    assert_int_equal(b->len, 0);
    blob_free(b);
}

static void growing_and_trimming_keep_the_bytes(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    size_t before = mem_used();
    struct blob *b = blob_copy_of(slice_of("keepsake"));
    for (int round = 0; round < 2000; round++) {
        size_t want = rng_below(&rng, 100000), old_cap = b->cap;
        if (rng_below(&rng, 2)) {
            b = blob_reserve(b, want);
            assert_true(b->cap >= want && b->cap >= old_cap);
        } else {
            b = blob_trim(b, want);
            assert_true(b->cap >= b->len && b->cap <= old_cap);
            if (want < 1000) assert_true(b->cap <= 1024);
        }
        assert_true(slice_eq(blob_slice(b), slice_of("keepsake")));
        assert_int_equal(mem_used() - before, blob_alloc_bytes(b));
    }
    blob_free(b);
    assert_int_equal(mem_used(), before);
}

static void impossible_sizes_leave_the_blob_alone(void **state)
{
    (void)state;
    struct blob *b = blob_copy_of(slice_of("kept"));
    volatile size_t huge = (size_t)1 << 60;
    assert_null(blob_try_new(huge));
    assert_null(blob_try_new(SIZE_MAX));
    assert_null(blob_try_new(SIZE_MAX - sizeof(struct blob)));
    assert_null(blob_try_reserve(b, huge));
    assert_null(blob_try_reserve(b, SIZE_MAX));
    assert_true(slice_eq(blob_slice(b), slice_of("kept")));
    struct blob *same = blob_try_reserve(b, 2);
    assert_ptr_equal(same, b);
    blob_free(b);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_blob_is_empty_with_room),
        cmocka_unit_test(a_copy_holds_the_bytes),
        cmocka_unit_test(growing_and_trimming_keep_the_bytes),
        cmocka_unit_test(impossible_sizes_leave_the_blob_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
