/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "commands/commands.h"
#include "commands/syntax.h"

/* The tree as text: "name:type", #key number, =TOKEN, ? optional, + multiple, * with its token too, (children). */

static size_t print_list(const struct syntax *s, short first, char *out, size_t size);

static size_t print_node(const struct syntax *s, const struct syntax_node *n, char *out, size_t size)
{
    size_t len = (size_t)snprintf(out, size, "%s:%s", n->name, syntax_type_name(n->type));
    if (n->type == SYNTAX_KEY) len += (size_t)snprintf(out + len, size - len, "#%d", n->key_index);
    if (n->token.len > 0) len += (size_t)snprintf(out + len, size - len, "=%.*s", (int)n->token.len, n->token.ptr);
    if (n->flags & SYNTAX_OPTIONAL) len += (size_t)snprintf(out + len, size - len, "?");
    if (n->flags & SYNTAX_MULTIPLE) len += (size_t)snprintf(out + len, size - len, "+");
    if (n->flags & SYNTAX_MULTIPLE_TOKEN) len += (size_t)snprintf(out + len, size - len, "*");
    if (n->child < 0) return len;
    len += (size_t)snprintf(out + len, size - len, "(");
    len += print_list(s, n->child, out + len, size - len);
    return len + (size_t)snprintf(out + len, size - len, ")");
}

static size_t print_list(const struct syntax *s, short first, char *out, size_t size)
{
    size_t len = 0;
    for (short i = first; i >= 0; i = s->nodes[i].next) {
        if (len > 0) len += (size_t)snprintf(out + len, size - len, " ");
        len += print_node(s, &s->nodes[i], out + len, size - len);
    }
    return len;
}

static void assert_tree(const char *text, const char *want)
{
    struct syntax s;
    char out[2048] = "";
    assert_true(syntax_parse(text, &s));
    print_list(&s, s.first, out, sizeof(out));
    assert_string_equal(out, want);
}

static void assert_refused(const char *text)
{
    struct syntax s;
    assert_false(syntax_parse(text, &s));
}

/* --- */

static void no_arguments(void **state)
{
    (void)state;
    assert_tree("", "");
    assert_tree("   ", "");
}

static void names_say_their_types(void **state)
{
    (void)state;
    assert_tree("key value", "key:key#0 value:string");
    assert_tree("key seconds", "key:key#0 seconds:integer");
    assert_tree("pattern", "pattern:pattern");
    assert_tree("key unix-time-seconds", "key:key#0 unix-time-seconds:unix-time");
    assert_tree("source destination", "source:key#0 destination:key#1");
    assert_tree("key newkey", "key:key#0 newkey:key#1");
}

static void tokens_go_with_the_argument_behind_them(void **state)
{
    (void)state;
    assert_tree("key DB db", "key:key#0 db:integer=DB");
    assert_tree("key [MATCH pattern]", "key:key#0 pattern:pattern=MATCH?");
    assert_tree("[REPLACE]", "replace:pure-token=REPLACE?");
    assert_tree("[LIMIT offset count]", "limit:block=LIMIT?(offset:integer count:integer)");
    assert_tree("ABSTTL [IDLETIME idle-seconds]", "absttl:pure-token=ABSTTL idle-seconds:integer=IDLETIME?");
    assert_tree("OVERFLOW <WRAP | SAT>", "overflow:oneof=OVERFLOW(wrap:pure-token=WRAP sat:pure-token=SAT)");
}

static void alternatives(void **state)
{
    (void)state;
    assert_tree("[NX | XX]", "nx_xx:oneof?(nx:pure-token=NX xx:pure-token=XX)");
    assert_tree("[SKIPME YES|NO]", "skipme:oneof=SKIPME?(yes:pure-token=YES no:pure-token=NO)");
    assert_tree("[A x|y B]", "a_b:block?(a:oneof=A(x:string y:string) b:pure-token=B)");
    assert_tree("<a|b>", "a_b:oneof(a:string b:string)");
    assert_tree("a | B c", "a_c:oneof(a:string c:string=B)");
    assert_tree("[EX seconds | KEEPTTL]", "seconds_keepttl:oneof?(seconds:integer=EX keepttl:pure-token=KEEPTTL)");
    assert_tree("key [GET encoding offset | SET encoding offset value]",
                "key:key#0 get_set:oneof?(get:block=GET(encoding:string offset:integer) "
                "set:block=SET(encoding:string offset:integer value:string))");
    assert_tree("[FILTERBY <MODULE module-name | PATTERN pattern>]",
                "filterby:oneof=FILTERBY?(module-name:string=MODULE pattern:pattern=PATTERN)");
}

