/* SPDX-License-Identifier: MIT */
/*
 * Glob patterns as KEYS, SCAN and CONFIG GET take them: * ? [abc] [^a] [a-z] and backslash.
 * Runs in time bounded by a polynomial: a client's pattern cannot hang the server.
 */
#ifndef BASE_GLOB_H
#define BASE_GLOB_H

#include <stdbool.h>

#include "base/slice.h"

bool glob_match(struct slice pattern, struct slice text);
bool glob_match_nocase(struct slice pattern, struct slice text);
/* True for "*" alone: the caller may skip matching. */
bool glob_is_everything(struct slice pattern);

#endif
