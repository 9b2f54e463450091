/* SPDX-License-Identifier: MIT */
/*
 * The integers of a set are all as wide as the widest that was ever added: an integer that does not fit widens them all, and then it
 * is the smallest or the greatest of them. Removals narrow nothing.
 *
 * Invariants: the width is 2, 4 or 8; integers ascend strictly; nothing follows the last.
 */
#include "ds/intset.h"

#include <endian.h>
#include <string.h>

#include "base/assert.h"

#define HEADER_BYTES ((size_t)INTSET_EMPTY_BYTES)
#define COUNT_OFFSET 4

static inline uint32_t load_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static inline void store_u32(uint8_t *p, size_t v)
{
    uint32_t le = htole32((uint32_t)v);
    memcpy(p, &le, sizeof(le));
}

static inline size_t width_of(const uint8_t *is) { return load_u32(is); }

static inline int64_t load_int(const uint8_t *p, size_t width)
{
    uint64_t v = 0;
    if (width == 2) {
        memcpy(&v, p, 2);
        return (int16_t)le64toh(v);
    }
    if (width == 4) {
        memcpy(&v, p, 4);
        return (int32_t)le64toh(v);
    }
    memcpy(&v, p, 8);
    return (int64_t)le64toh(v);
}

static inline void store_int(uint8_t *p, size_t width, int64_t value)
{
    uint64_t le = htole64((uint64_t)value);
    memcpy(p, &le, width);
}

static inline uint8_t *place(uint8_t *is, size_t width, size_t index) { return is + HEADER_BYTES + width * index; }

static inline int64_t get(const uint8_t *is, size_t width, size_t index)
{
    return load_int(is + HEADER_BYTES + width * index, width);
}

static inline size_t width_for(int64_t value)
{
    if (value >= INT16_MIN && value <= INT16_MAX) return 2;
    return value >= INT32_MIN && value <= INT32_MAX ? 4 : 8;
}

void intset_init(uint8_t out[INTSET_EMPTY_BYTES])
{
    store_u32(out, 2);
    store_u32(out + COUNT_OFFSET, 0);
}

size_t intset_count(const uint8_t *is) { return load_u32(is + COUNT_OFFSET); }

size_t intset_bytes(const uint8_t *is) { return HEADER_BYTES + width_of(is) * intset_count(is); }

int64_t intset_get(const uint8_t *is, size_t index)
{
    ASSERT(index < intset_count(is));
    return get(is, width_of(is), index);
}

/* How many integers are smaller than `value`. The halves are chosen without a branch: where a value stands cannot be predicted. */
static inline __attribute__((always_inline)) size_t rank_of_width(const uint8_t *is, size_t width, int64_t value)
{
    size_t base = 0, n = intset_count(is);
    if (n == 0) return 0;
    while (n > 1) {
        size_t half = n / 2;
        base += get(is, width, base + half - 1) < value ? half : 0;
        n -= half;
    }
    return base + (get(is, width, base) < value);
}

static size_t rank(const uint8_t *is, size_t width, int64_t value)
{
    if (width == 2) return rank_of_width(is, 2, value);
    if (width == 4) return rank_of_width(is, 4, value);
    return rank_of_width(is, 8, value);
}

static bool is_at(const uint8_t *is, size_t width, size_t index, int64_t value)
{
    return index < intset_count(is) && get(is, width, index) == value;
}

bool intset_has(const uint8_t *is, int64_t value)
{
    size_t width = width_of(is);
    return width_for(value) <= width && is_at(is, width, rank(is, width, value), value);
}

/* The integers are widened from the last on: none is overwritten before it is read. `shift` places are left free in front. */
static void widen(uint8_t *is, size_t old_width, size_t new_width, size_t shift)
{
    for (size_t i = intset_count(is); i-- > 0;)
        store_int(place(is, new_width, i + shift), new_width, get(is, old_width, i));
    store_u32(is, new_width);
}

static void add_wider(struct pack *p, int64_t value)
{
    size_t count = intset_count(p->bytes), old_width = width_of(p->bytes), new_width = width_for(value);
    pack_resize(p, HEADER_BYTES + new_width * (count + 1));
    widen(p->bytes, old_width, new_width, value < 0 ? 1 : 0);
    store_int(place(p->bytes, new_width, value < 0 ? 0 : count), new_width, value);
    store_u32(p->bytes + COUNT_OFFSET, count + 1);
}

bool intset_add(struct pack *p, int64_t value)
{
    size_t width = width_of(p->bytes), count = intset_count(p->bytes);
    ASSERT(count < UINT32_MAX);
    if (width_for(value) > width) {
        add_wider(p, value);
        return true;
    }
    /* Ascending values are common. */
    size_t index = count > 0 && get(p->bytes, width, count - 1) < value ? count : rank(p->bytes, width, value);
    if (is_at(p->bytes, width, index, value)) return false;
    pack_resize(p, HEADER_BYTES + width * (count + 1));
    memmove(place(p->bytes, width, index + 1), place(p->bytes, width, index), (count - index) * width);
    store_int(place(p->bytes, width, index), width, value);
    store_u32(p->bytes + COUNT_OFFSET, count + 1);
    return true;
}

bool intset_remove(struct pack *p, int64_t value)
{
    size_t width = width_of(p->bytes), count = intset_count(p->bytes);
    if (width_for(value) > width) return false;
    size_t index = rank(p->bytes, width, value);
    if (!is_at(p->bytes, width, index, value)) return false;
    memmove(place(p->bytes, width, index), place(p->bytes, width, index + 1), (count - index - 1) * width);
    store_u32(p->bytes + COUNT_OFFSET, count - 1);
    pack_resize(p, HEADER_BYTES + width * (count - 1));
    return true;
}

/* --- untrusted bytes --- */

static bool refuse(const char **reason, const char *text)
{
    *reason = text;
    return false;
}

static inline __attribute__((always_inline)) bool ascends(const uint8_t *is, size_t width, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (get(is, width, i - 1) >= get(is, width, i)) return false;
    return true;
}

bool intset_validate(const uint8_t *bytes, size_t len, const char **reason)
{
    if (len < HEADER_BYTES) return refuse(reason, "intset shorter than its header");
    size_t width = width_of(bytes), count = intset_count(bytes);
    if (width != 2 && width != 4 && width != 8) return refuse(reason, "intset with an unknown width");
    if (len - HEADER_BYTES != width * count) return refuse(reason, "intset of another length than its header says");
    bool is_sorted = width == 2   ? ascends(bytes, 2, count)
                     : width == 4 ? ascends(bytes, 4, count)
                                  : ascends(bytes, 8, count);
    return is_sorted || refuse(reason, "intset whose integers do not ascend");
}
