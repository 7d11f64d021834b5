#!/usr/bin/env bash
# Checks the CPU kernels apart from Swift, on this processor and on emulated ones.
#
#   check_kernels.sh WORK_DIRECTORY [OBJECTS]
#
# Compiles Kernels/CPU for each target into WORK_DIRECTORY, checks the inner loops by disassembly, and runs the
# self-test; OBJECTS is the folder of the object files in the program, whose inner loops are checked too.
# Needs clang (it comes with Swift), binutils, python3, and on x86-64 the Debian packages gcc-aarch64-linux-gnu,
# libc6-dev-arm64-cross and qemu-user. What is missing is an error: nothing is skipped.
set -euo pipefail

work=$(realpath -m "${1:?usage: check_kernels.sh WORK_DIRECTORY [OBJECTS]}")
objects=${2:-}
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
kernels=$(realpath "$here/../../Kernels/CPU")
host=$(uname -m)
# The flags that matter of the ones SwiftPM compiles C with.
flags=(-std=gnu11 -O2 -g -fno-omit-frame-pointer -Wall -Wextra -Werror "-I$kernels/include" "-I$kernels")
# Without AVX, and with AVX2 but not AVX-512.
x86_processors='qemu64 max'
# Without extensions, with dot products, with everything; SVE with vectors of 16, 32 and 64 bytes.
arm_processors='cortex-a57 neoverse-n1 max,sve-max-vq=1 max,sve-max-vq=2 max'

fail() {
    echo "check_kernels.sh: $1" >&2
    exit 2
}
# The compiler that compiles the program: an older clang of the system may come first in PATH.
toolchain=$(swift -print-target-info 2>/dev/null \
  | sed -n 's|.*"runtimeResourcePath": "\(.*\)/lib/swift".*|\1|p') || true
clang=$toolchain/bin/clang
[[ -x $clang ]] || clang=clang
need() { command -v "$1" >/dev/null || fail "no $1 in PATH: $2"; }

# compile ARCHITECTURE CLANG_OPTION…: objects of kernels, self-test and planted loops, and the linked self-test.
compile() {
    local architecture=$1 out=$work/$1 source
    shift
    rm -rf -- "$out"
    mkdir -p "$out"
    for source in "$kernels"/*.c "$here"/*.c; do
        "$clang" "$@" "${flags[@]}" -c "$source" -o "$out/$(basename "$source" .c).o"
    done
    mv "$out/planted_kernels.o" "$work/planted_$architecture.o"
    "$clang" "$@" "$out"/*.o -o "$work/self_test_$architecture" -lpthread -lm
}
check_mix() { python3 "$here/check_instruction_mix.py" "$1" "$2" "$work/planted_$1.o"; }

# run NAME COMMAND…: the self-test, shown in full only where something is wrong.
run() {
    local name=$1 log
    shift
    log=$work/self_test.log
    if timeout 120 "$@" >"$log" 2>&1; then
        sed -n "s/^\(.*: not run: .*\)/$name: \1/p" "$log"
        echo "$name: $(tail -n 1 "$log") ($(sed -n 's/: fill: right//p' "$log" | paste -sd' '))"
    else
        cat "$log"
        echo "$name: the self-test failed"
        return 1
    fi
}
# emulate ARCHITECTURE PROCESSOR…: the self-test on each.
emulate() {
    local architecture=$1 processor
    shift
    for processor in "$@"; do
        run "$architecture emulated, $processor" "qemu-$architecture" -cpu "$processor" \
            "$work/self_test_$architecture" || failed=1
    done
}

need "$clang" "it comes with Swift"
need objdump "install the Debian package binutils"
need python3 "install the Debian package python3"
failed=0
compile "$host"
check_mix "$host" "$work/$host" || failed=1
[[ -z $objects ]] || check_mix "$host" "$objects" || failed=1
run "$host" "$work/self_test_$host" || failed=1

if [[ $host == x86_64 ]]; then
    need qemu-aarch64 "install the Debian package qemu-user"
    need aarch64-linux-gnu-objdump "install the Debian packages gcc-aarch64-linux-gnu and libc6-dev-arm64-cross"
    compile aarch64 --target=aarch64-linux-gnu -static
    check_mix aarch64 "$work/aarch64" || failed=1
    # shellcheck disable=SC2086 # one word for each processor
    emulate aarch64 $arm_processors
    # shellcheck disable=SC2086
    emulate x86_64 $x86_processors
fi
exit "$failed"
