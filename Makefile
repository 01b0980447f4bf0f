# make shell [ARGS=...]   a prompt (or: ARGS="run recipes/first-packet.vpp --echo")
# make test               ruff, mypy, pytest
# make bench [ARGS=...]   the figures of docs/performance.md
# Each sets up what it needs in .venv, which nothing else touches.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: help shell test lint types pytest format bench venv system-python clean

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
	$(BIN)/python -m pytest $(ARGS)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m bench $(ARGS)

venv: $(STAMP)

# Reinstalled only when the metadata changes: the package itself is installed editable.
$(STAMP): pyproject.toml | system-python
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Debian ships Python without venv: root gets it installed, anyone else is told what to ask for.
system-python:
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

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
