/* SPDX-License-Identifier: MIT */
#include "rdb/decode.h"

#include "support.h"

#include <errno.h>
#include <sys/mman.h>

#include "rdb/decode_collections.h"
#include "rdb/encode.h"

/* --- sources --- */

/* Gives the bytes in pieces of `step`, then ends or fails. */
struct pieces {
    struct slice bytes;
    size_t step;
    int end_errno;
};

static long next_piece(void *ctx, char *bytes, size_t len)
{
    struct pieces *p = ctx;
    size_t n = p->step < p->bytes.len ? p->step : p->bytes.len;
    if (n > len) n = len;
    if (n == 0 && p->end_errno) {
        errno = p->end_errno;
        return -1;
    }
    if (n) memcpy(bytes, p->bytes.ptr, n);
    p->bytes = SLICE(p->bytes.ptr + n, p->bytes.len - n);
    return (long)n;
}

/* --- numbers --- */

static void test_every_known_version_is_accepted(void **state)
{
    (void)state;
    for (int version = 1; version <= 12; version++) {
        struct buf file = BUF_INIT;
        struct rdb_decoder d;
        append_file_header(&file, version);
        rdb_decoder_init_memory(&d, buf_slice(&file));
        assert_true(rdb_get_header(&d));
        assert_int_equal(d.version, version);
        rdb_decoder_deinit(&d);
        buf_deinit(&file);
    }
}

static void assert_header_refused(struct slice bytes, uint64_t offset, const char *reason)
{
    struct rdb_decoder d;
    rdb_decoder_init_memory(&d, bytes);
    assert_false(rdb_get_header(&d));
    assert_string_equal(d.reason, reason);
    assert_int_equal(d.error_offset, offset);
    rdb_decoder_deinit(&d);
}

static void test_other_headers_are_refused(void **state)
{
    (void)state;
    assert_header_refused(BYTES(""), 0, "the file is empty");
    assert_header_refused(BYTES("RED"), 0, "not an RDB file: it does not start with REDIS");
    assert_header_refused(BYTES("REDIX0007"), 0, "not an RDB file: it does not start with REDIS");
    assert_header_refused(BYTES("REDIS00"), 0, "truncated: 9 more bytes are needed here and 7 are left");
    assert_header_refused(BYTES("REDIS0013"), 5, "can't handle RDB format version 13");
    assert_header_refused(BYTES("REDIS0000"), 5, "can't handle RDB format version 0");
    assert_header_refused(BYTES("REDIS9999"), 5, "can't handle RDB format version 9999");
    assert_header_refused(BYTES("REDIS00x7"), 5, "the format version is not a number");
    assert_header_refused(BYTES("REDIS-001"), 5, "the format version is not a number");
}

static void test_all_forms_of_lengths_are_read(void **state)
{
    (void)state;
    struct rdb_decoder d;
    uint64_t len;
    rdb_decoder_init_memory(&d, BYTES("\x00\x3f\x40\x05\x7f\xff\x80\x00\x00\x00\x07\x80\xff\xff\xff\xff"
                                      "\x81\x00\x00\x00\x00\x00\x00\x00\x09\x81\xff\xff\xff\xff\xff\xff\xff\xff"));
    static const uint64_t expected[] = {0, 63, 5, 16383, 7, UINT32_MAX, 9, UINT64_MAX};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(rdb_get_len(&d, &len));
        assert_true(len == expected[i]);
    }
    assert_false(rdb_get_len(&d, &len));
    rdb_decoder_deinit(&d);
}

static void assert_length_refused(struct slice bytes, const char *reason)
{
    struct rdb_decoder d;
    uint64_t len;
    rdb_decoder_init_memory(&d, bytes);
    assert_false(rdb_get_len(&d, &len));
    assert_string_equal(d.reason, reason);
    assert_int_equal(d.error_offset, 0);
    rdb_decoder_deinit(&d);
}

