/* SPDX-License-Identifier: MIT */
/* CLIENT: what connections tell about themselves and do to each other. */
#include "server/client.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "commands/commands.h"
#include "commands/session.h"
#include "server/blocking.h"
#include "server/server.h"

/* --- attributes --- */

/* Printable, without spaces: such values are shown in lines of name=value pairs. */
static bool is_plain(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '!' || s.ptr[i] > '~') return false;
    }
    return true;
}

static void set_text(char **place, struct slice value)
{
    mem_free(*place);
    *place = value.len > 0 ? mem_strndup(value.ptr, value.len) : NULL;
}

bool session_set_name(struct call *c, struct slice name)
{
    if (!is_plain(name)) {
        reply_error(c->reply, "ERR Client names cannot contain spaces, newlines or special characters.");
        return false;
    }
    set_text(&c->client->name, name);
    return true;
}

static void client_id(struct call *c) { reply_int(c->reply, (int64_t)c->client->id); }

static void client_getname(struct call *c)
{
    if (c->client->name != NULL)
        reply_bulk_cstr(c->reply, c->client->name);
    else
        reply_null(c->reply);
}

static void client_setname(struct call *c)
{
    if (session_set_name(c, call_arg(c, 2))) reply_ok(c->reply);
}

static void client_setinfo(struct call *c)
{
    bool is_name = call_arg_is(c, 2, "lib-name");
    struct slice option = call_arg(c, 2);
    if (!is_name && !call_arg_is(c, 2, "lib-ver")) {
        reply_errorf(c->reply, "ERR Unrecognized option '%.*s'", (int)(option.len < 128 ? option.len : 128),
                     option.ptr);
        return;
    }
    if (!is_plain(call_arg(c, 3))) {
        reply_errorf(c->reply, "ERR %s cannot contain spaces, newlines or special characters.",
                     is_name ? "lib-name" : "lib-ver");
        return;
    }
    set_text(is_name ? &c->client->lib_name : &c->client->lib_version, call_arg(c, 3));
    reply_ok(c->reply);
}

/* ON or OFF at argument 2; else a syntax error. */
static bool on_off_arg(struct call *c, bool *on)
{
    *on = call_arg_is(c, 2, "on");
    if (*on || call_arg_is(c, 2, "off")) return true;
    call_syntax_error(c);
    return false;
}

static void client_no_evict(struct call *c)
{
    if (on_off_arg(c, &c->client->no_evict)) reply_ok(c->reply);
}

static void client_no_touch(struct call *c)
{
    if (on_off_arg(c, &c->client->no_touch)) reply_ok(c->reply);
}

static void client_reply(struct call *c)
{
    struct client *client = c->client;
    if (call_arg_is(c, 2, "on")) {
        client->reply_mode = CLIENT_REPLY_ON;
        client->reply.muted = false;
        reply_ok(c->reply);
    } else if (call_arg_is(c, 2, "off")) {
        client->reply_mode = CLIENT_REPLY_OFF;
        client->reply.muted = true;
    } else if (call_arg_is(c, 2, "skip")) {
        if (client->reply_mode != CLIENT_REPLY_OFF) client->reply_mode = CLIENT_REPLY_SKIP_NEXT;
    } else {
        call_syntax_error(c);
    }
}

/* --- INFO and LIST --- */

static void client_info(struct call *c)
{
    struct buf line = BUF_INIT;
    client_describe(c->client, &line);
    buf_append_char(&line, '\n');
    reply_verbatim(c->reply, "txt", buf_slice(&line));
    buf_deinit(&line);
}

/* True for a class of clients that exists; *matches: it is the one of ordinary clients. */
static bool parse_type(struct call *c, unsigned i, bool *matches)
{
    *matches = call_arg_is(c, i, "normal");
    if (*matches || call_arg_is(c, i, "master") || call_arg_is(c, i, "replica") || call_arg_is(c, i, "slave") ||
        call_arg_is(c, i, "pubsub")) {
        return true;
    }
    struct slice type = call_arg(c, i);
    reply_errorf(c->reply, "ERR Unknown client type '%.*s'", (int)(type.len < 128 ? type.len : 128), type.ptr);
    return false;
}

static void list_one(const struct client *client, struct buf *out)
{
    if (client->is_closing) return;
    client_describe(client, out);
    buf_append_char(out, '\n');
}

static bool list_ids(struct call *c, struct buf *out)
{
    for (unsigned i = 3; i < c->argc; i++) {
        int64_t id;
        if (!num_parse_int64(call_arg(c, i), &id)) {
            reply_error(c->reply, "ERR Invalid client ID");
            return false;
        }
        const struct client *found = id > 0 ? client_find(c->server, (uint64_t)id) : NULL;
        if (found != NULL) list_one(found, out);
    }
    return true;
}

