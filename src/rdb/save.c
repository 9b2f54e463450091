/* SPDX-License-Identifier: MIT */
/*
 * The file is made beside its target and takes the target's name only when all of it is on the disk:
 *
 *   open folder -> create temp -> write ... -> fsync -> close -> rename -> fsync folder -> done
 *                      |             |           |        |        |            |
 *                      |             `-----------`--------`--------`-> unlink temp, old file as it was
 *                      `-> (a file of our own pid: stale, unlinked, once more)  |
 *                                                    the new file is in place but perhaps not for good: reported
 *
 * All names are looked up in the folder opened first, so that a change of the working directory or a renamed folder
 * cannot take the rename elsewhere.
 */
#include "rdb/save.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "rdb/encode.h"
#include "rdb/format.h"

#define SYNC_WINDOW_BYTES ((uint64_t)4 << 20)
#define PROGRESS_KEYS 4096
#define AHEAD_ENTRIES 16
#define TEMP_NAME_BYTES 32
#define FILE_MODE 0644
#define SHOWN_FOLDER_BYTES 200 /* of a long path, the last part */

/* --- names --- */

/* Where a path points to: its folder as a new string, and the last part, within `path`. */
struct target {
    char *folder;
    const char *name;
};

static void target_init(struct target *t, const char *path)
{
    const char *slash = strrchr(path, '/');
    t->name = slash ? slash + 1 : path;
    if (!slash)
        t->folder = mem_strdup(".");
    else if (slash == path)
        t->folder = mem_strdup("/");
    else
        t->folder = mem_strndup(path, (size_t)(slash - path));
}

static void target_deinit(struct target *t) { mem_free(t->folder); }

static int open_folder(const struct target *t) { return open(t->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }

static void temp_name(char name[TEMP_NAME_BYTES], pid_t pid)
{
    snprintf(name, TEMP_NAME_BYTES, "temp-%lld.rdb", (long long)pid);
}

/* The pid of a temporary file's name; 0 when it is not one. */
static pid_t pid_of_temp_name(const char *name)
{
    static const char prefix[] = "temp-", suffix[] = ".rdb";
    size_t len = strlen(name), around = sizeof prefix + sizeof suffix - 2;
    if (len <= around || strncmp(name, prefix, sizeof prefix - 1) != 0) return 0;
    if (strcmp(name + len - (sizeof suffix - 1), suffix) != 0) return 0;
    uint64_t pid;
    if (!num_parse_uint64(SLICE(name + sizeof prefix - 1, len - around), &pid) || pid > INT_MAX) return 0;
    return (pid_t)pid;
}

/* --- the file --- */

struct save_file {
    struct target target;
    char temp[TEMP_NAME_BYTES];
    int folder_fd, fd; /* -1: not open */
    bool is_temp_there;
    bool incremental_fsync;
    uint64_t size, synced; /* synced: write-out was started up to here */
    struct rdb_error *error;
    bool failed;
};

/* Keeps the first failure. */
static bool file_failed(struct save_file *f, const char *what, const char *name)
{
    const char *folder = f->target.folder;
    size_t len = strlen(folder);
    bool is_long = len > SHOWN_FOLDER_BYTES;
    if (is_long) folder += len - SHOWN_FOLDER_BYTES;
    if (!f->failed) rdb_error_system(f->error, errno, "%s %s%s/%s", what, is_long ? "..." : "", folder, name);
    f->failed = true;
    return false;
}

static bool temp_failed(struct save_file *f, const char *what) { return file_failed(f, what, f->temp); }

static bool file_create(struct save_file *f, const char *path)
{
    target_init(&f->target, path);
    temp_name(f->temp, getpid());
    f->folder_fd = open_folder(&f->target);
    if (f->folder_fd < 0) return file_failed(f, "open folder", "");
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;
    f->fd = openat(f->folder_fd, f->temp, flags, FILE_MODE);
    if (f->fd < 0 && errno == EEXIST && unlinkat(f->folder_fd, f->temp, 0) == 0)
        f->fd = openat(f->folder_fd, f->temp, flags, FILE_MODE);
    if (f->fd < 0) return temp_failed(f, "create");
    f->is_temp_there = true;
    return true;
}

static bool write_all(struct save_file *f, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(f->fd, bytes, len);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC; /* no progress, and no reason given */
        if (n <= 0) return temp_failed(f, "write to");
        bytes += n;
        len -= (size_t)n;
        f->size += (uint64_t)n;
    }
    return true;
}

