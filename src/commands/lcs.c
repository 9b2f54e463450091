/* SPDX-License-Identifier: MIT */
/*
 * LCS: the longest common subsequence of two strings, a of m bytes and b of n.
 *
 * The usual table holds L(i, j), the length for the first i bytes of a and the first j of b: four bytes a cell. Along
 * a row L grows by 0 or 1 from cell to cell, so that one bit a cell tells it all, and a row follows from the one
 * before it with one addition over all its bits (Crochemore et al., "A fast and practical bit-vector algorithm for the
 * longest common subsequence problem", 2001). Row i, n bits in 64-bit words, the lowest bit first:
 *
 *     bit j-1 of V(i) is 0  <=>  L(i, j) = L(i, j-1) + 1        V(0) is all ones
 *     V(i) = (V(i-1) + (V(i-1) & M)) | (V(i-1) & ~M)            M: bit j-1 is set where b[j-1] == a[i-1]
 *
 * The way back from (m, n): equal bytes are a match, to (i-1, j-1); else upwards when L(i-1, j) > L(i, j-1), which for
 * unequal bytes is to say that the bit is 0; else to the left. This is the choice of Redis in every tie.
 *
 * The limit is Redis's too: a table of four bytes a cell may not be larger than proto-max-bulk-len. What is really
 * needed is a thirty-second part of that, and once more for the masks M; one row for LEN alone.
 */
#include "commands/lcs.h"

#include "base/mem.h"
#include "base/num.h"
#include "server/server.h"

struct lcs {
    struct slice a, b;
    size_t words;               /* in a row */
    uint64_t *memory;           /* everything below, one allocation */
    uint64_t *rows;             /* V(1) .. V(m), or the last one only */
    const uint64_t *masks[256]; /* M of every byte that is in a */
    bool keeps_rows;
    size_t length;
};

struct lcs_options {
    bool len, idx, with_match_len;
    int64_t min_match_len;
};

static uint64_t *row_of(const struct lcs *l, size_t i) { return l->rows + (l->keeps_rows ? (i - 1) * l->words : 0); }

static size_t distinct_bytes(struct slice s)
{
    bool seen[256] = {false};
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++) {
        count += !seen[(unsigned char)s.ptr[i]];
        seen[(unsigned char)s.ptr[i]] = true;
    }
    return count;
}

/* Masks of the bytes in a, at `next`, which has room for them and is zero. */
static void fill_masks(struct lcs *l, uint64_t *next)
{
    uint64_t *masks[256] = {NULL};
    for (size_t i = 0; i < l->a.len; i++) {
        unsigned char byte = (unsigned char)l->a.ptr[i];
        if (masks[byte] != NULL) continue;
        masks[byte] = next;
        next += l->words;
    }
    for (size_t j = 0; j < l->b.len; j++) {
        uint64_t *mask = masks[(unsigned char)l->b.ptr[j]];
        if (mask != NULL) mask[j / 64] |= UINT64_C(1) << (j % 64);
    }
    for (unsigned byte = 0; byte < 256; byte++) l->masks[byte] = masks[byte];
}

/* V(i) from V(i-1); both may be the same row. */
static void next_row(const uint64_t *before, const uint64_t *mask, uint64_t *out, size_t words)
{
    uint64_t carry = 0;
    for (size_t w = 0; w < words; w++) {
        uint64_t v = before[w], sum;
        uint64_t overflow = __builtin_add_overflow(v, v & mask[w], &sum);
        overflow |= __builtin_add_overflow(sum, carry, &sum);
        out[w] = sum | (v & ~mask[w]);
        carry = overflow;
    }
}

static void fill_rows(struct lcs *l, uint64_t *first)
{
    const uint64_t *before = first;
    for (size_t w = 0; w < l->words; w++) first[w] = UINT64_MAX;
    for (size_t i = 1; i <= l->a.len; i++) {
        uint64_t *row = row_of(l, i);
        next_row(before, l->masks[(unsigned char)l->a.ptr[i - 1]], row, l->words);
        before = row;
    }
    l->length = 0;
    for (size_t j = 0; j < l->b.len; j++) l->length += !(before[j / 64] >> (j % 64) & 1);
}

/* False: no memory. */
static bool lcs_init(struct lcs *l, struct slice a, struct slice b, bool keeps_rows)
{
    *l = (struct lcs){.a = a, .b = b, .words = (b.len + 63) / 64, .keeps_rows = keeps_rows};
    if (a.len == 0 || b.len == 0) return true;
    size_t mask_words = distinct_bytes(a) * l->words;
    size_t words = mask_words + l->words + (keeps_rows ? a.len : 1) * l->words;
    l->memory = mem_try_alloc(words * sizeof(uint64_t));
    if (l->memory == NULL) return false;
    memset(l->memory, 0, mask_words * sizeof(uint64_t));
    fill_masks(l, l->memory);
    l->rows = l->memory + mask_words + l->words;
    fill_rows(l, l->memory + mask_words);
    return true;
}

static void lcs_deinit(struct lcs *l) { mem_free(l->memory); }

