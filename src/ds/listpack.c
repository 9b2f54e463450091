/* SPDX-License-Identifier: MIT */
/*
 * A listpack is one run of bytes:
 *
 *   0             4         6                                total-1
 *   +-------------+---------+-----------+-----------+-- ... --+----+
 *   | total bytes | count   | element 0 | element 1 |         | FF |     all little-endian; count 65535: unknown, walk
 *   +-------------+---------+-----------+-----------+-- ... --+----+
 *
 * An element is `head | data | back length`:
 *
 *   0vvvvvvv                    the integer v, 0 .. 127
 *   10llllll data               a string of l bytes, up to 63
 *   110vvvvv vvvvvvvv           an integer of 13 bits, two's complement, high bits first
 *   1110llll llllllll data      a string of l bytes, up to 4095, high bits first
 *   F0 llllllll x4 data         a string of l bytes, 32 bits little-endian
 *   F1 x2, F2 x3, F3 x4, F4 x8  an integer of 16, 24, 32, 64 bits, little-endian
 *   FF                          the terminator; F5 .. FE mean nothing
 *
 * The back length is the length of head and data in groups of 7 bits, most significant group first; all bytes but the
 * first have their top bit set, so that it is read from its end backwards. It takes as many bytes as back_bytes says.
 *
 * What this module writes is always the shortest form, as other writers do. What it reads may be longer ("5" as a
 * string, 5 in 64 bits): elements are equal when their texts are.
 *
 * Invariants of a valid listpack:
 *   1. The total is the number of bytes, the last of them is the terminator and the only one at an element's place.
 *   2. The count is that of the elements, or 65535.
 *   3. Every element's back length is its own length in the right number of bytes.
 */
#include "ds/listpack.h"

#include <endian.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/assert.h"

#define HEADER_BYTES 6u
#define COUNT_OFFSET 4u
#define TERMINATOR 0xffu
#define COUNT_UNKNOWN 65535u
#define HEAD_MAX_BYTES 9u /* F4 and 64 bits */

#define STRING_6BIT 0x80u
#define INT_13BIT 0xc0u
#define STRING_12BIT 0xe0u
#define STRING_32BIT 0xf0u
#define INT_16BIT 0xf1u
#define INT_24BIT 0xf2u
#define INT_32BIT 0xf3u
#define INT_64BIT 0xf4u

_Static_assert(LISTPACK_EMPTY_BYTES == HEADER_BYTES + 1, "a header and the terminator");
_Static_assert(LISTPACK_END < HEADER_BYTES, "no element stands there");

/* --- loads and stores --- */

static inline uint32_t load_u16(const uint8_t *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return le16toh(v);
}

static inline uint32_t load_u32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static inline uint64_t load_u64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

/* The low `bytes` bytes of v. */
static inline void store_low(uint8_t *p, uint64_t v, size_t bytes)
{
    v = htole64(v);
    memcpy(p, &v, bytes);
}

static inline void set_total(uint8_t *lp, size_t total) { store_low(lp, total, 4); }

static inline uint32_t header_count(const uint8_t *lp) { return load_u16(lp + COUNT_OFFSET); }

/* Once unknown a count stays so: only a walk could tell. */
static void add_to_count(uint8_t *lp, size_t n)
{
    size_t count = header_count(lp);
    if (count == COUNT_UNKNOWN) return;
    store_low(lp + COUNT_OFFSET, n < COUNT_UNKNOWN - count ? count + n : COUNT_UNKNOWN, 2);
}

static void take_from_count(uint8_t *lp, size_t n)
{
    size_t count = header_count(lp);
    if (count != COUNT_UNKNOWN) store_low(lp + COUNT_OFFSET, count - n, 2);
}

/* --- the size of elements --- */

/* The bounds are those of the format's first writer: 16383 and its like take one byte more than they need. */
static inline unsigned back_bytes(size_t len)
{
    if (len <= 127) return 1;
    if (len < 16383) return 2;
    if (len < 2097151) return 3;
    return len < 268435455 ? 4 : 5;
}

