#!/usr/bin/env bash
# Makes both OpenCL runtimes for processors ready in DIRECTORY; says nothing and does nothing when they are.
#
#   setup_runtimes.sh [DIRECTORY]      default: .build/runtimes of the checkout
#
# DIRECTORY/vendors then holds an .icd file for each: PoCL's as its Debian package installs it (make setup does), and
# Intel's runtime from PyPI, which computes in f16 and has sub-groups and the integer dot product. Where that cannot be
# had, what is tested on it says so.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
runtimes=$(realpath -m "${1:-$here/../../.build/runtimes}")
environment=$runtimes/venv
library=$environment/lib/libintelocl.so
mkdir -p "$runtimes/vendors"

if [[ ! -e $library && $(uname -m) == x86_64 ]]; then
    echo "Installing Intel's OpenCL runtime for processors into $environment"
    python3 -m venv "$environment" || {
        echo "setup_runtimes.sh: python3 -m venv failed; install the Debian package python3-venv" >&2
        exit 2
    }
    "$environment/bin/pip" install --quiet --disable-pip-version-check intel-opencl-rt intel-cmplr-lib-rt ||
        echo "setup_runtimes.sh: pip could not install Intel's OpenCL runtime" >&2
fi
for icd in /etc/OpenCL/vendors/*.icd; do
    if [[ -e $icd ]]; then cp -f "$icd" "$runtimes/vendors/"; fi
done
if [[ -e $library ]]; then echo "$library" >"$runtimes/vendors/intel.icd"; fi
