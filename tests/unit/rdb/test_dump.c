/* SPDX-License-Identifier: MIT */
#include "rdb/dump.h"

#include "support.h"

#include "base/crc64.h"
#include "rdb/format.h"
#include "values.h"

static void dump_of(struct slice value, bool compress, struct buf *out)
{
    struct entry *e = entry_new_string(BYTES("k"), value, ENTRY_NO_EXPIRY);
    buf_clear(out);
    rdb_dump(e, compress, out);
    entry_free(e);
}

/* Payloads that redis-server 7.0.15 answered to DUMP. */
static void test_payloads_are_those_of_the_reference_server(void **state)
{
    (void)state;
    static const struct {
        struct slice value, payload;
    } cases[] = {
        {BYTES(""), BYTES("\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda")},
        {BYTES("0"), BYTES("\x00\xc0\x00\x0a\x00\x98\x40\xa7\x78\xf8\x50\x03\x08")},
        {BYTES("-128"), BYTES("\x00\xc0\x80\x0a\x00\x99\x66\x32\x6d\x2f\x0c\x5b\xd9")},
        {BYTES("32768"), BYTES("\x00\xc2\x00\x80\x00\x00\x0a\x00\x45\xd8\x2e\xed\xd5\xbd\xa9\x10")},
        {BYTES("2147483647"), BYTES("\x00\xc2\xff\xff\xff\x7f\x0a\x00\x2c\x74\xe5\x9e\xe0\x2e\xad\xa1")},
        {BYTES("2147483648"), BYTES("\x00\x0a"
                                    "2147483648\x0a\x00\xe7\xb1\x29\xa3\x4c\x1d\x76\xee")},
        {BYTES("-9223372036854775808"), BYTES("\x00\x14-9223372036854775808\x0a\x00\xed\xe2\xb9\x56\xeb\x70\x9e\x81")},
        {BYTES("12345678901234567890"), BYTES("\x00\x14"
                                              "12345678901234567890\x0a\x00\xbd\x37\x24\x3e\xe8\x3d\xf2\xb1")},
        {BYTES("hello"), BYTES("\x00\x05hello\x0a\x00\x63\x72\xdf\x76\x65\x34\x20\x0a")},
        {BYTES("aaaaaaaaaaaaaaaaaaaa"), BYTES("\x00\x14"
                                              "aaaaaaaaaaaaaaaaaaaa\x0a\x00\x83\xb4\x6b\x5e\x1b\x11\xac\xf1")},
        {BYTES("aaaaaaaaaaaaaaaaaaaaa"),
         BYTES("\x00\xc3\x06\x15\x01\x61\x61\xe0\x0a\x00\x0a\x00\xfd\x0c\xb3\x68\x07\x41\x3f\x68")},
        {BYTES("abababababababababababababababababababababababababababababababababababababababab"),
         BYTES("\x00\xc3\x0a\x40\x50\x02\x61\x62\x61\xe0\x42\x01\x01\x61\x62\x0a\x00\x94\x9d\x5f\x0e\xb1\xde\xa4\x45")},
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dump_of(cases[i].value, true, &out);
        assert_int_equal(out.len, cases[i].payload.len);
        assert_memory_equal(out.data, cases[i].payload.ptr, out.len);
    }
    buf_deinit(&out);
}

static void test_payloads_are_appended(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct entry *e = entry_new_int(BYTES("k"), 0, ENTRY_NO_EXPIRY);
    buf_append(&out, "head", 4);
    rdb_dump(e, true, &out);
    assert_true(slice_eq(buf_slice(&out), BYTES("head\x00\xc0\x00\x0a\x00\x98\x40\xa7\x78\xf8\x50\x03\x08")));
    entry_free(e);
    buf_deinit(&out);
}

/* APPEND and SETRANGE leave text that only looks like an integer. */
static void test_changed_values_are_dumped_as_the_same_text(void **state)
{
    (void)state;
    struct buf raw = BUF_INIT, set = BUF_INIT;
    static const char *const texts[] = {"1", "-12345", "2147483648", "12345678901", "text"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct entry *e = entry_new_raw(BYTES("k"), slice_of(texts[i]), ENTRY_NO_EXPIRY);
        buf_clear(&raw);
        rdb_dump(e, true, &raw);
        entry_free(e);
        dump_of(slice_of(texts[i]), true, &set);
        assert_true(slice_eq(buf_slice(&raw), buf_slice(&set)));
    }
    buf_deinit(&raw);
    buf_deinit(&set);
}

