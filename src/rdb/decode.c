/* SPDX-License-Identifier: MIT */
/*
 * `need` makes the next bytes contiguous in the buffer, which is all that most items ask for; only strings that are
 * longer than the buffer are read elsewhere, straight to their place.
 *
 * Invariants:
 *   1. buf[pos .. len) is read and not yet decoded; base + pos is the offset in the file.
 *   2. crc covers everything before buf[crc_pos], and crc_pos <= pos: the checksum at the end must not cover itself.
 *   3. No memory is taken for a length that the rest of the input could not back: raw strings are bounded by what is
 * left,
 *      LZF strings by what their packed bytes can stand for at most.
 *   4. After an error the buffer is empty and there is no source: `need` fails for good.
 */
#include "rdb/decode.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/crc64.h"
#include "base/lzf.h"
#include "base/mem.h"
#include "base/num.h"
#include "rdb/decode_collections.h"
#include "rdb/gather.h"

#define DECODER_BUFFER_BYTES ((size_t)1 << 20)
#define DIRECT_READ_BYTES ((size_t)2 << 20)
#define SCRATCH_MIN_BYTES 256

_Static_assert(SCRATCH_MIN_BYTES >= ENTRY_INLINE_VALUE_MAX, "the scratch holds every string that is given as a slice");

/* --- the buffer --- */

static void init(struct rdb_decoder *d)
{
    *d = (struct rdb_decoder){
        .checksum = true, .scratch = mem_alloc(SCRATCH_MIN_BYTES), .scratch_cap = SCRATCH_MIN_BYTES};
}

void rdb_decoder_init_source(struct rdb_decoder *d, long (*source)(void *ctx, char *bytes, size_t len), void *ctx,
                             uint64_t total)
{
    ASSERT(source != NULL);
    init(d);
    d->source = source;
    d->ctx = ctx;
    d->total = total;
    d->buf = mem_alloc(DECODER_BUFFER_BYTES);
    d->cap = DECODER_BUFFER_BYTES;
}

void rdb_decoder_init_memory(struct rdb_decoder *d, struct slice bytes)
{
    init(d);
    d->buf = (char *)bytes.ptr; /* cap 0: never written */
    d->len = bytes.len;
    d->total = bytes.len;
}

void rdb_decoder_deinit(struct rdb_decoder *d)
{
    if (d->cap) mem_free(d->buf);
    mem_free(d->scratch);
    if (d->gather) {
        rdb_gather_deinit(d->gather);
        mem_free(d->gather);
    }
    *d = (struct rdb_decoder){0};
}

uint64_t rdb_decoder_offset(const struct rdb_decoder *d) { return d->base + d->pos; }

uint64_t rdb_decoder_left(const struct rdb_decoder *d)
{
    uint64_t offset = rdb_decoder_offset(d);
    return offset < d->total ? d->total - offset : 0;
}

bool rdb_decoder_fail(struct rdb_decoder *d, const char *fmt, ...)
{
    if (d->reason) return false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(d->reason_text, sizeof d->reason_text, fmt, args);
    va_end(args);
    d->reason = d->reason_text;
    d->error_offset = d->item_offset;
    d->base += d->pos;
    d->pos = d->len = d->crc_pos = 0;
    d->source = NULL;
    return false;
}

static bool fail_truncated(struct rdb_decoder *d, uint64_t needed)
{
    return rdb_decoder_fail(d, "truncated: %" PRIu64 " more bytes are needed here and %" PRIu64 " are left", needed,
                            rdb_decoder_left(d));
}

static bool fail_memory(struct rdb_decoder *d, uint64_t bytes)
{
    return rdb_decoder_fail(d, "no memory for a string of %" PRIu64 " bytes", bytes);
}

static void checksum_to(struct rdb_decoder *d, size_t pos)
{
    if (d->checksum) d->crc = crc64(d->crc, d->buf + d->crc_pos, pos - d->crc_pos);
    d->crc_pos = pos;
}

/* Reads some bytes, at least one. */
static size_t read_some(struct rdb_decoder *d, char *bytes, size_t len)
{
    long got = d->source(d->ctx, bytes, len);
    if (got > 0) {
        ASSERT((size_t)got <= len);
        return (size_t)got;
    }
    if (got < 0) {
        d->sys_errno = errno;
        rdb_decoder_fail(d, "read failed: %s", strerror(d->sys_errno));
    } else {
        rdb_decoder_fail(d, "truncated: the input ends here, it was expected to have %" PRIu64 " bytes", d->total);
    }
    return 0;
}

