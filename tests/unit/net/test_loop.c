/* SPDX-License-Identifier: MIT */
#include "net/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

/* One end of a socket pair in a loop; bytes written to `other` make it ready. */
struct end {
    struct loop_handle handle; /* first */
    struct loop *loop;
    int other;
    unsigned calls, last_ready;
    void (*then)(struct end *e); /* what the callback does, once the bytes are read; NULL: nothing */
    struct end *victim;
};

static void on_ready(struct loop_handle *h, unsigned ready)
{
    struct end *e = (struct end *)h;
    char bytes[16];
    e->calls++;
    e->last_ready = ready;
    if (ready & LOOP_READ) (void)!read(h->fd, bytes, sizeof(bytes));
    if (e->then != NULL) e->then(e);
}

static void end_open(struct end *e, struct loop *l, unsigned events)
{
    int fds[2];
    memset(e, 0, sizeof(*e));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    e->handle.on_ready = on_ready;
    e->loop = l;
    e->other = fds[1];
    assert_int_equal(loop_add(l, &e->handle, fds[0], events), 0);
}

static void end_close(struct end *e)
{
    int fd = e->handle.fd;
    loop_remove(e->loop, &e->handle);
    if (fd >= 0) close(fd);
    if (e->other >= 0) close(e->other);
    e->other = -1;
}

static void poke(struct end *e) { assert_int_equal(write(e->other, "x", 1), 1); }

static void handles_are_called_for_what_they_want(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end e;
    end_open(&e, l, LOOP_READ);
    loop_turn(l, 0);
    assert_int_equal(e.calls, 0);
    poke(&e);
    loop_turn(l, 0);
    assert_int_equal(e.calls, 1);
    assert_int_equal(e.last_ready, LOOP_READ);
    assert_int_equal(loop_set_events(l, &e.handle, LOOP_READ | LOOP_WRITE), 0);
    loop_turn(l, 0);
    assert_int_equal(e.last_ready, LOOP_WRITE);
    poke(&e);
    loop_turn(l, 0);
    assert_int_equal(e.last_ready, LOOP_READ | LOOP_WRITE);
    assert_int_equal(loop_set_events(l, &e.handle, 0), 0);
    poke(&e);
    loop_turn(l, 0);
    assert_int_equal(e.calls, 3);
    end_close(&e);
    loop_free(l);
}

static void readiness_is_told_again_until_it_is_read(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end e;
    end_open(&e, l, LOOP_READ);
    for (int i = 0; i < 20; i++) poke(&e);
    loop_turn(l, 0);
    loop_turn(l, 0);
    loop_turn(l, 0);
    assert_int_equal(e.calls, 2); /* 16 bytes, then 4 */
    end_close(&e);
    loop_free(l);
}

static void a_hang_up_comes_with_the_wanted_events(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end e;
    end_open(&e, l, LOOP_READ);
    close(e.other);
    e.other = -1;
    loop_turn(l, 0);
    assert_int_equal(e.last_ready, LOOP_READ | LOOP_CLOSED);
    assert_int_equal(loop_set_events(l, &e.handle, 0), 0);
    loop_turn(l, 0);
    assert_int_equal(e.last_ready, LOOP_CLOSED);
    end_close(&e);
    loop_free(l);
}

static void the_same_fd_twice_and_bad_fds_are_refused(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end e;
    end_open(&e, l, LOOP_READ);
    struct loop_handle second = {.fd = -1, .on_ready = on_ready};
    assert_int_equal(loop_add(l, &second, e.handle.fd, LOOP_READ), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(second.fd, -1);
    loop_remove(l, &second);
    end_close(&e);
    loop_free(l);
}

/* --- removal inside callbacks --- */

static void remove_and_free_victim(struct end *e)
{
    if (e->victim == NULL) return;
    struct end *v = e->victim;
    e->victim = NULL;
    v->victim = NULL; /* the first that is called wins */
    end_close(v);
    memset(v, 0xee, sizeof(*v));
    free(v);
}

static void events_of_a_handle_that_another_removed_are_dropped(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
    end_open(a, l, LOOP_READ);
    end_open(b, l, LOOP_READ);
    a->then = b->then = remove_and_free_victim;
    a->victim = b;
    b->victim = a;
    int b_fd = b->handle.fd;
    poke(a);
    poke(b);
    loop_turn(l, 0);
    /* Exactly one is left: its fd is still open. The other's callback did not run: it would have read freed memory. */
    bool b_is_left = write(b_fd, "", 0) == 0;
    struct end *left = b_is_left ? b : a;
    assert_int_equal(left->calls, 1);
    end_close(left);
    free(left);
    loop_free(l);
}

static void remove_myself(struct end *e) { end_close(e); }

/* Everybody in the ring of victims, itself too. */
static void remove_ring(struct end *e)
{
    struct end *v = e;
    do {
        end_close(v);
        v = v->victim;
    } while (v != e);
}

static void handles_may_remove_themselves(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct loop *l = loop_new();
    struct end ends[COUNT];
    for (int i = 0; i < COUNT; i++) {
        end_open(&ends[i], l, LOOP_READ);
        ends[i].then = remove_myself;
        poke(&ends[i]);
    }
    loop_turn(l, 0);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(ends[i].calls, 1);
        assert_int_equal(ends[i].handle.fd, -1);
    }
    loop_free(l);
}

