/* SPDX-License-Identifier: MIT */
/*
 * CONFIG: what the server was told and how to tell it otherwise. CONFIG SET takes effect as a whole or not at all.
 */
#include "commands/commands.h"

#include <stdio.h>

#include "base/mem.h"
#include "server/client.h"
#include "server/config.h"
#include "server/server.h"

static void reply_pair(void *ctx, struct slice name, struct slice value)
{
    struct reply *r = ctx;
    reply_bulk(r, name);
    reply_bulk(r, value);
}

static void config_get_command(struct call *c)
{
    unsigned count = c->argc - 2;
    struct slice *patterns = mem_alloc(count * sizeof(*patterns));
    for (unsigned i = 0; i < count; i++) patterns[i] = call_arg(c, i + 2);
    struct reply_later map = reply_begin(c->reply);
    size_t pairs = config_each_match_any(server_config(c->server), patterns, count, reply_pair, c->reply);
    reply_end_map(c->reply, map, pairs);
    mem_free(patterns);
}

/* enable-protected-configs: whether this client may change where files go. */
static bool may_set_protected(const struct call *c)
{
    switch (server_config(c->server)->enable_protected_configs) {
    case GUARD_NO: return false;
    case GUARD_YES: return true;
    case GUARD_LOCAL: return c->client->is_local || c->client->is_unix;
    }
    return false;
}

static void config_set_command(struct call *c)
{
    if (c->argc % 2 != 0) {
        call_syntax_error(c);
        return;
    }
    size_t count = (c->argc - 2) / 2;
    struct config_change *changes = mem_alloc(count * sizeof(*changes));
    for (size_t i = 0; i < count; i++) {
        changes[i] = (struct config_change){call_arg(c, (unsigned)(2 + 2 * i)), call_arg(c, (unsigned)(3 + 2 * i))};
    }
    char error[1024];
    if (server_config_set(c->server, changes, count, may_set_protected(c), error, sizeof(error))) {
        reply_ok(c->reply);
    } else {
        reply_errorf(c->reply, "ERR %s", error);
    }
    mem_free(changes);
}

static void config_resetstat_command(struct call *c)
{
    server_reset_stats(c->server);
    reply_ok(c->reply);
}

static void config_help_command(struct call *c)
{
    static const char *const lines[] = {
        "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "HELP",
        "    Prints this help.",
        NULL,
    };
    reply_help(c->reply, lines);
}

#define CONFIG_FLAGS (CMD_ADMIN | CMD_NOSCRIPT | CMD_LOADING | CMD_STALE)

static const char *const set_tips[] = {"request_policy:all_nodes", "response_policy:all_succeeded", NULL};

static const struct command subcommands[] = {
    {.name = "get",
     .handler = config_get_command,
     .arity = -3,
     .flags = CONFIG_FLAGS,
     .group = GROUP_SERVER,
     .since = "2.0.0",
     .complexity = "O(N) when N is the number of configuration parameters provided",
     .summary = "Shows the values of directives whose names match a pattern",
     .syntax = "parameter [parameter ...]"},
    {.name = "help",
     .handler = config_help_command,
     .arity = 2,
     .flags = CMD_LOADING | CMD_STALE,
     .group = GROUP_SERVER,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Tells what the subcommands do"},
    {.name = "resetstat",
     .handler = config_resetstat_command,
     .arity = 2,
     .flags = CONFIG_FLAGS,
     .group = GROUP_SERVER,
     .since = "2.0.0",
     .complexity = "O(1)",
     .summary = "Sets the counters that INFO shows back to zero"},
    {.name = "set",
     .handler = config_set_command,
     .arity = -4,
     .flags = CONFIG_FLAGS,
     .group = GROUP_SERVER,
     .since = "2.0.0",
     .complexity = "O(N) when N is the number of configuration parameters provided",
     .summary = "Changes directives while the server runs, all of them or none",
     .syntax = "parameter value [parameter value ...]",
     .tips = set_tips},
    {.name = NULL},
};

static const struct command rows[] = {
    {.name = "config",
     .arity = -2,
     .group = GROUP_SERVER,
     .since = "2.0.0",
     .complexity = "Depends on subcommand.",
     .summary = "Holds the commands that show and change the configuration",
     .subcommands = subcommands},
    {.name = NULL},
};

const struct command *config_commands(void) { return rows; }
