/* SPDX-License-Identifier: MIT */
/*
 * Directives with a form of their own (save, bind, client-output-buffer-limit, dir, replicaof), and the checks of
 * single values that bounds and choices cannot tell.
 */
#include "server/config_private.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "server/server.h"

#define OOM_VALUE_MAX 2000

static bool is_nothing(const struct config_input *in) { return in->count == 1 && in->words[0].len == 0; }

static bool holds_nul(struct slice text) { return text.len > 0 && memchr(text.ptr, 0, text.len) != NULL; }

/* --- save --- */

static void save_clear(struct config *cfg)
{
    mem_free(cfg->save_rules);
    cfg->save_rules = NULL;
    cfg->save_rule_count = 0;
}

static bool parse_rules(const struct config_input *in, struct save_rule *rules)
{
    for (size_t i = 0; i < in->count; i += 2) {
        int64_t seconds, changes;
        if (!num_parse_int64(in->words[i], &seconds) || !num_parse_int64(in->words[i + 1], &changes) || seconds < 1 ||
            seconds > INT_MAX || changes < 0 || changes > INT_MAX)
            return config_fail(in, "Invalid save parameters");
        rules[i / 2] = (struct save_rule){.seconds = seconds, .changes = (uint64_t)changes};
    }
    return true;
}

bool config_set_save(struct config *cfg, const struct config_input *in)
{
    size_t more = is_nothing(in) ? 0 : in->count / 2;
    if (!is_nothing(in) && in->count % 2 != 0) return config_fail(in, "Invalid save parameters");
    struct save_rule *rules = mem_alloc(more * sizeof(*rules));
    if (more > 0 && !parse_rules(in, rules)) {
        mem_free(rules);
        return false;
    }
    if (in->origin == CONFIG_FROM_SET || !cfg->save_is_given || more == 0) save_clear(cfg);
    cfg->save_is_given = true;
    if (more > 0) {
        cfg->save_rules = mem_realloc(cfg->save_rules, (cfg->save_rule_count + more) * sizeof(*rules));
        memcpy(cfg->save_rules + cfg->save_rule_count, rules, more * sizeof(*rules));
        cfg->save_rule_count += (unsigned)more;
    }
    mem_free(rules);
    return true;
}

void config_show_save(const struct config *cfg, struct buf *out)
{
    for (unsigned i = 0; i < cfg->save_rule_count; i++) {
        buf_printf(out, "%s%" PRId64 " %" PRIu64, i ? " " : "", cfg->save_rules[i].seconds, cfg->save_rules[i].changes);
    }
}

/* --- bind --- */

static void bind_clear(struct config *cfg)
{
    for (unsigned i = 0; i < cfg->bind_count; i++) mem_free(cfg->bind[i]);
    mem_free(cfg->bind);
    cfg->bind = NULL;
    cfg->bind_count = 0;
}

bool config_set_bind(struct config *cfg, const struct config_input *in)
{
    if (in->count > CONFIG_BINDS_MAX) return config_fail(in, "Too many bind addresses specified.");
    for (size_t i = 0; i < in->count; i++) {
        if (holds_nul(in->words[i])) return config_fail(in, "argument must not hold a NUL byte");
    }
    bind_clear(cfg);
    cfg->bind = mem_calloc(in->count * sizeof(*cfg->bind));
    for (size_t i = 0; i < in->count; i++) {
        if (in->words[i].len > 0) cfg->bind[cfg->bind_count++] = mem_strndup(in->words[i].ptr, in->words[i].len);
    }
    return true;
}

void config_show_bind(const struct config *cfg, struct buf *out)
{
    for (unsigned i = 0; i < cfg->bind_count; i++) buf_printf(out, "%s%s", i ? " " : "", cfg->bind[i]);
}

/* --- client-output-buffer-limit --- */

static bool parse_class(struct slice word, enum client_class *out)
{
    if (slice_is_word(word, "normal")) {
        *out = CLIENT_CLASS_NORMAL;
    } else if (slice_is_word(word, "slave") || slice_is_word(word, "replica")) {
        *out = CLIENT_CLASS_REPLICA;
    } else if (slice_is_word(word, "pubsub")) {
        *out = CLIENT_CLASS_PUBSUB;
    } else {
        return false;
    }
    return true;
}

