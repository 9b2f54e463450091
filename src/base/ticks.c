/* SPDX-License-Identifier: MIT */
#include "base/ticks.h"

#include "base/clock.h"

/* The counter and the clock at the first calibration, and the rate since then. */
static uint64_t first_ticks;
static int64_t first_us;
static double ns_per_tick = 1.0;

static void measure(void)
{
    int64_t us = clock_mono_us() - first_us;
    uint64_t ticks = ticks_now() - first_ticks;
    if (us > 1000 && ticks > 0) ns_per_tick = (double)us * 1000.0 / (double)ticks;
}

void ticks_calibrate(void)
{
    if (first_us == 0) {
        first_us = clock_mono_us();
        first_ticks = ticks_now();
        while (clock_mono_us() - first_us < 2000) {}
    }
    measure();
}

uint64_t ticks_per_ms(void)
{
    uint64_t n = (uint64_t)(1e6 / ns_per_tick);
    return n > 0 ? n : 1;
}

uint64_t ticks_to_ns(uint64_t from, uint64_t to)
{
    return to > from ? (uint64_t)((double)(to - from) * ns_per_tick) : 0;
}
