# The commands of the project; `make help` lists them.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
MAKEFLAGS += --no-print-directory

PYTEST_LOCAL := PYTHONPATH=.:dags:lambdas .venv/bin/python -m pytest
PYTEST_GLUE := PYTHONPATH=dags:glue_scripts JAVA_HOME="$$(.venv-glue/bin/python local/java.py)" .venv-glue/bin/python -m pytest
PYTEST_AIRFLOW := PYTHONPATH=dags:plugins .venv-airflow/bin/python -m pytest
UNIT_TESTS := tests/unit tests/lambdas
LOCAL_TESTS := tests/local tests/cli tests/step_functions
DEPLOYMENT_TESTS := tests/infra tests/workflows tests/package

.PHONY: bench bench-pollock bench-smoke check test-deployment help setup setup-cli demo test test-lakes test-laws test-faults test-walk test-mutants test-fast lint down synth package security test-compose

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "make %-12s %s\n", $$1, $$2}'

setup: ## Make the environments and fetch the jars; quick when nothing has changed
	@local/setup.sh dev

setup-cli:
	@local/setup.sh cli

demo: setup-cli ## Start a lake on this machine, deliver a few days to it and show what became of every row
	@.venv/bin/ledgerlake demo

down: ## Stop the lake that `make demo` or `ledgerlake up` started
	@if [ -x .venv/bin/ledgerlake ]; then .venv/bin/ledgerlake down; fi

package: setup-cli ## Build everything that a deployment uploads into dist/, the same bytes for the same tree
	@PYTHONPATH=.:dags .venv/bin/python -m infra.release.distribution

synth: setup ## Write state machine, template and their picture again from infra/
	@PYTHONPATH=.:dags .venv/bin/python -m infra.synth

