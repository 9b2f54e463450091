/* SPDX-License-Identifier: MIT */
#include "tests/support/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/process.h"

#define WIRE_DEPTH_MAX 32

static void bytes_reserve(struct bytes *b, size_t more)
{
    if (b->cap - b->len >= more) return;
    b->cap = (b->len + more) * 2;
    b->ptr = realloc(b->ptr, b->cap);
    if (b->ptr == NULL) abort();
}

void bytes_append(struct bytes *b, const void *data, size_t len)
{
    bytes_reserve(b, len + 1);
    if (len > 0) memcpy(b->ptr + b->len, data, len);
    b->len += len;
    b->ptr[b->len] = '\0';
}

void bytes_appendf(struct bytes *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = NULL;
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (len < 0) abort();
    bytes_append(b, text, (size_t)len);
    free(text);
}

void bytes_free(struct bytes *b)
{
    free(b->ptr);
    *b = (struct bytes){0};
}

void bytes_append_shown(struct bytes *b, const char *data, size_t len, size_t max)
{
    for (size_t i = 0; i < len && i < max; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '\r')
            bytes_append(b, "\\r", 2);
        else if (c == '\n')
            bytes_append(b, "\\n", 2);
        else if (c == '\\' || c == '"')
            bytes_appendf(b, "\\%c", c);
        else if (c >= ' ' && c < 127)
            bytes_append(b, &c, 1);
        else
            bytes_appendf(b, "\\x%02x", c);
    }
    if (len > max) bytes_appendf(b, "... (%zu bytes)", len);
}

void bytes_append_bulk(struct bytes *b, const void *data, size_t len)
{
    bytes_appendf(b, "$%zu\r\n", len);
    bytes_append(b, data, len);
    bytes_append(b, "\r\n", 2);
}

/* Offset just behind the line end at or after `at`; 0 when there is none. */
static size_t line_end(const char *data, size_t len, size_t at)
{
    const char *nl = at < len ? memchr(data + at, '\n', len - at) : NULL;
    return nl == NULL ? 0 : (size_t)(nl - data) + 1;
}

static long reply_length_at(const char *data, size_t len, size_t at, int depth)
{
    size_t body = line_end(data, len, at);
    if (body == 0) return 0;
    if (depth > WIRE_DEPTH_MAX || body - at < 3 || data[body - 2] != '\r') return -1;
    char kind = data[at];
    if (strchr("+-:_,#(", kind) != NULL) return (long)body;
    if (strchr("$=!*%~>|", kind) == NULL) return -1;
    long count = strtol(data + at + 1, NULL, 10);
    if (count == -1) return (long)body;
    if (count < 0) return -1;
    if (strchr("$=!", kind) != NULL) return body + (size_t)count + 2 <= len ? (long)body + count + 2 : 0;
    /* An attribute stands before the reply it belongs to. */
    long parts = kind == '%' ? count * 2 : kind == '|' ? count * 2 + 1 : count;
    size_t end = body;
    for (long i = 0; i < parts; i++) {
        long next = reply_length_at(data, len, end, depth + 1);
        if (next <= 0) return next;
        end = (size_t)next;
    }
    return (long)end;
}

long wire_reply_length(const char *data, size_t len) { return reply_length_at(data, len, 0, 0); }

void wire_init(struct wire *w, int fd)
{
    *w = (struct wire){.fd = fd};
    if (fd >= 0) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0) close(w->fd);
    w->fd = -1;
    bytes_free(&w->in);
    w->taken = 0;
}

/* Reads what is there. WIRE_TIMEOUT: nothing was. */
static enum wire_result read_some(struct wire *w)
{
    bytes_reserve(&w->in, 1 << 16);
    ssize_t n = read(w->fd, w->in.ptr + w->in.len, w->in.cap - w->in.len - 1);
    if (n == 0) return WIRE_CLOSED;
    if (n < 0) return errno == EAGAIN || errno == EINTR ? WIRE_TIMEOUT : WIRE_CLOSED;
    w->in.len += (size_t)n;
    w->in.ptr[w->in.len] = '\0';
    return WIRE_OK;
}

/* Sends what fits. False: the other end is gone. */
static bool write_some(struct wire *w, const char *request, size_t len, size_t *sent)
{
    ssize_t n = send(w->fd, request + *sent, len - *sent, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    *sent += (size_t)n;
    return true;
}

enum wire_result wire_exchange(struct wire *w, const char *request, size_t len, size_t replies)
{
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    size_t sent = 0, parsed = 0;
    w->in.len = w->taken = 0;
    if (w->fd < 0) return WIRE_CLOSED;
    for (;;) {
        while (replies > 0 && parsed < w->in.len) {
            long n = wire_reply_length(w->in.ptr + parsed, w->in.len - parsed);
            if (n < 0) return WIRE_GARBAGE;
            if (n == 0) break;
            parsed += (size_t)n;
            replies--;
        }
        if (replies == 0 && sent == len) return WIRE_OK;
        if (wait_clock_ms() > deadline_ms) return WIRE_TIMEOUT;
        struct pollfd p = {.fd = w->fd, .events = (short)(POLLIN | (sent < len ? POLLOUT : 0))};
        if (poll(&p, 1, 100) <= 0) continue;
        if ((p.revents & POLLOUT) && !write_some(w, request, len, &sent)) sent = len;
        if ((p.revents & (POLLIN | POLLHUP | POLLERR)) && read_some(w) == WIRE_CLOSED) return WIRE_CLOSED;
    }
}

bool wire_next(struct wire *w, const char **reply, size_t *len)
{
    long n = w->taken < w->in.len ? wire_reply_length(w->in.ptr + w->taken, w->in.len - w->taken) : 0;
    if (n <= 0) return false;
    *reply = w->in.ptr + w->taken;
    *len = (size_t)n;
    w->taken += (size_t)n;
    return true;
}

enum wire_result wire_until_closed(struct wire *w, const char *request, size_t len)
{
    int64_t deadline_ms = wait_clock_ms() + PROCESS_WAIT_MS;
    size_t sent = 0;
    bool is_ended = false;
    w->in.len = w->taken = 0;
    while (wait_clock_ms() < deadline_ms) {
        if (sent == len && !is_ended) {
            shutdown(w->fd, SHUT_WR);
            is_ended = true;
        }
        struct pollfd p = {.fd = w->fd, .events = (short)(POLLIN | (sent < len ? POLLOUT : 0))};
        if (poll(&p, 1, 100) <= 0) continue;
        if ((p.revents & POLLOUT) && !write_some(w, request, len, &sent)) sent = len;
        if ((p.revents & (POLLIN | POLLHUP | POLLERR)) && read_some(w) == WIRE_CLOSED) return WIRE_OK;
    }
    return WIRE_TIMEOUT;
}

bool wire_command(struct wire *w, const char *line, const char **reply, size_t *len)
{
    struct bytes request = {0};
    bytes_appendf(&request, "%s\r\n", line);
    enum wire_result r = wire_exchange(w, request.ptr, request.len, 1);
    bytes_free(&request);
    return r == WIRE_OK && wire_next(w, reply, len);
}
