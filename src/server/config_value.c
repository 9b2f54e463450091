/* SPDX-License-Identifier: MIT */
/*
 * One value of the configuration: parsed from words, held in its field (or among the known ones), shown as CONFIG
 * GET shows it. Numbers of every kind pass through int64_t; a field's width tells how it is stored. Memory sizes
 * are unsigned and use all 64 bits.
 */
#include "server/config_private.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"

bool config_fail(const struct config_input *in, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(in->reason, in->reason_size, fmt, args);
    va_end(args);
    return false;
}

/* --- where a value stands --- */

static size_t row_index(const struct config_row *row)
{
    size_t count;
    return (size_t)(row - config_rows(&count));
}

static bool holds_text(const struct config_row *row) { return row->kind == KIND_TEXT || row->kind == KIND_LIST; }

/* Const comes off here, once, for readers and writers alike. */
static void *row_field(const struct config *cfg, const struct config_row *row) { return (char *)cfg + row->offset; }

static int64_t get_number(const struct config *cfg, const struct config_row *row)
{
    uint8_t narrow;
    uint32_t word;
    int64_t wide;
    switch (row->width) {
    case 0: return cfg->known[row_index(row)].number;
    case 1: memcpy(&narrow, row_field(cfg, row), 1); return narrow;
    case 4: memcpy(&word, row_field(cfg, row), 4); return row->min < 0 ? (int32_t)word : (int64_t)word;
    case 8: memcpy(&wide, row_field(cfg, row), 8); return wide;
    }
    UNREACHABLE();
}

static void put_number(struct config *cfg, const struct config_row *row, int64_t number)
{
    uint8_t narrow = (uint8_t)number;
    uint32_t word = (uint32_t)number;
    switch (row->width) {
    case 0: cfg->known[row_index(row)].number = number; return;
    case 1: memcpy(row_field(cfg, row), &narrow, 1); return;
    case 4: memcpy(row_field(cfg, row), &word, 4); return;
    case 8: memcpy(row_field(cfg, row), &number, 8); return;
    }
    UNREACHABLE();
}

static char **text_place(const struct config *cfg, const struct config_row *row)
{
    if (row->width == 0) return &cfg->known[row_index(row)].text;
    return row_field(cfg, row);
}

static const char *get_text(const struct config *cfg, const struct config_row *row)
{
    const char *text = *text_place(cfg, row);
    return text ? text : "";
}

static void put_text(struct config *cfg, const struct config_row *row, struct slice text)
{
    char **place = text_place(cfg, row);
    mem_free(*place);
    *place = text.len == 0 && row->text == NULL ? NULL : mem_strndup(text.ptr ? text.ptr : "", text.len);
}

void config_value_default(struct config *cfg, const struct config_row *row)
{
    if (row->kind == KIND_CUSTOM) return;
    if (holds_text(row)) {
        put_text(cfg, row, slice_of(row->text ? row->text : ""));
    } else {
        put_number(cfg, row, row->number);
    }
}

void config_values_free(struct config *cfg)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (holds_text(&rows[i])) mem_free(*text_place(cfg, &rows[i]));
    }
    mem_free(cfg->known);
    cfg->known = NULL;
}

void config_values_copy(struct config *to, const struct config *from)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    to->known = mem_calloc(count * sizeof(*to->known));
    for (size_t i = 0; i < count; i++) {
        const struct config_row *row = &rows[i];
        if (holds_text(row)) {
            const char *text = *text_place(from, row);
            *text_place(to, row) = text ? mem_strdup(text) : NULL;
        } else if (row->kind != KIND_CUSTOM) {
            put_number(to, row, get_number(from, row));
        }
    }
}

/* --- parsing --- */

static bool row_is_unsigned(const struct config_row *row)
{
    return row->kind == KIND_MEMORY || row->kind == KIND_OCTAL;
}

static bool check_range(const struct config_row *row, int64_t number, const struct config_input *in)
{
    if (row->kind == KIND_OCTAL) {
        if ((uint64_t)number <= (uint64_t)row->max) return true;
        return config_fail(in, "argument must be between %" PRIo64 " and %" PRIo64 " inclusive", (uint64_t)row->min,
                           (uint64_t)row->max);
    }
    if (row_is_unsigned(row)) {
        if ((uint64_t)number >= (uint64_t)row->min && (uint64_t)number <= (uint64_t)row->max) return true;
        return config_fail(in, "argument must be between %" PRIu64 " and %" PRIu64 " inclusive", (uint64_t)row->min,
                           (uint64_t)row->max);
    }
    if (number >= row->min && number <= row->max) return true;
    return config_fail(in, "argument must be between %" PRId64 " and %" PRId64 " inclusive", row->min, row->max);
}

static bool fail_choices(const struct config_row *row, const struct config_input *in)
{
    struct buf words = BUF_INIT;
    for (const struct config_choice *c = row->choices; c->word; c++)
        buf_printf(&words, "%s%s", c == row->choices ? "" : ", ", c->word);
    config_fail(in, "argument(s) must be one of the following: %s", buf_cstr(&words));
    buf_deinit(&words);
    return false;
}

