/* SPDX-License-Identifier: MIT */
/* Values of collections: the bytes of each type code by hand, what is refused, and that damage never gets further than the decoder. */
#include "rdb/decode_collections.h"

#include "values.h"

#include "rdb/encode.h"
#include "rdb/load.h"

/* --- bytes by hand --- */

#define NO_MATTER ((enum value_encoding) - 1)

static const struct {
    const char *name;
    struct slice bytes; /* type and value */
    const char *text;
    enum value_encoding encoding;
} good[] = {
    {"LIST",
     BYTES("\x01\x03\x01"
           "a\xc0\x05\x00"),
     "list @-1: \"a\" \"5\" \"\"", ENCODING_LISTPACK},
    {"SET of texts",
     BYTES("\x02\x02\x01"
           "b\xc0\x05"),
     "set @-1: \"5\" \"b\"", ENCODING_LISTPACK},
    {"SET of integers",
     BYTES("\x02\x03\xc0\x05\xc1\x00\x80\x0a"
           "9999999999"),
     "set @-1: \"-32768\" \"5\" \"9999999999\"", ENCODING_INTSET},
    {"ZSET",
     BYTES("\x03\x04\x01"
           "a\x03"
           "1.5\x01"
           "b\xff\xc0\x07\xfe\x01"
           "c\x02-3"),
     "zset @-1: \"b\"=-inf \"c\"=-3 \"a\"=1.5 \"7\"=inf", ENCODING_LISTPACK},
    {"HASH",
     BYTES("\x04\x02\x01"
           "f\x01v\xc0\x01\xc0\x02"),
     "hash @-1: \"1\"=\"2\" \"f\"=\"v\"", ENCODING_LISTPACK},
    {"ZSET_2",
     BYTES("\x05\x02\x01"
           "b\x00\x00\x00\x00\x00\x00\x04@\x01"
           "a\x00\x00\x00\x00\x00\x00\xf0\xbf"),
     "zset @-1: \"a\"=-1 \"b\"=2.5", ENCODING_LISTPACK},
    {"HASH_ZIPMAP",
     BYTES("\x09\x11\x02\x01"
           "f\x01\x02v\x3f\x3f\x01"
           "1\x02\x02"
           "23\x3f\x3f\xff"),
     "hash @-1: \"1\"=\"23\" \"f\"=\"v\"", ENCODING_LISTPACK},
    {"LIST_ZIPLIST",
     BYTES("\x0a\x19\x19\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01"
           "a\x03\xf6\x02\xfe\x9c\x03\xd0@B\x0f\x00\xff"),
     "list @-1: \"a\" \"5\" \"-100\" \"1000000\"", ENCODING_LISTPACK},
    {"SET_INTSET", BYTES("\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\xfd\xff\x01\x00\xbc\x02"),
     "set @-1: \"-3\" \"1\" \"700\"", ENCODING_INTSET},
    {"ZSET_ZIPLIST",
     BYTES("\x0c!!\x00\x00\x00\x1b\x00\x00\x00\x06\x00\x00\x01"
           "c\x03\x04-inf\x06\x01"
           "a\x03\xf2\x02\x01"
           "b\x03\x03"
           "2.5\xff"),
     "zset @-1: \"c\"=-inf \"a\"=1 \"b\"=2.5", ENCODING_LISTPACK},
    {"HASH_ZIPLIST",
     BYTES("\x0d\x15\x15\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01"
           "f\x03\x01v\x03\xf4\x02\xf5\xff"),
     "hash @-1: \"3\"=\"4\" \"f\"=\"v\"", ENCODING_LISTPACK},
    {"LIST_QUICKLIST",
     BYTES("\x0e\x03\x10\x10\x00\x00\x00\x0d\x00\x00\x00\x02\x00\x00\x01"
           "a\x03\xf6\xff\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff\x0e\x0e\x00\x00\x00\x0a\x00\x00\x00\x01\x00"
           "\x00\x01"
           "b\xff"),
     "list @-1: \"a\" \"5\" \"b\"", NO_MATTER},
    {"HASH_LISTPACK",
     BYTES("\x10\x11\x11\x00\x00\x00\x04\x00\x81"
           "f\x02\x81v\x02\x03\x01\x04\x01\xff"),
     "hash @-1: \"3\"=\"4\" \"f\"=\"v\"", ENCODING_LISTPACK},
    {"ZSET_LISTPACK",
     BYTES("\x11!!\x00\x00\x00\x08\x00\x81"
           "a\x02\x01\x01\x81"
           "b\x02\x01\x01\x07\x01\x84"
           "1.25\x05\x81z\x02\x83inf\x04\xff"),
     "zset @-1: \"a\"=1 \"b\"=1 \"7\"=1.25 \"z\"=inf", ENCODING_LISTPACK},
    {"LIST_QUICKLIST_2",
     BYTES("\x12\x02\x02\x0c\x0c\x00\x00\x00\x02\x00\x81"
           "a\x02\x05\x01\xff\x01\x05plain"),
     "list @-1: \"a\" \"5\" \"plain\"", NO_MATTER},
    {"SET_LISTPACK",
     BYTES("\x14\x12\x12\x00\x00\x00\x03\x00\x81"
           "a\x02\x05\x01\xf3\x90\xee\xfe\xff\x05\xff"),
     "set @-1: \"-70000\" \"5\" \"a\"", ENCODING_LISTPACK},
    {"SET_LISTPACK with an integer as a text",
     BYTES("\x14\x0e\x0e\x00\x00\x00\x02\x00\x81"
           "a\x02\x82"
           "12\x03\xff"),
     "set @-1: \"12\" \"a\"", ENCODING_LISTPACK},
    {"HASH_METADATA_RC",
     BYTES("\x16\x02\x81\x00\x00\x01\x8b\xcf\xe5h\x00\x01"
           "f\x01v\x00\x01g\x01w"),
     "hash @-1: \"f\"=\"v\"@1700000000000 \"g\"=\"w\"", ENCODING_LISTPACK_EX},
    {"HASH_LISTPACK_EX_RC",
     BYTES("\x17\x1f\x1f\x00\x00\x00\x06\x00\x81"
           "f\x02\x81v\x02\xf4\x00h\xe5\xcf\x8b\x01\x00\x00\x09\x81g\x02\x81w\x02\x00\x01\xff"),
     "hash @-1: \"f\"=\"v\"@1700000000000 \"g\"=\"w\"", ENCODING_LISTPACK_EX},
    {"HASH_METADATA",
     BYTES("\x18\x00h\xe5\xcf\x8b\x01\x00\x00\x03\x06\x01"
           "e\x01u\x01\x01"
           "f\x01v\x00\x01g\x01w"),
     "hash @-1: \"e\"=\"u\"@1700000000005 \"f\"=\"v\"@1700000000000 \"g\"=\"w\"", ENCODING_LISTPACK_EX},
    {"HASH_LISTPACK_EX",
     BYTES("\x19\x00h\xe5\xcf\x8b\x01\x00\x00//\x00\x00\x00\x09\x00\x81"
           "f\x02\x81v\x02\xf4\x00h\xe5\xcf\x8b\x01\x00\x00\x09\x81"
           "e\x02\x81u\x02\xf4\x05h\xe5\xcf\x8b\x01\x00\x00\x09\x81g\x02\x81w\x02\x00\x01\xff"),
     "hash @-1: \"e\"=\"u\"@1700000000005 \"f\"=\"v\"@1700000000000 \"g\"=\"w\"", ENCODING_LISTPACK_EX},
    {"HASH_LISTPACK_EX without expiries",
     BYTES("\x19\x00\x00\x00\x00\x00\x00\x00\x00\x0f\x0f\x00\x00\x00\x03\x00\x81"
           "f\x02\x81v\x02\x00\x01\xff"),
     "hash @-1: \"f\"=\"v\"", ENCODING_LISTPACK},
};

