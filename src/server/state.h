/* SPDX-License-Identifier: MIT */
/*
 * The body of struct server. Private to src/server/: commands use server.h, lower layers never see it.
 * Each group below belongs to the module named beside it.
 */
#ifndef SERVER_STATE_H
#define SERVER_STATE_H

#include "net/loop.h"
#include "server/client.h"
#include "server/command.h"
#include "server/server.h"
#include "server/snapshot.h"

#define LISTENERS_MAX 32
#define READ_BUFFER_BYTES (64 * 1024)

struct listener {
    struct loop_handle handle;
    struct server *server;
    bool is_unix;
};

/* client.c, listen.c */
struct client_registry {
    struct client *first, *last;
    struct client *pending_write, *closing;
    struct client *cron_next; /* where the periodic visit goes on */
    uint64_t next_id;
    unsigned count;
    struct listener listeners[LISTENERS_MAX];
    unsigned listener_count;
    char *read_buffer; /* shared by all: an idle connection holds none */
    struct resp_batch batch;
    unsigned fd_limit_clients; /* what RLIMIT_NOFILE leaves for clients */
};

/* snapshot.c */
struct snapshot {
    pid_t child_pid; /* 0: IDLE */
    char *path;      /* absolute, of the running child's file: dir may change meanwhile */
    int progress_fd; /* the child's end of the pipe is its own; -1: none */
    uint64_t dirty_at_fork;
    int64_t started_us;
    int64_t last_try_s;
    bool is_scheduled;
    struct hugepage_repair *repair; /* NULL: nothing to mend */
    int64_t repair_started_us;
};

/* shutdown.c */
struct shutdown {
    bool is_asked; /* by a signal: done in cron */
    unsigned flags;
    bool is_done; /* the loop is told to stop */
    unsigned signals;
};

/* blocking.c */
struct blocking {
    struct hashtable **tables; /* of waited-for keys, by database; NULL until the first client blocks */
    struct waited_key *ready, *ready_last;
    struct blocked **deadlines; /* a heap, the earliest first */
    unsigned deadline_count, deadline_cap;
    unsigned clients, keys;
    struct client *resuming, *resuming_last; /* unblocked ones with requests to go on with */
    struct loop_timer timer;
    bool is_serving;
};

/* A request that is executed later: its arguments in memory of its own. */
struct request {
    struct request *next;
    const struct command *command;
    struct resp_command args;
    struct arg argv[];
};

struct server {
    struct config config;
    struct loop *loop;
    struct keyspace *keyspace;
    struct rng rng;
    struct client_registry clients;
    struct blocking blocking;
    struct snapshot snapshot;
    struct shutdown shutdown;
    struct server_stats stats;
    struct persistence_stats persistence;
    struct error_kind errors[ERROR_KINDS_MAX];
    unsigned error_kind_count;
    uint64_t dirty;
    /* the clock of the command being executed */
    int64_t now_ms;
    uint64_t now_ticks, clock_read_ticks;
    /* cron */
    struct loop_timer cron;
    uint64_t cron_turns;
    int hz; /* in force: dynamic-hz may raise it */
    int64_t last_sample_us;
    uint64_t sampled_commands, sampled_in, sampled_out;
    unsigned sample_slot;
    double ops_ring[16], in_ring[16], out_ring[16];
    bool active_expire;
    /* process */
    int64_t start_s, start_us;
    size_t startup_memory;
    char run_id[41];
    char executable[256];
    bool is_supervised;
};

/* --- listen.c --- */
/* Opens what the configuration asks for; false and a reason when an address that is not optional fails. */
bool listeners_open(struct server *s, const struct config *cfg, char *reason, size_t reason_size);
void listeners_close(struct server *s);
/* Raises RLIMIT_NOFILE for so many clients; returns how many it is good for. */
unsigned listeners_raise_fd_limit(unsigned maxclients);

/* --- client.c --- */
void clients_init(struct server *s);
struct client *client_new(struct server *s, int fd, bool is_unix);
void clients_before_wait(struct server *s); /* sends replies, frees the closed */
void clients_cron(struct server *s);        /* timeouts, soft limits, idle memory */
void client_queue_write(struct client *c);
/* In a snapshot child: drops the descriptors, so that the parent's closes are seen by peers. */
void clients_close_fds_in_child(struct server *s);

void client_resume(struct client *c); /* goes on with what was sent behind a request that blocked */

/* --- dispatch.c --- */
/* Executes a batch for a client, with the lookups of its keys overlapped. What stands behind a request that blocks is queued. */
void dispatch_batch(struct client *c, struct resp_batch *batch);
/* Executes one request, with all checks. */
void dispatch_one(struct client *c, const struct command *cmd, const struct resp_command *request);
/* A request that blocked has its reply now. */
void dispatch_replied(struct client *c);
/* A copy that owns its arguments; big bulks are taken over. */
struct request *request_save(const struct command *cmd, const struct resp_command *args);
void request_free(struct request *r);

/* --- blocking.c --- */
/* A key was changed while somebody waits for keys (clients > 0). */
void blocking_key_changed(struct server *s, struct db *db, struct slice key);
/* Executes the requests that wait for keys that are ready now. */
void blocking_serve(struct server *s);
/* The client closes: it is taken out of everything. */
void blocking_forget(struct client *c);
/* Unblocked clients go on with their pipelines. */
void blocking_resume_clients(struct server *s);
void server_refresh_clock(struct server *s);
void errors_count(struct server *s, const char *error);

/* --- cron.c --- */
void cron_start(struct server *s);

/* --- startup.c --- */
void server_leave(struct server *s); /* removes sockets and the pid file */
bool server_apply_config(void *ctx, const struct config *old_values, const struct config *new_values, unsigned effects,
                         char *reason, size_t reason_size);

/* --- shutdown.c --- */
void shutdown_on_signal(struct server *s, int signo);
void shutdown_cron(struct server *s);

/* --- process.c --- */
void process_set_title(const struct config *cfg);
bool process_daemonize(void);
bool process_write_pidfile(const char *path);
void process_log_from_config(const struct config *cfg);
void process_install_crash_report(void);
/* Tells the supervisor (systemd: NOTIFY_SOCKET, upstart: stops until it goes on) that the server is ready. False: there is none. */
bool process_notify_ready(enum supervised_mode mode);

#endif
