/* SPDX-License-Identifier: MIT */
#include "rdb/encode.h"

#include "support.h"

#include "base/crc64.h"
#include "rdb/decode.h"

/* --- sinks --- */

static bool collect(void *ctx, const char *bytes, size_t len)
{
    buf_append(ctx, bytes, len);
    return true;
}

struct failing_sink {
    size_t calls, fail_at;
};

static bool fail_later(void *ctx, const char *bytes, size_t len)
{
    struct failing_sink *s = ctx;
    (void)bytes;
    assert_true(len > 0);
    return ++s->calls != s->fail_at;
}

static void assert_encodes(struct rdb_encoder *e, struct buf *out, struct slice expected)
{
    assert_true(rdb_encoder_flush(e));
    assert_int_equal(out->len, expected.len);
    assert_memory_equal(out->data, expected.ptr, expected.len);
    rdb_encoder_deinit(e);
    buf_deinit(out);
}

/* --- numbers --- */

static void test_numbers_have_their_bytes(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct rdb_encoder e;
    rdb_encoder_init_memory(&e, &out);
    rdb_put_byte(&e, 0xab);
    rdb_put_u32(&e, 0x01020304);
    rdb_put_u64(&e, 0x0102030405060708);
    rdb_put_len(&e, 0);
    rdb_put_len(&e, 63);
    rdb_put_len(&e, 64);
    rdb_put_len(&e, 16383);
    rdb_put_len(&e, 16384);
    rdb_put_len(&e, 0xffffffff);
    rdb_put_len(&e, 0x100000000);
    assert_encodes(&e, &out,
                   BYTES("\xab\x04\x03\x02\x01\x08\x07\x06\x05\x04\x03\x02\x01"
                         "\x00\x3f\x40\x40\x7f\xff\x80\x00\x00\x40\x00\x80\xff\xff\xff\xff"
                         "\x81\x00\x00\x00\x01\x00\x00\x00\x00"));
}

static void test_numbers_come_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t v = rng_next(&rng) >> rng_below(&rng, 64), len, u64;
        uint32_t u32;
        uint8_t byte;
        struct buf out = BUF_INIT;
        struct rdb_encoder e;
        rdb_encoder_init_memory(&e, &out);
        rdb_put_len(&e, v);
        rdb_put_u64(&e, v);
        rdb_put_u32(&e, (uint32_t)v);
        rdb_put_byte(&e, (uint8_t)v);
        assert_true(rdb_encoder_flush(&e));
        assert_int_equal(rdb_encoder_offset(&e), out.len);
        struct rdb_decoder d;
        rdb_decoder_init_memory(&d, buf_slice(&out));
        assert_true(rdb_get_len(&d, &len) && rdb_get_u64(&d, &u64) && rdb_get_u32(&d, &u32) && rdb_get_byte(&d, &byte));
        assert_true(len == v && u64 == v && u32 == (uint32_t)v && byte == (uint8_t)v);
        assert_int_equal(rdb_decoder_left(&d), 0);
        assert_false(rdb_get_byte(&d, &byte));
        rdb_decoder_deinit(&d);
        rdb_encoder_deinit(&e);
        buf_deinit(&out);
    }
}

/* --- strings --- */