static void test_every_form_is_read(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct rdb_error error = {.text = ""};
        struct entry *e = restored(good[i].bytes, &error);
        if (!e) fail_msg("%s: %s", good[i].name, error.text);
        value_text(e, &text);
        if (strcmp(buf_cstr(&text), good[i].text) != 0) fail_msg("%s: %s", good[i].name, text.data);
        if (good[i].encoding != NO_MATTER) assert_int_equal(entry_encoding(e), good[i].encoding);
        assert_true(entry_is_valid(e));
        entry_free(e);
    }
    buf_deinit(&text);
}

static const struct {
    struct slice bytes;
    const char *reason; /* how it begins */
} bad[] = {
    {BYTES("\x01\x00"), "LIST: it is empty"},
    {BYTES("\x02\x00"), "SET: it is empty"},
    {BYTES("\x03\x00"), "ZSET: it is empty"},
    {BYTES("\x04\x00"), "HASH: it is empty"},
    {BYTES("\x05\x00"), "ZSET_2: it is empty"},
    {BYTES("\x09\x02\x00\xff"), "HASH_ZIPMAP: it is empty"},
    {BYTES("\x0a\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"), "LIST_ZIPLIST: it is empty"},
    {BYTES("\x0b\x08\x02\x00\x00\x00\x00\x00\x00\x00"), "SET_INTSET: "},
    {BYTES("\x0c\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"), "ZSET_ZIPLIST: it is empty"},
    {BYTES("\x0d\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"), "HASH_ZIPLIST: it is empty"},
    {BYTES("\x0e\x01\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"), "LIST_QUICKLIST: it is empty"},
    {BYTES("\x10\x07\x07\x00\x00\x00\x00\x00\xff"), "HASH_LISTPACK: it is empty"},
    {BYTES("\x11\x07\x07\x00\x00\x00\x00\x00\xff"), "ZSET_LISTPACK: it is empty"},
    {BYTES("\x12\x01\x02\x07\x07\x00\x00\x00\x00\x00\xff"), "LIST_QUICKLIST_2: it is empty"},
    {BYTES("\x14\x07\x07\x00\x00\x00\x00\x00\xff"), "SET_LISTPACK: it is empty"},
    {BYTES("\x18\x00h\xe5\xcf\x8b\x01\x00\x00\x00"), "HASH_METADATA: it is empty"},
    {BYTES("\x19\x00h\xe5\xcf\x8b\x01\x00\x00\x07\x07\x00\x00\x00\x00\x00\xff"), "HASH_LISTPACK_EX: it is empty"},
    {BYTES("\x01\x80\xff\xff\xff\xff\x01"
           "a"),
     "LIST: 4294967295 elements cannot stand in the 2 bytes that are left"},
    {BYTES("\x02\x80\x00\x00\x00\x03\x01"
           "a"),
     "SET: 3 elements cannot stand in the 2 bytes that are left"},
    {BYTES("\x04\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01"
           "a"),
     "HASH: 18446744073709551615 elements cannot stand in the 2 bytes that are left"},
    {BYTES("\x02\x03\x01"
           "a\x01"
           "b\x01"
           "a"),
     "SET: a member occurs twice"},
    {BYTES("\x02\x03\xc0\x05\x01"
           "b\x01"
           "5"),
     "SET: a member occurs twice"},
    {BYTES("\x04\x02\x01"
           "f\x01v\x01"
           "f\x01w"),
     "HASH: a field occurs twice"},
    {BYTES("\x05\x02\x01"
           "a\x00\x00\x00\x00\x00\x00\xf0\x3f\x01"
           "a\x00\x00\x00\x00\x00\x00\x00@"),
     "ZSET_2: a member occurs twice"},
    {BYTES("\x03\x02\x01"
           "a\x01"
           "1\x01"
           "a\x01"
           "2"),
     "ZSET: a member occurs twice"},
    {BYTES("\x05\x01\x01"
           "a\x00\x00\x00\x00\x00\x00\xf8\x7f"),
     "ZSET_2: a score is not a number"},
    {BYTES("\x03\x01\x01"
           "a\xfd"),
     "ZSET: a score is not a number"},
    {BYTES("\x03\x01\x01"
           "a\x03nan"),
     "ZSET: a score is not a number"},
    {BYTES("\x03\x01\x01"
           "a\x02"
           "1x"),
     "ZSET: a score is not a number"},
    {BYTES("\x03\x01\x01"
           "a\x00"),
     "ZSET: a score is not a number"},
    {BYTES("\x09\x10\x02\x01"
           "f\x01\x02v\x3f\x3f\x01"
           "f\x01\x02w\x3f\x3f\xff"),
     "HASH_ZIPMAP: a field occurs twice"},
    {BYTES("\x0d\x17\x17\x00\x00\x00\x13\x00\x00\x00\x04\x00\x00\x01"
           "f\x03\x01v\x03\x01"
           "f\x03\x01w\xff"),
     "HASH_ZIPLIST: a field occurs twice"},
    {BYTES("\x0d\x14\x14\x00\x00\x00\x10\x00\x00\x00\x03\x00\x00\x01"
           "f\x03\x01v\x03\x01g\xff"),
     "HASH_ZIPLIST: a field without a value"},
    {BYTES("\x10\x13\x13\x00\x00\x00\x04\x00\x81"
           "f\x02\x81v\x02\x81"
           "f\x02\x81w\x02\xff"),
     "HASH_LISTPACK: a field occurs twice"},
    {BYTES("\x10\x12\x12\x00\x00\x00\x04\x00\x05\x01\x81v\x02\x81"
           "5\x02\x81w\x02\xff"),
     "HASH_LISTPACK: a field occurs twice"},
    {BYTES("\x10\x10\x10\x00\x00\x00\x03\x00\x81"
           "f\x02\x81v\x02\x81g\x02\xff"),
     "HASH_LISTPACK: a field without a value"},
    {BYTES("\x0c\x13\x13\x00\x00\x00\x0f\x00\x00\x00\x03\x00\x00\x01"
           "a\x03\xf2\x02\x01"
           "b\xff"),
     "ZSET_ZIPLIST: a member without a score"},
    {BYTES("\x0c\x15\x15\x00\x00\x00\x12\x00\x00\x00\x04\x00\x00\x01"
           "a\x03\xf3\x02\x01"
           "b\x03\xf2\xff"),
     "ZSET_ZIPLIST: members are not in the order of their scores"},
    {BYTES("\x11\x11\x11\x00\x00\x00\x04\x00\x81"
           "a\x02\x02\x01\x81"
           "b\x02\x01\x01\xff"),
     "ZSET_LISTPACK: members are not in the order of their scores"},
    {BYTES("\x11\x11\x11\x00\x00\x00\x04\x00\x81"
           "b\x02\x01\x01\x81"
           "a\x02\x01\x01\xff"),
     "ZSET_LISTPACK: members are not in the order of their scores"},
    {BYTES("\x11\x11\x11\x00\x00\x00\x04\x00\x81"
           "a\x02\x01\x01\x81"
           "a\x02\x01\x01\xff"),
     "ZSET_LISTPACK: members are not in the order of their scores"},
    {BYTES("\x11\x11\x11\x00\x00\x00\x04\x00\x81"
           "a\x02\x01\x01\x81"
           "a\x02\x02\x01\xff"),
     "ZSET_LISTPACK: a member occurs twice"},
    {BYTES("\x11\x0f\x0f\x00\x00\x00\x02\x00\x81"
           "a\x02\x83nan\x04\xff"),
     "ZSET_LISTPACK: a score is not a number"},
    {BYTES("\x11\x0f\x0f\x00\x00\x00\x02\x00\x81"
           "a\x02\x83one\x04\xff"),
     "ZSET_LISTPACK: a score is not a number"},
    {BYTES("\x14\x10\x10\x00\x00\x00\x03\x00\x81"
           "a\x02\x81"
           "b\x02\x81"
           "a\x02\xff"),
     "SET_LISTPACK: a member occurs twice"},
    {BYTES("\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x01\x00"), "SET_INTSET: "},
    {BYTES("\x0b\x0c\x02\x00\x00\x00\x02\x00\x00\x00\x02\x00\x01\x00"), "SET_INTSET: "},
    {BYTES("\x0b\x0b\x03\x00\x00\x00\x01\x00\x00\x00"
           "abc"),
     "SET_INTSET: "},
    {BYTES("\x12\x01\x03\x0a\x0a\x00\x00\x00\x01\x00\x81"
           "a\x02\xff"),
     "LIST_QUICKLIST_2: a node is neither plain nor packed"},
    {BYTES("\x12\x01\x02\x05short"), "LIST_QUICKLIST_2: "},
    {BYTES("\x0a\x0e\x0e\x00\x00\x00\x0a\x00\x00\x00\x01\x00\x00\x01"
           "a\x00"),
     "LIST_ZIPLIST: ziplist"},
    {BYTES("\x17''\x00\x00\x00\x06\x00\x81"
           "f\x02\x81v\x02\xf4\x00h\xe5\xcf\x8b\x01\x00\x00\x09\x81"
           "e\x02\x81u\x02\xf4\xffg\xe5\xcf\x8b\x01\x00\x00\x09\xff"),
     "HASH_LISTPACK_EX_RC: fields are not in the order of their expiries"},
    {BYTES("\x19\x00h\xe5\xcf\x8b\x01\x00\x00\x1f\x1f\x00\x00\x00\x06\x00\x81"
           "f\x02\x81v\x02\x00\x01\x81"
           "e\x02\x81u\x02\xf4\x00h\xe5\xcf\x8b\x01\x00\x00\x09\xff"),
     "HASH_LISTPACK_EX: fields are not in the order of their expiries"},
    {BYTES("\x19\x00h\xe5\xcf\x8b\x01\x00\x00\x10\x10\x00\x00\x00\x03\x00\x81"
           "f\x02\x81v\x02\xdf\xff\x02\xff"),
     "HASH_LISTPACK_EX: the expiry of a field is out of range"},
    {BYTES("\x19\x00h\xe5\xcf\x8b\x01\x00\x00\x17\x17\x00\x00\x00\x03\x00\x81"
           "f\x02\x81v\x02\xf4\x00\x00\x00\x00\x00\x00\x01\x00\x09\xff"),
     "HASH_LISTPACK_EX: the expiry of a field is out of range"},
    {BYTES("\x19\x00h\xe5\xcf\x8b\x01\x00\x00\x10\x10\x00\x00\x00\x03\x00\x81"
           "f\x02\x81v\x02\x81x\x02\xff"),
     "HASH_LISTPACK_EX: the expiry of a field is out of range"},
    {BYTES("\x19\x00h\xe5\xcf\x8b\x01\x00\x00\x0d\x0d\x00\x00\x00\x02\x00\x81"
           "f\x02\x81v\x02\xff"),
     "HASH_LISTPACK_EX: a field without value and expiry"},
    {BYTES("\x19\x00h\xe5\xcf\x8b\x01\x00\x00\x17\x17\x00\x00\x00\x06\x00\x81"
           "f\x02\x81v\x02\x01\x01\x81"
           "f\x02\x81v\x02\x02\x01\xff"),
     "HASH_LISTPACK_EX: a field occurs twice"},
    {BYTES("\x19\x00\x00\x00\x00\x00\x00\x01\x00\x0f\x0f\x00\x00\x00\x03\x00\x81"
           "f\x02\x81v\x02\x01\x01\xff"),
     "HASH_LISTPACK_EX: the first expiry is out of range"},
    {BYTES("\x18\x00h\xe5\xcf\x8b\x01\x00\x00\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01"
           "f\x01v"),
     "HASH_METADATA: the expiry of a field is out of range"},
    {BYTES("\x16\x01\x81\x00\x01\x00\x00\x00\x00\x00\x00\x01"
           "f\x01v"),
     "HASH_METADATA_RC: the expiry of a field is out of range"},
    {BYTES("\x18\x00h\xe5\xcf\x8b\x01\x00\x00\x02\x01\x01"
           "f\x01v\x01\x01"
           "f\x01v"),
     "HASH_METADATA: a field occurs twice"},
    {BYTES("\x0f\x00"), "value type STREAM_LISTPACKS (15) is not supported"},
    {BYTES("\x13\x00"), "value type STREAM_LISTPACKS_2 (19) is not supported"},
    {BYTES("\x15\x00"), "value type STREAM_LISTPACKS_3 (21) is not supported"},
};