#define STEPS_4(n) (n), (n) + 1, (n) + 2, (n) + 3
#define STEPS_16(n) STEPS_4(n), STEPS_4((n) + 4), STEPS_4((n) + 8), STEPS_4((n) + 12)

/* Bytes of a whole element by its first byte; 0: it takes more than that byte to tell, or it is no element. */
static const uint8_t element_step[256] = {
    [0x00 ... 0x7f] = 2,
    [0x80] = STEPS_16(2),
    STEPS_16(18),
    STEPS_16(34),
    STEPS_16(50),
    [0xc0 ... 0xdf] = 3,
    [INT_16BIT] = 4,
    5,
    6,
    10,
};

/* Head and data of a string with a length of 12 or 32 bits. */
static inline size_t long_string_bytes(const uint8_t *e)
{
    if (e[0] == STRING_32BIT) return 5 + (size_t)load_u32(e + 1);
    return 2 + (((size_t)e[0] & 15) << 8 | e[1]);
}

static inline uint32_t element_bytes(const uint8_t *e)
{
    uint32_t step = element_step[e[0]];
    if (__builtin_expect(step != 0, 1)) return step;
    size_t len = long_string_bytes(e);
    return (uint32_t)(len + back_bytes(len));
}

static inline unsigned int_head_bytes(int64_t v)
{
    if (v >= 0 && v <= 127) return 1;
    if (v >= -4096 && v <= 4095) return 2;
    if (v >= INT16_MIN && v <= INT16_MAX) return 3;
    if (v >= -(1 << 23) && v < 1 << 23) return 4;
    return v >= INT32_MIN && v <= INT32_MAX ? 5 : 9;
}

static inline unsigned string_head_bytes(size_t len)
{
    if (len < 64) return 1;
    return len < 4096 ? 2 : 5;
}

size_t listpack_element_bytes(const struct item *i)
{
    size_t len = item_is_int(i) ? int_head_bytes(i->integer) : string_head_bytes(i->len) + i->len;
    return len + back_bytes(len);
}

/* --- writing an element --- */

static unsigned write_int_head(uint8_t *out, int64_t v)
{
    static const uint8_t head_of[HEAD_MAX_BYTES + 1] = {[3] = INT_16BIT, INT_24BIT, INT_32BIT, [9] = INT_64BIT};
    unsigned len = int_head_bytes(v);
    if (len == 1) {
        out[0] = (uint8_t)v;
    } else if (len == 2) {
        out[0] = (uint8_t)(INT_13BIT | ((uint64_t)v >> 8 & 0x1f));
        out[1] = (uint8_t)v;
    } else {
        out[0] = head_of[len];
        store_low(out + 1, (uint64_t)v, len - 1);
    }
    return len;
}

static unsigned write_string_head(uint8_t *out, size_t data_len)
{
    unsigned len = string_head_bytes(data_len);
    if (len == 1) {
        out[0] = (uint8_t)(STRING_6BIT | data_len);
    } else if (len == 2) {
        out[0] = (uint8_t)(STRING_12BIT | data_len >> 8);
        out[1] = (uint8_t)data_len;
    } else {
        out[0] = STRING_32BIT;
        store_low(out + 1, data_len, 4);
    }
    return len;
}

static unsigned write_back_len(uint8_t *out, size_t len)
{
    unsigned n = back_bytes(len);
    for (unsigned i = n; i-- > 1; len >>= 7) out[i] = (uint8_t)(0x80 | (len & 0x7f));
    out[0] = (uint8_t)len;
    return n;
}

/* Returns where the next one goes. */
static uint8_t *write_element(uint8_t *out, const struct item *i)
{
    size_t len;
    if (item_is_int(i)) {
        len = write_int_head(out, i->integer);
    } else {
        len = write_string_head(out, i->len);
        memcpy(out + len, i->ptr, i->len);
        len += i->len;
    }
    return out + len + write_back_len(out + len, len);
}

/* --- reading an element --- */

static inline void set_string(struct item *out, const uint8_t *data, size_t len)
{
    out->ptr = (const char *)data;
    out->len = len;
    out->integer = 0;
}

static inline void set_int(struct item *out, int64_t v)
{
    out->ptr = NULL;
    out->len = 0;
    out->integer = v;
}

