/* SPDX-License-Identifier: MIT */
/*
 * A cheap counter for durations of single commands: the CPU's time-stamp counter where there is one, a few ns a read. Its rate
 * is measured against the monotonic clock; good for statistics, never for expiry.
 */
#ifndef BASE_TICKS_H
#define BASE_TICKS_H

#include <stdint.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

static inline uint64_t ticks_now(void)
{
#if defined(__x86_64__)
    return __rdtsc();
#elif defined(__aarch64__)
    uint64_t t;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
    return t;
#else
    extern int64_t clock_mono_us(void);
    return (uint64_t)clock_mono_us();
#endif
}

/* Call now and then (cron): refines the rate. The first call takes a few ms. */
void ticks_calibrate(void);
/* At least 1. */
uint64_t ticks_per_ms(void);
/* 0 when `to` is before `from`: counters of different cores may differ a little. */
uint64_t ticks_to_ns(uint64_t from, uint64_t to);

#endif