static __attribute__((noinline)) bool refill(struct rdb_decoder *d, size_t bytes)
{
    if (d->reason) return false;
    if (!d->source || rdb_decoder_left(d) < bytes) return fail_truncated(d, bytes);
    ASSERT(bytes <= d->cap);
    checksum_to(d, d->pos);
    memmove(d->buf, d->buf + d->pos, d->len - d->pos);
    d->base += d->pos;
    d->len -= d->pos;
    d->pos = d->crc_pos = 0;
    while (d->len < bytes) {
        size_t got = read_some(d, d->buf + d->len, d->cap - d->len);
        if (!got) return false;
        d->len += got;
    }
    return true;
}

/* The next `bytes` bytes stand at buf + pos; bytes > 0. */
static inline bool need(struct rdb_decoder *d, size_t bytes)
{
    return __builtin_expect(d->len - d->pos >= bytes, 1) || refill(d, bytes);
}

static inline const char *take(struct rdb_decoder *d, size_t bytes)
{
    const char *p = d->buf + d->pos;
    d->pos += bytes;
    return p;
}

static inline void begin_item(struct rdb_decoder *d) { d->item_offset = rdb_decoder_offset(d); }

/* The next `len` bytes to a place outside the buffer; large ones do not pass through it. */
static bool read_out(struct rdb_decoder *d, char *to, size_t len)
{
    if (rdb_decoder_left(d) < len) return fail_truncated(d, len);
    size_t n = d->len - d->pos < len ? d->len - d->pos : len;
    if (n) memcpy(to, take(d, n), n);
    to += n;
    len -= n;
    if (len == 0) return true;
    if (!d->source) return fail_truncated(d, len);
    checksum_to(d, d->pos);
    d->base += d->pos;
    d->pos = d->len = d->crc_pos = 0;
    while (len > 0) {
        n = read_some(d, to, len < DIRECT_READ_BYTES ? len : DIRECT_READ_BYTES);
        if (!n) return false;
        if (d->checksum) d->crc = crc64(d->crc, to, n);
        d->base += n;
        to += n;
        len -= n;
    }
    return true;
}

/* --- numbers --- */

static inline uint16_t load_u16(const char *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return le16toh(v);
}

static inline uint32_t load_u32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return le32toh(v);
}

static inline uint64_t load_u64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

bool rdb_get_header(struct rdb_decoder *d)
{
    begin_item(d);
    if (d->total == 0) return rdb_decoder_fail(d, "the file is empty");
    size_t magic_bytes = sizeof RDB_MAGIC - 1;
    if (!need(d, d->total < magic_bytes ? (size_t)d->total : magic_bytes)) return false;
    if (d->total < magic_bytes || memcmp(d->buf + d->pos, RDB_MAGIC, magic_bytes) != 0)
        return rdb_decoder_fail(d, "not an RDB file: it does not start with " RDB_MAGIC);
    if (!need(d, RDB_HEADER_BYTES)) return false;
    take(d, magic_bytes);
    begin_item(d);
    const char *digits = take(d, RDB_HEADER_BYTES - magic_bytes);
    int version = 0;
    for (int i = 0; i < 4; i++) {
        if (digits[i] < '0' || digits[i] > '9') return rdb_decoder_fail(d, "the format version is not a number");
        version = version * 10 + (digits[i] - '0');
    }
    if (version < RDB_VERSION_MIN || version > RDB_VERSION_MAX)
        return rdb_decoder_fail(d, "can't handle RDB format version %d", version);
    d->version = version;
    return true;
}

bool rdb_get_byte(struct rdb_decoder *d, uint8_t *b)
{
    begin_item(d);
    if (!need(d, 1)) return false;
    *b = (uint8_t)*take(d, 1);
    return true;
}

bool rdb_get_u32(struct rdb_decoder *d, uint32_t *v)
{
    begin_item(d);
    if (!need(d, sizeof *v)) return false;
    *v = load_u32(take(d, sizeof *v));
    return true;
}

bool rdb_get_u64(struct rdb_decoder *d, uint64_t *v)
{
    begin_item(d);
    if (!need(d, sizeof *v)) return false;
    *v = load_u64(take(d, sizeof *v));
    return true;
}

static bool get_long_length(struct rdb_decoder *d, uint8_t first, uint64_t *len)
{
    switch (first) {
    case RDB_LEN_32BIT:
        if (!need(d, 5)) return false;
        *len = __builtin_bswap32(load_u32(take(d, 5) + 1));
        return true;
    case RDB_LEN_64BIT:
        if (!need(d, 9)) return false;
        *len = __builtin_bswap64(load_u64(take(d, 9) + 1));
        return true;
    default: return rdb_decoder_fail(d, "a length cannot start with the byte 0x%02x", first);
    }
}

