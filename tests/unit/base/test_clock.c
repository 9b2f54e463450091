/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void wall_time_is_the_system_time(void **state)
{
    (void)state;
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    int64_t us = clock_wall_us();
    int64_t ms = clock_wall_ms();
    clock_gettime(CLOCK_REALTIME, &after);
    assert_true(us >= before.tv_sec * 1000000 + before.tv_nsec / 1000);
    assert_true(us <= after.tv_sec * 1000000 + after.tv_nsec / 1000);
    assert_true(ms >= us / 1000);
    assert_true(ms <= after.tv_sec * 1000 + after.tv_nsec / 1000000);
}

static void monotonic_time_advances(void **state)
{
    (void)state;
    int64_t last = clock_mono_us(), start = last;
    while (last - start < 1000) {
        int64_t now = clock_mono_us();
        assert_true(now >= last);
        last = now;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_time_is_the_system_time),
        cmocka_unit_test(monotonic_time_advances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
