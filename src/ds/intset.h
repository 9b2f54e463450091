/* SPDX-License-Identifier: MIT */
/*
 * Intset: sorted distinct integers of 2, 4 or 8 bytes, the bytes that RDB files hold:
 *   0       4        8
 *   +-------+--------+------------- ... -+
 *   | width | count  | integers, ascending |      all little-endian
 *   +-------+--------+------------- ... -+
 */
#ifndef DS_INTSET_H
#define DS_INTSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "ds/pack.h"

#define INTSET_EMPTY_BYTES 8

void intset_init(uint8_t out[INTSET_EMPTY_BYTES]);
size_t intset_bytes(const uint8_t *is);
size_t intset_count(const uint8_t *is);
bool intset_has(const uint8_t *is, int64_t value);
int64_t intset_get(const uint8_t *is, size_t index); /* index < count */
bool intset_add(struct pack *p, int64_t value);      /* false: there already */
bool intset_remove(struct pack *p, int64_t value);
/* Any bytes: length, width, order, duplicates. An empty one is valid. *reason is a static text. */
bool intset_validate(const uint8_t *bytes, size_t len, const char **reason);

#endif
