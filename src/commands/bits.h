/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on strings of bits: what the bitmap commands do to the bytes of a value, without keys, clients or replies.
 * Bit 0 is the highest bit of the first byte. Ranges are half open: bits `from` up to, not including, `end`, which may
 * not lie beyond the bytes.
 */
#ifndef COMMANDS_BITS_H
#define COMMANDS_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* How many bits of the range are set. */
uint64_t bits_count(const char *bytes, uint64_t from, uint64_t end);
/* The first bit of the range that is `wanted`; BITS_NONE when there is none. */
uint64_t bits_find(const char *bytes, uint64_t from, uint64_t end, bool wanted);
#define BITS_NONE UINT64_MAX

enum bits_operation { BITS_AND, BITS_OR, BITS_XOR, BITS_NOT };
/* Combines the sources, each taken as if it went on with zeros up to `len`, into out[0..len). NOT takes the first one
 * alone. `out` overlaps none of them. */
void bits_combine(enum bits_operation op, const struct slice *sources, size_t count, char *out, size_t len);

/* An integer of 1 to 64 bits at any bit offset, highest bit first. Reading takes bytes past the end as zeros; what is
 * written must be there. A signed field is read with its sign extended. */
struct bits_field {
    uint64_t offset;
    unsigned width;
    bool is_signed;
};
uint64_t bits_get_field(struct slice bytes, const struct bits_field *f);
void bits_set_field(char *bytes, const struct bits_field *f, uint64_t value);

enum bits_overflow { BITS_WRAP, BITS_SATURATE, BITS_FAIL };
/* value + delta as the field can hold it: wrapped around, or at the bound that was passed. False when it did not fit
 * (*out is set as `mode` says even so; with BITS_FAIL nothing is to be written). `value` is as bits_get_field tells. */
bool bits_add(const struct bits_field *f, uint64_t value, int64_t delta, enum bits_overflow mode, uint64_t *out);

#endif
