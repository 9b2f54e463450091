/* SPDX-License-Identifier: MIT */
/*
 * A line split into words, with the quoting of redis.conf and of inline commands: spaces part
 * words; "..." understands \n \r \t \b \a \xHH \" \\; '...' understands only \'; a closing quote
 * must be followed by a space or the end. A NUL ends the line.
 */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct words {
    struct slice *items; /* each NUL-terminated one past its length */
    size_t count;
    char *storage; /* private */
};

/* False on unbalanced quotes (out is then empty). */
bool words_split(struct slice line, struct words *out);
void words_deinit(struct words *w);

#endif
