#!/usr/bin/env bash
# Holds nodewatt against other programs on this machine: in turn, several rounds, medians, ratios.
#
#   bench_peers.sh PROGRAM [ROUNDS]
#
# Peers: Tests/Peers/fma_peak.c (compiled here), likwid-bench and clpeak where they are installed (Debian packages
# likwid, clpeak). Prints a table; judges nothing.
set -euo pipefail

program=$(realpath "${1:?usage: bench_peers.sh PROGRAM [ROUNDS]}")
rounds=${2:-3}
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
threads=$("$program" topology --format json | python3 -c 'import json, sys; print(json.load(sys.stdin)["cores"])')
"${CC:-cc}" -O3 -ffp-contract=fast "$here/fma_peak.c" -o "$work/fma_peak" -lpthread

# one DEVICE WORKLOAD KEY: one figure of nodewatt, in base units.
one() {
    "$program" run --no-save --quiet --device "$1" --workload "$2" --format json 2>/dev/null | python3 -c '
import json, sys
trial = json.load(sys.stdin)["trials"][0]
print(trial[sys.argv[1]] if trial["status"] == "measured" else "nan")' "$3"
}
likwid() {
    command -v likwid-bench >/dev/null || { echo nan; return; }
    likwid-bench -t "$1" -w "S0:$2:$threads" 2>/dev/null | awk -v key="$3" '$1 == key {print $2 * 1e6; found = 1} END {if (!found) print "nan"}'
}
clpeak_f32() {
    command -v clpeak >/dev/null || { echo nan; return; }
    { clpeak --compute-sp 2>/dev/null || true; } | awk '/float[0-9 ]* *:/ {if ($NF > best) best = $NF} END {print best ? best * 1e9 : "nan"}'
}
peak() { "$work/fma_peak" "$threads" | awk '{print $1 * 1e9}'; }
opencl=$("$program" devices --format json | python3 -c '
import json, sys
cpus = [d["id"] for d in json.load(sys.stdin)["devices"] if d["backend"] == "opencl" and d["kind"] == "cpu"]
print(cpus[0] if cpus else "")')
read_test=load
grep -q avx512f /proc/cpuinfo && read_test=load_avx512

for round in $(seq "$rounds"); do
    [[ -t 2 ]] && printf '\rround %d of %d …' "$round" "$rounds" >&2
    {
        echo "peak f32, cpu|$(one cpu peak flops_per_second)|fma_peak.c|$(peak)"
        echo "gemm f32 2048, cpu|$(one cpu gemm flops_per_second)|fma_peak.c|$(peak)"
        echo "DRAM read, cpu|$(one cpu bandwidth bytes_per_second)|likwid-bench $read_test|$(likwid "$read_test" 1GB MByte/s:)"
        if [[ -n $opencl ]]; then
            echo "gemm f32 2048, $opencl|$(one "$opencl" gemm flops_per_second)|fma_peak.c|$(peak)"
            echo "peak f32, $opencl|$(one "$opencl" peak flops_per_second)|clpeak|$(clpeak_f32)"
        fi
    } >>"$work/rows"
done
[[ -t 2 ]] && printf '\r\033[K' >&2

python3 - "$work/rows" "$rounds" <<'PY'
import statistics, sys

rows = {}
for line in open(sys.argv[1], encoding="utf-8"):
    name, ours, peer, theirs = line.rstrip("\n").split("|")
    rows.setdefault((name, peer), []).append((float(ours), float(theirs)))
print(f"medians of {sys.argv[2]} rounds, in turn; G/s")
print(f"{'figure':34} {'nodewatt':>10} {'peer':>10} {'ratio':>7}  peer is")
for (name, peer), pairs in rows.items():
    ours = statistics.median(a for a, _ in pairs) / 1e9
    theirs = statistics.median(b for _, b in pairs) / 1e9
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"{name:34} {ours:10.1f} {theirs:10.1f} {ratio:7.3f}  {peer}")
PY
