#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs test programs one after the other, each within a bound of time, and ends with one line:
#   N passed, N failed
# A program is a cmocka program, or prints such a line itself. One that dies, hangs or reports nothing counts as
# failed. Output is shown for what fails. With SUMMARY_FILE set the figures are appended there instead, for a caller
# that adds up several runs.
limit=${TEST_TIMEOUT_S:-300}
build=${KEEPSAKE_BUILD_DIR:-build/release}
logs=$build/test-logs
mkdir -p "$logs"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:allocator_may_return_null=1:verify_asan_link_order=0}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
passed=0
failed=0

set_counts() { p=$1 f=$2 s=$3; }

for program in "$@"; do
    name=${program#"$build"/tests/}
    log=$logs/$(echo "$name" | tr / _).log
    began=$(date +%s)
    timeout --kill-after=10 "$limit" "$program" >"$log" 2>&1 </dev/null
    status=$?
    took=$(($(date +%s) - began))
    counts=$(awk '
        # cmocka 1: "[  PASSED  ] 7 test(s)." and "[  FAILED  ] 2 test(s), listed below:"
        /^\[  PASSED  \] [0-9]+ test/ { passed += $4; next }
        /^\[  FAILED  \] [0-9]+ test/ { failed += $4; next }
        /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
        /^\[  SKIPPED \] [0-9]+ test/ { skipped += $4; next }
        END { print passed + 0, failed + 0, skipped + 0 }' "$log")
    # shellcheck disable=SC2086 # three words
    set_counts $counts
    why=
    if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then why=" (stopped after $limit s)"; fi
    # A program that failed without saying which test, or that tested nothing, is a failure of its own.
    if [ "$f" -eq 0 ] && { [ "$status" -ne 0 ] || [ $((p + s)) -eq 0 ]; }; then
        f=1
        [ -n "$why" ] || why=" (exit status $status, no result)"
    fi
    passed=$((passed + p))
    failed=$((failed + f))
    if [ "$f" -ne 0 ]; then
        echo "FAIL $name: $p passed, $f failed$why, $took s; $log:"
        grep -v -e '^\[ *\(RUN\|OK\) *\]' -e '^ok ' "$log" | tail -n 60 | sed 's/^/    /'
    else
        skips=
        [ "$s" -eq 0 ] || skips=", $s skipped"
        echo "ok   $name: $p$skips, $took s"
    fi
done

if [ -n "$SUMMARY_FILE" ]; then
    echo "$passed $failed" >>"$SUMMARY_FILE"
    echo "tests: $passed passed, $failed failed"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
