# A fresh clone needs Python 3.11 or newer, make and git: `make demo` or `make test`.
# Another Python: `make demo PYTHON=python3.12`. With uv instead of pip: `make demo UV=uv`.

PYTHON ?= $(shell command -v python3 || command -v python || echo python3)
VENV := .venv
BIN := $(VENV)/bin

ifdef UV
CHECK_PYTHON := true
MAKE_VENV := $(UV) venv --python '>=3.11' $(VENV)
INSTALL := $(UV) pip install --python $(BIN)/python
else
CHECK_PYTHON := $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'
MAKE_VENV := $(PYTHON) -m venv $(VENV)
# Thousands of files would be compiled that are never imported: that is left to the imports.
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test check docs format notebooks clean distclean

help:
	@echo "make demo       real faces, labelled by two schemes, in demo/"
	@echo "make test       the tests (make test ARGS='-k geometry' for some of them)"
	@echo "make check      ruff, mypy and import-linter"
	@echo "make docs       the documentation, in site/; a warning or a broken link is an error"
	@echo "make notebooks  run the notebooks and keep what they show (make notebooks ARGS=02 for one)"
	@echo "make format     let ruff format and fix what it can"
	@echo "make clean      remove caches, builds and demo/; distclean removes $(VENV) too"

demo: $(VENV)/.installed
	$(BIN)/labelkit demo --no-serve

# Two test files at a time; each keeps to one core, or they would wait for one another.
test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/.installed-test
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

notebooks: $(VENV)/.installed-test
	$(BIN)/python notebooks/refresh.py $(ARGS)

# The stamps: what is installed is renewed when pyproject.toml changes, and only then.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

# One resolution of all extras, so that the tests see the versions that the demo sees.
$(VENV)/.installed-test: pyproject.toml | $(BIN)/python
	$(INSTALL) -e ".[test]"
	@touch $(VENV)/.installed $@

# A half-made environment would look like a whole one the next time: it is removed.
$(BIN)/python:
	@$(CHECK_PYTHON) || { \
	    echo "labelkit needs Python 3.11 or newer, and '$(PYTHON)' is not: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
	    exit 1; }
	@$(MAKE_VENV) || { rm -rf $(VENV); \
	    echo "No virtual environment could be made." >&2; \
	    echo "On Debian and Ubuntu: apt install python3-venv. Elsewhere: make $(MAKECMDGOALS) PYTHON=... or UV=uv" >&2; \
	    exit 1; }

clean:
	rm -rf demo dist build site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find labelkit tests benchmarks docs examples notebooks -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean
	rm -rf $(VENV)