static void the_first_handle_may_remove_all_that_are_ready(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    struct loop *l = loop_new();
    struct end ends[COUNT];
    for (int i = 0; i < COUNT; i++) {
        end_open(&ends[i], l, LOOP_READ);
        ends[i].then = remove_ring;
        ends[i].victim = &ends[(i + 1) % COUNT];
        poke(&ends[i]);
    }
    loop_turn(l, 0);
    unsigned calls = 0;
    for (int i = 0; i < COUNT; i++) calls += ends[i].calls;
    assert_int_equal(calls, 1);
    loop_free(l);
}

static void reopen_victim(struct end *e)
{
    struct end *v = e->victim;
    if (v == NULL) return;
    e->victim = NULL;
    v->victim = NULL;
    end_close(v);
    end_open(v, e->loop, LOOP_READ); /* the same address, most likely the same fd */
}

static void a_new_handle_gets_no_event_of_an_old_one_at_its_place(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end a, b;
    end_open(&a, l, LOOP_READ);
    end_open(&b, l, LOOP_READ);
    a.then = b.then = reopen_victim;
    a.victim = &b;
    b.victim = &a;
    poke(&a);
    poke(&b);
    loop_turn(l, 0);
    assert_int_equal(a.calls + b.calls, 1);
    end_close(&a);
    end_close(&b);
    loop_free(l);
}

static void want_nothing_of_victim(struct end *e)
{
    assert_int_equal(loop_set_events(e->loop, &e->victim->handle, 0), 0);
}

static void events_that_are_no_longer_wanted_are_dropped(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end a, b;
    end_open(&a, l, LOOP_READ);
    end_open(&b, l, LOOP_READ);
    a.then = b.then = want_nothing_of_victim;
    a.victim = &b;
    b.victim = &a;
    poke(&a);
    poke(&b);
    loop_turn(l, 0);
    assert_int_equal(a.calls + b.calls, 1);
    end_close(&a);
    end_close(&b);
    loop_free(l);
}

/* --- nested turns --- */

static unsigned hook_calls;
static void count_hook(void *ctx)
{
    (void)ctx;
    hook_calls++;
}

static void turn_inside(struct end *e)
{
    e->then = NULL;
    poke(e); /* ready again, while its callback runs */
    poke(e->victim);
    unsigned hooks = hook_calls;
    loop_turn(e->loop, 0);
    loop_turn(e->loop, 0);
    assert_int_equal(loop_depth(e->loop), 1);
    assert_int_equal(hook_calls, hooks);
    assert_int_equal(e->calls, 1);
    assert_int_equal(e->victim->calls, 1);
}

