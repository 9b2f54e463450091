# SPDX-License-Identifier: MIT
#
# clang-tidy with the checks of .clang-tidy. A source that is the same after preprocessing as when it was last found
# clean is left out.
mkdir -p build/lint/tidy
flags="-std=gnu11 -D_GNU_SOURCE -Isrc -I. -Wall -Wextra -DKEEPSAKE_BUILD_DIR=\"build/release\" $(pkg-config --cflags liblzf hiredis)"
export flags
find src tests -name '*.c' | sort | xargs -P "${LINT_JOBS:-2}" -I{} sh -c '
    stamp=build/lint/tidy/$(echo {} | tr / _)
    key=$({ cat .clang-tidy; clang -E -C -P $flags {}; } | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && exit 0
    clang-tidy --quiet {} -- $flags 2>/dev/null && echo "$key" >"$stamp"'