/* Two's complement of `bits` bits in the low end of v. */
static inline int64_t sign_extend(uint64_t v, unsigned bits) { return (int64_t)(v << (64 - bits)) >> (64 - bits); }

static inline int64_t wide_int(const uint8_t *e)
{
    switch (e[0]) {
    case INT_16BIT: return (int16_t)load_u16(e + 1);
    case INT_24BIT: return sign_extend(load_u16(e + 1) | (uint64_t)e[3] << 16, 24);
    case INT_32BIT: return (int32_t)load_u32(e + 1);
    default: return (int64_t)load_u64(e + 1);
    }
}

static inline void read_element(const uint8_t *e, struct item *out)
{
    uint8_t head = e[0];
    if (head < STRING_6BIT) {
        set_int(out, head);
    } else if (head < INT_13BIT) {
        set_string(out, e + 1, head & 63);
    } else if (head < STRING_12BIT) {
        set_int(out, sign_extend((uint64_t)head << 8 | e[1], 13));
    } else if (head < STRING_32BIT) {
        set_string(out, e + 2, ((size_t)head & 15) << 8 | e[1]);
    } else if (head == STRING_32BIT) {
        set_string(out, e + 5, load_u32(e + 1));
    } else {
        set_int(out, wide_int(e));
    }
}

/* The position, or LISTPACK_END at the terminator. */
static inline uint32_t element_at(const uint8_t *lp, uint32_t at) { return lp[at] == TERMINATOR ? LISTPACK_END : at; }

/* --- the whole --- */

void listpack_init(uint8_t out[LISTPACK_EMPTY_BYTES])
{
    set_total(out, LISTPACK_EMPTY_BYTES);
    store_low(out + COUNT_OFFSET, 0, 2);
    out[HEADER_BYTES] = TERMINATOR;
}

size_t listpack_bytes(const uint8_t *lp) { return load_u32(lp); }

static size_t count_by_walking(const uint8_t *lp)
{
    size_t n = 0;
    for (const uint8_t *e = lp + HEADER_BYTES; e[0] != TERMINATOR; e += element_bytes(e)) n++;
    return n;
}

size_t listpack_count(const uint8_t *lp)
{
    uint32_t count = header_count(lp);
    return __builtin_expect(count != COUNT_UNKNOWN, 1) ? count : count_by_walking(lp);
}

bool listpack_fits(const uint8_t *lp, size_t more)
{
    size_t total = listpack_bytes(lp);
    return total <= LISTPACK_MAX_BYTES && more <= LISTPACK_MAX_BYTES - total;
}

/* --- walking --- */

uint32_t listpack_first(const uint8_t *lp) { return element_at(lp, HEADER_BYTES); }

/* The element that ends before `at`. */
static inline uint32_t element_before(const uint8_t *lp, uint32_t at)
{
    uint32_t back = lp[at - 1];
    if (back < 0x80) return at - 1 - back;
    uint32_t len = back & 0x7f, bytes = 1;
    for (unsigned shift = 7; back >= 0x80; shift += 7, bytes++) {
        back = lp[at - 1 - bytes];
        len |= (back & 0x7f) << shift;
    }
    return at - bytes - len;
}

uint32_t listpack_last(const uint8_t *lp)
{
    uint32_t end = load_u32(lp) - 1;
    return end == HEADER_BYTES ? LISTPACK_END : element_before(lp, end);
}

uint32_t listpack_next(const uint8_t *lp, uint32_t at) { return element_at(lp, at + element_bytes(lp + at)); }

uint32_t listpack_prev(const uint8_t *lp, uint32_t at)
{
    return at == HEADER_BYTES ? LISTPACK_END : element_before(lp, at);
}

static uint32_t seek_forwards(const uint8_t *lp, uint64_t steps)
{
    const uint8_t *e = lp + HEADER_BYTES;
    while (steps-- > 0 && e[0] != TERMINATOR) e += element_bytes(e);
    return element_at(lp, (uint32_t)(e - lp));
}