bool config_set_output_limits(struct config *cfg, const struct config_input *in)
{
    struct output_limit limits[CLIENT_CLASSES];
    memcpy(limits, cfg->output_limits, sizeof(limits));
    if (in->count % 4 != 0) return config_fail(in, "Wrong number of arguments in buffer limit configuration.");
    for (size_t i = 0; i < in->count; i += 4) {
        enum client_class class;
        struct output_limit limit;
        if (!parse_class(in->words[i], &class))
            return config_fail(in, "Invalid client class specified in buffer limit configuration.");
        if (!num_parse_memory(in->words[i + 1], &limit.hard_bytes) ||
            !num_parse_memory(in->words[i + 2], &limit.soft_bytes) ||
            !num_parse_int64(in->words[i + 3], &limit.soft_seconds) || limit.soft_seconds < 0)
            return config_fail(in, "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
        limits[class] = limit;
    }
    memcpy(cfg->output_limits, limits, sizeof(limits));
    return true;
}

void config_show_output_limits(const struct config *cfg, struct buf *out)
{
    static const char *const names[CLIENT_CLASSES] = {"normal", "slave", "pubsub"};
    for (unsigned i = 0; i < CLIENT_CLASSES; i++) {
        const struct output_limit *l = &cfg->output_limits[i];
        buf_printf(out, "%s%s %" PRIu64 " %" PRIu64 " %" PRId64, i ? " " : "", names[i], l->hard_bytes, l->soft_bytes,
                   l->soft_seconds);
    }
}

/* --- dir --- */

static bool is_usable_dir(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) return false;
    if (!S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        return false;
    }
    return access(path, X_OK) == 0;
}

/* At run time the path is made absolute at once. In a file it counts from the dir of an earlier line, as if each
 * line changed into it. */
static char *resolve_dir(const struct config *cfg, const struct config_input *in)
{
    char *path = mem_strndup(in->words[0].ptr, in->words[0].len);
    char full[PATH_MAX];
    if (in->origin == CONFIG_FROM_SET) {
        const char *real = realpath(path, full);
        int why = errno;
        mem_free(path);
        errno = why;
        return real ? mem_strdup(real) : NULL;
    }
    if (path[0] == '/' || !cfg->dir_is_given) return path;
    struct buf joined = BUF_INIT;
    buf_printf(&joined, "%s/%s", cfg->dir, path);
    mem_free(path);
    path = mem_strdup(buf_cstr(&joined));
    buf_deinit(&joined);
    return path;
}

bool config_set_dir(struct config *cfg, const struct config_input *in)
{
    if (holds_nul(in->words[0])) return config_fail(in, "argument must not hold a NUL byte");
    char *path = resolve_dir(cfg, in);
    if (path == NULL || !is_usable_dir(path)) {
        config_fail(in, "%s", strerror(errno)); /* of realpath, stat or access */
        mem_free(path);
        return false;
    }
    mem_free(cfg->dir);
    cfg->dir = path;
    cfg->dir_is_given = true;
    return true;
}

void config_show_dir(const struct config *cfg, struct buf *out) { buf_printf(out, "%s", cfg->dir); }

/* --- replicaof --- */

bool config_set_replicaof(struct config *cfg, const struct config_input *in)
{
    (void)cfg;
    int64_t port;
    if (in->count != 2) return config_fail(in, "wrong number of arguments");
    if (slice_is_word(in->words[0], "no") && slice_is_word(in->words[1], "one")) return true;
    if (!num_parse_int64(in->words[1], &port) || port < 0 || port > 65535)
        return config_fail(in, "Invalid master port");
    return config_fail(
        in,
        "replicaof %.*s %" PRId64
        ": replication is not built into this version of Keepsake; remove the directive or set it to 'no one'",
        (int)(in->words[0].len > 100 ? 100 : in->words[0].len), in->words[0].ptr, port);
}

