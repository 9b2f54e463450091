/* SPDX-License-Identifier: MIT */
/*
 * The fingerprint of a keyspace that DEBUG DIGEST tells: two servers with the same keys, values and databases give
 * the same one, whatever the order of their tables. Values are mixed with SHA-1 as Redis does it, so that its digests
 * compare with ours:
 *
 *   mix(d, bytes)  d = SHA1(d xor SHA1(bytes))
 *   element        from zero: of a sorted set mix(member), mix(score as %.17g); of a hash mix(field), mix(value),
 *                  then d ^= SHA1("!!hexpire!!") when the field expires
 *   value          mix(type, 4 bytes big-endian); then of a string mix(its bytes); of a list mix(each element);
 *                  of a set d ^= SHA1(member) for each; of a sorted set or a hash d ^= SHA1(element) for each;
 *                  then d ^= SHA1("!!expire!!") when the key expires
 *   key            mix(name), then as a value
 *   keyspace       for each database with keys: mix(index, 4 bytes big-endian),
 *                  then d ^= SHA1(key digest) for every key
 */
#ifndef COMMANDS_DIGEST_H
#define COMMANDS_DIGEST_H

#include <stdint.h>

#include "store/db.h"

#define DIGEST_BYTES 20

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

/* Keys and fields past their expiry are left out. */
struct digest digest_keyspace(struct keyspace *ks, int64_t now_ms);
/* Of the value alone, with the mark of the expiry. NULL: all zero. */
struct digest digest_value(const struct entry *e, int64_t now_ms);
void digest_hex(const struct digest *d, char out[2 * DIGEST_BYTES + 1]);

#endif
