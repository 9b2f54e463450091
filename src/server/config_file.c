/* SPDX-License-Identifier: MIT */
/*
 * Reading redis.conf, its includes, standard input and the command line. A line is words; the first names a row of
 * the table, the rest is its value. The first error ends it all: the error tells the innermost file and line.
 *
 * Includes are bounded in depth, in number and in size, so that a file that includes itself ends with an error.
 */
#include "server/config.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/words.h"
#include "server/config_private.h"

#define READ_STEP_BYTES 16384

struct loader {
    struct config *cfg;
    struct config_error *error;
    unsigned depth, files;
};

/* Where the loader is. */
struct position {
    const char *file;
    unsigned line;
    struct slice text;
};

static bool load_text(struct loader *l, struct slice text, const char *name);

/* Copies as much as fits; zero bytes would end the text. */
static void copy_text(char *out, size_t size, struct slice text)
{
    size_t len = text.len < size ? text.len : size - 1;
    if (len > 0) memcpy(out, text.ptr, len);
    out[len] = 0;
}

static bool fail_at(struct loader *l, struct position at, const char *reason)
{
    struct config_error *e = l->error;
    copy_text(e->file, sizeof(e->file), slice_of(at.file));
    e->line = at.line;
    copy_text(e->line_text, sizeof(e->line_text), at.text);
    copy_text(e->reason, sizeof(e->reason), slice_of(reason));
    if (at.line > 0) {
        snprintf(e->text, sizeof(e->text), "%s:%u: '%s': %s", e->file, e->line, e->line_text, e->reason);
    } else {
        snprintf(e->text, sizeof(e->text), "%s", e->reason);
    }
    return false;
}

/* --- files --- */

/* False with errno; EFBIG when it is larger than a configuration can be. */
static bool read_all(int fd, struct buf *out)
{
    for (;;) {
        char *room = buf_reserve(out, READ_STEP_BYTES);
        ssize_t n = read(fd, room, READ_STEP_BYTES);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        if (n == 0) return true;
        out->len += (size_t)n;
        if (out->len > CONFIG_FILE_BYTES_MAX) {
            errno = EFBIG;
            return false;
        }
    }
}

static bool read_path(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool ok = read_all(fd, out);
    int why = errno;
    close(fd);
    errno = why;
    return ok;
}

static bool fail_open(struct loader *l, struct position at, const char *path)
{
    char reason[512];
    const char *why = strerror(errno);
    snprintf(reason, sizeof(reason), "can't open config file '%.300s': %s", path, why);
    return fail_at(l, at, reason);
}

static bool load_path(struct loader *l, struct position at, const char *path)
{
    if (l->depth >= CONFIG_INCLUDE_DEPTH_MAX) return fail_at(l, at, "includes are nested too deeply");
    if (++l->files > CONFIG_FILES_MAX) return fail_at(l, at, "too many files are included");
    struct buf text = BUF_INIT;
    bool ok = read_path(path, &text);
    if (!ok) {
        fail_open(l, at, path);
    } else {
        l->depth++;
        ok = load_text(l, buf_slice(&text), path);
        l->depth--;
    }
    buf_deinit(&text);
    return ok;
}

/* As the shell would: a pattern that matches nothing is fine, a plain name that is missing is not. */
static bool load_pattern(struct loader *l, struct position at, const char *pattern)
{
    glob_t found;
    int result = glob(pattern, 0, NULL, &found);
    bool ok = true;
    if (result == 0) {
        for (size_t i = 0; i < found.gl_pathc && ok; i++) ok = load_path(l, at, found.gl_pathv[i]);
    } else if (result != GLOB_NOMATCH) {
        ok = fail_at(l, at, "the pattern could not be expanded");
    }
    globfree(&found);
    return ok;
}

/* Relative to the working directory, which a dir line before it names already. */
static bool load_include(struct loader *l, struct position at, struct slice path)
{
    if (path.len == 0 || memchr(path.ptr, 0, path.len)) return fail_at(l, at, "include needs a file name");
    struct buf full = BUF_INIT;
    if (path.ptr[0] != '/' && l->cfg->dir_is_given) buf_printf(&full, "%s/", l->cfg->dir);
    buf_append_slice(&full, path);
    const char *name = buf_cstr(&full);
    bool ok = strpbrk(name, "*?[") ? load_pattern(l, at, name) : load_path(l, at, name);
    buf_deinit(&full);
    return ok;
}

