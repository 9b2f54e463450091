/* SPDX-License-Identifier: MIT */
/*
 * Assertions: always on, for bugs of the caller only. Never assert on bytes
 * that came from a socket or a file: those are reported.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#define ASSERT(cond) (__builtin_expect(!(cond), 0) ? assert_failed(#cond, __FILE__, __LINE__) : (void)0)
#define UNREACHABLE() assert_failed("unreachable", __FILE__, __LINE__)

/* Prints the condition, the place and a backtrace to stderr and the log file, then aborts. */
_Noreturn void assert_failed(const char *cond, const char *file, int line);
/* The calling thread's stack, one frame a line. For crash reports. */
void assert_print_backtrace(int fd);

#endif
