/* SPDX-License-Identifier: MIT */
/* Sockets, limits and the protocol on the real wire. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/integration/harness.h"

static void start_tcp(struct server *s, const char *bind, const char *const *more)
{
    char port[16];
    const char *args[PROCESS_ARGS_MAX] = {"--port", port, "--bind", bind};
    unsigned n = 4;
    for (; *more != NULL; more++) args[n++] = *more;
    args[n] = NULL;
    s->port = free_port();
    snprintf(port, sizeof(port), "%d", s->port);
    server_start(s, args);
}

static void expect_ping(const char *host, int port)
{
    redisContext *c = server_connect_tcp(host, port);
    assert_int_equal(c->err, 0);
    expect_status(c, "PONG", "PING");
    redisFree(c);
}

static void expect_no_listener(const char *host, int port)
{
    redisContext *c = server_connect_tcp(host, port);
    assert_int_not_equal(c->err, 0);
    redisFree(c);
}

static bool host_has_ipv6(void)
{
    size_t len;
    char *text = file_read("/proc/net/if_inet6", &len);
    bool has = text != NULL && strstr(text, "00000000000000000000000000000001") != NULL;
    free(text);
    return has;
}

static void binds_ipv4(void **state)
{
    struct server *s = *state;
    start_tcp(s, "127.0.0.1", NO_ARGS);
    expect_ping("127.0.0.1", s->port);
    expect_no_listener("127.0.0.2", s->port);
}

static void binds_several_addresses(void **state)
{
    struct server *s = *state;
    start_tcp(s, "127.0.0.1 127.0.0.2 -::1", NO_ARGS);
    expect_ping("127.0.0.1", s->port);
    expect_ping("127.0.0.2", s->port);
    if (host_has_ipv6()) expect_ping("::1", s->port);
}

static void binds_ipv6(void **state)
{
    struct server *s = *state;
    if (!host_has_ipv6()) skip();
    start_tcp(s, "::1", NO_ARGS);
    expect_ping("::1", s->port);
    expect_no_listener("127.0.0.1", s->port);
}

static void leaves_out_an_optional_address(void **state)
{
    struct server *s = *state;
    /* Of the block for documentation: no host has it. */
    start_tcp(s, "127.0.0.1 -192.0.2.1", NO_ARGS);
    expect_ping("127.0.0.1", s->port);
}

static void refuses_a_taken_port(void **state)
{
    struct server *s = *state;
    char port[16];
    start_tcp(s, "127.0.0.1", NO_ARGS);
    struct server second = {0};
    process_prepare(&second.process);
    snprintf(port, sizeof(port), "%d", s->port);
    char *output = server_start_refused(&second, ARGS("--port", port, "--bind", "127.0.0.1", "--save", ""));
    expect_contains(output, port);
    expect_contains(output, "Address already in use");
    free(output);
    process_discard(&second.process);
    expect_ping("127.0.0.1", s->port);
}