static void client_list(struct call *c)
{
    struct buf out = BUF_INIT;
    bool all = c->argc == 2, ok = true;
    if (c->argc == 4 && call_arg_is(c, 2, "type")) {
        ok = parse_type(c, 3, &all);
    } else if (c->argc > 3 && call_arg_is(c, 2, "id")) {
        ok = list_ids(c, &out);
    } else if (!all) {
        call_syntax_error(c);
        return;
    }
    for (const struct client *it = clients_first(c->server); ok && all && it != NULL; it = it->next) list_one(it, &out);
    if (ok) reply_verbatim(c->reply, "txt", out.data != NULL ? buf_slice(&out) : SLICE_LIT(""));
    buf_deinit(&out);
}

/* --- KILL --- */

struct kill_filter {
    int64_t id;
    struct slice address, local_address;
    bool has_id, has_address, has_local_address, has_max_age;
    bool wrong_type; /* a type that no client here has */
    bool skip_me;
    int64_t max_age_s;
};

static bool parse_kill_option(struct call *c, unsigned i, struct kill_filter *f)
{
    struct slice value = call_arg(c, i + 1);
    bool is_normal = true;
    if (call_arg_is(c, i, "id")) {
        f->has_id = true;
        if (num_parse_int64(value, &f->id) && f->id > 0) return true;
        reply_error(c->reply, "ERR client-id should be greater than 0");
        return false;
    }
    if (call_arg_is(c, i, "type")) {
        if (!parse_type(c, i + 1, &is_normal)) return false;
        f->wrong_type = !is_normal;
    } else if (call_arg_is(c, i, "addr")) {
        f->has_address = true;
        f->address = value;
    } else if (call_arg_is(c, i, "laddr")) {
        f->has_local_address = true;
        f->local_address = value;
    } else if (call_arg_is(c, i, "user")) {
        if (slice_eq(value, SLICE_LIT("default"))) return true;
        reply_errorf(c->reply, "ERR No such user '%.*s'", (int)(value.len < 128 ? value.len : 128), value.ptr);
        return false;
    } else if (call_arg_is(c, i, "maxage")) {
        f->has_max_age = true;
        return call_int_arg(c, i + 1, &f->max_age_s, "maxage is not an integer or out of range");
    } else if (call_arg_is(c, i, "skipme") && (slice_is_word(value, "yes") || slice_is_word(value, "no"))) {
        f->skip_me = slice_is_word(value, "yes");
    } else {
        call_syntax_error(c);
        return false;
    }
    return true;
}

static bool kill_matches(const struct client *it, const struct kill_filter *f)
{
    if (it->is_closing || f->wrong_type) return false;
    if (f->has_id && it->id != (uint64_t)f->id) return false;
    if (f->has_address && !slice_eq(f->address, slice_of(it->peer))) return false;
    if (f->has_local_address && !slice_eq(f->local_address, slice_of(it->local))) return false;
    int64_t age_s = client_age_s(it);
    return !f->has_max_age || age_s >= f->max_age_s;
}

static int64_t kill_matching(struct call *c, const struct kill_filter *f)
{
    int64_t killed = 0;
    for (struct client *it = clients_first(c->server); it != NULL; it = it->next) {
        bool is_me = it == c->client;
        if ((is_me && f->skip_me) || !kill_matches(it, f)) continue;
        killed++;
        if (is_me)
            client_close_after_reply(it);
        else
            client_close_later(it);
    }
    return killed;
}

static void client_kill(struct call *c)
{
    struct kill_filter f = {.skip_me = c->argc != 3};
    if (c->argc == 3) {
        f.has_address = true;
        f.address = call_arg(c, 2);
        if (kill_matching(c, &f) > 0)
            reply_ok(c->reply);
        else
            reply_error(c->reply, "ERR No such client");
        return;
    }
    if (c->argc % 2 != 0) {
        call_syntax_error(c);
        return;
    }
    for (unsigned i = 2; i < c->argc; i += 2) {
        if (!parse_kill_option(c, i, &f)) return;
    }
    reply_int(c->reply, kill_matching(c, &f));
}

