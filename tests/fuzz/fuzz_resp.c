/* SPDX-License-Identifier: MIT */
/*
 * Any bytes, in any pieces, parse to what they parse to as a whole.
 *
 *   OFFSET  SIZE  MEANING
 *   0       1     bit 0: not authenticated; bit 1: bytes of big bulks go through the buffer, too; bit 2: tight limits
 *   1       1     n, the number of piece sizes
 *   2       n     piece sizes, used round and round; 0 stands for 20000 bytes
 *   2 + n   ...   what the client sends
 */
#include <stddef.h>
#include <stdint.h>

#include "tests/unit/resp/feed.h"

#define HUGE_PIECE 20000
#define PIECES_MAX 2000 /* then the rest in one: each piece copies what is kept */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct resp_limits limits_of(uint8_t flags)
{
    struct resp_limits limits = feed_limits((flags & 1) == 0);
    limits.max_bulk_bytes = flags & 4 ? 100 : 256 * 1024; /* so that no run takes much memory */
    if (flags & 4) limits.max_multibulk = 5;
    return limits;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size < 2u + data[1]) return 0;
    const uint8_t *pieces = data + 2;
    size_t piece_count = data[1];
    const char *bytes = (const char *)pieces + piece_count;
    size_t len = size - 2 - piece_count;

    struct feed whole, cut;
    feed_init(&whole, limits_of(data[0]));
    feed_init(&cut, limits_of(data[0]));
    cut.ignore_target = (data[0] & 2) != 0;
    feed(&whole, bytes, len);
    for (size_t at = 0, i = 0, n; at < len; at += n, i++) {
        n = piece_count == 0 ? 1 : pieces[i % piece_count];
        if (n == 0) n = HUGE_PIECE;
        if (n > len - at || i == PIECES_MAX) n = len - at;
        feed(&cut, bytes + at, n);
    }
    ASSERT(whole.failed == cut.failed);
    ASSERT(whole.transcript.len == cut.transcript.len);
    ASSERT(whole.transcript.len == 0 || memcmp(whole.transcript.data, cut.transcript.data, cut.transcript.len) == 0);
    ASSERT(resp_parser_is_partial(&whole.parser) == resp_parser_is_partial(&cut.parser));
    feed_deinit(&whole);
    feed_deinit(&cut);
    return 0;
}
