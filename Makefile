# make demo         everything on this machine with invented data, natively; Ctrl-C stops it
# make test         the checks, then the tests
# make test-browser every page in Chromium, where grafana and influxd are on PATH: a quarter of an hour
# make check        ruff, mypy, and whether the rendered files are up to date
# make render       dashboards, rules, provisioning and docs/metrics.md from the code
# make up           the production stack, by docker compose
# make demo-docker  the demo, by docker compose
# make clean        removes what the demo, the tests and the builds left; keeps .venv and secrets/

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
PYTHON_HERE := .venv/bin/python
ARGS ?=
# Tests mostly wait for servers, so one worker more than there are cores. A file's tests share their servers.
WORKERS ?= $(shell echo $$(($$(nproc) + 1)))

.PHONY: help demo test test-browser check render up demo-docker clean setup-demo setup-test

help:
	@sed -n 's/^# make/make/p' Makefile

setup-demo:
	@scripts/setup.sh demo

setup-test:
	@scripts/setup.sh test

demo: setup-demo
	@exec $(PYTHON_HERE) -m exporters.demo $(ARGS)

test: check
	@$(PYTHON_HERE) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-browser: setup-test
	@OBSERVATORY_BROWSER=1 $(PYTHON_HERE) -m pytest tests/dashboards/test_browser.py $(ARGS)

check: setup-test
	@$(PYTHON_HERE) -m ruff check .
	@$(PYTHON_HERE) -m ruff format --check --quiet .
	@$(PYTHON_HERE) -m mypy
	@if grep -qs render exporters/cli.py; then .venv/bin/observatory render --check; fi

render: setup-test
	@.venv/bin/observatory render

up:
	@scripts/up.sh

demo-docker:
	@scripts/up.sh --demo

clean:
	@scripts/clean.sh
