# Everything a person types. Each target sets up what it needs; `make help` lists them.
PYTHON ?= python3
VENV   := .venv
TORCH  := .venv-torch
INFRA  := .venv-infra
BIN    := $(VENV)/bin
ACTIONLINT_VERSION := v1.7.12
ACTIONLINT := build/bin/actionlint-$(ACTIONLINT_VERSION)
export TURNOUT_ROOT := $(CURDIR)
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-torch test-infra e2e exercise check bench drill clean lock-requirements

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/ready ## the main job on real documents: release A, the change to B under load, three bad releases, revert
	PYTHONPATH=tests $(BIN)/python -m demo

test: $(VENV)/ready ## unit and integration tests, on a real Elasticsearch that it starts
	$(BIN)/pytest

test-torch: $(TORCH)/ready ## the torch-free runtimes against sentence-transformers (installs 5 GB)
	$(TORCH)/bin/pytest tests/torch

test-infra: $(INFRA)/ready ## the Pulumi program and its policy pack, without a cloud
	$(INFRA)/bin/pytest infra/tests
	cd infra && ../$(INFRA)/bin/mypy

e2e: $(VENV)/ready $(INFRA)/ready ## the whole story on a real Kubernetes with Argo CD and Argo Rollouts (needs root and Go; 30 minutes)
	PYTHONPATH=tests $(BIN)/python -m e2e

exercise: $(VENV)/ready $(INFRA)/ready ## faults on a cluster, alerts, the runbook's commands, dashboards, a restore: build/exercise/summary.json (as e2e; 40 minutes)
	PYTHONPATH=tests $(BIN)/python -m exercise

check: $(VENV)/ready $(ACTIONLINT) ## lint, types, layers, artifacts, workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/turnout validate
	$(ACTIONLINT) -shellcheck= -pyflakes=
	$(BIN)/zizmor --offline --quiet .github

bench: $(VENV)/ready $(TORCH)/ready ## measure: build/bench/{validate,backfill,gate,judge}.json
	$(BIN)/python tests/bench/bench_validate.py
	$(BIN)/python tests/bench/bench_backfill.py
	PYTHONPATH=tests $(BIN)/python tests/bench/bench_gate.py
	PYTHONPATH=tests $(BIN)/python tests/bench/bench_judge.py

drill: $(VENV)/ready ## change a good release for bad and for good: which gate catches what (40 minutes)
	PYTHONPATH=tests $(BIN)/python -m drill
	PYTHONPATH=tests $(BIN)/python -m drill --readme README.md

clean: ## stop the local Elasticsearch and remove what was made, virtual environments included
	@if [ -x $(BIN)/turnout ]; then $(BIN)/turnout elastic stop; fi
	rm -rf build $(VENV) $(TORCH) $(INFRA)

lock-requirements: $(VENV)/ready ## pin the dependencies again (needs uv)
	requirements/lock.sh

$(VENV)/ready: requirements/base.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name it with: make PYTHON=python3.12 ..." >&2; exit 3; }
	$(PYTHON) -m venv $(VENV) || { echo "install the venv module first, on Debian: apt-get install python3-venv" >&2; exit 3; }
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/base.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(ACTIONLINT):
	@command -v go >/dev/null || { echo "Go builds actionlint, which checks the workflows: install Go, on Debian: apt-get install golang-go" >&2; exit 3; }
	GOBIN="$(CURDIR)/build/bin" go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)
	mv build/bin/actionlint $@

$(INFRA)/ready: infra/requirements.lock
	$(PYTHON) -m venv $(INFRA)
	$(INFRA)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r infra/requirements.lock
	touch $@

$(TORCH)/ready: requirements/torch.lock pyproject.toml
	$(PYTHON) -m venv $(TORCH)
	$(TORCH)/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements/torch.lock
	$(TORCH)/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@