static void test_what_cannot_be_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rdb_error error = {.text = ""};
        assert_null(restored(bad[i].bytes, &error));
        if (strncmp(error.reason, bad[i].reason, strlen(bad[i].reason)) != 0)
            fail_msg("\"%s\" in place of \"%s\"", error.reason, bad[i].reason);
        assert_non_null(strstr(error.text, "key \"key\""));
        assert_true(error.offset < bad[i].bytes.len);
    }
}

/* --- the limits between packed and large --- */

static void append_listpack_set(struct buf *out, size_t members, size_t len)
{
    struct buf lp = BUF_INIT;
    buf_append(&lp, "\0\0\0\0\0\0", 6);
    for (size_t i = 0; i < members; i++) {
        buf_append_char(&lp, (char)(0x80 | len));
        buf_printf(&lp, "%0*zu", (int)len, i);
        lp.data[lp.len - len] = 'm';
        buf_append_char(&lp, (char)(len + 1));
    }
    buf_append_char(&lp, (char)0xff);
    uint32_t total = (uint32_t)lp.len;
    uint16_t count = (uint16_t)members;
    memcpy(lp.data, &total, 4);
    memcpy(lp.data + 4, &count, 2);
    buf_append(out, "\x14\x80", 2);
    for (int shift = 24; shift >= 0; shift -= 8) buf_append_char(out, (char)(total >> shift));
    buf_append_slice(out, buf_slice(&lp));
    buf_deinit(&lp);
}

static void assert_set_becomes(size_t members, size_t len, enum value_encoding encoding)
{
    struct buf bytes = BUF_INIT;
    struct rdb_error error = {.text = ""};
    append_listpack_set(&bytes, members, len);
    struct entry *e = restored(buf_slice(&bytes), &error);
    assert_string_equal(error.text, "");
    assert_int_equal(entry_encoding(e), encoding);
    assert_int_equal(set_count(e), members);
    entry_free(e);
    buf_deinit(&bytes);
}

static void test_listpacks_are_taken_over_within_the_thresholds(void **state)
{
    (void)state;
    struct value_limits before = *value_limits(), limits = before;
    limits.set_max_listpack_entries = 100;
    limits.set_max_listpack_value = 20;
    value_set_limits(&limits);
    assert_set_becomes(1, 20, ENCODING_LISTPACK);
    assert_set_becomes(100, 20, ENCODING_LISTPACK);
    assert_set_becomes(101, 20, ENCODING_HASHTABLE);
    assert_set_becomes(1000, 8, ENCODING_HASHTABLE);
    assert_set_becomes(1, 21, ENCODING_HASHTABLE);
    value_set_limits(&before);
}

static void test_duplicates_are_found_in_any_number_of_members(void **state)
{
    (void)state;
    static const size_t counts[] = {2, 12, 13, 64, 128, 129, 700};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct buf bytes = BUF_INIT;
        struct rdb_error error = {.text = ""};
        size_t len = 10, n = counts[i];
        append_listpack_set(&bytes, n, len);
        /* The last becomes the same as the first, but for its own length. */
        char *last = bytes.data + bytes.len - 1 - (len + 2), *first = bytes.data + 6 + 6;
        memcpy(last, first, len + 2);
        assert_null(restored(buf_slice(&bytes), &error));
        assert_string_equal(error.reason, "SET_LISTPACK: a member occurs twice");
        buf_deinit(&bytes);
    }
}

/* --- round trips --- */

static void put_value(struct rdb_encoder *e, const struct entry *entry, int version, bool compress)
{
    e->version = version;
    e->compress = compress;
    rdb_put_byte(e, rdb_type_of(entry, version));
    rdb_put_value(e, entry);
    assert_true(rdb_encoder_flush(e));
}

static struct entry *got_back(struct slice bytes)
{
    struct rdb_decoder d;
    struct entry *back = NULL;
    uint8_t type;
    rdb_decoder_init_memory(&d, bytes);
    assert_true(rdb_get_byte(&d, &type));
    if (!rdb_get_value(&d, type, BYTES("key"), ENTRY_NO_EXPIRY, &back)) fail_msg("%s", d.reason);
    assert_int_equal(rdb_decoder_left(&d), 0);
    rdb_decoder_deinit(&d);
    return back;
}

/* Type codes that readers of a version know. */
static bool is_known(uint8_t type, int version)
{
    static const uint8_t newest[] = {[6] = 13, [7] = 14, [8] = 14, [9] = 15, [10] = 19, [11] = 21, [12] = 25};
    return type <= newest[version] && (type != RDB_TYPE_ZSET_2 || version >= 8);
}

static void check_round_trip(const struct entry *e, int version, bool compress)
{
    struct buf out = BUF_INIT;
    struct rdb_encoder enc;
    rdb_encoder_init_memory(&enc, &out);
    put_value(&enc, e, version, compress);
    rdb_encoder_deinit(&enc);
    assert_true(is_known((uint8_t)out.data[0], version));
    struct entry *back = got_back(buf_slice(&out));
    assert_true(entry_is_valid(back));
    assert_int_equal(entry_encoding(back), entry_encoding(e));
    if (!same_value(e, back)) fail_msg("type %d, version %d differ", out.data[0], version);
    entry_free(back);
    buf_deinit(&out);
}