static void a_nested_turn_serves_others_but_not_the_running_handle(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end a, b;
    end_open(&a, l, LOOP_READ);
    end_open(&b, l, LOOP_READ);
    a.then = turn_inside;
    a.victim = &b;
    hook_calls = 0;
    loop_set_before_wait(l, count_hook, NULL);
    poke(&a);
    loop_turn(l, 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    assert_int_equal(loop_depth(l), 0);
    loop_turn(l, 0); /* what its callback sent itself */
    assert_int_equal(a.calls, 2);
    assert_int_equal(hook_calls, 2);
    end_close(&a);
    end_close(&b);
    loop_free(l);
}

static void remove_victim(struct end *e) { end_close(e->victim); }

static void poke_victim_and_turn(struct end *e)
{
    poke(e->victim);
    loop_turn(e->loop, 0);
    assert_int_equal(e->handle.fd, -1);
}

static void a_nested_turn_may_remove_the_running_handle(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end a, b;
    end_open(&a, l, LOOP_READ);
    end_open(&b, l, LOOP_READ);
    a.then = poke_victim_and_turn;
    a.victim = &b;
    b.then = remove_victim;
    b.victim = &a;
    poke(&a);
    loop_turn(l, 0);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    loop_turn(l, 0);
    assert_int_equal(a.calls, 1);
    end_close(&b);
    loop_free(l);
}

static struct end remover; /* closes its victim */
static unsigned calls_when_removed;

static void turn_with_remover(struct end *e)
{
    e->then = NULL;
    e->victim->then = NULL;
    remover.victim = e->victim;
    poke(&remover);
    loop_turn(e->loop, 0);
    assert_int_equal(remover.calls, 1);
    assert_int_equal(e->victim->handle.fd, -1);
    calls_when_removed = e->victim->calls;
}

static void a_nested_turn_may_remove_what_the_outer_one_still_holds(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end a, b;
    end_open(&a, l, LOOP_READ);
    end_open(&b, l, LOOP_READ);
    end_open(&remover, l, LOOP_READ);
    remover.then = remove_victim;
    a.then = b.then = turn_with_remover; /* of the one that comes first */
    a.victim = &b;
    b.victim = &a;
    poke(&a);
    poke(&b);
    loop_turn(l, 0);
    struct end *removed = a.handle.fd < 0 ? &a : &b;
    assert_int_equal(removed->calls, calls_when_removed);
    assert_int_equal(removed->victim->calls, 1);
    end_close(removed->victim);
    end_close(&remover);
    loop_free(l);
}

/* --- timers --- */

struct test_timer {
    struct loop_timer timer; /* first */
    struct loop *loop;
    int id, again;
    int64_t delay_us;
    struct test_timer *stops;
};
static int fired[64], fired_count;

static void on_due(struct loop_timer *t)
{
    struct test_timer *tt = (struct test_timer *)t;
    assert_false(t->is_active);
    if (fired_count < 64) fired[fired_count++] = tt->id;
    if (tt->stops != NULL) loop_timer_stop(tt->loop, &tt->stops->timer);
    if (tt->again-- > 0) loop_timer_start(tt->loop, t, tt->delay_us);
}

static void start(struct test_timer *t, struct loop *l, int id, int64_t delay_us)
{
    *t = (struct test_timer){.timer = {.on_due = on_due}, .loop = l, .id = id, .delay_us = delay_us};
    loop_timer_start(l, &t->timer, delay_us);
}

static void timers_fire_in_order_and_not_early(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct test_timer t[4];
    fired_count = 0;
    int64_t begin = loop_now_us(l);
    start(&t[0], l, 0, 9000);
    start(&t[1], l, 1, 3000);
    start(&t[2], l, 2, 6000);
    start(&t[3], l, 3, 3000);
    loop_timer_start(l, &t[2].timer, 12000); /* moved */
    while (fired_count < 4) {
        int before = fired_count;
        loop_turn(l, 1000);
        for (int i = before; i < fired_count; i++) assert_true(loop_now_us(l) - begin >= t[fired[i]].delay_us);
    }
    assert_int_equal(fired[0], 1);
    assert_int_equal(fired[1], 3);
    assert_int_equal(fired[2], 0);
    assert_int_equal(fired[3], 2);
    assert_true(loop_now_us(l) - begin >= 12000);
    loop_free(l);
}

static void a_wait_ends_at_the_next_timer(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct test_timer t;
    fired_count = 0;
    start(&t, l, 1, 2000);
    loop_turn(l, -1); /* would wait for ever */
    loop_turn(l, 0);
    assert_int_equal(fired_count, 1);
    assert_false(t.timer.is_active);
    loop_free(l);
}

static void stopped_timers_do_not_fire(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct test_timer a, b;
    fired_count = 0;
    start(&a, l, 1, 0);
    start(&b, l, 2, 0);
    a.stops = &b;
    loop_timer_stop(l, &b.timer);
    loop_timer_stop(l, &b.timer);
    loop_timer_start(l, &b.timer, 0);
    loop_turn(l, 0);
    assert_int_equal(fired_count, 1);
    assert_int_equal(fired[0], 1);
    assert_false(b.timer.is_active);
    loop_free(l);
}

static void a_timer_of_no_delay_that_starts_itself_runs_once_a_turn(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct test_timer t;
    fired_count = 0;
    start(&t, l, 1, 0);
    t.again = 5;
    loop_turn(l, 0);
    assert_int_equal(fired_count, 1);
    loop_turn(l, 0);
    assert_int_equal(fired_count, 2);
    loop_timer_stop(l, &t.timer);
    loop_free(l);
}

/* --- signals, running --- */

static int signals_seen[65];
static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
    assert_int_equal((int)info->ssi_pid, (int)getpid());
    signals_seen[info->ssi_signo]++;
    loop_stop(ctx);
}