static void test_other_lengths_are_refused(void **state)
{
    (void)state;
    assert_length_refused(BYTES("\x82\x00\x00\x00\x00\x00\x00\x00\x00"), "a length cannot start with the byte 0x82");
    assert_length_refused(BYTES("\xbf"), "a length cannot start with the byte 0xbf");
    assert_length_refused(BYTES("\xc0\x01"), "a length is expected, not string form 0");
    assert_length_refused(BYTES("\x40"), "truncated: 2 more bytes are needed here and 1 are left");
    assert_length_refused(BYTES("\x80\x00\x00\x00"), "truncated: 5 more bytes are needed here and 4 are left");
    assert_length_refused(BYTES("\x81\x00\x00\x00"), "truncated: 9 more bytes are needed here and 4 are left");
}

/* --- strings --- */

static void assert_reads(struct slice bytes, struct slice expected)
{
    struct rdb_decoder d;
    struct rdb_string s;
    struct slice text;
    rdb_decoder_init_memory(&d, bytes);
    assert_true(rdb_get_bytes(&d, &text, SIZE_MAX));
    assert_true(slice_eq(text, expected));
    assert_int_equal(rdb_decoder_left(&d), 0);
    rdb_decoder_deinit(&d);
    rdb_decoder_init_memory(&d, bytes);
    assert_true(rdb_get_string(&d, &s));
    char digits[NUM_INT64_CHARS];
    switch (s.kind) {
    case RDB_GOT_SLICE: assert_true(slice_eq(s.slice, expected)); break;
    case RDB_GOT_INT: assert_true(slice_eq(SLICE(digits, num_format_int64(digits, s.integer)), expected)); break;
    case RDB_GOT_BLOB: assert_true(slice_eq(blob_slice(s.blob), expected)); blob_free(s.blob);
    }
    rdb_decoder_deinit(&d);
}

static void test_all_forms_of_strings_are_read(void **state)
{
    (void)state;
    char longer[300];
    memset(longer, 'x', sizeof longer);
    assert_reads(BYTES("\x00"), BYTES(""));
    assert_reads(BYTES("\x03"
                       "abc"),
                 BYTES("abc"));
    assert_reads(BYTES("\x40\x03"
                       "abc"),
                 BYTES("abc"));
    assert_reads(BYTES("\x80\x00\x00\x00\x03"
                       "abc"),
                 BYTES("abc"));
    assert_reads(BYTES("\x81\x00\x00\x00\x00\x00\x00\x00\x03"
                       "abc"),
                 BYTES("abc"));
    assert_reads(BYTES("\xc0\x80"), BYTES("-128"));
    assert_reads(BYTES("\xc1\x00\x80"), BYTES("-32768"));
    assert_reads(BYTES("\xc1\x05\x00"), BYTES("5"));
    assert_reads(BYTES("\xc2\x00\x00\x00\x80"), BYTES("-2147483648"));
    /* Literals "ab", then 5 bytes from 2 back; and 300 bytes out of one literal. */
    assert_reads(BYTES("\xc3\x05\x07\x01"
                       "ab\x60\x01"),
                 BYTES("abababa"));
    assert_reads(BYTES("\xc3\x08\x41\x2c\x00x\xe0\xff\x00\xe0\x1a\x00"), SLICE(longer, 300));
    assert_reads(BYTES("\xc3\x40\x05\x80\x00\x00\x00\x07\x01"
                       "ab\x60\x01"),
                 BYTES("abababa"));
}

static void assert_string_refused(struct slice bytes, const char *reason)
{
    struct rdb_decoder d;
    struct rdb_string s;
    rdb_decoder_init_memory(&d, bytes);
    assert_false(rdb_get_string(&d, &s));
    assert_string_equal(d.reason, reason);
    assert_int_equal(d.error_offset, 0);
    rdb_decoder_deinit(&d);
}

