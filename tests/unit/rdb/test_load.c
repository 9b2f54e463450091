/* SPDX-License-Identifier: MIT */
#include "rdb/load.h"

#include "support.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/crc64.h"
#include "rdb/encode.h"
#include "rdb/format.h"

/* --- files made by hand --- */

/* Header, the records, EOF and, from version 5 on, the checksum. */
static void make_file(struct buf *out, int version, struct slice records)
{
    buf_clear(out);
    append_file_header(out, version);
    buf_append_slice(out, records);
    buf_append_char(out, (char)RDB_OP_EOF);
    if (version < RDB_VERSION_CHECKSUM) return;
    uint64_t crc = crc64(0, out->data, out->len);
    buf_append(out, &crc, 8);
}

static enum rdb_load_status load_bytes(struct slice bytes, bool checksum, struct keyspace *ks,
                                       struct rdb_load_result *result, struct rdb_error *error)
{
    struct rdb_load_options options = {.now_ms = NOW_MS, .checksum = checksum, .access_clock = 1000};
    return rdb_load_memory(bytes, "dump.rdb", ks, &options, result, error);
}

static struct keyspace *load_records(int version, struct slice records, struct rdb_load_result *result)
{
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    struct buf file = BUF_INIT;
    struct rdb_error error = {.text = ""};
    make_file(&file, version, records);
    enum rdb_load_status status = load_bytes(buf_slice(&file), true, ks, result, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, RDB_LOAD_OK);
    assert_int_equal(result->bytes, file.len);
    assert_int_equal(result->version, version);
    buf_deinit(&file);
    return ks;
}

static void assert_refused(struct slice bytes, const char *text)
{
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    struct rdb_load_result result;
    struct rdb_error error;
    assert_int_equal(load_bytes(bytes, true, ks, &result, &error), RDB_LOAD_FAILED);
    assert_string_equal(error.text, text);
    assert_true(error.record_offset <= error.offset);
    keyspace_free(ks);
}

static void assert_records_refused(struct slice records, const char *text)
{
    struct buf file = BUF_INIT;
    make_file(&file, 9, records);
    assert_refused(buf_slice(&file), text);
    buf_deinit(&file);
}

/* --- what is read --- */

static void test_every_version_is_loaded(void **state)
{
    (void)state;
    for (int version = 1; version <= 12; version++) {
        struct rdb_load_result result;
        struct keyspace *ks =
            load_records(version, BYTES("\xfe\x00\x00\x03key\x05value\xfe\x03\x00\xc0\x05\xc1\x00\x01"), &result);
        assert_int_equal(result.keys_loaded, 2);
        assert_true(holds_text(ks, 0, BYTES("key"), BYTES("value")));
        assert_true(holds_text(ks, 3, BYTES("5"), BYTES("256")));
        assert_int_equal(keyspace_key_count(ks), 2);
        keyspace_free(ks);
    }
}

static void test_metadata_is_told(void **state)
{
    (void)state;
    struct rdb_load_result result;
    struct keyspace *ks =
        load_records(9,
                     BYTES("\xfa\x09redis-ver\x06"
                           "7.0\n15\xfa\x0aredis-bits\xc0\x40\xfa\x05"
                           "ctime\xc2\x15\xcd\x5b\x07"
                           "\xfa\x08used-mem\xc1\x00\x10\xfa\x0bnever-heard\x03of.\xfa\x03lua\x08return 1"),
                     &result);
    assert_string_equal(result.writer_version, "7.0?15");
    assert_int_equal(result.created_at_s, 123456789);
    assert_int_equal(result.used_memory, 4096);
    assert_int_equal(keyspace_key_count(ks), 0);
    keyspace_free(ks);
}

