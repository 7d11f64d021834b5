#!/usr/bin/env bash
# Runs a command in a mount namespace in which /sys/class shows a powercap tree whose counters run.
#
#   with_rapl_tree.sh [--unprivileged] [--cpufreq] [options of rapl_feeder.py] -- command [argument ...]
#
# With --unprivileged the command runs without capabilities, so that files of mode 000 are denied to it even when the
# script is run by root. With --cpufreq four policies are bound over /sys/devices/system/cpu/cpufreq.
# Exit status: the command's; 77 where namespaces are barred, with the reason.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

if [[ ${NODEWATT_IN_NAMESPACE:-} != 1 ]]; then
    export NODEWATT_IN_NAMESPACE=1
    script=$here/$(basename -- "${BASH_SOURCE[0]}")
    if unshare --mount true 2>/dev/null; then exec unshare --mount -- "$script" "$@"; fi
    if unshare --user --map-root-user --mount true 2>/dev/null; then
        exec unshare --user --map-root-user --mount -- "$script" "$@"
    fi
    echo "with_rapl_tree.sh: skipped: this system does not allow mount namespaces" >&2
    exit 77
fi
unset NODEWATT_IN_NAMESPACE

prefix=()
feeder_options=()
cpufreq=
while [[ $# -gt 0 && $1 != -- ]]; do
    if [[ $1 == --unprivileged ]]; then
        # An empty bounding set takes every capability from root at the next exec.
        prefix=(setpriv --bounding-set=-all --inh-caps=-all)
    elif [[ $1 == --cpufreq ]]; then
        cpufreq=/sys/devices/system/cpu/cpufreq
        [[ -d $cpufreq ]] || { echo "with_rapl_tree.sh: skipped: there is no $cpufreq to bind over" >&2 && exit 77; }
    else
        feeder_options+=("$1")
    fi
    shift
done
if [[ $# -lt 2 ]]; then
    echo "usage: with_rapl_tree.sh [--unprivileged] [--cpufreq] [options of rapl_feeder.py] -- command [argument ...]" >&2
    exit 64
fi
shift

tree=$(mktemp -d)
feeder=
# shellcheck disable=SC2317 # reached through the trap
cleanup() {
    trap '' INT TERM
    if [[ -n $feeder ]]; then
        # Not TERM: a caller may have left that signal blocked, and the feeder has nothing to finish.
        kill -KILL "$feeder" 2>/dev/null || true
        wait "$feeder" 2>/dev/null || true
    fi
    umount /sys/class 2>/dev/null || true
    [[ -z $cpufreq ]] || umount "$cpufreq" 2>/dev/null || true
    rm -rf -- "$tree"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$tree/class"
[[ -z $cpufreq ]] || feeder_options+=(--policies "$tree/cpufreq")
python3 "$here/rapl_feeder.py" "$tree/class" --ready "$tree/ready" ${feeder_options[@]+"${feeder_options[@]}"} &
feeder=$!
while [[ ! -e $tree/ready ]]; do
    kill -0 "$feeder" 2>/dev/null || { feeder= && exit 64; }
    sleep 0.02
done
mount --bind "$tree/class" /sys/class
[[ -z $cpufreq ]] || mount --bind "$tree/cpufreq" "$cpufreq"

status=0
${prefix[@]+"${prefix[@]}"} "$@" || status=$?
exit "$status"
