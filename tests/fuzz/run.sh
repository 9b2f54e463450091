#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs every fuzzer for FUZZ_S seconds, from the seeds in tests/fuzz/corpus/<name>/ and what earlier runs found
# (build/fuzz/corpus/<name>/). What breaks one is left in build/fuzz/artifacts/<name>-*.
build=${BUILD:-build}
seconds=${FUZZ_S:-60}
failed=0
passed=0
for program in "$@"; do
    name=$(basename "$program")
    name=${name#fuzz_}
    found=$build/fuzz/corpus/$name
    artifacts=$build/fuzz/artifacts/$name-
    log=$build/fuzz/$name.log
    mkdir -p "$found" "$build/fuzz/artifacts"
    seeds=
    [ -d "tests/fuzz/corpus/$name" ] && seeds=tests/fuzz/corpus/$name
    # shellcheck disable=SC2086 # no seeds, no argument
    timeout --kill-after=10 $((seconds + 60)) "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$artifacts" "$found" $seeds >"$log" 2>&1 </dev/null
    status=$?
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok   fuzz $name: $(grep -a '^Done' "$log")"
    else
        failed=$((failed + 1))
        echo "FAIL fuzz $name: exit status $status; $log:"
        tail -n 60 "$log" | sed 's/^/    /'
    fi
done
echo "fuzzers: $passed clean, $failed broken"
[ -z "$SUMMARY_FILE" ] || echo "$passed $failed" >>"$SUMMARY_FILE"
[ "$failed" -eq 0 ]
