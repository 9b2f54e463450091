/* SPDX-License-Identifier: MIT */
/*
 * Union, intersection and difference of sorted sets and sets. The members of a set count as having the score 1.
 *
 * The result is built as an entry of its own: the STORE forms put it into the database, the others reply it and free it. Inputs are taken in
 * order of size: an intersection walks the smallest one, and sums of scores have the order, and so the last digit, of Redis's.
 */
#include "commands/zset_private.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "commands/commands.h"
#include "store/set.h"

enum operation { OPERATION_UNION, OPERATION_INTERSECT, OPERATION_DIFF };
enum aggregate { AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX };

/* --- inputs: sets and sorted sets alike --- */

struct input {
    const struct entry *e; /* NULL: a key that is not there */
    double weight;
    unsigned position; /* among the arguments */
};

struct input_iter {
    bool is_set;
    struct set_iter set;
    struct zset_iter zset;
    struct item member;
    double score;
};

static size_t input_count(const struct input *in)
{
    if (in->e == NULL) return 0;
    return entry_type(in->e) == VALUE_SET ? set_count(in->e) : zset_count(in->e);
}

static bool input_score(const struct input *in, struct slice member, double *score)
{
    if (in->e == NULL) return false;
    *score = 1;
    return entry_type(in->e) == VALUE_SET ? set_has(in->e, member) : zset_score(in->e, member, score);
}

/* in->e is there. */
static void input_iter_init(struct input_iter *it, const struct input *in)
{
    it->is_set = entry_type(in->e) == VALUE_SET;
    if (it->is_set)
        set_iter_init(&it->set, in->e);
    else
        zset_iter_init(&it->zset, in->e, 0, false);
}

static bool input_iter_next(struct input_iter *it)
{
    if (!(it->is_set ? set_iter_next(&it->set) : zset_iter_next(&it->zset))) return false;
    it->member = it->is_set ? it->set.item : it->zset.element.member;
    it->score = it->is_set ? 1 : it->zset.element.score;
    return true;
}

