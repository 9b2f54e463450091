/* SPDX-License-Identifier: MIT */
#include "tests/compat/gen.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/compat/gen_core.h"

#define KEYS 24

const struct gen_family gen_families[] = {{"strings", gen_strings},
                                          {"lists", gen_lists},
                                          {"bitmaps", gen_bitmaps},
                                          {"keys", gen_keys},
                                          {"expiry", gen_expiry},
                                          {"hll", gen_hll},
                                          {"sort", gen_sort},
                                          {"types", gen_types},
                                          {"hashes", gen_hashes},
                                          {"sets", gen_sets},
                                          {"zsets", gen_zsets},
                                          {"geo", gen_geo},
                                          {NULL, NULL}};

void gen_init(struct gen *g, uint64_t seed) { *g = (struct gen){.state = seed}; }

void gen_deinit(struct gen *g) { bytes_free(&g->args); }

/* SplitMix64 (Steele, Lea, Flood): the whole state is one number, so that a seed is all there is to know. */
static uint64_t next_random(struct gen *g)
{
    uint64_t z = g->state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

uint32_t gen_below(struct gen *g, uint32_t bound) { return (uint32_t)(((next_random(g) >> 32) * bound) >> 32); }

void gen_arg_bytes(struct gen *g, const void *bytes, size_t len)
{
    if (g->argc < 2) {
        char *word = g->words[g->argc];
        size_t n = len < sizeof(g->words[0]) - 1 ? len : sizeof(g->words[0]) - 1;
        for (size_t i = 0; i < n; i++) word[i] = (char)tolower(((const unsigned char *)bytes)[i]);
        word[n] = '\0';
    }
    bytes_append_bulk(&g->args, bytes, len);
    g->argc++;
}

void gen_arg(struct gen *g, const char *text) { gen_arg_bytes(g, text, strlen(text)); }

void gen_argf(struct gen *g, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = NULL;
    int len = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (len < 0) abort();
    gen_arg_bytes(g, text, (size_t)len);
    free(text);
}

void gen_key(struct gen *g)
{
    static char long_key[5000];
    switch (gen_below(g, 64)) {
    case 0: gen_arg(g, ""); break;
    case 1: gen_arg_bytes(g, "k\0\r\n\xff", 5); break;
    case 2:
        memset(long_key, 'k', sizeof(long_key));
        gen_arg_bytes(g, long_key, sizeof(long_key));
        break;
    default: gen_argf(g, "key:%u", gen_below(g, KEYS)); break;
    }
}

static void value_of_length(struct gen *g, size_t len, bool is_binary)
{
    char *text = malloc(len + 1);
    if (text == NULL) abort();
    /* Runs of one byte now and then, so that some values compress. */
    char byte = 'a';
    for (size_t i = 0; i < len; i++) {
        if (is_binary || gen_below(g, 8) == 0) byte = (char)(is_binary ? gen_below(g, 256) : 'a' + gen_below(g, 26));
        text[i] = byte;
    }
    gen_arg_bytes(g, text, len);
    free(text);
}

void gen_value(struct gen *g)
{
    switch (gen_below(g, 12)) {
    case 0: gen_arg(g, ""); break;
    case 1:
    case 2: gen_argf(g, "%d", (int)gen_below(g, 2000) - 1000); break;
    case 3: gen_int(g); break;
    case 4: gen_argf(g, "%d.%u", (int)gen_below(g, 200) - 100, gen_below(g, 1000)); break;
    case 5: value_of_length(g, gen_below(g, 40), true); break;
    /* Around the lengths where forms change: embstr to raw, in place to a blob. */
    case 6: value_of_length(g, 40 + gen_below(g, 10), false); break;
    case 7: value_of_length(g, 180 + gen_below(g, 80), gen_below(g, 2) == 0); break;
    case 8: value_of_length(g, gen_below(g, 2000), false); break;
    case 9: value_of_length(g, gen_below(g, 16) == 0 ? 32768 + gen_below(g, 8192) : gen_below(g, 20), false); break;
    default: value_of_length(g, 1 + gen_below(g, 20), false); break;
    }
}

void gen_int(struct gen *g)
{
    static const char *const edges[] = {"9223372036854775807",
                                        "-9223372036854775808",
                                        "9223372036854775808",
                                        "-9223372036854775809",
                                        "18446744073709551615",
                                        "2147483647",
                                        "-2147483648",
                                        "4294967296",
                                        "0",
                                        "-0",
                                        "+1",
                                        "01",
                                        " 1",
                                        "1 ",
                                        "",
                                        "abc",
                                        "1.5",
                                        "1e3",
                                        "0x10",
                                        "-1"};
    uint32_t which = gen_below(g, 10);
    if (which == 0)
        gen_arg(g, edges[gen_below(g, sizeof(edges) / sizeof(edges[0]))]);
    else if (which == 1)
        gen_argf(g, "%lld", (long long)next_random(g));
    else
        gen_argf(g, "%d", (int)gen_below(g, 200) - 50);
}

void gen_command(struct gen *g, gen_family_fn *make, struct bytes *request)
{
    g->args.len = 0;
    g->argc = 0;
    memset(g->words, 0, sizeof(g->words));
    make(g);
    bytes_appendf(request, "*%u\r\n", g->argc);
    bytes_append(request, g->args.ptr, g->args.len);
}