/* 1 step: the last element. */
static uint32_t seek_backwards(const uint8_t *lp, uint64_t steps)
{
    uint32_t at = load_u32(lp) - 1;
    while (steps-- > 0) {
        if (at == HEADER_BYTES) return LISTPACK_END;
        at = element_before(lp, at);
    }
    return at;
}

uint32_t listpack_seek(const uint8_t *lp, int64_t index)
{
    uint32_t count = header_count(lp);
    if (count == COUNT_UNKNOWN)
        return index >= 0 ? seek_forwards(lp, (uint64_t)index) : seek_backwards(lp, -(uint64_t)index);
    if (index < 0) index += count;
    if (index < 0 || index >= count) return LISTPACK_END;
    return index < count / 2 ? seek_forwards(lp, (uint64_t)index) : seek_backwards(lp, count - (uint64_t)index);
}

void listpack_get(const uint8_t *lp, uint32_t at, struct item *out) { read_element(lp + at, out); }

uint32_t listpack_read(const uint8_t *lp, uint32_t at, struct item *out)
{
    read_element(lp + at, out);
    return element_at(lp, at + element_bytes(lp + at));
}

/* --- comparing --- */

/* What is looked for, in all forms that an element can have. */
struct needle {
    const char *text;
    size_t len;
    int64_t integer;
    bool is_int;
    /* Texts of up to 63 bytes in their shortest form, for text_equals. */
    uint8_t head;
    int tail_at;
    uint64_t tail, tail_mask;
    char digits[NUM_INT64_CHARS];
};

static void needle_init(struct needle *n, const struct item *i)
{
    struct slice text = item_slice(i, n->digits);
    n->text = text.ptr;
    n->len = text.len;
    n->integer = i->integer;
    n->is_int = item_is_int(i) || num_parse_int64(text, &n->integer);
}

static inline bool needle_equals(const struct needle *n, const uint8_t *e)
{
    struct item i;
    read_element(e, &i);
    if (item_is_int(&i)) return n->is_int && i.integer == n->integer;
    return i.len == n->len && memcmp(i.ptr, n->text, i.len) == 0;
}

bool listpack_equals(const uint8_t *lp, uint32_t at, const struct item *i)
{
    struct needle n;
    needle_init(&n, i);
    return needle_equals(&n, lp + at);
}

/* The last 8 bytes of the text, or all of it, are compared as one word that ends where the text does. A shorter text leaves bytes
 * before it in the word, which are masked: they are those of the head, of other elements, or of the listpack's header. */
static void needle_init_tail(struct needle *n)
{
    size_t tail_len = n->len < 8 ? n->len : 8;
    uint8_t word[8] = {0};
    memcpy(word + 8 - tail_len, n->text + n->len - tail_len, tail_len);
    n->tail = load_u64(word);
    n->tail_mask = tail_len == 0 ? 0 : UINT64_MAX << (64 - 8 * tail_len);
    n->tail_at = n->len == 0 ? -(int)HEADER_BYTES : (int)(n->len < 64 ? n->len : 0) - 7;
    n->head = n->len < 64 ? (uint8_t)(STRING_6BIT | n->len) : TERMINATOR;
}
_Static_assert(HEADER_BYTES + 1 >= 7, "the word of a text of one byte begins within the listpack");

/* For a needle that is no integer. */
static inline bool text_equals(const struct needle *n, const uint8_t *e)
{
    if (e[0] == n->head) {
        if (((load_u64(e + n->tail_at) ^ n->tail) & n->tail_mask) != 0) return false;
        return n->len <= 8 || memcmp(e + 1, n->text, n->len - 8) == 0;
    }
    return element_step[e[0]] == 0 && needle_equals(n, e);
}

/* Past `skip` + 1 elements, or at the terminator. */
static inline const uint8_t *step_over(const uint8_t *e, unsigned skip)
{
    e += element_bytes(e);
    while (skip-- > 0 && e[0] != TERMINATOR) e += element_bytes(e);
    return e;
}

/* Below this a walk is done before the scan of all bytes pays. */
#define SCAN_MIN_BYTES 192

#ifdef __SSE2__
/* A place from `from` on where the text stands among the bytes before `end`, whatever they mean; NULL: nowhere. Where the rest is too short for vectors,
 * the answer is `from`: perhaps. The last two bytes of the text tell most places apart. */
