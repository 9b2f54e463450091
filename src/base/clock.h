/* SPDX-License-Identifier: MIT */
/*
 * The clocks. Wall time is for expiries and what users see; monotonic time for durations.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void); /* microseconds since the epoch */
static inline int64_t clock_wall_ms(void) { return clock_wall_us() / 1000; }
int64_t clock_mono_us(void); /* since some fixed point; never steps */

#endif
