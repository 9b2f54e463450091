/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "server/command.h"

static void handler(struct call *c) { (void)c; }

static int odd_arguments(struct arg *argv, unsigned argc, unsigned *out, unsigned max)
{
    (void)argv;
    unsigned n = 0;
    for (unsigned i = 1; i < argc && n < max; i += 2) out[n++] = i;
    return n == 0 ? -1 : (int)n;
}

static unsigned flags_by_count(const struct arg *argv, unsigned argc)
{
    (void)argv;
    return argc > 3 ? KEY_RW | KEY_ACCESS | KEY_UPDATE : KEY_OW | KEY_UPDATE;
}

#define ROW(name_) .name = (name_), .handler = handler, .arity = -1

static const struct command subs_of_config[] = {{ROW("get")}, {ROW("set")}, {ROW("a-name-of-more-than-16-bytes")}, {0}};
static const struct command subs_of_object[] = {{ROW("get"), .keys = {KEY_AT(2, KEY_RO)}}, {0}};

static const struct command rows[] = {
    {ROW("get"), .flags = CMD_READONLY | CMD_FAST, .categories = CAT_STRING, .keys = {KEY_AT(1, KEY_RO | KEY_ACCESS)}},
    {ROW("set"), .flags = CMD_WRITE, .categories = CAT_STRING, .keys = {KEY_AT(1, KEY_RW | KEY_VARIABLE)},
     .key_flags = flags_by_count},
    {ROW("a")},
    {ROW("ab")},
    {ROW("abc")},
    {ROW("del"), .flags = CMD_WRITE, .keys = {KEYS_FROM(1, KEY_RM | KEY_DELETE)}},
    {ROW("mset"), .keys = {{.flags = KEY_OW, .index = 1, .last = -1, .step = 2}}},
    {ROW("rename"), .keys = {KEY_AT(1, KEY_RW), KEY_AT(2, KEY_OW)}},
    {ROW("evalsha"), .keys = {{.flags = KEY_RW, .index = 2, .is_keynum = true, .last = 0, .step = 1, .limit = 1}}},
    {ROW("xread"), .keys = {{.flags = KEY_RO, .keyword = "STREAMS", .index = 1, .last = -1, .step = 1, .limit = 2}}},
    {ROW("migrate"), .keys = {{.flags = KEY_RW, .keyword = "KEYS", .index = -2, .last = -1, .step = 1}}},
    {ROW("publish"), .flags = CMD_PUBSUB, .keys = {KEY_AT(1, KEY_NOT_KEY)}},
    {ROW("oddly"), .keys = {KEY_AT(1, KEY_RO)}, .get_keys = odd_arguments},
    {ROW("shutdown"), .flags = CMD_ADMIN | CMD_NOSCRIPT},
    {ROW("blpop"), .flags = CMD_WRITE | CMD_BLOCKING, .categories = CAT_LIST},
    {ROW("eval_ro"), .flags = CMD_READONLY, .categories = CAT_SCRIPTING},
    {ROW("exactly-8")},
    {ROW("exactly-8b")},
    {ROW("sixteen-bytes-ab")},
    {ROW("sixteen-bytes-ac")},
    {ROW("georadiusbymember")},
    {ROW("georadiusbymember_ro")},
    {.name = "config", .arity = -2, .subcommands = subs_of_config},
    {.name = "object", .arity = -2, .subcommands = subs_of_object},
    {0},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]) - 1)

static int add_rows(void **state)
{
    (void)state;
    command_table_add(rows);
    return 0;
}

static const struct command *find(const char *name) { return command_find(slice_of(name)); }

/* --- finding --- */

static void finds_every_row_in_any_case(void **state)
{
    (void)state;
    for (const struct command *c = rows; c->name != NULL; c++) {
        char upper[64];
        size_t len = strlen(c->name);
        for (size_t i = 0; i < len; i++)
            upper[i] = (char)(c->name[i] >= 'a' && c->name[i] <= 'z' ? c->name[i] - 32 : c->name[i]);
        assert_ptr_equal(find(c->name), c);
        assert_ptr_equal(command_find(SLICE(upper, len)), c);
        upper[len / 2] = c->name[len / 2];
        assert_ptr_equal(command_find(SLICE(upper, len)), c);
    }
}

/* Every name with any one byte changed, added or taken away. */
static void finds_nothing_else(void **state)
{
    (void)state;
    for (const struct command *c = rows; c->name != NULL; c++) {
        size_t len = strlen(c->name);
        for (size_t i = 0; i < len; i++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[64];
                memcpy(text, c->name, len);
                text[i] = (char)byte;
                const struct command *found = command_find(SLICE(text, len));
                assert_true(found == NULL || slice_is_word(SLICE(text, len), found->name));
            }
        }
        char longer[65];
        snprintf(longer, sizeof(longer), "%s%c", c->name, '\x01');
        assert_null(find(longer));
        assert_ptr_not_equal(command_find(SLICE(c->name, len - 1)), c);
    }
    assert_null(find(""));
    assert_null(find("nosuch"));
    assert_null(command_find(SLICE("get\0", 4)));
    assert_null(command_find(SLICE("g\x05t", 3)));
    assert_null(find("georadiusbyxember")); /* 17 bytes, the same first and last eight */
}

