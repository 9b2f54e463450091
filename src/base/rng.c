/* SPDX-License-Identifier: MIT */
/*
 * xoshiro256** 1.0 (Blackman and Vigna, 2018), seeded through splitmix64 as its authors advise: nearby
 * seeds give unrelated streams, and the all-zero state cannot come about.
 */
#include "base/rng.h"

#include <errno.h>
#include <sys/random.h>

#include "base/assert.h"

static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) r->s[i] = splitmix64(&seed);
}

void rng_seed_from_system(struct rng *r)
{
    uint64_t seed;
    rng_system_bytes(&seed, sizeof(seed));
    rng_seed(r, seed);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

/* Lemire's multiplication: the high word of random * bound is the result; the few products whose low word
 * is below 2^64 mod bound would make some results likelier and are drawn again. */
uint64_t rng_below(struct rng *r, uint64_t bound)
{
    ASSERT(bound > 0);
    unsigned __int128 product = (unsigned __int128)rng_next(r) * bound;
    if ((uint64_t)product < bound) {
        uint64_t threshold = -bound % bound;
        while ((uint64_t)product < threshold) product = (unsigned __int128)rng_next(r) * bound;
    }
    return (uint64_t)(product >> 64);
}

void rng_system_bytes(void *out, size_t len)
{
    char *at = out;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR) continue;
        ASSERT(n > 0); /* the system call exists since Linux 3.17 and fails on bad arguments only */
        at += n;
        len -= (size_t)n;
    }
}

void rng_system_hex(char *out, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    rng_system_bytes(out, len);
    for (size_t i = 0; i < len; i++) out[i] = digits[(unsigned char)out[i] & 15];
    out[len] = '\0';
}