static void test_strings_that_cannot_be_are_refused(void **state)
{
    (void)state;
    assert_string_refused(BYTES(""), "truncated: 1 more bytes are needed here and 0 are left");
    assert_string_refused(BYTES("\x04"
                                "abc"),
                          "truncated: 4 more bytes are needed here and 3 are left");
    assert_string_refused(BYTES("\x81\x7f\xff\xff\xff\xff\xff\xff\xff"
                                "abc"),
                          "truncated: 9223372036854775807 more bytes are needed here and 3 are left");
    assert_string_refused(BYTES("\xc4"), "string form 4 is unknown");
    assert_string_refused(BYTES("\xff"), "string form 63 is unknown");
    assert_string_refused(BYTES("\xc2\x00\x00"), "truncated: 4 more bytes are needed here and 2 are left");
    assert_string_refused(BYTES("\xc3\x00\x05"), "LZF string without bytes");
    assert_string_refused(BYTES("\xc3\x01\x00x"), "LZF string without bytes");
    assert_string_refused(BYTES("\xc3\x09\x05x"), "truncated: 9 more bytes are needed here and 1 are left");
    assert_string_refused(BYTES("\xc3\x02\x80\xff\xff\xff\xff\x00x"),
                          "LZF string of 2 bytes cannot stand for 4294967295 bytes");
    assert_string_refused(BYTES("\xc3\x02\x40\xb1\x00x"), "LZF string of 2 bytes cannot stand for 177 bytes");
    assert_string_refused(BYTES("\xc3\x05\x08\x01"
                                "ab\x60\x01"),
                          "LZF data does not decode to its stated 8 bytes");
    assert_string_refused(BYTES("\xc3\x05\x06\x01"
                                "ab\x60\x01"),
                          "LZF data does not decode to its stated 6 bytes");
    assert_string_refused(BYTES("\xc3\x05\x07\x01"
                                "ab\x60\x09"),
                          "LZF data does not decode to its stated 7 bytes");
    assert_string_refused(BYTES("\xc3\xc0\x05"), "a length is expected, not string form 0");
}

static void test_bytes_are_limited_on_request(void **state)
{
    (void)state;
    struct rdb_decoder d;
    struct slice s;
    rdb_decoder_init_memory(&d, BYTES("\x03"
                                      "abc\x04"
                                      "abcd"));
    assert_true(rdb_get_bytes(&d, &s, 3));
    assert_false(rdb_get_bytes(&d, &s, 3));
    assert_string_equal(d.reason, "4 bytes are too long here: at most 3");
    assert_int_equal(d.error_offset, 4);
    rdb_decoder_deinit(&d);
}

static void put_sample(struct rdb_encoder *e, struct slice large)
{
    rdb_put_header(e);
    rdb_put_len(e, 5);
    rdb_put_len(e, 500);
    rdb_put_len(e, 50000);
    rdb_put_u32(e, 77);
    rdb_put_u64(e, 7777777777);
    rdb_put_string(e, SLICE_LIT("12345"));
    rdb_put_string(e, SLICE_LIT("a short one"));
    rdb_put_string(e, SLICE_LIT("a longer one, a longer one, a longer one, a longer one"));
    rdb_put_string(e, large);
    rdb_put_eof(e);
}

/* True when all of the sample comes back. */
static bool get_sample(struct rdb_decoder *d, struct slice large)
{
    uint64_t a, b, c, u64;
    uint32_t u32;
    uint8_t eof;
    struct slice s;
    struct rdb_string value;
    if (!rdb_get_header(d) || !rdb_get_len(d, &a) || !rdb_get_len(d, &b) || !rdb_get_len(d, &c)) return false;
    if (!rdb_get_u32(d, &u32) || !rdb_get_u64(d, &u64)) return false;
    if (!rdb_get_string(d, &value) || value.kind != RDB_GOT_INT || value.integer != 12345) return false;
    if (!rdb_get_bytes(d, &s, 100) || !slice_eq(s, SLICE_LIT("a short one"))) return false;
    if (!rdb_get_bytes(d, &s, 100) || s.len != 54) return false;
    if (!rdb_get_string(d, &value) || value.kind != RDB_GOT_BLOB) return false;
    bool same = slice_eq(blob_slice(value.blob), large);
    blob_free(value.blob);
    return same && rdb_get_byte(d, &eof) && eof == RDB_OP_EOF && rdb_get_eof(d) && a == 5 && b == 500 && c == 50000 &&
           u32 == 77 && u64 == 7777777777;
}

