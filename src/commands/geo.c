/* SPDX-License-Identifier: MIT */
/*
 * Positions: sorted sets whose scores are 52-bit geohashes (base/geohash.h). A search walks the score ranges of the cells around its center and
 * keeps what is inside the shape.
 *
 * Any sorted set may be asked: a score that is no geohash stands for some place, and must not do harm.
 */
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/geohash.h"
#include "base/mem.h"
#include "commands/commands.h"
#include "commands/zset_private.h"
#include "server/server.h"

/* --- arguments and replies --- */

/* Longitude and latitude at arguments i and i + 1. */
static bool point_args(struct call *c, unsigned i, struct geo_point *p)
{
    if (!zsets_double_arg(c, i, &p->lon, NULL) || !zsets_double_arg(c, i + 1, &p->lat, NULL)) return false;
    if (geo_is_on_map(*p)) return true;
    reply_errorf(c->reply, "ERR invalid longitude,latitude pair %f,%f", p->lon, p->lat);
    return false;
}

static bool unit_arg(struct call *c, unsigned i, double *unit_m)
{
    static const struct {
        const char *name;
        double m;
    } units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};
    for (unsigned k = 0; k < sizeof(units) / sizeof(units[0]); k++) {
        if (!call_arg_is(c, i, units[k].name)) continue;
        *unit_m = units[k].m;
        return true;
    }
    reply_error(c->reply, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

static void reply_distance(struct call *c, double distance) { reply_bulkf(c->reply, "%.4f", distance); }

/* In full, without an exponent: a double in RESP3. */
static void reply_coordinate(struct call *c, double degrees)
{
    if (c->reply->resp == 2) {
        reply_long_double(c->reply, degrees);
        return;
    }
    char text[NUM_LONG_DOUBLE_CHARS];
    unsigned len = num_format_long_double(text, degrees);
    reply_raw(c->reply, ",", 1);
    reply_raw(c->reply, text, len);
    reply_raw(c->reply, "\r\n", 2);
}

static void reply_point(struct call *c, struct geo_point p)
{
    reply_array(c->reply, 2);
    reply_coordinate(c, p.lon);
    reply_coordinate(c, p.lat);
}

#define INT64_MIN_SCORE (-9223372036854775808.0)

/* The number that a score is; of scores that are none, what x86-64 makes of them. */
static uint64_t bits_of_score(double score)
{
    if (score >= 0 && score < 18446744073709551616.0) return (uint64_t)score;
    if (score < 0 && score >= INT64_MIN_SCORE) return (uint64_t)(int64_t)score;
    return score < 0 ? UINT64_C(1) << 63 : 0;
}

static bool point_of_member(const struct entry *e, struct slice member, struct geo_point *p)
{
    double score;
    if (e == NULL || !zset_score(e, member, &score)) return false;
    *p = geo_decode(bits_of_score(score));
    return true;
}

/* --- GEOADD --- */

static unsigned parse_add_options(struct call *c, struct zsets_add_options *o)
{
    unsigned i = 2;
    for (; i < c->argc; i++) {
        if (call_arg_is(c, i, "nx"))
            o->nx = true;
        else if (call_arg_is(c, i, "xx"))
            o->xx = true;
        else if (call_arg_is(c, i, "ch"))
            o->ch = true;
        else
            break;
    }
    return i;
}

static void geoadd_command(struct call *c)
{
    struct zsets_add_options options = {0};
    struct zsets_added sum = {0};
    struct entry *e;
    struct geo_point p;
    unsigned first = parse_add_options(c, &options);
    if (first == c->argc || (c->argc - first) % 3 != 0 || (options.nx && options.xx)) {
        call_syntax_error(c);
        return;
    }
    for (unsigned i = first; i < c->argc; i += 3) {
        if (!point_args(c, i, &p)) return;
    }
    if (!zsets_find_write(c, 1, &e)) return;
    struct value_ref ref = zsets_ref(c, 1, e);
    for (unsigned i = first; i < c->argc; i += 3) {
        num_parse_double(call_arg(c, i), &p.lon);
        num_parse_double(call_arg(c, i + 1), &p.lat);
        zsets_add_one(&ref, call_arg(c, i + 2), (double)geo_encode(p), &options, &sum);
    }
    zsets_tell(c, 1, sum.added + sum.updated, "zadd");
    reply_int(c->reply, (int64_t)(sum.added + (options.ch ? sum.updated : 0)));
}

/* --- GEOPOS, GEOHASH, GEODIST --- */

static void geopos_command(struct call *c)
{
    struct entry *e;
    struct geo_point p;
    if (!zsets_find_read(c, 1, &e)) return;
    reply_array(c->reply, c->argc - 2);
    for (unsigned i = 2; i < c->argc; i++) {
        if (point_of_member(e, call_arg(c, i), &p))
            reply_point(c, p);
        else
            reply_null_array(c->reply);
    }
}

static void geohash_command(struct call *c)
{
    struct entry *e;
    struct geo_point p;
    if (!zsets_find_read(c, 1, &e)) return;
    reply_array(c->reply, c->argc - 2);
    for (unsigned i = 2; i < c->argc; i++) {
        char text[12];
        if (!point_of_member(e, call_arg(c, i), &p)) {
            reply_null(c->reply);
            continue;
        }
        geo_text(p, text);
        reply_bulk_cstr(c->reply, text);
    }
}

static void geodist_command(struct call *c)
{
    double unit_m = 1;
    struct entry *e;
    struct geo_point a, b;
    if (c->argc > 5) {
        call_syntax_error(c);
        return;
    }
    if ((c->argc == 5 && !unit_arg(c, 4, &unit_m)) || !zsets_find_read(c, 1, &e)) return;
    if (point_of_member(e, call_arg(c, 2), &a) && point_of_member(e, call_arg(c, 3), &b))
        reply_distance(c, geo_distance_m(a, b) / unit_m);
    else
        reply_null(c->reply);
}

/* --- a search: its arguments --- */

enum search_form { SEARCH, SEARCH_STORE, RADIUS, RADIUS_BY_MEMBER };
enum search_order { ORDER_NONE, ORDER_NEAREST, ORDER_FARTHEST };

struct search {
    enum search_form form;
    bool read_only;
    const struct entry *e; /* NULL: the key is not there, but errors in arguments are told all the same */
    unsigned key;          /* argument of the sorted set */
    unsigned store;        /* argument of the destination; 0: none */
    bool store_distance;
    bool with_distance, with_hash, with_point;
    bool has_center, by_member, has_shape;
    struct geo_shape shape;
    double unit_m;
    enum search_order order;
    int64_t count; /* 0: all */
    bool any;
};

static bool is_search(const struct search *s) { return s->form == SEARCH || s->form == SEARCH_STORE; }

static bool radius_args(struct call *c, unsigned i, struct search *s)
{
    if (!zsets_double_arg(c, i, &s->shape.radius_m, "need numeric radius")) return false;
    if (s->shape.radius_m < 0) {
        reply_error(c->reply, "ERR radius cannot be negative");
        return false;
    }
    if (!unit_arg(c, i + 1, &s->unit_m)) return false;
    s->shape.radius_m *= s->unit_m;
    s->shape.is_box = false;
    s->has_shape = true;
    return true;
}

static bool box_args(struct call *c, unsigned i, struct search *s)
{
    if (!zsets_double_arg(c, i, &s->shape.width_m, "need numeric width") ||
        !zsets_double_arg(c, i + 1, &s->shape.height_m, "need numeric height"))
        return false;
    if (s->shape.width_m < 0 || s->shape.height_m < 0) {
        reply_error(c->reply, "ERR height or width cannot be negative");
        return false;
    }
    if (!unit_arg(c, i + 2, &s->unit_m)) return false;
    s->shape.width_m *= s->unit_m;
    s->shape.height_m *= s->unit_m;
    s->shape.is_box = true;
    s->has_shape = true;
    return true;
}

static bool member_arg(struct call *c, unsigned i, struct search *s)
{
    s->has_center = s->by_member = true;
    if (s->e == NULL || point_of_member(s->e, call_arg(c, i), &s->shape.center)) return true;
    reply_error(c->reply, "ERR could not decode requested zset member");
    return false;
}

/* The center and shape where GEOSEARCH lets them stand: 0: argument i begins neither; else how many arguments it takes; -1: replied. */
static int parse_place(struct call *c, unsigned i, struct search *s)
{
    unsigned left = c->argc - i - 1;
    if (!is_search(s)) return 0;
    if (left >= 1 && (!s->has_center || s->by_member) && call_arg_is(c, i, "frommember"))
        return member_arg(c, i + 1, s) ? 2 : -1;
    if (left >= 2 && !s->by_member && call_arg_is(c, i, "fromlonlat")) {
        s->has_center = true;
        return point_args(c, i + 1, &s->shape.center) ? 3 : -1;
    }
    bool is_box = s->has_shape && s->shape.is_box, is_circle = s->has_shape && !s->shape.is_box;
    if (left >= 2 && !is_box && call_arg_is(c, i, "byradius")) return radius_args(c, i + 1, s) ? 3 : -1;
    if (left >= 3 && !is_circle && call_arg_is(c, i, "bybox")) return box_args(c, i + 1, s) ? 4 : -1;
    return 0;
}

static bool parse_flag(struct call *c, unsigned i, struct search *s)
{
    if (call_arg_is(c, i, "withdist"))
        s->with_distance = true;
    else if (call_arg_is(c, i, "withhash"))
        s->with_hash = true;
    else if (call_arg_is(c, i, "withcoord"))
        s->with_point = true;
    else if (call_arg_is(c, i, "any"))
        s->any = true;
    else if (call_arg_is(c, i, "asc"))
        s->order = ORDER_NEAREST;
    else if (call_arg_is(c, i, "desc"))
        s->order = ORDER_FARTHEST;
    else if (s->form == SEARCH_STORE && call_arg_is(c, i, "storedist"))
        s->store_distance = true;
    else
        return false;
    return true;
}

/* As parse_place, of options with a value. */
static int parse_valued(struct call *c, unsigned i, struct search *s)
{
    if (i + 1 >= c->argc) return 0;
    bool may_store = !is_search(s) && !s->read_only;
    if (call_arg_is(c, i, "count")) {
        if (!call_int_arg(c, i + 1, &s->count, NULL)) return -1;
        if (s->count > 0) return 2;
        reply_error(c->reply, "ERR COUNT must be > 0");
        return -1;
    }
    if (may_store && (call_arg_is(c, i, "store") || call_arg_is(c, i, "storedist"))) {
        s->store = i + 1;
        s->store_distance = call_arg(c, i).len > 5;
        return 2;
    }
    return 0;
}

static bool parse_options(struct call *c, unsigned i, struct search *s)
{
    while (i < c->argc) {
        int taken = parse_flag(c, i, s) ? 1 : parse_valued(c, i, s);
        if (taken == 0) taken = parse_place(c, i, s);
        if (taken == 0) call_syntax_error(c);
        if (taken <= 0) return false;
        i += (unsigned)taken;
    }
    return true;
}

/* What does not go together, or is missing. */
static bool check_search(struct call *c, const struct search *s)
{
    struct slice name = call_arg(c, 0);
    if (s->store != 0 && (s->with_distance || s->with_hash || s->with_point))
        reply_errorf(c->reply, "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                     s->form == SEARCH_STORE ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    else if (is_search(s) && !s->has_center)
        reply_errorf(c->reply, "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s", (int)name.len,
                     name.ptr);
    else if (is_search(s) && !s->has_shape)
        reply_errorf(c->reply, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s", (int)name.len,
                     name.ptr);
    else if (s->any && s->count == 0)
        reply_error(c->reply, "ERR the ANY argument requires COUNT argument");
    else
        return true;
    return false;
}

/* The arguments that stand first in GEORADIUS and GEORADIUSBYMEMBER. Of a key that is not there, the member and its radius are not read. */
static bool parse_fixed(struct call *c, struct search *s, unsigned *options)
{
    switch (s->form) {
    case SEARCH: *options = 2; return true;
    case SEARCH_STORE: *options = 3; return true;
    case RADIUS: *options = 6; return point_args(c, 2, &s->shape.center) && radius_args(c, 4, s);
    case RADIUS_BY_MEMBER: *options = 5; return s->e == NULL || (member_arg(c, 2, s) && radius_args(c, 3, s));
    }
    return false;
}

static bool parse_search(struct call *c, struct search *s)
{
    struct entry *e;
    unsigned options;
    s->key = s->form == SEARCH_STORE ? 2 : 1;
    if (s->form == SEARCH_STORE) s->store = 1;
    if (!zsets_find_read(c, s->key, &e)) return false;
    s->e = e;
    if (!parse_fixed(c, s, &options) || !parse_options(c, options, s) || !check_search(c, s)) return false;
    /* The nearest ones are meant by a count without an order. */
    if (s->count != 0 && s->order == ORDER_NONE && !s->any) s->order = ORDER_NEAREST;
    return true;
}

/* --- a search: what it finds --- */

struct found {
    struct zset_element element; /* the sorted set does not change while this is in use */
    struct geo_point point;
    double distance_m;
    size_t position; /* in the order of finding */
};

struct founds {
    struct buf items; /* of struct found */
    size_t count;
};

static struct found *found_items(const struct founds *f) { return (struct found *)(void *)f->items.data; }

/* Walks one cell; false: enough was found. */
static bool search_cell(const struct search *s, struct geo_cell cell, struct founds *f)
{
    uint64_t from, end;
    geo_cell_range(cell, &from, &end);
    struct zset_score_range range = {.min = (double)from, .max = (double)end, .max_open = true};
    size_t first, count;
    struct zset_iter it;
    zset_ranks_by_score(s->e, &range, &first, &count);
    if (count == 0) return true;
    zset_iter_init(&it, s->e, first, false);
    for (; count > 0 && zset_iter_next(&it); count--) {
        struct found one = {.element = it.element, .position = f->count};
        one.point = geo_decode(bits_of_score(it.element.score));
        if (!geo_shape_has(&s->shape, one.point, &one.distance_m)) continue;
        buf_append(&f->items, &one, sizeof(one));
        f->count++;
        if (s->any && f->count >= (uint64_t)s->count) return false;
    }
    return true;
}

static int nearest_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->distance_m != y->distance_m) return x->distance_m < y->distance_m ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

static int farthest_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->distance_m != y->distance_m) return x->distance_m > y->distance_m ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* What to return, in order. */
static void find(const struct search *s, struct founds *f)
{
    struct geo_cell cells[GEO_COVER_MAX];
    unsigned n = geo_shape_cover(&s->shape, cells);
    for (unsigned i = 0; i < n && search_cell(s, cells[i], f); i++) continue;
    if (s->order != ORDER_NONE && f->count > 1)
        qsort(found_items(f), f->count, sizeof(struct found),
              s->order == ORDER_NEAREST ? nearest_first : farthest_first);
    if (s->count != 0 && f->count > (uint64_t)s->count) f->count = (size_t)s->count;
}

