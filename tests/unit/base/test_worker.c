/* SPDX-License-Identifier: MIT */
#include "base/worker.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

#define JOBS 10000

static int numbers[JOBS];
static int order[JOBS];
static int done;

static void note(void *arg) { order[done++] = *(int *)arg; }

static void jobs_run_in_order(void **state)
{
    (void)state;
    done = 0;
    worker_drain(); /* nothing to wait for */
    assert_int_equal(worker_pending(), 0);
    for (int i = 0; i < JOBS; i++) {
        numbers[i] = i;
        worker_submit(note, &numbers[i]);
    }
    worker_drain();
    assert_int_equal(worker_pending(), 0);
    assert_int_equal(done, JOBS);
    for (int i = 0; i < JOBS; i++) assert_int_equal(order[i], i);
}

static pthread_barrier_t barrier;

static void wait_at_barrier(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&barrier);
}

static void a_running_job_is_pending(void **state)
{
    (void)state;
    done = 0;
    pthread_barrier_init(&barrier, NULL, 2);
    worker_submit(wait_at_barrier, NULL);
    worker_submit(note, &numbers[0]);
    assert_int_equal(worker_pending(), 2);
    pthread_barrier_wait(&barrier);
    worker_drain();
    assert_int_equal(worker_pending(), 0);
    pthread_barrier_destroy(&barrier);
}

static void free_block(void *block) { mem_free(block); }

static void memory_freed_in_the_background_is_counted(void **state)
{
    (void)state;
    worker_submit(free_block, NULL); /* the thread exists now */
    worker_drain();
    size_t before = mem_used();
    for (int i = 0; i < 1000; i++) worker_submit(free_block, mem_alloc(10000));
    worker_drain();
    assert_int_equal(mem_used(), before);
}

static void read_mask(void *mask) { pthread_sigmask(SIG_SETMASK, NULL, mask); }

static void the_thread_takes_no_signals(void **state)
{
    (void)state;
    sigset_t in_worker, here;
    sigemptyset(&in_worker);
    worker_submit(read_mask, &in_worker);
    worker_drain();
    pthread_sigmask(SIG_SETMASK, NULL, &here);
    const int signals[] = {SIGCHLD, SIGTERM, SIGINT, SIGUSR1, SIGPIPE};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        assert_true(sigismember(&in_worker, signals[i]));
        assert_false(sigismember(&here, signals[i]));
    }
}

static int run_in_child(void)
{
    worker_after_fork_in_child();
    done = 0;
    numbers[0] = 5;
    worker_submit(note, &numbers[0]);
    if (done != 1 || order[0] != 5) return 1; /* it ran before worker_submit returned */
    worker_drain();
    return worker_pending() == 0 ? 0 : 2;
}

/* The parent's thread is in the middle of a job, so the lock and the queue are in use at the fork. */
static void a_forked_child_runs_jobs_at_once(void **state)
{
    (void)state;
    done = 0;
    pthread_barrier_init(&barrier, NULL, 2);
    worker_submit(wait_at_barrier, NULL);
    worker_submit(note, &numbers[0]);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) _exit(run_in_child());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    done = 0;
    pthread_barrier_wait(&barrier);
    worker_drain();
    assert_int_equal(done, 1);
    pthread_barrier_destroy(&barrier);
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_in_order),
        cmocka_unit_test(a_running_job_is_pending),
        cmocka_unit_test(memory_freed_in_the_background_is_counted),
        cmocka_unit_test(the_thread_takes_no_signals),
        cmocka_unit_test(a_forked_child_runs_jobs_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
