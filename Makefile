# nodewatt: `make bench` does the main job on a fresh Debian or Ubuntu node with Swift, `make test` checks everything.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One configuration for everything: a debug build refuses to publish figures, and building twice takes twice as long.
SWIFT_FLAGS := -c release --explicit-target-dependency-import-check error
# A program for other machines: Swift inside, and the libraries beside it found by a path that also holds for theirs.
DIST_FLAGS := $(SWIFT_FLAGS) --static-swift-stdlib --scratch-path .build/dist \
  -Xlinker --disable-new-dtags -Xlinker -rpath -Xlinker '$$ORIGIN/../lib'
BIN := .build/release
PROGRAM := $(BIN)/nodewatt
BUNDLE := nodewatt-$(shell sed -n 's/^let nodewattVersion = "\(.*\)"/\1/p' Sources/nodewatt/Nodewatt.swift)-linux-$(shell uname -m)
# What `make bench` hands to `nodewatt run`, for example: make bench ARGS="--zone DEU --pue 1.3"
ARGS ?= --suite quick

# What building and running need; the OpenCL loader and PoCL are optional at run time but part of a full run.
PACKAGES := libhwloc-dev libpowercap-dev libsqlite3-dev pkg-config opencl-headers ocl-icd-libopencl1 pocl-opencl-icd
# What the tests need beside: a JSON Schema validator, a shell linter, namespaces and a feeder for the RAPL fixture.
TEST_PACKAGES := python3 python3-venv python3-jsonschema shellcheck util-linux hwloc binutils
# The kernels of 64-bit Arm processors are run on x86-64 too, which takes a cross-compiler's libraries and an emulator.
ifeq ($(shell uname -m),x86_64)
TEST_PACKAGES += gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
endif
# What `make check-restore` needs beside: something that kills a program at a given system call.
RESTORE_PACKAGES := strace
# What `make check-kernels` needs beside: a compiler for GPUs, its built-in functions, a simulator; NVIDIA's assembler
# comes from PyPI, see Tests/Kernels/check_opencl_kernels.sh.
KERNEL_PACKAGES := clang-19 libclc-19 oclgrind python3 python3-venv
# The peers of `make bench-peers`; oneDNN comes from PyPI, see Tests/Peers/setup_peers.sh.
PEER_PACKAGES := likwid clpeak python3 python3-venv g++
PEERS := .build/peers
# PoCL and Intel's OpenCL runtime, each with its .icd file in a folder of their own.
RUNTIMES := .build/runtimes
# `make bench-peers ROUNDS=3 ONLY='GEMM bf16'` measures part of the table; RESUME=1 goes on after an interruption.
ROUNDS ?= 5
ONLY ?=
RESUME ?=
# Pairs of runs with and without `nodewatt meter`, 20 s each.
PAIRS ?= 9
# `make check-restore KILLS=1000 SEED=7` kills more often, and at other moments.
KILLS ?= 100
SEED ?= 1
# `make fuzz FUZZ_SECONDS=3600` looks longer for files that the reader of models does not survive.
FUZZ_SECONDS ?= 600
FORMATTED := Package.swift Sources Kernels Tests
SHELL_SCRIPTS := $(wildcard .ci/run Tests/Fixtures/*.sh Tests/Peers/*.sh Tests/GPU/*.sh Tests/Kernels/*.sh Tests/Drivers/*.sh Tests/Fuzz/*.sh)

.PHONY: help setup setup-test setup-peers build bench test test-kernels check-kernels check-restore fuzz lint format dist bench-peers bench-meter clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

# $(call install,packages): installs the Debian packages that are missing, quietly when none is.
define install
	@missing=; for package in $(1); do \
	  dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q 'install ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
	  command -v apt-get >/dev/null || { echo "No apt-get here. Install what these Debian packages hold:$$missing" >&2; exit 2; }; \
	  as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	  echo "Installing$$missing"; \
	  $$as_root apt-get update -qq; \
	  DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

setup: ## install what is missing to build and run (Debian, Ubuntu)
	@command -v swift >/dev/null || { echo "No swift in PATH: install Swift 6.2 or newer (swift.org/install) first." >&2; exit 2; }
	$(call install,$(PACKAGES))

setup-test: setup
	$(call install,$(TEST_PACKAGES))
	@bash Tests/Drivers/setup_runtimes.sh $(RUNTIMES)

build: setup ## build the program, optimised
	swift build $(SWIFT_FLAGS) --product nodewatt

bench: build ## the main job: benchmark and meter this node
	$(PROGRAM) run $(ARGS)

test: setup-test lint ## build everything, run all tests
	swift build $(SWIFT_FLAGS) --build-tests
	bash Tests/Kernels/check_kernels.sh .build/kernels $(BIN)/CPUKernels.build
	python3 -m unittest discover -q -s Tests/Peers -t Tests/Peers
	swift test $(SWIFT_FLAGS) --skip-build
	# The kernels once more on Intel's runtime, in a process of its own: two runtimes built on LLVM do not mix.
	@if [[ -e $(RUNTIMES)/vendors/intel.icd ]]; then \
	  OCL_ICD_VENDORS=$(RUNTIMES)/vendors/intel.icd swift test $(SWIFT_FLAGS) --skip-build --filter 'OpenCLBackendTests.KernelTests'; \
	else echo "Intel's OpenCL runtime is not installed: the kernels were tested on PoCL alone"; fi

test-kernels: setup-test ## the C kernels alone: inner loops, results, here and emulated
	bash Tests/Kernels/check_kernels.sh .build/kernels

check-kernels: setup-test ## the OpenCL sources: compiled for every GPU they are meant for, run in a simulator
	$(call install,$(KERNEL_PACKAGES))
	swift build $(SWIFT_FLAGS) --build-tests
	bash Tests/Kernels/check_opencl_kernels.sh .build/opencl-kernels $(PROGRAM) $(SWIFT_FLAGS)

check-restore: build setup-test ## kill sweeps at random moments and at every call: all limits have to come back
	$(call install,$(RESTORE_PACKAGES))
	bash Tests/Fixtures/check_restore.sh $(PROGRAM) $(KILLS) $(SEED)

fuzz: setup ## look for model files that crash or stop the reader; FUZZ_SECONDS=
	bash Tests/Fuzz/fuzz_gguf.sh .build/fuzz $(FUZZ_SECONDS)

lint: ## check formatting, documentation rules and shell scripts
	swift format lint --strict --recursive --parallel $(FORMATTED)
	@if command -v shellcheck >/dev/null; then shellcheck $(SHELL_SCRIPTS); else echo "shellcheck is not installed: scripts not checked"; fi

format: ## format the Swift sources in place
	swift format --in-place --recursive --parallel $(FORMATTED)

dist: setup ## a tarball that runs where nothing of this is installed
	swift build $(DIST_FLAGS) --product nodewatt
	rm -rf dist && mkdir -p dist/$(BUNDLE)/bin dist/$(BUNDLE)/lib dist/$(BUNDLE)/share/nodewatt
	strip -o dist/$(BUNDLE)/bin/nodewatt .build/dist/release/nodewatt
	cp -r Profiles dist/$(BUNDLE)/share/nodewatt/ && rm -f dist/$(BUNDLE)/share/nodewatt/Profiles/nodes/*.json
	cp README.md LICENSE CHANGELOG.md dist/$(BUNDLE)/
	# Everything the program links or opens, less the C library, which must be the host's own.
	loader=$$(ldconfig -p | awk '/libOpenCL\.so\.1 / {print $$NF; exit}'); \
	{ ldd dist/$(BUNDLE)/bin/nodewatt | awk '$$3 ~ /^\// {print $$3}'; echo "$$loader"; } | sort -u \
	  | grep -vE '/(libc|libm|libdl|librt|libpthread|libresolv|ld-linux[^/]*)\.so' | xargs -I{} cp -L {} dist/$(BUNDLE)/lib/
	tar -C dist -czf dist/$(BUNDLE).tar.gz $(BUNDLE)
	@ls -l dist/$(BUNDLE).tar.gz

setup-peers: setup
	$(call install,$(PEER_PACKAGES))
	@bash Tests/Peers/setup_peers.sh $(PEERS)
	@bash Tests/Drivers/setup_runtimes.sh $(RUNTIMES)

bench-peers: build setup-peers ## ratios to oneDNN, likwid-bench and clpeak, measured in turn; ROUNDS=, ONLY=, RESUME=1
	python3 Tests/Peers/bench_peers.py $(PROGRAM) --peers $(PEERS) --rounds $(ROUNDS) \
	  $(if $(ONLY),--only '$(ONLY)') $(if $(RESUME),--resume)

bench-meter: build ## what `nodewatt meter` costs the command it meters, in pairs; PAIRS=
	python3 Tests/Peers/meter_overhead.py $(PROGRAM) --pairs $(PAIRS)

clean: ## remove what was built
	rm -rf .build dist
