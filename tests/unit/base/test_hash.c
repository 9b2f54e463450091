/* SPDX-License-Identifier: MIT */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/rng.h"

static const uint8_t counting_key[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* Of the bytes 0, 1, 2 ... under the key 00 01 .. 0f, by length; the published vectors of SipHash-1-3. */
static const uint64_t vectors[64] = {
    0xabac0158050fc4dcU, 0xc9f49bf37d57ca93U, 0x82cb9b024dc7d44dU, 0x8bf80ab8e7ddf7fbU, 0xcf75576088d38328U,
    0xdef9d52f49533b67U, 0xc50d2b50c59f22a7U, 0xd3927d989bb11140U, 0x369095118d299a8eU, 0x25a48eb36c063de4U,
    0x79de85ee92ff097fU, 0x70c118c1f94dc352U, 0x78a384b157b4d9a2U, 0x306f760c1229ffa7U, 0x605aa111c0f95d34U,
    0xd320d86d2a519956U, 0xcc4fdd1a7d908b66U, 0x9cf2689063dbd80cU, 0x8ffc389cb473e63eU, 0xf21f9de58d297d1cU,
    0xc0dc2f46a6cce040U, 0xb992abfe2b45f844U, 0x7ffe7b9ba320872eU, 0x525a0e7fdae6c123U, 0xf464aeb267349c8cU,
    0x45cd5928705b0979U, 0x3a3e35e3ca9913a5U, 0xa91dc74e4ade3b35U, 0xfb0bed02ef6cd00dU, 0x88d93cb44ab1e1f4U,
    0x540f11d643c5e663U, 0x2370dd1f8c21d1bcU, 0x81157b6c16a7b60dU, 0x4d54b9e57a8ff9bfU, 0x759f12781f2a753eU,
    0xcea1a3bebf186b91U, 0x2cf508d3ada26206U, 0xb6101c2da3c33057U, 0xb3f47496ae3a36a1U, 0x626b57547b108392U,
    0xc1d2363299e41531U, 0x667cc1923f1ad944U, 0x65704ffec8138825U, 0x24f280d1c28949a6U, 0xc2ca1cedfaf8876bU,
    0xc2164bfc9f042196U, 0xa16e9c9368b1d623U, 0x49fb169c8b5114fdU, 0x9f3143f8df074c46U, 0xc6fdaf2412cc86b3U,
    0x7eaf49d10a52098fU, 0x1cf313559d292f9aU, 0xc44a30dda2f41f12U, 0x36fae98943a71ed0U, 0x318fb34c73f0bce6U,
    0xa27abf3670a7e980U, 0xb4bcc0db243c6d75U, 0x23f8d852fdb71513U, 0x8f035f4da67d8a08U, 0xd89cd0e5b7e8f148U,
    0xf6f4e6bcf7a644eeU, 0xaec59ad80f1837f2U, 0xc3b2f6154b6694e0U, 0x9d199062b7bbb3a8U,
};

static void siphash13_equals_the_published_vectors(void **state)
{
    (void)state;
    uint8_t input[64];
    for (size_t i = 0; i < sizeof(input); i++) input[i] = (uint8_t)i;
    hash_set_key(counting_key);
    for (size_t len = 0; len < 64; len++) {
        assert_true(hash_siphash13(counting_key, input, len) == vectors[len]);
        assert_true(hash_bytes(input, len) == vectors[len]);
    }
}

static void the_process_key_changes_every_hash(void **state)
{
    (void)state;
    uint8_t other[16];
    memcpy(other, counting_key, 16);
    other[15] ^= 0x80;
    hash_set_key(counting_key);
    uint64_t before = hash_bytes("key", 3);
    hash_set_key(other);
    assert_true(hash_bytes("key", 3) != before);
    assert_true(hash_bytes("key", 3) == hash_siphash13(other, "key", 3));
}

static void folding_hashes_as_lower_case(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    hash_set_key(counting_key);
    for (int round = 0; round < 20000; round++) {
        unsigned char bytes[40], lower[40];
        size_t len = rng_below(&rng, sizeof(bytes) + 1);
        for (size_t i = 0; i < len; i++) {
            /* All bytes, and often those around the letters. */
            bytes[i] = (unsigned char)(rng_below(&rng, 2) ? rng_below(&rng, 256) : 60 + rng_below(&rng, 70));
            lower[i] = bytes[i] >= 'A' && bytes[i] <= 'Z' ? bytes[i] + 32 : bytes[i];
        }
        assert_true(hash_bytes_nocase(bytes, len) == hash_bytes(lower, len));
    }
}

/* Input that ends, or begins, at an unmapped page. */
static void nothing_is_read_outside_the_input(void **state)
{
    (void)state;
    char *map = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    assert_int_equal(mprotect(map + 4096, 4096, PROT_READ | PROT_WRITE), 0);
    hash_set_key(counting_key);
    for (size_t len = 0; len < 64; len++) {
        char *at_start = map + 4096, *at_end = map + 8192 - len;
        for (size_t i = 0; i < len; i++) at_start[i] = (char)i;
        assert_true(hash_bytes(at_start, len) == vectors[len]);
        memmove(at_end, at_start, len);
        assert_true(hash_bytes(at_end, len) == vectors[len]);
        assert_true(hash_bytes_nocase(at_end, len) == vectors[len]);
    }
    munmap(map, 3 * 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash13_equals_the_published_vectors),
        cmocka_unit_test(the_process_key_changes_every_hash),
        cmocka_unit_test(folding_hashes_as_lower_case),
        cmocka_unit_test(nothing_is_read_outside_the_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
