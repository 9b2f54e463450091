/* SPDX-License-Identifier: MIT */
/*
 * Files that real servers wrote, with their contents as JSON beside them: <name>.rdb and <name>.json. The folder is
 * $RDB_CORPUS, or ../shared/rdb-corpus; without it the test is skipped.
 *
 * The JSON is read here and not by a library: its strings stand for bytes, one code point U+0000 to U+00FF each, NUL
 * among them, which the usual libraries for C cannot hold.
 */
#include "rdb/load.h"

#include "support.h"

#include <dirent.h>

#include "rdb/save.h"

/* --- JSON, as far as it is needed --- */

struct json {
    const char *p;
};

static void skip_space(struct json *j)
{
    while (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r') j->p++;
}

static bool accept(struct json *j, char c)
{
    skip_space(j);
    if (*j->p != c) return false;
    j->p++;
    return true;
}

static void expect(struct json *j, char c)
{
    if (!accept(j, c)) fail_msg("JSON: '%c' expected at \"%.30s\"", c, j->p);
}

static char escaped(struct json *j)
{
    char c = *j->p++;
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'u': {
        char digits[5] = {0};
        memcpy(digits, j->p, 4);
        j->p += 4;
        unsigned long point = strtoul(digits, NULL, 16);
        assert_true(point < 256);
        return (char)point;
    }
    default: return c;
    }
}

static void get_json_string(struct json *j, struct buf *out)
{
    buf_clear(out);
    expect(j, '"');
    while (*j->p != '"') {
        unsigned char c = (unsigned char)*j->p++;
        assert_true(c != 0 && c < 0x80); /* the files are ASCII */
        if (c == '\\')
            buf_append_char(out, escaped(j));
        else
            buf_append_char(out, (char)c);
    }
    j->p++;
}

static void skip_value(struct json *j, struct buf *scratch)
{
    skip_space(j);
    if (*j->p == '"') {
        get_json_string(j, scratch);
    } else if (*j->p == '{' || *j->p == '[') {
        char close = *j->p++ == '{' ? '}' : ']';
        while (!accept(j, close)) {
            skip_value(j, scratch);
            if (accept(j, ':')) continue;
            (void)accept(j, ',');
        }
    } else {
        while (*j->p && !strchr(",]} \n", *j->p)) j->p++;
    }
}

/* --- the contents a file must have --- */

struct expectation {
    bool is_refused; /* by every server: modules */
    bool has_other_types;
    struct keyspace *strings;
};

static void get_record(struct json *j, unsigned db, struct slice name, struct expectation *x)
{
    struct buf word = BUF_INIT, value = BUF_INIT;
    int64_t expire_at_ms = ENTRY_NO_EXPIRY;
    bool is_string = false;
    expect(j, '{');
    while (!accept(j, '}')) {
        get_json_string(j, &word);
        expect(j, ':');
        if (slice_eq(buf_slice(&word), SLICE_LIT("type"))) {
            get_json_string(j, &value);
            is_string = slice_eq(buf_slice(&value), SLICE_LIT("string"));
        } else if (slice_eq(buf_slice(&word), SLICE_LIT("value")) && is_string) {
            get_json_string(j, &value);
        } else if (slice_eq(buf_slice(&word), SLICE_LIT("expire_at"))) {
            skip_space(j);
            expire_at_ms = strtoll(j->p, (char **)(void *)&j->p, 10);
        } else {
            skip_value(j, &word);
        }
        (void)accept(j, ',');
    }
    if (is_string)
        set_text(x->strings, db, name, buf_slice(&value), expire_at_ms);
    else
        x->has_other_types = true;
    buf_deinit(&word);
    buf_deinit(&value);
}

static void get_databases(struct json *j, struct expectation *x)
{
    struct buf number = BUF_INIT, name = BUF_INIT;
    expect(j, '{');
    while (!accept(j, '}')) {
        get_json_string(j, &number);
        unsigned db = (unsigned)strtoul(buf_cstr(&number), NULL, 10);
        assert_true(db < TEST_DATABASES);
        expect(j, ':');
        expect(j, '{');
        while (!accept(j, '}')) {
            get_json_string(j, &name);
            expect(j, ':');
            get_record(j, db, buf_slice(&name), x);
            (void)accept(j, ',');
        }
        (void)accept(j, ',');
    }
    buf_deinit(&number);
    buf_deinit(&name);
}