/* One step back of the way; true when the bytes before (i, j) were a match. */
static bool step_back(const struct lcs *l, size_t *i, size_t *j)
{
    if (l->a.ptr[*i - 1] == l->b.ptr[*j - 1]) {
        (*i)--, (*j)--;
        return true;
    }
    if (row_of(l, *i)[(*j - 1) / 64] >> ((*j - 1) % 64) & 1)
        (*j)--;
    else
        (*i)--;
    return false;
}

static void reply_subsequence(struct call *c, const struct lcs *l)
{
    char *out = mem_try_alloc(l->length + 1);
    if (out == NULL) {
        reply_error(c->reply, "ERR Insufficient memory, failed allocating transient memory for LCS");
        return;
    }
    size_t left = l->length;
    for (size_t i = l->a.len, j = l->b.len; i > 0 && j > 0;) {
        if (step_back(l, &i, &j)) out[--left] = l->a.ptr[i];
    }
    reply_bulk(c->reply, SLICE(out, l->length));
    mem_free(out);
}

/* A run of matches that begins at a[i] and b[j]. */
static void reply_match(struct call *c, size_t i, size_t j, size_t len, bool with_len)
{
    size_t starts[2] = {i, j};
    reply_array(c->reply, with_len ? 3 : 2);
    for (unsigned s = 0; s < 2; s++) {
        reply_array(c->reply, 2);
        reply_int(c->reply, (int64_t)starts[s]);
        reply_int(c->reply, (int64_t)(starts[s] + len - 1));
    }
    if (with_len) reply_int(c->reply, (int64_t)len);
}

static void reply_matches(struct call *c, const struct lcs *l, const struct lcs_options *o)
{
    size_t matches = 0, run = 0;
    reply_map(c->reply, 2);
    reply_bulk_cstr(c->reply, "matches");
    struct reply_later list = reply_begin(c->reply);
    for (size_t i = l->a.len, j = l->b.len; i > 0 && j > 0;) {
        size_t run_i = i, run_j = j;
        bool matched = step_back(l, &i, &j);
        if (matched) run++, run_i = i, run_j = j;
        if (run == 0 || (matched && i > 0 && j > 0)) continue;
        if ((int64_t)run >= o->min_match_len) {
            reply_match(c, run_i, run_j, run, o->with_match_len);
            matches++;
        }
        run = 0;
    }
    reply_end_array(c->reply, list, matches);
    reply_bulk_cstr(c->reply, "len");
    reply_int(c->reply, (int64_t)l->length);
}

static bool parse_lcs_options(struct call *c, struct lcs_options *o)
{
    *o = (struct lcs_options){0};
    for (unsigned i = 3; i < c->argc; i++) {
        if (call_arg_is(c, i, "IDX")) {
            o->idx = true;
        } else if (call_arg_is(c, i, "LEN")) {
            o->len = true;
        } else if (call_arg_is(c, i, "WITHMATCHLEN")) {
            o->with_match_len = true;
        } else if (call_arg_is(c, i, "MINMATCHLEN") && i + 1 < c->argc) {
            if (!call_int_arg(c, ++i, &o->min_match_len, NULL)) return false;
        } else {
            call_syntax_error(c);
            return false;
        }
    }
    if (!o->idx || !o->len) return true;
    reply_error(c->reply, "ERR If you want both the length and indexes, please just use IDX.");
    return false;
}

/* Whether the table would be within bounds. False: replied. */
static bool is_size_allowed(struct call *c, struct slice a, struct slice b)
{
    if (a.len >= UINT32_MAX - 1 || b.len >= UINT32_MAX - 1) {
        reply_error(c->reply, "ERR String too long for LCS");
        return false;
    }
    uint64_t cells = ((uint64_t)a.len + 1) * ((uint64_t)b.len + 1);
    if (cells <= server_config(c->server)->proto_max_bulk_len / 4) return true;
    reply_error(c->reply, "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return false;
}

static void reply_lcs(struct call *c, struct slice a, struct slice b, const struct lcs_options *o)
{
    struct lcs l;
    if (!is_size_allowed(c, a, b)) return;
    if (!lcs_init(&l, a, b, !o->len)) {
        reply_error(c->reply, "ERR Insufficient memory, failed allocating transient memory for LCS");
        return;
    }
    if (o->idx)
        reply_matches(c, &l, o);
    else if (o->len)
        reply_int(c->reply, (int64_t)l.length);
    else
        reply_subsequence(c, &l);
    lcs_deinit(&l);
}

void lcs_command(struct call *c)
{
    struct lcs_options o;
    char scratch[2][NUM_INT64_CHARS];
    struct entry *a = call_find_read(c, 1), *b = call_find_read(c, 2);
    if ((a != NULL && entry_type(a) != VALUE_STRING) || (b != NULL && entry_type(b) != VALUE_STRING)) {
        reply_error(c->reply, "ERR The specified keys must contain string values");
        return;
    }
    if (!parse_lcs_options(c, &o)) return;
    struct slice none = SLICE("", 0);
    reply_lcs(c, a == NULL ? none : entry_string(a, scratch[0]), b == NULL ? none : entry_string(b, scratch[1]), &o);
}
