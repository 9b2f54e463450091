/* SPDX-License-Identifier: MIT */
/* Bytes that are no requests, or requests in an odd dress: everything that comes back until the close is compared. */
#include <stdio.h>
#include <string.h>

#include "tests/compat/pair.h"

struct input {
    const char *name;
    const char *bytes;
    size_t len;
    const char *expected; /* where keepsake answers otherwise on purpose, NULL: as redis-server does */
};
#define INPUT(name_, bytes_)                    \
    {                                           \
        name_, bytes_, sizeof(bytes_) - 1, NULL \
    }
/* redis-server looks for the line end with strchr: it takes a NUL for the end of what came, and waits for more. */
#define INPUT_OURS(name_, bytes_, expected_)         \
    {                                                \
        name_, bytes_, sizeof(bytes_) - 1, expected_ \
    }

static const struct input inputs[] = {
    INPUT("ping", "*1\r\n$4\r\nPING\r\n"),
    INPUT("two in one write", "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n"),
    INPUT("inline ping", "PING\r\n"),
    INPUT("inline ping, line feed alone", "PING\n"),
    INPUT("inline, blanks around", "   PING   \r\n"),
    INPUT("inline, empty lines", "\r\n\r\n\nPING\r\n"),
    INPUT("inline, blanks only", "    \r\nPING\r\n"),
    INPUT("inline, quotes", "ECHO \"a b\\x41\\n\\\"\"\r\nECHO 'a \\' b'\r\n"),
    INPUT("inline, empty argument", "ECHO \"\"\r\n"),
    INPUT("inline, unbalanced quotes", "ECHO \"abc\r\nPING\r\n"),
    INPUT("inline, unbalanced single quote", "ECHO 'abc\r\nPING\r\n"),
    INPUT("inline, text behind a quote", "ECHO \"abc\"def\r\nPING\r\n"),
    INPUT("inline, unknown command", "hello world\r\n"),
    INPUT("inline, then multibulk", "PING\r\n*1\r\n$4\r\nPING\r\n"),
    INPUT("inline, a tab", "ECHO\thi\r\n"),
    INPUT_OURS("inline, NUL bytes", "PI\0NG\r\nPING\r\n",
               "-ERR unknown command 'PI', with args beginning with: \r\n+PONG\r\n"),
    INPUT("HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    INPUT("POST", "POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    INPUT("multibulk 0", "*0\r\nPING\r\n"),
    INPUT("multibulk -1", "*-1\r\nPING\r\n"),
    INPUT("multibulk -10", "*-10\r\nPING\r\n"),
    INPUT("multibulk, no digits", "*abc\r\nPING\r\n"),
    INPUT("multibulk, empty", "*\r\nPING\r\n"),
    INPUT("multibulk, a blank", "* 1\r\n$4\r\nPING\r\n"),
    INPUT("multibulk, plus", "*+1\r\n$4\r\nPING\r\n"),
    INPUT("multibulk, leading zero", "*01\r\n$4\r\nPING\r\n"),
    INPUT("multibulk, too many", "*20000000000\r\n"),
    INPUT("multibulk, int32 + 1", "*2147483648\r\n"),
    INPUT("multibulk, past int64", "*99999999999999999999\r\n"),
    INPUT("multibulk, the most and nothing more", "*1024\r\n"),
    INPUT("bulk, no dollar", "*1\r\nPING\r\n"),
    INPUT("bulk, another sign", "*1\r\n:4\r\nPING\r\n"),
    INPUT_OURS("bulk, NUL for the sign", "*1\r\n\0004\r\nPING\r\n", "-ERR Protocol error: expected '$', got ' '\r\n"),
    INPUT("bulk, negative", "*1\r\n$-1\r\nPING\r\n"),
    INPUT("bulk, no digits", "*1\r\n$abc\r\nPING\r\n"),
    INPUT("bulk, empty", "*1\r\n$\r\nPING\r\n"),
    INPUT("bulk, over the limit", "*1\r\n$536870913\r\n"),
    INPUT("bulk, past int64", "*1\r\n$99999999999999999999\r\n"),
    INPUT("bulk, plus", "*1\r\n$+4\r\nPING\r\n"),
    INPUT("bulk, leading zero", "*1\r\n$04\r\nPING\r\n"),
    INPUT("bulk, empty argument", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"),
    INPUT("bulk, command with no name", "*1\r\n$0\r\n\r\nPING\r\n"),
    INPUT("bulk, line ends inside", "*2\r\n$4\r\nECHO\r\n$6\r\na\r\nb\r\n\r\n"),
    INPUT("bulk, another line end behind it", "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n"),
    INPUT("bulk, shorter than told", "*2\r\n$4\r\nECHO\r\n$10\r\nabc\r\n"),
    INPUT("error behind good ones", "*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n*1\r\n!\r\n"),
    INPUT("nothing", ""),
    INPUT("half a command", "*2\r\n$4\r\nECHO\r\n"),
    INPUT("half a line", "*2"),
    INPUT("unknown command", "*3\r\n$3\r\nfoo\r\n$3\r\nbar\r\n$3\r\nbaz\r\n"),
    INPUT("unknown command, line ends in it", "*2\r\n$5\r\nf\r\noo\r\n$4\r\nb\r\nr\r\n"),
    INPUT("unknown command, long arguments", "foo "
                                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                             "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
                                             "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n"),
    INPUT("wrong number of arguments", "*1\r\n$3\r\nGET\r\n*3\r\n$3\r\nGET\r\n$1\r\na\r\n$1\r\nb\r\n"),
    INPUT("case of the name", "*2\r\n$4\r\nEcHo\r\n$1\r\na\r\n"),
    INPUT("QUIT", "*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n"),
    INPUT("HELLO 3, then a null", "*2\r\n$5\r\nHELLO\r\n$1\r\n4\r\n*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n"),
    INPUT("HELLO, not a number", "HELLO abc\r\nHELLO 1\r\nHELLO 2 FOO\r\nHELLO 2 AUTH a\r\nHELLO 2 SETNAME\r\n"),
    INPUT("CLIENT REPLY",
          "CLIENT REPLY OFF\r\nPING\r\nCLIENT REPLY ON\r\nPING\r\nCLIENT REPLY SKIP\r\nPING\r\nPING\r\n"),
};

/* Lines and lengths too long to write down. */
static void add_long(struct bytes *b, unsigned which)
{
    static const struct {
        const char *before, *after;
        size_t count;
        char fill;
    } longs[] = {
        {"", "\r\nPING\r\n", 200000, 'a'},                        /* an inline command that is too big */
        {"", "", 200000, 'a'},                                    /* and one without an end */
        {"*", "\r\n", 200000, '1'},                               /* a count that is too big */
        {"*1\r\n$", "\r\n", 200000, '1'},                         /* a length that is too big */
        {"*2\r\n$4\r\nECHO\r\n$100000\r\n", "\r\n", 100000, 'x'}, /* a big bulk, fine */
        {"ECHO ", "\r\n", 60000, 'y'},                            /* a long inline command, fine */
        {"*2\r\n$4\r\nECHO\r\n$32768\r\n", "\r\nPING\r\n", 32768, 'z'},
        {"*1\r\n$40000\r\n", "\r\n", 40000, 'q'}, /* the name of a command */
    };
    if (which >= sizeof(longs) / sizeof(longs[0])) return;
    bytes_append(b, longs[which].before, strlen(longs[which].before));
    for (size_t i = 0; i < longs[which].count; i++) bytes_append(b, &longs[which].fill, 1);
    bytes_append(b, longs[which].after, strlen(longs[which].after));
}

static void run_input(struct pair *p, const char *name, const char *bytes, size_t len, const char *expected)
{
    char test[128];
    snprintf(test, sizeof(test), "protocol: %s", name);
    pair_begin(p, test, 2);
    enum wire_result judge = wire_until_closed(&p->judge.wire, bytes, len);
    enum wire_result ours = wire_until_closed(&p->ours.wire, bytes, len);
    struct bytes *j = &p->judge.wire.in, *o = &p->ours.wire.in;
    if (judge != WIRE_OK || ours != WIRE_OK)
        pair_fail(p, "%s did not close the connection", judge != WIRE_OK ? "redis-server" : "keepsake");
    else if (expected != NULL)
        pair_compare(p, (struct compare){0}, name, bytes, len, expected, strlen(expected), o->ptr, o->len);
    else
        pair_compare(p, (struct compare){0}, name, bytes, len, j->ptr, j->len, o->ptr, o->len);
    pair_end(p);
}

void protocol_run(struct pair *p)
{
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        run_input(p, inputs[i].name, inputs[i].bytes, inputs[i].len, inputs[i].expected);
    }
    for (unsigned i = 0;; i++) {
        struct bytes b = {0};
        char name[32];
        add_long(&b, i);
        if (b.len == 0) break;
        snprintf(name, sizeof(name), "long %u", i);
        run_input(p, name, b.ptr, b.len, NULL);
        bytes_free(&b);
    }
}