/* A length, or the number of a special string form. */
static inline bool get_length(struct rdb_decoder *d, uint64_t *len, bool *special)
{
    if (!need(d, 1)) return false;
    uint8_t first = (uint8_t)d->buf[d->pos];
    *special = false;
    switch (first >> 6) {
    case RDB_LEN_6BIT:
        d->pos++;
        *len = first;
        return true;
    case RDB_LEN_14BIT:
        if (!need(d, 2)) return false;
        *len = (uint64_t)(first & 0x3f) << 8 | (uint8_t)d->buf[d->pos + 1];
        d->pos += 2;
        return true;
    case RDB_LEN_SPECIAL:
        d->pos++;
        *len = first & 0x3f;
        *special = true;
        return true;
    default: return get_long_length(d, first, len);
    }
}

static bool get_plain_length(struct rdb_decoder *d, uint64_t *len)
{
    bool special;
    if (!get_length(d, len, &special)) return false;
    if (special) return rdb_decoder_fail(d, "a length is expected, not string form %" PRIu64, *len);
    return true;
}

bool rdb_get_len(struct rdb_decoder *d, uint64_t *len)
{
    begin_item(d);
    return get_plain_length(d, len);
}

/* --- strings --- */

/* What stands before the bytes of a string: checked, so that `len` may be allocated. */
struct string_head {
    enum { HEAD_RAW, HEAD_LZF, HEAD_INT } kind;
    size_t len;    /* of the string */
    size_t packed; /* LZF: bytes in the input */
    int32_t integer;
};

static bool get_int_head(struct rdb_decoder *d, unsigned form, struct string_head *head)
{
    head->kind = HEAD_INT;
    switch (form) {
    case RDB_STRING_INT8:
        if (!need(d, 1)) return false;
        head->integer = (int8_t)*take(d, 1);
        return true;
    case RDB_STRING_INT16:
        if (!need(d, 2)) return false;
        head->integer = (int16_t)load_u16(take(d, 2));
        return true;
    default:
        if (!need(d, 4)) return false;
        head->integer = (int32_t)load_u32(take(d, 4));
        return true;
    }
}

static bool get_lzf_head(struct rdb_decoder *d, struct string_head *head)
{
    uint64_t packed, len;
    if (!get_plain_length(d, &packed) || !get_plain_length(d, &len)) return false;
    if (packed > rdb_decoder_left(d)) return fail_truncated(d, packed);
    if (packed == 0 || len == 0) return rdb_decoder_fail(d, "LZF string without bytes");
    if (packed > UINT32_MAX || len > UINT32_MAX || len > packed * RDB_LZF_MAX_RATIO)
        return rdb_decoder_fail(d, "LZF string of %" PRIu64 " bytes cannot stand for %" PRIu64 " bytes", packed, len);
    *head = (struct string_head){.kind = HEAD_LZF, .len = (size_t)len, .packed = (size_t)packed};
    return true;
}

static inline bool get_string_head(struct rdb_decoder *d, struct string_head *head)
{
    uint64_t len;
    bool special;
    begin_item(d);
    if (!get_length(d, &len, &special)) return false;
    if (!special) {
        if (len > rdb_decoder_left(d)) return fail_truncated(d, len);
        *head = (struct string_head){.kind = HEAD_RAW, .len = (size_t)len};
        return true;
    }
    if (len <= RDB_STRING_INT32) return get_int_head(d, (unsigned)len, head);
    if (len == RDB_STRING_LZF) return get_lzf_head(d, head);
    return rdb_decoder_fail(d, "string form %" PRIu64 " is unknown", len);
}

static bool unpack(struct rdb_decoder *d, const struct string_head *head, const char *packed, char *to)
{
    if (lzf_unpack(packed, head->packed, to, head->len)) return true;
    return rdb_decoder_fail(d, "LZF data does not decode to its stated %zu bytes", head->len);
}

/* The bytes of a raw or LZF string to `to`, which has room for head->len. */
static bool get_string_bytes(struct rdb_decoder *d, const struct string_head *head, char *to)
{
    if (head->kind == HEAD_RAW) return read_out(d, to, head->len);
    if (d->cap == 0 || head->packed <= d->cap)
        return need(d, head->packed) && unpack(d, head, take(d, head->packed), to);
    char *packed = mem_try_alloc(head->packed);
    if (!packed) return fail_memory(d, head->packed);
    bool ok = read_out(d, packed, head->packed) && unpack(d, head, packed, to);
    mem_free(packed);
    return ok;
}

