/* SPDX-License-Identifier: MIT */
/*
 * The keyed hash of every table: SipHash-1-3 (Aumasson and Bernstein) under a random key per
 * process, so that clients cannot choose colliding keys.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The key; set once at start, before any table is filled. Tests set a fixed one. */
void hash_set_key(const uint8_t key[16]);
uint64_t hash_bytes(const void *bytes, size_t len);
/* ASCII letters folded: for command names. */
uint64_t hash_bytes_nocase(const void *bytes, size_t len);
/* The function itself, for tests against the published vectors. */
uint64_t hash_siphash13(const uint8_t key[16], const void *bytes, size_t len);

#endif