/* 0: repetitive, 1: random, 2: random with a repetitive end, so that LZF packs to over a buffer. */
static void make_large(struct buf *out, size_t len, int kind)
{
    struct rng rng;
    rng_seed(&rng, 5);
    char *p = buf_reserve(out, len);
    for (size_t i = 0; i < len; i++) p[i] = (char)(kind == 0 || (kind == 2 && i > len / 2) ? 'x' : rng_next(&rng));
    out->len = len;
}

static void test_a_source_may_give_any_pieces(void **state)
{
    (void)state;
    static const size_t sizes[] = {300, 70000, (1 << 20) + 5, 5 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] * 3; i++) {
        struct buf large = BUF_INIT, file = BUF_INIT;
        struct rdb_encoder e;
        make_large(&large, sizes[i / 3], (int)(i % 3));
        rdb_encoder_init_memory(&e, &file);
        put_sample(&e, buf_slice(&large));
        rdb_encoder_deinit(&e);
        static const size_t steps[] = {1, 2, 3, 7, 100, 4097, 1 << 20, SIZE_MAX};
        for (size_t k = sizes[i / 3] > 100000 ? 5 : 0; k < sizeof steps / sizeof steps[0]; k++) {
            struct pieces pieces = {.bytes = buf_slice(&file), .step = steps[k]};
            struct rdb_decoder d;
            rdb_decoder_init_source(&d, next_piece, &pieces, file.len);
            assert_true(get_sample(&d, buf_slice(&large)));
            assert_int_equal(rdb_decoder_offset(&d), file.len);
            rdb_decoder_deinit(&d);
        }
        buf_deinit(&large);
        buf_deinit(&file);
    }
}

static void test_a_source_that_ends_or_fails_is_told(void **state)
{
    (void)state;
    struct buf large = BUF_INIT, file = BUF_INIT;
    struct rdb_encoder e;
    make_large(&large, 3000, 1);
    rdb_encoder_init_memory(&e, &file);
    put_sample(&e, buf_slice(&large));
    rdb_encoder_deinit(&e);
    for (size_t cut = 0; cut < file.len; cut++) {
        int end_errno = cut % 2 ? EIO : 0;
        struct pieces pieces = {.bytes = SLICE(file.data, cut), .step = 100, .end_errno = end_errno};
        struct rdb_decoder d;
        rdb_decoder_init_source(&d, next_piece, &pieces, file.len);
        assert_false(get_sample(&d, buf_slice(&large)));
        assert_int_equal(d.sys_errno, end_errno);
        assert_non_null(
            strstr(d.reason, end_errno ? "read failed: Input/output error" : "truncated: the input ends here"));
        assert_true(d.error_offset <= cut);
        rdb_decoder_deinit(&d);
    }
    buf_deinit(&large);
    buf_deinit(&file);
}

static void test_nothing_is_read_past_the_end(void **state)
{
    (void)state;
    struct buf large = BUF_INIT, file = BUF_INIT;
    struct rdb_encoder e;
    make_large(&large, 300, 0);
    rdb_encoder_init_memory(&e, &file);
    put_sample(&e, buf_slice(&large));
    rdb_encoder_deinit(&e);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pages != MAP_FAILED && file.len < page);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    for (size_t len = 0; len <= file.len; len++) {
        char *start = pages + page - len;
        memcpy(start, file.data, len);
        struct rdb_decoder d;
        rdb_decoder_init_memory(&d, SLICE(start, len));
        assert_true(get_sample(&d, buf_slice(&large)) == (len == file.len));
        rdb_decoder_deinit(&d);
    }
    munmap(pages, 2 * page);
    buf_deinit(&large);
    buf_deinit(&file);
}

