#!/usr/bin/env bash
# Checks the OpenCL sources without any GPU: compiles every variant for every target, simulates what is in PTX, then
# runs the portable kernels and the emulated matrix engines under oclgrind, which finds races and accesses out of
# bounds.
#
#   check_opencl_kernels.sh WORK_DIRECTORY PROGRAM SWIFT_TEST_FLAG…
#
# PROGRAM is a built nodewatt, and the tests are built too. Needs clang-19, libclc-19, oclgrind and python3-venv;
# NVIDIA's assembler comes from PyPI into WORK_DIRECTORY. What is missing is an error: nothing is skipped.
set -euo pipefail

work=$(realpath -m "${1:?usage: check_opencl_kernels.sh WORK_DIRECTORY PROGRAM SWIFT_TEST_FLAG…}")
program=$(realpath "${2:?usage: check_opencl_kernels.sh WORK_DIRECTORY PROGRAM SWIFT_TEST_FLAG…}")
shift 2
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
environment=$work/venv
mkdir -p "$work"

fail() {
    echo "check_opencl_kernels.sh: $1" >&2
    exit 2
}
find_ptxas() { [[ ! -d $environment ]] || find "$environment" -name ptxas -type f -perm -u+x -print -quit; }

ptxas=$(find_ptxas)
if [[ -z $ptxas ]]; then
    echo "Installing NVIDIA's assembler into $environment"
    python3 -m venv "$environment" || fail "python3 -m venv failed; install the Debian package python3-venv"
    "$environment/bin/pip" install --quiet --disable-pip-version-check nvidia-cuda-nvcc \
      || fail "pip could not install nvidia-cuda-nvcc"
    ptxas=$(find_ptxas)
fi
[[ -n $ptxas ]] || fail "there is no ptxas in $environment"
simulator=$(find /usr/lib -name liboclgrind-rt-icd.so -print -quit)
[[ -n $simulator ]] || fail "no liboclgrind-rt-icd.so below /usr/lib: install the Debian package oclgrind"

failed=0
python3 "$here/check_opencl_kernels.py" "$program" "$ptxas" "$work/objects" || failed=1
python3 "$here/simulate_wgmma.py" "$program" || failed=1

# The simulator is the only driver; it knows no prefetching. What it finds it prints: a file of its own (OCLGRIND_LOG)
# is not flushed when the process ends. Its search for uses of what was never set (OCLGRIND_UNINITIALIZED) crashes on
# some of these kernels, so it is left out.
echo "$simulator" >"$work/oclgrind.icd"
log=$work/oclgrind.log
OCL_ICD_VENDORS=$work/oclgrind.icd OCLGRIND_DATA_RACES=1 OCLGRIND_MAX_ERRORS=100 \
  OCLGRIND_BUILD_OPTIONS='-D__builtin_prefetch(...)=' NODEWATT_DEVICE_UNDER_TEST=Oclgrind \
  swift test "$@" --skip-build --filter SmallKernelTests >"$log" 2>&1 || failed=1
sed -n '/^[✔✘]/p; /^error/p' "$log"
found=$(grep -cE 'data race at|^Invalid |divergence|OCLGRIND FATAL|runtime error' "$log" || true)
if [[ $found != 0 ]]; then
    grep -E -A 8 -m 6 'data race at|^Invalid |divergence|OCLGRIND FATAL|runtime error' "$log"
    echo "oclgrind found $found errors; all are in $log"
    failed=1
elif ! grep -q '✔ Test deviceIsTheOneThatWasMeant' "$log"; then
    fail "the tests did not run in oclgrind; see $log"
fi
exit "$failed"
