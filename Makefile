# Two commands: `make run`, then `make test`. `make help` lists the rest.
#
# PYTHON=/usr/bin/python3.12 chooses the interpreter of .venv (default: the one that it has, else python3).

VENV ?= .venv
PYTHON ?= $(firstword $(wildcard $(VENV)/bin/python) python3)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest
NATIVE := $(wildcard native/*.c native/*.h native/*.S)
C_FILES := $(wildcard native/*.c native/*.h tests/guest/*.c tests/guest/*.h)

.DELETE_ON_ERROR:
.PHONY: help run build test test-all lint format clean always

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: build ## make .venv, build, and run a real program in the VM
	$(BIN)/noahpy ls -l /
	@echo 'That was ls in a VM without a kernel. From now on: $(BIN)/noahpy PROGRAM [ARGS...]'

build: $(VENV)/built ## bring .venv/bin/noahpy up to date

test: $(VENV)/tests ## all tests but the slow ones
	$(PYTEST) -q -m 'not slow'

test-all: $(VENV)/tests ## all tests
	$(PYTEST) -q

lint: $(VENV)/linters ## ruff, mypy, clang-format, the C compiler's warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	clang-format --dry-run -Werror $(C_FILES)
	gcc -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -fsyntax-only $(wildcard native/*.c)

format: $(VENV)/linters ## format Python and C
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	clang-format -i $(C_FILES)

clean: ## remove what was built
	rm -rf $(VENV) .cache build *.egg-info noahpy/*.so

# What is done once is marked by a file in .venv.

$(VENV)/base: always
	@.ci/venv $(PYTHON) $(VENV)

$(VENV)/built: $(VENV)/base $(NATIVE) native/build.py pyproject.toml noahpy/bin/noahpy
	$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/tests: $(VENV)/built tests/packages.txt tests/requirements.txt .cache/busybox-static
	@.ci/system $$(grep -v '^#' tests/packages.txt)
	$(PIP) --requirement tests/requirements.txt
	@touch $@

$(VENV)/linters: $(VENV)/tests
	@.ci/system clang-format
	$(PIP) ruff mypy
	@touch $@

.cache/busybox-static:
	@mkdir -p $@
	cd $@ && { apt-get -qq download busybox-static || { apt-get -qq update && apt-get -qq download busybox-static; }; } \
		&& dpkg-deb -x *.deb .
