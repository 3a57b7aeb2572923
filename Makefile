# make run    installs what is needed and serves the demo page on http://127.0.0.1:8080
# make test   installs what is needed and runs the tests
SHELL := /bin/sh
PY := .venv/bin/python
HOST ?= 127.0.0.1
PORT ?= 8080
PYTEST_ARGS ?=

.DEFAULT_GOAL := run
.PHONY: run setup test test-full check bench bench-quality format clean

run: setup
	@exec .venv/bin/helpbot serve --host $(HOST) --port $(PORT)

setup: .venv/.ready

.venv/.ready: requirements.txt pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh
	@touch $@

test: setup
	@sh scripts/test-tools.sh
	@$(PY) -m pytest -m "not full" $(PYTEST_ARGS)

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
