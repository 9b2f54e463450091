/* SPDX-License-Identifier: MIT */
/* An element as a packed structure holds it: bytes in place, or an integer that stands for its canonical decimal text. */
#ifndef DS_ITEM_H
#define DS_ITEM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/num.h"
#include "base/slice.h"

struct item {
    const char *ptr; /* NULL: an integer */
    size_t len;
    int64_t integer;
};

static inline bool item_is_int(const struct item *i) { return i->ptr == NULL; }

/* The text; an integer is formatted into scratch (NUM_INT64_CHARS bytes). */
static inline struct slice item_slice(const struct item *i, char *scratch)
{
    if (i->ptr != NULL) return SLICE(i->ptr, i->len);
    return SLICE(scratch, num_format_int64(scratch, i->integer));
}

/* The smallest form of a text: an integer when it is the canonical form of one. Points into `text`. */
static inline struct item item_of(struct slice text)
{
    struct item i = {text.len > 0 ? text.ptr : "", text.len, 0};
    if (text.len > 0 && text.len <= NUM_INT64_CHARS && num_parse_int64(text, &i.integer)) i.ptr = NULL;
    return i;
}

#endif
