/* SPDX-License-Identifier: MIT */
/*
 * Who waits for what: a hashtable of waited-for keys in each database, each with its clients in the order in which they blocked, and a heap of
 * deadlines with one timer of the loop.
 *
 *   client --blocked--> struct blocked { request, waits[] }       waited_key: first <-> ... <-> last
 *                                          wait <------------------------------^
 *
 * Invariants:
 *   1. A client with is_blocked stands in the queue of each of its keys once. While its request is executed again it stands in none.
 *   2. A waited_key with an empty queue is gone, unless it is being served (is_pinned) or is in the ready list.
 *   3. Only blocked clients with a time-out are in the heap, at heap[heap_index].
 *
 * A change of a waited-for key only puts it into the ready list. After the command that made it the list is worked off, first come first
 * served: the queue of a key is walked once, and each request of the right type is executed again while the key is there. These
 * executions may make further keys ready, which join the list.
 */
#include "server/blocking.h"

#include <math.h>
#include <stddef.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "ds/hashtable.h"
#include "server/state.h"

struct wait {
    struct blocked *blocked;
    struct waited_key *key;
    struct wait *prev, *next; /* in the queue of the key */
};

struct waited_key {
    struct db *db;
    struct wait *first, *last;
    struct waited_key *next_ready;
    unsigned waiting;
    bool is_ready, is_pinned;
    size_t len;
    char name[];
};

struct blocked {
    struct client *client;
    struct request *request;
    int64_t deadline_us; /* 0: none */
    unsigned heap_index;
    enum value_type type;
    enum blocking_timeout_reply on_timeout;
    unsigned wait_count;
    struct wait waits[];
};

/* --- waited-for keys --- */

static uint64_t hash_of_key(const void *entry)
{
    const struct waited_key *k = entry;
    return hash_bytes(k->name, k->len);
}

static bool key_has_name(const void *entry, const char *name, size_t len)
{
    const struct waited_key *k = entry;
    return slice_eq(SLICE(k->name, k->len), SLICE(name, len));
}

static const struct hashtable_type key_type = {.hash_of = hash_of_key, .has_key = key_has_name, .max_fill = 700};

static struct hashtable *table_of(struct server *s, const struct db *db)
{
    return s->blocking.tables != NULL ? s->blocking.tables[db_index(db)] : NULL;
}

static struct waited_key *find_key(struct server *s, const struct db *db, struct slice name)
{
    struct hashtable *t = table_of(s, db);
    if (t == NULL || hashtable_count(t) == 0) return NULL;
    return hashtable_find(t, name.ptr, name.len, hash_bytes(name.ptr, name.len));
}

static struct waited_key *find_or_add_key(struct server *s, struct db *db, struct slice name)
{
    struct waited_key *k = find_key(s, db, name);
    if (k != NULL) return k;
    struct blocking *b = &s->blocking;
    if (b->tables == NULL) b->tables = mem_calloc(keyspace_db_count(s->keyspace) * sizeof(*b->tables));
    struct hashtable **t = &b->tables[db_index(db)];
    if (*t == NULL) *t = hashtable_new(&key_type);
    k = mem_calloc(sizeof(*k) + name.len);
    k->db = db;
    k->len = name.len;
    if (name.len > 0) memcpy(k->name, name.ptr, name.len);
    hashtable_insert(*t, k, hash_of_key(k));
    b->keys++;
    return k;
}

static void drop_key_if_unused(struct server *s, struct waited_key *k)
{
    if (k->first != NULL || k->is_ready || k->is_pinned) return;
    hashtable_remove_entry(table_of(s, k->db), k, hash_of_key(k));
    s->blocking.keys--;
    mem_free(k);
}

static void enqueue(struct wait *w, struct blocked *b, struct waited_key *k)
{
    *w = (struct wait){.blocked = b, .key = k, .prev = k->last};
    *(k->last != NULL ? &k->last->next : &k->first) = w;
    k->last = w;
    k->waiting++;
}

static void dequeue(struct server *s, struct wait *w)
{
    struct waited_key *k = w->key;
    *(w->prev != NULL ? &w->prev->next : &k->first) = w->next;
    *(w->next != NULL ? &w->next->prev : &k->last) = w->prev;
    k->waiting--;
    drop_key_if_unused(s, k);
}

/* --- deadlines: a binary heap --- */

static void heap_put(struct blocking *g, unsigned i, struct blocked *b)
{
    g->deadlines[i] = b;
    b->heap_index = i;
}