static void client_unblock(struct call *c)
{
    bool with_error = false;
    int64_t id;
    if (c->argc == 4) {
        with_error = call_arg_is(c, 3, "error");
        if (!with_error && !call_arg_is(c, 3, "timeout")) {
            reply_error(c->reply, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
            return;
        }
    }
    if (!call_int_arg(c, 2, &id, NULL)) return;
    struct client *found = id > 0 ? client_find(c->server, (uint64_t)id) : NULL;
    reply_int(c->reply, found != NULL && blocking_unblock(found, with_error));
}

static void client_help(struct call *c)
{
    static const char *const LINES[] = {
        "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GETNAME",
        "    The name of this connection.",
        "ID",
        "    The id of this connection.",
        "INFO",
        "    This connection's line of CLIENT LIST.",
        "KILL <ip:port>",
        "    Closes the connection from that address.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Closes the connections that fit all of:",
        "    * ADDR <ip:port>, LADDR <ip:port>, ID <client-id>, USER <username>",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB), MAXAGE <seconds>",
        "    * SKIPME (YES|NO): leave this connection out (default: yes)",
        "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <client-id> [...]]",
        "    One line for each connection.",
        "NO-EVICT (ON|OFF)",
        "    Protects this connection from client eviction.",
        "NO-TOUCH (ON|OFF)",
        "    Commands of this connection leave the access time of keys alone.",
        "REPLY (ON|OFF|SKIP)",
        "    Whether commands of this connection are answered.",
        "SETINFO (LIB-NAME|LIB-VER) <value>",
        "    Tells which client library is speaking.",
        "SETNAME <name>",
        "    Names this connection.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    Ends the waiting of a blocked connection.",
        "HELP",
        "    This help.",
        NULL,
    };
    reply_help(c->reply, LINES);
}

#define QUIET (CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)
#define ROW(name_, handler_, arity_, flags_, since_, complexity_, syntax_, summary_, ...)                           \
    {                                                                                                               \
        .name = (name_), .handler = (handler_), .arity = (arity_), .flags = (flags_), .categories = CAT_CONNECTION, \
        .group = GROUP_CONNECTION, .since = (since_), .complexity = (complexity_), .syntax = (syntax_),             \
        .summary = (summary_), __VA_ARGS__                                                                          \
    }

static const char *const LIST_TIPS[] = {"nondeterministic_output", NULL};

static const struct command SUBCOMMANDS[] = {
    ROW("getname", client_getname, 2, QUIET, "2.6.9", "O(1)", NULL, "The name of the connection.", ),
    ROW("help", client_help, 2, CMD_LOADING | CMD_STALE, "5.0.0", "O(1)", NULL, "Help on CLIENT.", ),
    ROW("id", client_id, 2, QUIET, "5.0.0", "O(1)", NULL, "The id of the connection.", ),
    ROW("info", client_info, 2, QUIET, "6.2.0", "O(1)", NULL, "What there is to tell of the connection.",
        .tips = LIST_TIPS),
    ROW("kill", client_kill, -3, QUIET | CMD_ADMIN, "2.4.0", "O(N) with N the number of connections",
        "ip:port | [ID client-id] [TYPE NORMAL|MASTER|REPLICA|PUBSUB] [USER username] [ADDR ip:port] [LADDR ip:port] "
        "[SKIPME YES|NO] "
        "[MAXAGE seconds]",
        "Closes connections.", ),
    ROW("list", client_list, -2, QUIET | CMD_ADMIN, "2.4.0", "O(N) with N the number of connections",
        "[TYPE NORMAL|MASTER|REPLICA|PUBSUB] [ID client-id [client-id ...]]", "Lists the connections.",
        .tips = LIST_TIPS),
    ROW("no-evict", client_no_evict, 3, QUIET | CMD_ADMIN, "7.0.0", "O(1)", "ON | OFF",
        "Protects the connection from client eviction.", ),
    ROW("no-touch", client_no_touch, 3, QUIET, "7.2.0", "O(1)", "ON | OFF", "Leaves the access time of keys alone.", ),
    ROW("reply", client_reply, 3, QUIET, "3.2.0", "O(1)", "ON | OFF | SKIP",
        "Turns replies to the connection on or off.", ),
    ROW("setinfo", client_setinfo, 4, QUIET, "7.2.0", "O(1)", "LIB-NAME libname | LIB-VER libver",
        "Tells which client library is speaking.", ),
    ROW("setname", client_setname, 3, QUIET, "2.6.9", "O(1)", "connection-name", "Names the connection.", ),
    ROW("unblock", client_unblock, -3, QUIET | CMD_ADMIN, "5.0.0",
        "O(log N) where N is the number of client connections", "client-id [TIMEOUT | ERROR]",
        "Ends the waiting of a blocked connection.", ),
    {.name = NULL},
};

static const struct command ROWS[] = {
    {.name = "client",
     .arity = -2,
     .group = GROUP_CONNECTION,
     .since = "2.4.0",
     .complexity = "Depends on the subcommand.",
     .summary = "Commands about connections.",
     .subcommands = SUBCOMMANDS},
    {.name = NULL},
};

const struct command *client_commands(void) { return ROWS; }
