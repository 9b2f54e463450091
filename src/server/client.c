/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection: bytes in, commands out to dispatch, replies back. Reads go into one shared buffer; only the start of a
 * command that is not complete is kept with the client, so that an idle connection costs its struct and nothing else.
 *
 * Invariants:
 *  - a client is in the list of all clients until before_wait frees it; a closing one is also in the closing list, and
 *    nothing is executed for it any more;
 *  - `kept` holds exactly the bytes that the parser has seen as the start of a partial command;
 *  - a client with unsent replies is in the pending-write list or waits for LOOP_WRITE.
 */
#include "server/client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/state.h"

/* A partial command longer than this is read on in its own buffer instead of being copied at each read. */
#define KEPT_IN_PLACE_MIN (16 * 1024)
#define READ_ROOM_MIN (16 * 1024)
#define IOVS_PER_WRITE 64
/* A turn sends at most so much for one client, then serves the others. */
#define WRITE_BYTES_PER_TURN (1024 * 1024)

/* --- registry --- */

void clients_init(struct server *s)
{
    s->clients.read_buffer = mem_alloc(READ_BUFFER_BYTES);
    s->clients.next_id = 1;
    resp_batch_init(&s->clients.batch);
}

static void link_client(struct client_registry *r, struct client *c)
{
    c->prev = r->last;
    c->next = NULL;
    if (r->last != NULL)
        r->last->next = c;
    else
        r->first = c;
    r->last = c;
    r->count++;
}

static void unlink_client(struct client_registry *r, struct client *c)
{
    if (r->cron_next == c) r->cron_next = c->next;
    if (c->prev != NULL)
        c->prev->next = c->next;
    else
        r->first = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    else
        r->last = c->prev;
    r->count--;
}

struct client *client_find(struct server *s, uint64_t id)
{
    for (struct client *c = s->clients.first; c != NULL; c = c->next) {
        if (c->id == id) return c;
    }
    return NULL;
}

struct client *clients_first(struct server *s) { return s->clients.first; }
unsigned clients_count(const struct server *s) { return s->clients.count; }
enum client_class client_class(const struct client *c)
{
    (void)c; /* replicas and subscribers come with their features */
    return CLIENT_CLASS_NORMAL;
}

/* --- closing --- */

void client_close_later(struct client *c)
{
    if (c->is_closing) return;
    c->is_closing = true;
    if (c->blocked != NULL) blocking_forget(c);
    c->next_closing = c->server->clients.closing;
    c->server->clients.closing = c;
}

void client_close_after_reply(struct client *c)
{
    c->close_after_reply = true;
    client_queue_write(c); /* also closes one that has nothing to send */
}

static void free_client(struct client *c)
{
    struct server *s = c->server;
    unlink_client(&s->clients, c);
    loop_remove(s->loop, &c->handle);
    close(c->fd);
    resp_parser_deinit(&c->parser);
    reply_deinit(&c->reply);
    while (c->queued != NULL) {
        struct request *next = c->queued->next;
        request_free(c->queued);
        c->queued = next;
    }
    mem_free(c->kept);
    mem_free(c->name);
    mem_free(c->lib_name);
    mem_free(c->lib_version);
    mem_free_sized(c, sizeof(*c));
}

static void free_closing(struct server *s)
{
    struct client *c = s->clients.closing;
    s->clients.closing = NULL;
    while (c != NULL) {
        struct client *next = c->next_closing;
        free_client(c);
        c = next;
    }
}

void clients_close_all(struct server *s)
{
    s->clients.pending_write = NULL;
    s->blocking.resuming = NULL;
    for (struct client *c = s->clients.first; c != NULL; c = c->next) client_close_later(c);
    free_closing(s);
}

void clients_close_fds_in_child(struct server *s)
{
    for (struct client *c = s->clients.first; c != NULL; c = c->next) close(c->fd);
    for (unsigned i = 0; i < s->clients.listener_count; i++) close(s->clients.listeners[i].handle.fd);
}

/* --- writing --- */

void client_queue_write(struct client *c)
{
    if (c->is_pending_write || c->is_writing) return;
    c->is_pending_write = true;
    c->next_pending_write = c->server->clients.pending_write;
    c->server->clients.pending_write = c;
}

