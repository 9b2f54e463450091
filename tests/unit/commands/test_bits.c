/* SPDX-License-Identifier: MIT */
/* Bit arithmetic against a model that looks at one bit after the other. */
#include "commands/bits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"

#define BYTES_MAX 300

static bool model_bit(const char *bytes, uint64_t i) { return (unsigned char)bytes[i / 8] >> (7 - i % 8) & 1; }

/* Exactly as long as asked, so that a sanitizer sees every byte too far. Mostly of one value now and then, for searches. */
static char *random_bytes(struct rng *r, size_t len)
{
    char *bytes = malloc(len + !len);
    assert_non_null(bytes);
    unsigned kind = (unsigned)rng_below(r, 3);
    for (size_t i = 0; i < len; i++) bytes[i] = kind == 0 ? (char)rng_next(r) : kind == 1 ? 0 : (char)0xff;
    if (kind != 0 && len > 0 && rng_below(r, 2)) bytes[rng_below(r, len)] = (char)rng_next(r);
    return bytes;
}

static uint64_t model_count(const char *bytes, uint64_t from, uint64_t end)
{
    uint64_t count = 0;
    for (uint64_t i = from; i < end; i++) count += model_bit(bytes, i);
    return count;
}

static uint64_t model_find(const char *bytes, uint64_t from, uint64_t end, bool wanted)
{
    for (uint64_t i = from; i < end; i++) {
        if (model_bit(bytes, i) == wanted) return i;
    }
    return BITS_NONE;
}

static void ranges_are_counted_and_searched(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 1);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = rng_below(&r, BYTES_MAX);
        char *bytes = random_bytes(&r, len);
        uint64_t from = rng_below(&r, len * 8 + 1), end = rng_below(&r, len * 8 + 1);
        assert_int_equal(bits_count(bytes, from, end), model_count(bytes, from, end));
        assert_int_equal(bits_find(bytes, from, end, true), model_find(bytes, from, end, true));
        assert_int_equal(bits_find(bytes, from, end, false), model_find(bytes, from, end, false));
        free(bytes);
    }
}

static unsigned char model_byte(const struct slice *s, size_t i) { return i < s->len ? (unsigned char)s->ptr[i] : 0; }

static unsigned char model_combine(enum bits_operation op, const struct slice *sources, size_t count, size_t i)
{
    unsigned char byte = model_byte(&sources[0], i);
    for (size_t s = 1; s < count; s++) {
        switch (op) {
        case BITS_AND: byte &= model_byte(&sources[s], i); break;
        case BITS_OR: byte |= model_byte(&sources[s], i); break;
        case BITS_XOR: byte ^= model_byte(&sources[s], i); break;
        case BITS_NOT: break;
        }
    }
    return op == BITS_NOT ? (unsigned char)~byte : byte;
}

static void check_combined(struct rng *r, size_t longest)
{
    struct slice sources[4];
    enum bits_operation op = (enum bits_operation)rng_below(r, 4);
    size_t count = op == BITS_NOT ? 1 : 1 + rng_below(r, 4), len = 0;
    for (size_t s = 0; s < count; s++) {
        size_t n = rng_below(r, longest);
        sources[s] = SLICE(random_bytes(r, n), n);
        if (n > len) len = n;
    }
    char *out = malloc(len + !len);
    assert_non_null(out);
    bits_combine(op, sources, count, out, len);
    for (size_t i = 0; i < len; i++) assert_int_equal((unsigned char)out[i], model_combine(op, sources, count, i));
    for (size_t s = 0; s < count; s++) free((char *)sources[s].ptr);
    free(out);
}

static void sources_of_any_length_are_combined(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 2);
    for (unsigned round = 0; round < 5000; round++) check_combined(&r, BYTES_MAX);
    /* Longer than what is combined at a time. */
    for (unsigned round = 0; round < 40; round++) check_combined(&r, 40000);
}

static struct bits_field random_field(struct rng *r)
{
    struct bits_field f = {.is_signed = rng_below(r, 2)};
    f.width = 1 + (unsigned)rng_below(r, f.is_signed ? 64 : 63);
    f.offset = rng_below(r, 120);
    return f;
}

