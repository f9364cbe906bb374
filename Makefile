# The whole house from two commands: `make up` runs it, `make test` proves it.
# Everything is built below .venv; nothing else on the machine is touched.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

N ?= 1000

.PHONY: up install docs dev test check bench soak simulate-seeds mutants format lock clean help

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

up: install ## run everything: private PostgreSQL, private Asterisk, all services
	@exec $(BIN)/hotline up $(ARGS)

install: ## build the environment only (.venv/bin/hotline)
	@exec sh deploy/bootstrap.sh "$(PYTHON)" "$(VENV)" requirements.lock

dev:
	@exec sh deploy/bootstrap.sh "$(PYTHON)" "$(VENV)" requirements-dev.lock requirements.lock

test: dev ## all tests, with real programs, three files at a time; under 20 minutes on two cores
	$(BIN)/python -m pytest -n 3 --dist loadfile $(ARGS)

check: dev ## the fast gate: format, lint, types, imports, fast tests; under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -x -n 2 --dist loadfile -m "not slow" tests/unit $(ARGS)

bench: ## the numbers of docs/performance.md, as ratios in one run
	@exec sh deploy/bootstrap.sh "$(PYTHON)" "$(VENV)" requirements-bench.lock requirements-dev.lock requirements.lock
	$(BIN)/python -m tests.bench $(ARGS)

soak: dev ## ten minutes of calls while storage freezes and dies: the table, and whether anything was lost
	$(BIN)/python -m tests.soak $(ARGS)

simulate-seeds: dev ## N seeded stories of a whole house with faults (make simulate-seeds N=10000), with progress
	$(BIN)/python -m tests.simulation $(N) $(ARGS)

mutants: dev ## plant N faults into the pure core, one at a time: do its tests find them? (make mutants N=400)
	$(BIN)/python -m tests.mutants $(N) $(ARGS)

docs: dev ## renew the generated parts of docs/
	$(BIN)/python docs/generate.py

format: dev ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: dev ## renew the locked dependencies
	$(BIN)/python -m piptools compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock pyproject.toml
	$(BIN)/python -m piptools compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --extra dev --output-file requirements-dev.lock pyproject.toml
	$(BIN)/python -m piptools compile -q --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --extra dev --extra bench --output-file requirements-bench.lock pyproject.toml

clean: ## remove the environment and caches (never the data directory)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