static void short_names_are_read_within_their_bounds(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 20; len++) {
        char *exact = test_malloc(len == 0 ? 1 : len);
        memset(exact, 'z', len);
        assert_null(command_find(SLICE(exact, len)));
        test_free(exact);
    }
}

static void subcommands_belong_to_their_container(void **state)
{
    (void)state;
    const struct command *config = find("config"), *object = find("object");
    assert_ptr_equal(command_find_sub(config, SLICE_LIT("GET")), &subs_of_config[0]);
    assert_ptr_equal(command_find_sub(object, SLICE_LIT("get")), &subs_of_object[0]);
    assert_ptr_equal(command_find_sub(config, SLICE_LIT("A-name-of-more-than-16-bytes")), &subs_of_config[2]);
    assert_null(command_find_sub(object, SLICE_LIT("set")));
    assert_null(command_find_sub(find("get"), SLICE_LIT("get")));
    assert_null(find("a-name-of-more-than-16-bytes"));
}

static unsigned split(const char *line, struct arg *argv)
{
    unsigned argc = 0;
    for (const char *p = line; *p != '\0';) {
        size_t len = strcspn(p, " ");
        argv[argc++] = (struct arg){.ptr = p, .len = len};
        p += len + (p[len] == ' ');
    }
    return argc;
}

static const struct command *resolve(const char *line)
{
    struct arg argv[16];
    unsigned argc = split(line, argv);
    return command_resolve(argv, argc);
}

static void requests_resolve_to_the_row_that_runs_them(void **state)
{
    (void)state;
    assert_ptr_equal(resolve("GET x"), find("get"));
    assert_ptr_equal(resolve("config"), find("config"));
    assert_ptr_equal(resolve("config GET x"), &subs_of_config[0]);
    assert_null(resolve("config nosuch"));
    assert_null(resolve("nosuch get"));
    assert_null(command_resolve(NULL, 0));
}

static void names_and_parents(void **state)
{
    (void)state;
    char name[64];
    command_full_name(&subs_of_config[1], name);
    assert_string_equal(name, "config|set");
    command_full_name(find("set"), name);
    assert_string_equal(name, "set");
    assert_ptr_equal(command_parent(&subs_of_config[1]), find("config"));
    assert_null(command_parent(find("set")));
}

struct order {
    const char *last;
    unsigned count;
};

static void in_order(void *ctx, const struct command *c)
{
    struct order *o = ctx;
    assert_true(o->last == NULL || strcmp(o->last, c->name) < 0);
    o->last = c->name;
    o->count++;
}

static void walks_top_level_rows_in_order_of_name(void **state)
{
    (void)state;
    struct order o = {0};
    command_each(in_order, &o);
    assert_int_equal(o.count, ROW_COUNT);
    assert_int_equal(command_count(), ROW_COUNT);
}

/* --- categories --- */

static void assert_categories(const char *name, const char *want)
{
    char text[256] = "";
    size_t len = 0;
    uint64_t bits = command_acl_categories(find(name));
    for (unsigned bit = 0; command_category_name(bit) != NULL; bit++) {
        if (bits >> bit & 1)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len > 0 ? " " : "",
                                    command_category_name(bit));
    }
    assert_string_equal(text, want);
}

static void categories_follow_from_flags_and_row(void **state)
{
    (void)state;
    assert_categories("get", "read string fast");
    assert_categories("set", "write string slow");
    assert_categories("del", "write slow");
    assert_categories("shutdown", "admin slow dangerous");
    assert_categories("publish", "pubsub slow");
    assert_categories("blpop", "write list slow blocking");
    assert_categories("eval_ro", "slow scripting");
    assert_null(command_category_name(21));
}

/* --- keys --- */

