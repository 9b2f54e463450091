/* SPDX-License-Identifier: MIT */
#include "rdb/save.h"

#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "rdb/load.h"
#include "values.h"

/* A folder of its own for each test, and the path of the snapshot in it. */
struct place {
    char folder[200];
    char path[256];
};

static void place_init(struct place *p)
{
    make_folder(p->folder, sizeof p->folder);
    snprintf(p->path, sizeof p->path, "%s/dump.rdb", p->folder);
}

static void place_deinit(struct place *p)
{
    unlink(p->path);
    assert_int_equal(rmdir(p->folder), 0); /* nothing else is left in it */
}

static const struct rdb_save_options usual = {
    .compress = true, .checksum = true, .server_version = "7.2.4", .now_ms = NOW_MS, .used_memory = 12345};

static struct keyspace *loaded(const char *path, struct rdb_load_result *result)
{
    struct rdb_load_options options = {.now_ms = NOW_MS, .checksum = true, .access_clock = 5000};
    struct rdb_error error = {.text = ""};
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    enum rdb_load_status status = rdb_load(path, ks, &options, result, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, RDB_LOAD_OK);
    return ks;
}

static void assert_saves(const char *path, struct keyspace *ks, const struct rdb_save_options *options)
{
    struct rdb_save_result result;
    struct rdb_error error = {.text = ""};
    bool ok = rdb_save(path, ks, options, &result, &error);
    assert_string_equal(error.text, "");
    assert_true(ok);
    assert_int_equal(result.keys, keyspace_key_count(ks));
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(result.bytes, st.st_size);
}

/* --- what is saved comes back --- */

static void test_random_keyspaces_come_back(void **state)
{
    (void)state;
    struct place p;
    place_init(&p);
    for (unsigned i = 0; i < 40; i++) {
        struct keyspace *ks = random_keyspace(i, i * i);
        struct rdb_save_options options = usual;
        options.compress = i & 1;
        options.checksum = i & 2;
        options.incremental_fsync = i & 4;
        options.version = i < 20 ? 0 : 6 + (int)i % 7;
        assert_saves(p.path, ks, &options);
        struct rdb_load_result result;
        struct keyspace *back = loaded(p.path, &result);
        assert_true(same_keyspace(ks, back));
        assert_int_equal(result.version, options.version ? options.version : 7);
        if (result.version >= 7) {
            assert_string_equal(result.writer_version, "7.2.4");
            assert_int_equal(result.created_at_s, NOW_MS / 1000);
            assert_int_equal(result.used_memory, 12345);
        } else {
            assert_string_equal(result.writer_version, "");
        }
        keyspace_free(back);
        keyspace_free(ks);
    }
    place_deinit(&p);
}

static void test_a_large_keyspace_comes_back(void **state)
{
    (void)state;
    struct place p;
    struct rdb_load_result result;
    place_init(&p);
    struct keyspace *ks = random_keyspace(100, 60000);
    struct buf big = BUF_INIT;
    memset(buf_reserve(&big, 9 << 20), 'y', 9 << 20);
    set_text(ks, 0, BYTES("big"), SLICE(big.data, 9 << 20), ENTRY_NO_EXPIRY);
    for (int i = 0; i < 2; i++) {
        struct rdb_save_options options = usual;
        options.incremental_fsync = true;
        options.compress = i;
        assert_saves(p.path, ks, &options);
        struct keyspace *back = loaded(p.path, &result);
        assert_true(same_keyspace(ks, back));
        assert_true(hashtable_is_valid(db_keys(keyspace_db(back, 0))));
        keyspace_free(back);
    }
    keyspace_free(ks);
    buf_deinit(&big);
    place_deinit(&p);
}

static void test_an_empty_keyspace_has_its_known_bytes(void **state)
{
    (void)state;
    struct place p;
    struct buf file = BUF_INIT;
    place_init(&p);
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    struct rdb_save_options options = usual;
    options.version = 6;
    options.checksum = false;
    assert_saves(p.path, ks, &options);
    read_whole_file(p.path, &file);
    assert_true(slice_eq(buf_slice(&file), BYTES("REDIS0006\xff\0\0\0\0\0\0\0\0")));
    set_text(ks, 2, BYTES("k"), BYTES("v"), ENTRY_NO_EXPIRY);
    assert_saves(p.path, ks, &options);
    buf_clear(&file);
    read_whole_file(p.path, &file);
    assert_true(slice_eq(buf_slice(&file), BYTES("REDIS0006\xfe\x02\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0")));
    keyspace_free(ks);
    buf_deinit(&file);
    place_deinit(&p);
}

