/* SPDX-License-Identifier: MIT */
/*
 * The configuration as a whole: its defaults, copies, CONFIG GET and CONFIG SET. What a single value may be is
 * config_value.c's and config_special.c's matter, the rows are config_table.c's.
 */
#include "server/config.h"

#include <stdio.h>

#include "base/glob.h"
#include "base/mem.h"
#include "server/config_private.h"

void config_init(struct config *cfg)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    memset(cfg, 0, sizeof(*cfg));
    cfg->known = mem_calloc(count * sizeof(*cfg->known));
    for (size_t i = 0; i < count; i++) config_value_default(cfg, &rows[i]);
    config_special_defaults(cfg);
}

void config_deinit(struct config *cfg)
{
    config_values_free(cfg);
    config_special_deinit(cfg);
    mem_free(cfg->file);
    memset(cfg, 0, sizeof(*cfg));
}

void config_copy(struct config *to, const struct config *from)
{
    memset(to, 0, sizeof(*to));
    config_values_copy(to, from);
    config_special_copy(to, from);
    to->oom_score_adj_enabled = from->oom_score_adj_enabled;
    to->file = from->file ? mem_strdup(from->file) : NULL;
}

const struct config_row *config_find(struct slice name)
{
    size_t count;
    const struct config_row *rows = config_rows(&count);
    for (size_t i = 0; i < count; i++) {
        if (slice_is_word(name, rows[i].name) || (rows[i].alias && slice_is_word(name, rows[i].alias))) return &rows[i];
    }
    return NULL;
}

/* --- CONFIG GET --- */

bool config_get(const struct config *cfg, struct slice name, struct buf *value)
{
    const struct config_row *row = config_find(name);
    if (row == NULL) return false;
    config_value_show(cfg, row, value);
    return true;
}

static bool has_wildcard(struct slice pattern)
{
    for (size_t i = 0; i < pattern.len; i++) {
        if (strchr("[*?", pattern.ptr[i]) && pattern.ptr[i] != 0) return true;
    }
    return false;
}

/* The name a row is shown under when one of the patterns asks for it; an empty slice when none does. */
static struct slice matched_name(const struct config_row *row, const char *name, const struct slice *patterns,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!has_wildcard(patterns[i])) {
            if (slice_is_word(patterns[i], name)) return patterns[i];
        } else if (!(row->flags & ROW_HIDDEN) && glob_match_nocase(patterns[i], slice_of(name))) {
            return slice_of(name);
        }
    }
    return SLICE_LIT("");
}

size_t config_each_match_any(const struct config *cfg, const struct slice *patterns, size_t count, config_visit_fn *fn,
                             void *ctx)
{
    size_t row_count, matches = 0;
    const struct config_row *rows = config_rows(&row_count);
    struct buf value = BUF_INIT;
    for (size_t i = 0; i < row_count; i++) {
        const char *names[2] = {rows[i].name, rows[i].alias};
        for (unsigned k = 0; k < 2 && names[k]; k++) {
            struct slice name = matched_name(&rows[i], names[k], patterns, count);
            if (name.len == 0) continue;
            buf_clear(&value);
            config_value_show(cfg, &rows[i], &value);
            fn(ctx, name, buf_slice(&value));
            matches++;
        }
    }
    buf_deinit(&value);
    return matches;
}

struct named_visit {
    void (*fn)(void *ctx, const char *name, struct slice value);
    void *ctx;
};

static void visit_named(void *ctx, struct slice name, struct slice value)
{
    struct named_visit *visit = ctx;
    char *copy = mem_strndup(name.ptr, name.len);
    visit->fn(visit->ctx, copy, value);
    mem_free(copy);
}

void config_each_match(const struct config *cfg, struct slice pattern,
                       void (*fn)(void *ctx, const char *name, struct slice value), void *ctx)
{
    struct named_visit visit = {fn, ctx};
    config_each_match_any(cfg, &pattern, 1, visit_named, &visit);
}

/* --- CONFIG SET --- */

/* Where the text of an error goes. */
struct error_sink {
    char *text;
    size_t size;
};

static int shown_len(struct slice name) { return name.len > 128 ? 128 : (int)name.len; }

static bool fail_set(struct error_sink sink, struct slice name, const char *reason)
{
    snprintf(sink.text, sink.size, "CONFIG SET failed (possibly related to argument '%.*s') - %s", shown_len(name),
             name.ptr, reason);
    return false;
}

