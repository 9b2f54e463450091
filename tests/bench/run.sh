#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The benchmark: Keepsake beside the distribution's redis-server, in one run on one machine. `make bench` builds what it
# needs and calls it; `tests/bench/run.sh cpu memory` runs some parts only. Parts:
#   cpu       server CPU per request (from /proc, user + system), redis-benchmark on another core
#   memory    resident bytes per key, 1 M keys
#   save      SAVE and load of 5 M strings
#   fork      latest_fork_usec at 1 GiB resident, first and third snapshot, writes between
#   latency   SETs while a BGSAVE runs
#   types     server CPU per request: lists, sets, hashes, sorted sets, MSET
#   typesmem  resident bytes per key of small collections, 250 k keys; per element of one with 1 M
#   typessave SAVE and load of 1.9 M keys: strings and small collections
# Figures are medians of ROUNDS (3) rounds in which the servers take turns. Everything runs on unix sockets or 127.0.0.1 in a
# temporary folder; every process started here is ended here.
set -euo pipefail

BUILD_DIR=${KEEPSAKE_BUILD_DIR:-build/release}
BUILD_DIR=$(cd "$BUILD_DIR" && pwd)
TOOLS=$BUILD_DIR/tests/bench
ROUNDS=${ROUNDS:-3}
# Requests of one measurement; smaller for a quick look.
SCALE=${SCALE:-100}
WORK=$(mktemp -d)
SERVER_CPU=0
CLIENT_CPU=$(($(nproc) > 1 ? 1 : 0))
declare -A PIDS=()

cleanup() {
    for pid in "${PIDS[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
    rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { if [ -t 2 ]; then printf '\r\033[K%s' "$*" >&2; else printf '%s\n' "$*" >&2; fi; }
clear_say() { if [ -t 2 ]; then printf '\r\033[K' >&2; fi; }

scaled() { echo $(($1 * SCALE / 100)); }
median() { sort -g | awk '{a[NR] = $1} END {print (NR % 2) ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", (b > 0 ? a / b : 0)}'; }

program() {
    case $1 in
    redis) command -v redis-server ;;
    keepsake) echo "$BUILD_DIR/keepsake-server" ;;
    esac
}

cli() { local name=$1; shift; redis-cli -s "$WORK/$name/s" "$@"; }

# start NAME [PINNED]: a fresh process in its folder (which may hold a dump.rdb), ready to serve.
start() {
    local name=$1 pin=${2:-yes} port run
    mkdir -p "$WORK/$name"
    port=$((20000 + RANDOM % 20000))
    run=()
    [ "$pin" = yes ] && run=(taskset -c $SERVER_CPU)
    if [ "$name" = floor ]; then
        "${run[@]}" "$TOOLS/floor" --port "$port" >"$WORK/$name/log" 2>&1 &
    else
        "${run[@]}" "$(program "$name")" --port "$port" --unixsocket "$WORK/$name/s" --dir "$WORK/$name" --save "" \
            --daemonize no --logfile "$WORK/$name/log" --enable-debug-command yes >"$WORK/$name/out" 2>&1 &
    fi
    PIDS[$name]=$!
    echo "$port" >"$WORK/$name/port"
    local tries=0
    until redis-cli -p "$port" PING 2>/dev/null | grep -q PONG; do
        tries=$((tries + 1))
        if [ $tries -gt 3000 ] || ! kill -0 "${PIDS[$name]}" 2>/dev/null; then
            echo "$name did not start:" >&2
            cat "$WORK/$name/log" "$WORK/$name/out" >&2 || true
            exit 1
        fi
        sleep 0.02
    done
}

stop() {
    kill -9 "${PIDS[$1]}" 2>/dev/null || true
    wait "${PIDS[$1]}" 2>/dev/null || true
    unset "PIDS[$1]"
}

