# The verbs of this repository. Needs only Python >= 3.11 with venv and a package index; uv is used
# when it is there.
PYTHON ?= python3
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)
ifneq ($(UV),)
PIP := $(UV) pip install --quiet --python $(BIN)/python --constraint constraints.txt
else
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
endif

.DEFAULT_GOAL := help
.PHONY: help up install dev test check fix golden docs bench lock clean

help: ## these lines
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: install ## install, then run agent and server here (Ctrl-C stops them)
	@$(BIN)/gnomon up

install: .venv/.installed ## .venv with the gnomon command and the usual drivers

dev: .venv/.dev

test: dev ## install, then all tests
	@$(BIN)/python -m pytest --numprocesses=auto --dist=loadgroup tests

check: dev ## format, lint, imports, types, unit tests: under a minute
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/lint-imports --no-cache > .venv/imports.log || { cat .venv/imports.log; exit 1; }
	@$(BIN)/basedpyright --level error --threads 2
	@$(BIN)/deptry . 2> .venv/deptry.log || { cat .venv/deptry.log; exit 1; }
	@GNOMON_QUICK=1 $(BIN)/python -m pytest --quiet --numprocesses=auto -m "not slow" tests/unit tests/architecture tests/docs

fix: dev ## format and mend what can be mended by machine
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format --quiet .

golden: dev ## write the golden files anew; read the diff before you commit it
	@$(BIN)/python -m pytest --quiet --update-golden tests/golden

docs: dev ## make the reference pages anew from the code
	@$(BIN)/python -m gnomon.testing.manual docs/reference

bench: dev ## benchmarks, with the peers that are there
	@$(BIN)/python -m benchmarks

lock: dev ## pick the newest versions of all dependencies
	@uv pip compile --quiet --universal --upgrade --no-header --no-annotate --no-emit-index-url \
	  --all-extras --group dev --output-file constraints.txt pyproject.toml

clean: ## remove what was made here
	@rm -rf .venv .hypothesis .ruff_cache .import_linter_cache build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Gnomon needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11 ..." >&2; exit 2; }
	@echo "Making .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt pip

.venv/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Gnomon (once; again when its dependencies change) ..."
	@$(PIP) --editable '.[all]'
	@touch $@

.venv/.dev: pyproject.toml constraints.txt .venv/.installed
	@echo "Installing what the tests need ..."
	@$(PIP) --group dev
	@touch $@