static bool parse_choice(const struct config_row *row, struct slice word, int64_t *out)
{
    for (const struct config_choice *c = row->choices; c->word; c++) {
        if (slice_is_word(word, c->word)) {
            *out = c->value;
            return true;
        }
    }
    return false;
}

static bool parse_flags(const struct config_row *row, const struct config_input *in, int64_t *out)
{
    *out = 0;
    if (in->count == 0) return fail_choices(row, in);
    for (size_t i = 0; i < in->count; i++) {
        int64_t bit;
        if (!parse_choice(row, in->words[i], &bit)) return fail_choices(row, in);
        *out |= bit;
    }
    return true;
}

static bool parse_octal(struct slice word, int64_t *out)
{
    uint64_t value = 0;
    bool is_negative = word.len > 1 && word.ptr[0] == '-'; /* a number all the same: the range refuses it */
    if (word.len == 0 || word.len > 20) return false;
    for (size_t i = is_negative; i < word.len; i++) {
        if (word.ptr[i] < '0' || word.ptr[i] > '7') return false;
        value = value * 8 + (uint64_t)(word.ptr[i] - '0');
    }
    *out = is_negative ? (int64_t)-value : (int64_t)value;
    return true;
}

static bool parse_memory(struct slice word, int64_t *out)
{
    uint64_t bytes;
    if (!num_parse_memory(word, &bytes)) return false;
    *out = (int64_t)bytes;
    return true;
}

static bool parse_memory_or_percent(struct slice word, const struct config_input *in, int64_t *out)
{
    if (word.len > 1 && word.ptr[word.len - 1] == '%') {
        int64_t percent;
        if (!num_parse_int64(SLICE(word.ptr, word.len - 1), &percent) || percent < 0)
            return config_fail(in, "argument must be a memory or percent value");
        if (percent > 100) return config_fail(in, "percentage argument must be less or equal to 100");
        *out = -percent;
        return true;
    }
    if (parse_memory(word, out) && *out >= 0) return true;
    return config_fail(in, "argument must be a memory or percent value");
}

static bool parse_number(const struct config_row *row, const struct config_input *in, int64_t *out)
{
    struct slice word = in->words[0];
    switch (row->kind) {
    case KIND_BOOL:
        if (slice_is_word(word, "yes") || slice_is_word(word, "no")) {
            *out = word.len == 3;
            return true;
        }
        return config_fail(in, "argument must be 'yes' or 'no'");
    case KIND_CHOICE: return parse_choice(row, word, out) || fail_choices(row, in);
    case KIND_FLAGS: return parse_flags(row, in, out);
    case KIND_INT:
        if (!num_parse_int64(word, out)) return config_fail(in, "argument couldn't be parsed into an integer");
        return check_range(row, *out, in);
    case KIND_MEMORY:
        if (!parse_memory(word, out)) return config_fail(in, "argument must be a memory value");
        return check_range(row, *out, in);
    case KIND_MEMORY_OR_PERCENT: return parse_memory_or_percent(word, in, out);
    case KIND_OCTAL:
        if (!parse_octal(word, out)) return config_fail(in, "argument couldn't be parsed as an octal number");
        return check_range(row, *out, in);
    case KIND_TEXT:
    case KIND_LIST:
    case KIND_CUSTOM: break;
    }
    UNREACHABLE();
}

/* --- refusing what is not built --- */

static void append_words(struct buf *out, const struct config_input *in)
{
    for (size_t i = 0; i < in->count; i++) {
        if (i > 0) buf_append_char(out, ' ');
        buf_append_slice(out, in->words[i]);
    }
}

static void show_number(const struct config_row *row, int64_t number, struct buf *out);

static bool fail_not_built(const struct config_row *row, const struct config_input *in)
{
    struct buf given = BUF_INIT, usual = BUF_INIT;
    append_words(&given, in);
    if (given.len > 100) given.len = 100;
    if (holds_text(row)) {
        buf_printf(&usual, "%s", row->text ? row->text : "");
    } else {
        show_number(row, row->number, &usual);
    }
    const char *advice = in->origin == CONFIG_FROM_FILE ? "; remove the directive or set it to '" : "; only '";
    config_fail(in, "%s %s: %s not built into this version of Keepsake%s%s'%s", row->name, buf_cstr(&given),
                row->asks_for, advice, buf_cstr(&usual), in->origin == CONFIG_FROM_FILE ? "" : " is accepted");
    buf_deinit(&given);
    buf_deinit(&usual);
    return false;
}

/* --- setting --- */