void config_show_nothing(const struct config *cfg, struct buf *out)
{
    (void)cfg;
    (void)out;
}

/* --- all of them together --- */

void config_special_defaults(struct config *cfg)
{
    static const struct save_rule rules[] = {{3600, 1}, {300, 100}, {60, 10000}};
    cfg->save_rules = mem_alloc(sizeof(rules));
    memcpy(cfg->save_rules, rules, sizeof(rules));
    cfg->save_rule_count = sizeof(rules) / sizeof(rules[0]);
    cfg->bind = mem_alloc(2 * sizeof(*cfg->bind));
    cfg->bind[0] = mem_strdup("*");
    cfg->bind[1] = mem_strdup("-::*");
    cfg->bind_count = 2;
    cfg->output_limits[CLIENT_CLASS_NORMAL] = (struct output_limit){0, 0, 0};
    cfg->output_limits[CLIENT_CLASS_REPLICA] = (struct output_limit){256u << 20, 64u << 20, 60};
    cfg->output_limits[CLIENT_CLASS_PUBSUB] = (struct output_limit){32u << 20, 8u << 20, 60};
    cfg->dir = mem_strdup("./");
}

void config_special_deinit(struct config *cfg)
{
    save_clear(cfg);
    bind_clear(cfg);
    mem_free(cfg->dir);
    cfg->dir = NULL;
}

void config_special_copy(struct config *to, const struct config *from)
{
    to->save_rules = mem_alloc(from->save_rule_count * sizeof(*to->save_rules));
    if (from->save_rule_count > 0)
        memcpy(to->save_rules, from->save_rules, from->save_rule_count * sizeof(*to->save_rules));
    to->save_rule_count = from->save_rule_count;
    to->bind = mem_alloc(from->bind_count * sizeof(*to->bind));
    for (unsigned i = 0; i < from->bind_count; i++) to->bind[i] = mem_strdup(from->bind[i]);
    to->bind_count = from->bind_count;
    memcpy(to->output_limits, from->output_limits, sizeof(to->output_limits));
    to->dir = mem_strdup(from->dir);
    to->save_is_given = from->save_is_given;
    to->dir_is_given = from->dir_is_given;
}

/* --- checks --- */

bool config_check_oom_values(const struct config_row *row, int64_t number, struct slice text,
                             const struct config_input *in)
{
    (void)row, (void)number, (void)text;
    if (in->count != 3) return config_fail(in, "wrong number of arguments");
    for (size_t i = 0; i < in->count; i++) {
        int64_t value;
        if (!num_parse_int64(in->words[i], &value) || value < -OOM_VALUE_MAX || value > OOM_VALUE_MAX)
            return config_fail(in, "Invalid oom-score-adj-values, elements must be between -2000 and 2000.");
    }
    return true;
}

bool config_check_percentiles(const struct config_row *row, int64_t number, struct slice text,
                              const struct config_input *in)
{
    (void)row, (void)number, (void)text;
    if (is_nothing(in)) return true;
    for (size_t i = 0; i < in->count; i++) {
        double value;
        if (!num_parse_double(in->words[i], &value))
            return config_fail(in, "Invalid latency-tracking-info-percentiles parameters");
        if (value < 0.0 || value > 100.0)
            return config_fail(in, "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
    }
    return true;
}

bool config_check_notify_classes(const struct config_row *row, int64_t number, struct slice text,
                                 const struct config_input *in)
{
    (void)row, (void)number;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == 0 || strchr("Ag$lshzxeKEtmdn", text.ptr[i]) == NULL)
            return config_fail(in, "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    }
    return true;
}

static bool is_title_variable(struct slice name)
{
    static const char *const known[] = {"title",    "listen-addr", "server-mode", "port",
                                        "tls-port", "unixsocket",  "config-file"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_eq(name, slice_of(known[i]))) return true;
    }
    return false;
}

