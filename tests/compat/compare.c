/* SPDX-License-Identifier: MIT */
#include "tests/compat/compare.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/wire.h"

/* The two servers get a command some time apart, at most this much on a busy machine. */
#define APART_S 5

struct compare compare_rule(const char *command, const char *subcommand)
{
    static const struct {
        const char *command, *subcommand;
        struct compare how;
    } rules[] = {
        {"keys", NULL, {COMPARE_SORTED, 0}},
        {"scan", NULL, {COMPARE_KIND, 0}}, /* order and cursors are each server's own */
        {"randomkey", NULL, {COMPARE_KIND, 0}},
        {"hgetall", NULL, {COMPARE_SORTED, 0}},
        {"hkeys", NULL, {COMPARE_SORTED, 0}},
        {"hvals", NULL, {COMPARE_SORTED, 0}},
        {"hscan", NULL, {COMPARE_KIND, 0}},
        {"hrandfield", NULL, {COMPARE_KIND, 0}},
        {"ttl", NULL, {COMPARE_NEAR, APART_S}},
        {"pttl", NULL, {COMPARE_NEAR, APART_S * 1000}},
        {"expiretime", NULL, {COMPARE_NEAR, APART_S}},
        {"pexpiretime", NULL, {COMPARE_NEAR, APART_S * 1000}},
        {"object", "idletime", {COMPARE_NEAR, APART_S}},
        {"smembers", NULL, {COMPARE_SORTED, 0}},
        {"sinter", NULL, {COMPARE_SORTED, 0}},
        {"sunion", NULL, {COMPARE_SORTED, 0}},
        {"sdiff", NULL, {COMPARE_SORTED, 0}},
        {"spop", NULL, {COMPARE_SORTED, 0}}, /* families take all members or none */
        {"srandmember", NULL, {COMPARE_COUNT, 0}},
        {"sscan", NULL, {COMPARE_KIND, 0}},
        {"memory", "usage", {COMPARE_KIND, 0}},
        {"time", NULL, {COMPARE_KIND, 0}},
        {"info", NULL, {COMPARE_KIND, 0}},
        {"lastsave", NULL, {COMPARE_KIND, 0}},
        {"config", "get", {COMPARE_SORTED, 0}},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (strcmp(rules[i].command, command) != 0) continue;
        if (rules[i].subcommand == NULL || strcmp(rules[i].subcommand, subcommand) == 0) return rules[i].how;
    }
    return (struct compare){COMPARE_BYTES, 0};
}

struct element {
    const char *ptr;
    size_t len;
};

static int element_order(const void *a, const void *b)
{
    const struct element *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int order = memcmp(x->ptr, y->ptr, n);
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* The elements of an aggregate (of a map keys and values) in order; NULL when it is none. The caller frees them. */
static struct element *sorted_elements(const char *reply, size_t len, size_t *count)
{
    if (len < 4 || strchr("*~%", reply[0]) == NULL) return NULL;
    long n = strtol(reply + 1, NULL, 10);
    if (n < 0) return NULL;
    if (reply[0] == '%') n *= 2;
    size_t at = (size_t)((const char *)memchr(reply, '\n', len) - reply) + 1;
    struct element *elements = calloc((size_t)n + 1, sizeof(*elements));
    if (elements == NULL) abort();
    for (*count = 0; *count < (size_t)n; (*count)++) {
        long one = wire_reply_length(reply + at, len - at);
        if (one <= 0) break;
        elements[*count] = (struct element){reply + at, (size_t)one};
        at += (size_t)one;
    }
    qsort(elements, *count, sizeof(*elements), element_order);
    return elements;
}

static bool is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static bool is_same_sorted(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t a_count = 0, b_count = 0;
    struct element *x = sorted_elements(a, a_len, &a_count);
    struct element *y = sorted_elements(b, b_len, &b_count);
    bool same = x != NULL && y != NULL && a_count == b_count && a[0] == b[0];
    for (size_t i = 0; same && i < a_count; i++) same = element_order(&x[i], &y[i]) == 0;
    if (x == NULL && y == NULL) same = is_same(a, a_len, b, b_len);
    free(x);
    free(y);
    return same;
}

static bool is_near(const char *a, const char *b, long tolerance)
{
    if (a[0] != ':' || b[0] != ':') return false;
    long x = strtol(a + 1, NULL, 10), y = strtol(b + 1, NULL, 10);
    if (x < 0 || y < 0) return x == y;
    return labs(x - y) <= tolerance;
}

static bool is_same_kind(const char *a, size_t a_len, const char *b, size_t b_len)
{
    /* Errors say the same in every case. */
    if (a[0] == '-' || b[0] == '-') return is_same(a, a_len, b, b_len);
    return a[0] == b[0] && (a[1] == '-') == (b[1] == '-');
}

/* Up to the end of the first line, in which an aggregate has its length. */
static bool is_same_count(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (strchr("*~%", a[0]) == NULL) return is_same_kind(a, a_len, b, b_len);
    const char *a_end = memchr(a, '\n', a_len), *b_end = memchr(b, '\n', b_len);
    return a_end != NULL && b_end != NULL && is_same(a, (size_t)(a_end - a), b, (size_t)(b_end - b));
}

bool compare_replies(struct compare c, const char *a, size_t a_len, const char *b, size_t b_len)
{
    switch (c.how) {
    case COMPARE_BYTES: return is_same(a, a_len, b, b_len);
    case COMPARE_SORTED: return is_same_sorted(a, a_len, b, b_len);
    case COMPARE_NEAR: return is_same(a, a_len, b, b_len) || is_near(a, b, c.tolerance);
    case COMPARE_KIND: return is_same_kind(a, a_len, b, b_len);
    case COMPARE_COUNT: return is_same_count(a, a_len, b, b_len);
    case COMPARE_NOTHING: return true;
    }
    return false;
}