static uint64_t model_field(const char *bytes, size_t len, const struct bits_field *f)
{
    uint64_t value = 0;
    for (unsigned k = 0; k < f->width; k++) {
        uint64_t i = f->offset + k;
        value = value << 1 | (i / 8 < len && model_bit(bytes, i));
    }
    if (f->is_signed && f->width < 64 && value >> (f->width - 1)) value |= UINT64_MAX << f->width;
    return value;
}

static void fields_are_read_past_the_end_as_zeros(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 3);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = rng_below(&r, 24);
        char *bytes = random_bytes(&r, len);
        struct bits_field f = random_field(&r);
        assert_int_equal(bits_get_field(SLICE(bytes, len), &f), model_field(bytes, len, &f));
        free(bytes);
    }
}

static void a_written_field_changes_its_own_bits_only(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 4);
    for (unsigned round = 0; round < 20000; round++) {
        struct bits_field f = random_field(&r);
        size_t len = (f.offset + f.width + 7) / 8;
        char *bytes = random_bytes(&r, len), before[32];
        memcpy(before, bytes, len);
        uint64_t value = rng_next(&r);
        bits_set_field(bytes, &f, value);
        struct bits_field bare = {f.offset, f.width, false};
        assert_int_equal(bits_get_field(SLICE(bytes, len), &bare), value << (64 - f.width) >> (64 - f.width));
        for (uint64_t i = 0; i < len * 8; i++) {
            if (i < f.offset || i >= f.offset + f.width) assert_int_equal(model_bit(bytes, i), model_bit(before, i));
        }
        free(bytes);
    }
}

struct sum {
    struct bits_field field;
    int64_t value, delta;
    enum bits_overflow mode;
    bool fits;
    int64_t result;
};

static void sums_wrap_saturate_or_fail(void **state)
{
    (void)state;
    static const struct sum sums[] = {
        {{0, 8, false}, 250, 5, BITS_WRAP, true, 255},
        {{0, 8, false}, 250, 6, BITS_WRAP, false, 0},
        {{0, 8, false}, 250, 6, BITS_SATURATE, false, 255},
        {{0, 8, false}, 5, -6, BITS_WRAP, false, 255},
        {{0, 8, false}, 5, -6, BITS_SATURATE, false, 0},
        {{0, 8, false}, -1, 0, BITS_SATURATE, false, 255}, /* what SET is given */
        {{0, 8, false}, 5, -5, BITS_FAIL, true, 0},
        {{0, 8, false}, 5, INT64_MIN, BITS_SATURATE, false, 0},
        {{0, 8, false}, 5, INT64_MAX, BITS_SATURATE, false, 255},
        {{0, 63, false}, INT64_MAX, 1, BITS_WRAP, false, 0},
        {{0, 63, false}, INT64_MAX, INT64_MAX, BITS_SATURATE, false, INT64_MAX},
        {{0, 1, true}, 0, 1, BITS_WRAP, false, -1},
        {{0, 1, true}, 0, 1, BITS_SATURATE, false, 0},
        {{0, 8, true}, 127, 1, BITS_WRAP, false, -128},
        {{0, 8, true}, 127, 1, BITS_SATURATE, false, 127},
        {{0, 8, true}, -128, -1, BITS_SATURATE, false, -128},
        {{0, 8, true}, -128, -1, BITS_WRAP, false, 127},
        {{0, 64, true}, INT64_MAX, 1, BITS_WRAP, false, INT64_MIN},
        {{0, 64, true}, INT64_MIN, INT64_MIN, BITS_SATURATE, false, INT64_MIN},
        {{0, 64, true}, INT64_MIN, INT64_MAX, BITS_FAIL, true, -1},
    };
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        uint64_t out;
        assert_int_equal(bits_add(&sums[i].field, (uint64_t)sums[i].value, sums[i].delta, sums[i].mode, &out),
                         sums[i].fits);
        assert_int_equal((int64_t)out, sums[i].result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_counted_and_searched),
        cmocka_unit_test(sources_of_any_length_are_combined),
        cmocka_unit_test(fields_are_read_past_the_end_as_zeros),
        cmocka_unit_test(a_written_field_changes_its_own_bits_only),
        cmocka_unit_test(sums_wrap_saturate_or_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
