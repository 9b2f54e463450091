/* SPDX-License-Identifier: MIT */
/*
 * What the files of the sorted set family and of the geo family share: looking keys up, reading ranges, replying elements, storing results and
 * telling of changes.
 */
#ifndef COMMANDS_ZSET_PRIVATE_H
#define COMMANDS_ZSET_PRIVATE_H

#include "server/command.h"
#include "store/zset.h"

/* The sorted set at argument i, or NULL. False when another type stands there: replied. */
bool zsets_find_read(struct call *c, unsigned i, struct entry **e);
bool zsets_find_write(struct call *c, unsigned i, struct entry **e);
/* `e` is what was found at argument i. */
struct value_ref zsets_ref(struct call *c, unsigned i, struct entry *e);

/* A double; otherwise "ERR <error>" is replied (NULL: that it is not a valid float). */
bool zsets_double_arg(struct call *c, unsigned i, double *out, const char *error);
/* An integer of at least `min`; otherwise "ERR <error>" is replied. */
bool zsets_count_arg(struct call *c, unsigned i, int64_t min, int64_t *out, const char *error);
/* "1", "(1", "-inf"; replies that min or max is not a float. */
bool zsets_score_range_arg(struct call *c, unsigned min, unsigned max, struct zset_score_range *out);
/* "[a", "(a", "-", "+"; the bounds point into the arguments. */
bool zsets_lex_range_arg(struct call *c, unsigned min, unsigned max, struct zset_lex_range *out);

/* The condition and form of an insertion: ZADD and GEOADD. */
struct zsets_add_options {
    bool nx, xx, gt, lt, ch, incr;
};
/* What became of it, over all members. */
struct zsets_added {
    size_t added, updated;
    bool is_nan;  /* the sum is none: nothing was changed for this member */
    bool is_done; /* the last member passed the conditions */
    double score; /* of the last member that passed them */
};
void zsets_add_one(struct value_ref *ref, struct slice member, double score, const struct zsets_add_options *o,
                   struct zsets_added *sum);

/* Elements with their scores are pairs in RESP3 and a flat array in RESP2. */
void zsets_reply_header(struct reply *r, size_t count, bool with_scores);
void zsets_reply_element(struct reply *r, const struct zset_element *el, bool with_scores);
void zsets_reply_member(struct reply *r, const struct item *member);

/* One event about `n` changed elements, n counted as dirty; nothing when n is 0. */
void zsets_tell(struct call *c, unsigned key, size_t n, const char *event);
/* The same for elements that went; tells also that an empty sorted set is gone. */
void zsets_tell_removed(struct call *c, unsigned key, const struct value_ref *ref, size_t n, const char *event);
/* Puts `result` (taken over; NULL: empty) under the key at argument dst, over whatever is there, counts `dirty` changes and replies the count. */
void zsets_store(struct call *c, unsigned dst, struct entry *result, size_t dirty, const char *event);

#endif
