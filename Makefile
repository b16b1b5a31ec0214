.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "promptclaim needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

venv: .venv/.ready  ## the environment in .venv, and .venv/bin/promptclaim

demo: venv  ## claims from file to payment, figures and proof on embedded parts, printed (KEEP=1 stays up)
	$(BIN)/python deploy/demo.py $(if $(KEEP),--keep)

run: venv  ## the suite on embedded parts, data kept in ./var, until Ctrl-C
	$(BIN)/promptclaim up --data var

test: venv  ## all tests, on real Apache Kafka and PostgreSQL where they can be had
	$(BIN)/pytest -n 2 --dist loadgroup

lint: venv  ## linters, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: venv  ## benchmarks as ratios in one run, kept in docs/benchmarks.md
	$(BIN)/python -m bench

secrets: .env  ## the keys that docker-compose.yml needs, made once into .env

.env:
	umask 077; for name in POSTGRES_PASSWORD PROMPTCLAIM_MEMBER_KEY PROMPTCLAIM_SESSION_SECRET \
		PROMPTCLAIM_SIGNING_KEY; do \
		echo "$$name=$$($(PYTHON) -c 'import secrets; print(secrets.token_hex(32))')"; done > .env

lock:  ## compile requirements/*.in to hashed *.txt (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -o requirements/runtime.txt requirements/runtime.in
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header -c requirements/runtime.txt -o requirements/dev.txt requirements/dev.in

.PHONY: help venv demo run test lint bench lock secrets
