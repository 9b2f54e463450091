/* SPDX-License-Identifier: MIT */
/*
 * An element is hashed (MurmurHash64A); 14 bits of the hash choose a register, and the register keeps the longest run of zero bits seen
 * in the other 50, plus one. The estimate over the histogram of registers is that of Otmar Ertl, "New cardinality estimation algorithms for
 * HyperLogLog sketches" (2017), section 4: no tables, no bias corrections.
 *
 *   OFFSET  SIZE  MEANING
 *   0       4     "HYLL"
 *   4       1     0 dense, 1 sparse
 *   5       3     0
 *   8       8     the estimate, little-endian; highest bit set: stale
 *   16      ...   registers
 *
 *   dense   16384 registers of 6 bits, the lowest bits first: 4 registers in 3 bytes
 *   sparse  operations that together cover the 16384 registers in order
 *
 *           00llllll            ZERO   l + 1 registers are 0               1 .. 64
 *           01llllll llllllll   XZERO  l + 1 registers are 0               1 .. 16384
 *           1vvvvvll            VAL    l + 1 registers are v + 1           1 .. 4 of 1 .. 32
 *
 * A sparse value need not be the shortest possible, and equal elements in another order may give other bytes: the bytes follow from how
 * operations are split and joined (sparse_raise), and that is done as Redis does it.
 */
#include "store/hyperloglog.h"

#include <math.h>

#include "base/assert.h"

#define INDEX_BITS 14
#define RUN_BITS (64 - INDEX_BITS)
#define HASH_SEED 0xadc83b19ull

#define ZERO_MAX 64
#define VAL_LEN_MAX 4
#define VAL_VALUE_MAX 32
#define STALE 0x80

_Static_assert(HLL_REGISTERS == 1 << INDEX_BITS, "an index is the low bits of the hash");
_Static_assert(RUN_BITS + 1 <= HLL_REGISTER_MAX, "every run fits a register");

enum { OFFSET_ENCODING = 4, OFFSET_COUNT = 8 };

/* --- hash --- */

static uint64_t load_le(const char *p, size_t len)
{
    uint64_t v = 0;
    for (size_t i = len; i > 0; i--) v = v << 8 | (uint8_t)p[i - 1];
    return v;
}

/* MurmurHash64A by Austin Appleby, public domain; the same on every machine. */
static uint64_t murmur(struct slice s)
{
    const uint64_t m = 0xc6a4a7935bd1e995ull;
    uint64_t h = HASH_SEED ^ (s.len * m);
    size_t whole = s.len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        uint64_t k = load_le(s.ptr + i, 8) * m;
        k = (k ^ k >> 47) * m;
        h = (h ^ k) * m;
    }
    if (s.len > whole) h = (h ^ load_le(s.ptr + whole, s.len - whole)) * m;
    h = (h ^ h >> 47) * m;
    return h ^ h >> 47;
}

/* The register of an element and what it has to be raised to. */
static unsigned place_of(struct slice element, uint8_t *value)
{
    uint64_t hash = murmur(element);
    uint64_t run = hash >> INDEX_BITS | 1ull << RUN_BITS; /* ends any run */
    *value = (uint8_t)(__builtin_ctzll(run) + 1);
    return hash & (HLL_REGISTERS - 1);
}

/* --- header --- */

bool hll_is_one(struct slice bytes)
{
    if (bytes.len < HLL_HEADER_BYTES || memcmp(bytes.ptr, "HYLL", 4) != 0) return false;
    uint8_t encoding = (uint8_t)bytes.ptr[OFFSET_ENCODING];
    return encoding == HLL_DENSE ? bytes.len == HLL_DENSE_BYTES : encoding == HLL_SPARSE;
}

void hll_init(uint8_t out[HLL_EMPTY_BYTES])
{
    memset(out, 0, HLL_HEADER_BYTES);
    memcpy(out, "HYLL", 4);
    out[OFFSET_ENCODING] = HLL_SPARSE;
    out[HLL_HEADER_BYTES] = 0x40 | (HLL_REGISTERS - 1) >> 8;
    out[HLL_HEADER_BYTES + 1] = (HLL_REGISTERS - 1) & 0xff;
}

enum hll_encoding hll_encoding_of(struct slice bytes)
{
    return bytes.ptr[OFFSET_ENCODING] == HLL_DENSE ? HLL_DENSE : HLL_SPARSE;
}

bool hll_cached_count(struct slice bytes, uint64_t *count)
{
    *count = load_le(bytes.ptr + OFFSET_COUNT, 8);
    return *count >> 63 == 0;
}

void hll_forget_count(uint8_t *bytes) { bytes[OFFSET_COUNT + 7] |= STALE; }

