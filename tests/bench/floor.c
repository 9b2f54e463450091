/* SPDX-License-Identifier: MIT */
/*
 * The floor: the least an epoll server can do for a request. It delimits requests and answers each with fixed bytes,
 * one read and one write a connection and turn; nothing is parsed further, stored or looked up. What it costs is the
 * kernel's share, which no server gets below. For redis-benchmark -t get,set,incr,ping with and without -P; values stay
 * within a connection's buffer.
 *
 *   floor --port 7000        on 127.0.0.1, until it is killed
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_BYTES (64 * 1024)
#define OUT_BYTES (256 * 1024) /* one write, but for replies much longer than their requests */
#define REPLY_BYTES_MAX 16
#define EVENTS 256

struct connection {
    int fd;
    size_t len;
    char in[IN_BYTES];
};

static char out[OUT_BYTES];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* "<kind><n>\r\n" at pos: the bytes of the line, 0 when it is cut. Trusts its client to send digits. */
static size_t number_line(const char *pos, const char *end, size_t *n)
{
    const char *q = pos + 1;
    size_t value = 0;
    for (; q < end && *q != '\r'; q++) value = value * 10 + (size_t)(*q - '0');
    *n = value;
    return end - q >= 2 ? (size_t)(q + 2 - pos) : 0;
}

/* Where the request at pos ends; NULL when it is cut. `*name` is its first argument, or the line itself. */
static const char *request_end(const char *pos, const char *end, const char **name)
{
    *name = pos;
    if (*pos != '*') {
        const char *newline = memchr(pos, '\n', (size_t)(end - pos));
        return newline != NULL ? newline + 1 : NULL;
    }
    size_t argc, len;
    size_t line = number_line(pos, end, &argc);
    if (line == 0) return NULL;
    pos += line;
    for (size_t i = 0; i < argc; i++) {
        line = pos < end ? number_line(pos, end, &len) : 0;
        if (line == 0 || (size_t)(end - pos) < line || (size_t)(end - pos) - line < len + 2) return NULL;
        if (i == 0) *name = pos + line;
        pos += line + len + 2;
    }
    return pos;
}

static size_t put_reply(char *to, char letter)
{
    const char *reply = "+PONG\r\n";
    switch (letter | 0x20) {
    case 's': reply = "+OK\r\n"; break;
    case 'g': reply = "$8\r\nxxxxxxxx\r\n"; break;
    case 'i': reply = ":1\r\n"; break;
    case 'c': reply = "*0\r\n"; break; /* CONFIG GET */
    }
    size_t len = 0;
    for (; reply[len] != '\0'; len++) to[len] = reply[len];
    return len;
}

/* The client reads what it asked for, so that waiting for room is no danger here. */
static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool answer(struct connection *c)
{
    const char *pos = c->in, *end = c->in + c->len, *name;
    size_t out_len = 0;
    while (pos < end) {
        const char *next = request_end(pos, end, &name);
        if (next == NULL) break;
        if (out_len > OUT_BYTES - REPLY_BYTES_MAX) {
            if (!send_all(c->fd, out, out_len)) return false;
            out_len = 0;
        }
        out_len += put_reply(out + out_len, *name);
        pos = next;
    }
    c->len = (size_t)(end - pos);
    if (c->len > 0) memmove(c->in, pos, c->len);
    return c->len < IN_BYTES && send_all(c->fd, out, out_len);
}

static void on_readable(struct connection *c)
{
    ssize_t n = recv(c->fd, c->in + c->len, IN_BYTES - c->len, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    c->len += n > 0 ? (size_t)n : 0;
    if (n > 0 && answer(c)) return;
    close(c->fd);
    free(c);
}

static void on_connection(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    int one = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct connection *c = malloc(sizeof(*c));
    if (c == NULL) die("malloc");
    c->fd = fd;
    c->len = 0;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) < 0) die("epoll_ctl");
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) die("socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) die("bind");
    if (listen(fd, 511) < 0) die("listen");
    return fd;
}

int main(int argc, char **argv)
{
    long port = argc == 3 && strcmp(argv[1], "--port") == 0 ? strtol(argv[2], NULL, 10) : 0;
    if (port <= 0 || port > 65535) {
        fprintf(stderr, "usage: floor --port <port>\n");
        return 2;
    }
    int listener = listen_on((uint16_t)port), epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) < 0) die("epoll");
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                on_connection(epoll, listener);
            else
                on_readable(events[i].data.ptr);
        }
    }
}
