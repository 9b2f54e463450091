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
#include "values.h"

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
    bool has_streams;
    struct keyspace *values;
};

static void get_pair(struct json *j, struct buf *first, struct buf *second)
{
    expect(j, '[');
    get_json_string(j, first);
    expect(j, ',');
    get_json_string(j, second);
    expect(j, ']');
}

/* One element of an array, into a collection that is being built. */
static void get_element(struct json *j, enum value_type type, struct value_ref *ref)
{
    struct buf first = BUF_INIT, second = BUF_INIT;
    if (type == VALUE_HASH || type == VALUE_ZSET)
        get_pair(j, &first, &second);
    else
        get_json_string(j, &first);
    struct slice a = buf_slice(&first), b = buf_slice(&second);
    double score;
    switch (type) {
    case VALUE_LIST: list_push(ref, LIST_TAIL, &a, 1); break;
    case VALUE_SET: assert_true(set_add(ref, a)); break;
    case VALUE_HASH: assert_true(hash_set(ref, a, b, EVERY_FIELD_MS)); break;
    case VALUE_ZSET:
        assert_true(num_parse_double(b, &score));
        assert_true(zset_set(ref, a, score));
        break;
    case VALUE_STRING:
    case VALUE_STREAM: break;
    }
    buf_deinit(&first);
    buf_deinit(&second);
}

static struct entry *get_collection(struct json *j, enum value_type type, struct slice name)
{
    struct value_ref ref = {.key.name = name};
    expect(j, '[');
    while (!accept(j, ']')) {
        get_element(j, type, &ref);
        (void)accept(j, ',');
    }
    return ref.e;
}

static struct entry *get_value(struct json *j, enum value_type type, struct slice name)
{
    struct buf value = BUF_INIT;
    struct entry *e = NULL;
    if (type == VALUE_STRING) {
        get_json_string(j, &value);
        e = entry_new_string(name, buf_slice(&value), ENTRY_NO_EXPIRY);
    } else if (type == VALUE_STREAM) {
        skip_value(j, &value);
    } else {
        e = get_collection(j, type, name);
    }
    buf_deinit(&value);
    return e;
}

static enum value_type get_type(struct json *j)
{
    struct buf name = BUF_INIT;
    get_json_string(j, &name);
    enum value_type type = VALUE_STRING;
    while (type != VALUE_STREAM && !slice_eq(buf_slice(&name), slice_of(value_type_name(type)))) type++;
    buf_deinit(&name);
    return type;
}

/* The type comes before the value. */
static void get_record(struct json *j, unsigned db, struct slice name, struct expectation *x)
{
    struct buf word = BUF_INIT;
    int64_t expire_at_ms = ENTRY_NO_EXPIRY;
    enum value_type type = VALUE_STREAM;
    struct entry *e = NULL;
    expect(j, '{');
    while (!accept(j, '}')) {
        get_json_string(j, &word);
        expect(j, ':');
        if (slice_eq(buf_slice(&word), SLICE_LIT("type"))) {
            type = get_type(j);
        } else if (slice_eq(buf_slice(&word), SLICE_LIT("value"))) {
            e = get_value(j, type, name);
        } else if (slice_eq(buf_slice(&word), SLICE_LIT("expire_at"))) {
            skip_space(j);
            expire_at_ms = strtoll(j->p, (char **)(void *)&j->p, 10);
        } else {
            skip_value(j, &word);
        }
        (void)accept(j, ',');
    }
    if (!e)
        x->has_streams = true;
    else
        db_insert(keyspace_db(x->values, db), entry_set_expiry(e, expire_at_ms), key_of(name).hash);
    buf_deinit(&word);
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
    *x = (struct expectation){.values = keyspace_new(TEST_DATABASES)};
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

/* Written in a version and loaded again it is the same. */
static void check_again(const char *name, struct keyspace *ks, int version)
{
    char path[600];
    const char *base = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/keepsake-corpus-%d.rdb", base ? base : "/tmp", (int)getpid());
    struct rdb_save_options save = {.version = version, .compress = true, .checksum = true, .now_ms = NOW_MS};
    struct rdb_load_options load = {.now_ms = NOW_MS, .checksum = true};
    struct rdb_load_result result;
    struct keyspace *back = keyspace_new(TEST_DATABASES);
    if (!rdb_save(path, ks, &save, NULL, NULL) || rdb_load(path, back, &load, &result, NULL) != RDB_LOAD_OK)
        fail_msg("%s: cannot be saved and loaded again in version %d", name, version);
    assert_int_equal(result.version, version ? version : 7);
    assert_true(same_keyspace(back, ks));
    keyspace_free(back);
    unlink(path);
}

static void check_loaded(const char *path, struct keyspace *ks, const struct expectation *x)
{
    assert_true(same_keyspace(ks, x->values));
    check_again(path, ks, 0);
    for (int version = 6; version <= 12; version++) check_again(path, ks, version);
}

/* Names the type: capitals and underscores, as in "value type STREAM_LISTPACKS (15) is not supported". */
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
    assert_int_equal(status, x.is_refused || x.has_streams ? RDB_LOAD_FAILED : RDB_LOAD_OK);
    if (status == RDB_LOAD_OK)
        check_loaded(path, ks, &x);
    else
        check_refused(&error, &x);
    keyspace_free(ks);
    keyspace_free(x.values);
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
    assert_true(loaded >= files - 3 && loaded < files); /* modules twice, streams once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files_of_real_servers_load_or_are_refused_by_name)};
    mem_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
