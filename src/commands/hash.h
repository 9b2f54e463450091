/* SPDX-License-Identifier: MIT */
/* What the two files of the hash family share. */
#ifndef COMMANDS_HASH_H
#define COMMANDS_HASH_H

#include "server/command.h"
#include "store/hash.h"

/* The hash at argument 1, ref->e NULL when there is none. Some of its expired fields are removed on the way. False: another type
 * stands there, replied. */
bool hash_find_to_write(struct call *c, struct value_ref *ref);
bool hash_find_to_read(struct call *c, const struct entry **e);
/* Tells that fields were removed, and that the key went with the last of them. */
void hash_tell_removed(struct call *c, const struct value_ref *ref, uint64_t count);

#endif
