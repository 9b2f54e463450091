/* SPDX-License-Identifier: MIT */
/*
 * The same bytes to the distribution's redis-server and to keepsake-server, the replies compared byte for byte.
 *
 *   compat [--seed N] [--count N] [--stream NAME | --family NAME | --protocol | --crossload]
 *
 * Without a part named all of them run: the streams and random commands in RESP2 and in RESP3, the odd requests, files loaded by the other
 * server. The defaults are fixed, so that a failure can be repeated. Ends with "N passed, N failed".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/compat/pair.h"

struct options {
    unsigned long seed, count;
    const char *stream, *family;
    bool protocol, crossload;
};

static bool options_read(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--protocol") == 0)
            o->protocol = true;
        else if (strcmp(argv[i], "--crossload") == 0)
            o->crossload = true;
        else if (value == NULL)
            return false;
        else if (strcmp(argv[i], "--seed") == 0)
            o->seed = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--count") == 0)
            o->count = strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--stream") == 0)
            o->stream = argv[++i];
        else if (strcmp(argv[i], "--family") == 0)
            o->family = argv[++i];
        else
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct options o = {.seed = 20240, .count = 20000};
    if (!options_read(&o, argc, argv)) {
        fprintf(stderr, "usage: %s [--seed N] [--count N] [--stream NAME | --family NAME | --protocol | --crossload]\n",
                argv[0]);
        return 2;
    }
    bool all = o.stream == NULL && o.family == NULL && !o.protocol && !o.crossload;
    static struct pair p;
    pair_start(&p);
    if (all || o.protocol) protocol_run(&p);
    if (all || o.stream != NULL) streams_run(&p, o.stream);
    if (all || o.family != NULL) random_run(&p, o.family, o.seed, o.count);
    if (all || o.crossload) crossload_run(&p, o.seed);
    pair_stop(&p);
    printf("%u passed, %u failed\n", p.passed, p.failed);
    return p.failed == 0 && p.passed > 0 ? 0 : 1;
}
