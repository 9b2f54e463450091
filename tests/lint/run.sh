#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The style as a test. Without arguments every check runs; with names only those: tests/lint/run.sh arrows lengths
# Each check prints what is wrong as file:line: text and answers with its exit status. tests/lint/README.md tells
# what each one wants.
cd "$(dirname "$0")/../.." || exit 1

checks=${*:-"spdx marks readmes arrows cycles format lengths headers compilers cppcheck tidy"}
jobs=${LINT_JOBS:-$(nproc 2>/dev/null || echo 2)}
export LINT_JOBS="$jobs"
passed=0
failed=0
mkdir -p build/lint

for check in $checks; do
    began=$(date +%s)
    if sh "tests/lint/$check.sh" >"build/lint/$check.log" 2>&1; then
        passed=$((passed + 1))
        echo "ok   lint $check, $(($(date +%s) - began)) s"
    else
        failed=$((failed + 1))
        echo "FAIL lint $check, $(($(date +%s) - began)) s; build/lint/$check.log:"
        head -n "${LINT_LINES:-60}" "build/lint/$check.log" | sed 's/^/    /'
    fi
done

echo "lint: $passed passed, $failed failed"
[ -z "$SUMMARY_FILE" ] || echo "$passed $failed" >>"$SUMMARY_FILE"
[ "$failed" -eq 0 ]
