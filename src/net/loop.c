/* SPDX-License-Identifier: MIT */
/*
 * The events of a turn stand on the stack of loop_turn, in a frame that the loop links: so a removal finds every event
 * that is still to be delivered, in nested turns too, and strikes it out.
 *
 * Invariants:
 *   1. A handle is in the epoll set exactly while its fd >= 0; its address is the event's data.
 *   2. No frame holds, at or behind `next`, an event of a handle that was removed.
 *   3. Timers are sorted by due time; equal ones in the order of their start.
 */
#include "net/loop.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/mem.h"

#define BATCH_EVENTS 256 /* of one wait; what is left over comes with the next */
#define SIGNALS 65

/* One turn under way. */
struct frame {
    struct frame *outer;
    struct loop_handle *running; /* its callback is on the stack; NULL when it was removed since */
    int next, count;
    struct epoll_event events[BATCH_EVENTS];
};

struct signal_entry {
    void (*fn)(void *ctx, const struct signalfd_siginfo *info);
    void *ctx;
};

struct loop {
    int epoll_fd;
    int64_t now_us;
    struct frame *frame; /* the innermost turn; NULL outside */
    unsigned depth;
    bool dont_block, is_stopping;
    struct loop_timer *timers;
    void (*before_wait)(void *ctx);
    void *before_wait_ctx;
    struct loop_handle signal_handle;
    sigset_t signal_mask;
    struct signal_entry signals[SIGNALS];
};

struct loop *loop_new(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return NULL;
    struct loop *l = mem_calloc(sizeof(*l));
    l->epoll_fd = fd;
    l->now_us = clock_mono_us();
    l->signal_handle.fd = -1;
    sigemptyset(&l->signal_mask);
    return l;
}

void loop_free(struct loop *l)
{
    if (l == NULL) return;
    ASSERT(l->frame == NULL);
    if (l->signal_handle.fd >= 0) close(l->signal_handle.fd);
    close(l->epoll_fd);
    mem_free(l);
}

/* --- handles --- */

static uint32_t to_epoll(unsigned events)
{
    return (events & LOOP_READ ? (uint32_t)EPOLLIN : 0) | (events & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

static unsigned from_epoll(uint32_t events, unsigned wanted)
{
    unsigned ready = 0;
    if (events & EPOLLIN) ready |= LOOP_READ;
    if (events & EPOLLOUT) ready |= LOOP_WRITE;
    if (events & (EPOLLERR | EPOLLHUP)) ready |= LOOP_CLOSED | wanted;
    return ready & (wanted | LOOP_CLOSED);
}

static int control(struct loop *l, int op, struct loop_handle *h, int fd, unsigned events)
{
    struct epoll_event e = {.events = to_epoll(events), .data.ptr = h};
    return epoll_ctl(l->epoll_fd, op, fd, &e);
}

int loop_add(struct loop *l, struct loop_handle *h, int fd, unsigned events)
{
    ASSERT(h->on_ready != NULL);
    if (control(l, EPOLL_CTL_ADD, h, fd, events) < 0) return -1;
    h->fd = fd;
    h->events = events;
    return 0;
}

int loop_set_events(struct loop *l, struct loop_handle *h, unsigned events)
{
    ASSERT(h->fd >= 0);
    if (events == h->events) return 0;
    if (control(l, EPOLL_CTL_MOD, h, h->fd, events) < 0) return -1;
    h->events = events;
    return 0;
}

static void strike_out(struct loop *l, const struct loop_handle *h)
{
    for (struct frame *f = l->frame; f != NULL; f = f->outer) {
        if (f->running == h) f->running = NULL;
        for (int i = f->next; i < f->count; i++) {
            if (f->events[i].data.ptr == h) f->events[i].data.ptr = NULL;
        }
    }
}

void loop_remove(struct loop *l, struct loop_handle *h)
{
    if (h->fd < 0) return;
    control(l, EPOLL_CTL_DEL, h, h->fd, 0); /* fails only when the fd was closed before: then it is out already */
    h->fd = -1;
    h->events = 0;
    strike_out(l, h);
}

static bool is_running(const struct loop *l, const struct loop_handle *h)
{
    for (const struct frame *f = l->frame; f != NULL; f = f->outer) {
        if (f->running == h) return true;
    }
    return false;
}

/* --- timers --- */

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
    if (!t->is_active) return;
    struct loop_timer **at = &l->timers;
    while (*at != t) at = &(*at)->next;
    *at = t->next;
    t->next = NULL;
    t->is_active = false;
}

void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t delay_us)
{
    loop_timer_stop(l, t);
    t->due_us = l->now_us + (delay_us > 0 ? delay_us : 0);
    struct loop_timer **at = &l->timers;
    while (*at != NULL && (*at)->due_us <= t->due_us) at = &(*at)->next;
    t->next = *at;
    *at = t;
    t->is_active = true;
}

