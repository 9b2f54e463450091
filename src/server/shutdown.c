/* SPDX-License-Identifier: MIT */
/*
 * Shutdown, by command or signal: save when there are rules and something changed (or when told to), end a running child,
 * leave no socket or pid file behind. A save that fails keeps the server up, unless forced.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "server/state.h"

/* What a shutdown with these flags would do about saving. */
static bool wants_save(const struct server *s, unsigned flags)
{
    if ((flags & SHUTDOWN_NOSAVE) != 0 || s->persistence.loading) return false;
    if ((flags & SHUTDOWN_SAVE) != 0) return true;
    return snapshot_has_rules(s) && s->dirty > 0;
}

/* False, with the reason in `error`, when the server stays up. */
static bool prepare(struct server *s, unsigned flags, char *error, size_t error_size)
{
    log_warning("User requested shutdown...");
    snapshot_cancel(s);
    if (!wants_save(s, flags)) return true;
    log_notice("Saving the final RDB snapshot before exiting.");
    struct rdb_error reason;
    if (snapshot_save_now(s, &reason) == SNAPSHOT_OK) return true;
    if ((flags & SHUTDOWN_FORCE) != 0) {
        log_warning("Exiting without a snapshot, as forced");
        return true;
    }
    log_warning("Error trying to save the DB, can't exit: %s", reason.text);
    snprintf(error, error_size, "ERR Errors trying to SHUTDOWN. Check logs.");
    return false;
}

bool server_shutdown(struct server *s, unsigned flags, char *error, size_t error_size)
{
    if (!prepare(s, flags, error, error_size)) return false;
    s->shutdown.is_done = true;
    loop_stop(s->loop);
    return true;
}

/* Without replicas a shutdown never waits, so there is never one to abort. */
bool server_shutdown_abort(struct server *s)
{
    (void)s;
    return false;
}

void shutdown_on_signal(struct server *s, int signo)
{
    const char *name = signo == SIGINT ? "SIGINT" : "SIGTERM";
    if (s->shutdown.signals++ > 0) {
        log_warning("You insist... exiting now.");
        snapshot_cancel(s);
        _exit(1);
    }
    log_warning("Received %s scheduling shutdown...", name);
    s->shutdown.is_asked = true;
    s->shutdown.flags = signo == SIGINT ? s->config.shutdown_on_sigint : s->config.shutdown_on_sigterm;
}

void shutdown_cron(struct server *s)
{
    if (!s->shutdown.is_asked) return;
    char error[128];
    if (server_shutdown(s, s->shutdown.flags, error, sizeof(error))) return;
    log_warning("Errors trying to shut down the server. Check the logs for more information.");
    s->shutdown.is_asked = false;
    s->shutdown.signals = 0;
}