/* Starts write-out of the window just filled and waits for the one before: the disk works while we encode. */
static bool sync_windows(struct save_file *f)
{
    while (f->size - f->synced >= SYNC_WINDOW_BYTES) {
        off_t from = (off_t)f->synced, window = (off_t)SYNC_WINDOW_BYTES;
        unsigned wait = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
        int rc = sync_file_range(f->fd, from, window, SYNC_FILE_RANGE_WRITE);
        if (rc == 0 && from >= window) rc = sync_file_range(f->fd, from - window, window, wait);
        if (rc != 0 && (errno == ENOSYS || errno == EINVAL || errno == ESPIPE)) rc = fdatasync(f->fd);
        if (rc != 0) return temp_failed(f, "sync of");
        f->synced += SYNC_WINDOW_BYTES;
    }
    return true;
}

/* The encoder's sink. */
static bool file_write(void *ctx, const char *bytes, size_t len)
{
    struct save_file *f = ctx;
    return write_all(f, bytes, len) && (!f->incremental_fsync || sync_windows(f));
}

/* Some file systems know no fsync of folders: then there is nothing to wait for. */
static bool sync_folder(struct save_file *f)
{
    if (fsync(f->folder_fd) == 0 || errno == EINVAL || errno == ENOTSUP) return true;
    return file_failed(f, "fsync of folder", "");
}

static bool file_commit(struct save_file *f)
{
    if (fsync(f->fd) != 0) return temp_failed(f, "fsync of");
    int fd = f->fd;
    f->fd = -1;
    if (close(fd) != 0 && errno != EINTR) return temp_failed(f, "close of");
    if (renameat(f->folder_fd, f->temp, f->folder_fd, f->target.name) != 0)
        return file_failed(f, "rename of the temporary file to", f->target.name);
    f->is_temp_there = false;
    return sync_folder(f);
}

static void file_deinit(struct save_file *f)
{
    if (f->fd >= 0) close(f->fd);
    if (f->is_temp_there) unlinkat(f->folder_fd, f->temp, 0);
    if (f->folder_fd >= 0) close(f->folder_fd);
    target_deinit(&f->target);
}

/* --- the contents --- */

struct saver {
    struct rdb_encoder enc;
    struct keyspace *ks;
    const struct rdb_save_options *options;
    uint64_t keys;
    const char *path;
    struct rdb_error *error;
};

static void put_aux_number(struct saver *s, const char *name, int64_t value)
{
    char digits[NUM_INT64_CHARS];
    rdb_put_aux(&s->enc, name, SLICE(digits, num_format_int64(digits, value)));
}

static void put_metadata(struct saver *s)
{
    const char *version = s->options->server_version;
    if (version) rdb_put_aux(&s->enc, "redis-ver", slice_of(version));
    put_aux_number(s, "redis-bits", 64);
    put_aux_number(s, "ctime", s->options->now_ms / 1000);
    put_aux_number(s, "used-mem", (int64_t)s->options->used_memory);
}

static struct rdb_entry_extra extra_of(const struct saver *s, const struct entry *entry)
{
    struct rdb_entry_extra extra = {.idle_s = -1, .freq = -1};
    uint32_t clock = entry_clock(entry);
    if (s->options->write_idle) extra.idle_s = (keyspace_access_clock(s->ks) - clock) & 0xffffff;
    if (s->options->write_freq) extra.freq = (int)(clock & 0xff);
    return extra;
}

/* A failed encoder takes nothing more: looked at now and then, so that a full disk ends the walk. */
static bool tick(struct saver *s)
{
    if (s->options->on_progress) s->options->on_progress(s->options->ctx, s->keys);
    return !s->enc.failed;
}

/* A walk that asks for entries AHEAD_ENTRIES before they are encoded: all of a small one, not only its header. */
struct walk {
    struct hashtable_iter it;
    const struct entry *ahead[AHEAD_ENTRIES];
    size_t next;
};

static const struct entry *walk_fetch(struct walk *w)
{
    const struct entry *entry = hashtable_iter_next(&w->it);
    if (!entry) return NULL;
    __builtin_prefetch(entry);
    __builtin_prefetch((const char *)entry + 64);
    return entry;
}

static void walk_init(struct walk *w, const struct hashtable *t)
{
    w->next = 0;
    hashtable_iter_init(&w->it, t);
    for (size_t i = 0; i < AHEAD_ENTRIES; i++) w->ahead[i] = walk_fetch(w);
}

static const struct entry *walk_next(struct walk *w)
{
    const struct entry *entry = w->ahead[w->next];
    if (!entry) return NULL;
    w->ahead[w->next] = walk_fetch(w);
    w->next = (w->next + 1) % AHEAD_ENTRIES;
    return entry;
}

