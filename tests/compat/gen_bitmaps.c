/* SPDX-License-Identifier: MIT */
/*
 * Random commands of the bitmap family. BITCOUNT and BITPOS get valid arguments only: of a key that is missing and
 * arguments that are wrong, versions of Redis answer one or the other; streams/bitmaps.txt has those.
 */
#include <stdbool.h>

#include "tests/compat/gen.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void any_of(struct gen *g, const char *const *texts, size_t count)
{
    gen_arg(g, texts[gen_below(g, (uint32_t)count)]);
}

static bool one_in(struct gen *g, uint32_t n) { return gen_below(g, n) == 0; }

static void set(struct gen *g)
{
    gen_arg(g, one_in(g, 3) ? "APPEND" : "SET");
    gen_key(g);
    if (one_in(g, 4))
        gen_arg_bytes(g, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", gen_below(g, 19));
    else
        gen_value(g);
}

static void offset(struct gen *g)
{
    /* Refused by everybody, so that none of them makes a large value. */
    static const char *const edges[] = {"-1", "4294967296", "9223372036854775807", "abc", "", "1.0", "#1", "01"};
    if (one_in(g, 12))
        any_of(g, edges, COUNT(edges));
    else
        gen_argf(g, "%u", gen_below(g, one_in(g, 8) ? 20000 : 200));
}

static void setbit(struct gen *g)
{
    static const char *const bits[] = {"0", "1", "1", "1", "0", "2", "-1", "x", "4294967296"};
    gen_arg(g, "SETBIT");
    gen_key(g);
    offset(g);
    any_of(g, bits, one_in(g, 6) ? COUNT(bits) : 5);
}

static void getbit(struct gen *g)
{
    gen_arg(g, "GETBIT");
    gen_key(g);
    offset(g);
}

static void position(struct gen *g)
{
    static const char *const edges[] = {"9223372036854775807", "-9223372036854775808", "-2147483649", "4294967296"};
    if (one_in(g, 20))
        any_of(g, edges, COUNT(edges));
    else
        gen_argf(g, "%d", (int)gen_below(g, 80) - 40);
}

static void unit(struct gen *g)
{
    static const char *const units[] = {"BIT", "BYTE", "bit", "byte"};
    any_of(g, units, COUNT(units));
}

static void bitcount(struct gen *g)
{
    gen_arg(g, "BITCOUNT");
    gen_key(g);
    if (one_in(g, 3)) return;
    position(g);
    position(g);
    if (!one_in(g, 3)) unit(g);
}

static void bitpos(struct gen *g)
{
    gen_arg(g, "BITPOS");
    gen_key(g);
    gen_arg(g, one_in(g, 30) ? "2" : one_in(g, 2) ? "0" : "1");
    uint32_t positions = gen_below(g, 4);
    for (uint32_t i = 0; i < positions && i < 2; i++) position(g);
    if (positions == 3) unit(g);
}

static void bitop(struct gen *g)
{
    static const char *const names[] = {"AND", "OR", "XOR", "NOT", "and", "or", "xor", "not", "NAND"};
    uint32_t which = gen_below(g, one_in(g, 10) ? COUNT(names) : 8);
    gen_arg(g, "BITOP");
    gen_arg(g, names[which]);
    gen_key(g);
    uint32_t sources = (which & 3) == 3 && !one_in(g, 10) ? 1 : 1 + gen_below(g, one_in(g, 20) ? 30 : 4);
    for (uint32_t i = 0; i < sources; i++) gen_key(g);
}

static void field_type(struct gen *g)
{
    static const char *const bad[] = {"u64", "i65", "u0", "i0", "x8", "u", "", "U8", "u08", "i-1", "u 8", "u8 "};
    if (one_in(g, 40))
        any_of(g, bad, COUNT(bad));
    else if (one_in(g, 2))
        gen_argf(g, "i%u", 1 + gen_below(g, 64));
    else
        gen_argf(g, "u%u", 1 + gen_below(g, 63));
}

static void field_offset(struct gen *g)
{
    if (one_in(g, 3))
        gen_argf(g, "#%u", gen_below(g, 12));
    else if (one_in(g, 60))
        gen_arg(g, one_in(g, 2) ? "#" : "#9223372036854775807");
    else if (one_in(g, 6))
        offset(g);
    else
        gen_argf(g, "%u", gen_below(g, 150));
}

/* None below -2^62: near the least integer, a saturating SET of Redis overflows itself and stores the greatest value. */
static void field_value(struct gen *g)
{
    static const char *const edges[] = {"9223372036854775807", "-4611686018427387904", "4294967296", "-4294967297",
                                        "255"};
    static const char *const bad[] = {"9223372036854775808", "-9223372036854775809", "", "x", "1.5", "01", "-0"};
    if (one_in(g, 100))
        any_of(g, bad, COUNT(bad));
    else if (one_in(g, 3))
        any_of(g, edges, COUNT(edges));
    else
        gen_argf(g, "%d", (int)gen_below(g, 600) - 300);
}

static void field_overflow(struct gen *g)
{
    static const char *const modes[] = {"WRAP", "SAT", "FAIL", "wrap", "sat", "fail", "none"};
    gen_arg(g, one_in(g, 2) ? "OVERFLOW" : "overflow");
    any_of(g, modes, one_in(g, 20) ? COUNT(modes) : 6);
}

static void field_operation(struct gen *g, bool reads_only)
{
    uint32_t which = reads_only ? 0 : gen_below(g, 4);
    if (which == 3 || (reads_only && one_in(g, 20))) {
        field_overflow(g);
        return;
    }
    static const char *const names[] = {"GET", "SET", "INCRBY"};
    gen_arg(g, names[which]);
    if (one_in(g, 100)) return; /* too few arguments, or the next operation taken for them */
    field_type(g);
    field_offset(g);
    if (which > 0) field_value(g);
}

static void bitfield(struct gen *g)
{
    bool reads_only = one_in(g, 4);
    gen_arg(g, reads_only ? "BITFIELD_RO" : "BITFIELD");
    gen_key(g);
    for (uint32_t operations = gen_below(g, 6); operations > 0; operations--) {
        field_operation(g, reads_only && !one_in(g, 20));
    }
}

static void look(struct gen *g)
{
    switch (gen_below(g, 6)) {
    case 0: gen_arg(g, "DEL"); break;
    case 1: gen_arg(g, "STRLEN"); break;
    case 2:
        gen_arg(g, "OBJECT");
        gen_arg(g, "ENCODING");
        break;
    case 3: gen_arg(g, "INCR"); break;
    default: gen_arg(g, "GET"); break;
    }
    gen_key(g);
}

void gen_bitmaps(struct gen *g)
{
    static gen_family_fn *const makers[] = {set,      set,      setbit,   setbit, getbit, bitcount,
                                            bitcount, bitpos,   bitpos,   bitop,  bitop,  bitfield,
                                            bitfield, bitfield, bitfield, look,   look};
    makers[gen_below(g, COUNT(makers))](g);
}
