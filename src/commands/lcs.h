/* SPDX-License-Identifier: MIT */
/* LCS, a module of its own beside the string family, whose table has its row. */
#ifndef COMMANDS_LCS_H
#define COMMANDS_LCS_H

#include "server/command.h"

void lcs_command(struct call *c);

#endif