static void test_integers_in_text_take_the_smallest_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct slice bytes;
    } cases[] = {
        {"0", BYTES("\xc0\x00")},
        {"-1", BYTES("\xc0\xff")},
        {"127", BYTES("\xc0\x7f")},
        {"-128", BYTES("\xc0\x80")},
        {"128", BYTES("\xc1\x80\x00")},
        {"-129", BYTES("\xc1\x7f\xff")},
        {"32767", BYTES("\xc1\xff\x7f")},
        {"-32768", BYTES("\xc1\x00\x80")},
        {"32768", BYTES("\xc2\x00\x80\x00\x00")},
        {"-32769", BYTES("\xc2\xff\x7f\xff\xff")},
        {"2147483647", BYTES("\xc2\xff\xff\xff\x7f")},
        {"-2147483648", BYTES("\xc2\x00\x00\x00\x80")},
        {"2147483648", BYTES("\x0a"
                             "2147483648")},
        {"-2147483649", BYTES("\x0b"
                              "-2147483649")},
        {"", BYTES("\x00")},
        {"-", BYTES("\x01-")},
        {"-0", BYTES("\x02-0")},
        {"01", BYTES("\x02"
                     "01")},
        {"+1", BYTES("\x02+1")},
        {" 1", BYTES("\x02 1")},
        {"1 ", BYTES("\x02"
                     "1 ")},
        {"1e3", BYTES("\x03"
                      "1e3")},
        {"99999999999", BYTES("\x0b"
                              "99999999999")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out = BUF_INIT;
        struct rdb_encoder e;
        rdb_encoder_init_memory(&e, &out);
        rdb_put_string(&e, slice_of(cases[i].text));
        assert_encodes(&e, &out, cases[i].bytes);
    }
}

static void test_integers_are_written_as_their_text_would_be(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 2);
    for (int i = 0; i < 20000; i++) {
        int64_t v = (int64_t)rng_next(&rng) >> rng_below(&rng, 64);
        if (i == 0) v = INT64_MIN;
        if (i == 1) v = INT64_MAX;
        char digits[NUM_INT64_CHARS];
        struct slice text = SLICE(digits, num_format_int64(digits, v));
        struct buf a = BUF_INIT, b = BUF_INIT;
        struct rdb_encoder ea, eb;
        rdb_encoder_init_memory(&ea, &a);
        rdb_encoder_init_memory(&eb, &b);
        rdb_put_int_string(&ea, v);
        rdb_put_string(&eb, text);
        assert_true(rdb_encoder_flush(&eb));
        assert_encodes(&ea, &a, buf_slice(&b));
        rdb_encoder_deinit(&eb);
        buf_deinit(&b);
    }
}

static void test_compression_begins_at_21_bytes_and_saves_4(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct rdb_encoder e;
    rdb_encoder_init_memory(&e, &out);
    rdb_put_string(&e, SLICE_LIT("aaaaaaaaaaaaaaaaaaaa"));
    assert_encodes(&e, &out,
                   BYTES("\x14"
                         "aaaaaaaaaaaaaaaaaaaa"));
    rdb_encoder_init_memory(&e, &out);
    rdb_put_string(&e, SLICE_LIT("aaaaaaaaaaaaaaaaaaaaa"));
    assert_true(rdb_encoder_flush(&e));
    assert_int_equal((uint8_t)out.data[0], 0xc3);
    assert_int_equal(out.data[1], out.len - 3);
    assert_int_equal(out.data[2], 21);
    assert_true(out.len - 3 <= 17);
    buf_clear(&out);
    rdb_encoder_deinit(&e);
    rdb_encoder_init_memory(&e, &out);
    e.compress = false;
    rdb_put_string(&e, SLICE_LIT("aaaaaaaaaaaaaaaaaaaaa"));
    assert_encodes(&e, &out,
                   BYTES("\x15"
                         "aaaaaaaaaaaaaaaaaaaaa"));
}

static void put_and_get_back(struct slice text, bool compress, bool in_memory)
{
    struct buf out = BUF_INIT;
    struct rdb_encoder e;
    if (in_memory)
        rdb_encoder_init_memory(&e, &out);
    else
        rdb_encoder_init(&e, collect, &out);
    e.compress = compress;
    rdb_put_string(&e, text);
    rdb_put_byte(&e, 0x5a);
    assert_int_equal(rdb_encoder_offset(&e), e.written + e.len);
    assert_true(rdb_encoder_flush(&e));
    assert_true(out.len <= text.len + 10);
    rdb_encoder_deinit(&e);
    struct rdb_decoder d;
    rdb_decoder_init_memory(&d, buf_slice(&out));
    struct slice back;
    uint8_t end;
    assert_true(rdb_get_bytes(&d, &back, SIZE_MAX));
    assert_true(slice_eq(back, text));
    assert_true(rdb_get_byte(&d, &end) && end == 0x5a);
    rdb_decoder_deinit(&d);
    buf_deinit(&out);
}