static void reply_found(struct call *c, const struct search *s, const struct founds *f)
{
    unsigned options = (unsigned)s->with_distance + s->with_hash + s->with_point;
    reply_array(c->reply, f->count);
    for (size_t i = 0; i < f->count; i++) {
        const struct found *one = &found_items(f)[i];
        if (options > 0) reply_array(c->reply, options + 1);
        zsets_reply_member(c->reply, &one->element.member);
        if (s->with_distance) reply_distance(c, one->distance_m / s->unit_m);
        if (s->with_hash) reply_int(c->reply, (int64_t)one->element.score);
        if (s->with_point) reply_point(c, one->point);
    }
}

static void store_found(struct call *c, const struct search *s, const struct founds *f)
{
    struct value_ref ref = {.key = call_key(c, s->store)};
    for (size_t i = 0; i < f->count; i++) {
        const struct found *one = &found_items(f)[i];
        char scratch[NUM_INT64_CHARS];
        zset_set(&ref, item_slice(&one->element.member, scratch),
                 s->store_distance ? one->distance_m / s->unit_m : one->element.score);
    }
    zsets_store(c, s->store, ref.e, f->count, is_search(s) ? "geosearchstore" : "georadiusstore");
}

static void search(struct call *c, enum search_form form, bool read_only)
{
    struct search s = {.form = form, .read_only = read_only};
    struct founds f = {.items = BUF_INIT};
    if (!parse_search(c, &s)) return;
    if (s.e != NULL) find(&s, &f);
    if (s.store != 0)
        store_found(c, &s, &f);
    else
        reply_found(c, &s, &f);
    buf_deinit(&f.items);
}

