/* SPDX-License-Identifier: MIT */
/* Error lines of snapshots. Long paths and keys are cut, so that the reason always fits. */
#include "rdb/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define SHOWN_KEY_BYTES 64
#define SHOWN_PATH_BYTES 200

/* The last part of a path is the telling one. */
static void append_path(struct buf *line, const char *path)
{
    size_t len = strlen(path);
    if (len > SHOWN_PATH_BYTES) {
        path += len - SHOWN_PATH_BYTES;
        buf_append(line, "...", 3);
    }
    buf_append(line, path, strlen(path));
}

static void append_key(struct buf *line, struct slice key)
{
    bool cut = key.len > SHOWN_KEY_BYTES;
    buf_append_quoted(line, SLICE(key.ptr, cut ? SHOWN_KEY_BYTES : key.len));
    if (cut) buf_append(line, "...", 3);
}

void rdb_error_at(struct rdb_error *error, const struct rdb_error_place *place, const char *reason)
{
    if (!error) return;
    struct buf line = BUF_INIT;
    append_path(&line, place->file);
    buf_printf(&line, ": offset %" PRIu64, place->offset);
    if (place->db >= 0) buf_printf(&line, ": database %d", place->db);
    if (place->key) {
        buf_printf(&line, "%s key ", place->db >= 0 ? "," : ":");
        append_key(&line, *place->key);
    }
    buf_printf(&line, ": %s", reason);
    *error = (struct rdb_error){
        .offset = place->offset, .record_offset = place->record_offset, .db = place->db, .sys_errno = place->sys_errno};
    snprintf(error->text, sizeof error->text, "%s", buf_cstr(&line));
    snprintf(error->reason, sizeof error->reason, "%s", reason);
    buf_deinit(&line);
}

void rdb_error_system(struct rdb_error *error, int sys_errno, const char *what_fmt, ...)
{
    if (!error) return;
    *error = (struct rdb_error){.db = -1, .sys_errno = sys_errno};
    char what[480];
    va_list args;
    va_start(args, what_fmt);
    vsnprintf(what, sizeof what, what_fmt, args);
    va_end(args);
    snprintf(error->reason, sizeof error->reason, "%s", strerror(sys_errno));
    snprintf(error->text, sizeof error->text, "%s failed: %s", what, error->reason);
}