static void test_access_times_are_saved_when_asked_for(void **state)
{
    (void)state;
    struct place p;
    struct rdb_load_result result;
    place_init(&p);
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    set_text(ks, 0, BYTES("k"), BYTES("v"), ENTRY_NO_EXPIRY);
    keyspace_set_access_clock(ks, 3); /* has just begun anew: 24 bits */
    entry_set_clock(find_entry(ks, 0, BYTES("k")), (3 - 70) & 0xffffff);
    struct rdb_save_options options = usual;
    options.write_idle = true;
    assert_saves(p.path, ks, &options);
    struct keyspace *back = loaded(p.path, &result);
    assert_int_equal(result.version, 9);
    assert_int_equal(entry_clock(find_entry(back, 0, BYTES("k"))), 5000 - 70);
    keyspace_free(back);

    options.version = 8; /* too old to hold it */
    assert_saves(p.path, ks, &options);
    back = loaded(p.path, &result);
    assert_int_equal(entry_clock(find_entry(back, 0, BYTES("k"))), 5000);
    keyspace_free(back);

    options.version = 0;
    options.write_idle = false;
    options.write_freq = true;
    entry_set_clock(find_entry(ks, 0, BYTES("k")), 0xabcd42);
    assert_saves(p.path, ks, &options);
    back = keyspace_new(TEST_DATABASES);
    struct rdb_load_options load = {.now_ms = NOW_MS, .access_clock = 0x111105, .access_is_lfu = true};
    assert_int_equal(rdb_load(p.path, back, &load, &result, NULL), RDB_LOAD_OK);
    assert_int_equal(entry_clock(find_entry(back, 0, BYTES("k"))), 0x111142);
    keyspace_free(back);
    keyspace_free(ks);
    place_deinit(&p);
}

static void count_calls(void *ctx, uint64_t keys_done)
{
    uint64_t *calls = ctx;
    ++*calls;
    assert_int_equal(keys_done, *calls * 4096);
}

static void test_progress_is_told(void **state)
{
    (void)state;
    struct place p;
    uint64_t calls = 0;
    place_init(&p);
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    for (int i = 0; i < 10000; i++) {
        char name[16];
        int len = snprintf(name, sizeof name, "%d", i);
        set_text(ks, (unsigned)i % 3, SLICE(name, (size_t)len), BYTES("v"), ENTRY_NO_EXPIRY);
    }
    struct rdb_save_options options = usual;
    options.on_progress = count_calls;
    options.ctx = &calls;
    assert_saves(p.path, ks, &options);
    assert_int_equal(calls, 2);
    keyspace_free(ks);
    place_deinit(&p);
}

/* --- the file --- */

static void test_the_mode_follows_the_umask(void **state)
{
    (void)state;
    static const struct {
        mode_t mask, expected;
    } cases[] = {{022, 0644}, {077, 0600}, {0, 0644}};
    struct place p;
    place_init(&p);
    struct keyspace *ks = random_keyspace(7, 10);
    mode_t before = umask(0);
    for (size_t i = 0; i < 3; i++) {
        umask(cases[i].mask);
        assert_saves(p.path, ks, &usual);
        struct stat st;
        assert_int_equal(stat(p.path, &st), 0);
        assert_int_equal(st.st_mode & 07777, cases[i].expected);
    }
    umask(before);
    keyspace_free(ks);
    place_deinit(&p);
}

static void test_a_relative_path_is_in_the_working_folder(void **state)
{
    (void)state;
    struct place p;
    char before[4096];
    place_init(&p);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(p.folder), 0);
    struct keyspace *ks = random_keyspace(8, 10);
    assert_saves("dump.rdb", ks, &usual);
    assert_int_equal(access(p.path, F_OK), 0);
    assert_int_equal(chdir(before), 0);
    keyspace_free(ks);
    place_deinit(&p);
}

static void temp_path(const struct place *p, long pid, char *out, size_t size)
{
    snprintf(out, size, "%s/temp-%ld.rdb", p->folder, pid);
}

static void test_a_stale_file_of_our_own_pid_is_no_obstacle(void **state)
{
    (void)state;
    struct place p;
    char temp[300], elsewhere[300];
    place_init(&p);
    struct keyspace *ks = random_keyspace(9, 10);
    temp_path(&p, getpid(), temp, sizeof temp);
    write_file(temp, BYTES("left over, left over, left over"));
    assert_saves(p.path, ks, &usual);
    assert_int_equal(access(temp, F_OK), -1);
    /* A link planted there is taken away, not followed. */
    snprintf(elsewhere, sizeof elsewhere, "%s/precious", p.folder);
    write_file(elsewhere, BYTES("precious"));
    assert_int_equal(symlink(elsewhere, temp), 0);
    assert_saves(p.path, ks, &usual);
    struct buf kept = BUF_INIT;
    read_whole_file(elsewhere, &kept);
    assert_true(slice_eq(buf_slice(&kept), BYTES("precious")));
    buf_deinit(&kept);
    unlink(elsewhere);
    keyspace_free(ks);
    place_deinit(&p);
}