static void unix_socket_has_its_permissions(void **state)
{
    struct server *s = *state;
    struct stat st;
    server_start(s, ARGS("--unixsocketperm", "700"));
    assert_int_equal(stat(s->process.socket, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void refuses_clients_over_the_limit(void **state)
{
    struct server *s = *state;
    server_start(s, ARGS("--maxclients", "3"));
    redisContext *second = server_connect(s), *third = server_connect(s);
    expect_status(second, "PONG", "PING");
    expect_status(third, "PONG", "PING");
    struct wire w = server_wire(s);
    assert_int_equal(wire_until_closed(&w, "", 0), WIRE_OK);
    assert_string_equal(w.in.ptr, "-ERR max number of clients reached\r\n");
    wire_close(&w);
    assert_int_equal(info_int(s->client, "rejected_connections"), 1);
    /* The place of one that leaves is free again. */
    redisFree(third);
    wait_info(s->client, "connected_clients", "2");
    third = server_connect(s);
    expect_status(third, "PONG", "PING");
    redisFree(second);
    redisFree(third);
}

static void wants_the_password(void **state)
{
    struct server *s = *state;
    static const char hello[] = "HELLO 3 AUTH default s3cret SETNAME me\r\nCLIENT GETNAME\r\n";
    int status;
    assert_true(server_start_bare(
        s, ARGS("--port", "0", "--unixsocket", s->process.socket, "--save", "", "--requirepass", "s3cret"), &status));
    s->client = server_connect(s);
    expect_error(s->client, "NOAUTH Authentication required.", "GET a");
    expect_error(s->client, "NOAUTH Authentication required.", "PING");
    expect_error(s->client, "WRONGPASS invalid username-password pair or user is disabled.", "AUTH wrong");
    expect_error(s->client, "WRONGPASS invalid username-password pair or user is disabled.", "AUTH nobody s3cret");
    expect_error(s->client, "NOAUTH Authentication required.", "GET a");
    expect_error(s->client, "NOAUTH HELLO must be called with the client already authenticated", "HELLO 3");
    expect_status(s->client, "OK", "AUTH s3cret");
    expect_status(s->client, "OK", "SET a 1");
    expect_status(s->client, "RESET", "RESET");
    expect_error(s->client, "NOAUTH Authentication required.", "GET a");
    expect_status(s->client, "OK", "AUTH default s3cret");
    expect_bulk(s->client, "1", "GET a");
    struct wire w = server_wire(s);
    assert_int_equal(wire_exchange(&w, hello, sizeof(hello) - 1, 2), WIRE_OK);
    expect_contains(w.in.ptr, "$2\r\nme\r\n");
    wire_close(&w);
}

static void password_at_run_time(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    expect_error(s->client,
                 "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
                 "configuration is correct?",
                 "AUTH x");
    expect_status(s->client, "OK", "CONFIG SET requirepass pw");
    redisContext *c = server_connect(s);
    expect_error(c, "NOAUTH Authentication required.", "GET a");
    expect_status(c, "OK", "AUTH pw");
    expect_status(s->client, "OK", "CONFIG SET requirepass %s", "");
    redisFree(c);
    c = server_connect(s);
    expect_nil(c, "GET a");
    redisFree(c);
}

static void bounds_what_strangers_send(void **state)
{
    static const struct {
        const char *request, *reply;
    } cases[] = {
        {"*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"},
        {"*1\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"},
    };
    struct server *s = *state;
    int status;
    assert_true(server_start_bare(
        s, ARGS("--port", "0", "--unixsocket", s->process.socket, "--save", "", "--requirepass", "pw"), &status));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire w = server_wire(s);
        assert_int_equal(wire_until_closed(&w, cases[i].request, strlen(cases[i].request)), WIRE_OK);
        assert_string_equal(w.in.ptr, cases[i].reply);
        wire_close(&w);
    }
}

static void closes_idle_clients(void **state)
{
    struct server *s = *state;
    server_start(s, ARGS("--timeout", "1"));
    struct wire w = server_wire(s);
    int64_t began_ms = wait_clock_ms();
    assert_int_equal(wire_exchange(&w, "PING\r\n", 6, 1), WIRE_OK);
    /* Waits for a reply that never comes. */
    assert_int_equal(wire_exchange(&w, "", 0, 1), WIRE_CLOSED);
    assert_true(wait_clock_ms() - began_ms >= 900);
    wire_close(&w);
    expect_closed(s->client, "PING");
    s->client = (redisFree(s->client), server_connect(s));
    expect_status(s->client, "OK", "CONFIG SET timeout 0");
}

static void closes_over_the_query_buffer_limit(void **state)
{
    struct server *s = *state;
    server_start(s, ARGS("--client-query-buffer-limit", "1mb"));
    size_t len = 3 << 20;
    struct bytes request = {0};
    char *filler = calloc(1, len);
    assert_non_null(filler);
    bytes_appendf(&request, "*2\r\n$4\r\nECHO\r\n$%zu\r\n", len + 100);
    bytes_append(&request, filler, len);
    struct wire w = server_wire(s);
    assert_int_equal(wire_exchange(&w, request.ptr, request.len, 1), WIRE_CLOSED);
    wire_close(&w);
    bytes_free(&request);
    free(filler);
    expect_status(s->client, "PONG", "PING");
    expect_error(s->client, "ERR CONFIG SET failed", "CONFIG SET client-query-buffer-limit 1000");
}

static void closes_over_the_output_buffer_limit(void **state)
{
    struct server *s = *state;
    server_start(s, ARGS("--client-output-buffer-limit", "normal 1mb 0 0"));
    char *value = malloc(200000);
    assert_non_null(value);
    memset(value, 'v', 200000);
    redisReply *r = ask(s->client, "SET big %b", value, (size_t)200000);
    freeReplyObject(r);
    free(value);
    struct wire w = server_wire(s);
    struct bytes request = {0};
    for (int i = 0; i < 400; i++) bytes_appendf(&request, "GET big\r\n");
    /* Nothing is read, so that the replies pile up at the server. */
    assert_int_equal(send(w.fd, request.ptr, request.len, MSG_NOSIGNAL), (ssize_t)request.len);
    bytes_free(&request);
    wait_info(s->client, "client_output_buffer_limit_disconnections", "1");
    wait_info(s->client, "connected_clients", "1");
    wire_close(&w);
    expect_int(s->client, 200000, "STRLEN big");
}

static void bounds_bulks(void **state)
{
    static const char request[] = "*2\r\n$4\r\nECHO\r\n$1048577\r\n";
    struct server *s = *state;
    server_start(s, ARGS("--proto-max-bulk-len", "1mb"));
    struct wire w = server_wire(s);
    assert_int_equal(wire_until_closed(&w, request, sizeof(request) - 1), WIRE_OK);
    assert_string_equal(w.in.ptr, "-ERR Protocol error: invalid bulk length\r\n");
    wire_close(&w);
    expect_error(s->client, "ERR string exceeds maximum allowed size (proto-max-bulk-len)", "SETRANGE a 1048577 x");
}

/* Nothing is left of what the first part brought: the server has looked at it before it answers others. */
static void let_the_loop_turn(struct server *s)
{
    expect_status(s->client, "PONG", "PING");
    expect_status(s->client, "PONG", "PING");
}

static void takes_requests_cut_anywhere(void **state)
{
    static const char request[] =
        "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$7\r\nv\r\nl\r\nu\r\nPING\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
        "ECHO \"a b\"\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n";
    static const char replies[] = "+OK\r\n+PONG\r\n$7\r\nv\r\nl\r\nu\r\n$3\r\na b\r\n$0\r\n\r\n";
    struct server *s = *state;
    server_start(s, NO_ARGS);
    struct wire w = server_wire(s);
    for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
        assert_int_equal(send(w.fd, request, cut, MSG_NOSIGNAL), (ssize_t)cut);
        let_the_loop_turn(s);
        assert_int_equal(wire_exchange(&w, request + cut, sizeof(request) - 1 - cut, 5), WIRE_OK);
        assert_int_equal(w.in.len, sizeof(replies) - 1);
        assert_memory_equal(w.in.ptr, replies, sizeof(replies) - 1);
    }
    wire_close(&w);
}

static void takes_requests_byte_by_byte(void **state)
{
    static const char request[] = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n";
    struct server *s = *state;
    server_start(s, NO_ARGS);
    struct wire w = server_wire(s);
    for (size_t i = 0; i < sizeof(request) - 2; i++) {
        assert_int_equal(send(w.fd, request + i, 1, MSG_NOSIGNAL), 1);
        let_the_loop_turn(s);
    }
    assert_int_equal(wire_exchange(&w, "\n", 1, 2), WIRE_OK);
    assert_string_equal(w.in.ptr, "+OK\r\n$5\r\nvalue\r\n");
    wire_close(&w);
}

static void round_trip(struct server *s, size_t len)
{
    char *value = malloc(len + 1);
    assert_non_null(value);
    uint32_t x = (uint32_t)len;
    for (size_t i = 0; i < len; i++) value[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    struct bytes request = {0};
    bytes_appendf(&request, "PING\r\n*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n");
    bytes_append_bulk(&request, value, len);
    bytes_appendf(&request, "*2\r\n$3\r\nGET\r\n$3\r\nbig\r\nPING\r\n");
    struct wire w = server_wire(s);
    assert_int_equal(wire_exchange(&w, request.ptr, request.len, 4), WIRE_OK);
    struct bytes want = {0};
    bytes_appendf(&want, "+PONG\r\n+OK\r\n");
    bytes_append_bulk(&want, value, len);
    bytes_appendf(&want, "+PONG\r\n");
    assert_int_equal(w.in.len, want.len);
    assert_memory_equal(w.in.ptr, want.ptr, want.len);
    wire_close(&w);
    bytes_free(&want);
    bytes_free(&request);
    free(value);
}

static void carries_values_of_every_size(void **state)
{
    static const size_t sizes[] = {0,     1,     11,    12,    43,    44,    45,    191,    192,     193,     4095,
                                   16383, 16384, 32767, 32768, 32769, 65535, 65536, 100000, 1 << 20, 5000000, 40 << 20};
    struct server *s = *state;
    server_start(s, NO_ARGS);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) round_trip(s, sizes[i]);
}

static void takes_long_pipelines(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    struct bytes request = {0}, want = {0};
    for (int i = 0; i < 20000; i++) {
        char key[32];
        int n = snprintf(key, sizeof(key), "key:%d", i % 500);
        bytes_appendf(&request, "*2\r\n$4\r\nINCR\r\n");
        bytes_append_bulk(&request, key, (size_t)n);
        bytes_appendf(&want, ":%d\r\n", i / 500 + 1);
    }
    struct wire w = server_wire(s);
    assert_int_equal(wire_exchange(&w, request.ptr, request.len, 20000), WIRE_OK);
    assert_int_equal(w.in.len, want.len);
    assert_memory_equal(w.in.ptr, want.ptr, want.len);
    wire_close(&w);
    bytes_free(&request);
    bytes_free(&want);
}

static void serves_many_clients(void **state)
{
    enum { CLIENTS = 200 };
    struct server *s = *state;
    redisContext *clients[CLIENTS];
    server_start(s, NO_ARGS);
    for (int i = 0; i < CLIENTS; i++) clients[i] = server_connect(s);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CLIENTS; i++) assert_int_equal(redisAppendCommand(clients[i], "INCR n"), REDIS_OK);
        for (int i = 0; i < CLIENTS; i++) {
            void *reply = NULL;
            assert_int_equal(redisGetReply(clients[i], &reply), REDIS_OK);
            assert_int_equal(((redisReply *)reply)->type, REDIS_REPLY_INTEGER);
            freeReplyObject(reply);
        }
    }
    expect_bulk(s->client, "600", "GET n");
    assert_int_equal(info_int(s->client, "connected_clients"), CLIENTS + 1);
    for (int i = 0; i < CLIENTS; i++) redisFree(clients[i]);
    wait_info(s->client, "connected_clients", "1");
}

