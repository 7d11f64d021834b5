#!/usr/bin/env bash
# Runs the bundle of `make dist` on a machine with an NVIDIA GPU whose driver brings OpenCL but registers no .icd file.
#
#   run_on_gpu.sh BUNDLE_DIRECTORY OUT_DIRECTORY
#
# Writes topology, devices, meters and a quick session as JSON and as text to OUT_DIRECTORY.
set -euo pipefail

bundle=$(realpath "${1:?usage: run_on_gpu.sh BUNDLE_DIRECTORY OUT_DIRECTORY}")
out=$(realpath -m "${2:?usage: run_on_gpu.sh BUNDLE_DIRECTORY OUT_DIRECTORY}")
mkdir -p "$out"
library=$(ldconfig -p | awk '/libnvidia-opencl\.so\.1/ {print $NF; exit}')
[[ -n $library ]] || library=$(find / -name 'libnvidia-opencl.so.1' -not -path '/proc/*' -print -quit 2>/dev/null)
if [[ -z $library ]]; then
    echo "run_on_gpu.sh: no libnvidia-opencl.so.1 on this machine" >&2
    exit 2
fi
vendors=$(mktemp -d)
trap 'rm -rf -- "$vendors"' EXIT
echo "$library" >"$vendors/nvidia.icd"
export OCL_ICD_VENDORS=$vendors
nodewatt=$bundle/bin/nodewatt

"$nodewatt" topology --format json >"$out/topology.json"
"$nodewatt" devices --format json >"$out/devices.json"
"$nodewatt" meters --format json >"$out/meters.json" || true
"$nodewatt" run --suite quick --no-save --quiet --output "$out/session.json" | tee "$out/session.txt"
