/* SPDX-License-Identifier: MIT */
#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/loop.h"

#define WAIT_US (10 * 1000 * 1000) /* for what comes at once unless it is broken */

static char error[SOCKET_ERROR_BYTES];

/* A folder of its own for socket files; left empty by each test. */
static char folder[64];
static const char *in_folder(const char *name)
{
    static char path[100];
    snprintf(path, sizeof(path), "%.60s/%.30s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/socket-test-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

static int port_of(int fd)
{
    struct sockaddr_storage s;
    socklen_t len = sizeof(s);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&s, &len), 0);
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    memcpy(&in, &s, sizeof(in));
    memcpy(&in6, &s, sizeof(in6));
    return ntohs(s.ss_family == AF_INET6 ? in6.sin6_port : in.sin_port);
}

/* A blocking client of whatever the listener listens on. */
static int connect_to(int listener)
{
    struct sockaddr_storage s;
    socklen_t len = sizeof(s);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&s, &len), 0);
    int fd = socket(s.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&s, len), 0);
    return fd;
}

static int accept_within_reason(int listener)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};
    assert_int_equal(poll(&p, 1, WAIT_US / 1000), 1);
    return socket_accept(listener);
}

static bool has_ipv6(void)
{
    int fd = socket_listen_tcp("::1", 0, 1, error);
    if (fd < 0) return false;
    close(fd);
    return true;
}

/* --- an echo server over the loop --- */

struct echo {
    struct loop_handle listener, connection;
    struct loop *loop;
    bool is_closed;
};

static void on_bytes(struct loop_handle *h, unsigned ready)
{
    struct echo *e = (struct echo *)((char *)h - offsetof(struct echo, connection));
    char bytes[4096];
    assert_true(ready & LOOP_READ);
    ssize_t n = read(h->fd, bytes, sizeof(bytes));
    if (n > 0) {
        assert_int_equal(write(h->fd, bytes, (size_t)n), n);
        return;
    }
    int fd = h->fd;
    loop_remove(e->loop, h);
    close(fd);
    e->is_closed = true;
}

static void on_connection(struct loop_handle *h, unsigned ready)
{
    (void)ready;
    struct echo *e = (struct echo *)((char *)h - offsetof(struct echo, listener));
    int fd = socket_accept(h->fd);
    assert_true(fd >= 0);
    assert_int_equal(socket_accept(h->fd), -1);
    assert_int_equal(errno, EAGAIN);
    e->connection.on_ready = on_bytes;
    assert_int_equal(loop_add(e->loop, &e->connection, fd, LOOP_READ), 0);
}

static void check_echo(int listener)
{
    assert_true(listener >= 0);
    struct echo e = {.loop = loop_new(), .connection = {.fd = -1}, .listener = {.on_ready = on_connection}};
    assert_int_equal(loop_add(e.loop, &e.listener, listener, LOOP_READ), 0);
    int client = connect_to(listener);
    for (int round = 0; round < 3; round++) {
        char sent[100], got[100];
        memset(sent, 'a' + round, sizeof(sent));
        assert_int_equal(write(client, sent, sizeof(sent)), (ssize_t)sizeof(sent));
        size_t have = 0;
        while (have < sizeof(got)) {
            loop_turn(e.loop, WAIT_US);
            ssize_t n = recv(client, got + have, sizeof(got) - have, MSG_DONTWAIT);
            if (n > 0) have += (size_t)n;
            assert_true(n > 0 || errno == EAGAIN);
        }
        assert_memory_equal(sent, got, sizeof(got));
    }
    close(client);
    while (!e.is_closed) loop_turn(e.loop, WAIT_US);
    loop_free(e.loop);
    close(listener);
}

static void echoes_over_ipv4(void **state)
{
    (void)state;
    check_echo(socket_listen_tcp("127.0.0.1", 0, 511, error));
}

static void echoes_over_ipv6(void **state)
{
    (void)state;
    if (!has_ipv6()) skip();
    check_echo(socket_listen_tcp("::1", 0, 511, error));
}

static void echoes_over_a_host_name(void **state)
{
    (void)state;
    check_echo(socket_listen_tcp("localhost", 0, 511, error));
}

static void echoes_over_a_unix_path(void **state)
{
    (void)state;
    check_echo(socket_listen_unix(in_folder("s"), 0700, 511, error));
    unlink(in_folder("s"));
}

/* --- TCP listeners --- */

static int flags_of(int fd) { return fcntl(fd, F_GETFL) & O_NONBLOCK; }

static void sockets_are_non_blocking_and_closed_on_exec(void **state)
{
    (void)state;
    int listener = socket_listen_tcp("127.0.0.1", 0, 511, error);
    assert_true(flags_of(listener));
    assert_true(fcntl(listener, F_GETFD) & FD_CLOEXEC);
    int client = connect_to(listener), fd = accept_within_reason(listener);
    assert_true(flags_of(fd));
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    close(client);
    close(listener);
}