static void kills_clients(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    redisContext *other = server_connect(s);
    long long id = ask_int(other, "CLIENT ID");
    expect_int(s->client, 1, "CLIENT KILL ID %lld", id);
    expect_closed(other, "PING");
    redisFree(other);
    expect_int(s->client, 0, "CLIENT KILL ID %lld", id);
    expect_error(s->client, "ERR No such client", "CLIENT KILL 127.0.0.1:1");
}

static void survives_clients_that_go_away(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    for (int i = 0; i < 50; i++) {
        struct wire w = server_wire(s);
        /* A command that is not whole, replies that nobody reads, a big bulk in its middle. */
        static const char *const parts[] = {"*3\r\n$3\r\nSET\r\n$1\r\na\r\n", "PING\r\nPING\r\nPING\r\n",
                                            "*2\r\n$4\r\nECHO\r\n$100000\r\nabc"};
        const char *part = parts[i % 3];
        assert_int_equal(send(w.fd, part, strlen(part), MSG_NOSIGNAL), (ssize_t)strlen(part));
        wire_close(&w);
    }
    wait_info(s->client, "connected_clients", "1");
    expect_int(s->client, 0, "EXISTS a");
}

static void counts_protocol_errors_and_goes_on(void **state)
{
    struct server *s = *state;
    server_start(s, NO_ARGS);
    struct wire w = server_wire(s);
    assert_int_equal(wire_until_closed(&w, "PING\r\n*1\r\n!\r\nPING\r\n", 20), WIRE_OK);
    assert_string_equal(w.in.ptr, "+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n");
    wire_close(&w);
    expect_status(s->client, "PONG", "PING");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(binds_ipv4),
        SERVER_TEST(binds_several_addresses),
        SERVER_TEST(binds_ipv6),
        SERVER_TEST(leaves_out_an_optional_address),
        SERVER_TEST(refuses_a_taken_port),
        SERVER_TEST(unix_socket_has_its_permissions),
        SERVER_TEST(refuses_clients_over_the_limit),
        SERVER_TEST(wants_the_password),
        SERVER_TEST(password_at_run_time),
        SERVER_TEST(bounds_what_strangers_send),
        SERVER_TEST(closes_idle_clients),
        SERVER_TEST(closes_over_the_query_buffer_limit),
        SERVER_TEST(closes_over_the_output_buffer_limit),
        SERVER_TEST(bounds_bulks),
        SERVER_TEST(takes_requests_cut_anywhere),
        SERVER_TEST(takes_requests_byte_by_byte),
        SERVER_TEST(carries_values_of_every_size),
        SERVER_TEST(takes_long_pipelines),
        SERVER_TEST(serves_many_clients),
        SERVER_TEST(kills_clients),
        SERVER_TEST(survives_clients_that_go_away),
        SERVER_TEST(counts_protocol_errors_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