static void geosearch_command(struct call *c) { search(c, SEARCH, true); }
static void geosearchstore_command(struct call *c) { search(c, SEARCH_STORE, false); }
static void georadius_command(struct call *c) { search(c, RADIUS, false); }
static void georadius_ro_command(struct call *c) { search(c, RADIUS, true); }
static void georadiusbymember_command(struct call *c) { search(c, RADIUS_BY_MEMBER, false); }
static void georadiusbymember_ro_command(struct call *c) { search(c, RADIUS_BY_MEMBER, true); }

/* --- the table --- */

/* The key and the destinations. With STORE and STOREDIST both told, the first of each; with one of them repeated, the last, which counts. */
static int radius_keys(struct arg *argv, unsigned argc, unsigned *out, unsigned max)
{
    unsigned first[2] = {0, 0}, last = 0;
    for (unsigned i = 5; i + 1 < argc; i++) {
        struct slice word = arg_slice(&argv[i]);
        bool is_store = slice_is_word(word, "store");
        if (!is_store && !slice_is_word(word, "storedist")) continue;
        last = ++i;
        if (first[!is_store] == 0) first[!is_store] = i;
    }
    bool both = first[0] != 0 && first[1] != 0;
    unsigned keys[3] = {1, both ? first[0] : last, first[1]};
    unsigned n = last == 0 ? 1 : both ? 3 : 2;
    for (unsigned i = 0; i < n && i < max; i++) out[i] = keys[i];
    return (int)(n < max ? n : max);
}