static void test_expiries_are_kept_and_expired_keys_left_out(void **state)
{
    (void)state;
    struct rdb_load_result result;
    struct buf records = BUF_INIT;
    struct rdb_encoder e;
    rdb_encoder_init_memory(&e, &records);
    static const struct {
        const char *name;
        int64_t at;
    } keys[] = {{"past", NOW_MS - 1}, {"now", NOW_MS}, {"later", NOW_MS + 1},
                {"zero", 0},          {"never", -1},   {"negative", INT64_MIN}};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        rdb_put_byte(&e, RDB_OP_EXPIRETIME_MS);
        rdb_put_u64(&e, (uint64_t)keys[i].at);
        rdb_put_byte(&e, RDB_TYPE_STRING);
        rdb_put_string(&e, slice_of(keys[i].name));
        rdb_put_string(&e, SLICE_LIT("v"));
    }
    rdb_put_byte(&e, RDB_OP_EXPIRETIME);
    rdb_put_u32(&e, (uint32_t)(NOW_MS / 1000 + 100));
    rdb_put_byte(&e, RDB_TYPE_STRING);
    rdb_put_string(&e, SLICE_LIT("seconds"));
    rdb_put_string(&e, SLICE_LIT("v"));
    rdb_put_byte(&e, RDB_TYPE_STRING);
    rdb_put_string(&e, SLICE_LIT("plain"));
    rdb_put_string(&e, SLICE_LIT("v"));
    rdb_encoder_flush(&e);
    rdb_encoder_deinit(&e);
    struct keyspace *ks = load_records(3, buf_slice(&records), &result);
    assert_int_equal(result.keys_expired, 3);
    assert_int_equal(result.keys_loaded, 5);
    assert_int_equal(entry_expire_at_ms(find_entry(ks, 0, BYTES("now"))), NOW_MS);
    assert_int_equal(entry_expire_at_ms(find_entry(ks, 0, BYTES("later"))), NOW_MS + 1);
    assert_int_equal(entry_expire_at_ms(find_entry(ks, 0, BYTES("seconds"))), (NOW_MS / 1000 + 100) * 1000);
    assert_int_equal(entry_expire_at_ms(find_entry(ks, 0, BYTES("never"))), ENTRY_NO_EXPIRY);
    assert_int_equal(entry_expire_at_ms(find_entry(ks, 0, BYTES("plain"))), ENTRY_NO_EXPIRY);
    assert_int_equal(db_expires_count(keyspace_db(ks, 0)), 3);
    keyspace_free(ks);
    buf_deinit(&records);
}

static void test_idle_times_set_the_access_clock(void **state)
{
    (void)state;
    struct rdb_load_result result;
    struct keyspace *ks = load_records(9,
                                       BYTES("\x00\x01"
                                             "a\x01v\xf8\x0a\x00\x01"
                                             "b\x01v\xf8\x80\xff\xff\xff\xff\x00\x01"
                                             "c\x01v"
                                             "\xf9\x07\x00\x01"
                                             "d\x01v\xf4\x01\x02\x03\x00\x01"
                                             "e\x01v"),
                                       &result);
    assert_int_equal(entry_clock(find_entry(ks, 0, BYTES("a"))), 1000);
    assert_int_equal(entry_clock(find_entry(ks, 0, BYTES("b"))), 990);
    assert_int_equal(entry_clock(find_entry(ks, 0, BYTES("c"))), (1000 - 0x7fffff) & 0xffffff);
    assert_int_equal(entry_clock(find_entry(ks, 0, BYTES("d"))), 1000);
    assert_int_equal(entry_clock(find_entry(ks, 0, BYTES("e"))), 1000);
    keyspace_free(ks);
}

static void test_frequencies_set_the_lfu_clock(void **state)
{
    (void)state;
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    struct buf file = BUF_INIT;
    struct rdb_load_options options = {.now_ms = NOW_MS, .access_clock = 0x123405, .access_is_lfu = true};
    struct rdb_load_result result;
    make_file(&file, 9,
              BYTES("\xf9\xc8\x00\x01"
                    "a\x01v\xf8\x0a\x00\x01"
                    "b\x01v"));
    assert_int_equal(rdb_load_memory(buf_slice(&file), "f", ks, &options, &result, NULL), RDB_LOAD_OK);
    assert_int_equal(entry_clock(find_entry(ks, 0, BYTES("a"))), 0x1234c8);
    assert_int_equal(entry_clock(find_entry(ks, 0, BYTES("b"))), 0x123405);
    keyspace_free(ks);
    buf_deinit(&file);
}

/* --- what is refused --- */

