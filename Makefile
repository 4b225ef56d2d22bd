# `make run` and `make test` do everything, from nothing. `make check` is what CI runs.
# Which Python; scripts/setup takes the system's own, or the first on the PATH, where none is named.
PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
# Twice as many as there are processors, because tests of containers wait a lot; not more than eight.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$(( n < 4 ? n * 2 : 8 )))

.PHONY: run test check lint types layers unit bench soak outages lock clean

run: $(VENV)/.installed-run
	@$(BIN)/workbench start --project sample_functions

# The engine and the images are made while tests run that need neither.
test: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest -p tests.setting_up --numprocesses $(WORKERS) --dist worksteal

check: lint types layers test

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	@$(BIN)/mypy

layers: $(VENV)/.installed-dev
	@$(BIN)/lint-imports

unit: $(VENV)/.installed-dev
	@$(BIN)/python -m pytest tests/unit -q

bench: $(VENV)/.installed-dev
	@$(BIN)/workbench doctor --fix --brief --project sample_functions
	@$(BIN)/python -m benchmarks

soak: $(VENV)/.installed-dev
	@$(BIN)/workbench doctor --fix --brief --project sample_functions
	@$(BIN)/python -m tests.e2e.soaking

outages: $(VENV)/.installed-dev
	@$(BIN)/workbench doctor --fix --brief --project sample_functions
	@$(BIN)/python -m tests.e2e.outages

# The pinned environments. `run` has what the workbench needs, `dev` what its tests need too.
$(VENV)/.installed-%: requirements/%.txt pyproject.toml scripts/setup
	@PYTHON=$(PYTHON) scripts/setup $*

lock: $(VENV)/.installed-dev
	@scripts/lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage
