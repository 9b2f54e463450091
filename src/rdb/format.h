/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the RDB file format, versions 1 to 12. Source: the published format notes and files written by real
 * servers.
 *
 *   OFFSET        SIZE  MEANING
 *   0             5     "REDIS"
 *   5             4     version, ASCII digits
 *   9             ...   records: opcode or value type, then its payload
 *   size-9        1     0xFF EOF
 *   size-8        8     CRC-64/Jones of all before, little-endian; 0: not computed (version >= 5)
 */
#ifndef RDB_FORMAT_H
#define RDB_FORMAT_H

#define RDB_VERSION_MIN 1
#define RDB_VERSION_MAX 12 /* read */
/* What can be written: 6 is the version of the oldest servers still met (2.6). */
#define RDB_VERSION_WRITE_MIN 6
#define RDB_VERSION_CHECKSUM 5 /* first with a checksum at the end */
#define RDB_VERSION_HINTS 7    /* first with AUX and RESIZEDB */
#define RDB_VERSION_ACCESS 9   /* first with IDLE and FREQ */
/* First with these forms of collections. */
#define RDB_VERSION_QUICKLIST 7
#define RDB_VERSION_BINARY_SCORES 8
#define RDB_VERSION_LISTPACKS 10
#define RDB_VERSION_SET_LISTPACKS 11
#define RDB_VERSION_FIELD_EXPIRY 12
/* The oldest that holds all but expiries of fields, metadata and the size hints that make loading fast among it. */
#define RDB_VERSION_DEFAULT RDB_VERSION_HINTS
/* What DUMP payloads carry: the version of the distribution's server, so that payloads are the same bytes. */
#define RDB_DUMP_VERSION 10
#define RDB_MAGIC "REDIS"
#define RDB_HEADER_BYTES 9

enum rdb_opcode {
    RDB_OP_SLOT_INFO = 244,
    RDB_OP_FUNCTION2 = 245,
    RDB_OP_FUNCTION_PRE_GA = 246,
    RDB_OP_MODULE_AUX = 247,
    RDB_OP_IDLE = 248,
    RDB_OP_FREQ = 249,
    RDB_OP_AUX = 250,
    RDB_OP_RESIZEDB = 251,
    RDB_OP_EXPIRETIME_MS = 252,
    RDB_OP_EXPIRETIME = 253,
    RDB_OP_SELECTDB = 254,
    RDB_OP_EOF = 255,
};

enum rdb_value_type {
    RDB_TYPE_STRING = 0,
    RDB_TYPE_LIST = 1,
    RDB_TYPE_SET = 2,
    RDB_TYPE_ZSET = 3,
    RDB_TYPE_HASH = 4,
    RDB_TYPE_ZSET_2 = 5,
    RDB_TYPE_MODULE = 6,
    RDB_TYPE_MODULE_2 = 7,
    RDB_TYPE_HASH_ZIPMAP = 9,
    RDB_TYPE_LIST_ZIPLIST = 10,
    RDB_TYPE_SET_INTSET = 11,
    RDB_TYPE_ZSET_ZIPLIST = 12,
    RDB_TYPE_HASH_ZIPLIST = 13,
    RDB_TYPE_LIST_QUICKLIST = 14,
    RDB_TYPE_STREAM_LISTPACKS = 15,
    RDB_TYPE_HASH_LISTPACK = 16,
    RDB_TYPE_ZSET_LISTPACK = 17,
    RDB_TYPE_LIST_QUICKLIST_2 = 18,
    RDB_TYPE_STREAM_LISTPACKS_2 = 19,
    RDB_TYPE_SET_LISTPACK = 20,
    RDB_TYPE_STREAM_LISTPACKS_3 = 21,
    RDB_TYPE_HASH_METADATA_RC = 22,
    RDB_TYPE_HASH_LISTPACK_EX_RC = 23,
    RDB_TYPE_HASH_METADATA = 24,
    RDB_TYPE_HASH_LISTPACK_EX = 25,
};

/* First byte of a length: 00 6 bits, 01 14 bits, 0x80 32 bits, 0x81 64 bits, 11 special string encoding. */
enum rdb_length_form {
    RDB_LEN_6BIT = 0,
    RDB_LEN_14BIT = 1,
    RDB_LEN_SPECIAL = 3,
    RDB_LEN_32BIT = 0x80,
    RDB_LEN_64BIT = 0x81
};
enum rdb_string_form { RDB_STRING_INT8 = 0, RDB_STRING_INT16 = 1, RDB_STRING_INT32 = 2, RDB_STRING_LZF = 3 };

#define RDB_COMPRESS_MIN_BYTES 21 /* shorter strings are never compressed */
#define RDB_COMPRESS_MIN_SAVED 4
#define RDB_INT_MAX_CHARS 11
/* A back reference of 3 bytes stands for 264 at most: the best that LZF can do. */
#define RDB_LZF_MAX_RATIO 88
#define RDB_LEN_MAX_BYTES 9
#define RDB_CHECKSUM_BYTES 8

#endif