static void test_headers_are_refused_without_a_database(void **state)
{
    (void)state;
    assert_refused(BYTES(""), "dump.rdb: offset 0: the file is empty");
    assert_refused(BYTES("REDIS0013\xff"), "dump.rdb: offset 5: can't handle RDB format version 13");
    assert_refused(BYTES("PK\x03\x04 something"), "dump.rdb: offset 0: not an RDB file: it does not start with REDIS");
    assert_refused(BYTES("REDIS0007"), "dump.rdb: offset 9: truncated: 1 more bytes are needed here and 0 are left");
}

static void test_errors_name_place_and_key(void **state)
{
    (void)state;
    assert_records_refused(BYTES("\xfe\x10"),
                           "dump.rdb: offset 10: database 16 is beyond the 16 databases of this server");
    assert_records_refused(
        BYTES("\xfe\x02\x0f\x06user:1\x01\x01x"),
        "dump.rdb: offset 19: database 2, key \"user:1\": value type STREAM_LISTPACKS (15) is not supported");
    assert_records_refused(BYTES("\x13\x04\x00\x0a\xff\"\x01"),
                           "dump.rdb: offset 15: database 0, key \"\\x00\\n\\xff\\\"\": value type STREAM_LISTPACKS_2 "
                           "(19) is not supported");
    assert_records_refused(BYTES("\x08\x01k"), "dump.rdb: offset 9: value type or opcode 8 is unknown");
    assert_records_refused(BYTES("\xf3"), "dump.rdb: offset 9: value type or opcode 243 is unknown");
    assert_records_refused(BYTES("\xf5\x01x"),
                           "dump.rdb: offset 9: FUNCTION2: a library of functions; functions are not supported");
    assert_records_refused(BYTES("\xf6\x01x"),
                           "dump.rdb: offset 9: FUNCTION_PRE_GA: a library of functions; functions are not supported");
    assert_records_refused(BYTES("\xf7\x00\x00"),
                           "dump.rdb: offset 9: MODULE_AUX: data of module \"AAAAAAAAA\"; modules are not supported");
    assert_records_refused(BYTES("\xfc\1\2\3\4\5\6\7\x08\xfe\x00"),
                           "dump.rdb: offset 18: an expiry or access time that no key follows");
    assert_records_refused(BYTES("\xf8\x05\xfb\x01\x01"),
                           "dump.rdb: offset 11: an expiry or access time that no key follows");
    assert_records_refused(BYTES("\xf9\x05"), "dump.rdb: offset 11: an expiry or access time that no key follows");
    assert_records_refused(BYTES("\xc5"), "dump.rdb: offset 9: value type or opcode 197 is unknown");
    assert_records_refused(BYTES("\x00\xc5"), "dump.rdb: offset 10: database 0: string form 5 is unknown");
    assert_records_refused(BYTES("\xfc\0\0\0\0\0\0\0\0\x00\x03key\xc5"),
                           "dump.rdb: offset 23: database 0, key \"key\": string form 5 is unknown");
}

static void test_long_keys_are_cut_in_errors(void **state)
{
    (void)state;
    struct buf records = BUF_INIT;
    char text[200];
    buf_append(&records, "\x0f\x40\x64", 3);
    for (int i = 0; i < 100; i++) buf_append_char(&records, 'k');
    snprintf(text, sizeof text,
             "dump.rdb: offset 112: database 0, key \"%.64s\"...: value type STREAM_LISTPACKS (15) is not supported",
             records.data + 3);
    assert_records_refused(buf_slice(&records), text);
    buf_deinit(&records);
}

static void test_a_key_that_occurs_twice_is_refused(void **state)
{
    (void)state;
    assert_records_refused(BYTES("\x00\x01"
                                 "a\x01v\x00\x01"
                                 "b\x01v\xf8\x03\x00\x01"
                                 "a\x01w\x00\x01"
                                 "c\x01v"),
                           "dump.rdb: offset 19: database 0, key \"a\": the key occurs twice in this database");
    struct rdb_load_result result;
    struct keyspace *ks = load_records(7,
                                       BYTES("\x00\x01"
                                             "a\x01v\xfe\x01\x00\x01"
                                             "a\x01w"),
                                       &result);
    assert_int_equal(result.keys_loaded, 2);
    keyspace_free(ks);
    /* Far apart: in different batches. */
    struct buf records = BUF_INIT;
    for (int i = 0; i < 201; i++) buf_printf(&records, "%c%ckey%03d%cv", 0, 6, i % 200, 1);
    assert_records_refused(buf_slice(&records),
                           "dump.rdb: offset 2009: database 0, key \"key000\": the key occurs twice in this database");
    buf_deinit(&records);
}

