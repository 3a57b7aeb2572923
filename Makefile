# make run    installs what is needed and serves the demo page on http://127.0.0.1:8080
# make test   installs what is needed and runs the tests, in WORKERS processes side by side
SHELL := /bin/sh
PY := .venv/bin/python
HOST ?= 127.0.0.1
PORT ?= 8080
WORKERS ?= 2
PYTEST_ARGS ?=
# Each takes the next tests of the one that has more left: files stay together, what binds a port or starts a database
# has its own, and the cache is written whole or not at all.
SIDE_BY_SIDE = -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := run
.PHONY: run setup test test-full check bench bench-quality format clean

run: setup
	@exec .venv/bin/helpbot serve --host $(HOST) --port $(PORT)

setup: .venv/.ready .venv/.learnt

.venv/.ready: requirements.txt pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh
	@touch $@

.venv/.learnt: .venv/.ready scripts/learn.sh
	@sh scripts/learn.sh --words ""
	@touch $@

# The tests speak with the shipped bot on words alone, the same on every machine: what the encoder adds is not learnt.
test: .venv/.ready
	@sh scripts/test-tools.sh
	@sh scripts/learn.sh --words
	@$(PY) -m pytest -m "not full" $(SIDE_BY_SIDE) $(PYTEST_ARGS)

test-full: setup
	@sh scripts/test-tools.sh
	@$(PY) -m pytest $(PYTEST_ARGS)

check: setup
	@sh scripts/check.sh

bench: setup
	@sh scripts/bench.sh $(BENCH_ARGS)

bench-quality: setup
	@$(PY) bench/quality.py $(BENCH_ARGS)

format: setup
	@.venv/bin/ruff format src tests bench && .venv/bin/ruff check --fix src tests bench

clean:
	rm -rf .venv .tools dist build .mypy_cache .ruff_cache .hypothesis
