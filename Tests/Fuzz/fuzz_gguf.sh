#!/usr/bin/env bash
# Fuzzes the reader of GGUF files with libFuzzer, which Swift's toolchain has on Linux.
#
# usage: fuzz_gguf.sh FOLDER SECONDS     builds in FOLDER, runs for SECONDS; 0 runs the corpus alone
#        fuzz_gguf.sh FOLDER seeds       writes the models that fuzzing starts from into the corpus
#
# Inputs that find new paths stay in FOLDER/found, crashing ones in FOLDER/crash-*; the latter fail the run. Prints the
# number of runs, and how much of the reader they went through.
set -euo pipefail

folder=$1 seconds=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
corpus=$here/corpus/gguf
mkdir -p "$folder/found"
cd "$folder"
folder=$PWD
[[ $(uname -s) == Linux ]] || { echo "libFuzzer is part of Swift's toolchain on Linux alone" >&2; exit 2; }

# The package's own settings; -assert-config keeps the library's checks of bounds in the optimised code.
flags=(-O -g -swift-version 6 -parse-as-library -wmo -package-name nodewatt -I "$folder"
  -enable-upcoming-feature ExistentialAny -enable-upcoming-feature MemberImportVisibility
  -enable-upcoming-feature InternalImportsByDefault -Xfrontend -assert-config -Xfrontend Debug)
# shellcheck disable=SC2054  # the commas are the option's own
fuzzed=(-sanitize=fuzzer -sanitize-coverage=edge,inline-8bit-counters,pc-table,trace-cmp -profile-generate
  -profile-coverage-mapping)
[[ $seconds != seeds ]] || fuzzed=()

for name in NodeModel ModelFiles; do
  swiftc "${flags[@]}" "${fuzzed[@]}" -module-name "$name" -emit-module -emit-module-path "$folder/$name.swiftmodule" \
    -c "$root/Sources/$name"/*.swift -o "$folder/$name.o"
done

if [[ $seconds == seeds ]]; then
  swiftc "${flags[@]}" -module-name WriteSeeds "$here/WriteSeeds.swift" "$root"/Tests/ModelFiles/{Support,TinyModels}.swift \
    "$folder"/{ModelFiles,NodeModel}.o -o "$folder/write_seeds"
  exec "$folder/write_seeds" "$corpus"
fi

swiftc "${flags[@]}" "${fuzzed[@]}" -module-name Harness "$here/GGUFHarness.swift" "$folder"/{ModelFiles,NodeModel}.o \
  -o "$folder/fuzz_gguf"
limits=(-timeout=2 -rss_limit_mb=1024 -malloc_limit_mb=256 "-artifact_prefix=$folder/")
if (( seconds > 0 )); then
  LLVM_PROFILE_FILE=/dev/null ./fuzz_gguf "${limits[@]}" -max_total_time="$seconds" -max_len=16384 \
    -dict="$here/gguf.dict" -print_final_stats=1 found "$corpus"
fi
# A run through all that was found, for its profile.
LLVM_PROFILE_FILE=$folder/corpus.profraw ./fuzz_gguf "${limits[@]}" -runs=0 found "$corpus" 2>&1 | tail -n 2
tools=$(dirname "$(readlink -f "$(command -v swiftc)")")
"$tools/llvm-profdata" merge -o corpus.profdata corpus.profraw
"$tools/llvm-cov" report ./fuzz_gguf -instr-profile corpus.profdata "$root"/Sources/ModelFiles/*.swift
