# Everything sets itself up: Python 3.11 or later with pip, and make, are all that is needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
EXTRAS := dev
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: setup demo test test-recipes test-backbones faults cluster-test check lock bench bench-quick clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "thawtune needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

demo: $(READY) ## Digits from search to report
	$(BIN)/thawtune demo

test: $(READY) ## All tests that need no more than this machine
	$(BIN)/python -m pytest

test-recipes: $(READY) ## Every recipe of every study, for an epoch
	$(BIN)/python -m pytest -m recipes

test-backbones: $(READY) ## Every backbone, trained, saved and exported, beside Keras's own: docs/backbones.md
	$(BIN)/python -m pytest -m backbones -s

faults: $(READY) ## Real searches, killed, starved and damaged
	$(BIN)/python -m pytest -m faults

cluster-test: $(READY) ## Searches on clusters of this machine: jobs, lost hosts, tokens; as root
	$(BIN)/python -m pytest -m cluster

check: $(READY) ## Style, types and the direction of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: ## Resolve pyproject.toml anew: versions and hashes only
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet pyproject.toml --extra $(EXTRAS) --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --output-file requirements.lock

bench: $(READY) ## Against Ray Tune, KerasTuner and Optuna: two hours
	$(BIN)/python -m tests.benchmarks

bench-quick: $(READY) ## The same in little
	$(BIN)/python -m tests.benchmarks --quick

clean:
	rm -rf .venv .venv-lock build *.egg-info
