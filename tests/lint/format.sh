# SPDX-License-Identifier: MIT
# clang-format has nothing to change (`make format` applies it).
find src tests -name '*.[ch]' | sort | xargs -P "${LINT_JOBS:-2}" -n 8 "${CLANG_FORMAT:-clang-format}" --dry-run -Werror
