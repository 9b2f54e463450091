/* SPDX-License-Identifier: MIT */
/*
 * Counting, searching and combining go by blocks of words, so that memory is the limit. Loads and stores are memcpy:
 * values stand at any address.
 */
#include "commands/bits.h"

#include "base/assert.h"

static inline uint64_t load_word(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return w;
}

/* The bits of the byte that lie at or behind bit `from` / before bit `end` of it (0 to 8). */
static inline unsigned byte_from(unsigned byte, unsigned from) { return byte & (0xffu >> from); }
static inline unsigned byte_until(unsigned byte, unsigned end) { return byte & ~(0xffu >> end) & 0xffu; }
static inline unsigned byte_at(const char *bytes, uint64_t i) { return (unsigned char)bytes[i]; }

/* --- counting --- */

/* Four sums, so that one count does not wait for another. */
static inline __attribute__((always_inline)) uint64_t count_words(const char *p, size_t len)
{
    uint64_t sums[4] = {0};
    size_t i = 0;
    for (; len - i >= 32; i += 32) {
        for (unsigned k = 0; k < 4; k++) sums[k] += (unsigned)__builtin_popcountll(load_word(p + i + 8 * k));
    }
    for (; i < len; i++) sums[0] += (unsigned)__builtin_popcount(byte_at(p, i));
    return sums[0] + sums[1] + sums[2] + sums[3];
}

#if defined(__x86_64__)
/* The instruction is younger than the architecture: asked for at run time. */
__attribute__((target("popcnt"))) static uint64_t count_with_popcnt(const char *p, size_t len)
{
    return count_words(p, len);
}

static uint64_t count_bytes(const char *p, size_t len)
{
    return __builtin_cpu_supports("popcnt") ? count_with_popcnt(p, len) : count_words(p, len);
}
#else
static uint64_t count_bytes(const char *p, size_t len) { return count_words(p, len); }
#endif

uint64_t bits_count(const char *bytes, uint64_t from, uint64_t end)
{
    if (from >= end) return 0;
    uint64_t first = from / 8, last = (end - 1) / 8;
    uint64_t count = count_bytes(bytes + first, last - first + 1);
    /* Less what stands in the outer bytes outside of the range. */
    unsigned before = (unsigned)(from % 8), until = (unsigned)((end - 1) % 8) + 1;
    count -= (unsigned)__builtin_popcount(byte_until(byte_at(bytes, first), before));
    count -= (unsigned)__builtin_popcount(byte_from(byte_at(bytes, last), until));
    return count;
}

/* --- searching --- */

/* The first byte of [i, end) that is not `skip` all over. */
static uint64_t skip_bytes(const char *bytes, uint64_t i, uint64_t end, unsigned skip)
{
    uint64_t word = skip == 0 ? 0 : UINT64_MAX;
    for (; end - i >= 32; i += 32) {
        uint64_t difference = 0;
        for (unsigned k = 0; k < 4; k++) difference |= load_word(bytes + i + 8 * k) ^ word;
        if (difference != 0) break;
    }
    for (; end - i >= 8 && load_word(bytes + i) == word; i += 8) {}
    while (i < end && byte_at(bytes, i) == skip) i++;
    return i;
}

uint64_t bits_find(const char *bytes, uint64_t from, uint64_t end, bool wanted)
{
    if (from >= end) return BITS_NONE;
    unsigned skip = wanted ? 0 : 0xff;
    uint64_t i = from / 8, end_byte = (end + 7) / 8;
    unsigned hits = byte_from(byte_at(bytes, i) ^ skip, (unsigned)(from % 8));
    if (hits == 0) {
        i = skip_bytes(bytes, i + 1, end_byte, skip);
        if (i == end_byte) return BITS_NONE;
        hits = byte_at(bytes, i) ^ skip;
    }
    uint64_t bit = i * 8 + (unsigned)__builtin_clz(hits) - 24;
    return bit < end ? bit : BITS_NONE;
}

/* --- combining --- */

#define BLOCK_WORDS 4

/* out = out op in, over len bytes; NOT: out = ~in. Inlined once for each operation. */
static inline __attribute__((always_inline)) void combine_bytes(enum bits_operation op, char *out, const char *in,
                                                                size_t len)
{
    uint64_t a[BLOCK_WORDS] = {0}, b[BLOCK_WORDS] = {0};
    for (size_t i = 0; i < len; i += sizeof a) {
        size_t n = len - i < sizeof a ? len - i : sizeof a;
        if (n == sizeof a) {
            memcpy(a, out + i, sizeof a);
            memcpy(b, in + i, sizeof b);
        } else {
            memcpy(a, out + i, n);
            memcpy(b, in + i, n);
        }
        for (unsigned k = 0; k < BLOCK_WORDS; k++) {
            switch (op) {
            case BITS_AND: a[k] &= b[k]; break;
            case BITS_OR: a[k] |= b[k]; break;
            case BITS_XOR: a[k] ^= b[k]; break;
            case BITS_NOT: a[k] = ~b[k]; break;
            }
        }
        if (n == sizeof a)
            memcpy(out + i, a, sizeof a);
        else
            memcpy(out + i, a, n);
    }
}

