/* SPDX-License-Identifier: MIT */
/*
 * The walk over a file's records. What an opcode says about the next key is kept in `next` until the key comes.
 *
 * A table much larger than the caches costs two misses a key: its bucket, and the entry whose tag looks the same. So
 * keys are collected: the bucket is asked for when a key joins the batch, and has come when the batch is full; then
 * the entries are asked for, and only then every key is looked up and put in.
 *
 * Invariants: every entry of the batch belongs to `db` and is owned by the batch; all are settled (inserted) before
 * `db` changes and at the end; a failed load frees what is left in the batch.
 */
#include "rdb/load.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "rdb/decode.h"
#include "rdb/format.h"

#define BATCH_KEYS 32
#define PROGRESS_BYTES ((uint64_t)2 << 20)
/* Fewer bytes say too little about how many keys the rest holds. */
#define DENSITY_BYTES ((uint64_t)1 << 20)
/* Type, key length and value: no key takes less. */
#define KEY_MIN_BYTES 3
#define AUX_NAME_MAX_BYTES ((size_t)64 << 10)
#define IDLE_MAX_S 0x7fffffu /* half the range of the 24-bit clock: more would look like the future */

struct batched {
    struct entry *entry;
    uint64_t hash;
    uint64_t offset; /* of the record */
};

/* What opcodes said about the key to come. */
struct next_key {
    int64_t expire_at_ms;
    uint64_t idle_s;
    uint8_t freq;
    bool has_idle, has_freq, has_expiry;
};

struct loader {
    struct rdb_decoder d;
    struct keyspace *ks;
    const struct rdb_load_options *options;
    struct rdb_load_result *result;
    struct db *db;
    int db_number; /* -1: no SELECTDB and no key so far */
    bool is_sized; /* `db` was given room for its keys */
    struct next_key next;
    uint64_t record_offset;
    struct buf key; /* the key being read */
    bool has_key;   /* `key` is what an error would be about */
    struct batched batch[BATCH_KEYS];
    size_t batch_len;
    int fd;
    uint64_t read_bytes, progress_bytes;
};

static const struct next_key no_next_key = {.expire_at_ms = ENTRY_NO_EXPIRY};

/* --- the batch --- */

static bool fail_duplicate(struct loader *l, const struct batched *b)
{
    struct slice key = entry_key(b->entry);
    buf_clear(&l->key);
    buf_append_slice(&l->key, key);
    l->has_key = true;
    l->record_offset = b->offset;
    l->d.item_offset = b->offset;
    return rdb_decoder_fail(&l->d, "the key occurs twice in this database");
}

static void drop_batch(struct loader *l, size_t from)
{
    for (size_t i = from; i < l->batch_len; i++) entry_free(l->batch[i].entry);
    l->batch_len = 0;
}

static bool settle_batch(struct loader *l)
{
    const struct hashtable *keys = db_keys(l->db);
    for (size_t i = 0; i < l->batch_len; i++) db_prefetch_entry(l->db, l->batch[i].hash);
    for (size_t i = 0; i < l->batch_len; i++) {
        struct batched *b = &l->batch[i];
        struct slice key = entry_key(b->entry);
        if (hashtable_find(keys, key.ptr, key.len, b->hash)) {
            fail_duplicate(l, b);
            drop_batch(l, i);
            return false;
        }
        db_insert(l->db, b->entry, b->hash);
        l->result->keys_loaded++;
    }
    l->batch_len = 0;
    return true;
}

static bool join_batch(struct loader *l, struct entry *entry, uint64_t hash)
{
    db_prefetch_bucket(l->db, hash);
    l->batch[l->batch_len++] = (struct batched){entry, hash, l->record_offset};
    return l->batch_len < BATCH_KEYS || settle_batch(l);
}

/* --- room for the keys to come --- */

