/* SPDX-License-Identifier: MIT */
/*
 * Random numbers: xoshiro256** for fairness, getrandom for secrets.
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);
void rng_seed_from_system(struct rng *r);
uint64_t rng_next(struct rng *r);
/* Uniform in 0 .. bound-1, without modulo bias; bound > 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);

/* Bytes from the system's generator; aborts when it fails. */
void rng_system_bytes(void *out, size_t len);
/* `len` lower-case hexadecimal digits, NUL-terminated: run_id. */
void rng_system_hex(char *out, size_t len);

#endif