static void signals_come_through_the_loop(void **state)
{
    (void)state;
    sigset_t before;
    sigprocmask(SIG_SETMASK, NULL, &before);
    struct loop *l = loop_new();
    loop_on_signal(l, SIGUSR1, on_signal, l);
    loop_on_signal(l, SIGTERM, on_signal, l);
    loop_on_signal(l, SIGUSR1, on_signal, l);
    memset(signals_seen, 0, sizeof(signals_seen));
    kill(getpid(), SIGTERM);
    loop_run(l);
    assert_int_equal(signals_seen[SIGTERM], 1);
    assert_int_equal(signals_seen[SIGUSR1], 0);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGTERM);
    loop_run(l);
    assert_int_equal(signals_seen[SIGTERM], 2);
    assert_int_equal(signals_seen[SIGUSR1], 1);
    loop_free(l);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void a_forked_child_takes_its_signals_back(void **state)
{
    (void)state;
    sigset_t before;
    sigprocmask(SIG_SETMASK, NULL, &before);
    struct loop *l = loop_new();
    loop_on_signal(l, SIGTERM, on_signal, l);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        loop_restore_signals();
        kill(getpid(), SIGTERM);
        _exit(7); /* not reached: SIGTERM ends it */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
    loop_free(l);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static void stop_loop(struct end *e) { loop_stop(e->loop); }

static void running_ends_when_stopped(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end e;
    end_open(&e, l, LOOP_READ);
    e.then = stop_loop;
    poke(&e);
    loop_run(l);
    assert_int_equal(e.calls, 1);
    loop_stop(l);
    loop_run(l); /* returns at once */
    assert_int_equal(e.calls, 1);
    end_close(&e);
    loop_free(l);
}

static void poke_from_hook(void *ctx) { poke(ctx); }

static void the_hook_runs_before_the_wait(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct end e;
    end_open(&e, l, LOOP_READ);
    loop_set_before_wait(l, poke_from_hook, &e);
    loop_turn(l, -1); /* what the hook did wakes the wait */
    assert_int_equal(e.calls, 1);
    loop_set_before_wait(l, NULL, NULL);
    loop_set_dont_block(l, true);
    loop_turn(l, -1); /* does not wait */
    assert_int_equal(e.calls, 1);
    end_close(&e);
    loop_free(l);
}

static void the_clock_stands_still_within_a_turn(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    int64_t before = loop_now_us(l);
    for (volatile int i = 0; i < 200000; i++) {}
    assert_int_equal(loop_now_us(l), before);
    loop_turn(l, 0);
    assert_true(loop_now_us(l) > before);
    loop_free(l);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handles_are_called_for_what_they_want),
        cmocka_unit_test(readiness_is_told_again_until_it_is_read),
        cmocka_unit_test(a_hang_up_comes_with_the_wanted_events),
        cmocka_unit_test(the_same_fd_twice_and_bad_fds_are_refused),
        cmocka_unit_test(events_of_a_handle_that_another_removed_are_dropped),
        cmocka_unit_test(handles_may_remove_themselves),
        cmocka_unit_test(the_first_handle_may_remove_all_that_are_ready),
        cmocka_unit_test(a_new_handle_gets_no_event_of_an_old_one_at_its_place),
        cmocka_unit_test(events_that_are_no_longer_wanted_are_dropped),
        cmocka_unit_test(a_nested_turn_serves_others_but_not_the_running_handle),
        cmocka_unit_test(a_nested_turn_may_remove_the_running_handle),
        cmocka_unit_test(a_nested_turn_may_remove_what_the_outer_one_still_holds),
        cmocka_unit_test(timers_fire_in_order_and_not_early),
        cmocka_unit_test(a_wait_ends_at_the_next_timer),
        cmocka_unit_test(stopped_timers_do_not_fire),
        cmocka_unit_test(a_timer_of_no_delay_that_starts_itself_runs_once_a_turn),
        cmocka_unit_test(signals_come_through_the_loop),
        cmocka_unit_test(a_forked_child_takes_its_signals_back),
        cmocka_unit_test(running_ends_when_stopped),
        cmocka_unit_test(the_hook_runs_before_the_wait),
        cmocka_unit_test(the_clock_stands_still_within_a_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