static int smaller_first(const void *a, const void *b)
{
    const struct input *x = a, *y = b;
    size_t m = input_count(x), n = input_count(y);
    if (m != n) return m < n ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* --- the request --- */

struct request {
    enum operation operation;
    enum aggregate aggregate;
    bool stores, counts; /* the STORE forms; ZINTERCARD */
    bool with_scores;
    int64_t limit; /* of ZINTERCARD; 0: none */
    struct input *inputs;
    unsigned count;
};

static bool find_inputs(struct call *c, unsigned first, struct request *q)
{
    q->inputs = mem_alloc(q->count * sizeof(*q->inputs));
    for (unsigned i = 0; i < q->count; i++) {
        const struct entry *e = call_find_read(c, first + i);
        q->inputs[i] = (struct input){.e = e, .weight = 1, .position = i};
        if (e != NULL && entry_type(e) != VALUE_SET && call_wrong_type(c, e, VALUE_ZSET)) return false;
    }
    return true;
}

static bool parse_weights(struct call *c, unsigned i, struct request *q)
{
    for (unsigned k = 0; k < q->count; k++) {
        if (!zsets_double_arg(c, i + k, &q->inputs[k].weight, "weight value is not a float")) return false;
    }
    return true;
}

static bool parse_aggregate(struct call *c, unsigned i, struct request *q)
{
    if (call_arg_is(c, i, "sum"))
        q->aggregate = AGGREGATE_SUM;
    else if (call_arg_is(c, i, "min"))
        q->aggregate = AGGREGATE_MIN;
    else if (call_arg_is(c, i, "max"))
        q->aggregate = AGGREGATE_MAX;
    else {
        call_syntax_error(c);
        return false;
    }
    return true;
}

static bool parse_options(struct call *c, unsigned i, struct request *q)
{
    bool weighs = q->operation != OPERATION_DIFF && !q->counts;
    while (i < c->argc) {
        unsigned left = c->argc - i;
        if (weighs && left > q->count && call_arg_is(c, i, "weights")) {
            if (!parse_weights(c, i + 1, q)) return false;
            i += 1 + q->count;
        } else if (weighs && left >= 2 && call_arg_is(c, i, "aggregate")) {
            if (!parse_aggregate(c, i + 1, q)) return false;
            i += 2;
        } else if (!q->stores && !q->counts && call_arg_is(c, i, "withscores")) {
            q->with_scores = true;
            i++;
        } else if (q->counts && left >= 2 && call_arg_is(c, i, "limit")) {
            if (!zsets_count_arg(c, i + 1, 0, &q->limit, "LIMIT can't be negative")) return false;
            i += 2;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    return true;
}

/* numkeys at argument i, the keys, the options. False: replied; q->inputs is the caller's to free in any case. */
static bool parse_request(struct call *c, unsigned i, struct request *q)
{
    int64_t count;
    if (!call_int_arg(c, i, &count, NULL)) return false;
    if (count < 1) {
        reply_errorf(c->reply, "ERR at least 1 input key is needed for '%s' command", c->command->name);
        return false;
    }
    if (count > (int64_t)(c->argc - i - 1)) {
        call_syntax_error(c);
        return false;
    }
    q->count = (unsigned)count;
    return find_inputs(c, i + 1, q) && parse_options(c, i + 1 + q->count, q);
}

/* --- scores --- */

static double weighted(double score, double weight)
{
    double product = score * weight;
    return isnan(product) ? 0 : product;
}

/* Infinities of both signs add up to 0. */
static double combine(enum aggregate how, double a, double b)
{
    switch (how) {
    case AGGREGATE_SUM: return isnan(a + b) ? 0 : a + b;
    case AGGREGATE_MIN: return b < a ? b : a;
    case AGGREGATE_MAX: return b > a ? b : a;
    }
    return a;
}

/* --- the operations: each adds to `result` --- */

/* The store leaves a score alone that compares equal; -0 becomes 0 by way of another one. */
static void set_sum(struct value_ref *result, struct slice member, double before, double score)
{
    if (score == 0 && signbit(before)) zset_set(result, member, 1);
    zset_set(result, member, score);
}

static void unite(const struct request *q, struct value_ref *result)
{
    for (unsigned i = 0; i < q->count; i++) {
        const struct input *in = &q->inputs[i];
        struct input_iter it;
        if (input_count(in) == 0) continue;
        input_iter_init(&it, in);
        while (input_iter_next(&it)) {
            char scratch[NUM_INT64_CHARS];
            struct slice member = item_slice(&it.member, scratch);
            double score = weighted(it.score, in->weight), before;
            if (zset_score(result->e, member, &before))
                set_sum(result, member, before, combine(q->aggregate, before, score));
            else
                zset_set(result, member, score);
        }
    }
}

/* The score of a member of the first input in all of them; false: one does not have it. */
static bool score_in_all(const struct request *q, struct slice member, double first, double *score)
{
    *score = weighted(first, q->inputs[0].weight);
    for (unsigned i = 1; i < q->count; i++) {
        const struct input *in = &q->inputs[i];
        double other = first;
        if (in->e != q->inputs[0].e && !input_score(in, member, &other)) return false;
        *score = combine(q->aggregate, *score, other * in->weight);
    }
    return true;
}

/* Returns how many there are; with `result` NULL it only counts, up to q->limit. */
static size_t intersect(const struct request *q, struct value_ref *result)
{
    size_t found = 0;
    struct input_iter it;
    if (input_count(&q->inputs[0]) == 0) return 0;
    input_iter_init(&it, &q->inputs[0]);
    while (input_iter_next(&it)) {
        char scratch[NUM_INT64_CHARS];
        struct slice member = item_slice(&it.member, scratch);
        double score;
        if (!score_in_all(q, member, it.score, &score)) continue;
        found++;
        if (result != NULL)
            zset_set(result, member, score);
        else if (q->limit > 0 && found >= (uint64_t)q->limit)
            break;
    }
    return found;
}

static bool is_in_others(const struct request *q, struct slice member)
{
    double score;
    for (unsigned i = 1; i < q->count; i++) {
        if (q->inputs[i].e == q->inputs[0].e || input_score(&q->inputs[i], member, &score)) return true;
    }
    return false;
}

static void subtract_by_lookup(const struct request *q, struct value_ref *result)
{
    struct input_iter it;
    input_iter_init(&it, &q->inputs[0]);
    while (input_iter_next(&it)) {
        char scratch[NUM_INT64_CHARS];
        struct slice member = item_slice(&it.member, scratch);
        if (!is_in_others(q, member)) zset_set(result, member, it.score);
    }
}

/* For many small inputs against a large first one: all of the first, less what is in the others. */
static void subtract_by_removal(const struct request *q, struct value_ref *result)
{
    struct input_iter it;
    char scratch[NUM_INT64_CHARS];
    input_iter_init(&it, &q->inputs[0]);
    while (input_iter_next(&it)) zset_set(result, item_slice(&it.member, scratch), it.score);
    for (unsigned i = 1; i < q->count; i++) {
        if (input_count(&q->inputs[i]) == 0) continue;
        input_iter_init(&it, &q->inputs[i]);
        while (result->e != NULL && input_iter_next(&it)) zset_remove(result, item_slice(&it.member, scratch));
    }
}

static void subtract(const struct request *q, struct value_ref *result)
{
    size_t size = input_count(&q->inputs[0]), all = size;
    if (size == 0) return;
    for (unsigned i = 1; i < q->count; i++) all += input_count(&q->inputs[i]);
    /* Building costs more a member than looking up, and a look-up that finds is the last one. */
    if (size / 2 * (q->count - 1) <= all)
        subtract_by_lookup(q, result);
    else
        subtract_by_removal(q, result);
}

/* Results are built in the large form: it is the quicker one to look members up in, and keeps a score of -0. */
static void run(const struct request *q, struct value_ref *result)
{
    zset_expect(result, value_limits()->zset_max_listpack_entries + 1, 0);
    if (q->operation != OPERATION_DIFF) qsort(q->inputs, q->count, sizeof(*q->inputs), smaller_first);
    switch (q->operation) {
    case OPERATION_UNION: unite(q, result); return;
    case OPERATION_INTERSECT: intersect(q, result); return;
    case OPERATION_DIFF: subtract(q, result); return;
    }
}

static bool fits_packed(const struct entry *e)
{
    const struct value_limits *limits = value_limits();
    if (zset_count(e) > limits->zset_max_listpack_entries) return false;
    struct zset_iter it;
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it)) {
        char scratch[NUM_INT64_CHARS];
        if (item_slice(&it.element.member, scratch).len > limits->zset_max_listpack_value) return false;
    }
    return true;
}

/* What is to be kept gets the form it would have, had its members been added one by one. */
static void repack(struct value_ref *result)
{
    if (result->e == NULL || zset_count(result->e) == 0 || !fits_packed(result->e)) return;
    struct value_ref small = {.key = result->key};
    struct zset_iter it;
    zset_iter_init(&it, result->e, 0, false);
    while (zset_iter_next(&it)) {
        char scratch[NUM_INT64_CHARS];
        zset_set(&small, item_slice(&it.element.member, scratch), it.element.score);
    }
    entry_free(result->e);
    *result = small;
}

/* --- the commands --- */

static void reply_all(struct call *c, const struct entry *e, bool with_scores)
{
    if (e == NULL) {
        reply_empty_array(c->reply);
        return;
    }
    struct zset_iter it;
    zsets_reply_header(c->reply, zset_count(e), with_scores);
    zset_iter_init(&it, e, 0, false);
    while (zset_iter_next(&it)) zsets_reply_element(c->reply, &it.element, with_scores);
}

static void read_command(struct call *c, enum operation operation)
{
    struct request q = {.operation = operation};
    if (parse_request(c, 1, &q)) {
        struct value_ref result = {.key = call_key(c, 2)};
        run(&q, &result);
        reply_all(c, result.e, q.with_scores);
        if (result.e != NULL) entry_free(result.e);
    }
    mem_free(q.inputs);
}

static void store_command(struct call *c, enum operation operation, const char *event)
{
    struct request q = {.operation = operation, .stores = true};
    if (parse_request(c, 2, &q)) {
        struct value_ref result = {.key = call_key(c, 1)};
        run(&q, &result);
        repack(&result);
        zsets_store(c, 1, result.e, 1, event);
    }
    mem_free(q.inputs);
}

static void zunion_command(struct call *c) { read_command(c, OPERATION_UNION); }
static void zinter_command(struct call *c) { read_command(c, OPERATION_INTERSECT); }
static void zdiff_command(struct call *c) { read_command(c, OPERATION_DIFF); }
static void zunionstore_command(struct call *c) { store_command(c, OPERATION_UNION, "zunionstore"); }
static void zinterstore_command(struct call *c) { store_command(c, OPERATION_INTERSECT, "zinterstore"); }
static void zdiffstore_command(struct call *c) { store_command(c, OPERATION_DIFF, "zdiffstore"); }

static void zintercard_command(struct call *c)
{
    struct request q = {.operation = OPERATION_INTERSECT, .counts = true};
    if (parse_request(c, 1, &q)) {
        qsort(q.inputs, q.count, sizeof(*q.inputs), smaller_first);
        reply_int(c->reply, (int64_t)intersect(&q, NULL));
    }
    mem_free(q.inputs);
}

/* --- the table --- */

#define ALGEBRA_ROW(name_, fn, arity_, flags_)                                                 \
    .name = (name_), .handler = (fn), .arity = (arity_), .flags = (flags_) | CMD_MOVABLE_KEYS, \
    .categories = CAT_SORTEDSET, .group = GROUP_SORTED_SET
#define INPUTS(i)                                                                                       \
    {                                                                                                   \
        .flags = KEY_RO | KEY_ACCESS, .index = (i), .is_keynum = true, .last = 0, .step = 1, .limit = 1 \
    }
#define READ_KEYS \
    {             \
        INPUTS(1) \
    }
#define STORE_KEYS                                \
    {                                             \
        KEY_AT(1, KEY_OW | KEY_UPDATE), INPUTS(2) \
    }
#define UNION_COST                                                                                                     \
    "O(N)+O(M*log(M)) with N being the sum of the sizes of the input sorted sets, and M being the number of elements " \
    "in the resulting sorted set."
#define INTER_COST                                                                                                  \
    "O(N*K)+O(M*log(M)) worst case with N being the smallest input sorted set, K being the number of input sorted " \
    "sets and M being the number of elements in the resulting sorted set."
#define DIFF_COST                                                                                                  \
    "O(L + (N-K)log(N)) worst case where L is the total number of elements in all the sets, N is the size of the " \
    "first set, and K is the size of the result set."
#define OPTIONS " [WEIGHTS weight [weight ...]] [AGGREGATE <SUM | MIN | MAX>]"

/* clang-format off */
static const struct command rows[] = {
    {ALGEBRA_ROW("zunion", zunion_command, -3, CMD_READONLY), .since = "6.2.0", .complexity = UNION_COST,
     .summary = "Returns the union of sorted sets.",
     .syntax = "numkeys key [key ...]" OPTIONS " [WITHSCORES]", .keys = READ_KEYS},
    {ALGEBRA_ROW("zinter", zinter_command, -3, CMD_READONLY), .since = "6.2.0", .complexity = INTER_COST,
     .summary = "Returns the intersection of sorted sets.",
     .syntax = "numkeys key [key ...]" OPTIONS " [WITHSCORES]", .keys = READ_KEYS},
    {ALGEBRA_ROW("zdiff", zdiff_command, -3, CMD_READONLY), .since = "6.2.0", .complexity = DIFF_COST,
     .summary = "Returns the members of a sorted set that are in none of the others.",
     .syntax = "numkeys key [key ...] [WITHSCORES]", .keys = READ_KEYS},
    {ALGEBRA_ROW("zunionstore", zunionstore_command, -4, CMD_WRITE | CMD_DENYOOM), .since = "2.0.0",
     .complexity = UNION_COST, .summary = "Stores the union of sorted sets under a key.",
     .syntax = "destination numkeys key [key ...]" OPTIONS, .keys = STORE_KEYS},
    {ALGEBRA_ROW("zinterstore", zinterstore_command, -4, CMD_WRITE | CMD_DENYOOM), .since = "2.0.0",
     .complexity = INTER_COST, .summary = "Stores the intersection of sorted sets under a key.",
     .syntax = "destination numkeys key [key ...]" OPTIONS, .keys = STORE_KEYS},
    {ALGEBRA_ROW("zdiffstore", zdiffstore_command, -4, CMD_WRITE | CMD_DENYOOM), .since = "6.2.0",
     .complexity = DIFF_COST, .summary = "Stores the members of a sorted set that are in none of the others under a key.",
     .syntax = "destination numkeys key [key ...]", .keys = STORE_KEYS},
    {ALGEBRA_ROW("zintercard", zintercard_command, -3, CMD_READONLY), .since = "7.0.0",
     .complexity = "O(N*K) worst case with N being the smallest input sorted set, K being the number of input sorted sets.",
     .summary = "Counts the members of the intersection of sorted sets.",
     .syntax = "numkeys key [key ...] [LIMIT limit]", .keys = READ_KEYS},
    {0},
};
/* clang-format on */

const struct command *zset_algebra_commands(void) { return rows; }