static void heap_up(struct blocking *g, unsigned i)
{
    struct blocked *b = g->deadlines[i];
    for (; i > 0 && g->deadlines[(i - 1) / 2]->deadline_us > b->deadline_us; i = (i - 1) / 2)
        heap_put(g, i, g->deadlines[(i - 1) / 2]);
    heap_put(g, i, b);
}

static void heap_down(struct blocking *g, unsigned i)
{
    struct blocked *b = g->deadlines[i];
    for (unsigned child; (child = 2 * i + 1) < g->deadline_count; i = child) {
        bool right =
            child + 1 < g->deadline_count && g->deadlines[child + 1]->deadline_us < g->deadlines[child]->deadline_us;
        child += right;
        if (g->deadlines[child]->deadline_us >= b->deadline_us) break;
        heap_put(g, i, g->deadlines[child]);
    }
    heap_put(g, i, b);
}

static void heap_remove(struct blocking *g, struct blocked *b)
{
    unsigned i = b->heap_index;
    struct blocked *last = g->deadlines[--g->deadline_count];
    if (last == b) return;
    heap_put(g, i, last);
    heap_up(g, i);
    heap_down(g, last->heap_index);
}

static void on_timer(struct loop_timer *t);

static void start_timer(struct server *s)
{
    struct blocking *g = &s->blocking;
    g->timer.on_due = on_timer;
    if (g->deadline_count == 0) {
        loop_timer_stop(s->loop, &g->timer);
        return;
    }
    int64_t delay_us = g->deadlines[0]->deadline_us - loop_now_us(s->loop);
    loop_timer_start(s->loop, &g->timer, delay_us > 0 ? delay_us : 0);
}

static void heap_add(struct server *s, struct blocked *b)
{
    struct blocking *g = &s->blocking;
    if (g->deadline_count == g->deadline_cap) {
        g->deadline_cap = g->deadline_cap > 0 ? 2 * g->deadline_cap : 64;
        g->deadlines = mem_realloc(g->deadlines, g->deadline_cap * sizeof(*g->deadlines));
    }
    heap_put(g, g->deadline_count++, b);
    heap_up(g, b->heap_index);
    if (g->deadlines[0] == b) start_timer(s);
}

/* --- blocking and unblocking --- */

static void stop_waiting(struct blocked *b)
{
    struct server *s = b->client->server;
    if (!b->client->is_blocked) return;
    b->client->is_blocked = false;
    s->blocking.clients--;
    for (unsigned i = 0; i < b->wait_count; i++) dequeue(s, &b->waits[i]);
    b->wait_count = 0;
    if (b->deadline_us != 0) heap_remove(&s->blocking, b);
}

void blocking_forget(struct client *c)
{
    struct blocked *b = c->blocked;
    stop_waiting(b);
    c->blocked = NULL;
    /* A request that is being executed again is still in use: the one who executes it frees it. */
    if (b->request == NULL) {
        b->client = NULL;
        return;
    }
    request_free(b->request);
    mem_free(b);
}

static void go_on(struct client *c)
{
    struct blocking *g = &c->server->blocking;
    if (c->reply.head != NULL) client_queue_write(c);
    if (c->is_resuming || c->is_closing) return;
    c->is_resuming = true;
    c->next_resuming = NULL;
    *(g->resuming != NULL ? &g->resuming_last->next_resuming : &g->resuming) = c;
    g->resuming_last = c;
}

void blocking_resume_clients(struct server *s)
{
    struct client *c;
    while ((c = s->blocking.resuming) != NULL) {
        s->blocking.resuming = c->next_resuming;
        c->is_resuming = false;
        if (!c->is_closing && !c->is_blocked) client_resume(c);
    }
}

void blocking_wait(struct call *c, unsigned first, unsigned count, enum value_type type, int64_t timeout_ms,
                   enum blocking_timeout_reply on_timeout)
{
    struct client *client = c->client;
    struct blocked *b = client->blocked;
    if (b == NULL) {
        struct resp_command args = {.argv = c->argv, .argc = c->argc};
        b = mem_calloc(sizeof(*b) + count * sizeof(struct wait));
        b->client = client;
        b->request = request_save(c->command, &args);
        b->type = type;
        b->on_timeout = on_timeout;
        if (timeout_ms > 0 && timeout_ms < INT64_MAX / 2000) b->deadline_us = clock_mono_us() + timeout_ms * 1000;
        client->blocked = b;
        c->argv = b->request->argv;
    }
    client->is_blocked = true;
    c->server->blocking.clients++;
    for (unsigned i = 0; i < count; i++) {
        struct waited_key *k = find_or_add_key(c->server, c->db, call_arg(c, first + i));
        /* A key named twice: the client is the last in its queue already. */
        if (k->last != NULL && k->last->blocked == b) continue;
        enqueue(&b->waits[b->wait_count++], b, k);
    }
    if (b->deadline_us != 0) heap_add(c->server, b);
}