static void the_star_listens_on_every_ipv4_address_and_not_on_ipv6(void **state)
{
    (void)state;
    int any4 = socket_listen_tcp("*", 0, 511, error);
    assert_true(any4 >= 0);
    char name[SOCKET_NAME_BYTES], expected[SOCKET_NAME_BYTES];
    socket_local_name(any4, name);
    snprintf(expected, sizeof(expected), "0.0.0.0:%d", port_of(any4));
    assert_string_equal(name, expected);
    if (has_ipv6()) {
        int any6 = socket_listen_tcp("::*", port_of(any4), 511, error); /* the same port: it takes IPv6 only */
        assert_true(any6 >= 0);
        close(any6);
    }
    close(any4);
}

static void a_taken_port_is_named_in_the_error(void **state)
{
    (void)state;
    int first = socket_listen_tcp("127.0.0.1", 0, 511, error);
    int port = port_of(first);
    assert_int_equal(socket_listen_tcp("127.0.0.1", port, 511, error), -1);
    assert_int_equal(errno, EADDRINUSE);
    char expected[SOCKET_ERROR_BYTES];
    snprintf(expected, sizeof(expected), "127.0.0.1:%d: bind: Address already in use", port);
    assert_string_equal(error, expected);
    close(first);
}

static void a_port_is_free_again_at_once(void **state)
{
    (void)state;
    int listener = socket_listen_tcp("127.0.0.1", 0, 511, error);
    int port = port_of(listener);
    int client = connect_to(listener), fd = accept_within_reason(listener);
    close(fd); /* the server closes first: its side lingers */
    close(listener);
    close(client);
    listener = socket_listen_tcp("127.0.0.1", port, 511, error);
    assert_true(listener >= 0);
    close(listener);
}

static void addresses_that_do_not_exist_are_errors(void **state)
{
    (void)state;
    assert_int_equal(socket_listen_tcp("192.0.2.77", 0, 511, error), -1); /* documentation range: never ours */
    assert_true(socket_error_is_optional(errno));
    assert_string_equal(error, "192.0.2.77:0: bind: Cannot assign requested address");
    assert_int_equal(socket_listen_tcp("not an address", 6379, 511, error), -1);
    assert_non_null(strstr(error, "not an address:6379: cannot resolve the address"));
    assert_int_equal(socket_listen_tcp("127.0.0.1", 65536, 511, error), -1);
    assert_int_equal(errno, EINVAL);
    assert_false(socket_error_is_optional(EADDRINUSE));
    assert_false(socket_error_is_optional(EACCES));
    assert_true(socket_error_is_optional(EAFNOSUPPORT));
    assert_true(socket_error_is_optional(EPROTONOSUPPORT));
}

static void options_of_a_connection_are_set(void **state)
{
    (void)state;
    int listener = socket_listen_tcp("127.0.0.1", 0, 511, error);
    int client = connect_to(listener), fd = accept_within_reason(listener);
    int value;
    socklen_t len = sizeof(value);
    socket_set_nodelay(fd);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
    assert_int_equal(value, 1);
    socket_set_keepalive(fd, 300);
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len);
    assert_int_equal(value, 1);
    getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len);
    assert_int_equal(value, 300);
    getsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &value, &len);
    assert_int_equal(value, 100);
    socket_set_keepalive(fd, 1);
    getsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &value, &len);
    assert_int_equal(value, 1);
    socket_set_keepalive(fd, 0);
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len);
    assert_int_equal(value, 0);
    close(fd);
    close(client);
    close(listener);
}

/* --- names --- */

static void check_names(const char *host, const char *format)
{
    int listener = socket_listen_tcp(host, 0, 511, error);
    assert_true(listener >= 0);
    int client = connect_to(listener), fd = accept_within_reason(listener);
    char name[SOCKET_NAME_BYTES], expected[SOCKET_NAME_BYTES];
    snprintf(expected, sizeof(expected), "%s:%d", format, port_of(client));
    socket_peer_name(fd, name);
    assert_string_equal(name, expected);
    snprintf(expected, sizeof(expected), "%s:%d", format, port_of(listener));
    socket_local_name(fd, name);
    assert_string_equal(name, expected);
    assert_true(socket_peer_is_local(fd));
    close(fd);
    close(client);
    close(listener);
}

static void connections_are_named_by_address_and_port(void **state)
{
    (void)state;
    check_names("127.0.0.1", "127.0.0.1");
    if (has_ipv6()) check_names("::1", "[::1]");
}