static bool refuse_entry(struct saver *s, const struct db *db, const struct entry *entry)
{
    char reason[128];
    struct slice key = entry_key(entry);
    struct rdb_error_place place = {
        .file = s->path, .offset = rdb_encoder_offset(&s->enc), .db = (int)db_index(db), .key = &key};
    snprintf(reason, sizeof reason, "RDB format version %d cannot hold a hash with fields that expire: it takes %d",
             s->enc.version, rdb_version_needed(entry));
    rdb_error_at(s->error, &place, reason);
    return false;
}

static bool put_db(struct saver *s, struct db *db)
{
    rdb_put_select_db(&s->enc, db_index(db));
    rdb_put_resize_db(&s->enc, db_count(db), db_expires_count(db));
    bool has_extra = s->options->write_idle || s->options->write_freq;
    struct rdb_entry_extra extra;
    struct walk walk;
    walk_init(&walk, db_keys(db));
    for (const struct entry *entry; (entry = walk_next(&walk));) {
        if (__builtin_expect(entry_type(entry) == VALUE_HASH, 0) && rdb_version_needed(entry) > s->enc.version)
            return refuse_entry(s, db, entry);
        if (has_extra) extra = extra_of(s, entry);
        rdb_put_entry(&s->enc, entry, has_extra ? &extra : NULL);
        if (++s->keys % PROGRESS_KEYS == 0 && !tick(s)) return false;
    }
    return true;
}

static bool put_keyspace(struct saver *s)
{
    rdb_put_header(&s->enc);
    put_metadata(s);
    for (unsigned i = 0; i < keyspace_db_count(s->ks); i++) {
        struct db *db = keyspace_db(s->ks, i);
        if (db_count(db) > 0 && !put_db(s, db)) return false;
    }
    return rdb_put_eof(&s->enc);
}

static bool has_field_expiries(struct keyspace *ks)
{
    for (unsigned i = 0; i < keyspace_db_count(ks); i++)
        if (db_field_expiry_count(keyspace_db(ks, i)) > 0) return true;
    return false;
}

static int version_of(const struct rdb_save_options *options, struct keyspace *ks)
{
    if (options->version) return options->version;
    if (has_field_expiries(ks)) return RDB_VERSION_FIELD_EXPIRY;
    return options->write_idle || options->write_freq ? RDB_VERSION_ACCESS : RDB_VERSION_DEFAULT;
}

/* --- a save --- */

static bool refuse_version(const char *path, int version, struct rdb_error *error)
{
    char reason[96];
    snprintf(reason, sizeof reason, "RDB format version %d cannot be written: only %d to %d", version,
             RDB_VERSION_WRITE_MIN, RDB_VERSION_MAX);
    rdb_error_at(error, &(struct rdb_error_place){.file = path, .db = -1}, reason);
    return false;
}

static bool write_file(struct save_file *f, struct saver *s, int version)
{
    if (!file_create(f, s->path)) return false;
    rdb_encoder_init(&s->enc, file_write, f);
    s->enc.version = version;
    s->enc.compress = s->options->compress;
    s->enc.checksum = s->options->checksum;
    bool ok = put_keyspace(s);
    rdb_encoder_deinit(&s->enc);
    return ok && file_commit(f);
}

bool rdb_save(const char *path, struct keyspace *ks, const struct rdb_save_options *options,
              struct rdb_save_result *result, struct rdb_error *error)
{
    int version = version_of(options, ks);
    if (version < RDB_VERSION_WRITE_MIN || version > RDB_VERSION_MAX) return refuse_version(path, version, error);
    struct save_file f = {.fd = -1, .folder_fd = -1, .incremental_fsync = options->incremental_fsync, .error = error};
    struct saver s = {.ks = ks, .options = options, .path = path, .error = error};
    bool ok = write_file(&f, &s, version);
    if (result) *result = (struct rdb_save_result){.keys = s.keys, .bytes = f.size};
    file_deinit(&f);
    return ok;
}

/* --- what the dead leave behind --- */

void rdb_remove_temp_file(const char *path, pid_t pid)
{
    struct target t;
    target_init(&t, path);
    int folder_fd = open_folder(&t);
    if (folder_fd >= 0) {
        char name[TEMP_NAME_BYTES];
        temp_name(name, pid);
        unlinkat(folder_fd, name, 0);
        close(folder_fd);
    }
    target_deinit(&t);
}

static bool is_left_over(const char *name)
{
    pid_t pid = pid_of_temp_name(name);
    if (pid == 0) return false;
    return pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH);
}

int rdb_sweep_temp_files(const char *path)
{
    struct target t;
    target_init(&t, path);
    int swept = 0;
    DIR *folder = opendir(t.folder);
    if (folder) {
        for (const struct dirent *item; (item = readdir(folder));)
            if (is_left_over(item->d_name) && unlinkat(dirfd(folder), item->d_name, 0) == 0) swept++;
        closedir(folder);
    }
    target_deinit(&t);
    return swept;
}
