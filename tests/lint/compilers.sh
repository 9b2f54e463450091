# SPDX-License-Identifier: MIT
# Every source compiles without a warning, with gcc and with clang.
bad=0
make -j"${LINT_JOBS:-2}" -k -s MODE=lint-gcc CC=gcc WERROR=1 objects || bad=1
make -j"${LINT_JOBS:-2}" -k -s MODE=lint-clang CC=clang WERROR=1 objects || bad=1
exit $bad
