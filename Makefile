# Two commands: `make run`, then `make test`. `make help` lists the rest.
#
# PYTHON=/usr/bin/python3.12 chooses the interpreter of .venv (default: the one that it has, else python3).

VENV ?= .venv
PYTHON ?= $(firstword $(wildcard $(VENV)/bin/python) python3)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest --quiet --numprocesses logical --maxprocesses 8
NATIVE := $(wildcard native/*.c native/*.h native/*.S)
C_FILES := $(filter-out native/check_abi.c,$(wildcard native/*.c native/*.h tests/guest/*.c tests/guest/*.h tests/processes/*.c tests/hooks/*.c tests/conformance/*.c tests/strace/*.c tests/roots/*.c))
COMPILE := gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -fsyntax-only
EDITABLE := --editable
SUITE = $(@:compat-%=%)
COMPAT = $(BIN)/noahpy compat $(SUITE) --cache .cache/compat --expect tests/expect/$(SUITE).txt
ASAN := .venv-asan

.DELETE_ON_ERROR:
.PHONY: help run build gen gen-check test test-without-kvm test-all asan fuzz lab bench apps compat-busybox compat-coreutils compat-bash compat-python lint format clean always

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: build ## make .venv, build, and run a real program in the VM
	$(BIN)/noahpy ls -l /
	@echo 'That was ls in a VM without a kernel. From now on: $(BIN)/noahpy PROGRAM [ARGS...]'

build: $(VENV)/built ## bring .venv/bin/noahpy up to date

gen: $(VENV)/base ## write what is generated: in docs/, linux_abi/index.py, native/check_abi.c
	$(BIN)/python -m linux_abi.document >docs/syscalls.md
	$(BIN)/python -m tests.apps --document >docs/programs.md
	$(BIN)/python -m noahpy.manual >docs/noahpy.1
	$(BIN)/python -m linux_abi.indexer >index.new && mv index.new linux_abi/index.py
	$(BIN)/python -m linux_abi.uapi.check >native/check_abi.c

gen-check: $(VENV)/base ## fail if `make gen` would change a file, or the system's headers say otherwise
	$(BIN)/python -m linux_abi.document | diff -u docs/syscalls.md -
	$(BIN)/python -m tests.apps --document | diff -u docs/programs.md -
	$(BIN)/python -m noahpy.manual | diff -u docs/noahpy.1 -
	$(BIN)/python -m linux_abi.indexer | diff -u linux_abi/index.py -
	$(BIN)/python -m linux_abi.uapi.check | diff -u native/check_abi.c -
	$(COMPILE) native/check_abi.c

test: $(VENV)/tests ## all tests but the slow ones
	$(PYTEST) -m 'not slow'

test-without-kvm: $(VENV)/tests ## the same as root on a machine whose /dev has no KVM: the CPU is simulated
	NOAHPY_REQUIRE=sim tests/without-kvm $(PYTEST) -m 'not slow'

test-all: $(VENV)/apps ## all tests
	$(PYTEST)

asan: ## guest tests with native/ under the address and undefined-behaviour sanitizers
	rm -rf $(ASAN)/built build
	CFLAGS='-fsanitize=address,undefined -fno-omit-frame-pointer' $(MAKE) VENV=$(ASAN) EDITABLE= $(ASAN)/tests
	LD_PRELOAD=$$(gcc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 $(ASAN)/bin/pytest --quiet -m 'not slow' tests/guest

fuzz: $(VENV)/tests ## every system call with hostile arguments, by a new seed (FUZZ="--seed N CALL...")
	$(BIN)/python -m tests.fuzz.arguments $(FUZZ)

lab: $(VENV)/tests ## tests on AMD's SVM, emulated by QEMU (QUICK=1: a part; LAB="--machine EPYC:2 --no-busybox")
	$(BIN)/python -m tests.lab $(if $(QUICK),--quick) $(LAB)

bench: $(VENV)/tests ## time noahpy against the host itself (BENCH="--json FILE")
	$(BIN)/python -m tests.bench $(BENCH)

apps: $(VENV)/apps ## real programs, natively and in noahpy, in a table (APPS="redis nginx": only these)
	$(BIN)/python -m tests.apps $(APPS)

compat-busybox: $(VENV)/tests ## busybox's own test suite, natively and in noahpy, --no-fast too (QUICK=1: without two cases of ten minutes)
	$(COMPAT) --both $(if $(QUICK),--quick,--timeout 3600)

compat-coreutils: $(VENV)/tests ## coreutils' own test suite, natively and in noahpy
	$(COMPAT)

compat-bash: $(VENV)/tests ## bash's own test suite, natively and in noahpy
	$(COMPAT)

compat-python: $(VENV)/tests ## CPython's own tests of what the system does, natively and in noahpy
	$(COMPAT) --timeout 3600

lint: $(VENV)/linters ## ruff, mypy, clang-format, the C compiler's warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	clang-format --dry-run -Werror $(C_FILES)
	include=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))'); \
		for file in native/*.c; do $(COMPILE) -I$$include $$file || exit; done

format: $(VENV)/linters ## format Python and C
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	clang-format -i $(C_FILES)

clean: ## remove what was built
	rm -rf $(VENV) .cache build *.egg-info noahpy/*.so

# What is done once is marked by a file in .venv.

$(VENV)/base: always
	@.ci/venv $(PYTHON) $(VENV)

$(VENV)/built: $(VENV)/base $(NATIVE) native/build.py pyproject.toml noahpy/bin/noahpy docs/noahpy.1
	$(PIP) --no-build-isolation $(EDITABLE) .
	@mkdir -p $(VENV)/share/man/man1 && cp docs/noahpy.1 $(VENV)/share/man/man1 # which an editable installation leaves out
	@touch $@

$(VENV)/tests: $(VENV)/built tests/packages.txt tests/requirements.txt .cache/busybox-static
	@.ci/system $$(grep -v '^#' tests/packages.txt)
	$(PIP) --requirement tests/requirements.txt
	@touch $@

$(VENV)/apps: $(VENV)/tests $(wildcard tests/apps/*.sh)
	@.ci/system $$($(BIN)/python -m tests.apps --packages)
	@touch $@

$(VENV)/linters: $(VENV)/tests
	@.ci/system clang-format
	$(PIP) ruff mypy
	@touch $@

.cache/busybox-static:
	@mkdir -p $@
	cd $@ && { apt-get -qq download busybox-static || { apt-get -qq update && apt-get -qq download busybox-static; }; } \
		&& dpkg-deb -x *.deb .