bool config_check_title_template(const struct config_row *row, int64_t number, struct slice text,
                                 const struct config_input *in)
{
    (void)row, (void)number;
    if (text.len == 0) return config_fail(in, "template format is invalid or contains unknown variables");
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '{') continue;
        const char *name = text.ptr + i + 1;
        if (name < text.ptr + text.len && *name == '{') { /* "{{" stands for one */
            i++;
            continue;
        }
        const char *end = memchr(text.ptr + i, '}', text.len - i);
        if (end == NULL || !is_title_variable(SLICE(name, (size_t)(end - name))))
            return config_fail(in, "template format is invalid or contains unknown variables");
        i = (size_t)(end - text.ptr);
    }
    return true;
}

bool config_check_file_name(const struct config_row *row, int64_t number, struct slice text,
                            const struct config_input *in)
{
    (void)number;
    bool is_path =
        text.len == 0 || memchr(text.ptr, '/', text.len) || slice_is_word(text, ".") || slice_is_word(text, "..");
    if (!is_path) return true;
    return config_fail(in, "%s can't be a path, just a %s", row->name,
                       strcmp(row->name, "appenddirname") == 0 ? "dirname" : "filename");
}

bool config_check_hostname(const struct config_row *row, int64_t number, struct slice text,
                           const struct config_input *in)
{
    (void)row, (void)number;
    if (text.len >= 256) return config_fail(in, "Hostnames must be less than 256 characters");
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum((unsigned char)text.ptr[i]) && text.ptr[i] != '-' && text.ptr[i] != '.')
            return config_fail(in, "Hostnames may only contain alphanumeric characters, hyphens or dots");
    }
    return true;
}

bool config_check_shutdown_flags(const struct config_row *row, int64_t number, struct slice text,
                                 const struct config_input *in)
{
    (void)row, (void)text;
    if ((number & SHUTDOWN_SAVE) && (number & SHUTDOWN_NOSAVE))
        return config_fail(in, "shutdown options SAVE and NOSAVE can't be used simultaneously");
    return true;
}

/* The other policies change nothing while maxmemory is 0; these two families change what every access records. */
bool config_check_eviction_policy(const struct config_row *row, int64_t number, struct slice text,
                                  const struct config_input *in)
{
    (void)number;
    if (!slice_is_word(text, "volatile-lfu") && !slice_is_word(text, "allkeys-lfu")) return true;
    return config_fail(in, "%s %.*s: counting how often a key is used is not built into this version of Keepsake",
                       row->name, (int)text.len, text.ptr);
}

/* --- lines that are not in the table --- */

/* What CONFIG REWRITE of a server without passwords and other users writes for the one that is always there. */
static bool is_default_user(const struct config_input *in)
{
    static const char *const usual[] = {"on",    "nopass",  "sanitize-payload", "~*",         "&*",
                                        "+@all", "allkeys", "allchannels",      "allcommands"};
    if (in->count < 2 || !slice_is_word(in->words[0], "default")) return false;
    for (size_t i = 1; i < in->count; i++) {
        bool is_usual = false;
        for (size_t k = 0; k < sizeof(usual) / sizeof(usual[0]); k++) is_usual |= slice_is_word(in->words[i], usual[k]);
        if (!is_usual) return false;
    }
    return true;
}

static bool fail_unlisted(const struct config_input *in, const char *name, const char *feature)
{
    struct slice first = in->words[0];
    return config_fail(in, "%s %.*s: %s not built into this version of Keepsake; remove the directive", name,
                       (int)(first.len > 100 ? 100 : first.len), first.ptr, feature);
}

bool config_set_unlisted(struct slice name, const struct config_input *in)
{
    if (slice_is_word(name, "user") && in->count >= 1)
        return is_default_user(in) || fail_unlisted(in, "user", "access control lists are");
    if (slice_is_word(name, "loadmodule") && in->count >= 1) return fail_unlisted(in, "loadmodule", "modules are");
    if (slice_is_word(name, "rename-command") && in->count == 2)
        return fail_unlisted(in, "rename-command", "renaming commands is");
    if (slice_is_word(name, "sentinel")) return config_fail(in, "sentinel directive while not in sentinel mode");
    return config_fail(in, "Bad directive or wrong number of arguments");
}
