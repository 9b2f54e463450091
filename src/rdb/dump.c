/* SPDX-License-Identifier: MIT */
/* DUMP payloads: the value of a snapshot record between a type byte and a footer of ten bytes. */
#include "rdb/dump.h"
#include "base/crc64.h"

#include <endian.h>
#include <string.h>

#include "rdb/decode.h"
#include "rdb/encode.h"
#include "rdb/format.h"

#define FOOTER_BYTES (2 + RDB_CHECKSUM_BYTES)

void rdb_dump(const struct entry *e, bool compress, struct buf *out)
{
    size_t start = out->len;
    struct rdb_encoder enc;
    rdb_encoder_init_memory(&enc, out);
    int needed = rdb_version_needed(e);
    enc.version = needed > RDB_DUMP_VERSION ? needed : RDB_DUMP_VERSION;
    enc.compress = compress;
    enc.is_payload = true;
    rdb_put_byte(&enc, rdb_type_of(e, enc.version));
    rdb_put_value(&enc, e);
    rdb_put_byte(&enc, (uint8_t)enc.version);
    rdb_put_byte(&enc, (uint8_t)(enc.version >> 8));
    rdb_encoder_flush(&enc);
    rdb_encoder_deinit(&enc);
    uint64_t crc = htole64(crc64(0, out->data + start, out->len - start));
    buf_append(out, &crc, sizeof crc);
}

static bool is_whole(struct slice payload)
{
    if (payload.len < FOOTER_BYTES) return false;
    const char *footer = payload.ptr + payload.len - FOOTER_BYTES;
    unsigned version = (uint8_t)footer[0] | (unsigned)(uint8_t)footer[1] << 8;
    uint64_t crc;
    memcpy(&crc, footer + 2, sizeof crc);
    return version <= RDB_VERSION_MAX && le64toh(crc) == crc64(0, payload.ptr, payload.len - RDB_CHECKSUM_BYTES);
}

static bool get_only_value(struct rdb_decoder *d, struct slice key, int64_t expire_at_ms, struct entry **out)
{
    uint8_t type;
    if (!rdb_get_byte(d, &type) || !rdb_get_value(d, type, key, expire_at_ms, out)) return false;
    if (rdb_decoder_left(d) == 0) return true;
    entry_free(*out);
    *out = NULL;
    d->item_offset = rdb_decoder_offset(d);
    return rdb_decoder_fail(d, "bytes follow the value");
}

enum rdb_restore_status rdb_restore(struct slice payload, struct slice key, int64_t expire_at_ms, struct entry **out,
                                    struct rdb_error *error)
{
    struct rdb_error_place place = {.file = "DUMP payload", .db = -1, .key = &key};
    *out = NULL;
    if (!is_whole(payload)) {
        rdb_error_at(error, &place, "version or checksum are wrong");
        return RDB_RESTORE_BAD_VERSION_OR_CHECKSUM;
    }
    struct rdb_decoder d;
    rdb_decoder_init_memory(&d, SLICE(payload.ptr, payload.len - FOOTER_BYTES));
    bool ok = get_only_value(&d, key, expire_at_ms, out);
    if (!ok) {
        place.offset = d.error_offset;
        rdb_error_at(error, &place, d.reason);
    }
    rdb_decoder_deinit(&d);
    return ok ? RDB_RESTORE_OK : RDB_RESTORE_BAD_FORMAT;
}