#define GEO_ROW(name_, fn, arity_, flags_) \
    .name = (name_), .handler = (fn), .arity = (arity_), .flags = (flags_), .categories = CAT_GEO, .group = GROUP_GEO
#define READ_KEYS                      \
    {                                  \
        KEY_AT(1, KEY_RO | KEY_ACCESS) \
    }
#define STORE_KEY(word, from)                                                                  \
    {                                                                                          \
        .flags = KEY_OW | KEY_UPDATE, .index = (from), .keyword = (word), .last = 0, .step = 1 \
    }
#define RADIUS_KEYS(from)                                                                      \
    {                                                                                          \
        KEY_AT(1, KEY_RO | KEY_ACCESS), STORE_KEY("STORE", from), STORE_KEY("STOREDIST", from) \
    }
#define SEARCH_COST                                                                                                  \
    "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided " \
    "as the filter and M is the number of items inside the shape"
#define RADIUS_COST                                                                                                   \
    "O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center " \
    "and radius and M is the number of items inside the index."
#define UNITS "<M | KM | FT | MI>"
#define PLACE                                                                                                    \
    "<FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius " UNITS " | BYBOX width height " UNITS \
    "> [ASC | DESC] [COUNT count [ANY]]"
#define RADIUS_OPTIONS " [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]"
#define STORE_OPTIONS " [STORE key] [STOREDIST key]"