static const uint8_t *scan_for_text(const struct needle *n, const uint8_t *from, const uint8_t *end)
{
    size_t room = (size_t)(end - from), distance = n->len > 1;
    if (n->len > room) return NULL;
    if (n->len == 0 || room - n->len < 16) return from;
    const __m128i last = _mm_set1_epi8(n->text[n->len - 1]), before = _mm_set1_epi8(n->text[n->len - 1 - distance]);
    const uint8_t *p = from + n->len - 1;
    for (;;) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p - distance));
        unsigned hits = (unsigned)_mm_movemask_epi8(_mm_and_si128(_mm_cmpeq_epi8(a, last), _mm_cmpeq_epi8(b, before)));
        for (; hits != 0; hits &= hits - 1) {
            const uint8_t *text = p + __builtin_ctz(hits) + 1 - n->len;
            if (memcmp(text, n->text, n->len) == 0) return text;
        }
        if (end - p == 16) return NULL;
        p = end - p >= 32 ? p + 16 : end - 16;
    }
}
#else
static const uint8_t *scan_for_text(const struct needle *n, const uint8_t *from, const uint8_t *end)
{
    return memmem(from, (size_t)(end - from), n->text, n->len);
}
#endif

/* The bytes are scanned for the text at memory speed: most often it is nowhere. Where it stands, the walk tells whether it is an
 * element that counts. */
static const uint8_t *find_text(const struct needle *n, const uint8_t *e, const uint8_t *end, unsigned skip)
{
    while (e < end) {
        const uint8_t *place = end - e < SCAN_MIN_BYTES ? end : scan_for_text(n, e, end);
        if (place == NULL) return NULL;
        for (; e <= place && e[0] != TERMINATOR; e = step_over(e, skip))
            if (text_equals(n, e)) return e;
        if (e[0] == TERMINATOR) return NULL;
    }
    return NULL;
}

uint32_t listpack_find(const uint8_t *lp, uint32_t at, const struct item *i, unsigned skip)
{
    if (at == LISTPACK_END) return LISTPACK_END;
    struct needle n;
    needle_init(&n, i);
    if (!n.is_int) {
        needle_init_tail(&n);
        const uint8_t *e = find_text(&n, lp + at, lp + load_u32(lp) - 1, skip);
        return e != NULL ? (uint32_t)(e - lp) : LISTPACK_END;
    }
    for (const uint8_t *e = lp + at; e[0] != TERMINATOR; e = step_over(e, skip))
        if (needle_equals(&n, e)) return (uint32_t)(e - lp);
    return LISTPACK_END;
}

/* --- changing --- */

/* Makes the `old` bytes at `at` `new` bytes long, moves what is behind them and sets the total. */
static void reshape(struct pack *p, uint32_t at, size_t old, size_t new)
{
    size_t total = listpack_bytes(p->bytes);
    size_t behind = total - at - old;
    if (new > old) {
        ASSERT(listpack_fits(p->bytes, new - old));
        pack_resize(p, total + (new - old));
    }
    if (new != old) memmove(p->bytes + at + new, p->bytes + at + old, behind);
    set_total(p->bytes, total - old + new);
    if (new < old) pack_resize(p, total - (old - new));
}

static inline uint32_t insertion_place(const struct pack *p, uint32_t at)
{
    return at == LISTPACK_END ? load_u32(p->bytes) - 1 : at;
}

uint32_t listpack_insert(struct pack *p, uint32_t at, const struct item *i)
{
    at = insertion_place(p, at);
    reshape(p, at, 0, listpack_element_bytes(i));
    write_element(p->bytes + at, i);
    add_to_count(p->bytes, 1);
    return at;
}

void listpack_append(struct pack *p, const struct item *i) { listpack_insert(p, LISTPACK_END, i); }

void listpack_prepend(struct pack *p, const struct item *i) { listpack_insert(p, HEADER_BYTES, i); }