static void test_after_an_error_every_call_fails(void **state)
{
    (void)state;
    struct rdb_decoder d;
    struct rdb_string s;
    struct slice bytes;
    struct entry *entry;
    uint64_t u64;
    uint32_t u32;
    uint8_t byte;
    rdb_decoder_init_memory(&d, BYTES("\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"));
    d.version = 4;
    assert_false(rdb_get_string(&d, &s));
    const char *reason = d.reason;
    assert_false(rdb_get_string(&d, &s) || rdb_get_bytes(&d, &bytes, 10) || rdb_get_byte(&d, &byte));
    assert_false(rdb_get_len(&d, &u64) || rdb_get_u32(&d, &u32) || rdb_get_u64(&d, &u64) || rdb_get_eof(&d));
    assert_false(rdb_get_value(&d, RDB_TYPE_STRING, BYTES("k"), ENTRY_NO_EXPIRY, &entry));
    assert_false(rdb_decoder_fail(&d, "something else"));
    assert_ptr_equal(d.reason, reason);
    assert_string_equal(d.reason, "string form 63 is unknown");
    assert_int_equal(d.error_offset, 0);
    rdb_decoder_deinit(&d);
}

/* --- values --- */

static void test_values_take_their_smallest_form(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        enum value_encoding encoding;
    } cases[] = {
        {BYTES("\xc0\x05"), ENCODING_INT},
        {BYTES("\x13"
               "9223372036854775807"),
         ENCODING_INT},
        {BYTES("\x13"
               "9223372036854775808"),
         ENCODING_EMBSTR},
        {BYTES("\x02"
               "05"),
         ENCODING_EMBSTR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rdb_decoder d;
        struct entry *entry;
        rdb_decoder_init_memory(&d, cases[i].bytes);
        assert_true(rdb_get_value(&d, RDB_TYPE_STRING, BYTES("key"), 42, &entry));
        assert_int_equal(entry_encoding(entry), cases[i].encoding);
        assert_int_equal(entry_expire_at_ms(entry), 42);
        assert_true(slice_eq(entry_key(entry), BYTES("key")));
        entry_free(entry);
        rdb_decoder_deinit(&d);
    }
}

static void test_types_that_are_not_built_are_refused_by_name(void **state)
{
    (void)state;
    int named = 0, collections = 0;
    for (unsigned type = 1; type < 256; type++) {
        struct rdb_decoder d;
        struct entry *entry;
        const char *name = rdb_type_name((uint8_t)type);
        /* The id of the module "ReJSON-RL", version 3. */
        rdb_decoder_init_memory(&d, BYTES("\x81\x45\xe2\x52\x38\xdf\x91\x1a\xb3"));
        named += name != NULL;
        if (name && rdb_is_collection((uint8_t)type)) {
            rdb_decoder_deinit(&d);
            collections++;
            continue;
        }
        assert_false(rdb_get_value(&d, (uint8_t)type, BYTES("k"), ENTRY_NO_EXPIRY, &entry));
        if (name)
            assert_non_null(strstr(d.reason, name));
        else
            assert_non_null(strstr(d.reason, "is unknown"));
        rdb_decoder_deinit(&d);
    }
    assert_int_equal(named, 24);
    assert_int_equal(collections, 19); /* all but streams and modules */
    assert_string_equal(rdb_type_name(0), "STRING");
    assert_null(rdb_type_name(8));
    assert_null(rdb_type_name(26));
}

static uint64_t module_id(const char *name, unsigned version)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t id = 0;
    for (int i = 0; i < 9; i++) id = id << 6 | (uint64_t)(strchr(letters, name[i]) - letters);
    return id << 10 | version;
}