# CPU seconds of a process so far, all threads, in nanosecond resolution where the kernel has it.
cpu_ns() { awk '{sum += $1} END {printf "%.0f", sum}' /proc/"${PIDS[$1]}"/task/*/schedstat; }
rss_bytes() { awk '/^Rss:/ {print $2 * 1024}' /proc/"${PIDS[$1]}"/smaps_rollup; }

# cpu_of NAME REQUESTS ARGS...: ns of server CPU per request of one redis-benchmark.
cpu_of() {
    local name=$1 requests=$2 before after
    shift 2
    before=$(cpu_ns "$name")
    taskset -c $CLIENT_CPU redis-benchmark -p "$(cat "$WORK/$name/port")" -n "$requests" -q "$@" >"$WORK/benchmark.out" 2>&1
    after=$(cpu_ns "$name")
    awk -v d=$((after - before)) -v n="$requests" 'BEGIN {printf "%.1f\n", d / n}'
}

# compare LABEL GOAL REQUESTS ARGS...: rounds in turn, a row of the table. PREPARE, a command that takes the server's name, is called
# before each measurement.
PREPARE=:
compare() {
    local label=$1 goal=$2 requests=$3 round name
    shift 3
    rm -f "$WORK"/figures.*
    for ((round = 1; round <= ROUNDS; round++)); do
        for name in $CPU_SERVERS; do
            say "$label: round $round of $ROUNDS, $name"
            $PREPARE "$name"
            cpu_of "$name" "$requests" "$@" >>"$WORK/figures.$name"
        done
    done
    clear_say
    local redis keepsake floor=
    redis=$(median <"$WORK/figures.redis")
    keepsake=$(median <"$WORK/figures.keepsake")
    [ -f "$WORK/figures.floor" ] && floor=" (floor $(median <"$WORK/figures.floor") ns)"
    printf '| %s | %s ns | %s ns%s | %sx less | %s |\n' "$label" "$redis" "$keepsake" "$floor" "$(ratio "$redis" "$keepsake")" "$goal"
}

heading() { printf '\n| %s | redis-server | keepsake | ratio | to reach |\n|---|---|---|---|---|\n' "$1"; }

part_cpu() {
    local n16 n64 n1
    n64=$(scaled 4000000) n16=$(scaled 2000000) n1=$(scaled 200000)
    CPU_SERVERS="redis keepsake"
    start redis
    start keepsake
    for name in redis keepsake; do
        say "filling $name"
        "$TOOLS/populate" "$WORK/$name/s" 16+8 "$(scaled 1000000)"
    done
    clear_say
    heading "server CPU per request, 1 M random keys, 50 clients"
    compare "GET -P 64" ">= 2.5x" "$n64" -P 64 -c 50 -r 1000000 GET key:__rand_int__
    compare "SET -P 64" ">= 2.2x" "$n64" -P 64 -c 50 -r 1000000 SET key:__rand_int__ abcdefgh
    compare "INCR -P 64" ">= 2.2x" "$n64" -P 64 -c 50 -r 1000000 INCR ctr:__rand_int__
    compare "GET -P 16" ">= 1.8x" "$n16" -P 16 -c 50 -r 1000000 GET key:__rand_int__
    compare "SET -P 16" ">= 1.8x" "$n16" -P 16 -c 50 -r 1000000 SET key:__rand_int__ abcdefgh
    CPU_SERVERS="redis keepsake floor"
    start floor
    compare "GET" ">= 1.05x" "$n1" -c 50 -r 1000000 GET key:__rand_int__
    compare "SET" ">= 1.05x" "$n1" -c 50 -r 1000000 SET key:__rand_int__ abcdefgh
    stop redis
    stop keepsake
    stop floor
}

empty() { cli "$1" FLUSHALL >/dev/null; }
fill_list() { empty "$1" && "$TOOLS/populate" "$WORK/$1/s" list "$LIST_LENGTH"; }

part_types() {
    local n64 n16 name
    n64=$(scaled 2000000) n16=$(scaled 200000)
    CPU_SERVERS="redis keepsake"
    start redis
    start keepsake
    heading "server CPU per request, collections, 50 clients"
    PREPARE=empty
    compare "SADD -P 64, 1 M random members" ">= 1.8x" "$n64" -P 64 -c 50 -r 1000000 SADD myset element:__rand_int__
    compare "SADD -P 64, 100 k random keys" ">= 1.8x" "$n64" -P 64 -c 50 -r 100000 SADD set:__rand_int__ element:__rand_int__
    compare "HSET -P 64, 1 M random fields" ">= 1.8x" "$n64" -P 64 -c 50 -r 1000000 HSET myhash element:__rand_int__ xxx
    compare "HSET -P 64, 100 k random keys" ">= 1.8x" "$n64" -P 64 -c 50 -r 100000 HSET hash:__rand_int__ element:__rand_int__ xxx
    compare "ZADD -P 64, one set growing to 1 M" ">= 2.5x" "$n64" -P 64 -c 50 -r 1000000 ZADD myzset __rand_int__ element:__rand_int__
    compare "LPUSH -P 64" ">= 1.3x" "$n64" -P 64 -c 50 LPUSH mylist xxx
    LIST_LENGTH=$n64 PREPARE=fill_list
    compare "RPOP -P 64" ">= 1.3x" "$n64" -P 64 -c 50 RPOP mylist
    LIST_LENGTH=1000
    compare "LRANGE_100 -P 16" ">= 1.3x" "$n16" -P 16 -c 50 LRANGE mylist 0 99
    PREPARE=:
    compare "MSET of 10 -P 16" ">= 2x" "$n16" -P 16 -c 50 -r 1000000 -d 3 -t mset
    compare "MSET of 10" ">= 2x" "$n16" -c 50 -r 1000000 -d 3 -t mset
    for name in redis keepsake; do
        say "filling $name"
        empty "$name"
        "$TOOLS/populate" "$WORK/$name/s" ranks "$(scaled 1000000)"
        "$TOOLS/populate" "$WORK/$name/s" sets 200000
        "$TOOLS/populate" "$WORK/$name/s" bigset 10000
    done
    clear_say
    local members
    members=$(scaled 1000000)
    compare "ZRANGEBYSCORE of 10, 1 M members, -P 16" ">= 2x" "$n16" -P 16 -c 50 -r "$members" ZRANGEBYSCORE ranks __rand_int__ +inf LIMIT 0 10
    compare "ZRANK, 1 M members, -P 16" ">= 2x" "$n16" -P 16 -c 50 -r "$members" ZRANK ranks element:__rand_int__
    compare "SINTER of two 100 k sets" ">= 2x" "$(scaled 100)" -c 1 SINTER set:a set:b
    compare "SMEMBERS of 10 k" ">= 1.5x" "$(scaled 2000)" -c 10 SMEMBERS big
    stop redis
    stop keepsake
}

memory_of() {
    local name=$1 shape=$2 count=$3 before after
    start "$name"
    before=$(rss_bytes "$name")
    "$TOOLS/populate" "$WORK/$name/s" "$shape" "$count"
    sleep 1 # cron finishes the resize that is under way
    after=$(rss_bytes "$name")
    stop "$name"
    awk -v d=$((after - before)) -v n="$count" 'BEGIN {printf "%.1f\n", d / n}'
}

# memory_row LABEL SHAPE COUNT GOAL
memory_row() {
    local redis keepsake
    say "memory: $1"
    redis=$(memory_of redis "$2" "$3")
    keepsake=$(memory_of keepsake "$2" "$3")
    clear_say
    printf '| %s | %s | %s | %sx less | %s |\n' "$1" "$redis" "$keepsake" "$(ratio "$redis" "$keepsake")" "$4"
}

part_memory() {
    local count
    count=$(scaled 1000000)
    heading "resident bytes per key, 1 M keys"
    memory_row "16 B key + 8 B value" 16+8 "$count" "<= 50"
    memory_row "20 B key + 64 B value" 20+64 "$count" "<= 114"
    memory_row "16 B key + 32 B value with TTL" ttl "$count" "<= 98"
}

part_typesmem() {
    local count
    count=$(scaled 250000)
    heading "resident bytes per key, 250 k keys"
    memory_row "hash of 5 small fields" hash5 "$count" "<= 120"
    memory_row "set of 5 ints" set5 "$count" "<= 72"
    memory_row "zset of 5" zset5 "$count" "<= 88"
    memory_row "list of 5" list5 "$count" "<= 104"
    count=$(scaled 1000000)
    heading "resident bytes per element, one key of 1 M 16-byte members"
    memory_row "set" bigset "$count" ">= 1.43x less"
    memory_row "hash" bighash "$count" ">= 1.43x less"
    memory_row "zset" bigzset "$count" ">= 1.43x less"
}

seconds_now() { date +%s.%N; }
elapsed() { awk -v a="$1" -v b="$(seconds_now)" 'BEGIN {printf "%.3f\n", b - a}'; }

# save_rows SHAPE COUNT: rows of SAVE and of loading what was saved.
save_rows() {
    local shape=$1 count=$2 name round started
    rm -f "$WORK"/figures.*
    for name in redis keepsake; do
        rm -f "$WORK/$name/dump.rdb"
        start "$name" no
        say "filling $name with $count keys"
        "$TOOLS/populate" "$WORK/$name/s" "$shape" "$count"
        for ((round = 1; round <= ROUNDS; round++)); do
            say "SAVE: round $round, $name"
            started=$(seconds_now)
            cli "$name" SAVE >/dev/null
            elapsed "$started" >>"$WORK/figures.save.$name"
        done
        stop "$name"
    done
    # Each loads the file that it wrote: loading is measured by the server's own log line.
    for ((round = 1; round <= ROUNDS; round++)); do
        for name in redis keepsake; do
            say "load: round $round, $name"
            : >"$WORK/$name/log"
            start "$name" no
            until grep -q 'DB loaded from disk' "$WORK/$name/log"; do sleep 0.05; done
            sed -n 's/.*DB loaded from disk: \([0-9.]*\) seconds.*/\1/p' "$WORK/$name/log" >>"$WORK/figures.load.$name"
            [ "$(cli "$name" DBSIZE)" = "$count" ] || { echo "$name lost keys" >&2; exit 1; }
            stop "$name"
        done
    done
    clear_say
    rm -f "$WORK"/*/dump.rdb
    local what redis keepsake goal
    for what in save load; do
        redis=$(median <"$WORK/figures.$what.redis")
        keepsake=$(median <"$WORK/figures.$what.keepsake")
        [ $what = save ] && goal='>= 4x' || goal='>= 3x'
        printf '| %s | %s s | %s s | %sx faster | %s |\n' "${what^^}" "$redis" "$keepsake" "$(ratio "$redis" "$keepsake")" "$goal"
    done
}

part_save() {
    heading "5 M strings, half 8 B, half 64 B compressible"
    save_rows mixed "$(scaled 5000000)"
}

part_typessave() {
    heading "1 M short strings, 0.5 M 64 B strings, 100 k each of hash, set, zset, list of 5"
    save_rows types "$(scaled 1900000)"
}

info() { cli "$1" INFO | tr -d '\r' | sed -n "s/^$2://p"; }
wait_for_child() {
    local tries=0
    while [ "$(info "$1" rdb_bgsave_in_progress)" = 1 ] && [ $tries -lt 1200 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
}

# fork_of NAME: forks of three snapshots with 200,000 random writes while each child lives; prints three figures.
fork_of() {
    local name=$1 i
    start "$name" no
    "$TOOLS/populate" "$WORK/$name/s" kib "$(scaled 950000)"
    for i in 1 2 3; do
        cli "$name" BGSAVE >/dev/null
        redis-benchmark -s "$WORK/$name/s" -q -n 200000 -P 16 -r 950000 SET key:__rand_int__ "$(head -c 1000 /dev/zero | tr '\0' x)" >/dev/null
        wait_for_child "$name"
        info "$name" latest_fork_usec
        sleep 3 # huge pages are mended in cron
    done
    stop "$name"
}

part_fork() {
    local name i
    rm -f "$WORK"/figures.*
    for name in redis keepsake; do
        say "fork pauses, $name"
        fork_of "$name" >"$WORK/figures.$name"
    done
    clear_say
    heading "fork pause at 1 GiB resident, writes during and between"
    for i in 1 2 3; do
        local redis keepsake
        redis=$(sed -n ${i}p "$WORK/figures.redis")
        keepsake=$(sed -n ${i}p "$WORK/figures.keepsake")
        printf '| snapshot %s | %s us | %s us | %sx shorter | >= 10x |\n' "$i" "$redis" "$keepsake" "$(ratio "$redis" "$keepsake")"
    done
}

part_latency() {
    local name round figures count
    count=$(scaled 3000000)
    rm -f "$WORK"/figures.*
    for name in redis keepsake; do
        start "$name" no
        say "latency: filling $name"
        "$TOOLS/populate" "$WORK/$name/s" mixed "$count"
    done
    for ((round = 1; round <= ROUNDS; round++)); do
        for name in redis keepsake; do
            say "latency: round $round, $name"
            figures=$("$TOOLS/save_latency" "$WORK/$name/s" "$count")
            echo "$figures" | awk 'NR == 1 {print $2}' >>"$WORK/figures.p50.$name"
            echo "$figures" | awk 'NR == 1 {print $4}' >>"$WORK/figures.p999.$name"
            echo "$figures" | awk 'NR == 2 {print $4}' >>"$WORK/figures.window.$name"
            wait_for_child "$name"
            sleep 1
        done
    done
    stop redis
    stop keepsake
    clear_say
    heading "SET while BGSAVE runs, 3 M keys, one client, server not pinned"
    local what redis keepsake
    declare -A labels=([p50]='p50 during the save' [p999]='p99.9 during the save' [window]='p99.9 in the 4 s from BGSAVE on')
    for what in p50 p999 window; do
        redis=$(median <"$WORK/figures.$what.redis")
        keepsake=$(median <"$WORK/figures.$what.keepsake")
        printf '| %s | %s us | %s us | %sx shorter | %s |\n' "${labels[$what]}" "$redis" "$keepsake" \
            "$(ratio "$redis" "$keepsake")" "$([ $what = p50 ] && echo '' || echo 'not worse')"
    done
}

printf 'Keepsake beside %s\n' "$(redis-server --version | awk '{print $3}')"
printf 'machine: %s cores, kernel %s, huge pages: %s\n' "$(nproc)" "$(uname -r)" "$(cat /sys/kernel/mm/transparent_hugepage/enabled)"
[ $# -gt 0 ] || set -- cpu memory save fork latency types typesmem typessave
for part in "$@"; do "part_$part"; done