/* Sends what the socket takes now, up to a turn's share. False when the connection is lost. */
static bool send_replies(struct client *c)
{
    size_t sent_now = 0;
    while (reply_pending(&c->reply) > 0 && sent_now < WRITE_BYTES_PER_TURN) {
        struct iovec iov[IOVS_PER_WRITE];
        int n = reply_iov(&c->reply, iov, IOVS_PER_WRITE);
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)n};
        ssize_t sent =
            n == 1 ? send(c->fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL) : sendmsg(c->fd, &msg, MSG_NOSIGNAL);
        c->server->stats.writes_processed++;
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
        reply_mark_sent(&c->reply, (size_t)sent);
        c->bytes_out += (uint64_t)sent;
        sent_now += (size_t)sent;
    }
    c->server->stats.net_output_bytes += sent_now;
    if (sent_now > 0) c->last_active_us = loop_now_us(c->server->loop);
    return true;
}

/* Sends, and decides how to go on: done, wait for LOOP_WRITE, or close. */
static void flush_client(struct client *c)
{
    if (c->is_closing) return;
    if (!send_replies(c)) {
        client_close_later(c);
        return;
    }
    bool has_more = reply_pending(&c->reply) > 0;
    if (!has_more && c->close_after_reply) {
        client_close_later(c);
        return;
    }
    if (has_more == c->is_writing) return;
    c->is_writing = has_more;
    unsigned events = (c->close_after_reply ? 0 : LOOP_READ) | (has_more ? LOOP_WRITE : 0);
    if (loop_set_events(c->server->loop, &c->handle, events) != 0) client_close_later(c);
}

void clients_before_wait(struct server *s)
{
    if (s->blocking.resuming != NULL) blocking_resume_clients(s);
    struct client *c = s->clients.pending_write;
    s->clients.pending_write = NULL;
    while (c != NULL) {
        struct client *next = c->next_pending_write;
        c->is_pending_write = false;
        if (!c->is_writing) flush_client(c);
        c = next;
    }
    if (s->clients.closing != NULL) free_closing(s);
}

/* --- limits --- */

static void close_for_limit(struct client *c, const char *limit, size_t bytes)
{
    struct buf line = BUF_INIT;
    client_describe(c, &line);
    log_warning("Closing client that reached the %s limit (%zu bytes): %s", limit, bytes, buf_cstr(&line));
    buf_deinit(&line);
    client_close_later(c);
}

/* client-output-buffer-limit: at once over the hard limit, after soft_seconds over the soft one. */
static void check_output_limit(struct client *c)
{
    const struct output_limit *limit = &c->server->config.output_limits[client_class(c)];
    if ((limit->hard_bytes | limit->soft_bytes) == 0 || c->is_closing) return;
    size_t pending = reply_memory(&c->reply);
    bool is_over = limit->hard_bytes != 0 && pending >= limit->hard_bytes;
    if (limit->soft_bytes != 0 && pending >= limit->soft_bytes) {
        int64_t now = loop_now_us(c->server->loop);
        if (c->soft_limit_since_us == 0) c->soft_limit_since_us = now;
        is_over |= now - c->soft_limit_since_us > limit->soft_seconds * 1000000;
    } else {
        c->soft_limit_since_us = 0;
    }
    if (!is_over) return;
    c->server->stats.output_buffer_limit_disconnections++;
    close_for_limit(c, "output buffer", pending);
}

static void check_query_limit(struct client *c)
{
    size_t held = c->kept_len + resp_parser_memory(&c->parser);
    if (held <= c->server->config.client_query_buffer_limit || c->is_closing) return;
    c->server->stats.query_buffer_limit_disconnections++;
    close_for_limit(c, "query buffer", held);
}

/* --- reading --- */

/* Executes every complete command of the bytes; returns how many bytes they were. */
static size_t process_bytes(struct client *c, const char *bytes, size_t len)
{
    struct resp_batch *batch = &c->server->clients.batch;
    struct resp_limits limits = {
        .max_bulk_bytes = (size_t)c->server->config.proto_max_bulk_len,
        .max_multibulk = RESP_MULTIBULK_MAX,
        .max_unauth_bulk = RESP_UNAUTH_BULK,
    };
    size_t done = 0;
    enum resp_status status = RESP_FULL;
    while (status == RESP_FULL && !c->is_closing && !c->close_after_reply && !c->is_blocked) {
        size_t consumed = 0;
        limits.authenticated = c->is_authenticated;
        status = resp_parse(&c->parser, &limits, batch, bytes + done, len - done, &consumed);
        dispatch_batch(c, batch);
        resp_batch_clear(batch);
        done += consumed;
        check_output_limit(c);
    }
    if (status == RESP_ERROR && !c->is_closing && !c->close_after_reply && !c->is_blocked) {
        c->server->stats.protocol_errors++;
        log_verbose("Protocol error from client %s: %s", c->peer, c->parser.error);
        reply_errorf(&c->reply, "ERR %s", c->parser.error);
        client_close_after_reply(c);
    }
    if (c->reply.head != NULL) client_queue_write(c);
    return done;
}

