.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= .venv/bin/python
PROTOS := $(wildcard protos/sendwhen/v1/*.proto)
SERVICE_PROTOS := $(filter %_service.proto,$(PROTOS))
STUBS ?= .
CASES ?= tests/semantics/cases.yaml
DATA ?= ../shared/data

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/run.stamp: requirements/run.txt pyproject.toml
	@test -x .venv/bin/python || python3 -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@site=$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && pwd > $$site/sendwhen.pth
	@printf '#!/bin/sh\nexec "%s/.venv/bin/python" -m sendwhen.cli "$$@"\n' "$$(pwd)" > .venv/bin/sendwhen && chmod +x .venv/bin/sendwhen
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: setup
setup: .venv/dev.stamp ## Install everything that working on sendwhen needs into .venv

.PHONY: run
run: .venv/run.stamp ## Start everything on this machine with a demo shop and show emails as they go out
	.venv/bin/sendwhen up --demo

.PHONY: debian-packages
debian-packages:
	@tools/debian_packages

.PHONY: test
test: setup debian-packages ## Run all tests
	$(PYTHON) -m pytest -n 3

.PHONY: test-fast
test-fast: setup ## Run the tests that need no process but their own
	$(PYTHON) -m pytest -n 2 -m "not integration and not slow"

.PHONY: check
check: setup debian-packages ## Lint, types, import contracts, protos, manifests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	cd protos && ../.venv/bin/buf lint
	$(MAKE) -s protos-check
	$(PYTHON) -m tools.check_manifests

.PHONY: bench
bench: setup ## Measure, and append the figures to bench/history.jsonl
	$(PYTHON) -m bench

.PHONY: real
real: .venv/run.stamp ## Replay real data sets (DATA=folder) and count the emails
	$(PYTHON) -m tests.real $(DATA)

.PHONY: simulate
simulate: setup ## Run the simulation of faults (SEED=… RUNS=…)
	$(PYTHON) -m tests.simulation --seed $(or $(SEED),1) --runs $(or $(RUNS),100)

.PHONY: kills
kills: setup ## Kill real processes under load (ROUNDS=… SEED=… APART=1)
	$(PYTHON) -m tests.e2e.kills --rounds $(or $(ROUNDS),20) --seed $(or $(SEED),1) $(if $(APART),--apart)

.PHONY: semantics
semantics: setup ## Run neutral trigger cases (CASES=file) through the production domain
	$(PYTHON) -m tests.semantics $(CASES)

.PHONY: fuzz
fuzz: setup ## Compare the domain with its oracle for long (SECONDS=… SEED=…)
	$(PYTHON) -m tests.oracle fuzz --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

.PHONY: mutants
mutants: setup ## Show that defects built into the domain are told from its oracle
	$(PYTHON) -m tests.oracle mutants

.PHONY: protos
protos: setup ## Regenerate sendwhen/v1 from protos/ (commit the result)
	PATH=$$(pwd)/.venv/bin:$$PATH $(PYTHON) -m grpc_tools.protoc -I protos --python_out=$(STUBS) --pyi_out=$(STUBS) $(PROTOS)
	PATH=$$(pwd)/.venv/bin:$$PATH $(PYTHON) -m grpc_tools.protoc -I protos --grpc_python_out=$(STUBS) --mypy_grpc_out=quiet:$(STUBS) $(SERVICE_PROTOS)

.PHONY: protos-check
protos-check: setup ## Fail if sendwhen/v1 does not match protos/
	@fresh=$$(mktemp -d) && $(MAKE) -s protos STUBS=$$fresh \
	  && diff -r --exclude=__init__.py --exclude=__pycache__ $$fresh/sendwhen/v1 sendwhen/v1 \
	  || { echo "sendwhen/v1 is stale. Run 'make protos' and commit."; exit 1; }

.PHONY: locks
locks: setup ## Compile requirements/*.in into hashed locks
	.venv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/run.txt requirements/run.in
	.venv/bin/uv pip compile -q --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/run.txt -o requirements/dev.txt requirements/dev.in
