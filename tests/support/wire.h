/* SPDX-License-Identifier: MIT */
/*
 * The client's end of the wire, with nothing in between: requests as bytes, replies as the bytes they are. RESP2 and RESP3.
 */
#ifndef SUPPORT_WIRE_H
#define SUPPORT_WIRE_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
    char *ptr;
    size_t len, cap;
};
void bytes_append(struct bytes *b, const void *data, size_t len);
void bytes_appendf(struct bytes *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bytes_free(struct bytes *b); /* leaves it empty and usable */
/* Appends the bytes as text: printable ones as they are, others as escapes, at most max of them. */
void bytes_append_shown(struct bytes *b, const char *data, size_t len, size_t max);
/* Appends one argument of a request: "$3\r\nfoo\r\n". */
void bytes_append_bulk(struct bytes *b, const void *data, size_t len);

/* Length of the reply that data begins with; 0: not whole yet; -1: no reply. */
long wire_reply_length(const char *data, size_t len);

struct wire {
    int fd; /* -1: not connected */
    struct bytes in;
    size_t taken; /* of in, by replies already given out */
};

/* Takes over a connected socket. */
void wire_init(struct wire *w, int fd);
void wire_close(struct wire *w);

enum wire_result { WIRE_OK, WIRE_CLOSED, WIRE_TIMEOUT, WIRE_GARBAGE };
/* Sends request and waits for so many replies, reading while it writes. The replies stay in `in` and are taken with wire_next. */
enum wire_result wire_exchange(struct wire *w, const char *request, size_t len, size_t replies);
/* The next reply of an exchange; valid until the next exchange. */
bool wire_next(struct wire *w, const char **reply, size_t *len);
/* Sends the bytes, ends the sending side, and collects everything until the server closes. */
enum wire_result wire_until_closed(struct wire *w, const char *request, size_t len);

/* Sends one inline command and gives its reply: for set-up. False unless it went well. */
bool wire_command(struct wire *w, const char *line, const char **reply, size_t *len);

#endif
