/* SPDX-License-Identifier: MIT */
#include "commands/commands.h"

void commands_register(void)
{
    command_table_add(string_commands());
    command_table_add(bitmap_commands());
    command_table_add(keys_commands());
    command_table_add(expire_commands());
    command_table_add(object_commands());
    command_table_add(connection_commands());
    command_table_add(client_commands());
    command_table_add(server_commands());
    command_table_add(config_commands());
    command_table_add(command_commands());
    command_table_add(debug_commands());
}
