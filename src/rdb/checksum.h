/* SPDX-License-Identifier: MIT */
/*
 * crc64 for the code here, which goes on with other work at once. The AVX-512 and AVX code of ISA-L returns with the
 * upper
 * halves of the vector registers in use; until they are cleared every SSE instruction of the program pays for that
 * (loading
 * a snapshot took twice as long, and so would all that follows).
 */
#ifndef RDB_CHECKSUM_H
#define RDB_CHECKSUM_H

#include "base/crc64.h"

static inline uint64_t rdb_checksum(uint64_t crc, const void *bytes, size_t len)
{
    crc = crc64(crc, bytes, len);
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx")) {
        __asm__ volatile("vzeroupper" ::
                             : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                               "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    }
#endif
    return crc;
}

#endif