static void test_values_come_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 6);
    struct buf value = BUF_INIT, payload = BUF_INIT;
    for (int i = 0; i < 3000; i++) {
        random_text(&rng, &value, i % 100 ? 250 : 200000);
        dump_of(buf_slice(&value), i % 3 != 0, &payload);
        struct entry *e;
        assert_int_equal(rdb_restore(buf_slice(&payload), BYTES("other"), 99, &e, NULL), RDB_RESTORE_OK);
        char digits[NUM_INT64_CHARS];
        assert_true(slice_eq(entry_string(e, digits), buf_slice(&value)));
        assert_true(slice_eq(entry_key(e), BYTES("other")));
        assert_int_equal(entry_expire_at_ms(e), 99);
        entry_free(e);
    }
    buf_deinit(&value);
    buf_deinit(&payload);
}

/* A footer of that version and a right checksum behind the bytes. */
static void sealed(struct buf *out, struct slice bytes, unsigned version)
{
    buf_clear(out);
    buf_append_slice(out, bytes);
    buf_append_char(out, (char)version);
    buf_append_char(out, (char)(version >> 8));
    uint64_t crc = crc64(0, out->data, out->len);
    buf_append(out, &crc, 8);
}

static void test_versions_up_to_12_are_restored(void **state)
{
    (void)state;
    struct buf payload = BUF_INIT;
    for (unsigned version = 0; version < 300; version++) {
        struct entry *e;
        sealed(&payload, BYTES("\x00\xc0\x07"), version);
        enum rdb_restore_status status = rdb_restore(buf_slice(&payload), BYTES("k"), ENTRY_NO_EXPIRY, &e, NULL);
        assert_int_equal(status, version <= 12 ? RDB_RESTORE_OK : RDB_RESTORE_BAD_VERSION_OR_CHECKSUM);
        if (e) entry_free(e);
    }
    buf_deinit(&payload);
}

static void test_damaged_payloads_are_refused(void **state)
{
    (void)state;
    struct buf payload = BUF_INIT;
    struct rdb_error error;
    struct entry *e;
    dump_of(BYTES("some text, some text, some text"), true, &payload);
    for (size_t len = 0; len < payload.len; len++) {
        struct slice cut = SLICE(payload.data, len);
        assert_int_equal(rdb_restore(cut, BYTES("k"), ENTRY_NO_EXPIRY, &e, &error),
                         RDB_RESTORE_BAD_VERSION_OR_CHECKSUM);
        assert_null(e);
    }
    for (size_t i = 0; i < payload.len; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            payload.data[i] ^= (char)bit;
            assert_int_equal(rdb_restore(buf_slice(&payload), BYTES("k"), ENTRY_NO_EXPIRY, &e, &error),
                             RDB_RESTORE_BAD_VERSION_OR_CHECKSUM);
            payload.data[i] ^= (char)bit;
        }
    }
    buf_deinit(&payload);
}

static void assert_bad_format(struct slice bytes, const char *text)
{
    struct buf payload = BUF_INIT;
    struct rdb_error error;
    struct entry *e;
    sealed(&payload, bytes, 10);
    assert_int_equal(rdb_restore(buf_slice(&payload), BYTES("k\n"), ENTRY_NO_EXPIRY, &e, &error),
                     RDB_RESTORE_BAD_FORMAT);
    assert_null(e);
    assert_string_equal(error.text, text);
    buf_deinit(&payload);
}

static void test_payloads_that_are_no_value_are_refused(void **state)
{
    (void)state;
    assert_bad_format(BYTES(""),
                      "DUMP payload: offset 0: key \"k\\n\": truncated: 1 more bytes are needed here and 0 are left");
    assert_bad_format(BYTES("\x00\x03"
                            "ab"),
                      "DUMP payload: offset 1: key \"k\\n\": truncated: 3 more bytes are needed here and 2 are left");
    assert_bad_format(BYTES("\x00\x02"
                            "abc"),
                      "DUMP payload: offset 4: key \"k\\n\": bytes follow the value");
    assert_bad_format(BYTES("\x13\x01\x01"
                            "a"),
                      "DUMP payload: offset 1: key \"k\\n\": value type STREAM_LISTPACKS_2 (19) is not supported");
    assert_bad_format(BYTES("\x02\x01\x01"
                            "ab"),
                      "DUMP payload: offset 4: key \"k\\n\": bytes follow the value");
    assert_bad_format(BYTES("\xff"), "DUMP payload: offset 0: key \"k\\n\": value type or opcode 255 is unknown");
}

