/* SPDX-License-Identifier: MIT */
/*
 * Random command generators: one function a family, one call one command. The harness (compat.c) sends what they make to both
 * servers and compares the replies byte for byte. Same seed, same stream.
 */
#ifndef COMPAT_GEN_H
#define COMPAT_GEN_H

#include <stddef.h>
#include <stdint.h>

struct gen;

uint32_t gen_below(struct gen *g, uint32_t bound); /* uniform, 0 .. bound-1 */
/* Appends an argument to the command being made. */
void gen_arg(struct gen *g, const char *text);
void gen_arg_bytes(struct gen *g, const void *bytes, size_t len);
void gen_argf(struct gen *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Common arguments: a key out of a small set (so that commands meet), a value (empty, short, integer, long, binary), an integer (small, edge,
 * overflowing, not a number at times). */
void gen_key(struct gen *g);
void gen_value(struct gen *g);
void gen_int(struct gen *g);

typedef void gen_family_fn(struct gen *g);
gen_family_fn gen_strings, gen_lists, gen_bitmaps, gen_keys, gen_expiry;
gen_family_fn gen_zsets, gen_geo;
gen_family_fn gen_hashes;
gen_family_fn gen_hll, gen_sort, gen_types;
gen_family_fn gen_sets;

#endif