/* Keeps bytes[0..len) as the start of a partial command. They may lie in c->kept already. */
static void keep(struct client *c, const char *bytes, size_t len)
{
    if (len == 0) {
        mem_free(c->kept);
        c->kept = NULL;
        c->kept_len = c->kept_cap = 0;
        return;
    }
    if (c->kept_cap < len) {
        char *grown = mem_alloc(len);
        memcpy(grown, bytes, len);
        mem_free(c->kept);
        c->kept = grown;
        c->kept_cap = len;
    } else if (bytes != c->kept) {
        memmove(c->kept, bytes, len);
    }
    c->kept_len = len;
}

/* False when the connection is over. */
static bool count_read(struct client *c, ssize_t n)
{
    struct server *s = c->server;
    s->stats.reads_processed++;
    if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == EWOULDBLOCK)) return false;
    if (n <= 0) {
        if (n < 0) log_verbose("Reading from client %s: %s", c->peer, strerror(errno));
        client_close_later(c);
        return false;
    }
    s->stats.net_input_bytes += (uint64_t)n;
    c->bytes_in += (uint64_t)n;
    c->last_active_us = loop_now_us(s->loop);
    return true;
}

/* The rest of a big bulk goes straight into the blob that may become the value. */
static void read_into_target(struct client *c, char *ptr, size_t len)
{
    ssize_t n = recv(c->fd, ptr, len, 0);
    if (!count_read(c, n)) return;
    resp_parser_filled(&c->parser, (size_t)n);
    if (c->is_blocked || resp_parser_target(&c->parser, &ptr, &len)) return;
    size_t used = process_bytes(c, c->kept, c->kept_len);
    keep(c, c->kept + used, c->kept_len - used);
}

/* A long partial command grows in its own buffer, which doubles; so does all that comes while the client is blocked. */
static void read_into_kept(struct client *c)
{
    if (c->kept_cap - c->kept_len < READ_ROOM_MIN) {
        c->kept_cap = c->kept_cap * 2 + READ_ROOM_MIN;
        c->kept = mem_realloc(c->kept, c->kept_cap);
    }
    ssize_t n = recv(c->fd, c->kept + c->kept_len, c->kept_cap - c->kept_len, 0);
    if (!count_read(c, n)) return;
    c->kept_len += (size_t)n;
    if (c->is_blocked) return;
    size_t used = process_bytes(c, c->kept, c->kept_len);
    keep(c, c->kept + used, c->kept_len - used);
}

static void read_into_shared(struct client *c)
{
    char *buffer = c->server->clients.read_buffer;
    size_t kept = c->kept_len;
    if (kept > 0) memcpy(buffer, c->kept, kept);
    ssize_t n = recv(c->fd, buffer + kept, READ_BUFFER_BYTES - kept, 0);
    if (!count_read(c, n)) return;
    size_t len = kept + (size_t)n;
    size_t used = process_bytes(c, buffer, len);
    if (used < len || kept > 0) keep(c, buffer + used, len - used);
}

static void read_client(struct client *c)
{
    char *ptr;
    size_t len;
    if (resp_parser_target(&c->parser, &ptr, &len))
        read_into_target(c, ptr, len);
    else if (c->kept_len >= KEPT_IN_PLACE_MIN || c->is_blocked)
        read_into_kept(c);
    else
        read_into_shared(c);
    if (c->kept_len > 0 || resp_parser_is_partial(&c->parser)) check_query_limit(c);
}

void client_resume(struct client *c)
{
    while (c->queued != NULL && !c->is_blocked && !c->is_closing && !c->close_after_reply) {
        struct request *r = c->queued;
        c->queued = r->next;
        if (c->queued == NULL) c->queued_last = NULL;
        dispatch_one(c, r->command, &r->args);
        request_free(r);
    }
    char *ptr;
    size_t len;
    if (c->is_blocked || c->is_closing || c->close_after_reply || resp_parser_target(&c->parser, &ptr, &len)) {
        if (c->reply.head != NULL) client_queue_write(c);
        return;
    }
    size_t used = process_bytes(c, c->kept, c->kept_len);
    keep(c, c->kept + used, c->kept_len - used);
}