/* clang-format off */
static const struct command rows[] = {
    {GEO_ROW("geoadd", geoadd_command, -5, CMD_WRITE | CMD_DENYOOM), .since = "3.2.0",
     .complexity = "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
     .summary = "Adds members with their positions, or moves those that are there.",
     .syntax = "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
     .keys = {KEY_AT(1, KEY_RW | KEY_UPDATE)}},
    {GEO_ROW("geopos", geopos_command, -2, CMD_READONLY), .since = "3.2.0",
     .complexity = "O(N) where N is the number of members requested.",
     .summary = "Returns the longitudes and latitudes of members.", .syntax = "key [member [member ...]]", .keys = READ_KEYS},
    {GEO_ROW("geodist", geodist_command, -4, CMD_READONLY), .since = "3.2.0", .complexity = "O(log(N))",
     .summary = "Returns the distance between two members.", .syntax = "key member1 member2 [M | KM | FT | MI]",
     .keys = READ_KEYS},
    {GEO_ROW("geohash", geohash_command, -2, CMD_READONLY), .since = "3.2.0",
     .complexity = "O(log(N)) for each member requested, where N is the number of elements in the sorted set.",
     .summary = "Returns the positions of members as geohash texts.", .syntax = "key [member [member ...]]", .keys = READ_KEYS},
    {GEO_ROW("geosearch", geosearch_command, -7, CMD_READONLY), .since = "6.2.0", .complexity = SEARCH_COST,
     .summary = "Returns the members inside a circle or a box.",
     .syntax = "key " PLACE " [WITHCOORD] [WITHDIST] [WITHHASH]", .keys = READ_KEYS},
    {GEO_ROW("geosearchstore", geosearchstore_command, -8, CMD_WRITE | CMD_DENYOOM), .since = "6.2.0",
     .complexity = SEARCH_COST, .summary = "Stores the members inside a circle or a box under another key.",
     .syntax = "destination source " PLACE " [STOREDIST]",
     .keys = {KEY_AT(1, KEY_OW | KEY_UPDATE), KEY_AT(2, KEY_RO | KEY_ACCESS)}},
    {GEO_ROW("georadius", georadius_command, -6, CMD_WRITE | CMD_DENYOOM | CMD_MOVABLE_KEYS), .since = "3.2.0",
     .complexity = RADIUS_COST, .summary = "Returns or stores the members within a distance of a position.",
     .syntax = "key longitude latitude radius " UNITS RADIUS_OPTIONS STORE_OPTIONS,
     .keys = RADIUS_KEYS(6), .get_keys = radius_keys,
     .deprecated_since = "6.2.0", .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"},
    {GEO_ROW("georadius_ro", georadius_ro_command, -6, CMD_READONLY), .since = "3.2.10", .complexity = RADIUS_COST,
     .summary = "Returns the members within a distance of a position.",
     .syntax = "key longitude latitude radius " UNITS RADIUS_OPTIONS, .keys = READ_KEYS,
     .deprecated_since = "6.2.0", .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument"},
    {GEO_ROW("georadiusbymember", georadiusbymember_command, -5, CMD_WRITE | CMD_DENYOOM | CMD_MOVABLE_KEYS),
     .since = "3.2.0", .complexity = RADIUS_COST,
     .summary = "Returns or stores the members within a distance of a member.",
     .syntax = "key member radius " UNITS RADIUS_OPTIONS STORE_OPTIONS,
     .keys = RADIUS_KEYS(5), .get_keys = radius_keys, .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"},
    {GEO_ROW("georadiusbymember_ro", georadiusbymember_ro_command, -5, CMD_READONLY), .since = "3.2.10",
     .complexity = RADIUS_COST, .summary = "Returns the members within a distance of a member.",
     .syntax = "key member radius " UNITS RADIUS_OPTIONS, .keys = READ_KEYS,
     .deprecated_since = "6.2.0", .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"},
    {0},
};
/* clang-format on */

const struct command *geo_commands(void) { return rows; }