/* --- versions --- */

static void put_expiring_hash(struct keyspace *ks, unsigned db)
{
    struct value_ref ref = {.db = keyspace_db(ks, db), .key = key_of(BYTES("h"))};
    hash_set(&ref, BYTES("f"), BYTES("v"), EVERY_FIELD_MS);
    hash_set_field_expiry(&ref, BYTES("f"), NOW_MS + 5, EVERY_FIELD_MS);
}

static int version_in(const char *path)
{
    struct rdb_load_result result;
    keyspace_free(loaded(path, &result));
    return result.version;
}

static void test_the_oldest_version_that_holds_the_data_is_written(void **state)
{
    (void)state;
    struct place p;
    struct rng rng;
    place_init(&p);
    rng_seed(&rng, 30);
    static const enum value_type types[] = {VALUE_LIST, VALUE_SET, VALUE_ZSET, VALUE_HASH};
    for (int i = 0; i < 4 * SHAPES; i++) {
        struct keyspace *ks = keyspace_new(TEST_DATABASES);
        struct entry *e = random_value(types[i % 4], (enum shape)(i / 4), false, &rng);
        db_insert(keyspace_db(ks, 2), e, key_of(BYTES("key")).hash);
        assert_saves(p.path, ks, &usual);
        struct rdb_load_result result;
        struct keyspace *back = loaded(p.path, &result);
        assert_int_equal(result.version, 7);
        assert_true(same_value(e, find_entry(back, 2, BYTES("key"))));
        keyspace_free(back);
        put_expiring_hash(ks, 5);
        assert_saves(p.path, ks, &usual);
        assert_int_equal(version_in(p.path), 12);
        keyspace_free(ks);
    }
    place_deinit(&p);
}

/* --- failures --- */

static void assert_save_fails(const char *path, struct keyspace *ks, const struct rdb_save_options *options,
                              int sys_errno, const char *part)
{
    struct rdb_save_result result;
    struct rdb_error error;
    assert_false(rdb_save(path, ks, options, &result, &error));
    assert_int_equal(error.sys_errno, sys_errno);
    if (!strstr(error.text, part)) fail_msg("\"%s\" lacks \"%s\"", error.text, part);
}

static void test_a_version_that_cannot_hold_the_data_fails_and_leaves_the_old_file(void **state)
{
    (void)state;
    struct place p;
    place_init(&p);
    struct keyspace *ks = random_keyspace(31, 3);
    put_expiring_hash(ks, 3);
    write_file(p.path, BYTES("a file"));
    struct rdb_save_options options = usual;
    for (options.version = 6; options.version < 12; options.version++) {
        char part[100];
        snprintf(part, sizeof part, "key \"h\": RDB format version %d cannot hold a hash with fields that expire",
                 options.version);
        assert_save_fails(p.path, ks, &options, 0, part);
    }
    struct buf kept = BUF_INIT;
    read_whole_file(p.path, &kept);
    assert_true(slice_eq(buf_slice(&kept), BYTES("a file")));
    assert_saves(p.path, ks, &options);
    assert_int_equal(version_in(p.path), 12);
    buf_deinit(&kept);
    keyspace_free(ks);
    place_deinit(&p);
}

static void test_folders_that_are_not_there_are_told(void **state)
{
    (void)state;
    struct place p;
    char path[300];
    place_init(&p);
    struct keyspace *ks = random_keyspace(10, 10);
    snprintf(path, sizeof path, "%s/absent/dump.rdb", p.folder);
    assert_save_fails(path, ks, &usual, ENOENT, "/absent/ failed: No such file or directory");
    assert_save_fails("/proc/dump.rdb", ks, &usual, ENOENT, "create /proc/temp-");
    write_file(p.path, BYTES("a file"));
    snprintf(path, sizeof path, "%s/x", p.path);
    assert_save_fails(path, ks, &usual, ENOTDIR, "open folder ");
    keyspace_free(ks);
    place_deinit(&p);
}

static void test_a_failed_rename_leaves_nothing_behind(void **state)
{
    (void)state;
    struct place p;
    char text[600];
    place_init(&p);
    struct keyspace *ks = random_keyspace(11, 10);
    assert_int_equal(mkdir(p.path, 0700), 0);
    snprintf(text, sizeof text, "rename of the temporary file to %s failed: Is a directory", p.path);
    assert_save_fails(p.path, ks, &usual, EISDIR, text);
    assert_int_equal(rmdir(p.path), 0);
    keyspace_free(ks);
    place_deinit(&p);
}