void hll_keep_count(uint8_t *bytes, uint64_t count)
{
    for (unsigned i = 0; i < 8; i++) bytes[OFFSET_COUNT + i] = (uint8_t)(count >> (8 * i));
}

/* --- dense --- */

static uint8_t *dense_group(uint8_t *bytes, unsigned index) { return bytes + HLL_HEADER_BYTES + index / 4 * 3; }

static uint32_t load_group(const uint8_t *g) { return g[0] | (uint32_t)g[1] << 8 | (uint32_t)g[2] << 16; }

static void store_group(uint8_t *g, uint32_t v)
{
    g[0] = (uint8_t)v;
    g[1] = (uint8_t)(v >> 8);
    g[2] = (uint8_t)(v >> 16);
}

static bool dense_raise(uint8_t *bytes, unsigned index, uint8_t value)
{
    uint8_t *g = dense_group(bytes, index);
    uint32_t v = load_group(g);
    unsigned shift = index % 4 * 6;
    if ((v >> shift & HLL_REGISTER_MAX) >= value) return false;
    v &= ~((uint32_t)HLL_REGISTER_MAX << shift);
    store_group(g, v | (uint32_t)value << shift);
    return true;
}

static void dense_unpack(const char *bytes, uint8_t registers[HLL_REGISTERS])
{
    const uint8_t *g = (const uint8_t *)bytes + HLL_HEADER_BYTES;
    for (unsigned i = 0; i < HLL_REGISTERS; i += 4, g += 3) {
        uint32_t v = load_group(g);
        for (unsigned j = 0; j < 4; j++) registers[i + j] = v >> (6 * j) & HLL_REGISTER_MAX;
    }
}

static void dense_pack(uint8_t *bytes, const uint8_t registers[HLL_REGISTERS])
{
    uint8_t *g = bytes + HLL_HEADER_BYTES;
    for (unsigned i = 0; i < HLL_REGISTERS; i += 4, g += 3) {
        uint32_t v = 0;
        for (unsigned j = 0; j < 4; j++) v |= (uint32_t)registers[i + j] << (6 * j);
        store_group(g, v);
    }
}

/* --- sparse: reading --- */

enum op_kind { OP_ZERO, OP_XZERO, OP_VAL };

struct op {
    enum op_kind kind;
    unsigned span; /* registers it covers */
    unsigned bytes;
    uint8_t value; /* of VAL */
};

/* False at the end, and when the last operation is cut. */
static bool read_op(const uint8_t *bytes, size_t len, size_t at, struct op *o)
{
    if (at >= len) return false;
    uint8_t b = bytes[at];
    o->value = 0;
    o->bytes = 1;
    if (b & 0x80) {
        o->kind = OP_VAL;
        o->span = (b & 3u) + 1;
        o->value = (uint8_t)((b >> 2 & 31) + 1);
    } else if ((b & 0x40) == 0) {
        o->kind = OP_ZERO;
        o->span = (b & 63u) + 1;
    } else {
        if (at + 1 >= len) return false;
        o->kind = OP_XZERO;
        o->span = ((b & 63u) << 8 | bytes[at + 1]) + 1;
        o->bytes = 2;
    }
    return true;
}

/* All registers, written out. False: the operations do not cover them exactly. */
static bool sparse_unpack(struct slice s, uint8_t registers[HLL_REGISTERS])
{
    size_t at = HLL_HEADER_BYTES;
    unsigned index = 0;
    struct op o;
    for (; read_op((const uint8_t *)s.ptr, s.len, at, &o); at += o.bytes) {
        if (o.span > HLL_REGISTERS - index) return false;
        memset(registers + index, o.value, o.span);
        index += o.span;
    }
    return at == s.len && index == HLL_REGISTERS;
}

static bool unpack(struct slice bytes, uint8_t registers[HLL_REGISTERS])
{
    switch (hll_encoding_of(bytes)) {
    case HLL_DENSE: dense_unpack(bytes.ptr, registers); return true;
    case HLL_SPARSE: return sparse_unpack(bytes, registers);
    }
    UNREACHABLE();
}

void hll_describe_sparse(struct slice bytes, struct buf *out)
{
    size_t at = HLL_HEADER_BYTES;
    struct op o;
    for (; read_op((const uint8_t *)bytes.ptr, bytes.len, at, &o); at += o.bytes) {
        const char *gap = at > HLL_HEADER_BYTES ? " " : "";
        switch (o.kind) {
        case OP_ZERO: buf_printf(out, "%sz:%u", gap, o.span); break;
        case OP_XZERO: buf_printf(out, "%sZ:%u", gap, o.span); break;
        case OP_VAL: buf_printf(out, "%sv:%u,%u", gap, o.value, o.span); break;
        }
    }
}

