# make shell [ARGS=...]   a prompt (or: ARGS="run recipes/first-packet.vpp --echo")
# make test               ruff, mypy, pytest
# make bench [ARGS=...]   the figures of docs/performance.md
# make pictures           the pictures of the monitor in docs/pictures, made anew
# Each sets up what it needs: shell and test in .venv, bench in .venv-bench.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := .venv-bench
BENCH_STAMP := $(BENCH)/.installed
ARGS ?=
# Tests run side by side, a file in one process.
JOBS ?= 2

.PHONY: help shell test lint types pytest format bench pictures venv clean

help:
	@sed -n 's/^# //p' $(firstword $(MAKEFILE_LIST))

shell: $(STAMP)
	@$(BIN)/vppsh $(ARGS)

test: lint types pytest

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

pytest: $(STAMP)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCH_STAMP)
	$(BENCH)/bin/python -m bench $(ARGS)

pictures: $(STAMP)
	$(BIN)/python docs/pictures.py $(ARGS)

venv: $(STAMP)

# Debian ships Python without venv: root gets it installed, anyone else is told what to ask for.
define check-python
@command -v $(PYTHON) >/dev/null || { \
  echo "vppsh needs Python 3.11 or newer: apt install python3 python3-venv" >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "vppsh needs Python 3.11 or newer; $$($(PYTHON) -V) is too old: make PYTHON=python3.x" >&2; exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
    echo "installing python3-venv" >&2; apt-get update -qq && apt-get install -qq -y python3-venv; \
  else \
    echo "vppsh needs Python's venv module: sudo apt install python3-venv" >&2; exit 1; \
  fi; }
endef

# Reinstalled only when the metadata changes: the package itself is installed editable. Byte code is
# written here, as for any installed package: where Python is told not to write it, each start would compile.
$(STAMP): EXTRA := dev
$(BENCH_STAMP): EXTRA := bench
$(STAMP) $(BENCH_STAMP): pyproject.toml
	$(check-python)
	@[ -x $(@D)/bin/python ] || $(PYTHON) -m venv $(@D)
	@echo "installing into $(@D)" >&2
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRA)]'
	@$(@D)/bin/python -m compileall -q vppsh
	@touch $@

clean:
	rm -rf $(VENV) $(BENCH) bench/work .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