static void assert_keys(const char *line, const char *want)
{
    struct arg argv[16];
    unsigned argc = split(line, argv), found[16];
    char text[128] = "";
    size_t len = 0;
    int n = command_get_keys(command_resolve(argv, argc), argv, argc, found, 16);
    for (int i = 0; i < n; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", i > 0 ? " " : "", found[i]);
    if (n < 0) snprintf(text, sizeof(text), "none");
    assert_string_equal(text, want);
}

static void keys_are_found_by_their_specs(void **state)
{
    (void)state;
    assert_keys("get a", "1");
    assert_keys("get", "none");
    assert_keys("del a b c", "1 2 3");
    assert_keys("mset a 1 b 2", "1 3");
    assert_keys("rename a b", "1 2");
    assert_keys("rename a", "none");
    assert_keys("a x y", "none");
    assert_keys("publish a b", "none");
    assert_keys("object get a", "2");
    assert_keys("config get a", "none");
    assert_keys("evalsha s 2 a b c", "3 4");
    assert_keys("evalsha s 3 a b c", "3 4 5");
    assert_keys("evalsha s 4 a b c", "none");
    assert_keys("evalsha s 0 a b c", "none");
    assert_keys("evalsha s -1 a b c", "none");
    assert_keys("evalsha s x a b c", "none");
    assert_keys("evalsha s 9223372036854775807 a", "none");
    assert_keys("evalsha s", "none");
    assert_keys("xread COUNT 2 streams a b 1 2", "4 5");
    assert_keys("xread COUNT 2 a b 1 2", "none");
    assert_keys("xread streams", "none");
    assert_keys("migrate h p KEYS a b", "4 5");
    assert_keys("migrate h p 0 0", "none");
    assert_keys("oddly a b c d", "1 3");
}

static void no_more_keys_are_written_than_there_is_room_for(void **state)
{
    (void)state;
    struct arg argv[16];
    unsigned argc = split("del a b c d", argv), found[3] = {0, 0, 77};
    assert_int_equal(command_get_keys(find("del"), argv, argc, found, 2), 2);
    assert_int_equal(found[1], 2);
    assert_int_equal(found[2], 77);
}

static void flags_of_keys_may_depend_on_the_request(void **state)
{
    (void)state;
    struct arg argv[16];
    unsigned found[4], flags[4];
    unsigned argc = split("set a b", argv);
    assert_int_equal(command_get_keys_and_flags(find("set"), argv, argc, found, flags, 4), 1);
    assert_int_equal(flags[0], KEY_OW | KEY_UPDATE);
    argc = split("set a b GET", argv);
    assert_int_equal(command_get_keys_and_flags(find("set"), argv, argc, found, flags, 4), 1);
    assert_int_equal(flags[0], KEY_RW | KEY_ACCESS | KEY_UPDATE);
    argc = split("rename a b", argv);
    assert_int_equal(command_get_keys_and_flags(find("rename"), argv, argc, found, flags, 4), 2);
    assert_int_equal(flags[0], KEY_RW);
    assert_int_equal(flags[1], KEY_OW);
    argc = split("oddly a", argv);
    assert_int_equal(command_get_keys_and_flags(find("oddly"), argv, argc, found, flags, 4), 1);
    assert_int_equal(flags[0], KEY_RO);
}

/* --- statistics --- */

static void each_row_has_statistics_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROW_COUNT; i++) command_stats(&rows[i])->calls = i + 1;
    command_stats(&subs_of_config[0])->failed = 7;
    for (unsigned i = 0; i < ROW_COUNT; i++) assert_int_equal(command_stats(&rows[i])->calls, i + 1);
    assert_int_equal(command_stats(&subs_of_object[0])->failed, 0);
    command_stats_reset();
    for (unsigned i = 0; i < ROW_COUNT; i++) assert_int_equal(command_stats(&rows[i])->calls, 0);
    assert_int_equal(command_stats(&subs_of_config[0])->failed, 0);
}

/* Last of all: it adds rows until the table has grown several times. */
static void stays_whole_while_it_grows(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    static struct command many[MANY + 1];
    static char names[MANY][24];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "%.*u-grown", (int)(1 + i % 14), i);
        many[i] = (struct command){ROW(names[i])};
    }
    command_stats(find("get"))->calls = 42;
    for (unsigned i = 0; i < MANY; i++) {
        struct command *one = &many[i];
        if (find(one->name) != NULL) snprintf(names[i], sizeof(names[i]), "second-%u", i);
        static struct command pair[MANY][2];
        pair[i][0] = *one;
        command_table_add(pair[i]);
        assert_ptr_equal(find(one->name), &pair[i][0]);
        assert_ptr_equal(command_stats(&pair[i][0]), command_stats(find(one->name)));
    }
    for (unsigned i = 0; i < MANY; i++) assert_non_null(find(names[i]));
    assert_int_equal(command_count(), ROW_COUNT + MANY);
    assert_int_equal(command_stats(find("get"))->calls, 42);
    finds_every_row_in_any_case(state);
    struct order o = {0};
    command_each(in_order, &o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_row_in_any_case),
        cmocka_unit_test(finds_nothing_else),
        cmocka_unit_test(short_names_are_read_within_their_bounds),
        cmocka_unit_test(subcommands_belong_to_their_container),
        cmocka_unit_test(requests_resolve_to_the_row_that_runs_them),
        cmocka_unit_test(names_and_parents),
        cmocka_unit_test(walks_top_level_rows_in_order_of_name),
        cmocka_unit_test(categories_follow_from_flags_and_row),
        cmocka_unit_test(keys_are_found_by_their_specs),
        cmocka_unit_test(no_more_keys_are_written_than_there_is_room_for),
        cmocka_unit_test(flags_of_keys_may_depend_on_the_request),
        cmocka_unit_test(each_row_has_statistics_of_its_own),
        cmocka_unit_test(stays_whole_while_it_grows),
    };
    return cmocka_run_group_tests(tests, add_rows, NULL);
}