bool blocking_is_retry(const struct call *c) { return c->client->blocked != NULL; }

static void reply_timeout(struct blocked *b)
{
    switch (b->on_timeout) {
    case BLOCKING_REPLY_NULL_ARRAY: reply_null_array(&b->client->reply); return;
    case BLOCKING_REPLY_NULL: reply_null(&b->client->reply); return;
    }
    UNREACHABLE();
}

bool blocking_unblock(struct client *client, bool with_error)
{
    struct blocked *b = client->blocked;
    if (b == NULL || !client->is_blocked) return false;
    if (with_error) {
        reply_error(&client->reply, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
        errors_count(client->server, client->reply.last_error);
    } else {
        reply_timeout(b);
    }
    blocking_forget(client);
    dispatch_replied(client);
    go_on(client);
    return true;
}

static void on_timer(struct loop_timer *t)
{
    struct server *s = (struct server *)((char *)t - offsetof(struct server, blocking.timer));
    struct blocking *g = &s->blocking;
    int64_t now_us = clock_mono_us();
    while (g->deadline_count > 0 && g->deadlines[0]->deadline_us <= now_us)
        blocking_unblock(g->deadlines[0]->client, false);
    start_timer(s);
}

/* --- serving --- */

static void make_ready(struct server *s, struct waited_key *k)
{
    struct blocking *g = &s->blocking;
    if (k->is_ready) return;
    k->is_ready = true;
    k->next_ready = NULL;
    *(g->ready != NULL ? &g->ready_last->next_ready : &g->ready) = k;
    g->ready_last = k;
}

void blocking_key_changed(struct server *s, struct db *db, struct slice key)
{
    struct waited_key *k = find_key(s, db, key);
    if (k != NULL) make_ready(s, k);
}

void blocking_database_changed(struct server *s, struct db *db)
{
    struct hashtable *t = table_of(s, db);
    if (t == NULL) return;
    struct hashtable_iter it;
    hashtable_iter_init(&it, t);
    for (struct waited_key *k; (k = hashtable_iter_next(&it)) != NULL;) make_ready(s, k);
}

/* Executes the request again. It has a reply then, or waits anew. */
static void retry(struct blocked *b)
{
    struct client *c = b->client;
    struct request *r = b->request;
    stop_waiting(b);
    b->request = NULL;
    dispatch_one(c, r->command, &r->args);
    if (b->client != NULL && c->is_blocked) {
        b->request = r;
        return;
    }
    if (b->client != NULL) {
        c->blocked = NULL;
        go_on(c);
    }
    request_free(r);
    mem_free(b);
}

static bool has_type(struct server *s, const struct waited_key *k, enum value_type type)
{
    struct key key = key_of(SLICE(k->name, k->len));
    const struct entry *e = db_find(k->db, &key, s->now_ms, DB_FIND_NO_STATS | DB_FIND_NO_TOUCH);
    return e != NULL && entry_type(e) == type;
}

/* One walk: who waits anew joins the end of the queue and is not asked again. */
static void serve_key(struct server *s, struct waited_key *k)
{
    k->is_pinned = true;
    struct wait *w = k->first;
    for (unsigned n = k->waiting; n > 0 && w != NULL; n--) {
        struct wait *next = w->next;
        if (has_type(s, k, w->blocked->type)) retry(w->blocked);
        w = next;
    }
    k->is_pinned = false;
    drop_key_if_unused(s, k);
}

void blocking_serve(struct server *s)
{
    struct blocking *g = &s->blocking;
    if (g->is_serving) return;
    g->is_serving = true;
    struct waited_key *k;
    while ((k = g->ready) != NULL) {
        g->ready = k->next_ready;
        k->is_ready = false;
        serve_key(s, k);
    }
    g->is_serving = false;
}

/* --- arguments --- */

bool blocking_timeout_arg(struct call *c, unsigned i, int64_t *timeout_ms)
{
    long double value;
    const char *error = NULL;
    if (!num_parse_long_double(call_arg(c, i), &value)) {
        error = "ERR timeout is not a float or out of range";
    } else {
        value = ceill(value * 1000);
        if (value > (long double)INT64_MAX)
            error = "ERR timeout is out of range";
        else if (value < 0)
            error = "ERR timeout is negative";
        else if (value > (long double)(INT64_MAX - c->now_ms))
            error = "ERR timeout is out of range";
    }
    if (error != NULL) {
        reply_error(c->reply, error);
        return false;
    }
    *timeout_ms = (int64_t)value;
    return true;
}
