# SPDX-License-Identifier: MIT
# cppcheck: warnings, performance and portability. Results are kept between runs.
mkdir -p build/lint/cppcheck
exec cppcheck --quiet --std=c11 --platform=unix64 --language=c -j "${LINT_JOBS:-2}" --inline-suppr --error-exitcode=1 \
    --enable=warning,performance,portability --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
    --suppress=unknownMacro --suppress=nullPointerArithmetic \
    --cppcheck-build-dir=build/lint/cppcheck -D__GNUC__ -D__x86_64__ -D_GNU_SOURCE -Isrc --template=gcc \
    $(find src -name '*.c' | sort)
