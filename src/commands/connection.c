/* SPDX-License-Identifier: MIT */
/* The connection itself: PING, ECHO, AUTH, HELLO, SELECT, QUIT, RESET. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "commands/commands.h"
#include "commands/session.h"
#include "server/client.h"
#include "server/server.h"

static void ping(struct call *c)
{
    if (c->argc > 2) {
        reply_error(c->reply, "ERR wrong number of arguments for 'ping' command");
    } else if (c->argc == 2) {
        reply_bulk(c->reply, call_arg(c, 1));
    } else {
        reply_simple(c->reply, "PONG");
    }
}

static void echo(struct call *c) { reply_bulk(c->reply, call_arg(c, 1)); }

static void quit(struct call *c)
{
    reply_ok(c->reply);
    client_close_after_reply(c->client);
}

static void select_db(struct call *c)
{
    int64_t index;
    if (!call_int_arg(c, 1, &index, NULL)) return;
    if (index < 0 || index >= keyspace_db_count(server_keyspace(c->server))) {
        reply_error(c->reply, "ERR DB index is out of range");
        return;
    }
    c->client->db = keyspace_db(server_keyspace(c->server), (unsigned)index);
    reply_ok(c->reply);
}

/* --- authentication --- */

static bool password_is_set(const struct config *cfg)
{
    return cfg->requirepass != NULL && cfg->requirepass[0] != '\0';
}

/* Time depends on the lengths only, not on where the first difference is. */
static bool secrets_equal(struct slice given, struct slice secret)
{
    unsigned char diff = given.len != secret.len;
    for (size_t i = 0; i < given.len; i++) diff |= (unsigned char)(given.ptr[i] ^ secret.ptr[i % (secret.len + 1)]);
    return diff == 0;
}

static bool authenticate(struct call *c, struct slice user, struct slice password)
{
    const struct config *cfg = server_config(c->server);
    bool ok = slice_eq(user, SLICE_LIT("default")) &&
              (!password_is_set(cfg) || secrets_equal(password, slice_of(cfg->requirepass)));
    if (ok) {
        c->client->is_authenticated = true;
    } else {
        server_stats(c->server)->auth_failures++;
        reply_error(c->reply, "WRONGPASS invalid username-password pair or user is disabled.");
    }
    return ok;
}

static void auth(struct call *c)
{
    if (c->argc > 3) {
        call_syntax_error(c);
        return;
    }
    if (c->argc == 2 && !password_is_set(server_config(c->server))) {
        reply_error(
            c->reply,
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your "
            "configuration is correct?");
        return;
    }
    struct slice user = c->argc == 2 ? SLICE_LIT("default") : call_arg(c, 1);
    if (authenticate(c, user, call_arg(c, c->argc - 1))) reply_ok(c->reply);
}

/* --- HELLO --- */

struct hello {
    int64_t protocol; /* 0: as it is */
    bool has_auth;
    struct slice user, password;
};

static bool parse_hello(struct call *c, struct hello *h)
{
    if (c->argc >= 2) {
        if (!call_int_arg(c, 1, &h->protocol, "Protocol version is not an integer or out of range")) return false;
        if (h->protocol < 2 || h->protocol > 3) {
            reply_error(c->reply, "NOPROTO unsupported protocol version");
            return false;
        }
    }
    for (unsigned i = 2; i < c->argc; i++) {
        unsigned more = c->argc - 1 - i;
        if (call_arg_is(c, i, "auth") && more >= 2) {
            h->has_auth = true;
            h->user = call_arg(c, i + 1);
            h->password = call_arg(c, i + 2);
            i += 2;
        } else if (call_arg_is(c, i, "setname") && more >= 1) {
            if (!session_set_name(c, call_arg(c, ++i))) return false;
        } else {
            struct slice option = call_arg(c, i);
            reply_errorf(c->reply, "ERR Syntax error in HELLO option '%.*s'",
                         (int)(option.len < 128 ? option.len : 128), option.ptr);
            return false;
        }
    }
    return true;
}