/* --- collections --- */

struct pair {
    const char *name;
    double score;
};

static struct entry *list_of(const char *const *texts, size_t n)
{
    struct value_ref ref = {.key.name = BYTES("k")};
    for (size_t i = 0; i < n; i++) {
        struct slice text = slice_of(texts[i]);
        list_push(&ref, LIST_TAIL, &text, 1);
    }
    return ref.e;
}

static struct entry *set_of(const char *const *texts, size_t n)
{
    struct value_ref ref = {.key.name = BYTES("k")};
    for (size_t i = 0; i < n; i++) set_add(&ref, slice_of(texts[i]));
    return ref.e;
}

static struct entry *hash_of(const char *const *texts, size_t n)
{
    struct value_ref ref = {.key.name = BYTES("k")};
    for (size_t i = 0; i < n; i += 2) hash_set(&ref, slice_of(texts[i]), slice_of(texts[i + 1]), EVERY_FIELD_MS);
    return ref.e;
}

static struct entry *zset_of(const struct pair *pairs, size_t n)
{
    struct value_ref ref = {.key.name = BYTES("k")};
    for (size_t i = 0; i < n; i++) zset_set(&ref, slice_of(pairs[i].name), pairs[i].score);
    return ref.e;
}

/* LZF: eight times 264 equal bytes. */
#define RUN8 "\xe0\xff\x00\xe0\xff\x00\xe0\xff\x00\xe0\xff\x00\xe0\xff\x00\xe0\xff\x00\xe0\xff\x00\xe0\xff\x00"
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Takes the entry; the payload is what redis-server 7.0.15 answers to DUMP. */
static void assert_payload(struct entry *e, struct slice payload)
{
    struct buf out = BUF_INIT;
    rdb_dump(e, true, &out);
    assert_int_equal(out.len, payload.len);
    assert_memory_equal(out.data, payload.ptr, payload.len);
    struct entry *back = NULL;
    assert_int_equal(rdb_restore(payload, BYTES("k"), ENTRY_NO_EXPIRY, &back, NULL), RDB_RESTORE_OK);
    assert_true(same_value(e, back));
    assert_int_equal(entry_encoding(back), entry_encoding(e));
    entry_free(back);
    entry_free(e);
    buf_deinit(&out);
}

static void test_payloads_of_collections_are_those_of_the_reference_server(void **state)
{
    (void)state;
    static const char *const list[] = {"a", "5", "-1000", "hello world"};
    static const char *const ints[] = {"3", "1", "70000", "-5"};
    static const char *const member[] = {"member"};
    static const char *const hash[] = {"field", "value", "n", "12"};
    static const struct pair whole[] = {{"a", 1}, {"b", 2}};
    static const struct pair scores[] = {{"a", 1},    {"b", 2.5},   {"c", -1.0 / 0.0},      {"d", 0.1},
                                         {"e", 1e17}, {"f", 1e300}, {"g", 4503599627370496}};
    assert_payload(list_of(list, COUNT(list)),
                   BYTES("\x12\x01\x02\x1c\x1c\x00\x00\x00\x04\x00\x81"
                         "a\x02\x05\x01\xdc\x18\x02\x8bhello world\x0c\xff\x0a\x00)D\x1bG\xa0\xe9M\x13"));
    assert_payload(set_of(ints, COUNT(ints)),
                   BYTES("\x0b\x18\x04\x00\x00\x00\x04\x00\x00\x00\xfb\xff\xff\xff\x01\x00\x00\x00\x03\x00\x00\x00p\x11"
                         "\x01\x00\x0a\x00\xb8\xdaO\xe1P\x96u\xa1"));
    assert_payload(set_of(member, COUNT(member)), BYTES("\x02\x01\x06member\x0a\x00x'\x17\xcf^]\x03\xc4"));
    assert_payload(hash_of(hash, COUNT(hash)),
                   BYTES("\x10\x1a\x1a\x00\x00\x00\x04\x00\x85"
                         "field\x06\x85value\x06\x81n\x02\x0c\x01\xff\x0a\x00!\xac]3\x96\xe4{\xa9"));
    assert_payload(zset_of(whole, COUNT(whole)), BYTES("\x11\x11\x11\x00\x00\x00\x04\x00\x81"
                                                       "a\x02\x01\x01\x81"
                                                       "b\x02\x02\x01\xff\x0a\x00\xba\x07\xf2$\xa9\xd2\x8fU"));
    assert_payload(zset_of(scores, COUNT(scores)), BYTES("\x11\xc3@V@k\x16k\x00\x00\x00\x0e\x00\x81"
                                                         "c\x02\x84-inf\x05\x81"
                                                         "d\x02\x93"
                                                         "0.10\xe0\x05\x00\x12"
                                                         "1\x14\x81"
                                                         "a\x02\x01\x01\x81"
                                                         "b\x02\x83"
                                                         "2.5\x04\x81g\x02\xf4 6 \x00\x04\x10\x00\x09\x81"
                                                         "e@\x0c\x0c\x8a]xEc\x01\x09\x81"
                                                         "f\x02\x97"
                                                         "1.\xe0\x05<\x08"
                                                         "01e+300\x18\xff\x0a\x00-V\xfc\xd0M\x0b\xcc"
                                                         "B"));
}

