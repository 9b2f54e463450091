/* SPDX-License-Identifier: MIT */
/*
 * ISA-L inverts the seed on entry and the result on return; RDB does neither. Inverting both again
 * cancels that.
 */
#include "base/crc64.h"

#include <isa-l/crc64.h>

/* The AVX code returns with the upper halves of the vector registers in use; until they are cleared, every SSE
 * instruction of the program pays for that: loading a snapshot took twice as long. */
static inline void clear_upper_halves(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx")) {
        __asm__ volatile("vzeroupper" ::
                             : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                               "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    }
#endif
}

uint64_t crc64(uint64_t crc, const void *bytes, size_t len)
{
    crc = ~crc64_jones_refl(~crc, bytes, len);
    clear_upper_halves();
    return crc;
}