/* --- lines --- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) s = SLICE(s.ptr + 1, s.len - 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1])) s.len--;
    return s;
}

static bool load_words(struct loader *l, struct position at, const struct words *words)
{
    char reason[sizeof(l->error->reason)];
    struct slice name = words->items[0];
    if (slice_is_word(name, "include") && words->count == 2) return load_include(l, at, words->items[1]);
    struct config_input in = {words->items + 1, words->count - 1, CONFIG_FROM_FILE, reason, sizeof(reason)};
    const struct config_row *row = config_find(name);
    bool ok = row ? config_value_set(l->cfg, row, &in) : config_set_unlisted(name, &in);
    return ok || fail_at(l, at, reason);
}

static bool load_line(struct loader *l, struct position at)
{
    at.text = trim(at.text);
    if (at.text.len == 0 || at.text.ptr[0] == '#') return true;
    struct words words;
    if (!words_split(at.text, &words)) return fail_at(l, at, "Unbalanced quotes in configuration line");
    bool ok = words.count == 0 || load_words(l, at, &words);
    words_deinit(&words);
    return ok;
}

static bool load_text(struct loader *l, struct slice text, const char *name)
{
    struct position at = {name, 0, text};
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        at.line++;
        at.text = SLICE(text.ptr, len);
        if (!load_line(l, at)) return false;
        len += end != NULL;
        text = SLICE(text.ptr + len, text.len - len);
    }
    return true;
}

bool config_load_text(struct config *cfg, struct slice text, const char *name, struct config_error *error)
{
    struct loader l = {.cfg = cfg, .error = error, .depth = 1, .files = 1};
    return load_text(&l, text, name);
}

static bool load_stdin(struct loader *l)
{
    struct buf text = BUF_INIT;
    struct position at = {"standard input", 0, SLICE_LIT("")};
    bool ok = read_all(STDIN_FILENO, &text) ? load_text(l, buf_slice(&text), at.file) : fail_open(l, at, at.file);
    buf_deinit(&text);
    return ok;
}

bool config_load_file(struct config *cfg, const char *path, struct config_error *error)
{
    struct loader l = {.cfg = cfg, .error = error};
    if (strcmp(path, "-") == 0) return load_stdin(&l);
    char full[PATH_MAX];
    if (realpath(path, full)) {
        mem_free(cfg->file);
        cfg->file = mem_strdup(full);
    }
    return load_path(&l, (struct position){path, 0, SLICE_LIT("")}, path);
}

/* --- the command line --- */

static bool is_option(const char *arg) { return arg[0] == '-' && arg[1] == '-'; }

/* Appends the words that belong to the option; returns the index after them. A directive of one value takes the
 * next word whatever it looks like; one of several ends before the next "--". */
static int collect_values(struct buf *line, const char *name, int argc, char **argv, int i)
{
    const struct config_row *row = config_find(slice_of(name));
    bool takes_any = row && !config_row_takes_many(row);
    while (i < argc && (takes_any || !is_option(argv[i]))) {
        buf_append_char(line, ' ');
        buf_append_quoted(line, slice_of(argv[i++]));
        takes_any = false;
    }
    return i;
}

bool config_load_args(struct config *cfg, int argc, char **argv, struct config_error *error)
{
    struct loader l = {.cfg = cfg, .error = error};
    struct position at = {"the command line", 0, SLICE_LIT("")};
    struct buf line = BUF_INIT;
    bool ok = true;
    for (int i = 0; i < argc && ok;) {
        buf_clear(&line);
        if (is_option(argv[i])) {
            const char *name = argv[i++] + 2;
            buf_append(&line, name, strlen(name));
            i = collect_values(&line, name, argc, argv, i);
        } else {
            buf_append_quoted(&line, slice_of(argv[i++]));
        }
        at.line++;
        at.text = buf_slice(&line);
        ok = load_line(&l, at);
    }
    buf_deinit(&line);
    return ok;
}