static bool reserve_scratch(struct rdb_decoder *d, size_t bytes)
{
    if (bytes <= d->scratch_cap) return true;
    char *scratch = mem_try_alloc(bytes);
    if (!scratch) return fail_memory(d, bytes);
    mem_free(d->scratch);
    d->scratch = scratch;
    d->scratch_cap = bytes;
    return true;
}

/* A raw or LZF string in the buffer or, where it has to be put together, in the scratch. */
static bool get_slice(struct rdb_decoder *d, const struct string_head *head, struct slice *out)
{
    if (head->kind == HEAD_RAW && (d->cap == 0 || head->len <= d->cap)) {
        if (head->len > 0 && !need(d, head->len)) return false;
        *out = SLICE(take(d, head->len), head->len);
        return true;
    }
    if (!reserve_scratch(d, head->len) || !get_string_bytes(d, head, d->scratch)) return false;
    *out = SLICE(d->scratch, head->len);
    return true;
}

static bool get_blob(struct rdb_decoder *d, const struct string_head *head, struct blob **out)
{
    struct blob *blob = blob_try_new(head->len);
    if (!blob) return fail_memory(d, head->len);
    if (!get_string_bytes(d, head, blob->data)) {
        blob_free(blob);
        return false;
    }
    blob->len = head->len;
    *out = blob;
    return true;
}

bool rdb_get_string(struct rdb_decoder *d, struct rdb_string *out)
{
    struct string_head head;
    if (!get_string_head(d, &head)) return false;
    if (head.kind == HEAD_INT) {
        out->kind = RDB_GOT_INT;
        out->integer = head.integer;
        return true;
    }
    if (head.len <= ENTRY_INLINE_VALUE_MAX) {
        out->kind = RDB_GOT_SLICE;
        return get_slice(d, &head, &out->slice);
    }
    out->kind = RDB_GOT_BLOB;
    return get_blob(d, &head, &out->blob);
}

bool rdb_get_bytes(struct rdb_decoder *d, struct slice *out, size_t max)
{
    struct string_head head;
    if (!get_string_head(d, &head)) return false;
    if (head.kind == HEAD_INT) head.len = num_format_int64(d->scratch, head.integer);
    if (head.len > max) return rdb_decoder_fail(d, "%zu bytes are too long here: at most %zu", head.len, max);
    if (head.kind != HEAD_INT) return get_slice(d, &head, out);
    *out = SLICE(d->scratch, head.len);
    return true;
}

bool rdb_get_item(struct rdb_decoder *d, struct item *out)
{
    struct string_head head;
    struct slice text;
    if (!get_string_head(d, &head)) return false;
    if (head.kind == HEAD_INT) {
        *out = (struct item){.integer = head.integer};
        return true;
    }
    if (!get_slice(d, &head, &text)) return false;
    *out = item_of(text);
    return true;
}

bool rdb_get_raw(struct rdb_decoder *d, struct slice *out, uint8_t len)
{
    if (len > 0 && !need(d, len)) return false;
    *out = SLICE(take(d, len), len);
    return true;
}

/* --- values --- */

const char *rdb_type_name(uint8_t type)
{
    static const char *const names[] = {
        [RDB_TYPE_STRING] = "STRING",
        [RDB_TYPE_LIST] = "LIST",
        [RDB_TYPE_SET] = "SET",
        [RDB_TYPE_ZSET] = "ZSET",
        [RDB_TYPE_HASH] = "HASH",
        [RDB_TYPE_ZSET_2] = "ZSET_2",
        [RDB_TYPE_MODULE] = "MODULE",
        [RDB_TYPE_MODULE_2] = "MODULE_2",
        [RDB_TYPE_HASH_ZIPMAP] = "HASH_ZIPMAP",
        [RDB_TYPE_LIST_ZIPLIST] = "LIST_ZIPLIST",
        [RDB_TYPE_SET_INTSET] = "SET_INTSET",
        [RDB_TYPE_ZSET_ZIPLIST] = "ZSET_ZIPLIST",
        [RDB_TYPE_HASH_ZIPLIST] = "HASH_ZIPLIST",
        [RDB_TYPE_LIST_QUICKLIST] = "LIST_QUICKLIST",
        [RDB_TYPE_STREAM_LISTPACKS] = "STREAM_LISTPACKS",
        [RDB_TYPE_HASH_LISTPACK] = "HASH_LISTPACK",
        [RDB_TYPE_ZSET_LISTPACK] = "ZSET_LISTPACK",
        [RDB_TYPE_LIST_QUICKLIST_2] = "LIST_QUICKLIST_2",
        [RDB_TYPE_STREAM_LISTPACKS_2] = "STREAM_LISTPACKS_2",
        [RDB_TYPE_SET_LISTPACK] = "SET_LISTPACK",
        [RDB_TYPE_STREAM_LISTPACKS_3] = "STREAM_LISTPACKS_3",
        [RDB_TYPE_HASH_METADATA_RC] = "HASH_METADATA_RC",
        [RDB_TYPE_HASH_LISTPACK_EX_RC] = "HASH_LISTPACK_EX_RC",
        [RDB_TYPE_HASH_METADATA] = "HASH_METADATA",
        [RDB_TYPE_HASH_LISTPACK_EX] = "HASH_LISTPACK_EX",
    };
    return type < sizeof names / sizeof names[0] ? names[type] : NULL;
}

