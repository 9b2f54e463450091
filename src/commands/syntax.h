/* SPDX-License-Identifier: MIT */
/*
 * The syntax text of a command's row as a tree, for COMMAND DOCS.
 *
 *   whole := alts | nothing
 *   text  := item*
 *   item  := word | word'|'word... (without spaces)
 *          | '[' alts ']'   may be left out
 *          | '<' alts '>'   one of them has to be there
 *   alts  := text ('|' text)*
 *   word  := TOKEN (has a capital, no small letter) | name | "..." (at the end of an alternative)
 *
 * A token goes with the argument after it ("EX seconds"); a token before several arguments in one alternative is the
 * token of their block ("[LIMIT offset count]"). Repetition is written as "key [key ...]", "[name [name ...]]",
 * "[name ...]" or, with its token each time, "[GET pattern [GET pattern ...]]".
 */
#ifndef COMMANDS_SYNTAX_H
#define COMMANDS_SYNTAX_H

#include <stdbool.h>

#include "base/slice.h"

enum syntax_type {
    SYNTAX_STRING,
    SYNTAX_INTEGER,
    SYNTAX_DOUBLE,
    SYNTAX_KEY,
    SYNTAX_PATTERN,
    SYNTAX_UNIX_TIME,
    SYNTAX_TOKEN, /* "pure-token": the word itself */
    SYNTAX_ONEOF,
    SYNTAX_BLOCK,
};

enum syntax_flags { SYNTAX_OPTIONAL = 1, SYNTAX_MULTIPLE = 2, SYNTAX_MULTIPLE_TOKEN = 4 };

#define SYNTAX_NODES_MAX 96
#define SYNTAX_NAME_MAX 48

struct syntax_node {
    char name[SYNTAX_NAME_MAX]; /* lower-case */
    struct slice token;         /* of the text; empty: none */
    enum syntax_type type;
    unsigned flags;
    int key_index; /* of SYNTAX_KEY: its number among the key arguments, from 0 */
    short child;   /* first argument of SYNTAX_ONEOF and SYNTAX_BLOCK, else -1 */
    short next;    /* next argument of the same list, -1 at the end */
};

struct syntax {
    struct syntax_node nodes[SYNTAX_NODES_MAX];
    unsigned count;
    short first; /* -1: no arguments */
    unsigned keys;
};

/* False when the text does not follow the grammar or does not fit. `text` has to outlive the tree. */
bool syntax_parse(const char *text, struct syntax *out);
const char *syntax_type_name(enum syntax_type type); /* "pure-token", "oneof" ... */

#endif
