/* SPDX-License-Identifier: MIT */
/*
 * Servers as child processes of a test: each in a temporary folder of its own, on a unix socket, its output in a file. A child dies with
 * the test program, however that ends. Every wait is bounded.
 */
#ifndef SUPPORT_PROCESS_H
#define SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_ARGS_MAX 48
/* Long enough for a sanitizer build on a busy machine. */
#define PROCESS_WAIT_MS 30000

struct process {
    pid_t pid; /* 0: not running */
    char dir[64];
    char socket[80];
    char log[80]; /* standard output and error */
};

int64_t wait_clock_ms(void);
void wait_a_little(void); /* between two looks at something that will change: a few ms */

/* A new folder under /tmp. Exits the program when there is none to be had. */
void temp_dir_make(char *out, size_t size);
/* Removes the folder and what is in it. */
void temp_dir_remove(const char *dir);

/* Path of the server under test: $KEEPSAKE_SERVER, or the one of this build. */
const char *process_server_path(void);
/* Path or name of the distribution's server: $JUDGE_SERVER, or "redis-server". */
const char *process_judge_path(void);

/* Gives p a folder and the names in it; starts nothing. */
void process_prepare(struct process *p);
/* Runs program with args (NULL-terminated, without argv[0]) in p->dir; its output is appended to p->log. */
void process_spawn(struct process *p, const char *program, const char *const *args);
/* Waits for a connection on p->socket to be taken; false: the process ended (then it is reaped, *status its wait status) or did not get there in time. */
bool process_wait_ready(struct process *p, int *status);
bool process_is_running(struct process *p); /* reaps it when it is not */
/* Waits for the end; the wait status, or -1 when it did not end in time. */
int process_wait_exit(struct process *p);
/* Sends a signal and waits for the end; the wait status, or -1. */
int process_stop(struct process *p, int signo);
/* Kills what runs and removes the folder. */
void process_discard(struct process *p);
/* The output so far, NUL-terminated; the caller frees it. */
char *process_output(const struct process *p);
/* True when the output holds the text, at the latest after PROCESS_WAIT_MS. */
bool process_wait_output(const struct process *p, const char *text);

/* Connects to p->socket; -1. */
int process_connect(const struct process *p);
/* A whole file, NUL-terminated, or NULL. */
char *file_read(const char *path, size_t *len);
void file_write(const char *path, const void *bytes, size_t len);
bool file_exists(const char *path);

#endif