/* A module id is nine characters of 6 bits, then 10 bits of version. `name` has 10 bytes. */
static void module_name(uint64_t id, char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    _Static_assert(sizeof letters == 64 + 1, "6 bits a letter");
    id >>= 10;
    for (int i = 8; i >= 0; i--, id >>= 6) name[i] = letters[id & 63];
    name[9] = 0;
}

/* `what` is "MODULE_2": the payload begins with the module's id. */
static bool refuse_module(struct rdb_decoder *d, const char *what)
{
    uint64_t item_offset = d->item_offset, id;
    char name[10];
    if (!get_plain_length(d, &id)) return false;
    module_name(id, name);
    d->item_offset = item_offset;
    return rdb_decoder_fail(d, "%s: data of module \"%s\"; modules are not supported", what, name);
}

bool rdb_refuse_opcode(struct rdb_decoder *d, uint8_t opcode)
{
    if (opcode == RDB_OP_MODULE_AUX) return refuse_module(d, "MODULE_AUX");
    return rdb_decoder_fail(d, "%s: a library of functions; functions are not supported",
                            opcode == RDB_OP_FUNCTION2 ? "FUNCTION2" : "FUNCTION_PRE_GA");
}

/* All types but strings. */
static __attribute__((noinline)) bool get_other_value(struct rdb_decoder *d, uint8_t type, struct slice key,
                                                      int64_t expire_at_ms, struct entry **out)
{
    if (rdb_is_collection(type)) return rdb_get_collection(d, type, key, expire_at_ms, out);
    const char *name = rdb_type_name(type);
    if (!name) return rdb_decoder_fail(d, "value type or opcode %u is unknown", type);
    begin_item(d);
    if (type == RDB_TYPE_MODULE || type == RDB_TYPE_MODULE_2) return refuse_module(d, name);
    return rdb_decoder_fail(d, "value type %s (%u) is not supported", name, type);
}

bool rdb_get_value(struct rdb_decoder *d, uint8_t type, struct slice key, int64_t expire_at_ms, struct entry **out)
{
    if (type != RDB_TYPE_STRING) return get_other_value(d, type, key, expire_at_ms, out);
    struct rdb_string value;
    if (!rdb_get_string(d, &value)) return false;
    switch (value.kind) {
    case RDB_GOT_SLICE: *out = entry_new_string(key, value.slice, expire_at_ms); break;
    case RDB_GOT_INT: *out = entry_new_int(key, value.integer, expire_at_ms); break;
    case RDB_GOT_BLOB: *out = entry_new_string_blob(key, value.blob, expire_at_ms); break;
    }
    return true;
}

/* --- the end --- */

static bool get_checksum(struct rdb_decoder *d)
{
    begin_item(d);
    if (!need(d, RDB_CHECKSUM_BYTES)) return false;
    checksum_to(d, d->pos);
    uint64_t stored = load_u64(take(d, RDB_CHECKSUM_BYTES));
    d->crc_pos = d->pos;
    if (!d->checksum || stored == 0 || stored == d->crc) return true;
    return rdb_decoder_fail(d, "checksum does not match: the file says %016" PRIx64 ", its bytes give %016" PRIx64,
                            stored, d->crc);
}

bool rdb_get_eof(struct rdb_decoder *d)
{
    if (d->reason) return false;
    if (d->version >= RDB_VERSION_CHECKSUM && !get_checksum(d)) return false;
    begin_item(d);
    uint64_t left = rdb_decoder_left(d);
    if (left > 0) return rdb_decoder_fail(d, "%" PRIu64 " bytes follow the end of the data", left);
    return true;
}
