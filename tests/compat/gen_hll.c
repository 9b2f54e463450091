/* SPDX-License-Identifier: MIT */
/*
 * Random commands of the HyperLogLog family. Sketches grow through the sparse form into the dense one and are merged; strings that are
 * no sketches, or only look like ones, stand among them. Their bytes are compared all the time, with GET and at the end with DUMP.
 *
 * Damaged sketches are those that Redis survives: no operation is cut in the middle.
 */
#include <stdbool.h>
#include <string.h>

#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define DENSE_BYTES 12304

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

/* Few keys, so that sketches grow. */
static void sketch(struct gen *g)
{
    if (one_in(g, 30))
        gen_key(g);
    else
        gen_argf(g, "hll:%u", gen_below(g, 12));
}

static void element(struct gen *g)
{
    if (one_in(g, 8))
        gen_value(g);
    else
        gen_argf(g, "%u", gen_below(g, one_in(g, 2) ? 500 : 2000000000));
}

static void pfadd(struct gen *g)
{
    gen_arg(g, "PFADD");
    sketch(g);
    for (uint32_t n = gen_below(g, one_in(g, 8) ? 400 : 8); n > 0; n--) element(g);
}

static void pfcount(struct gen *g)
{
    gen_arg(g, "PFCOUNT");
    for (uint32_t n = one_in(g, 2) ? 1 : 1 + gen_below(g, 5); n > 0; n--) sketch(g);
}

static void pfmerge(struct gen *g)
{
    gen_arg(g, "PFMERGE");
    for (uint32_t n = 1 + gen_below(g, 4); n > 0; n--) sketch(g);
}

static void pfdebug(struct gen *g)
{
    static const char *const names[] = {"DECODE", "decode", "ENCODING", "ENCODING", "GETREG", "TODENSE", "NOSUCH", ""};
    gen_arg(g, "PFDEBUG");
    gen_arg(g, names[gen_below(g, one_in(g, 4) ? COUNT(names) : 4)]);
    sketch(g);
    if (one_in(g, 50)) gen_arg(g, "more");
}

/* The header with operations behind it, of which some cover too much or too little. */
static void set_sparse(struct gen *g)
{
    char bytes[16 + 64] = "HYLL\x01";
    size_t len = 16;
    uint32_t ops = gen_below(g, 12);
    if (one_in(g, 3)) bytes[15] = (char)0x80;
    for (uint32_t i = 0; i < ops; i++) {
        uint32_t kind = gen_below(g, 3);
        bytes[len++] = (char)(kind == 0   ? gen_below(g, 64)
                              : kind == 1 ? 0x40 + gen_below(g, 16)
                                          : 0x80 + gen_below(g, 128));
        if (kind == 1) bytes[len++] = (char)gen_below(g, 256);
    }
    gen_arg(g, "SET");
    sketch(g);
    gen_arg_bytes(g, bytes, len);
}

/* Registers that no element leads to. */
static void set_dense(struct gen *g)
{
    static char bytes[DENSE_BYTES + 2];
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, "HYLL", 4);
    bytes[15] = (char)0x80;
    uint32_t changed = gen_below(g, 4) * gen_below(g, 6000);
    for (uint32_t i = 0; i < changed; i++) bytes[16 + gen_below(g, DENSE_BYTES - 16)] = (char)gen_below(g, 256);
    if (one_in(g, 20)) memset(bytes + 16, 0xff, DENSE_BYTES - 16);
    gen_arg(g, "SET");
    sketch(g);
    gen_arg_bytes(g, bytes, DENSE_BYTES + (one_in(g, 10) ? gen_below(g, 3) - 1u : 0));
}

static void set_other(struct gen *g)
{
    static const struct {
        const char *bytes;
        size_t len;
    } odd[] = {
        {"HYLL", 4},
        {"HYLL\x01\0\0\0\0\0\0\0\0\0\0", 15},
        {"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0", 16},
        {"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80", 16},
        {"HYLL\0\0\0\0\0\0\0\0\0\0\0\0", 16},
        {"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", 18},
        {"HYLM\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff", 18},
        {"HYLL\x01xyz\x01\x02\x03\x04\x05\x06\x07\x08\x7f\xff", 18},
        {"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xff\0", 19},
        {"HYLL\x01\0\0\0\0\0\0\0\0\0\0\0\x7f\xfe\0", 19},
        {"-9223372036854775808", 20},
        {"12", 2},
        {"", 0},
    };
    uint32_t which = gen_below(g, COUNT(odd));
    gen_arg(g, "SET");
    sketch(g);
    gen_arg_bytes(g, odd[which].bytes, odd[which].len);
}

/* The kept count: any number, stale or not. */
static void set_count(struct gen *g)
{
    char bytes[8];
    for (unsigned i = 0; i < sizeof(bytes); i++) bytes[i] = (char)gen_below(g, 256);
    gen_arg(g, "SETRANGE");
    sketch(g);
    gen_arg(g, "8");
    gen_arg_bytes(g, bytes, sizeof(bytes));
}

static void set_limit(struct gen *g)
{
    static const char *const limits[] = {"3000", "3000", "3000", "0", "18", "20", "100", "16000", "100000"};
    gen_arg(g, "CONFIG");
    gen_arg(g, "SET");
    gen_arg(g, "hll-sparse-max-bytes");
    gen_arg(g, limits[gen_below(g, COUNT(limits))]);
}

static void look(struct gen *g)
{
    switch (gen_below(g, 8)) {
    case 0: gen_arg(g, "DEL"); break;
    case 1: gen_arg(g, "STRLEN"); break;
    case 2:
        gen_arg(g, "OBJECT");
        gen_arg(g, "ENCODING");
        break;
    case 3:
        gen_arg(g, "PEXPIREAT");
        sketch(g);
        gen_arg(g, "4102444800000");
        return;
    default: gen_arg(g, "GET"); break;
    }
    sketch(g);
}

void gen_hll(struct gen *g)
{
    static gen_family_fn *const makers[] = {pfadd,   pfadd,   pfadd,   pfadd, pfadd, pfcount,
                                            pfcount, pfmerge, pfdebug, look,  look};
    static gen_family_fn *const rare[] = {set_sparse, set_sparse, set_dense, set_other,
                                          set_other,  set_count,  set_count, set_limit};
    if (one_in(g, 12))
        rare[gen_below(g, COUNT(rare))](g);
    else
        makers[gen_below(g, COUNT(makers))](g);
}