lint: setup lint-workflows ## Style, types and the fences between the folders; the workflows of GitHub Actions
	@.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	PYTHONPATH=.:dags:plugins:glue_scripts:lambdas .venv/bin/lint-imports --no-cache
	.venv/bin/mypy dags/ledgerlake lambdas cli infra local benchmarks
	.venv/bin/mypy --python-executable .venv-airflow/bin/python --cache-dir .mypy_cache/airflow plugins dags/*.py
	.venv/bin/mypy --python-executable .venv-glue/bin/python --python-version 3.11 --cache-dir .mypy_cache/glue glue_scripts

security: setup ## What roles may do, the rules of cdk-nag and checkov, secrets in the tree (below a minute)
	@PYTHONPATH=.:dags .venv/bin/python -m infra.review.security

check: lint ## Style, types, fences, and the tests of contracts, kernel and Lambdas (below five minutes)
	@$(PYTEST_LOCAL) $(UNIT_TESTS)

test: check test-lakes ## All tests of the lake, the quick ones first (40 to 60 minutes on 2 cores)

test-lakes: setup ## Jobs, DAGs, command, local AWS and whole lakes: what `make test` runs after `make check`
	@spark_log="$$(mktemp)"
	set -m # the half that runs beside is a process group, so that it ends as a whole
	{
	  $(PYTEST_GLUE) -m "not long" tests/glue tests/inputs tests/laws
	  $(PYTEST_GLUE) -m "not long" tests/faults/batch
	  $(PYTEST_LOCAL) -m "not long" tests/faults/step_functions
	  $(PYTEST_LOCAL) -s -m "not long" tests/faults/walk
	} >"$$spark_log" 2>&1 & spark=$$!
	set +m
	trap 'kill -- -$$spark 2>/dev/null || true; rm -f "$$spark_log"' EXIT
	$(PYTEST_AIRFLOW) tests/airflow
	$(PYTEST_LOCAL) $(LOCAL_TESTS) tests/mutants
	PYTHONPATH=.:dags .venv/bin/python -m benchmarks --smoke
	$(PYTEST_LOCAL) -m "not long" tests/e2e
	$(PYTEST_LOCAL) tests/equality
	wait $$spark && cat "$$spark_log" || { cat "$$spark_log"; echo "The half with Spark failed, see above." >&2; exit 1; }

bench: setup ## Measure everything side by side, into docs/performance.md; NAME=batch for one
	@PYTHONPATH=.:dags .venv/bin/python -m benchmarks $(NAME)

bench-pollock: setup ## The public Pollock files on the reader: CHECKOUT=<of github.com/HPI-Information-Systems/Pollock>
	@PYTHONPATH=dags:glue_scripts .venv-glue/bin/python benchmarks/pollock.py $(CHECKOUT)

bench-smoke: setup ## The benchmarks on little data: their results must agree
	@PYTHONPATH=.:dags .venv/bin/python -m benchmarks --smoke

test-deployment: setup ## What is deployed: templates, permissions, packages, workflows (below ten minutes)
	@$(PYTEST_LOCAL) $(DEPLOYMENT_TESTS)

test-mutants: setup ## Break one promise after the other in a copy, and see a test find it
	@.venv/bin/python tests/mutants/mutants.py

test-laws: setup ## A thousand schedules against the reference model, other ones each time; the long days
	@LAWS=long $(PYTEST_GLUE) -s tests/laws
	$(PYTEST_GLUE) -m long tests/glue

test-faults: setup ## Kill a process at every boundary of a batch, and a lake's parts; the worst days of S3
	@$(PYTEST_GLUE) tests/faults/batch
	$(PYTEST_LOCAL) tests/faults/scheduler
	$(PYTEST_LOCAL) tests/faults/step_functions
	$(PYTEST_LOCAL) -m long tests/e2e
	$(PYTEST_LOCAL) -s -k "not asked_for" tests/faults/walk

test-walk: setup ## Repeat one random walk: WALK=step_functions:SEED:STEPS, or WALK=airflow:SEED:STEPS
	@WALK="$(WALK)" $(PYTEST_LOCAL) -s -k asked_for tests/faults/walk

test-compose: setup ## Build the images, and run the lake of docker-compose.yaml (needs Docker; about eight minutes)
	@$(PYTEST_LOCAL) -m "not long" tests/compose

test-fast: setup ## The quick tests of every environment (below 90 seconds)
	@said="$$(mktemp)"
	set -m
	{
	  $(PYTEST_AIRFLOW) -q -m "not slow" tests/airflow
	  $(PYTEST_GLUE) -q -m "not slow" tests/glue tests/inputs
	  $(PYTEST_LOCAL) -q -m "not slow" tests/local
	} >"$$said" 2>&1 & beside=$$!
	set +m
	trap 'kill -- -$$beside 2>/dev/null || true; rm -f "$$said"' EXIT
	$(PYTEST_LOCAL) -q -m "not slow" $(UNIT_TESTS) $(filter-out tests/local,$(LOCAL_TESTS))
	wait $$beside && cat "$$said" || { cat "$$said"; exit 1; }

# What GitHub Actions run, each on a machine of its own (docs/ci-cd.md): `make test test-deployment`, and longer days.
.PHONY: lint-workflows setup-trino synth-diff test-unit test-glue test-airflow test-lake test-athena deploy smoke-test release-files
BASE ?= origin/main
ENV ?= dev

lint-workflows: ## The workflows of GitHub Actions: actionlint and zizmor
	@local/setup.sh workflows
	.venv-workflows/bin/actionlint -shellcheck .venv-workflows/bin/shellcheck
	.venv-workflows/bin/zizmor --quiet --offline --pedantic .github

synth-diff: synth ## What the working tree changes in AWS against BASE=origin/main, as dist/synth-diff.md
	@mkdir -p dist
	PYTHONPATH=.:dags .venv/bin/python -m infra.review.template_changes "$(BASE)" >dist/synth-diff.md

test-unit: setup ## Kernel, Lambdas, infrastructure, command, local AWS, state machine, workflows; the mutants
	@$(PYTEST_LOCAL) $(UNIT_TESTS) $(LOCAL_TESTS) $(DEPLOYMENT_TESTS) tests/mutants

test-glue: setup ## The Glue jobs with Spark, and their crashes
	@$(PYTEST_GLUE) tests/glue tests/inputs tests/laws
	$(PYTEST_GLUE) -m "not long" tests/faults/batch

test-airflow: setup ## The DAGs and their operators, under MWAA's versions
	@$(PYTEST_AIRFLOW) tests/airflow

test-lake: setup ## Whole lakes, by both orchestrators, on good and bad days
	@$(PYTEST_LOCAL) tests/e2e
	$(PYTEST_LOCAL) tests/faults/scheduler
	$(PYTEST_LOCAL) -m "not long" tests/faults/step_functions tests/faults/walk
	$(PYTEST_LOCAL) tests/equality

test-athena: setup setup-trino ## Every statement on both engines of the local Athena: DuckDB, and a real Trino as the judge
	@$(PYTEST_LOCAL) tests/athena

setup-trino: setup
	@local/setup.sh trino

deploy: setup-cli ## Deploy the tree to ENV=dev, or ENV=prod, with the AWS credentials at hand
	@.venv/bin/ledgerlake deploy --env "$(ENV)" --yes --no-smoke

smoke-test: setup-cli ## Whether the lake of ENV=dev works: files without a row go the whole way of a delivery
	@.venv/bin/ledgerlake --env "$(ENV)" smoke

release-files: package ## What the release TAG=v… has attached: the packages and their checksum, in release/
	@PYTHONPATH=.:dags .venv/bin/python -m infra.release.files "$(TAG)"
