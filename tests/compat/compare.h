/* SPDX-License-Identifier: MIT */
/* Two replies to the same command: the same bytes, but for the few commands whose replies are free in part. */
#ifndef COMPAT_COMPARE_H
#define COMPAT_COMPARE_H

#include <stdbool.h>
#include <stddef.h>

enum compare_how {
    COMPARE_BYTES,
    COMPARE_SORTED, /* arrays, sets and maps with the same elements in any order */
    COMPARE_NEAR,   /* integers no further apart than `tolerance`; negative ones are the same */
    COMPARE_KIND,   /* the type of the reply, and whether it is null */
    COMPARE_COUNT,  /* the same, and how many elements an aggregate has */
    COMPARE_NOTHING,
};

struct compare {
    enum compare_how how;
    long tolerance;
};

/* How the replies of a command are compared: by its first two words, lower-case. */
struct compare compare_rule(const char *command, const char *subcommand);
bool compare_replies(struct compare c, const char *a, size_t a_len, const char *b, size_t b_len);

#endif
