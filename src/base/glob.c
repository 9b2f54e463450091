/* SPDX-License-Identifier: MIT */
/*
 * Every token but '*' takes exactly one byte of the text. So it is enough to remember the last star and
 * to give it one more byte whenever the rest does not fit: an earlier star could not do better. Time is
 * bounded by pattern length times text length, memory is constant.
 *
 * The odd corners are Redis's: a class that is not closed ends with the pattern; "[]" matches nothing and
 * "[^]" anything; ranges may be reversed, and bytes over 127 come before all others in them; a backslash at the very
 * end stands for itself; an empty text is matched by "" and by "*", but not by "**".
 */
#include "base/glob.h"

static inline unsigned char fold(char c, bool nocase)
{
    unsigned char u = (unsigned char)c;
    return nocase && u >= 'A' && u <= 'Z' ? (unsigned char)(u + 32) : u;
}

static bool in_range(unsigned char c, unsigned char from, unsigned char to)
{
    signed char low = (signed char)from, high = (signed char)to, at = (signed char)c;
    return low <= high ? at >= low && at <= high : at >= high && at <= low;
}

/* `p` stands behind '['. Returns where the class ends: behind ']', or at `end`. */
static const char *match_class(const char *p, const char *end, char c, bool nocase, bool *matched)
{
    bool is_negated = p < end && *p == '^';
    bool found = false;
    if (is_negated) p++;
    while (p < end && *p != ']') {
        if (*p == '\\' && end - p >= 2) {
            found |= p[1] == c; /* an escaped byte is compared as it is, in Redis too */
            p += 2;
        } else if (end - p >= 3 && p[1] == '-') {
            found |= in_range(fold(c, nocase), fold(p[0], nocase), fold(p[2], nocase));
            p += 3;
        } else {
            found |= fold(*p, nocase) == fold(c, nocase);
            p++;
        }
    }
    *matched = found != is_negated;
    return p < end ? p + 1 : end;
}

/* One token that is not a star against one byte: where the next token starts, or NULL. */
static const char *match_one(const char *p, const char *end, char c, bool nocase)
{
    bool matched;
    switch (*p) {
    case '?': return p + 1;
    case '[': p = match_class(p + 1, end, c, nocase, &matched); return matched ? p : NULL;
    case '\\':
        if (end - p >= 2) p++;
        break;
    default: break;
    }
    return fold(*p, nocase) == fold(c, nocase) ? p + 1 : NULL;
}

static bool match(struct slice pattern, struct slice text, bool nocase)
{
    if (text.len == 0) return pattern.len == 0 || glob_is_everything(pattern);
    const char *p = pattern.ptr, *p_end = p + pattern.len;
    const char *t = text.ptr, *t_end = t + text.len;
    const char *after_star = NULL, *star_text = NULL;
    while (t < t_end) {
        if (p < p_end && *p == '*') {
            after_star = ++p;
            star_text = t;
            if (p == p_end) return true;
            continue;
        }
        const char *next = p < p_end ? match_one(p, p_end, *t, nocase) : NULL;
        if (next != NULL) {
            p = next;
            t++;
        } else {
            if (after_star == NULL) return false;
            p = after_star;
            t = ++star_text;
        }
    }
    while (p < p_end && *p == '*') p++;
    return p == p_end;
}

bool glob_match(struct slice pattern, struct slice text) { return match(pattern, text, false); }

bool glob_match_nocase(struct slice pattern, struct slice text) { return match(pattern, text, true); }

bool glob_is_everything(struct slice pattern) { return pattern.len == 1 && pattern.ptr[0] == '*'; }
