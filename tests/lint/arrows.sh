# SPDX-License-Identifier: MIT
#
# Includes go to the left only, as "folder/name.h":
#   base < ds < { store, resp, net } < rdb < server < commands < programs
# foo.c includes foo.h first. server/state.h is private to server/.
find src -name '*.[ch]' | sort | xargs awk '
    BEGIN {
        may["base"] = " base "
        may["ds"] = " ds base "
        may["store"] = " store ds base "
        may["resp"] = " resp ds base "
        may["net"] = " net ds base "
        may["rdb"] = " rdb store ds base "
        may["server"] = " server rdb net resp store ds base "
        may["commands"] = " commands server rdb net resp store ds base "
        may["."] = may["commands"]
    }
    function bad(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; failed = 1 }
    FNR == 1 {
        parts = split(FILENAME, path, "/")
        layer = parts == 2 ? "." : path[2]
        own = ""
        if (FILENAME ~ /\.c$/) {
            header = FILENAME
            sub(/\.c$/, ".h", header)
            if ((getline line < header) >= 0) own = substr(header, 5)
            close(header)
        }
        first = 1
        if (!(layer in may)) bad("folder " layer " is no layer")
    }
    /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
        name = $0
        sub(/^[^<"]*[<"]/, "", name)
        sub(/[>"].*/, "", name)
        if (first && own != "" && name != own) bad("includes " name " before its own header " own)
        first = 0
        if ($0 !~ /"/) next
        if (name !~ /\//) { bad("include of \"" name "\" without its folder"); next }
        if (name ~ /\.c$/) bad("include of a source")
        split(name, target, "/")
        if (index(may[layer], " " target[1] " ") == 0) bad((layer == "." ? "a program" : layer "/") " may not include " name)
        if (name == "server/state.h" && layer != "server") bad("server/state.h is private to server/")
    }
    END { exit failed }
'
