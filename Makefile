# Quintet: every task a person or CI runs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
UV := $(BIN)/uv
STAMP := $(VENV)/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The locked set is built from wheels for the interpreter at hand; uv never fetches another Python.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/$(VENV)

.DEFAULT_GOAL := help
.PHONY: help install demo up test check fmt protos protos-check smoke clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## Make .venv with everything locked, and .venv/bin/quintet

$(STAMP): uv.lock pyproject.toml $(wildcard */pyproject.toml */*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Quintet needs Python 3.11 or newer; set PYTHON=python3.x")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) sync --locked --all-packages --python $(BIN)/python
	@touch $@

demo: install ## Five real seeds in, recommendations out, through the real services
	@$(BIN)/quintet demo

up: install ## Run all services in the foreground, without Docker
	@$(BIN)/quintet up

test: install ## Run the tests
	@$(BIN)/pytest -q

check: install protos-check ## Lint, types, architecture, protos
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@cd protos && buf lint

fmt: install ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

protos: install ## Regenerate the gRPC stubs
	@$(BIN)/python protos/generate.py

protos-check: protos ## Fail where committed stubs differ from the .proto files
	@git diff --exit-code --stat -- protos/gen
	@test -z "$$(git status --porcelain -- protos/gen)" || { git status --short -- protos/gen; exit 1; }

smoke: install ## Import each member alone, with its own dependencies only
	@for module in search.app profile.app ranker.app gateway.app ui.listener ui.incharge training.cli; do \
	  echo "quintet_$$module"; \
	  $(UV) run --quiet --isolated --no-default-groups --package quintet-$${module%%.*} \
	    python -c "import quintet_$$module" || exit 1; \
	done

clean: ## Remove the environment and the state
	@rm -rf $(VENV) .quintet