static void test_bytes_after_the_end_are_refused(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    make_file(&file, 9,
              BYTES("\x00\x01"
                    "a\x01v"));
    buf_append(&file, "*2\r\n$6\r\nSELECT", 14);
    assert_refused(buf_slice(&file), "dump.rdb: offset 23: database 0: 14 bytes follow the end of the data");
    make_file(&file, 4,
              BYTES("\x00\x01"
                    "a\x01v"));
    buf_append(&file, "\0\0\0\0\0\0\0\0", 8);
    assert_refused(buf_slice(&file), "dump.rdb: offset 15: database 0: 8 bytes follow the end of the data");
    buf_deinit(&file);
}

/* --- hints --- */

static void test_size_hints_are_bounded_by_the_file(void **state)
{
    (void)state;
    struct rdb_load_result result;
    size_t before = mem_used();
    struct keyspace *ks =
        load_records(9,
                     BYTES("\xfe\x00\xfb\x81\x00\x7f\xff\xff\xff\xff\xff\xff\x80\xff\xff\xff\xff\x00\x01"
                           "a\x01v"),
                     &result);
    assert_true(mem_used() - before < 1 << 20);
    assert_true(holds_text(ks, 0, BYTES("a"), BYTES("v")));
    keyspace_free(ks);
}

static void test_a_size_hint_spares_the_table_its_growth(void **state)
{
    (void)state;
    for (int hint = 0; hint < 2; hint++) {
        struct buf records = BUF_INIT;
        struct rdb_load_result result;
        struct rdb_encoder e;
        rdb_encoder_init_memory(&e, &records);
        if (hint) rdb_put_resize_db(&e, 100000, 0);
        for (int i = 0; i < 100000; i++) {
            char name[16];
            int len = snprintf(name, sizeof name, "key:%06d", i);
            rdb_put_byte(&e, RDB_TYPE_STRING);
            rdb_put_string(&e, SLICE(name, (size_t)len));
            rdb_put_string(&e, SLICE(name, (size_t)len));
        }
        rdb_encoder_flush(&e);
        rdb_encoder_deinit(&e);
        struct keyspace *ks = load_records(7, buf_slice(&records), &result);
        assert_int_equal(result.keys_loaded, 100000);
        assert_true(hashtable_is_valid(db_keys(keyspace_db(ks, 0))));
        if (hint) assert_false(hashtable_is_rehashing(db_keys(keyspace_db(ks, 0))));
        keyspace_free(ks);
        buf_deinit(&records);
    }
}

/* --- damage --- */

static void make_sample(struct buf *out, bool checksum)
{
    struct rdb_encoder e;
    struct entry *entries[] = {
        entry_new_string(BYTES("plain"), BYTES("some text"), ENTRY_NO_EXPIRY),
        entry_new_int(BYTES("number"), -70000, NOW_MS + 5),
        entry_new_string(BYTES("repetitive"), BYTES("abcabcabcabcabcabcabcabcabcabc"), NOW_MS + 6),
        entry_new_string(BYTES("empty"), BYTES(""), ENTRY_NO_EXPIRY),
    };
    buf_clear(out);
    rdb_encoder_init_memory(&e, out);
    e.version = 9;
    e.checksum = checksum;
    rdb_put_header(&e);
    rdb_put_aux(&e, "redis-ver", SLICE_LIT("7.2.4"));
    rdb_put_select_db(&e, 0);
    rdb_put_resize_db(&e, 4, 2);
    for (size_t i = 0; i < 4; i++)
        rdb_put_entry(&e, entries[i], &(struct rdb_entry_extra){.idle_s = i == 1 ? 70 : -1, .freq = -1});
    rdb_put_select_db(&e, 1);
    rdb_put_entry(&e, entries[0], &(struct rdb_entry_extra){.idle_s = -1, .freq = 3});
    assert_true(rdb_put_eof(&e));
    rdb_encoder_deinit(&e);
    for (size_t i = 0; i < 4; i++) entry_free(entries[i]);
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    struct buf sample = BUF_INIT;
    make_sample(&sample, true);
    for (size_t len = 0; len < sample.len; len++) {
        struct keyspace *ks = keyspace_new(TEST_DATABASES);
        struct rdb_load_result result;
        struct rdb_error error;
        char *exact = mem_alloc(len ? len : 1);
        memcpy(exact, sample.data, len);
        assert_int_equal(load_bytes(SLICE(exact, len), true, ks, &result, &error), RDB_LOAD_FAILED);
        if (len >= RDB_HEADER_BYTES) assert_non_null(strstr(error.reason, "truncated: "));
        assert_true(error.offset <= len);
        mem_free(exact);
        keyspace_free(ks);
    }
    buf_deinit(&sample);
}