/* A limit on the size of files stands for a full disk; in a child, since it cannot be taken back safely. */
static void test_a_failed_write_keeps_the_old_file(void **state)
{
    (void)state;
    struct place p;
    place_init(&p);
    struct keyspace *small = random_keyspace(12, 10), *large = random_keyspace(13, 40000);
    assert_saves(p.path, small, &usual);
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit limit = {.rlim_cur = 3000000, .rlim_max = 3000000};
        struct rdb_error error = {.text = ""};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        bool saved = rdb_save(p.path, large, &usual, NULL, &error);
        bool is_told = strncmp(error.text, "write to ", 9) == 0 && strstr(error.text, " failed: File too large");
        _exit(!saved && is_told && error.sys_errno == EFBIG ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct rdb_load_result result;
    struct keyspace *back = loaded(p.path, &result);
    assert_true(same_keyspace(small, back));
    keyspace_free(back);
    keyspace_free(small);
    keyspace_free(large);
    place_deinit(&p);
}

static void test_versions_that_cannot_be_written_are_refused(void **state)
{
    (void)state;
    struct place p;
    place_init(&p);
    struct keyspace *ks = random_keyspace(14, 10);
    static const int versions[] = {-1, 1, 5, 13, 99};
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct rdb_save_options options = usual;
        char text[100];
        options.version = versions[i];
        snprintf(text, sizeof text, "RDB format version %d cannot be written: only 6 to 12", versions[i]);
        assert_save_fails(p.path, ks, &options, 0, text);
    }
    assert_int_equal(access(p.path, F_OK), -1);
    keyspace_free(ks);
    place_deinit(&p);
}

/* --- left-overs --- */

static pid_t pid_of_the_dead(void)
{
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return pid;
}

static void test_only_temporary_files_of_the_dead_are_swept(void **state)
{
    (void)state;
    static const char *const other[] = {"temp-.rdb",   "temp-12x.rdb",   "temp-99999999999.rdb", "temp-0.rdb",
                                        "xtemp-5.rdb", "temp-5.rdb.bak", "temp-05.rdb",          "temp--5.rdb",
                                        "temp-5.aof",  "dump.rdb"};
    struct place p;
    char path[300], dead[300], own[300], parent[300];
    place_init(&p);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", p.folder, other[i]);
        write_file(path, BYTES("x"));
    }
    temp_path(&p, pid_of_the_dead(), dead, sizeof dead);
    temp_path(&p, getpid(), own, sizeof own);
    temp_path(&p, getppid(), parent, sizeof parent);
    write_file(dead, BYTES("x"));
    write_file(own, BYTES("x"));
    write_file(parent, BYTES("x"));
    assert_int_equal(rdb_sweep_temp_files(p.path), 2);
    assert_int_equal(access(dead, F_OK), -1);
    assert_int_equal(access(own, F_OK), -1);
    assert_int_equal(access(parent, F_OK), 0);
    assert_int_equal(rdb_sweep_temp_files(p.path), 0);
    unlink(parent);
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", p.folder, other[i]);
        assert_int_equal(unlink(path), 0);
    }
    place_deinit(&p);
    assert_int_equal(rdb_sweep_temp_files(p.path), 0); /* the folder is gone */
}

static void test_the_file_of_one_child_is_removed(void **state)
{
    (void)state;
    struct place p;
    char mine[300], other[300];
    place_init(&p);
    temp_path(&p, 1234, mine, sizeof mine);
    temp_path(&p, 12345, other, sizeof other);
    write_file(mine, BYTES("x"));
    write_file(other, BYTES("x"));
    rdb_remove_temp_file(p.path, 1234);
    assert_int_equal(access(mine, F_OK), -1);
    assert_int_equal(access(other, F_OK), 0);
    unlink(other);
    place_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_keyspaces_come_back),
        cmocka_unit_test(test_a_large_keyspace_comes_back),
        cmocka_unit_test(test_an_empty_keyspace_has_its_known_bytes),
        cmocka_unit_test(test_access_times_are_saved_when_asked_for),
        cmocka_unit_test(test_progress_is_told),
        cmocka_unit_test(test_the_mode_follows_the_umask),
        cmocka_unit_test(test_a_relative_path_is_in_the_working_folder),
        cmocka_unit_test(test_a_stale_file_of_our_own_pid_is_no_obstacle),
        cmocka_unit_test(test_the_oldest_version_that_holds_the_data_is_written),
        cmocka_unit_test(test_a_version_that_cannot_hold_the_data_fails_and_leaves_the_old_file),
        cmocka_unit_test(test_folders_that_are_not_there_are_told),
        cmocka_unit_test(test_a_failed_rename_leaves_nothing_behind),
        cmocka_unit_test(test_a_failed_write_keeps_the_old_file),
        cmocka_unit_test(test_versions_that_cannot_be_written_are_refused),
        cmocka_unit_test(test_only_temporary_files_of_the_dead_are_swept),
        cmocka_unit_test(test_the_file_of_one_child_is_removed),
    };
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
