/* SPDX-License-Identifier: MIT */
/*
 * Thin over the system calls. Each listener is made by a row of steps; the first that fails names itself in the error.
 */
#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PATH_MAX_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
_Static_assert(SOCKET_NAME_BYTES > INET6_ADDRSTRLEN + sizeof("[]:65535"), "a name has room for any IP address");
_Static_assert(SOCKET_NAME_BYTES > sizeof(((struct sockaddr_un *)0)->sun_path) + sizeof(":0"), "and for any path");

/* --- errors --- */

/* Writes the reason; leaves err in errno. Returns -1. */
static int __attribute__((format(printf, 3, 4))) refuse(char *error, int err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(error, SOCKET_ERROR_BYTES, fmt, args);
    va_end(args);
    errno = err;
    return -1;
}

/* "<name>: <step>: <errno in words>", and closes fd. */
static int refuse_step(char *error, const char *name, const char *step, int fd)
{
    int err = errno;
    if (fd >= 0) close(fd);
    return refuse(error, err, "%s: %s: %s", name, step, strerror(err));
}

bool socket_error_is_optional(int err)
{
    return err == EADDRNOTAVAIL || err == EAFNOSUPPORT || err == EPROTONOSUPPORT || err == ENOPROTOOPT ||
           err == ESOCKTNOSUPPORT || err == EPFNOSUPPORT;
}

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* --- listening on TCP --- */

static int listen_on(const struct addrinfo *ai, const char *name, int backlog, char *error)
{
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);
    if (fd < 0) return refuse_step(error, name, "socket", -1);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (ai->ai_family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) < 0) return refuse_step(error, name, "bind", fd);
    if (listen(fd, backlog) < 0) return refuse_step(error, name, "listen", fd);
    return fd;
}

static int resolve(const char *host, const char *port, int family, struct addrinfo **out)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    return getaddrinfo(host, port, &hints, out);
}

int socket_listen_tcp(const char *host, int port, int backlog, char *error)
{
    bool any6 = strcmp(host, "::*") == 0, any4 = strcmp(host, "*") == 0;
    bool is_ipv6 = strchr(host, ':') != NULL;
    char port_text[12], name[SOCKET_ERROR_BYTES / 2];
    snprintf(port_text, sizeof(port_text), "%d", port);
    snprintf(name, sizeof(name), is_ipv6 && !any6 ? "[%s]:%d" : "%s:%d", host, port);
    if (port < 0 || port > 65535) return refuse(error, EINVAL, "%s: not a port", name);
    struct addrinfo *list = NULL;
    const char *node = any4 || any6 ? NULL : host;
    int status = resolve(node, port_text, is_ipv6 ? AF_INET6 : AF_INET, &list);
    if (status != 0 && !is_ipv6 && !any4) status = resolve(node, port_text, AF_INET6, &list);
    if (status != 0) {
        int err = status == EAI_SYSTEM ? errno : EINVAL;
        return refuse(error, err, "%s: cannot resolve the address: %s", name, gai_strerror(status));
    }
    int fd = -1;
    for (const struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next) {
        fd = listen_on(ai, name, backlog, error);
    }
    int err = errno;
    freeaddrinfo(list);
    errno = err;
    return fd;
}

/* --- listening on a unix path --- */

/* True when connecting is refused: the file was left by a process that is gone. */
static bool nobody_answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool is_refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED;
    close(fd);
    return is_refused;
}

/* After a bind that found a file in its place. True when the file is out of the way. */
static bool remove_stale(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) < 0) return errno == ENOENT;
    return S_ISSOCK(st.st_mode) && nobody_answers(address) && unlink(address->sun_path) == 0;
}

static int bind_unix(int fd, const struct sockaddr_un *address)
{
    const struct sockaddr *a = (const struct sockaddr *)address;
    if (bind(fd, a, sizeof(*address)) == 0) return 0;
    if (errno != EADDRINUSE) return -1;
    if (remove_stale(address)) return bind(fd, a, sizeof(*address));
    errno = EADDRINUSE;
    return -1;
}