uint32_t listpack_replace(struct pack *p, uint32_t at, const struct item *i)
{
    reshape(p, at, element_bytes(p->bytes + at), listpack_element_bytes(i));
    write_element(p->bytes + at, i);
    return at;
}

void listpack_insert_many(struct pack *p, uint32_t at, const struct item *items, size_t n)
{
    size_t more = 0;
    for (size_t k = 0; k < n; k++) more += listpack_element_bytes(&items[k]);
    at = insertion_place(p, at);
    reshape(p, at, 0, more);
    uint8_t *out = p->bytes + at;
    for (size_t k = 0; k < n; k++) out = write_element(out, &items[k]);
    add_to_count(p->bytes, n);
}

uint32_t listpack_delete(struct pack *p, uint32_t at, size_t n)
{
    if (at == LISTPACK_END) return LISTPACK_END;
    const uint8_t *e = p->bytes + at;
    size_t deleted = 0;
    for (; deleted < n && e[0] != TERMINATOR; deleted++) e += element_bytes(e);
    reshape(p, at, (size_t)(e - p->bytes) - at, 0);
    take_from_count(p->bytes, deleted);
    return element_at(p->bytes, at);
}

void listpack_merge(struct pack *p, const uint8_t *other)
{
    ASSERT(p->bytes != other);
    uint32_t at = load_u32(p->bytes) - 1;
    size_t more = listpack_bytes(other) - LISTPACK_EMPTY_BYTES;
    reshape(p, at, 0, more);
    memcpy(p->bytes + at, other + HEADER_BYTES, more);
    /* Unknown and something is unknown. */
    add_to_count(p->bytes, header_count(other));
}

/* --- untrusted bytes --- */

static bool refuse(const char **reason, const char *text)
{
    *reason = text;
    return false;
}

/* A string with a length of 12 or 32 bits, or no element at all; 0: *reason tells why. */
static size_t checked_long_element(const uint8_t *e, size_t room, const char **reason)
{
    *reason = "listpack element with an unknown encoding";
    if (e[0] > STRING_32BIT) return 0;
    *reason = "listpack element runs past the end";
    if (room < (e[0] == STRING_32BIT ? 5u : 2u)) return 0;
    size_t len = long_string_bytes(e);
    unsigned back = back_bytes(len);
    if (len > room || back > room - len) return 0;
    *reason = "listpack element with a wrong back length";
    uint8_t expected[5];
    write_back_len(expected, len);
    return memcmp(e + len, expected, back) == 0 ? len + back : 0;
}

/* Bytes of the element at e when it is sound and within `room` (> 0) bytes; 0: *reason tells why not. */
static inline size_t checked_element(const uint8_t *e, size_t room, const char **reason)
{
    size_t step = element_step[e[0]];
    if (step == 0) return checked_long_element(e, room, reason);
    if (step <= room && e[step - 1] == step - 1) return step;
    *reason = step > room ? "listpack element runs past the end" : "listpack element with a wrong back length";
    return 0;
}

bool listpack_validate(const uint8_t *bytes, size_t len, const char **reason,
                       bool (*fn)(void *ctx, size_t index, const struct item *i, const char **reason), void *ctx)
{
    if (len < LISTPACK_EMPTY_BYTES) return refuse(reason, "listpack shorter than its header");
    if (load_u32(bytes) != len) return refuse(reason, "listpack of another length than its header says");
    if (bytes[len - 1] != TERMINATOR) return refuse(reason, "listpack without a terminator");

    size_t end = len - 1, count = 0;
    for (size_t at = HEADER_BYTES, step; at < end; at += step, count++) {
        step = checked_element(bytes + at, end - at, reason);
        if (step == 0) return false;
        if (fn == NULL) continue;
        struct item i;
        read_element(bytes + at, &i);
        if (!fn(ctx, count, &i, reason)) return false;
    }
    size_t told = load_u16(bytes + COUNT_OFFSET);
    if (told != COUNT_UNKNOWN && told != count)
        return refuse(reason, "listpack of another count of elements than its header says");
    return true;
}

bool listpack_is_valid(const uint8_t *lp)
{
    const char *reason;
    return listpack_validate(lp, listpack_bytes(lp), &reason, NULL, NULL);
}
