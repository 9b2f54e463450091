# SPDX-License-Identifier: MIT
# No header includes itself, over however many others. tsort names the loop.
find src -name '*.h' | sort | xargs awk '
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        name = $0
        sub(/^[^"]*"/, "", name)
        sub(/".*/, "", name)
        print substr(FILENAME, 5), name
    }' >build/lint/edges.txt
tsort <build/lint/edges.txt >/dev/null