static void test_every_changed_byte_is_noticed(void **state)
{
    (void)state;
    struct buf sample = BUF_INIT;
    make_sample(&sample, true);
    for (size_t i = 0; i < sample.len; i++) {
        char good = sample.data[i];
        for (int change = 1; change < 256; change++) {
            struct keyspace *ks = keyspace_new(TEST_DATABASES);
            struct rdb_load_result result;
            struct rdb_error error;
            sample.data[i] = (char)(good ^ change);
            assert_int_equal(load_bytes(buf_slice(&sample), true, ks, &result, &error), RDB_LOAD_FAILED);
            assert_true(error.text[0] != 0 && error.reason[0] != 0 && error.offset <= sample.len);
            keyspace_free(ks);
        }
        sample.data[i] = good;
    }
    buf_deinit(&sample);
}

static void test_changed_bytes_without_a_checksum_do_no_harm(void **state)
{
    (void)state;
    struct buf sample = BUF_INIT;
    size_t loaded = 0, refused = 0;
    make_sample(&sample, false);
    for (size_t i = 0; i < sample.len; i++) {
        char good = sample.data[i];
        for (int change = 1; change < 256; change++) {
            struct keyspace *ks = keyspace_new(TEST_DATABASES);
            struct rdb_load_result result;
            sample.data[i] = (char)(good ^ change);
            enum rdb_load_status status = load_bytes(buf_slice(&sample), false, ks, &result, NULL);
            if (status == RDB_LOAD_OK)
                loaded++;
            else
                refused++;
            assert_true(keyspace_key_count(ks) == result.keys_loaded);
            for (unsigned db = 0; db < 2; db++) assert_true(hashtable_is_valid(db_keys(keyspace_db(ks, db))));
            keyspace_free(ks);
        }
        sample.data[i] = good;
    }
    assert_true(loaded > 0 && refused > 0);
    buf_deinit(&sample);
}

static void test_checksums_count_only_when_asked_for(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    struct rdb_load_result result;
    char text[200];
    make_file(&file, 9,
              BYTES("\x00\x01"
                    "a\x01v"));
    uint64_t stored = crc64(0, file.data, 15);
    file.data[13] ^= 1;
    snprintf(text, sizeof text,
             "dump.rdb: offset 15: database 0: checksum does not match: the file says %016llx, its bytes give %016llx",
             (unsigned long long)stored, (unsigned long long)crc64(0, file.data, 15));
    assert_refused(buf_slice(&file), text);
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    assert_int_equal(load_bytes(buf_slice(&file), false, ks, &result, NULL), RDB_LOAD_OK);
    assert_true(holds_text(ks, 0, BYTES("a"), BYTES("w")));
    keyspace_free(ks);
    memset(file.data + file.len - 8, 0, 8);
    ks = keyspace_new(TEST_DATABASES);
    assert_int_equal(load_bytes(buf_slice(&file), true, ks, &result, NULL), RDB_LOAD_OK);
    keyspace_free(ks);
    buf_deinit(&file);
}

/* --- files --- */

struct progress {
    uint64_t calls, bytes, keys;
};

static void on_progress(void *ctx, uint64_t bytes_done, uint64_t keys_done)
{
    struct progress *p = ctx;
    assert_true(bytes_done > p->bytes && keys_done >= p->keys);
    p->calls++;
    p->bytes = bytes_done;
    p->keys = keys_done;
}

