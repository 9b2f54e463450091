/* SPDX-License-Identifier: MIT */
/* The command that a generator is making: for the harness and gen.c only, families use gen.h. */
#ifndef COMPAT_GEN_CORE_H
#define COMPAT_GEN_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/compat/gen.h"
#include "tests/support/wire.h"

struct gen {
    uint64_t state;    /* of the random numbers */
    struct bytes args; /* as bulks */
    unsigned argc;
    char words[2][24]; /* the first two arguments, lower-case, cut: what replies are compared by */
};

struct gen_family {
    const char *name;
    gen_family_fn *make;
};
extern const struct gen_family gen_families[]; /* ended by one without a name */

void gen_init(struct gen *g, uint64_t seed);
void gen_deinit(struct gen *g);
/* Makes one command and appends its request. */
void gen_command(struct gen *g, gen_family_fn *make, struct bytes *request);

#endif