static void repetition(void **state)
{
    (void)state;
    assert_tree("key [key ...]", "key:key#0+");
    assert_tree("destkey key [key ...]", "destkey:key#0 key:key#1+");
    assert_tree("key value [key value ...]", "key_value:block+(key:key#0 value:string)");
    assert_tree("name key value [key value ...]", "name:string key_value:block+(key:key#0 value:string)");
    assert_tree("[name [name ...]]", "name:string?+");
    assert_tree("[name ...]", "name:string?+");
    assert_tree("[GET pattern [GET pattern ...]]", "pattern:pattern=GET?+*");
    assert_tree("key [other ...]", "key:key#0 other:string?+");
}

static void nested_brackets(void **state)
{
    (void)state;
    assert_tree(
        "[start [end [BYTE | BIT]]]",
        "start_end_byte_bit:block?(start:integer end_byte_bit:block?(end:integer byte_bit:oneof?(byte:pure-token=BYTE "
        "bit:pure-token=BIT)))");
}

static void what_breaks_the_grammar_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"[",     "]",     "key [",     "[]",  "<>",   "[a",     "[a>",
                                      "<a]",   "a |",   "|",         "[|]", "[a|]", "[a | b", "...",
                                      "[...]", "a ...", "[a ... b]", ">",   "a ]",  "[ [ ] ]"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) assert_refused(bad[i]);
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    char text[4096];
    memset(text, '[', 1000);
    text[1000] = '\0';
    assert_refused(text);
    size_t len = 0;
    for (unsigned i = 0; i < SYNTAX_NODES_MAX + 1; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "n%u ", i);
    assert_refused(text);
    memset(text, 'n', 500);
    text[500] = '\0';
    struct syntax s;
    assert_true(syntax_parse(text, &s));
    assert_int_equal(strlen(s.nodes[0].name), SYNTAX_NAME_MAX - 1);
}

/* Any start of a text is read or refused, never overrun. */
static void every_cut_of_a_text_is_safe(void **state)
{
    (void)state;
    static const char whole[] = "key value [NX | XX] [GET] [EX seconds | PX ms | KEEPTTL] [LIMIT offset count] key "
                                "value [key value ...] <A | [B c]>";
    for (size_t len = 0; len < sizeof(whole); len++) {
        char *cut = test_malloc(len + 1);
        memcpy(cut, whole, len);
        cut[len] = '\0';
        struct syntax s;
        if (syntax_parse(cut, &s)) {
            char out[2048];
            print_list(&s, s.first, out, sizeof(out));
        }
        test_free(cut);
    }
}

static void assert_rows_parse(const struct command *rows)
{
    for (; rows->name != NULL; rows++) {
        struct syntax s;
        if (rows->syntax != NULL && !syntax_parse(rows->syntax, &s))
            fail_msg("syntax of %s: %s", rows->name, rows->syntax);
        assert_non_null(rows->summary);
        assert_non_null(rows->since);
        assert_non_null(rows->complexity);
        if (rows->subcommands != NULL) assert_rows_parse(rows->subcommands);
    }
}

static void every_command_is_documented(void **state)
{
    (void)state;
    assert_rows_parse(string_commands());
    assert_rows_parse(bitmap_commands());
    assert_rows_parse(keys_commands());
    assert_rows_parse(expire_commands());
    assert_rows_parse(object_commands());
    assert_rows_parse(connection_commands());
    assert_rows_parse(client_commands());
    assert_rows_parse(server_commands());
    assert_rows_parse(config_commands());
    assert_rows_parse(command_commands());
    assert_rows_parse(debug_commands());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_arguments),
        cmocka_unit_test(names_say_their_types),
        cmocka_unit_test(tokens_go_with_the_argument_behind_them),
        cmocka_unit_test(alternatives),
        cmocka_unit_test(repetition),
        cmocka_unit_test(nested_brackets),
        cmocka_unit_test(what_breaks_the_grammar_is_refused),
        cmocka_unit_test(depth_and_size_are_bounded),
        cmocka_unit_test(every_cut_of_a_text_is_safe),
        cmocka_unit_test(every_command_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