static void on_ready(struct loop_handle *h, unsigned ready)
{
    struct client *c = (struct client *)h;
    if (c->is_closing) return;
    if ((ready & LOOP_WRITE) != 0) flush_client(c);
    if (c->is_closing) return;
    if (c->close_after_reply) {
        if ((ready & LOOP_CLOSED) != 0) client_close_later(c);
        return;
    }
    if ((ready & (LOOP_READ | LOOP_CLOSED)) != 0) read_client(c);
}

/* --- making --- */

struct client *client_new(struct server *s, int fd, bool is_unix)
{
    struct client *c = mem_calloc(sizeof(*c));
    c->server = s;
    c->handle = (struct loop_handle){.fd = -1, .on_ready = on_ready};
    if (loop_add(s->loop, &c->handle, fd, LOOP_READ) != 0) {
        log_warning("Accepting client: %s", strerror(errno));
        close(fd);
        mem_free_sized(c, sizeof(*c));
        return NULL;
    }
    c->fd = fd;
    c->db = keyspace_db(s->keyspace, 0);
    c->id = s->clients.next_id++;
    c->is_unix = is_unix;
    c->is_local = is_unix || socket_peer_is_local(fd);
    c->is_authenticated = s->config.requirepass == NULL || s->config.requirepass[0] == '\0';
    c->created_us = c->last_active_us = loop_now_us(s->loop);
    resp_parser_init(&c->parser);
    reply_init(&c->reply);
    socket_peer_name(fd, c->peer);
    socket_local_name(fd, c->local);
    link_client(&s->clients, c);
    return c;
}

/* --- periodic visit --- */

static void visit(struct server *s, struct client *c, int64_t now_us)
{
    if (s->config.timeout_s > 0 && !c->is_blocked &&
        now_us - c->last_active_us > (int64_t)s->config.timeout_s * 1000000) {
        log_verbose("Closing idle client");
        client_close_later(c);
        return;
    }
    check_output_limit(c);
    check_query_limit(c);
}

/* Every client is visited about once a second. */
void clients_cron(struct server *s)
{
    struct client_registry *r = &s->clients;
    unsigned visits = r->count / (unsigned)s->hz + 5;
    int64_t now_us = loop_now_us(s->loop);
    for (unsigned i = 0; i < visits && i < r->count; i++) {
        struct client *c = r->cron_next != NULL ? r->cron_next : r->first;
        if (c == NULL) return;
        r->cron_next = c->next;
        if (!c->is_closing) visit(s, c, now_us);
    }
}

/* --- telling --- */

int64_t client_age_s(const struct client *c) { return (loop_now_us(c->server->loop) - c->created_us) / 1000000; }

static const char *command_label(const struct client *c, char out[64])
{
    if (c->last_command == NULL) return "NULL";
    command_full_name(c->last_command, out);
    return out;
}

static const char *or_empty(const char *s) { return s != NULL ? s : ""; }

void client_describe(const struct client *c, struct buf *out)
{
    char command[64];
    int64_t now_us = loop_now_us(c->server->loop);
    size_t parser_bytes = resp_parser_memory(&c->parser);
    size_t reply_bytes = reply_memory(&c->reply);
    size_t total = sizeof(*c) + c->kept_cap + parser_bytes + reply_bytes;
    buf_printf(out, "id=%llu addr=%s laddr=%s fd=%d name=%s", (unsigned long long)c->id, c->peer, c->local, c->fd,
               or_empty(c->name));
    buf_printf(out, " age=%lld idle=%lld flags=%s", (long long)client_age_s(c),
               (long long)((now_us - c->last_active_us) / 1000000),
               c->close_after_reply ? "c"
               : c->is_closing      ? "A"
               : c->is_blocked      ? "b"
               : c->is_unix         ? "U"
               : c->no_evict        ? "e"
               : c->no_touch        ? "T"
                                    : "N");
    buf_printf(out, " db=%u sub=0 psub=0 ssub=0 multi=-1", db_index(c->db));
    buf_printf(out, " qbuf=%zu qbuf-free=%zu argv-mem=%zu multi-mem=0 rbs=0 rbp=0", c->kept_len,
               c->kept_cap - c->kept_len, parser_bytes);
    buf_printf(out, " obl=0 oll=%d omem=%zu tot-mem=%zu events=%s", reply_bytes > 0, reply_bytes, total,
               c->is_writing ? "rw" : "r");
    buf_printf(out, " cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s", command_label(c, command),
               c->reply.resp, or_empty(c->lib_name), or_empty(c->lib_version));
}