/* --- sparse: changing --- */

/* Where a walk over the operations stands: after the change of one register, the next higher one is looked for from here. */
struct cursor {
    size_t at;      /* of the operation that covers the register */
    unsigned first; /* the first register that it covers */
    size_t prev_at; /* of the operation before it, when there is one */
    unsigned prev_first;
    bool has_prev;
};

static const struct cursor cursor_at_start = {.at = HLL_HEADER_BYTES};

static uint8_t val_op(uint8_t value, unsigned span) { return (uint8_t)(0x80 | (value - 1) << 2 | (span - 1)); }

/* Moves on to the operation that covers the register. False: none does. */
static bool seek(const struct hll *h, struct cursor *c, unsigned index, struct op *o)
{
    while (read_op(h->pack.bytes, h->len, c->at, o)) {
        if (index - c->first < o->span) return true;
        c->prev_at = c->at;
        c->prev_first = c->first;
        c->has_prev = true;
        c->at += o->bytes;
        c->first += o->span;
    }
    return false;
}

/* The bytes for `span` registers that keep what the operation says. */
static unsigned put_rest(uint8_t *out, const struct op *o, unsigned span)
{
    if (span == 0) return 0;
    if (o->kind == OP_VAL) {
        out[0] = val_op(o->value, span);
        return 1;
    }
    if (span <= ZERO_MAX) {
        out[0] = (uint8_t)(span - 1);
        return 1;
    }
    out[0] = (uint8_t)(0x40 | (span - 1) >> 8);
    out[1] = (span - 1) & 0xff;
    return 2;
}

/* What stands for the operation once one of its registers is raised: at most a rest, a VAL, a rest. */
static unsigned split(uint8_t out[5], const struct op *o, unsigned before, uint8_t value)
{
    unsigned n = put_rest(out, o, before);
    out[n++] = val_op(value, 1);
    return n + put_rest(out + n, o, o->span - before - 1);
}

static void replace_op(struct hll *h, size_t at, unsigned old_bytes, const uint8_t *seq, unsigned n)
{
    size_t tail = h->len - at - old_bytes, len = h->len - old_bytes + n;
    if (n > old_bytes) pack_resize(&h->pack, len);
    memmove(h->pack.bytes + at + n, h->pack.bytes + at + old_bytes, tail);
    memcpy(h->pack.bytes + at, seq, n);
    if (n < old_bytes) pack_resize(&h->pack, len);
    h->len = len;
}

/* Joins neighbouring VALs of one value, looking at five operations from `at` on. */
static void join(struct hll *h, size_t at)
{
    uint8_t *b = h->pack.bytes;
    size_t len = h->len;
    struct op o, next;
    for (unsigned looks = 0; looks < 5 && read_op(b, len, at, &o); looks++) {
        bool is_pair = o.kind == OP_VAL && read_op(b, len, at + 1, &next) && next.kind == OP_VAL;
        if (!is_pair || o.value != next.value || o.span + next.span > VAL_LEN_MAX) {
            at += o.bytes;
            continue;
        }
        b[at] = val_op(o.value, o.span + next.span);
        memmove(b + at + 1, b + at + 2, len - at - 2);
        len--;
    }
    if (len == h->len) return;
    pack_resize(&h->pack, len);
    h->len = len;
}

static enum hll_result promote_and_raise(struct hll *h, unsigned index, uint8_t value)
{
    if (hll_make_dense(h) == HLL_CORRUPT) return HLL_CORRUPT;
    return dense_raise(h->pack.bytes, index, value) ? HLL_CHANGED : HLL_UNCHANGED;
}

/* The cursor stands at or before the register. Afterwards it is good for higher registers, if the value is sparse still. */
static enum hll_result sparse_raise(struct hll *h, struct cursor *c, unsigned index, uint8_t value)
{
    struct op o;
    uint8_t seq[5];
    if (value > VAL_VALUE_MAX) return promote_and_raise(h, index, value);
    if (!seek(h, c, index, &o)) return HLL_CORRUPT;
    if (o.kind == OP_VAL && o.value >= value) return HLL_UNCHANGED;
    unsigned n = split(seq, &o, index - c->first, value);
    if (n > o.bytes && h->len + n - o.bytes > h->sparse_max_bytes) return promote_and_raise(h, index, value);
    replace_op(h, c->at, o.bytes, seq, n);
    join(h, c->has_prev ? c->prev_at : HLL_HEADER_BYTES);
    return HLL_CHANGED;
}

/* --- changing --- */