static bool set_text(struct config *cfg, const struct config_row *row, const struct config_input *in)
{
    struct buf joined = BUF_INIT;
    append_words(&joined, in);
    struct slice text = buf_slice(&joined);
    bool ok = true;
    if (text.len > 0 && memchr(text.ptr, 0, text.len)) {
        ok = config_fail(in, "argument must not hold a NUL byte");
    } else if (row->check && !row->check(row, 0, text, in)) {
        ok = false;
    } else if (row->asks_for && !slice_eq(text, slice_of(row->text ? row->text : ""))) {
        ok = fail_not_built(row, in);
    }
    if (ok) put_text(cfg, row, text);
    buf_deinit(&joined);
    return ok;
}

static bool set_number(struct config *cfg, const struct config_row *row, const struct config_input *in)
{
    int64_t number;
    if (!parse_number(row, in, &number)) return false;
    if (row->check && !row->check(row, number, in->words[0], in)) return false;
    if (row->asks_for && number != row->number) return fail_not_built(row, in);
    if (row->flags & ROW_CLAMP_HZ) {
        if (number < CONFIG_HZ_MIN) number = CONFIG_HZ_MIN;
        if (number > CONFIG_HZ_MAX) number = CONFIG_HZ_MAX;
    }
    put_number(cfg, row, number);
    return true;
}

bool config_row_takes_many(const struct config_row *row)
{
    return row->kind == KIND_LIST || row->kind == KIND_FLAGS ||
           (row->kind == KIND_CUSTOM && row->set != config_set_dir);
}

static bool set_words(struct config *cfg, const struct config_row *row, const struct config_input *in)
{
    if (row->kind == KIND_CUSTOM) return row->set(cfg, in);
    return holds_text(row) ? set_text(cfg, row, in) : set_number(cfg, row, in);
}

/* "60 1 300 10" as one word means the same as four. At run time each single space parts, in a file any number of
 * them. */
static bool set_split(struct config *cfg, const struct config_row *row, const struct config_input *in)
{
    struct slice whole = in->words[0];
    if (whole.len == 0) whole.ptr = ""; /* an empty slice may have no address */
    size_t count = 1;
    for (size_t i = 0; i < whole.len; i++) count += whole.ptr[i] == ' ';
    struct slice *words = mem_alloc(count * sizeof(*words));
    size_t begin = 0, n = 0;
    for (size_t i = 0; i <= whole.len; i++) {
        if (i < whole.len && whole.ptr[i] != ' ') continue;
        bool is_gap = i == begin && whole.len > 0 && in->origin == CONFIG_FROM_FILE;
        if (!is_gap) words[n++] = SLICE(whole.ptr + begin, i - begin);
        begin = i + 1;
    }
    struct config_input split = *in;
    split.words = words;
    split.count = n;
    bool ok = set_words(cfg, row, &split);
    mem_free(words);
    return ok;
}

bool config_value_set(struct config *cfg, const struct config_row *row, const struct config_input *in)
{
    if (!config_row_takes_many(row)) {
        if (in->count != 1) return config_fail(in, "wrong number of arguments");
        return set_words(cfg, row, in);
    }
    /* A bare directive of several words means none of them, as Redis takes it. */
    return in->count == 1 ? set_split(cfg, row, in) : set_words(cfg, row, in);
}

/* --- showing --- */

static void show_flags(const struct config_row *row, int64_t bits, struct buf *out)
{
    bool is_first = true;
    for (const struct config_choice *c = row->choices; c->word; c++) {
        if (c->value == 0 ? bits != 0 : (bits & c->value) == 0) continue;
        buf_printf(out, "%s%s", is_first ? "" : " ", c->word);
        is_first = false;
    }
}

static void show_choice(const struct config_row *row, int64_t number, struct buf *out)
{
    for (const struct config_choice *c = row->choices; c->word; c++) {
        if (c->value == number) {
            buf_printf(out, "%s", c->word);
            return;
        }
    }
    buf_printf(out, "unknown");
}

static void show_number(const struct config_row *row, int64_t number, struct buf *out)
{
    switch (row->kind) {
    case KIND_BOOL: buf_printf(out, "%s", number ? "yes" : "no"); return;
    case KIND_CHOICE: show_choice(row, number, out); return;
    case KIND_FLAGS: show_flags(row, number, out); return;
    case KIND_INT: buf_printf(out, "%" PRId64, number); return;
    case KIND_MEMORY: buf_printf(out, "%" PRIu64, (uint64_t)number); return;
    case KIND_MEMORY_OR_PERCENT:
        if (number < 0) {
            buf_printf(out, "%" PRId64 "%%", -number);
        } else {
            buf_printf(out, "%" PRId64, number);
        }
        return;
    case KIND_OCTAL: buf_printf(out, "%" PRIo64, (uint64_t)number); return;
    case KIND_TEXT:
    case KIND_LIST:
    case KIND_CUSTOM: break;
    }
    UNREACHABLE();
}

void config_value_show(const struct config *cfg, const struct config_row *row, struct buf *out)
{
    if (row->kind == KIND_CUSTOM) {
        row->show(cfg, out);
    } else if (holds_text(row)) {
        buf_printf(out, "%s", get_text(cfg, row));
    } else {
        show_number(row, get_number(cfg, row), out);
    }
}
