/* SPDX-License-Identifier: MIT */
#include "base/crc64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static void the_published_vector(void **state)
{
    (void)state;
    assert_true(crc64(0, "123456789", 9) == UINT64_C(0xe9c6d914c4b8d9ca));
}

/* The definition, bit by bit: the polynomial reflected, no inversion anywhere. */
static uint64_t model(uint64_t crc, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? UINT64_C(0x95ac9329ac4bc9b5) : 0);
    }
    return crc;
}

static void every_length_equals_the_definition(void **state)
{
    (void)state;
    unsigned char bytes[2100];
    struct rng rng;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (unsigned char)rng_next(&rng);
    for (size_t len = 0; len < 2000; len += len < 600 ? 1 : 61) {
        uint64_t seed = len % 2 ? rng_next(&rng) : 0;
        size_t offset = rng_below(&rng, 64);
        assert_true(crc64(seed, bytes + offset, len) == model(seed, bytes + offset, len));
    }
}

static void pieces_chain_to_the_whole(void **state)
{
    (void)state;
    unsigned char bytes[4096];
    struct rng rng;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (unsigned char)rng_next(&rng);
    uint64_t whole = crc64(0, bytes, sizeof(bytes));
    for (int round = 0; round < 1000; round++) {
        uint64_t crc = 0;
        size_t at = 0;
        while (at < sizeof(bytes)) {
            size_t len = rng_below(&rng, sizeof(bytes) - at + 1);
            crc = crc64(crc, bytes + at, len);
            at += len;
        }
        assert_true(crc == whole);
    }
    assert_true(crc64(whole, bytes, 0) == whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_vector),
        cmocka_unit_test(every_length_equals_the_definition),
        cmocka_unit_test(pieces_chain_to_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