static void get_expectation(const char *path, struct expectation *x)
{
    struct buf text = BUF_INIT, word = BUF_INIT;
    read_whole_file(path, &text);
    struct json j = {buf_cstr(&text)};
    *x = (struct expectation){.strings = keyspace_new(TEST_DATABASES)};
    expect(&j, '{');
    while (!accept(&j, '}')) {
        get_json_string(&j, &word);
        expect(&j, ':');
        if (slice_eq(buf_slice(&word), SLICE_LIT("dbs"))) {
            get_databases(&j, x);
        } else if (slice_eq(buf_slice(&word), SLICE_LIT("expect"))) {
            get_json_string(&j, &word);
            x->is_refused = slice_eq(buf_slice(&word), SLICE_LIT("refuse"));
        } else {
            skip_value(&j, &word);
        }
        (void)accept(&j, ',');
    }
    buf_deinit(&text);
    buf_deinit(&word);
}

/* --- the files --- */

static void check_loaded(const char *path, struct keyspace *ks, const struct expectation *x)
{
    char again[600];
    const char *base = getenv("TMPDIR");
    assert_true(same_keyspace(ks, x->strings));
    snprintf(again, sizeof again, "%s/keepsake-corpus-%d.rdb", base ? base : "/tmp", (int)getpid());
    struct rdb_save_options save = {.compress = true, .checksum = true, .now_ms = NOW_MS};
    struct rdb_load_options load = {.now_ms = NOW_MS, .checksum = true};
    struct rdb_load_result result;
    struct keyspace *back = keyspace_new(TEST_DATABASES);
    if (!rdb_save(again, ks, &save, NULL, NULL) || rdb_load(again, back, &load, &result, NULL) != RDB_LOAD_OK)
        fail_msg("%s: cannot be saved and loaded again", path);
    assert_true(same_keyspace(back, x->strings));
    keyspace_free(back);
    unlink(again);
}

/* Names the type: capitals and underscores, as in "value type LIST_ZIPLIST (10) is not supported". */
static void check_refused(const struct rdb_error *error, const struct expectation *x)
{
    const char *wanted = x->is_refused ? "modules are not supported" : " is not supported";
    if (!strstr(error->text, wanted)) fail_msg("%s", error->text);
    if (!x->is_refused) assert_non_null(strstr(error->text, "value type "));
    if (!x->is_refused) assert_non_null(strstr(error->text, "key \""));
}

/* True when it was loaded. */
static bool check_file(const char *folder, const char *name)
{
    char path[600], json_path[600];
    struct expectation x;
    struct rdb_load_options options = {.now_ms = NOW_MS, .checksum = true};
    struct rdb_load_result result;
    struct rdb_error error = {.text = ""};
    snprintf(path, sizeof path, "%s/%s.rdb", folder, name);
    snprintf(json_path, sizeof json_path, "%s/%s.json", folder, name);
    get_expectation(json_path, &x);
    struct keyspace *ks = keyspace_new(TEST_DATABASES);
    enum rdb_load_status status = rdb_load(path, ks, &options, &result, &error);
    print_message("%s\n", status == RDB_LOAD_OK ? path : error.text);
    assert_int_equal(status, x.is_refused || x.has_other_types ? RDB_LOAD_FAILED : RDB_LOAD_OK);
    if (status == RDB_LOAD_OK)
        check_loaded(path, ks, &x);
    else
        check_refused(&error, &x);
    keyspace_free(ks);
    keyspace_free(x.strings);
    return status == RDB_LOAD_OK;
}

static void test_files_of_real_servers_load_or_are_refused_by_name(void **state)
{
    (void)state;
    const char *folder = getenv("RDB_CORPUS");
    if (!folder) folder = "../shared/rdb-corpus";
    DIR *dir = opendir(folder);
    if (!dir) {
        print_message("skipped: no folder %s (set RDB_CORPUS)\n", folder);
        skip();
    }
    int files = 0, loaded = 0;
    for (const struct dirent *item; (item = readdir(dir));) {
        char name[256];
        size_t len = strlen(item->d_name);
        if (len <= 4 || strcmp(item->d_name + len - 4, ".rdb") != 0) continue;
        snprintf(name, sizeof name, "%.*s", (int)(len - 4), item->d_name);
        files++;
        loaded += check_file(folder, name);
    }
    closedir(dir);
    print_message("%d files, %d of them loaded\n", files, loaded);
    assert_true(loaded >= 1 && loaded < files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files_of_real_servers_load_or_are_refused_by_name)};
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
