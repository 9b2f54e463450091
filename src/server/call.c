/* SPDX-License-Identifier: MIT */
/* What handlers use: lookups with their standard errors, argument parsing, and telling that a key changed. */
#include "base/num.h"
#include "server/state.h"

bool call_wrong_type(struct call *c, const struct entry *e, enum value_type want)
{
    if (e == NULL || entry_type(e) == want) return false;
    reply_error(c->reply, "WRONGTYPE Operation against a key holding the wrong kind of value");
    return true;
}

struct entry *call_find_read(struct call *c, unsigned i)
{
    struct key key = call_key(c, i);
    return db_find(c->db, &key, c->now_ms, c->client->no_touch ? DB_FIND_NO_TOUCH : DB_FIND_READ);
}

struct entry *call_find_write(struct call *c, unsigned i)
{
    struct key key = call_key(c, i);
    return db_find(c->db, &key, c->now_ms, DB_FIND_WRITE | (c->client->no_touch ? DB_FIND_NO_TOUCH : 0u));
}

bool call_int_arg(struct call *c, unsigned i, int64_t *out, const char *error)
{
    if (num_parse_int64(call_arg(c, i), out)) return true;
    if (error != NULL)
        reply_errorf(c->reply, "ERR %s", error);
    else
        reply_error(c->reply, "ERR value is not an integer or out of range");
    return false;
}

void call_syntax_error(struct call *c) { reply_error(c->reply, "ERR syntax error"); }

void call_changed(struct call *c, struct db *db, struct slice key, enum notify_class cls, const char *event)
{
    c->server->dirty++;
    call_event(c, db, key, cls, event);
}

/* The one place where watchers, tracking and notifications will learn of it. */
void call_event(struct call *c, struct db *db, struct slice key, enum notify_class cls, const char *event)
{
    (void)cls, (void)event;
    if (__builtin_expect(c->server->blocking.clients > 0, 0)) blocking_key_changed(c->server, db, key);
}

void call_add_dirty(struct call *c, uint64_t n) { c->server->dirty += n; }
uint64_t call_dirty(const struct call *c) { return c->server->dirty; }