static void test_modules_and_functions_are_refused_by_name(void **state)
{
    (void)state;
    struct buf bytes = BUF_INIT;
    struct rdb_encoder e;
    rdb_encoder_init_memory(&e, &bytes);
    rdb_put_len(&e, module_id("ReJSON-RL", 3));
    rdb_encoder_flush(&e);
    rdb_encoder_deinit(&e);
    struct rdb_decoder d;
    struct entry *entry;
    rdb_decoder_init_memory(&d, buf_slice(&bytes));
    assert_false(rdb_get_value(&d, RDB_TYPE_MODULE_2, BYTES("k"), ENTRY_NO_EXPIRY, &entry));
    assert_string_equal(d.reason, "MODULE_2: data of module \"ReJSON-RL\"; modules are not supported");
    rdb_decoder_deinit(&d);
    rdb_decoder_init_memory(&d, buf_slice(&bytes));
    assert_false(rdb_refuse_opcode(&d, RDB_OP_MODULE_AUX));
    assert_string_equal(d.reason, "MODULE_AUX: data of module \"ReJSON-RL\"; modules are not supported");
    rdb_decoder_deinit(&d);
    rdb_decoder_init_memory(&d, buf_slice(&bytes));
    assert_false(rdb_refuse_opcode(&d, RDB_OP_FUNCTION2));
    assert_string_equal(d.reason, "FUNCTION2: a library of functions; functions are not supported");
    rdb_decoder_deinit(&d);
    buf_deinit(&bytes);
}

/* --- the end --- */

static bool ends_well(struct slice after_eof, int version, bool checksum, const char **reason)
{
    static char kept[256];
    struct rdb_decoder d;
    uint64_t ignored;
    char bytes[64];
    memcpy(bytes, "12345678", 8);
    if (after_eof.len) memcpy(bytes + 8, after_eof.ptr, after_eof.len);
    rdb_decoder_init_memory(&d, SLICE(bytes, 8 + after_eof.len));
    d.version = version;
    d.checksum = checksum;
    assert_true(rdb_get_u64(&d, &ignored));
    bool ok = rdb_get_eof(&d);
    if (!ok) snprintf(kept, sizeof kept, "%s", d.reason);
    *reason = ok ? NULL : kept;
    rdb_decoder_deinit(&d);
    return ok;
}

static void test_the_end_is_checked(void **state)
{
    (void)state;
    const char *reason;
    assert_true(ends_well(BYTES(""), 4, true, &reason));
    assert_true(ends_well(BYTES("\0\0\0\0\0\0\0\0"), 5, true, &reason));
    assert_true(ends_well(BYTES("\1\0\0\0\0\0\0\0"), 5, false, &reason));
    assert_false(ends_well(BYTES("\1\0\0\0\0\0\0\0"), 5, true, &reason));
    assert_non_null(strstr(reason, "checksum does not match: the file says 0000000000000001, its bytes give "));
    assert_false(ends_well(BYTES("x"), 4, true, &reason));
    assert_string_equal(reason, "1 bytes follow the end of the data");
    assert_false(ends_well(BYTES("\0\0\0\0\0\0\0\0xyz"), 12, true, &reason));
    assert_string_equal(reason, "3 bytes follow the end of the data");
    assert_false(ends_well(BYTES("\0\0\0\0\0\0\0"), 5, false, &reason));
    assert_string_equal(reason, "truncated: 8 more bytes are needed here and 7 are left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_known_version_is_accepted),
        cmocka_unit_test(test_other_headers_are_refused),
        cmocka_unit_test(test_all_forms_of_lengths_are_read),
        cmocka_unit_test(test_other_lengths_are_refused),
        cmocka_unit_test(test_all_forms_of_strings_are_read),
        cmocka_unit_test(test_strings_that_cannot_be_are_refused),
        cmocka_unit_test(test_bytes_are_limited_on_request),
        cmocka_unit_test(test_a_source_may_give_any_pieces),
        cmocka_unit_test(test_a_source_that_ends_or_fails_is_told),
        cmocka_unit_test(test_nothing_is_read_past_the_end),
        cmocka_unit_test(test_after_an_error_every_call_fails),
        cmocka_unit_test(test_values_take_their_smallest_form),
        cmocka_unit_test(test_types_that_are_not_built_are_refused_by_name),
        cmocka_unit_test(test_modules_and_functions_are_refused_by_name),
        cmocka_unit_test(test_the_end_is_checked),
    };
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
