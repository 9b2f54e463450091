/* SPDX-License-Identifier: MIT */
/* What the tests of rdb/ share about collections: random ones, payloads by hand. */
#ifndef TESTS_UNIT_RDB_VALUES_H
#define TESTS_UNIT_RDB_VALUES_H

#include "support.h"

#include "base/crc64.h"
#include "rdb/dump.h"

/* --- making values --- */

enum shape {
    SHAPE_FEW_INTS,
    SHAPE_FEW,
    SHAPE_MANY_INTS,
    SHAPE_MANY,
    SHAPE_LONG,
    SHAPES,
};

static inline size_t shape_count(enum shape shape, struct rng *rng)
{
    bool is_large = shape == SHAPE_MANY || shape == SHAPE_MANY_INTS;
    return is_large ? 600 + rng_below(rng, 800) : 1 + rng_below(rng, 20);
}

static inline void shape_text(enum shape shape, struct rng *rng, size_t i, struct buf *out)
{
    buf_clear(out);
    if (shape == SHAPE_FEW_INTS || shape == SHAPE_MANY_INTS) {
        buf_printf(out, "%lld", (long long)((int64_t)rng_next(rng) >> rng_below(rng, 64)));
        return;
    }
    random_text(rng, out, shape == SHAPE_LONG ? 20000 : 40);
    buf_printf(out, "%zu", i);
}

static inline double random_score(struct rng *rng)
{
    switch (rng_below(rng, 8)) {
    case 0: return (double)rng_below(rng, 100) / 7;
    case 1: return rng_below(rng, 2) ? 1.0 / 0.0 : -1.0 / 0.0;
    case 2: return 5e-324 * (double)rng_below(rng, 5);
    case 3: return (double)(int64_t)rng_next(rng);
    case 4: return 1e300 * (double)rng_below(rng, 1000);
    default: return (double)rng_below(rng, 1000) - 500;
    }
}

static inline struct entry *random_value(enum value_type type, enum shape shape, bool expires, struct rng *rng)
{
    struct value_ref ref = {.key.name = BYTES("key")};
    struct buf a = BUF_INIT, b = BUF_INIT;
    size_t count = shape_count(shape, rng);
    for (size_t i = 0; i < count; i++) {
        shape_text(shape, rng, i, &a);
        shape_text(shape, rng, i, &b);
        struct slice x = buf_slice(&a), y = buf_slice(&b);
        switch (type) {
        case VALUE_LIST: list_push(&ref, LIST_TAIL, &x, 1); break;
        case VALUE_SET: set_add(&ref, x); break;
        case VALUE_ZSET: zset_set(&ref, x, random_score(rng)); break;
        case VALUE_HASH:
            hash_set(&ref, x, y, EVERY_FIELD_MS);
            if (expires && rng_below(rng, 2))
                hash_set_field_expiry(&ref, x, NOW_MS + (int64_t)rng_below(rng, 1000000), EVERY_FIELD_MS);
            break;
        case VALUE_STRING:
        case VALUE_STREAM: break;
        }
    }
    buf_deinit(&a);
    buf_deinit(&b);
    return ref.e;
}

/* --- payloads --- */

static inline void seal(struct buf *payload, unsigned version)
{
    buf_append_char(payload, (char)version);
    buf_append_char(payload, (char)(version >> 8));
    uint64_t crc = crc64(0, payload->data, payload->len);
    buf_append(payload, &crc, 8);
}

/* Type byte and value with a footer behind them. */
static inline struct entry *restored(struct slice bytes, struct rdb_error *error)
{
    struct buf payload = BUF_INIT;
    struct entry *e = NULL;
    buf_append_slice(&payload, bytes);
    seal(&payload, 12);
    enum rdb_restore_status status = rdb_restore(buf_slice(&payload), BYTES("key"), ENTRY_NO_EXPIRY, &e, error);
    assert_int_equal(status, e ? RDB_RESTORE_OK : RDB_RESTORE_BAD_FORMAT);
    buf_deinit(&payload);
    return e;
}

#endif