static const enum value_type types[] = {VALUE_LIST, VALUE_SET, VALUE_ZSET, VALUE_HASH};

static void test_all_values_come_back_from_all_versions(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 11);
    for (int i = 0; i < 400; i++) {
        enum value_type type = types[i % 4];
        struct entry *e = random_value(type, (enum shape)(i / 4 % SHAPES), false, &rng);
        for (int version = 6; version <= 12; version++) check_round_trip(e, version, i % 3 != 0);
        entry_free(e);
    }
}

static void test_expiries_of_fields_come_back_from_version_12(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 12);
    for (int i = 0; i < 100; i++) {
        struct entry *e = random_value(VALUE_HASH, (enum shape)(i % SHAPES), true, &rng);
        if (hash_has_field_expiry(e)) {
            assert_int_equal(rdb_version_needed(e), 12);
            check_round_trip(e, 12, i % 2);
        }
        entry_free(e);
    }
}

static void test_hashes_whose_expiries_are_gone_are_like_others(void **state)
{
    (void)state;
    struct value_ref ref = {.key.name = BYTES("key")};
    struct buf out = BUF_INIT;
    struct rdb_encoder enc;
    hash_set(&ref, BYTES("f"), BYTES("v"), EVERY_FIELD_MS);
    hash_set(&ref, BYTES("g"), BYTES("7"), EVERY_FIELD_MS);
    hash_set_field_expiry(&ref, BYTES("g"), NOW_MS, EVERY_FIELD_MS);
    hash_set_field_expiry(&ref, BYTES("g"), HASH_NO_EXPIRY, EVERY_FIELD_MS);
    assert_int_equal(rdb_version_needed(ref.e), 6);
    for (int version = 6; version <= 12; version++) {
        rdb_encoder_init_memory(&enc, &out);
        put_value(&enc, ref.e, version, false);
        rdb_encoder_deinit(&enc);
        assert_int_equal(out.data[0], version < 10 ? RDB_TYPE_HASH_ZIPLIST : RDB_TYPE_HASH_LISTPACK);
        struct entry *back = got_back(buf_slice(&out));
        assert_true(same_value(ref.e, back));
        entry_free(back);
        buf_clear(&out);
    }
    entry_free(ref.e);
    buf_deinit(&out);
}