static void test_payloads_of_large_encodings_are_those_of_the_reference_server(void **state)
{
    (void)state;
    char v100[101] = {0}, a70[71] = {0}, x9000[9001] = {0};
    memset(v100, 'v', 100);
    memset(a70, 'a', 70);
    memset(x9000, 'x', 9000);
    const char *const hash[] = {"f", v100};
    const char *const list[] = {x9000, "y"};
    const struct pair zset[] = {{a70, 1.5}, {"b", 2}};
    assert_payload(hash_of(hash, 2), BYTES("\x04\x01\x01"
                                           "f\xc3\x09@d\x01vv\xe0W\x00\x01vv\x0a\x00\x9e"
                                           "f\x17\x84Y\x09<N"));
    assert_payload(zset_of(zset, 2), BYTES("\x05\x02\x01"
                                           "b\x00\x00\x00\x00\x00\x00\x00@\xc3\x09@F\x01"
                                           "aa\xe0"
                                           "9\x00\x01"
                                           "aa\x00\x00\x00\x00\x00\x00\xf8\x3f\x0a\x00\xe9"
                                           "fZ\xf4zy\x00\x89"));
    assert_payload(list_of(list, 2),
                   BYTES("\x12\x02\x02\xc3@zc6\x07"
                         "6#\x00\x00\x01\x00\xf0( \x06\x00x" RUN8 RUN8 RUN8 RUN8
                         "\xe0\xff\x00\xe0\xff\x00\xe0\x0e\x00\x02"
                         "F\xad\xff\x02\x0a\x0a\x00\x00\x00\x01\x00\x81y\x02\xff\x0a\x00^\x84\x90t\x00\x81\xe9\xdd"));
}

static void test_payloads_of_expiring_fields_are_of_version_12(void **state)
{
    (void)state;
    struct value_ref ref = {.key.name = BYTES("k")};
    struct buf out = BUF_INIT;
    hash_set(&ref, BYTES("f"), BYTES("v"), EVERY_FIELD_MS);
    hash_set_field_expiry(&ref, BYTES("f"), NOW_MS, EVERY_FIELD_MS);
    rdb_dump(ref.e, true, &out);
    assert_int_equal(out.data[0], RDB_TYPE_HASH_LISTPACK_EX);
    assert_memory_equal(out.data + out.len - 10, "\x0c\x00", 2);
    struct entry *back = NULL;
    assert_int_equal(rdb_restore(buf_slice(&out), BYTES("k"), ENTRY_NO_EXPIRY, &back, NULL), RDB_RESTORE_OK);
    assert_true(same_value(ref.e, back));
    entry_free(back);
    entry_free(ref.e);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payloads_are_those_of_the_reference_server),
        cmocka_unit_test(test_payloads_are_appended),
        cmocka_unit_test(test_changed_values_are_dumped_as_the_same_text),
        cmocka_unit_test(test_values_come_back),
        cmocka_unit_test(test_versions_up_to_12_are_restored),
        cmocka_unit_test(test_damaged_payloads_are_refused),
        cmocka_unit_test(test_payloads_that_are_no_value_are_refused),
        cmocka_unit_test(test_payloads_of_collections_are_those_of_the_reference_server),
        cmocka_unit_test(test_payloads_of_large_encodings_are_those_of_the_reference_server),
        cmocka_unit_test(test_payloads_of_expiring_fields_are_of_version_12),
    };
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