enum hll_result hll_make_dense(struct hll *h)
{
    uint8_t registers[HLL_REGISTERS];
    struct slice bytes = SLICE((const char *)h->pack.bytes, h->len);
    if (hll_encoding_of(bytes) == HLL_DENSE) return HLL_UNCHANGED;
    if (!sparse_unpack(bytes, registers)) return HLL_CORRUPT;
    pack_resize(&h->pack, HLL_DENSE_BYTES);
    h->len = HLL_DENSE_BYTES;
    h->pack.bytes[OFFSET_ENCODING] = HLL_DENSE;
    dense_pack(h->pack.bytes, registers);
    return HLL_CHANGED;
}

static enum hll_result raise(struct hll *h, struct cursor *c, unsigned index, uint8_t value)
{
    if (h->pack.bytes[OFFSET_ENCODING] == HLL_SPARSE) return sparse_raise(h, c, index, value);
    return dense_raise(h->pack.bytes, index, value) ? HLL_CHANGED : HLL_UNCHANGED;
}

enum hll_result hll_add(struct hll *h, struct slice element)
{
    uint8_t value;
    struct cursor c = cursor_at_start;
    unsigned index = place_of(element, &value);
    enum hll_result result = raise(h, &c, index, value);
    if (result == HLL_CHANGED) hll_forget_count(h->pack.bytes);
    return result;
}

/* Joining may have moved what stands behind the operation before the one that was changed: the walk goes on from that one. When it now
 * covers more than it did, its own predecessor would be needed to join as Redis does: from the start then. */
static void step_back(const struct hll *h, struct cursor *c, unsigned next_index)
{
    struct op o;
    if (c->has_prev && read_op(h->pack.bytes, h->len, c->prev_at, &o) && next_index - c->prev_first >= o.span) {
        c->at = c->prev_at;
        c->first = c->prev_first;
        return;
    }
    *c = cursor_at_start;
}

enum hll_result hll_raise(struct hll *h, const uint8_t registers[HLL_REGISTERS])
{
    enum hll_result all = HLL_UNCHANGED;
    struct cursor c = cursor_at_start;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        if (registers[i] == 0) continue;
        if (h->pack.bytes[OFFSET_ENCODING] == HLL_SPARSE) step_back(h, &c, i);
        enum hll_result one = raise(h, &c, i, registers[i]);
        if (one == HLL_CORRUPT) return HLL_CORRUPT;
        if (one == HLL_CHANGED) all = HLL_CHANGED;
    }
    if (all == HLL_CHANGED) hll_forget_count(h->pack.bytes);
    return all;
}

/* --- counting --- */

bool hll_merge_into(struct slice bytes, uint8_t registers[HLL_REGISTERS])
{
    uint8_t own[HLL_REGISTERS];
    if (!unpack(bytes, own)) return false;
    for (unsigned i = 0; i < HLL_REGISTERS; i++) registers[i] = own[i] > registers[i] ? own[i] : registers[i];
    return true;
}

/* What the registers at 0 add: x + x^2 + 2 x^4 + 4 x^8 ..., until a term no longer counts. */
static double sigma(double x)
{
    if (x == 1.0) return INFINITY;
    double y = 1, z = x, before;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (before != z);
    return z;
}

/* What the registers at their greatest value add. */
static double tau(double x)
{
    if (x == 0.0 || x == 1.0) return 0.0;
    double y = 1, z = 1 - x, before;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (before != z);
    return z / 3;
}

uint64_t hll_count_registers(const uint8_t registers[HLL_REGISTERS])
{
    static const double alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
    const double m = HLL_REGISTERS;
    unsigned histogram[4][HLL_REGISTER_MAX + 1] = {{0}}; /* four, so that equal neighbours do not wait for each other */
    for (unsigned i = 0; i < HLL_REGISTERS; i += 4) {
        for (unsigned j = 0; j < 4; j++) histogram[j][registers[i + j] & HLL_REGISTER_MAX]++;
    }
    for (unsigned v = 0; v <= HLL_REGISTER_MAX; v++)
        histogram[0][v] += histogram[1][v] + histogram[2][v] + histogram[3][v];
    double z = m * tau((m - histogram[0][RUN_BITS + 1]) / m);
    for (unsigned v = RUN_BITS; v >= 1; v--) z = (z + histogram[0][v]) * 0.5;
    z += m * sigma(histogram[0][0] / m);
    return (uint64_t)llroundl(alpha * m * m / z);
}

bool hll_count(struct slice bytes, uint64_t *count)
{
    uint8_t registers[HLL_REGISTERS];
    if (!unpack(bytes, registers)) return false;
    *count = hll_count_registers(registers);
    return true;
}
