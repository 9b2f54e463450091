/* SPDX-License-Identifier: MIT */
/*
 * LZF through liblzf, with bounds that suit RDB.
 */
#ifndef BASE_LZF_H
#define BASE_LZF_H

#include <stdbool.h>
#include <stddef.h>

/* Compressed length, or 0 when it would not fit in out_cap. */
size_t lzf_pack(const void *in, size_t in_len, void *out, size_t out_cap);
/* True when `in` decodes to exactly out_len bytes. Safe on any input. */
bool lzf_unpack(const void *in, size_t in_len, void *out, size_t out_len);

#endif