static void test_strings_come_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 3);
    struct buf text = BUF_INIT;
    for (int i = 0; i < 8000; i++) {
        random_text(&rng, &text, i % 100 ? 300 : 20000);
        put_and_get_back(buf_slice(&text), rng_below(&rng, 4) != 0, i % 8 != 0);
    }
    static const size_t sizes[] = {16383, 16384, 16450, 65535, 65536, 65537, 1 << 20, (1 << 20) + 1, 3 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * 8; i++) {
        size_t len = sizes[i / 8];
        buf_clear(&text);
        char *p = buf_reserve(&text, len);
        for (size_t k = 0; k < len; k++) p[k] = (char)(i & 1 ? rng_next(&rng) : k / 1000);
        text.len = len;
        put_and_get_back(buf_slice(&text), i & 2, i & 4);
    }
    buf_deinit(&text);
}

/* The encoder of files looks for repetitions before it compresses, the one in memory does not. */
static void test_skipping_hopeless_strings_changes_no_byte(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 4);
    struct buf text = BUF_INIT, file = BUF_INIT, memory = BUF_INIT;
    struct rdb_encoder to_file, to_memory;
    rdb_encoder_init(&to_file, collect, &file);
    rdb_encoder_init_memory(&to_memory, &memory);
    for (int i = 0; i < 20000; i++) {
        size_t len = 21 + rng_below(&rng, 260), letters = 1 + rng_below(&rng, 255);
        buf_clear(&text);
        for (size_t k = 0; k < len; k++) buf_append_char(&text, (char)rng_below(&rng, letters));
        rdb_put_string(&to_file, buf_slice(&text));
        rdb_put_string(&to_memory, buf_slice(&text));
    }
    assert_true(rdb_encoder_flush(&to_file) && rdb_encoder_flush(&to_memory));
    assert_true(slice_eq(buf_slice(&file), buf_slice(&memory)));
    rdb_encoder_deinit(&to_file);
    rdb_encoder_deinit(&to_memory);
    buf_deinit(&text);
    buf_deinit(&file);
    buf_deinit(&memory);
}

/* --- records --- */

static void test_records_have_their_bytes(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct rdb_encoder e;
    rdb_encoder_init_memory(&e, &out);
    e.version = 9;
    struct entry *entry = entry_new_string(SLICE_LIT("key"), SLICE_LIT("value"), 0x0102030405060708);
    rdb_put_header(&e);
    rdb_put_aux(&e, "redis-ver", SLICE_LIT("7.2.4"));
    rdb_put_select_db(&e, 300);
    rdb_put_resize_db(&e, 70, 1);
    rdb_put_entry(&e, entry, &(struct rdb_entry_extra){.idle_s = 64, .freq = -1});
    rdb_put_entry(&e, entry, &(struct rdb_entry_extra){.idle_s = -1, .freq = 255});
    rdb_put_entry(&e, entry, NULL);
    assert_encodes(&e, &out,
                   BYTES("REDIS0009"
                         "\xfa\x09redis-ver\x05"
                         "7.2.4"
                         "\xfe\x41\x2c"
                         "\xfb\x40\x46\x01"
                         "\xfc\x08\x07\x06\x05\x04\x03\x02\x01\xf8\x40\x40\x00\x03key\x05value"
                         "\xfc\x08\x07\x06\x05\x04\x03\x02\x01\xf9\xff\x00\x03key\x05value"
                         "\xfc\x08\x07\x06\x05\x04\x03\x02\x01\x00\x03key\x05value"));
    entry_free(entry);
}

