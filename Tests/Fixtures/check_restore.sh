#!/usr/bin/env bash
# Kills `nodewatt sweep` at random moments, then at every call that changes a file, and checks that the next start of the
# program puts every limit back.
#
#   check_restore.sh NODEWATT [KILLS [SEED]]
#
# Exit status: 0 when every limit came back every time and enough kills hit while one was changed; 77 where namespaces
# are barred.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
program=$(realpath -- "${1:?name the program}")
kills=${2:-100}
seed=${3:-1}

state=$(mktemp -d)
trap 'rm -rf -- "$state"' EXIT

tree=(--packages 2 --limit-step 10 --window-us 1000)
# Without cpufreq in this kernel there is nothing to bind clock limits over; power limits are enough then.
[[ ! -d /sys/devices/system/cpu/cpufreq ]] || tree+=(--cpufreq)

in_tree() { bash "$here/with_rapl_tree.sh" "${tree[@]}" -- python3 "$here/kill_sweep.py" "$program" "$@"; }

mkdir "$state/random" "$state/calls"
in_tree "$state/random" --kills "$kills" --seed "$seed"
if strace -o /dev/null true 2>/dev/null; then
    in_tree "$state/calls" --every-call
else
    echo "strace does not work here: no kills at every call"
fi
