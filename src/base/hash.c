/* SPDX-License-Identifier: MIT */
/*
 * SipHash with one compression round a word and three at the end. The input is read as little-endian
 * words; the last word holds the remaining bytes and the length in its top byte. Keys are short (8 to 32
 * bytes), so the tail is loaded with one or two reads and not byte by byte.
 */
#include "base/hash.h"

#include <endian.h>
#include <string.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

/* The process's key. */
static struct {
    uint64_t k0, k1;
} key;

static inline uint64_t load64(const unsigned char *p)
{
    uint64_t w;
    memcpy(&w, p, 8);
    return le64toh(w);
}

static inline uint64_t load32(const unsigned char *p)
{
    uint32_t w;
    memcpy(&w, p, 4);
    return le32toh(w);
}

static inline uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t sip_finish(struct sip *s)
{
    s->v2 ^= 0xff;
    sip_round(s);
    sip_round(s);
    sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

/* The last len % 8 bytes as the low bytes of a word. `end` is one past the input. */
static inline uint64_t load_tail(const unsigned char *end, size_t len)
{
    size_t left = len & 7;
    if (left == 0) return 0;
    if (len >= 8) return load64(end - 8) >> (8 * (8 - left)); /* bytes before the tail shift out */
    if (left >= 4) return load32(end - left) | (load32(end - 4) << (8 * (left - 4)));
    uint64_t tail = end[-(ptrdiff_t)left]; /* first, middle and last of 1 to 3 bytes; they may coincide */
    tail |= (uint64_t)end[-(ptrdiff_t)left + (ptrdiff_t)(left / 2)] << (8 * (left / 2));
    return tail | (uint64_t)end[-1] << (8 * (left - 1));
}

/* Sets bit 5 in the bytes that are 'A' to 'Z'. */
static inline uint64_t fold_case(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t low7 = word & (0x7f * ones);
    uint64_t from_a = low7 + (0x80 - 'A') * ones;     /* bit 7: low7 >= 'A' */
    uint64_t past_z = low7 + (0x80 - 'Z' - 1) * ones; /* bit 7: low7 > 'Z' */
    uint64_t is_upper = (from_a & ~past_z) & ~word & (0x80 * ones);
    return word | (is_upper >> 2);
}

static inline uint64_t siphash(uint64_t k0, uint64_t k1, const unsigned char *p, size_t len, int nocase)
{
    struct sip s = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                    k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    if (p == NULL) p = (const unsigned char *)""; /* an empty slice may have no address */
    const unsigned char *end = p + len;
    for (size_t words = len / 8; words > 0; words--, p += 8) {
        uint64_t word = load64(p);
        sip_word(&s, nocase ? fold_case(word) : word);
    }
    uint64_t tail = load_tail(end, len);
    sip_word(&s, (nocase ? fold_case(tail) : tail) | (uint64_t)len << 56);
    return sip_finish(&s);
}

void hash_set_key(const uint8_t bytes[16])
{
    key.k0 = load64(bytes);
    key.k1 = load64(bytes + 8);
}

uint64_t hash_bytes(const void *bytes, size_t len) { return siphash(key.k0, key.k1, bytes, len, 0); }

uint64_t hash_bytes_nocase(const void *bytes, size_t len) { return siphash(key.k0, key.k1, bytes, len, 1); }

uint64_t hash_siphash13(const uint8_t key_bytes[16], const void *bytes, size_t len)
{
    return siphash(load64(key_bytes), load64(key_bytes + 8), bytes, len, 0);
}
