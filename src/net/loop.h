/* SPDX-License-Identifier: MIT */
/*
 * The event loop: epoll (level-triggered), timers and signals, one thread.
 *
 * One turn:
 *   1. due timers
 *   2. before_wait hook (flushes replies, frees closed connections)
 *   3. epoll_wait, until the next timer at most
 *   4. the clock is read once
 *   5. ready handles, signals among them (signalfd)
 *
 * Handles and timers are embedded in their owner; the loop never allocates for them. A handle may be removed or its
 * owner freed inside any callback: events of the same turn that are left for it are dropped.
 *
 * Nested turns. loop_turn may be called inside a callback (a long command that wants to answer others). Then
 *   - a handle whose callback is running gets no event until that callback returns, so that nothing is re-entered;
 *   - the before_wait hook is not called: it may free what the outer callbacks still use;
 *   - timers, signals and all other handles work as always; loop_depth tells that a turn is nested.
 * Events of the outer turn that a nested one has dealt with are still delivered: callbacks take EAGAIN in their stride.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>

enum loop_events { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_CLOSED = 4 /* error or hang-up; given with the others */ };

struct loop;

struct loop_handle {
    int fd;          /* -1 when not in a loop; set so before the first loop_remove of a handle that was never added */
    unsigned events; /* wanted: LOOP_READ | LOOP_WRITE */
    /* `ready` holds wanted events only, and LOOP_CLOSED, wanted or not. LOOP_CLOSED brings the wanted ones with it: a
     * read or write then tells what is wrong. It comes again every turn until the handle is removed. */
    void (*on_ready)(struct loop_handle *h, unsigned ready);
};

struct loop_timer {
    int64_t due_us; /* monotonic; private */
    void (*on_due)(struct loop_timer *t);
    struct loop_timer *next; /* private; a sorted list: timers are few */
    bool is_active;
};

struct loop *loop_new(void); /* NULL when the system refuses, errno set */
/* Not inside a turn. Handles and timers that are left are simply forgotten; signals stay blocked. */
void loop_free(struct loop *l);

/* 0, or -1 with errno. One fd is in a loop once. */
int loop_add(struct loop *l, struct loop_handle *h, int fd, unsigned events);
int loop_set_events(struct loop *l, struct loop_handle *h, unsigned events); /* no system call when unchanged */
void loop_remove(struct loop *l, struct loop_handle *h); /* does not close the fd; nothing when not in */

/* Once, not before delay_us from loop_now_us; a callback may start its timer again. Starting an active timer moves
 * it. */
void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t delay_us);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/* Blocks the signal in the calling thread (threads made later inherit that) and delivers it through the loop; signals
 * of one number that come together are delivered once. Calling again changes fn. In a forked child call
 * loop_restore_signals: it unblocks all signals. */
void loop_on_signal(struct loop *l, int signo, void (*fn)(void *ctx, const struct signalfd_siginfo *info), void *ctx);
void loop_restore_signals(void);

void loop_set_before_wait(struct loop *l, void (*fn)(void *ctx), void *ctx);
/* While true the next wait does not block: there is work left for the next turn. */
void loop_set_dont_block(struct loop *l, bool dont_block);

void loop_run(struct loop *l); /* until loop_stop; at once when that was called before */
void loop_stop(struct loop *l);
/* One turn that waits at most max_wait_us (0: does not block; negative: no bound): while loading. */
void loop_turn(struct loop *l, int64_t max_wait_us);

/* The clock as read at the start of the turn's callbacks. */
int64_t loop_now_us(const struct loop *l); /* monotonic */
/* Turns under way: 0 outside, 1 in a callback, more when turns are nested. */
unsigned loop_depth(const struct loop *l);

#endif
