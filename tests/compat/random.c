/* SPDX-License-Identifier: MIT */
/* Random commands of each family, in pipelines of random size; then all data is compared. */
#include <stdio.h>
#include <string.h>

#include "tests/compat/gen_core.h"
#include "tests/compat/pair.h"

#define PIPELINE_MAX 48

struct pipeline {
    struct bytes request;
    unsigned count;
    size_t ends[PIPELINE_MAX]; /* offset behind each command */
    struct compare how[PIPELINE_MAX];
};

static void fill(struct pipeline *l, struct gen *g, const struct gen_family *family, unsigned long most)
{
    unsigned want = gen_below(g, 3) == 0 ? 1 : 1 + gen_below(g, PIPELINE_MAX);
    if (want > most) want = (unsigned)most;
    l->request.len = 0;
    for (l->count = 0; l->count < want; l->count++) {
        gen_command(g, family->make, &l->request);
        l->ends[l->count] = l->request.len;
        l->how[l->count] = compare_rule(g->words[0], g->words[1]);
    }
}

static void compare_pipeline(struct pair *p, const struct pipeline *l, unsigned long first)
{
    size_t from = 0;
    for (unsigned i = 0; i < l->count && !pair_is_hopeless(p); i++) {
        const char *judge, *ours;
        size_t judge_len, ours_len;
        char where[64];
        snprintf(where, sizeof(where), "command %lu", first + i);
        if (!wire_next(&p->judge.wire, &judge, &judge_len) || !wire_next(&p->ours.wire, &ours, &ours_len)) {
            pair_fail(p, "%s: no reply", where);
            return;
        }
        pair_compare(p, l->how[i], where, l->request.ptr + from, l->ends[i] - from, judge, judge_len, ours, ours_len);
        from = l->ends[i];
    }
}

static void run_family(struct pair *p, const struct gen_family *family, unsigned long seed, unsigned long count,
                       int resp)
{
    char name[64];
    snprintf(name, sizeof(name), "random %s, RESP%d, seed %lu", family->name, resp, seed);
    pair_begin(p, name, resp);
    struct pipeline l = {0};
    struct gen g;
    gen_init(&g, seed);
    for (unsigned long done = 0; done < count && !pair_is_hopeless(p); done += l.count) {
        fill(&l, &g, family, count - done);
        if (!pair_exchange(p, l.request.ptr, l.request.len, l.count)) break;
        compare_pipeline(p, &l, done + 1);
    }
    if (!pair_is_hopeless(p)) pair_compare_data(p);
    gen_deinit(&g);
    bytes_free(&l.request);
    pair_end(p);
}

void random_run(struct pair *p, const char *only, unsigned long seed, unsigned long count)
{
    for (const struct gen_family *f = gen_families; f->name != NULL; f++) {
        if (only != NULL && strcmp(only, f->name) != 0) continue;
        run_family(p, f, seed, count, 2);
        run_family(p, f, seed + 1, count, 3);
    }
}
