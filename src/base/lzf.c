/* SPDX-License-Identifier: MIT */
#include "base/lzf.h"

#include <limits.h>

#include <lzf.h>

size_t lzf_pack(const void *in, size_t in_len, void *out, size_t out_cap)
{
    if (in_len == 0 || out_cap == 0 || in_len > UINT_MAX) return 0;
    if (out_cap > UINT_MAX) out_cap = UINT_MAX;
    return lzf_compress(in, (unsigned)in_len, out, (unsigned)out_cap);
}

bool lzf_unpack(const void *in, size_t in_len, void *out, size_t out_len)
{
    /* The library reads its first byte before it looks at the length. */
    if (in_len == 0 || out_len == 0) return in_len == 0 && out_len == 0;
    if (in_len > UINT_MAX || out_len > UINT_MAX) return false;
    return lzf_decompress(in, (unsigned)in_len, out, (unsigned)out_len) == out_len;
}