static void test_progress_is_told_also_within_a_large_value(void **state)
{
    (void)state;
    char folder[200], path[256];
    size_t large = (size_t)20 << 20;
    make_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/large.rdb", folder);
    struct buf file = BUF_INIT;
    struct rdb_encoder e;
    char *bytes = mem_calloc(large);
    rdb_encoder_init_memory(&e, &file);
    e.compress = false;
    rdb_put_header(&e);
    rdb_put_byte(&e, RDB_TYPE_STRING);
    rdb_put_string(&e, SLICE_LIT("large"));
    rdb_put_string(&e, SLICE(bytes, large));
    rdb_put_eof(&e);
    rdb_encoder_deinit(&e);
    write_file(path, buf_slice(&file));
    struct progress progress = {0};
    struct rdb_load_options options = {
        .now_ms = NOW_MS, .checksum = true, .on_progress = on_progress, .ctx = &progress};
    struct rdb_load_result result;
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    assert_int_equal(rdb_load(path, ks, &options, &result, NULL), RDB_LOAD_OK);
    assert_in_range(progress.calls, 5, 11);
    assert_true(holds_text(ks, 0, BYTES("large"), SLICE(bytes, large)));
    assert_int_equal(result.bytes, file.len);
    keyspace_free(ks);
    mem_free(bytes);
    buf_deinit(&file);
    unlink(path);
    rmdir(folder);
}

static void test_files_that_cannot_be_read_are_told_apart(void **state)
{
    (void)state;
    char folder[200], path[256], expected[512];
    make_folder(folder, sizeof folder);
    struct rdb_load_options options = {.now_ms = NOW_MS, .checksum = true};
    struct rdb_load_result result;
    struct rdb_error error;
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    snprintf(path, sizeof path, "%s/absent.rdb", folder);
    assert_int_equal(rdb_load(path, ks, &options, &result, &error), RDB_LOAD_ABSENT);
    assert_int_equal(rdb_load(folder, ks, &options, &result, &error), RDB_LOAD_FAILED);
    snprintf(expected, sizeof expected, "%s: offset 0: not a regular file", folder);
    assert_string_equal(error.text, expected);
    snprintf(path, sizeof path, "%s/pipe.rdb", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(rdb_load(path, ks, &options, &result, &error), RDB_LOAD_FAILED);
    unlink(path);
    snprintf(path, sizeof path, "%s/file.rdb", folder);
    write_file(path, BYTES("REDIS0099"));
    snprintf(expected, sizeof expected, "%s/x", path);
    assert_int_equal(rdb_load(expected, ks, &options, &result, &error), RDB_LOAD_FAILED);
    assert_int_equal(error.sys_errno, ENOTDIR);
    assert_non_null(strstr(error.text, "open failed: Not a directory"));
    assert_int_equal(rdb_load(path, ks, &options, &result, &error), RDB_LOAD_FAILED);
    snprintf(expected, sizeof expected, "%s: offset 5: can't handle RDB format version 99", path);
    assert_string_equal(error.text, expected);
    assert_string_equal(error.reason, "can't handle RDB format version 99");
    unlink(path);
    rmdir(folder);
    keyspace_free(ks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_version_is_loaded),
        cmocka_unit_test(test_metadata_is_told),
        cmocka_unit_test(test_expiries_are_kept_and_expired_keys_left_out),
        cmocka_unit_test(test_idle_times_set_the_access_clock),
        cmocka_unit_test(test_frequencies_set_the_lfu_clock),
        cmocka_unit_test(test_headers_are_refused_without_a_database),
        cmocka_unit_test(test_errors_name_place_and_key),
        cmocka_unit_test(test_long_keys_are_cut_in_errors),
        cmocka_unit_test(test_a_key_that_occurs_twice_is_refused),
        cmocka_unit_test(test_bytes_after_the_end_are_refused),
        cmocka_unit_test(test_size_hints_are_bounded_by_the_file),
        cmocka_unit_test(test_a_size_hint_spares_the_table_its_growth),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_changed_byte_is_noticed),
        cmocka_unit_test(test_changed_bytes_without_a_checksum_do_no_harm),
        cmocka_unit_test(test_checksums_count_only_when_asked_for),
        cmocka_unit_test(test_progress_is_told_also_within_a_large_value),
        cmocka_unit_test(test_files_that_cannot_be_read_are_told_apart),
    };
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
