/* SPDX-License-Identifier: MIT */
/*
 * Listeners: opening what the configuration names, and letting peers in or turning them away. The texts a peer gets when
 * it is turned away begin with Redis's own words: clients match them.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "server/state.h"

#define ACCEPTS_PER_TURN 1000
/* Descriptors that are not clients: listeners, epoll, signals, files, the log. */
#define FDS_RESERVED 32

static const char DENIED[] = "-DENIED Redis is running in protected mode: no password is set for the default user, so "
                             "only connections from the loopback "
                             "interface are accepted. Set a password with requirepass, bind to loopback addresses "
                             "only, or, when the network is trusted, "
                             "turn the protection off with 'CONFIG SET protected-mode no' from this host or "
                             "'protected-mode no' in the configuration.\r\n";

static void turn_away(int fd, const char *text)
{
    /* Best effort on a fresh socket; the peer may be gone already. */
    if (send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("rejected client did not read the reason");
    close(fd);
}

static bool is_protected(const struct server *s, int fd)
{
    const struct config *cfg = &s->config;
    bool has_password = cfg->requirepass != NULL && cfg->requirepass[0] != '\0';
    return cfg->protected_mode && !has_password && !socket_peer_is_local(fd);
}

static void admit(struct server *s, int fd, bool is_unix)
{
    if (s->clients.count >= s->config.maxclients) {
        s->stats.connections_rejected++;
        turn_away(fd, "-ERR max number of clients reached\r\n");
        return;
    }
    if (!is_unix && is_protected(s, fd)) {
        s->stats.connections_rejected++;
        turn_away(fd, DENIED);
        return;
    }
    if (!is_unix) {
        socket_set_nodelay(fd);
        if (s->config.tcp_keepalive_s > 0) socket_set_keepalive(fd, s->config.tcp_keepalive_s);
    }
    if (client_new(s, fd, is_unix) != NULL) s->stats.connections_received++;
}

static void on_connection(struct loop_handle *h, unsigned ready)
{
    (void)ready;
    struct listener *l = (struct listener *)h;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = socket_accept(h->fd);
        if (fd < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                log_warning("Accepting client connection: %s", strerror(errno));
            return;
        }
        admit(l->server, fd, l->is_unix);
    }
}

static bool add_listener(struct server *s, int fd, bool is_unix)
{
    struct client_registry *r = &s->clients;
    if (r->listener_count == LISTENERS_MAX) {
        close(fd);
        return false;
    }
    struct listener *l = &r->listeners[r->listener_count];
    *l = (struct listener){.handle = {.fd = -1, .on_ready = on_connection}, .server = s, .is_unix = is_unix};
    if (loop_add(s->loop, &l->handle, fd, LOOP_READ) != 0) {
        close(fd);
        return false;
    }
    r->listener_count++;
    return true;
}

/* One address of `bind`; a leading '-' makes it optional. */
static bool open_tcp(struct server *s, const struct config *cfg, const char *address, char *reason, size_t reason_size)
{
    bool is_optional = address[0] == '-';
    const char *host = address + is_optional;
    char error[SOCKET_ERROR_BYTES];
    int fd = socket_listen_tcp(host, cfg->port, cfg->tcp_backlog, error);
    if (fd < 0) {
        if (is_optional && socket_error_is_optional(errno)) return true;
        snprintf(reason, reason_size, "Could not create server TCP listening socket %s:%d: %s", host, cfg->port, error);
        return false;
    }
    if (add_listener(s, fd, false)) return true;
    snprintf(reason, reason_size, "Too many listening addresses (%d at most)", LISTENERS_MAX);
    return false;
}

bool listeners_open(struct server *s, const struct config *cfg, char *reason, size_t reason_size)
{
    for (unsigned i = 0; cfg->port != 0 && i < cfg->bind_count; i++) {
        if (cfg->bind[i][0] != '\0' && !open_tcp(s, cfg, cfg->bind[i], reason, reason_size)) return false;
    }
    if (cfg->unixsocket != NULL && cfg->unixsocket[0] != '\0') {
        char error[SOCKET_ERROR_BYTES];
        int fd = socket_listen_unix(cfg->unixsocket, (mode_t)cfg->unixsocketperm, cfg->tcp_backlog, error);
        if (fd < 0 || !add_listener(s, fd, true)) {
            snprintf(reason, reason_size, "Failed opening Unix socket %s: %s", cfg->unixsocket,
                     fd < 0 ? error : "too many listeners");
            return false;
        }
    }
    if (s->clients.listener_count == 0) {
        snprintf(reason, reason_size, "Configured to not listen anywhere: set port or unixsocket");
        return false;
    }
    return true;
}

void listeners_close(struct server *s)
{
    struct client_registry *r = &s->clients;
    for (unsigned i = 0; i < r->listener_count; i++) {
        int fd = r->listeners[i].handle.fd;
        loop_remove(s->loop, &r->listeners[i].handle);
        close(fd);
        if (r->listeners[i].is_unix && s->config.unixsocket != NULL) unlink(s->config.unixsocket);
    }
    r->listener_count = 0;
}

unsigned listeners_raise_fd_limit(unsigned maxclients)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return maxclients;
    rlim_t wanted = (rlim_t)maxclients + FDS_RESERVED;
    if (limit.rlim_cur >= wanted) return maxclients;
    struct rlimit raised = {.rlim_cur = wanted, .rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return maxclients;
    /* Not allowed past the hard limit: take what there is. */
    raised = (struct rlimit){.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit.rlim_cur = limit.rlim_max;
    return limit.rlim_cur > FDS_RESERVED ? (unsigned)(limit.rlim_cur - FDS_RESERVED) : 1;
}
