/* SPDX-License-Identifier: MIT */
/*
 * HyperLogLog over the bytes of a string value: an estimate of how many different elements were added, in 12 KiB at most. The bytes
 * are those of Redis (drawn in hyperloglog.c), so that values and files go both ways. It knows no keys: the owner of the bytes gives them
 * as a pack and finds their length in the struct.
 *
 * Anybody can SET such a string. hll_is_one looks at the header only; whatever stands behind it, nothing here reads or writes past the
 * length, and what does not add up is told as HLL_CORRUPT.
 */
#ifndef STORE_HYPERLOGLOG_H
#define STORE_HYPERLOGLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "ds/pack.h"

#define HLL_REGISTERS 16384
#define HLL_REGISTER_MAX 63
#define HLL_HEADER_BYTES 16
#define HLL_EMPTY_BYTES (HLL_HEADER_BYTES + 2)
#define HLL_DENSE_BYTES (HLL_HEADER_BYTES + HLL_REGISTERS * 6 / 8)

enum hll_encoding { HLL_DENSE = 0, HLL_SPARSE = 1 };
enum hll_result { HLL_UNCHANGED, HLL_CHANGED, HLL_CORRUPT };

/* A value that may be changed: its bytes and their length. */
struct hll {
    struct pack pack;
    size_t len;
    size_t sparse_max_bytes; /* past it a sparse one becomes dense */
};

/* True when the string has a header of ours and, if dense, the right length. All other functions want one for which it holds. */
bool hll_is_one(struct slice bytes);
/* One without elements: sparse, its cardinality known to be 0. */
void hll_init(uint8_t out[HLL_EMPTY_BYTES]);

/* --- reading --- */
enum hll_encoding hll_encoding_of(struct slice bytes);
/* The estimate. False: corrupt. */
bool hll_count(struct slice bytes, uint64_t *count);
/* The estimate kept in the header; false when there is none. */
bool hll_cached_count(struct slice bytes, uint64_t *count);
/* Raises registers to those of the value where they are higher. False: corrupt, some may be raised. */
bool hll_merge_into(struct slice bytes, uint8_t registers[HLL_REGISTERS]);
uint64_t hll_count_registers(const uint8_t registers[HLL_REGISTERS]);
/* The operations of a sparse one as PFDEBUG DECODE shows them: "Z:16382 v:1,1 z:1". A cut one at the end is left out. */
void hll_describe_sparse(struct slice bytes, struct buf *out);

/* --- changing --- */
/* HLL_CHANGED when a register was raised. The kept estimate is marked as stale then. */
enum hll_result hll_add(struct hll *h, struct slice element);
/* Raises the registers of `h` to those given (0: leaves it). HLL_CORRUPT: some may be raised. */
enum hll_result hll_raise(struct hll *h, const uint8_t registers[HLL_REGISTERS]);
/* HLL_UNCHANGED: it was dense already. HLL_CORRUPT leaves the value as it is. */
enum hll_result hll_make_dense(struct hll *h);
void hll_forget_count(uint8_t *bytes);               /* marks the kept estimate as stale */
void hll_keep_count(uint8_t *bytes, uint64_t count); /* puts it into the header */

#endif
