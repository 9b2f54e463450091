# SPDX-License-Identifier: MIT
# Every header compiles alone, twice included as well.
mkdir -p build/lint/headers
flags="-std=gnu11 -D_GNU_SOURCE -Isrc -I. -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags liblzf hiredis)"
export flags
find src tests -name '*.h' | sort | xargs -P "${LINT_JOBS:-2}" -I{} sh -c '
    printf "#include \"%s\"\n#include \"%s\"\n" "{}" "{}" | ${CC:-gcc} $flags -x c - || { echo "{}: does not compile alone"; exit 1; }'