int socket_listen_unix(const char *path, mode_t perm, int backlog, char *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(path);
    if (len == 0) return refuse(error, EINVAL, "a unix socket needs a path");
    if (len > UNIX_PATH_MAX_BYTES) {
        return refuse(error, ENAMETOOLONG, "%.60s...: the path of a unix socket has at most %zu bytes, not %zu", path,
                      UNIX_PATH_MAX_BYTES, len);
    }
    memcpy(address.sun_path, path, len + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return refuse_step(error, path, "socket", -1);
    if (bind_unix(fd, &address) < 0) return refuse_step(error, path, "bind", fd);
    if (perm != 0 && chmod(path, perm) < 0) {
        refuse_step(error, path, "chmod", fd);
        int err = errno;
        unlink(path);
        errno = err;
        return -1;
    }
    if (listen(fd, backlog) < 0) return refuse_step(error, path, "listen", fd);
    return fd;
}

/* --- accepted connections --- */

int socket_accept(int listener)
{
    int fd;
    do {
        fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    return fd;
}

void socket_set_nodelay(int fd) { set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

/* Three probes, a third of the interval apart. */
void socket_set_keepalive(int fd, int interval_s)
{
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, interval_s > 0);
    if (interval_s <= 0) return;
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, interval_s);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s >= 3 ? interval_s / 3 : 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

/* --- names --- */

static void format_ip(char *out, int family, const void *address, in_port_t port)
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(family, address, text, sizeof(text));
    snprintf(out, SOCKET_NAME_BYTES, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, ntohs(port));
}

/* Of an address of `len` bytes as the kernel filled it in. */
static void format_address(char *out, const struct sockaddr_storage *storage, socklen_t len)
{
    if (storage->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, storage, sizeof(in));
        format_ip(out, AF_INET, &in.sin_addr, in.sin_port);
    } else if (storage->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, storage, sizeof(in6));
        format_ip(out, AF_INET6, &in6.sin6_addr, in6.sin6_port);
    } else if (storage->ss_family == AF_UNIX && len > offsetof(struct sockaddr_un, sun_path)) {
        struct sockaddr_un un;
        memcpy(&un, storage, sizeof(un));
        size_t path_len = len - offsetof(struct sockaddr_un, sun_path);
        snprintf(out, SOCKET_NAME_BYTES, "%.*s:0", (int)path_len, un.sun_path);
    }
}

void socket_local_name(int fd, char *out)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof(storage);
    memcpy(out, "?:0", 4);
    if (getsockname(fd, (struct sockaddr *)&storage, &len) == 0) format_address(out, &storage, len);
}

void socket_peer_name(int fd, char *out)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof(storage);
    memcpy(out, "?:0", 4);
    if (getpeername(fd, (struct sockaddr *)&storage, &len) < 0) return;
    if (storage.ss_family == AF_UNIX)
        socket_local_name(fd, out); /* the peer has no name of its own */
    else
        format_address(out, &storage, len);
}

static bool is_loopback4(uint32_t address) { return ntohl(address) >> 24 == 127; }

bool socket_peer_is_local(int fd)
{
    struct sockaddr_storage storage = {0};
    socklen_t len = sizeof(storage);
    if (getpeername(fd, (struct sockaddr *)&storage, &len) < 0) return false;
    if (storage.ss_family == AF_UNIX) return true;
    if (storage.ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, &storage, sizeof(in));
        return is_loopback4(in.sin_addr.s_addr);
    }
    if (storage.ss_family != AF_INET6) return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, &storage, sizeof(in6));
    if (IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr)) return true;
    uint32_t mapped;
    memcpy(&mapped, in6.sin6_addr.s6_addr + 12, sizeof(mapped));
    return IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && is_loopback4(mapped);
}