static void describe_server(struct call *c)
{
    struct reply *r = c->reply;
    reply_map(r, 7);
    reply_bulk_cstr(r, "server");
    reply_bulk_cstr(r, "redis");
    reply_bulk_cstr(r, "version");
    reply_bulk_cstr(r, REDIS_COMPAT_VERSION);
    reply_bulk_cstr(r, "proto");
    reply_int(r, r->resp);
    reply_bulk_cstr(r, "id");
    reply_int(r, (int64_t)c->client->id);
    reply_bulk_cstr(r, "mode");
    reply_bulk_cstr(r, "standalone");
    reply_bulk_cstr(r, "role");
    reply_bulk_cstr(r, "master");
    reply_bulk_cstr(r, "modules");
    reply_array(r, 0);
}

static void hello(struct call *c)
{
    struct hello h = {0};
    if (!parse_hello(c, &h)) return;
    if (h.has_auth && !authenticate(c, h.user, h.password)) return;
    if (!c->client->is_authenticated) {
        reply_error(c->reply, "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
                              "<proto> AUTH <user> "
                              "<pass> option can be used to authenticate the client and select the RESP protocol "
                              "version at the same time");
        return;
    }
    if (h.protocol != 0) c->reply->resp = (uint8_t)h.protocol;
    describe_server(c);
}

/* --- RESET --- */

static void reset(struct call *c)
{
    struct client *client = c->client;
    client->db = keyspace_db(server_keyspace(c->server), 0);
    client->is_authenticated = !password_is_set(server_config(c->server));
    client->no_evict = client->no_touch = false;
    client->reply_mode = CLIENT_REPLY_ON;
    c->reply->muted = false;
    c->reply->resp = 2;
    mem_free(client->name);
    client->name = NULL;
    reply_simple(c->reply, "RESET");
}

#define ALWAYS (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE | CMD_FAST | CMD_NO_AUTH | CMD_ALLOW_BUSY)

static const char *const PING_TIPS[] = {"request_policy:all_shards", "response_policy:all_succeeded", NULL};

static const struct command ROWS[] = {
    {.name = "ping",
     .handler = ping,
     .arity = -1,
     .flags = CMD_FAST,
     .categories = CAT_CONNECTION,
     .group = GROUP_CONNECTION,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Answers PONG, or the message.",
     .syntax = "[message]",
     .tips = PING_TIPS},
    {.name = "echo",
     .handler = echo,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .categories = CAT_CONNECTION,
     .group = GROUP_CONNECTION,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Answers the message.",
     .syntax = "message"},
    {.name = "auth",
     .handler = auth,
     .arity = -2,
     .flags = ALWAYS,
     .categories = CAT_CONNECTION,
     .group = GROUP_CONNECTION,
     .since = "1.0.0",
     .complexity = "O(N) with N the number of passwords of the user",
     .summary = "Authenticates the connection.",
     .syntax = "[username] password"},
    {.name = "hello",
     .handler = hello,
     .arity = -1,
     .flags = ALWAYS,
     .categories = CAT_CONNECTION,
     .group = GROUP_CONNECTION,
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Chooses the protocol version, and authenticates and names the connection on the way.",
     .syntax = "[protover [AUTH username password] [SETNAME clientname]]"},
    {.name = "quit",
     .handler = quit,
     .arity = -1,
     .flags = ALWAYS,
     .categories = CAT_CONNECTION,
     .group = GROUP_CONNECTION,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Closes the connection after the replies so far.",
     .deprecated_since = "7.2.0",
     .replaced_by = "just closing the connection"},
    {.name = "reset",
     .handler = reset,
     .arity = 1,
     .flags = ALWAYS,
     .categories = CAT_CONNECTION,
     .group = GROUP_CONNECTION,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Puts the connection back to the state of a new one."},
    {.name = "select",
     .handler = select_db,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE | CMD_FAST,
     .categories = CAT_CONNECTION,
     .group = GROUP_CONNECTION,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Changes the database of the connection.",
     .syntax = "index"},
    {.name = NULL},
};

const struct command *connection_commands(void) { return ROWS; }