/* Everything that can be refused without looking at a value. */
static bool check_names(const struct config_change *changes, size_t count, bool allow_protected, struct error_sink sink)
{
    size_t row_count;
    const struct config_row *rows = config_rows(&row_count);
    bool *is_seen = mem_calloc(row_count * 2 * sizeof(*is_seen)); /* a name and its alias are two, as in Redis */
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        struct slice name = changes[i].name;
        const struct config_row *row = config_find(name);
        if (row == NULL) {
            snprintf(sink.text, sink.size, "Unknown option or number of arguments for CONFIG SET - '%.*s'",
                     shown_len(name), name.ptr);
            ok = false;
            break;
        }
        bool *seen = &is_seen[(size_t)(row - rows) * 2 + (slice_is_word(name, row->name) ? 0 : 1)];
        if (row->flags & ROW_IMMUTABLE) {
            ok = fail_set(sink, name, "can't set immutable config");
        } else if ((row->flags & ROW_PROTECTED) && !allow_protected) {
            ok = fail_set(sink, name, "can't set protected config");
        } else if (*seen) {
            ok = fail_set(sink, name, "duplicate parameter");
        }
        *seen = true;
    }
    mem_free(is_seen);
    return ok;
}

static bool set_all(struct config *cfg, const struct config_change *changes, size_t count, struct error_sink sink)
{
    char reason[512];
    for (size_t i = 0; i < count; i++) {
        struct config_input in = {&changes[i].value, 1, CONFIG_FROM_SET, reason, sizeof(reason)};
        if (!config_value_set(cfg, config_find(changes[i].name), &in)) return fail_set(sink, changes[i].name, reason);
    }
    return true;
}

static bool is_same_value(const struct config *a, const struct config *b, const struct config_row *row)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    config_value_show(a, row, &x);
    config_value_show(b, row, &y);
    bool is_same = slice_eq(buf_slice(&x), buf_slice(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return is_same;
}

static unsigned changed_effects(const struct config *a, const struct config *b, const struct config_change *changes,
                                size_t count)
{
    unsigned effects = 0;
    for (size_t i = 0; i < count; i++) {
        const struct config_row *row = config_find(changes[i].name);
        if (row->effect && !is_same_value(a, b, row)) effects |= row->effect;
    }
    return effects;
}

static struct slice culprit(const struct config_change *changes, size_t count, unsigned effect)
{
    for (size_t i = 0; i < count; i++) {
        if (config_find(changes[i].name)->effect & effect) return changes[i].name;
    }
    return changes[0].name;
}

/* One call for each effect, so that a failure can name its argument and only what was done is undone. Returns
 * the effect that failed, or 0. */
static unsigned apply_each(const struct config *old, const struct config *new, unsigned effects, config_apply_fn *apply,
                           void *ctx, unsigned *done, struct error_sink reason)
{
    for (unsigned effect = 1; effect && effect <= effects; effect <<= 1) {
        if (!(effects & effect)) continue;
        if (!apply(ctx, old, new, effect, reason.text, reason.size)) return effect;
        *done |= effect;
    }
    return 0;
}

bool config_set(struct config *cfg, const struct config_change *changes, size_t count, bool allow_protected,
                config_apply_fn *apply, void *ctx, char *error, size_t error_size)
{
    struct error_sink sink = {error, error_size};
    if (error_size > 0) error[0] = 0;
    if (!check_names(changes, count, allow_protected, sink)) return false;
    struct config next;
    config_copy(&next, cfg);
    if (!set_all(&next, changes, count, sink)) {
        config_deinit(&next);
        return false;
    }
    struct config old = *cfg;
    unsigned effects = apply ? changed_effects(&old, &next, changes, count) : 0;
    unsigned done = 0;
    char reason[512] = "", ignored[512];
    *cfg = next;
    unsigned failed = apply_each(&old, cfg, effects, apply, ctx, &done, (struct error_sink){reason, sizeof(reason)});
    if (!failed) {
        config_deinit(&old);
        return true;
    }
    *cfg = old;
    unsigned undone = 0;
    apply_each(&next, cfg, done, apply, ctx, &undone, (struct error_sink){ignored, sizeof(ignored)});
    config_deinit(&next);
    return fail_set(sink, culprit(changes, count, failed), reason);
}
