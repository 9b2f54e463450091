/* SPDX-License-Identifier: MIT */
/*
 * A queue under one lock. The thread runs jobs without the lock; a job counts as pending until
 * it has returned, so that worker_drain means what it says.
 *
 * A forked child may inherit the lock in any state and never touches it again.
 */
#include "base/worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "base/assert.h"
#include "base/mem.h"

struct job {
    worker_fn *fn;
    void *arg;
    struct job *next;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t submitted;
    pthread_cond_t drained;
    struct job *first;
    struct job *last;
    size_t pending;
    bool is_started;
    bool runs_in_caller; /* no thread: in a forked child, or none could be made */
} worker = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .submitted = PTHREAD_COND_INITIALIZER,
    .drained = PTHREAD_COND_INITIALIZER,
};

/* With the lock held. */
static struct job *take_job(void)
{
    while (worker.first == NULL) pthread_cond_wait(&worker.submitted, &worker.lock);
    struct job *job = worker.first;
    worker.first = job->next;
    if (worker.first == NULL) worker.last = NULL;
    return job;
}

static void *thread_main(void *unused)
{
    mem_register_thread();
    pthread_mutex_lock(&worker.lock);
    for (;;) {
        struct job *job = take_job();
        pthread_mutex_unlock(&worker.lock);
        job->fn(job->arg);
        mem_free_sized(job, sizeof(*job));
        pthread_mutex_lock(&worker.lock);
        if (--worker.pending == 0) pthread_cond_broadcast(&worker.drained);
    }
    return unused;
}

/* Signals belong to the thread that runs the event loop: the worker is made with all of them blocked. */
static bool start_thread(void)
{
    sigset_t all, old;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    bool ok = pthread_create(&thread, NULL, thread_main, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!ok) return false;
    pthread_setname_np(thread, "worker");
    pthread_detach(thread);
    return true;
}

static void enqueue(struct job *job)
{
    pthread_mutex_lock(&worker.lock);
    if (worker.last == NULL)
        worker.first = job;
    else
        worker.last->next = job;
    worker.last = job;
    worker.pending++;
    pthread_cond_signal(&worker.submitted);
    pthread_mutex_unlock(&worker.lock);
}

void worker_submit(worker_fn *fn, void *arg)
{
    ASSERT(fn != NULL);
    if (!worker.is_started && !worker.runs_in_caller) {
        worker.is_started = start_thread();
        worker.runs_in_caller = !worker.is_started;
    }
    if (worker.runs_in_caller) {
        fn(arg);
        return;
    }
    struct job *job = mem_alloc(sizeof(*job));
    *job = (struct job){.fn = fn, .arg = arg};
    enqueue(job);
}

size_t worker_pending(void)
{
    if (worker.runs_in_caller) return 0;
    pthread_mutex_lock(&worker.lock);
    size_t pending = worker.pending;
    pthread_mutex_unlock(&worker.lock);
    return pending;
}

void worker_drain(void)
{
    if (worker.runs_in_caller) return;
    pthread_mutex_lock(&worker.lock);
    while (worker.pending > 0) pthread_cond_wait(&worker.drained, &worker.lock);
    pthread_mutex_unlock(&worker.lock);
}

void worker_after_fork_in_child(void) { worker.runs_in_caller = true; }
