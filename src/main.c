/* SPDX-License-Identifier: MIT */
/* keepsake-server: the command line, and nothing else. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "commands/commands.h"
#include "server/server.h"

static const char USAGE[] = "Usage: keepsake-server [CONFIG-FILE | -] [--DIRECTIVE VALUE ...]\n"
                            "\n"
                            "An in-memory key-value server that speaks the protocol of Redis.\n"
                            "\n"
                            "  CONFIG-FILE           redis.conf; '-' reads it from standard input\n"
                            "  --DIRECTIVE VALUE...  any directive of redis.conf, over the file's\n"
                            "  -v, --version         the version\n"
                            "  -h, --help            this text\n"
                            "\n"
                            "Examples:\n"
                            "  keepsake-server                                  default configuration, port 6379\n"
                            "  keepsake-server /etc/redis/redis.conf\n"
                            "  keepsake-server --port 7000 --save \"60 1\" --dir /var/lib/keepsake\n"
                            "  keepsake-server redis.conf --loglevel verbose -\n";

static bool is_option(const char *arg, const char *short_name, const char *long_name)
{
    return strcmp(arg, short_name) == 0 || strcmp(arg, long_name) == 0;
}

static void print_config_error(const struct config_error *e)
{
    fprintf(stderr, "\n*** FATAL CONFIG FILE ERROR (Keepsake %s) ***\n", KEEPSAKE_VERSION);
    if (e->line > 0)
        fprintf(stderr, "Reading the configuration file %s, at line %u\n>>> '%s'\n", e->file, e->line, e->line_text);
    else if (e->file[0] != '\0')
        fprintf(stderr, "%s: ", e->file);
    fprintf(stderr, "%s\n", e->reason);
}

/* The file first, then what the command line says over it. */
static bool read_config(struct config *cfg, int argc, char **argv)
{
    struct config_error error = {0};
    int next = 1;
    bool ok = true;
    if (argc > 1 && (argv[1][0] != '-' || strcmp(argv[1], "-") == 0)) ok = config_load_file(cfg, argv[next++], &error);
    if (ok && argc > next && strcmp(argv[argc - 1], "-") == 0) {
        argc--;
        ok = config_load_file(cfg, "-", &error);
    }
    if (ok && next < argc) ok = config_load_args(cfg, argc - next, argv + next, &error);
    if (!ok) print_config_error(&error);
    return ok;
}

int main(int argc, char **argv)
{
    mem_init();
    if (argc == 2 && is_option(argv[1], "-h", "--help")) {
        fputs(USAGE, stdout);
        return 0;
    }
    if (argc == 2 && is_option(argv[1], "-v", "--version")) {
        printf("Keepsake server v=%s (compatible with Redis %s)\n", KEEPSAKE_VERSION, REDIS_COMPAT_VERSION);
        return 0;
    }
    commands_register();
    struct server *s = server_new();
    if (!read_config(server_config_for_start(s), argc, argv)) return 1;
    process_init_title(argc, argv);
    if (!server_start(s)) return 1;
    server_run(s);
    return 0;
}
