# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# Every start of Python would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test lint record lock clean

help:  ## what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Sickbay needs Python 3.11 or later, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## run the suite on a small, partly ill system of embedded parts
	@$(BIN)/python -m lab.demo

test: $(READY) lint  ## install what the lab needs where it can be, and run every test of Sickbay itself
	$(BIN)/python -m lab.install
	$(BIN)/python -m pytest selftest -n 5 --dist loadgroup

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

record: $(READY)  ## run the detection matrix and keep its snapshots for the fast tests
	$(BIN)/python -m lab.install
	$(BIN)/python -m pytest selftest/lab/test_matrix.py --record -n 5 --dist loadgroup

lock: $(READY)  ## renew requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --all-extras --group demo --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -o requirements.lock

clean:  ## remove the virtual environment and caches of the checkout
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
