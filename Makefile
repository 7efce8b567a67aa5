# Every target installs what it needs: all you need is Python 3.11 or later with pip, and make.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
EXTRAS := dev
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: setup demo test test-recipes test-backbones faults soak cluster-test gpu-test simulations check docs lock bench bench-quick clean

setup: $(READY)

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "thawtune needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $@

demo: $(READY) ## Run the digits study from search to report
	$(BIN)/thawtune demo

test: $(READY) ## Run all tests that need only this machine
	$(BIN)/python -m pytest

test-recipes: $(READY) ## Train every recipe of every study for one epoch
	$(BIN)/python -m pytest -m recipes

test-backbones: $(READY) ## Train, save and export every backbone, beside Keras's own: docs/backbones.md
	$(BIN)/python -m pytest -m backbones -s

faults: $(READY) ## Kill, starve and damage real searches
	$(BIN)/python -m pytest -m faults

soak: $(READY) ## Kill driver, workers and raylet of searches a hundred times: an hour
	$(BIN)/python -m pytest -m soak -s

cluster-test: $(READY) ## Run clusters on this machine (jobs, lost hosts, tokens); as root
	$(BIN)/python -m pytest -m cluster

gpu-test: $(READY) ## On a machine with a GPU: placement, memory, 16 bits; prints what was seen
	$(BIN)/python -m pytest -m gpu -s tests/gpu

simulations: $(READY) ## Error rates of the report's verdicts, into docs/statistics.md: half an hour
	$(BIN)/python -m tests.reports.simulations.page

check: $(READY) ## Check style, types and the order of imports
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY) ## Write docs/hyperparameters.md from the code
	$(BIN)/python -m spaces.hyperparameter_page

lock: ## Resolve pyproject.toml again: versions and hashes only
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet pyproject.toml --extra $(EXTRAS) --universal \
		--python-version 3.11 --generate-hashes --no-header --no-emit-index-url --output-file requirements.lock

bench: $(READY) ## Compare with Ray Tune, KerasTuner and Optuna (two hours)
	$(BIN)/python -m tests.benchmarks

bench-quick: $(READY) ## A smaller version of bench (twelve minutes)
	$(BIN)/python -m tests.benchmarks --quick

clean:
	rm -rf .venv .venv-lock build *.egg-info
