#!/usr/bin/env bash
# Runs all checks of GPUs with the bundle of `make dist` alone, and writes one JSON document.
#
#   run_on_gpu.sh BUNDLE_DIRECTORY OUT_DIRECTORY [SECONDS_OF_A_TRIAL]
#
# OUT_DIRECTORY/gpu.json: topology, devices with what they can do, meters, a full session of every GPU (each kernel
# verified, or why not), what PyTorch reaches on the same GPU where python3 has it, and NVML's joules around both. The
# exit status is that of the session: 0, 1 when a kernel computed something wrong, 2 when nothing could be measured.
#
# NVIDIA's driver brings OpenCL as libnvidia-opencl.so.1 but in containers registers no .icd file; then one is made.
set -euo pipefail

usage="usage: run_on_gpu.sh BUNDLE_DIRECTORY OUT_DIRECTORY [SECONDS_OF_A_TRIAL]"
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
bundle=$(realpath "${1:?$usage}")
out=$(realpath -m "${2:?$usage}")
seconds=${3:-1.5}
nodewatt=$bundle/bin/nodewatt
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
mkdir -p "$out"

# The driver's library, where no .icd file names it.
if ! grep -qs nvidia /etc/OpenCL/vendors/*.icd && [[ -z ${OCL_ICD_VENDORS:-} ]]; then
    library=$(ldconfig -p | awk '/libnvidia-opencl\.so\.1/ && !found++ {print $NF}')
    # What cannot be searched is no reason to give up.
    [[ -n $library ]] \
      || library=$(find / -name 'libnvidia-opencl.so.1' -not -path '/proc/*' -print -quit 2>/dev/null) || true
    if [[ -n $library ]]; then
        mkdir "$work/vendors"
        echo "$library" >"$work/vendors/nvidia.icd"
        export OCL_ICD_VENDORS=$work/vendors
    fi
fi

# part NAME COMMAND…: runs a command, keeps its standard output as a part of the document, `null` where there is none.
part() {
    local name=$1 status=0
    shift
    "$@" >"$work/$name.json" 2>"$out/$name.log" || status=$?
    [[ -s $work/$name.json ]] || echo null >"$work/$name.json"
    return "$status"
}
# shellcheck disable=SC2317  # called by part
reference() {
    if command -v python3 >/dev/null; then
        python3 "$here/reference.py" "$1"
    else
        echo '{"unavailable": "no python3"}'
    fi
}

part topology "$nodewatt" topology --format json || true
part devices "$nodewatt" devices --probe --format json || true
part meters "$nodewatt" meters --format json || true
mapfile -t gpus < <(tr -d ' \n' <"$work/devices.json" | grep -oE '"id":"opencl:[0-9]+:[0-9]+","kind":"(gpu|accelerator)"' \
  | cut -d '"' -f 4 | sort -u)
if [[ ${#gpus[@]} == 0 ]]; then
    echo "run_on_gpu.sh: no GPU with OpenCL on this machine; $out/devices.log says why" >&2
    exit 2
fi
part energy_before reference energy || true
status=0
part session "$nodewatt" run --suite full --device "${gpus[@]}" --trial-seconds "$seconds" --idle-seconds 2 \
    --no-save --format json || status=$?
part energy_between reference energy || true
part torch reference torch || true
part energy_after reference energy || true

{
    echo '{"schema": "nodewatt.gpu-check/1"'
    for name in topology devices meters energy_before session energy_between torch energy_after; do
        printf ', "%s": ' "$name"
        cat "$work/$name.json"
    done
    echo '}'
} >"$out/gpu.json"
echo "$out/gpu.json"
exit "$status"
