/* SPDX-License-Identifier: MIT */
/*
 * One background thread for work that blocks and touches no shared keyspace: freeing huge
 * values, closing files. Started on the first job, with all signals blocked; a forked child has none and runs
 * jobs at once. Jobs are submitted by one thread, the one that runs the event loop; a job must not submit
 * another.
 */
#ifndef BASE_WORKER_H
#define BASE_WORKER_H

#include <stddef.h>

typedef void worker_fn(void *arg);

/* Runs fn(arg) in the background, in order of submission. */
void worker_submit(worker_fn *fn, void *arg);
/* Jobs submitted and not finished. */
size_t worker_pending(void);
/* Waits until all submitted jobs are done. */
void worker_drain(void);
/* First thing in a forked child: from now on jobs run in the caller. Jobs that were pending at the fork
 * are the parent's and are not run here. */
void worker_after_fork_in_child(void);

#endif