static void unix_connections_are_named_by_path(void **state)
{
    (void)state;
    const char *path = in_folder("s");
    int listener = socket_listen_unix(path, 0, 511, error);
    int client = connect_to(listener), fd = accept_within_reason(listener);
    char name[SOCKET_NAME_BYTES], expected[SOCKET_NAME_BYTES];
    snprintf(expected, sizeof(expected), "%s:0", path);
    socket_peer_name(fd, name);
    assert_string_equal(name, expected);
    socket_local_name(fd, name);
    assert_string_equal(name, expected);
    assert_true(socket_peer_is_local(fd));
    close(fd);
    close(client);
    close(listener);
    unlink(path);
}

static void what_is_no_socket_has_no_name(void **state)
{
    (void)state;
    char name[SOCKET_NAME_BYTES];
    socket_peer_name(-1, name);
    assert_string_equal(name, "?:0");
    socket_local_name(-1, name);
    assert_string_equal(name, "?:0");
    assert_false(socket_peer_is_local(-1));
}

/* --- unix listeners --- */

static void permissions_are_set(void **state)
{
    (void)state;
    struct stat st;
    int fd = socket_listen_unix(in_folder("s"), 0604, 511, error);
    assert_int_equal(stat(in_folder("s"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0604);
    close(fd);
    unlink(in_folder("s"));
}

static void a_stale_socket_file_is_replaced(void **state)
{
    (void)state;
    int fd = socket_listen_unix(in_folder("s"), 0, 511, error);
    close(fd); /* the file stays */
    fd = socket_listen_unix(in_folder("s"), 0, 511, error);
    assert_true(fd >= 0);
    int client = connect_to(fd);
    close(client);
    close(fd);
    unlink(in_folder("s"));
}

static void a_socket_that_answers_is_left_alone(void **state)
{
    (void)state;
    int fd = socket_listen_unix(in_folder("s"), 0, 1, error);
    assert_int_equal(socket_listen_unix(in_folder("s"), 0, 511, error), -1);
    assert_int_equal(errno, EADDRINUSE);
    assert_non_null(strstr(error, "/s: bind: Address already in use"));
    /* Also while its backlog is full. */
    int clients[8];
    for (int i = 0; i < 8; i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        snprintf(a.sun_path, sizeof(a.sun_path), "%s", in_folder("s"));
        clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(clients[i], (struct sockaddr *)&a, sizeof(a));
    }
    assert_int_equal(socket_listen_unix(in_folder("s"), 0, 511, error), -1);
    assert_int_equal(errno, EADDRINUSE);
    for (int i = 0; i < 8; i++) close(clients[i]);
    close(fd);
    unlink(in_folder("s"));
}

static void a_file_that_is_no_socket_is_left_alone(void **state)
{
    (void)state;
    int file = open(in_folder("s"), O_CREAT | O_WRONLY, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, "mine", 4), 4);
    close(file);
    assert_int_equal(socket_listen_unix(in_folder("s"), 0, 511, error), -1);
    assert_int_equal(errno, EADDRINUSE);
    struct stat st;
    assert_int_equal(stat(in_folder("s"), &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(st.st_size, 4);
    unlink(in_folder("s"));
}

static void paths_that_cannot_be_are_errors(void **state)
{
    (void)state;
    char path[200];
    memset(path, 'p', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(socket_listen_unix(path, 0, 511, error), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    assert_non_null(strstr(error, "at most 107 bytes, not 199"));
    assert_int_equal(socket_listen_unix("", 0, 511, error), -1);
    assert_int_equal(socket_listen_unix(in_folder("no/such"), 0, 511, error), -1);
    assert_int_equal(errno, ENOENT);
    assert_non_null(strstr(error, "bind: No such file or directory"));
}

int main(void)
{
    mem_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echoes_over_ipv4),
        cmocka_unit_test(echoes_over_ipv6),
        cmocka_unit_test(echoes_over_a_host_name),
        cmocka_unit_test(echoes_over_a_unix_path),
        cmocka_unit_test(sockets_are_non_blocking_and_closed_on_exec),
        cmocka_unit_test(the_star_listens_on_every_ipv4_address_and_not_on_ipv6),
        cmocka_unit_test(a_taken_port_is_named_in_the_error),
        cmocka_unit_test(a_port_is_free_again_at_once),
        cmocka_unit_test(addresses_that_do_not_exist_are_errors),
        cmocka_unit_test(options_of_a_connection_are_set),
        cmocka_unit_test(connections_are_named_by_address_and_port),
        cmocka_unit_test(unix_connections_are_named_by_path),
        cmocka_unit_test(what_is_no_socket_has_no_name),
        cmocka_unit_test(permissions_are_set),
        cmocka_unit_test(a_stale_socket_file_is_replaced),
        cmocka_unit_test(a_socket_that_answers_is_left_alone),
        cmocka_unit_test(a_file_that_is_no_socket_is_left_alone),
        cmocka_unit_test(paths_that_cannot_be_are_errors),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
