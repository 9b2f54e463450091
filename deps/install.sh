#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs what Keepsake needs from the distribution's own packages, and nothing when all of it is there.
#
#   deps/install.sh          what building and testing need
#   deps/install.sh --build  what building needs
#
# Knows Debian and Ubuntu (apt), Fedora (dnf), Alpine (apk) and Arch (pacman). deps/README.md says what each is for.
set -eu

want_tests=yes
case ${1-} in
"") ;;
--build) want_tests=no ;;
*)
    echo "usage: $0 [--build]" >&2
    exit 2
    ;;
esac

# ---- what is missing: one word for each, the same for every distribution

missing=
need() { missing="$missing $1"; }
need_tool() { command -v "$2" >/dev/null 2>&1 || need "$1"; }
need_library() { pkg-config --exists "$2" 2>/dev/null || need "$1"; }

find_missing() {
    missing=
    need_tool gcc gcc
    need_tool make make
    need_tool pkg-config pkg-config
    # A compiler without the C library's headers builds nothing.
    echo '#include <stdlib.h>' | gcc -E - >/dev/null 2>&1 || need libc
    need_library jemalloc jemalloc
    need_library lzf liblzf
    need_library isal libisal
    need_library openssl libcrypto
    [ $want_tests = yes ] || return 0
    need_library cmocka cmocka
    need_library hiredis hiredis
    need_library cjson libcjson
    need_tool redis redis-server
    need_tool redis redis-cli
    need_tool redis redis-benchmark
    need_tool clang clang
    need_tool clang-format clang-format
    need_tool clang-tidy clang-tidy
    need_tool cppcheck cppcheck
    need_tool ctags ctags
    need_tool strace strace
    if command -v clang >/dev/null 2>&1; then
        echo 'int LLVMFuzzerTestOneInput(const char *d, unsigned long n) { (void)d; (void)n; return 0; }' >"$scratch/f.c"
        clang -fsanitize=fuzzer,address,undefined -o "$scratch/f" "$scratch/f.c" >/dev/null 2>&1 || need clang-rt
    fi
    if command -v gcc >/dev/null 2>&1; then
        echo 'int main(void) { return 0; }' >"$scratch/m.c"
        gcc -fsanitize=address,undefined -o "$scratch/m" "$scratch/m.c" >/dev/null 2>&1 || need gcc-sanitizers
    fi
}

# ---- its package

debian() {
    case $1 in
    libc) echo libc6-dev ;;
    jemalloc) echo libjemalloc-dev ;;
    lzf) echo liblzf-dev ;;
    isal) echo libisal-dev ;;
    openssl) echo libssl-dev ;;
    cmocka) echo libcmocka-dev ;;
    hiredis) echo libhiredis-dev ;;
    cjson) echo libcjson-dev ;;
    redis) echo redis-server redis-tools ;;
    ctags) echo universal-ctags ;;
    clang-rt) clang --version | sed -n 's/.*clang version \([0-9]*\).*/libclang-rt-\1-dev/p' ;;
    gcc-sanitizers) gcc -dumpversion | sed 's/\([0-9]*\).*/libgcc-\1-dev/' ;;
    *) echo "$1" ;;
    esac
}

fedora() {
    case $1 in
    libc) echo glibc-devel ;;
    pkg-config) echo pkgconf-pkg-config ;;
    jemalloc) echo jemalloc-devel ;;
    lzf) echo liblzf-devel ;;
    isal) echo isa-l-devel ;;
    openssl) echo openssl-devel ;;
    cmocka) echo libcmocka-devel ;;
    hiredis) echo hiredis-devel ;;
    cjson) echo cjson-devel ;;
    # Fedora 41 and later ship Valkey, with links under the names of Redis.
    redis) if dnf -q list redis >/dev/null 2>&1; then echo redis; else echo valkey valkey-compat-redis; fi ;;
    clang-format | clang-tidy) echo clang-tools-extra ;;
    clang-rt) echo compiler-rt ;;
    gcc-sanitizers) echo libasan libubsan ;;
    *) echo "$1" ;;
    esac
}

alpine() {
    case $1 in
    libc) echo musl-dev linux-headers ;;
    pkg-config) echo pkgconf ;;
    jemalloc) echo jemalloc-dev ;;
    lzf) echo liblzf-dev ;;
    isal) echo isa-l-dev ;;
    openssl) echo openssl-dev ;;
    cmocka) echo cmocka-dev ;;
    hiredis) echo hiredis-dev ;;
    cjson) echo cjson-dev ;;
    clang-format | clang-tidy) echo clang-extra-tools ;;
    clang-rt | gcc-sanitizers) echo compiler-rt ;;
    *) echo "$1" ;;
    esac
}

arch() {
    case $1 in
    libc) echo glibc ;;
    pkg-config) echo pkgconf ;;
    lzf) echo liblzf ;;
    isal) echo isa-l ;;
    redis) echo valkey ;;
    clang-format | clang-tidy) echo clang ;;
    clang-rt) echo compiler-rt ;;
    gcc-sanitizers) echo gcc-libs ;;
    *) echo "$1" ;;
    esac
}

packages() {
    for m in $missing; do "$1" "$m"; done | tr ' ' '\n' | sort -u | tr '\n' ' '
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        echo "deps: sudo $*"
        sudo "$@"
    else
        echo "deps: root is needed for: $*" >&2
        exit 1
    fi
}

# Debian starts the service of a package it installs. The tests start their own servers, so that one must not run:
# policy-rc.d forbids the start, for this installation only. One that ran before is left alone.
install_debian() {
    policy=/usr/sbin/policy-rc.d
    had_service=no
    dpkg -s redis-server >/dev/null 2>&1 && had_service=yes
    if [ ! -e $policy ]; then
        printf '#!/bin/sh\nexit 101\n' >"$scratch/policy"
        as_root install -m 755 "$scratch/policy" $policy
        trap 'as_root rm -f "$policy"; rm -rf "$scratch"' EXIT
    fi
    as_root apt-get update -q
    # shellcheck disable=SC2086 # a list of packages
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $1
    if [ $had_service = no ] && dpkg -s redis-server >/dev/null 2>&1 && [ -d /run/systemd/system ]; then
        as_root systemctl disable --now redis-server
    fi
}

# ---- go

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

find_missing
if [ -z "$missing" ]; then
    echo "deps: all there, nothing to do"
    exit 0
fi

# What one round brings may show what else is missing (clang its runtime, pkg-config the libraries).
round=1
while [ -n "$missing" ] && [ $round -le 3 ]; do
    echo "deps: missing:$missing"
    if command -v apt-get >/dev/null 2>&1; then
        list=$(packages debian)
        echo "deps: installing with apt-get: $list"
        install_debian "$list"
    elif command -v dnf >/dev/null 2>&1; then
        list=$(packages fedora)
        echo "deps: installing with dnf: $list"
        # shellcheck disable=SC2086
        as_root dnf install -y $list
    elif command -v apk >/dev/null 2>&1; then
        list=$(packages alpine)
        echo "deps: installing with apk: $list"
        # shellcheck disable=SC2086
        as_root apk add $list
    elif command -v pacman >/dev/null 2>&1; then
        list=$(packages arch)
        echo "deps: installing with pacman: $list"
        # shellcheck disable=SC2086
        as_root pacman -S --needed --noconfirm $list
    else
        echo "deps: no package manager that is known here (apt-get, dnf, apk, pacman). Missing:$missing" >&2
        exit 1
    fi
    find_missing
    round=$((round + 1))
done

if [ -n "$missing" ]; then
    echo "deps: still missing:$missing" >&2
    exit 1
fi
echo "deps: all there now"
