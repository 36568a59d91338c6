# Every command a user or developer needs; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
ARGS ?=

# uv from the PATH if there is one, else a copy of its own inside .venv.
UV := $(shell command -v uv 2>/dev/null || echo .venv/bin/uv)
PY := .venv/bin/python
STAMP := .venv/.synced

.PHONY: help install run node flatten simulators backtest walk-forward bench fuzz fault-sim episodes test lint check format clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/bin/uv:
	@command -v python3.12 >/dev/null && python3.12 -c '' 2>/dev/null || { echo "needed: uv, or Python 3.12 as python3.12"; exit 1; }
	@echo "installing uv into .venv ..."
	@python3.12 -m venv .venv && .venv/bin/python -m pip install -q uv

$(STAMP): pyproject.toml uv.lock shims/starknet-crypto-py/pyproject.toml | $(filter .venv/bin/uv,$(UV))
	@echo "installing the locked packages (the only step that needs a package index) ..."
	@$(UV) sync --frozen --inexact --quiet
	@touch $@

install: $(STAMP) ## install what is missing into .venv

run: $(STAMP) ## trade one pair against the local simulators (ARGS="--forever", "--summary FILE", "--flatten")
	@$(PY) run.py --config config/sim.toml $(ARGS)

node: $(STAMP) ## run a node only, e.g. make node ARGS="--config config/sim.toml --attach var/venues.json"
	@$(PY) run.py $(ARGS)

flatten: $(STAMP) ## close everything at both venues now, e.g. make flatten ARGS="config/live.toml" (RUNBOOK.md)
	@$(PY) -m operations flatten $(ARGS)

simulators: $(STAMP) ## run the venues' simulators only, e.g. for make node or a client of your own
	@mkdir -p var && $(PY) -m simulators --ready-file var/venues.json $(ARGS)

backtest: $(STAMP) ## run the same strategy over recorded funding and write an HTML report (ARGS="--mode threshold")
	@$(PY) -m backtests $(ARGS)

walk-forward: $(STAMP) ## judge forecasts and rules on recorded funding they were not chosen on
	@$(PY) -m backtests walkforward $(ARGS)

bench: $(STAMP) ## measure the hot paths against baselines and floors (ARGS="--no-ticks", "--json FILE")
	@$(PY) -m benchmarks $(ARGS)

fuzz: $(STAMP) ## mutate a million frames of each venue (ARGS="--frames N --seed S")
	@$(PY) -m tests.fuzz $(ARGS)

fault-sim: $(STAMP) ## live pairs through simulated faults (SEEDS=a..b, ARGS=--show prints one life)
	@$(PY) -m tests.faultsim.lives --seeds $(or $(SEEDS),0..1999) $(ARGS)

episodes: $(STAMP) ## work swap orders under every fault of the chain (FARB_EPISODES=10000 for more)
	@$(PY) -m pytest tests/venues/test_ekubo_execution_episodes.py -s --timeout 0 $(ARGS)

test: $(STAMP) ## run all tests, two files at a time (most of them wait)
	@$(PY) -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(STAMP) ## check format, style, types and import rules
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy .
	@.venv/bin/lint-imports --no-cache

check: lint test ## everything CI checks: lint and tests

format: $(STAMP) ## format the code
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

clean: ## remove what was installed, recorded and cached
	@rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis
