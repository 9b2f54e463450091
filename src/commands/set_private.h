/* SPDX-License-Identifier: MIT */
/* What the two files of the set family share: set.c has the commands on one set and the table, set_algebra.c those on several. */
#ifndef COMMANDS_SET_PRIVATE_H
#define COMMANDS_SET_PRIVATE_H

#include "server/command.h"
#include "store/set.h"

static inline void reply_item(struct reply *r, const struct item *i)
{
    if (item_is_int(i))
        reply_bulk_int(r, i->integer);
    else
        reply_bulk(r, SLICE(i->ptr, i->len));
}

/* set_algebra.c */
void sinter_command(struct call *c);
void sinterstore_command(struct call *c);
void sintercard_command(struct call *c);
void sunion_command(struct call *c);
void sunionstore_command(struct call *c);
void sdiff_command(struct call *c);
void sdiffstore_command(struct call *c);

#endif