/* One source onto out[0..len), of which the source has the first `have` bytes. */
static void combine_source(enum bits_operation op, char *out, const char *in, size_t have, size_t len)
{
    switch (op) {
    case BITS_AND:
        combine_bytes(BITS_AND, out, in, have);
        memset(out + have, 0, len - have);
        break;
    case BITS_OR: combine_bytes(BITS_OR, out, in, have); break;
    case BITS_XOR: combine_bytes(BITS_XOR, out, in, have); break;
    case BITS_NOT: combine_bytes(BITS_NOT, out, out, have); break;
    }
}

/* Bytes combined at a time: all sources in turn while the result is in the first-level cache. */
#define COMBINE_BYTES 8192

void bits_combine(enum bits_operation op, const struct slice *sources, size_t count, char *out, size_t len)
{
    for (size_t at = 0; at < len; at += COMBINE_BYTES) {
        size_t n = len - at < COMBINE_BYTES ? len - at : COMBINE_BYTES;
        for (size_t s = 0; s < count; s++) {
            size_t have = sources[s].len <= at ? 0 : sources[s].len - at < n ? sources[s].len - at : n;
            const char *in = have == 0 ? "" : sources[s].ptr + at;
            if (s > 0) {
                combine_source(op, out + at, in, have, n);
                continue;
            }
            memcpy(out + at, in, have);
            memset(out + at + have, 0, n - have);
        }
        if (op == BITS_NOT) combine_source(op, out + at, out + at, n, n);
    }
}

/* --- fields --- */

#define FIELD_BYTES_MAX 9 /* 64 bits that begin in the middle of a byte */

static inline uint64_t field_mask(const struct bits_field *f) { return UINT64_MAX >> (64 - f->width); }
static inline unsigned field_bytes(const struct bits_field *f)
{
    return ((unsigned)(f->offset % 8) + f->width + 7) / 8;
}

static uint64_t extend_sign(const struct bits_field *f, uint64_t value)
{
    if (f->is_signed && value >> (f->width - 1) & 1) value |= ~field_mask(f);
    return value;
}

/* How far the field is from the low end of the number that its bytes make. */
static inline unsigned field_shift(const struct bits_field *f)
{
    return field_bytes(f) * 8 - (unsigned)(f->offset % 8) - f->width;
}

uint64_t bits_get_field(struct slice bytes, const struct bits_field *f)
{
    ASSERT(f->width >= 1 && f->width <= 64);
    unsigned __int128 number = 0;
    uint64_t first = f->offset / 8;
    for (unsigned k = 0; k < field_bytes(f); k++) {
        number = number << 8 | (first + k < bytes.len ? byte_at(bytes.ptr, first + k) : 0);
    }
    return extend_sign(f, (uint64_t)(number >> field_shift(f)) & field_mask(f));
}

void bits_set_field(char *bytes, const struct bits_field *f, uint64_t value)
{
    ASSERT(f->width >= 1 && f->width <= 64);
    unsigned __int128 mask = (unsigned __int128)field_mask(f) << field_shift(f);
    unsigned __int128 number = (unsigned __int128)(value & field_mask(f)) << field_shift(f);
    char *at = bytes + f->offset / 8;
    for (unsigned k = field_bytes(f); k-- > 0;) {
        at[k] = (char)((unsigned char)(at[k] & ~(unsigned char)mask) | (unsigned char)number);
        mask >>= 8, number >>= 8;
    }
}

bool bits_add(const struct bits_field *f, uint64_t value, int64_t delta, enum bits_overflow mode, uint64_t *out)
{
    __int128 max = f->is_signed ? field_mask(f) >> 1 : field_mask(f);
    __int128 min = f->is_signed ? -max - 1 : 0;
    __int128 sum = (f->is_signed ? (__int128)(int64_t)value : (__int128)value) + delta;
    *out = extend_sign(f, (uint64_t)sum & field_mask(f));
    if (sum >= min && sum <= max) return true;
    switch (mode) {
    case BITS_SATURATE: *out = (uint64_t)(sum > max ? max : min); break;
    case BITS_WRAP:
    case BITS_FAIL: break;
    }
    return false;
}