/* --- damage --- */

/* Refused, or a value that holds together and can be written again. */
static void check_any(struct slice bytes)
{
    struct rdb_error error = {.text = ""};
    struct entry *e = restored(bytes, &error);
    if (!e) {
        assert_true(error.text[0] && error.reason[0] && error.offset <= bytes.len);
        return;
    }
    struct buf text = BUF_INIT, payload = BUF_INIT;
    assert_true(entry_is_valid(e));
    value_text(e, &text);
    rdb_dump(e, true, &payload);
    struct entry *back = NULL;
    assert_int_equal(rdb_restore(buf_slice(&payload), BYTES("key"), ENTRY_NO_EXPIRY, &back, NULL), RDB_RESTORE_OK);
    assert_true(same_value(e, back));
    entry_free(back);
    entry_free(e);
    buf_deinit(&text);
    buf_deinit(&payload);
}

static void damage(struct slice sample)
{
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xc0, 0xf0, 0xf4, 0xfe, 0xff};
    char *bytes = mem_alloc(sample.len);
    memcpy(bytes, sample.ptr, sample.len);
    for (size_t cut = 0; cut < sample.len; cut++) {
        struct rdb_error error = {.text = ""};
        assert_null(restored(SLICE(bytes, cut), &error));
    }
    for (size_t i = 0; i < sample.len; i++) {
        for (size_t k = 0; k < sizeof values + 8; k++) {
            bytes[i] = (char)(k < 8 ? sample.ptr[i] ^ 1 << k : values[k - 8]);
            check_any(SLICE(bytes, sample.len));
        }
        bytes[i] = sample.ptr[i];
    }
    mem_free(bytes);
}

