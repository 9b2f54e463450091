/* SPDX-License-Identifier: MIT */
#include "commands/scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/glob.h"

#define STEPS_PER_COUNT 10

/* As strtoul takes it, without leading space. */
static bool parse_cursor(struct slice text, uint64_t *cursor)
{
    char digits[48];
    if (text.len >= sizeof(digits) || (text.len > 0 && isspace((unsigned char)text.ptr[0]))) return false;
    if (text.len > 0) memcpy(digits, text.ptr, text.len);
    digits[text.len] = '\0';
    char *end;
    errno = 0;
    *cursor = strtoul(digits, &end, 10);
    return errno != ERANGE && *end == '\0' && (size_t)(end - digits) == strlen(digits);
}

bool scan_cursor_arg(struct call *c, uint64_t *cursor)
{
    if (parse_cursor(call_arg(c, 2), cursor)) return true;
    reply_error(c->reply, "ERR invalid cursor");
    return false;
}

bool scan_option_args(struct call *c, bool allow_no_values, struct scan_args *out)
{
    out->count = 10;
    for (unsigned i = 3; i < c->argc; i++) {
        bool has_value = i + 1 < c->argc;
        if (has_value && call_arg_is(c, i, "count")) {
            if (!call_int_arg(c, ++i, &out->count, NULL)) return false;
            if (out->count >= 1) continue;
        } else if (has_value && call_arg_is(c, i, "match")) {
            out->match = call_arg(c, ++i);
            continue;
        } else if (allow_no_values && call_arg_is(c, i, "novalues")) {
            out->no_values = true;
            continue;
        }
        call_syntax_error(c);
        return false;
    }
    if (out->match.ptr != NULL && glob_is_everything(out->match)) out->match.ptr = NULL;
    return true;
}

uint64_t scan_step_limit(const struct scan_args *a)
{
    uint64_t count = (uint64_t)a->count;
    return count > UINT64_MAX / STEPS_PER_COUNT ? UINT64_MAX : count * STEPS_PER_COUNT;
}

void scan_reply_nothing(struct call *c)
{
    reply_array(c->reply, 2);
    reply_bulk_cstr(c->reply, "0");
    reply_empty_array(c->reply);
}
