/* SPDX-License-Identifier: MIT */
#include "commands/commands.h"

void commands_register(void)
{
    command_table_add(string_commands());
    command_table_add(list_commands());
    command_table_add(bitmap_commands());
    command_table_add(hash_commands());
    command_table_add(hash_expire_commands());
    command_table_add(set_commands());
    command_table_add(zset_commands());
    command_table_add(zset_range_commands());
    command_table_add(zset_algebra_commands());
    command_table_add(geo_commands());
    command_table_add(keys_commands());
    command_table_add(expire_commands());
    command_table_add(object_commands());
    command_table_add(connection_commands());
    command_table_add(client_commands());
    command_table_add(server_commands());
    command_table_add(config_commands());
    command_table_add(command_commands());
    command_table_add(hyperloglog_commands());
    command_table_add(sort_commands());
    command_table_add(debug_commands());
}
