/* SPDX-License-Identifier: MIT */
#include "base/lzf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#define MAX_LEN 3000

/* Words from a small alphabet, so that something repeats. */
static size_t random_text(struct rng *rng, char *out)
{
    size_t len = 1 + rng_below(rng, MAX_LEN);
    unsigned letters = 1 + (unsigned)rng_below(rng, 12);
    for (size_t i = 0; i < len; i++) out[i] = (char)('a' + rng_below(rng, letters));
    return len;
}

static void packed_bytes_unpack_to_themselves(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    static char text[MAX_LEN], packed[MAX_LEN], back[MAX_LEN];
    int packs = 0;
    for (int round = 0; round < 2000; round++) {
        size_t len = random_text(&rng, text);
        size_t packed_len = lzf_pack(text, len, packed, len);
        if (packed_len == 0) continue;
        packs++;
        assert_true(packed_len <= len);
        memset(back, 0, len);
        assert_true(lzf_unpack(packed, packed_len, back, len));
        assert_memory_equal(back, text, len);
        assert_false(lzf_unpack(packed, packed_len, back, len - 1));
        if (len < MAX_LEN) assert_false(lzf_unpack(packed, packed_len, back, len + 1));
    }
    assert_true(packs > 1000);
}

static void what_does_not_shrink_enough_is_refused(void **state)
{
    (void)state;
    char noise[256], out[300];
    struct rng rng;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < sizeof(noise); i++) noise[i] = (char)rng_next(&rng);
    assert_int_equal(lzf_pack(noise, sizeof(noise), out, sizeof(noise) - 4), 0);
    assert_int_equal(lzf_pack("", 0, out, sizeof(out)), 0);
    assert_int_equal(lzf_pack(noise, sizeof(noise), out, 0), 0);
    char same[256] = {0};
    size_t len = lzf_pack(same, sizeof(same), out, sizeof(same) - 4);
    assert_in_range(len, 1, 20);
    for (size_t cap = 0; cap < len; cap++) {
        char *exact = malloc(cap + 1);
        assert_int_equal(lzf_pack(same, sizeof(same), exact, cap), 0);
        free(exact);
    }
}

static void empty_input_unpacks_to_nothing_only(void **state)
{
    (void)state;
    char out[4];
    assert_true(lzf_unpack("", 0, out, 0));
    assert_false(lzf_unpack("", 0, out, 1));
    assert_false(lzf_unpack("\0a", 2, out, 0));
}

/* Input and output are allocations of exactly their size: the sanitizer sees a step outside. */
static bool unpack_exact(const char *packed, size_t packed_len, size_t out_len)
{
    char *in = malloc(packed_len > 0 ? packed_len : 1), *out = malloc(out_len > 0 ? out_len : 1);
    memcpy(in, packed, packed_len);
    bool ok = lzf_unpack(in, packed_len, out, out_len);
    free(in);
    free(out);
    return ok;
}

static void damaged_input_stays_within_bounds(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    static char text[MAX_LEN], packed[MAX_LEN];
    int refused = 0;
    for (int round = 0; round < 20000; round++) {
        size_t len = random_text(&rng, text);
        if (round % 4 == 0) { /* noise */
            size_t packed_len = rng_below(&rng, 60);
            for (size_t i = 0; i < packed_len; i++) packed[i] = (char)rng_next(&rng);
            refused += !unpack_exact(packed, packed_len, rng_below(&rng, 300));
            continue;
        }
        size_t packed_len = lzf_pack(text, len, packed, len);
        if (packed_len == 0) continue;
        if (round % 2)
            packed[rng_below(&rng, packed_len)] ^= (char)(1 + rng_below(&rng, 255));
        else
            packed_len = rng_below(&rng, packed_len);
        refused += !unpack_exact(packed, packed_len, len);
    }
    assert_true(refused > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_bytes_unpack_to_themselves),
        cmocka_unit_test(what_does_not_shrink_enough_is_refused),
        cmocka_unit_test(empty_input_unpacks_to_nothing_only),
        cmocka_unit_test(damaged_input_stays_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