static uint64_t at_most(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* A refusal for want of memory is no failure: the table grows as it fills. */
static void expand(struct loader *l, uint64_t keys, uint64_t expires)
{
    uint64_t most = rdb_decoder_left(&l->d) / KEY_MIN_BYTES;
    keys = at_most(keys, most);
    expires = at_most(expires, keys);
    if (keys) (void)db_expand(l->db, db_count(l->db) + (size_t)keys, db_expires_count(l->db) + (size_t)expires);
    l->is_sized = true;
}

/* Without a hint: as many more keys a byte as there were up to here. */
static void expand_by_density(struct loader *l)
{
    uint64_t done = rdb_decoder_offset(&l->d);
    if (l->is_sized || done < DENSITY_BYTES) return;
    double left = (double)rdb_decoder_left(&l->d) / (double)done;
    expand(l, (uint64_t)((double)db_count(l->db) * left), (uint64_t)((double)db_expires_count(l->db) * left));
}

/* --- records --- */

static bool select_database(struct loader *l, uint64_t number)
{
    if (!settle_batch(l)) return false;
    unsigned count = keyspace_db_count(l->ks);
    if (number >= count)
        return rdb_decoder_fail(&l->d, "database %" PRIu64 " is beyond the %u databases of this server", number, count);
    l->db_number = (int)number;
    l->db = keyspace_db(l->ks, (unsigned)number);
    l->is_sized = false;
    return true;
}

/* The access clock of an entry, out of what the file says about it. */
static uint32_t clock_of(const struct loader *l)
{
    uint32_t clock = l->options->access_clock;
    if (l->options->access_is_lfu) return l->next.has_freq ? (clock & 0xffff00) | l->next.freq : clock;
    if (!l->next.has_idle) return clock;
    return clock - (uint32_t)at_most(l->next.idle_s, IDLE_MAX_S);
}

static bool get_key(struct loader *l)
{
    struct slice key;
    if (!rdb_get_bytes(&l->d, &key, SIZE_MAX)) return false;
    buf_clear(&l->key);
    buf_reserve(&l->key, key.len + 1); /* an empty key has an address too */
    buf_append_slice(&l->key, key);
    l->has_key = true;
    return true;
}

static bool load_key(struct loader *l, uint8_t type)
{
    if (!rdb_type_name(type)) return rdb_decoder_fail(&l->d, "value type or opcode %u is unknown", type);
    if (l->db_number < 0) l->db_number = 0;
    if (!get_key(l)) return false;
    struct entry *entry;
    int64_t expire_at_ms = l->next.expire_at_ms;
    if (!rdb_get_value(&l->d, type, buf_slice(&l->key), expire_at_ms, &entry)) return false;
    uint32_t clock = clock_of(l);
    l->has_key = false;
    l->next = no_next_key;
    if (entry_is_expired(entry, l->options->now_ms)) {
        entry_free(entry);
        l->result->keys_expired++;
        return true;
    }
    entry_set_clock(entry, clock);
    return join_batch(l, entry, key_of(buf_slice(&l->key)).hash);
}

static bool get_select_db(struct loader *l)
{
    uint64_t number;
    return rdb_get_len(&l->d, &number) && select_database(l, number);
}

static bool get_resize_db(struct loader *l)
{
    uint64_t keys, expires;
    if (!rdb_get_len(&l->d, &keys) || !rdb_get_len(&l->d, &expires)) return false;
    if (!settle_batch(l)) return false;
    expand(l, keys, expires);
    return true;
}

static bool get_slot_info(struct loader *l)
{
    uint64_t ignored;
    for (int i = 0; i < 3; i++)
        if (!rdb_get_len(&l->d, &ignored)) return false;
    return true;
}

static void keep_printable(char *to, size_t size, struct slice text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;
    for (size_t i = 0; i < len; i++) to[i] = text.ptr[i] >= ' ' && text.ptr[i] <= '~' ? text.ptr[i] : '?';
    to[len] = 0;
}

static bool get_aux(struct loader *l)
{
    enum { AUX_OTHER, AUX_REDIS_VER, AUX_CTIME, AUX_USED_MEM } field = AUX_OTHER;
    struct slice name, value;
    if (!rdb_get_bytes(&l->d, &name, AUX_NAME_MAX_BYTES)) return false;
    if (slice_eq(name, SLICE_LIT("redis-ver")))
        field = AUX_REDIS_VER;
    else if (slice_eq(name, SLICE_LIT("ctime")))
        field = AUX_CTIME;
    else if (slice_eq(name, SLICE_LIT("used-mem")))
        field = AUX_USED_MEM;
    if (!rdb_get_bytes(&l->d, &value, SIZE_MAX)) return false;
    switch (field) {
    case AUX_OTHER: break;
    case AUX_REDIS_VER: keep_printable(l->result->writer_version, sizeof l->result->writer_version, value); break;
    case AUX_CTIME: (void)num_parse_int64(value, &l->result->created_at_s); break;
    case AUX_USED_MEM: (void)num_parse_uint64(value, &l->result->used_memory); break;
    }
    return true;
}

static bool get_expiry(struct loader *l, uint8_t opcode)
{
    l->next.has_expiry = true;
    if (opcode == RDB_OP_EXPIRETIME_MS) {
        uint64_t ms;
        if (!rdb_get_u64(&l->d, &ms)) return false;
        l->next.expire_at_ms = (int64_t)ms;
        return true;
    }
    uint32_t seconds;
    if (!rdb_get_u32(&l->d, &seconds)) return false;
    l->next.expire_at_ms = (int64_t)(int32_t)seconds * 1000;
    return true;
}

static bool get_idle(struct loader *l)
{
    l->next.has_idle = true;
    return rdb_get_len(&l->d, &l->next.idle_s);
}

static bool get_freq(struct loader *l)
{
    l->next.has_freq = true;
    return rdb_get_byte(&l->d, &l->next.freq);
}

static bool is_awaiting_key(const struct loader *l)
{
    return l->next.has_expiry || l->next.has_idle || l->next.has_freq;
}

/* One opcode or key; *ended after EOF. A switch over bytes: most of them are no opcode. */
static bool load_record(struct loader *l, bool *ended)
{
    uint8_t opcode;
    if (!is_awaiting_key(l)) l->record_offset = rdb_decoder_offset(&l->d);
    if (!rdb_get_byte(&l->d, &opcode)) return false;
    if (__builtin_expect(opcode < RDB_OP_SLOT_INFO, 1)) return load_key(l, opcode);
    switch ((enum rdb_opcode)opcode) {
    case RDB_OP_EXPIRETIME_MS:
    case RDB_OP_EXPIRETIME: return get_expiry(l, opcode);
    case RDB_OP_IDLE: return get_idle(l);
    case RDB_OP_FREQ: return get_freq(l);
    case RDB_OP_AUX: return get_aux(l);
    case RDB_OP_SLOT_INFO: return get_slot_info(l);
    case RDB_OP_FUNCTION2:
    case RDB_OP_FUNCTION_PRE_GA:
    case RDB_OP_MODULE_AUX: return rdb_refuse_opcode(&l->d, opcode);
    case RDB_OP_RESIZEDB:
    case RDB_OP_SELECTDB:
    case RDB_OP_EOF: break;
    }
    if (is_awaiting_key(l)) return rdb_decoder_fail(&l->d, "an expiry or access time that no key follows");
    if (opcode == RDB_OP_RESIZEDB) return get_resize_db(l);
    if (opcode == RDB_OP_SELECTDB) return get_select_db(l);
    *ended = true;
    return settle_batch(l) && rdb_get_eof(&l->d);
}

static bool load_all(struct loader *l)
{
    bool ended = false;
    if (!rdb_get_header(&l->d)) return false;
    l->result->version = l->d.version;
    while (!ended) {
        if (!load_record(l, &ended)) return false;
        if (l->batch_len == 0) expand_by_density(l);
    }
    return true;
}

/* --- a load --- */

static enum rdb_load_status run(struct loader *l, const char *name, struct rdb_error *error)
{
    l->d.checksum = l->options->checksum;
    l->db = keyspace_db(l->ks, 0);
    l->db_number = -1;
    l->next = no_next_key;
    bool ok = load_all(l);
    l->result->bytes = rdb_decoder_offset(&l->d);
    if (!ok) {
        struct slice key = buf_slice(&l->key);
        struct rdb_error_place place = {.file = name,
                                        .offset = l->d.error_offset,
                                        .record_offset = l->record_offset,
                                        .db = l->db_number,
                                        .key = l->has_key ? &key : NULL,
                                        .sys_errno = l->d.sys_errno};
        rdb_error_at(error, &place, l->d.reason);
    }
    drop_batch(l, 0);
    buf_deinit(&l->key);
    rdb_decoder_deinit(&l->d);
    return ok ? RDB_LOAD_OK : RDB_LOAD_FAILED;
}

/* The decoder's source. Progress is told from here, so that a large value is no silence. */
static long read_file(void *ctx, char *bytes, size_t len)
{
    struct loader *l = ctx;
    ssize_t got;
    do got = read(l->fd, bytes, len);
    while (got < 0 && errno == EINTR);
    if (got <= 0) return (long)got;
    l->read_bytes += (uint64_t)got;
    l->progress_bytes += (uint64_t)got;
    if (l->options->on_progress && l->progress_bytes >= PROGRESS_BYTES) {
        l->progress_bytes = 0;
        l->options->on_progress(l->options->ctx, l->read_bytes, l->result->keys_loaded);
    }
    return (long)got;
}

/* Only regular files: the size of anything else does not bound what it holds. Returns the descriptor, -1 with
 * `status`. */
static int open_file(const char *path, uint64_t *size, enum rdb_load_status *status, struct rdb_error *error)
{
    *status = RDB_LOAD_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ENOENT) *status = RDB_LOAD_ABSENT;
        rdb_error_system(error, errno, "%s: open", path);
        return -1;
    }
    struct stat st;
    if (fstat(fd, &st) != 0) {
        rdb_error_system(error, errno, "%s: fstat", path);
    } else if (!S_ISREG(st.st_mode)) {
        rdb_error_at(error, &(struct rdb_error_place){.file = path, .db = -1}, "not a regular file");
    } else {
        *size = (uint64_t)st.st_size;
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return fd;
    }
    close(fd);
    return -1;
}

enum rdb_load_status rdb_load(const char *path, struct keyspace *ks, const struct rdb_load_options *options,
                              struct rdb_load_result *result, struct rdb_error *error)
{
    *result = (struct rdb_load_result){0};
    uint64_t size;
    enum rdb_load_status status;
    int fd = open_file(path, &size, &status, error);
    if (fd < 0) return status;
    struct loader l = {.ks = ks, .options = options, .result = result, .fd = fd};
    rdb_decoder_init_source(&l.d, read_file, &l, size);
    status = run(&l, path, error);
    close(fd);
    return status;
}

enum rdb_load_status rdb_load_memory(struct slice bytes, const char *name, struct keyspace *ks,
                                     const struct rdb_load_options *options, struct rdb_load_result *result,
                                     struct rdb_error *error)
{
    *result = (struct rdb_load_result){0};
    struct loader l = {.ks = ks, .options = options, .result = result, .fd = -1};
    rdb_decoder_init_memory(&l.d, bytes);
    return run(&l, name, error);
}
