/* SPDX-License-Identifier: MIT */
/* What HSCAN, SSCAN and ZSCAN have in common: the cursor argument and the options behind it. */
#ifndef COMMANDS_SCAN_H
#define COMMANDS_SCAN_H

#include "server/command.h"

struct scan_args {
    uint64_t cursor;
    struct slice match; /* ptr NULL: everything */
    int64_t count;      /* 10 unless given */
    bool no_values;     /* HSCAN alone */
};

/* The cursor at argument 2. False: replied. */
bool scan_cursor_arg(struct call *c, uint64_t *cursor);
/* The options from argument 3 on. False: replied. NOVALUES is refused unless it is allowed. */
bool scan_option_args(struct call *c, bool allow_no_values, struct scan_args *out);
/* Buckets a call looks at, at most: tables may be sparse. */
uint64_t scan_step_limit(const struct scan_args *a);
/* [cursor, []] for a key that is not there. */
void scan_reply_nothing(struct call *c);

#endif