static void test_old_versions_leave_out_what_they_do_not_know(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct rdb_encoder e;
    struct entry *entry = entry_new_int(SLICE_LIT("7"), 8, ENTRY_NO_EXPIRY);
    struct rdb_entry_extra extra = {.idle_s = 1, .freq = 1};
    rdb_encoder_init_memory(&e, &out);
    e.version = 6;
    rdb_put_header(&e);
    rdb_put_aux(&e, "redis-ver", SLICE_LIT("7.2.4"));
    rdb_put_select_db(&e, 0);
    rdb_put_resize_db(&e, 1, 0);
    rdb_put_entry(&e, entry, &extra);
    assert_encodes(&e, &out, BYTES("REDIS0006\xfe\x00\x00\xc0\x07\xc0\x08"));
    rdb_encoder_init_memory(&e, &out);
    e.version = 8;
    rdb_put_entry(&e, entry, &extra);
    assert_encodes(&e, &out, BYTES("\x00\xc0\x07\xc0\x08"));
    entry_free(entry);
}

static void end_and_check(int version, bool checksum, bool in_memory)
{
    struct buf out = BUF_INIT;
    struct rdb_encoder e;
    buf_append(&out, "before", in_memory ? 6 : 0);
    size_t start = out.len;
    if (in_memory)
        rdb_encoder_init_memory(&e, &out);
    else
        rdb_encoder_init(&e, collect, &out);
    e.version = version;
    e.checksum = checksum;
    rdb_put_header(&e);
    assert_true(rdb_put_eof(&e));
    assert_int_equal(rdb_encoder_offset(&e), out.len - start);
    size_t covered = RDB_HEADER_BYTES + 1;
    uint64_t stored, crc = checksum ? crc64(0, out.data + start, covered) : 0;
    if (version < 5) {
        assert_int_equal(out.len - start, covered);
    } else {
        assert_int_equal(out.len - start, covered + 8);
        memcpy(&stored, out.data + start + covered, 8);
        assert_true(stored == crc);
    }
    rdb_encoder_deinit(&e);
    buf_deinit(&out);
}

static void test_the_checksum_covers_all_before_it(void **state)
{
    (void)state;
    for (int i = 0; i < 8; i++) end_and_check(i & 1 ? 4 : 7, i & 2, i & 4);
}

static void test_a_failed_sink_is_not_called_again(void **state)
{
    (void)state;
    char *big = mem_calloc(3 << 20);
    for (size_t fail_at = 1; fail_at <= 6; fail_at++) {
        struct failing_sink sink = {.fail_at = fail_at};
        struct rdb_encoder e;
        rdb_encoder_init(&e, fail_later, &sink);
        e.compress = false;
        rdb_put_header(&e);
        for (int i = 0; i < 40; i++) rdb_put_string(&e, SLICE(big, 65000));
        rdb_put_string(&e, SLICE(big, 3 << 20));
        rdb_put_string(&e, SLICE(big, 10));
        assert_false(rdb_put_eof(&e));
        assert_false(rdb_encoder_flush(&e));
        assert_int_equal(sink.calls, fail_at);
        rdb_encoder_deinit(&e);
    }
    mem_free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_have_their_bytes),
        cmocka_unit_test(test_numbers_come_back),
        cmocka_unit_test(test_integers_in_text_take_the_smallest_form),
        cmocka_unit_test(test_integers_are_written_as_their_text_would_be),
        cmocka_unit_test(test_compression_begins_at_21_bytes_and_saves_4),
        cmocka_unit_test(test_strings_come_back),
        cmocka_unit_test(test_skipping_hopeless_strings_changes_no_byte),
        cmocka_unit_test(test_records_have_their_bytes),
        cmocka_unit_test(test_old_versions_leave_out_what_they_do_not_know),
        cmocka_unit_test(test_the_checksum_covers_all_before_it),
        cmocka_unit_test(test_a_failed_sink_is_not_called_again),
    };
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