/* As many as are due at the beginning: one that starts itself again with no delay waits for the next turn. */
static void run_timers(struct loop *l)
{
    size_t due = 0;
    for (struct loop_timer *t = l->timers; t != NULL && t->due_us <= l->now_us; t = t->next) due++;
    while (due-- > 0 && l->timers != NULL && l->timers->due_us <= l->now_us) {
        struct loop_timer *t = l->timers;
        loop_timer_stop(l, t);
        t->on_due(t);
    }
}

/* --- signals --- */

static void on_signals(struct loop_handle *h, unsigned ready)
{
    (void)ready;
    struct loop *l = (struct loop *)((char *)h - offsetof(struct loop, signal_handle));
    struct signalfd_siginfo info;
    while (read(h->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo >= SIGNALS) continue;
        const struct signal_entry *s = &l->signals[info.ssi_signo];
        if (s->fn != NULL) s->fn(s->ctx, &info);
    }
}

void loop_on_signal(struct loop *l, int signo, void (*fn)(void *ctx, const struct signalfd_siginfo *info), void *ctx)
{
    ASSERT(signo > 0 && signo < SIGNALS && fn != NULL);
    l->signals[signo] = (struct signal_entry){fn, ctx};
    if (sigismember(&l->signal_mask, signo) == 1) return;
    sigaddset(&l->signal_mask, signo);
    int blocked = sigprocmask(SIG_BLOCK, &l->signal_mask, NULL);
    ASSERT(blocked == 0);
    int fd = signalfd(l->signal_handle.fd, &l->signal_mask, SFD_NONBLOCK | SFD_CLOEXEC);
    ASSERT(fd >= 0); /* at start, before clients can use up descriptors */
    if (l->signal_handle.fd >= 0) return;
    l->signal_handle.on_ready = on_signals;
    int added = loop_add(l, &l->signal_handle, fd, LOOP_READ);
    ASSERT(added == 0);
}

void loop_restore_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* --- turns --- */

void loop_set_before_wait(struct loop *l, void (*fn)(void *ctx), void *ctx)
{
    l->before_wait = fn;
    l->before_wait_ctx = ctx;
}

void loop_set_dont_block(struct loop *l, bool dont_block) { l->dont_block = dont_block; }
void loop_stop(struct loop *l) { l->is_stopping = true; }
int64_t loop_now_us(const struct loop *l) { return l->now_us; }
unsigned loop_depth(const struct loop *l) { return l->depth; }

/* Milliseconds for epoll_wait, rounded up so that a timer is due when it wakes; -1 is for ever. */
static int wait_ms(const struct loop *l, int64_t max_wait_us)
{
    if (l->dont_block || l->is_stopping) return 0;
    int64_t us = max_wait_us < 0 ? INT64_MAX : max_wait_us;
    if (l->timers != NULL && l->timers->due_us - l->now_us < us) us = l->timers->due_us - l->now_us;
    if (us == INT64_MAX) return -1;
    if (us <= 0) return 0;
    return us / 1000 >= INT_MAX ? INT_MAX : (int)((us + 999) / 1000);
}

static void deliver(struct loop *l, struct frame *f)
{
    while (f->next < f->count) {
        const struct epoll_event *e = &f->events[f->next++];
        struct loop_handle *h = e->data.ptr;
        if (h == NULL) continue;
        unsigned ready = from_epoll(e->events, h->events);
        if (ready == 0 || (f->outer != NULL && is_running(l, h))) continue;
        f->running = h;
        h->on_ready(h, ready);
        f->running = NULL;
    }
}

void loop_turn(struct loop *l, int64_t max_wait_us)
{
    struct frame f;
    f.outer = l->frame;
    f.running = NULL;
    f.next = f.count = 0;
    l->frame = &f;
    l->depth++;
    run_timers(l);
    if (f.outer == NULL && l->before_wait != NULL) l->before_wait(l->before_wait_ctx);
    int count = epoll_wait(l->epoll_fd, f.events, BATCH_EVENTS, wait_ms(l, max_wait_us));
    ASSERT(count >= 0 || errno == EINTR);
    f.count = count > 0 ? count : 0;
    l->now_us = clock_mono_us();
    deliver(l, &f);
    l->depth--;
    l->frame = f.outer;
}

void loop_run(struct loop *l)
{
    while (!l->is_stopping) loop_turn(l, -1);
    l->is_stopping = false;
}