static void test_damaged_forms_are_refused_or_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) damage(good[i].bytes);
}

static void test_damaged_values_of_all_versions_are_refused_or_valid(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 13);
    for (int i = 0; i < 4 * 7; i++) {
        struct buf out = BUF_INIT;
        struct rdb_encoder enc;
        struct entry *e = random_value(types[i % 4], i % 2 ? SHAPE_FEW : SHAPE_FEW_INTS, i / 4 == 6, &rng);
        rdb_encoder_init_memory(&enc, &out);
        put_value(&enc, e, 6 + i / 4, i % 3 == 0);
        rdb_encoder_deinit(&enc);
        damage(buf_slice(&out));
        entry_free(e);
        buf_deinit(&out);
    }
}

/* A file names the key and the place. */
static void test_files_name_key_and_offset(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    struct rdb_load_options options = {.now_ms = NOW_MS, .checksum = true};
    struct rdb_load_result result;
    struct rdb_error error;
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    append_file_header(&file, 7);
    buf_append_slice(&file, BYTES("\x02\x04name\x02\x01"
                                  "a\x01"
                                  "a\xff\0\0\0\0\0\0\0\0"));
    assert_int_equal(rdb_load_memory(buf_slice(&file), "a.rdb", ks, &options, &result, &error), RDB_LOAD_FAILED);
    assert_string_equal(error.text, "a.rdb: offset 18: database 0, key \"name\": SET: a member occurs twice");
    assert_int_equal(error.record_offset, 9);
    keyspace_free(ks);
    buf_deinit(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_form_is_read),
        cmocka_unit_test(test_what_cannot_be_is_refused_by_name),
        cmocka_unit_test(test_listpacks_are_taken_over_within_the_thresholds),
        cmocka_unit_test(test_duplicates_are_found_in_any_number_of_members),
        cmocka_unit_test(test_all_values_come_back_from_all_versions),
        cmocka_unit_test(test_expiries_of_fields_come_back_from_version_12),
        cmocka_unit_test(test_hashes_whose_expiries_are_gone_are_like_others),
        cmocka_unit_test(test_damaged_forms_are_refused_or_valid),
        cmocka_unit_test(test_damaged_values_of_all_versions_are_refused_or_valid),
        cmocka_unit_test(test_files_name_key_and_offset),
    };
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
