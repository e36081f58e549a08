# Everything a person or a CI job runs; `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV    := .venv
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.setup-done
# Pythons to try, best tested first; `make setup PYTHON=/path/to/python3` overrides.
PYTHON  ?= python3.13 python3.12 python3.11 python3.14 python3
# Parallel pytest processes; the tests start workers of their own.
JOBS    ?= 2
# A folder of wheels to install from instead of the network (see README, "Without internet").
WHEELHOUSE ?=
# Where `make demo` writes.
DEMO    ?= demo-results

# A module system's PYTHONPATH would shadow the environment; Python is never downloaded.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV CONDA_PREFIX
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
ifneq ($(WHEELHOUSE),)
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := $(abspath $(WHEELHOUSE))
OFFLINE := --offline --no-index --find-links $(abspath $(WHEELHOUSE))
endif
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python $(OFFLINE)

.PHONY: help setup demo test test-slurm test-faults test-devices test-agreement soak lint format docs test-site bench asv gate \
  gate-shown scale lock wheelhouse clean distclean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv with everything that demo, test and lint need

$(STAMP): pyproject.toml requirements.lock
	@works='import pip, sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(BIN)/python -c "$$works" >/dev/null 2>&1; then \
	  for python in $(PYTHON); do \
	    if $$python -c "$${works/pip, /}" >/dev/null 2>&1; then break; fi; python=; \
	  done; \
	  if [[ -z $$python ]]; then \
	    echo "error: no Python 3.11 or newer with its venv module among: $(PYTHON)" >&2; \
	    echo "       install one (Debian: python3 python3-venv), load your site's module, or: make setup PYTHON=/path/to/python3" >&2; \
	    exit 1; \
	  fi; \
	  echo "setup: $(VENV) with $$($$python --version) ($$(command -v $$python))"; \
	  $$python -m venv --clear $(VENV); \
	fi
	@[[ -x $(BIN)/uv ]] || $(BIN)/python -m pip install --quiet 'uv>=0.5,<1'
	@$(UV) --requirement requirements.lock
	@$(UV) --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "setup: done; try '$(BIN)/qhpc --help' or 'make demo'"

demo: setup ## run the quickstart campaign, print its table, draw its figure (under a minute)
	@told=$$($(BIN)/qhpc run quickstart --results $(DEMO)) || { status=$$?; echo "$$told"; exit $$status; }
	@$(BIN)/qhpc report $(DEMO)/quickstart

FAULTS := tests/faults tests/pilot_quantum/test_faults.py tests/pilot_quantum/test_driver_ends.py \
  tests/pilot_quantum/test_two_users.py

test: setup ## all tests but fault injection and Slurm
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --durations 15 $(FAULTS:%=--ignore=%) --ignore=tests/slurm

test-slurm: setup ## pilots and campaigns on a real Slurm, brought up here (Debian, as root; some minutes)
	@QHPC_TEST_SLURM=1 $(BIN)/python -m pytest --durations 10 tests/slurm

test-faults: setup ## kill workers, drivers and clusters at random (slow; wants a quiet machine)
	@$(BIN)/python -m pytest --durations 15 $(FAULTS)

test-agreement: setup ## 100 seeded circuits on every kind of gang against lightning.qubit (some minutes)
	@$(BIN)/python -m tests.miniapps.distributed_state_vector.agreement

soak: setup ## the same long runs with 100 kills each; what they saw goes to results/soak (half an hour)
	@mkdir -p results/soak
	@$(BIN)/python -m pytest --durations 15 tests/faults --kills 100 --record results/soak/soak.jsonl

test-devices: setup ## two hundred crash trials over the local IonQ service (a quarter of an hour)
	@$(BIN)/python -m tests.services.crashes $(or $(TRIALS),200)

docs: setup ## the documents as a site in docs/_build/html; warnings are errors
	@$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

test-site: setup ## the report's site in a real browser (needs Debian's chromium; installs playwright)
	@command -v chromium >/dev/null || { echo "error: no chromium; Debian: apt-get install chromium" >&2; exit 1; }
	@$(UV) --constraint requirements.lock --editable '.[browser]' --no-build-isolation
	@QHPC_TEST_BROWSER=1 $(BIN)/python -m pytest --durations 10 tests/browser

lint: setup ## style, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## let ruff rewrite what it can
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

# What `make bench` compares with: the newest saved run of this machine, where there is one.
SAVED = $(wildcard .benchmarks/*/*.json)

bench: setup ## time kernels and hot paths, save them, compare with the last time (FAIL=10: fail if 10 % slower)
	@$(BIN)/python -m pytest tests/benchmarks -q -p no:xdist --benchmark-enable --benchmark-only --benchmark-autosave \
	  --benchmark-columns=median,iqr,rounds --benchmark-sort=name $(if $(SAVED),--benchmark-compare) \
	  $(if $(and $(SAVED),$(FAIL)),--benchmark-compare-fail=median:$(FAIL)%)

asv: setup ## our own costs in this environment, saved under the last commit; for the history: asv run, asv publish
	@$(BIN)/asv machine --yes >/dev/null
	@$(BIN)/asv run --environment existing:$(BIN)/python --set-commit-hash HEAD --show-stderr

gate: setup ## is HEAD slower than BASE (default: main)? some minutes on a quiet machine
	@$(BIN)/qhpc gate --base $(or $(BASE),main)

gate-shown: setup ## ten runs of the gate on equal commits and one on a slowed one, to results/gate (20 minutes, quiet)
	@$(BIN)/python -m harness.gate.demonstrate --out results/gate/gate.json

scale: setup ## status, report and compare on 100,000 records, to results/scale (3 minutes, quiet)
	@$(BIN)/python -m harness.scale --out results/scale/scale.json

lock: ## resolve requirements.lock anew; keeps the pins that still fit (UPGRADE=1 takes the newest)
	@[[ -x $(BIN)/uv ]] || $(MAKE) --no-print-directory setup
	@$(BIN)/uv pip compile pyproject.toml --extra all --extra dev --universal --python-version 3.11 \
	  --no-annotate --no-header --quiet $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	@sed -E -e "1i # Made by 'make lock' from pyproject.toml (extras all and dev): Linux and macOS, Python 3.11 to 3.14." \
	  -e '/^# Made by/d' -e "s/ ; python_full_version < '3\.15' and \(sys_platform == 'darwin' or sys_platform == 'linux'\)$$//" \
	  requirements.lock >requirements.lock.new && mv requirements.lock.new requirements.lock

wheelhouse: setup ## download all wheels into wheelhouse/, for machines without internet
	@$(BIN)/python -m pip download --quiet --only-binary :all: --dest wheelhouse --requirement requirements.lock 'uv>=0.5,<1'
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir wheelhouse .
	@echo "wheelhouse: $$(ls wheelhouse | wc -l) wheels, $$(du -sh wheelhouse | cut -f1)"

clean: ## remove caches and the demo's results
	@rm -rf $(DEMO) .asv build dist .benchmarks .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## clean, and remove .venv and wheelhouse
	@rm -rf $(VENV) wheelhouse
