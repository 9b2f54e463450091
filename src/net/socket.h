/* SPDX-License-Identifier: MIT */
/*
 * Sockets: listeners on TCP (IPv4, IPv6) and unix paths, and what is set on accepted ones. Errors are
 * texts with the address and errno in words.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SOCKET_NAME_BYTES 128 /* "[::1]:6379", a unix path as "/path:0" */
#define SOCKET_ERROR_BYTES 256

/* Both return a non-blocking, close-on-exec listening socket, or -1 with the reason in `error` (SOCKET_ERROR_BYTES)
 * and errno. */

/* `host` is an address, a name (its first usable address, IPv4 before IPv6), "*" (IPv4 any) or "::*" (IPv6 any). IPv6
 * listeners take IPv6 only. Port 0 takes a free one: see socket_local_name. error: "127.0.0.1:6379: bind: Address
 * already in use". */
int socket_listen_tcp(const char *host, int port, int backlog, char *error);
/* Replaces a stale socket file: one that nobody answers on; any other file is left and refused. perm 0: as umask
 * leaves it. The permissions are set before anybody can connect. */
int socket_listen_unix(const char *path, mode_t perm, int backlog, char *error);
/* True when the reason of a failed listen was that this host lacks the address or the family (EADDRNOTAVAIL,
 * EAFNOSUPPORT, EPROTONOSUPPORT ...): optional for addresses written with '-'. */
bool socket_error_is_optional(int err);

/* accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC; -1 with errno (EAGAIN: none waiting). */
int socket_accept(int listener);
void socket_set_nodelay(int fd);
/* Keep-alive probes after interval seconds; 0 turns them off. */
void socket_set_keepalive(int fd, int interval_s);
/* As Redis's CLIENT LIST shows addr and laddr: "127.0.0.1:50000", "[::1]:50000"; unix: "path:0" for both ends, cut when
 * it is longer than the buffer; "?:0" when unknown. `out` has SOCKET_NAME_BYTES. */
void socket_peer_name(int fd, char *out);
void socket_local_name(int fd, char *out);
/* True for loopback peers and unix sockets: protected mode lets them in. */
bool socket_peer_is_local(int fd);

#endif
