/* SPDX-License-Identifier: MIT */
/* What HELLO and CLIENT share about the connection's own attributes. */
#ifndef COMMANDS_SESSION_H
#define COMMANDS_SESSION_H

#include "server/command.h"

/* Names the connection ("" takes the name away). False and an error reply when the name has spaces or control characters. */
bool session_set_name(struct call *c, struct slice name);

#endif
