#!/usr/bin/env bash
# Builds llama.cpp's library, its llama-bench and llama_logits in DIRECTORY; does nothing when they are there.
#
#   setup_llama.sh [DIRECTORY]      default: .build/peers of the checkout
#
# The source is the one that the Python package llama-cpp-python carries; cmake, ninja and gguf come from PyPI too.
# Building takes some ten minutes on two cores; interrupted, it goes on where it was.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
peers=$(realpath -m "${1:-$here/../../.build/peers}")
environment=$peers/venv
# One release, for llama.cpp's interface changes from one to the next.
package=llama-cpp-python
version=0.3.36
folder=$peers/llama-$version
source=$folder/source/vendor/llama.cpp
library=$folder/build/bin
program=$peers/llama_logits
mkdir -p "$folder"

fail() {
    echo "setup_llama.sh: $1" >&2
    exit 2
}

if [[ ! -x $environment/bin/ninja || ! -x $environment/bin/cmake ]] ||
    ! "$environment/bin/python" -c 'import gguf' 2>/dev/null; then
    echo "Installing cmake, ninja and gguf into $environment"
    [[ -x $environment/bin/pip ]] || python3 -m venv "$environment" ||
        fail "python3 -m venv failed; install the Debian package python3-venv"
    "$environment/bin/pip" install --quiet --disable-pip-version-check cmake ninja gguf || fail "pip failed"
fi

if [[ ! -e $source/CMakeLists.txt ]]; then
    echo "Fetching llama.cpp as in $package $version"
    # Unpacked beside and renamed, so that an interruption leaves nothing half-written.
    rm -rf "$folder/unpacked" && mkdir "$folder/unpacked"
    # pip runs the package's own build program to ask for its name, which needs cmake and ninja.
    PATH=$environment/bin:$PATH "$environment/bin/pip" download --quiet --disable-pip-version-check --no-deps \
        --no-binary "$package" --dest "$folder/unpacked" "$package==$version" || fail "pip could not fetch $package"
    tar -xzf "$folder"/unpacked/*.tar.gz -C "$folder/unpacked" --strip-components=1
    rm -rf "$folder/source" && mv "$folder/unpacked" "$folder/source"
fi

if [[ ! -e $folder/build/build.ninja ]]; then
    "$environment/bin/cmake" -G Ninja -S "$source" -B "$folder/build" -DCMAKE_MAKE_PROGRAM="$environment/bin/ninja" \
        -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++ -DGGML_NATIVE=ON \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_CURL=OFF \
        >"$folder/configure.log" 2>&1 || fail "cmake failed, see $folder/configure.log"
fi
if ! "$environment/bin/ninja" -C "$folder/build" -n llama llama-bench | grep -q 'no work to do'; then
    echo "Building llama.cpp in $folder/build"
    "$environment/bin/ninja" -C "$folder/build" llama llama-bench >"$folder/build.log" 2>&1 ||
        fail "the build failed, see $folder/build.log"
fi

if [[ ! -x $program || $here/llama_logits.c -nt $program || $library/libllama.so -nt $program ]]; then
    gcc -O2 -std=gnu11 -Wall -Wextra -isystem "$source/include" -isystem "$source/ggml/include" \
        "$here/llama_logits.c" -o "$program" -L"$library" -lllama -lggml -lggml-base -Wl,-rpath,"$library"
fi
