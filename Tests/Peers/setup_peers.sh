#!/usr/bin/env bash
# Makes the programs nodewatt is held against ready in DIRECTORY; says nothing and does nothing when they are.
#
#   setup_peers.sh [DIRECTORY]      default: .build/peers of the checkout
#
# likwid-bench and clpeak come from Debian packages (make setup-peers installs them). oneDNN comes from PyPI into a
# virtual environment; where there is none for this processor the figures against it say so.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
peers=$(realpath -m "${1:-$here/../../.build/peers}")
environment=$peers/venv
mkdir -p "$peers"

fail() {
    echo "setup_peers.sh: $1" >&2
    exit 2
}
# stale PROGRAM SOURCE: whether the program has to be built.
stale() { [[ ! -x $1 || $2 -nt $1 ]]; }

if stale "$peers/register_peak" "$here/register_peak.c"; then
    # clang, which comes with Swift: gcc keeps some of the accumulators in memory.
    clang -O2 -std=gnu11 -Wall -Wextra "$here/register_peak.c" -o "$peers/register_peak" -lpthread
fi

header=$environment/include/oneapi/dnnl/dnnl.hpp
if [[ ! -e $header ]]; then
    echo "Installing oneDNN into $environment"
    python3 -m venv "$environment" || fail "python3 -m venv failed; install the Debian package python3-venv"
    if ! "$environment/bin/pip" install --quiet --disable-pip-version-check onednn-cpu-gomp onednn-devel-cpu-gomp; then
        [[ $(uname -m) != x86_64 ]] || fail "pip could not install oneDNN"
        echo "No oneDNN for $(uname -m): its figures will say so." >&2
    fi
fi
if [[ -e $header ]] && stale "$peers/product_onednn" "$here/product_onednn.cpp"; then
    g++ -O2 -std=c++17 -fopenmp -Wall -Wextra -isystem "$environment/include" "$here/product_onednn.cpp" \
        -o "$peers/product_onednn" -L"$environment/lib" -ldnnl -Wl,-rpath,"$environment/lib"
fi
