# make reproduce            environment and the study of config.yaml; a second time there is nothing to do
# make study STUDY=ethanol  another study: a name in workflow/studies, or the path of a file
# make test                 environment and the whole test suite
# make docs                 copy the reports that are kept in docs/ from results/ again
# make lint | format        check, or write, the style of code and rules
# make schema               write the JSON schema of studies again after a change of densnet/config/
# make clean                remove caches and logs; results and environment stay

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
CONSTRAINTS := envs/constraints.txt
STUDY ?= config.yaml

export PATH := $(CURDIR)/$(BIN):$(PATH)
# Jobs are parallel, their linear algebra is not.
export OMP_NUM_THREADS ?= 1

.PHONY: reproduce study test docs lint format schema environment clean

reproduce: environment
	snakemake --cores all

study: environment
	snakemake --cores all --config study=$(STUDY)

test: environment
	python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# Kept apart from results/: finished reports there would tell Snakemake that there is nothing to do.
docs: reproduce
	set -e; for study in docs/*/; do \
	  study=$$(basename $$study); \
	  if [ -d results/$$study/report ]; then cp results/$$study/report/* docs/$$study/; fi; \
	done

lint: environment
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow
	snakemake --lint

format: environment
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow

schema: environment
	densnet schema > config.schema.json

environment: $(INSTALLED)

# torch comes first and by its exact version: a range would draw in the newest build, with gigabytes for GPUs.
$(INSTALLED): pyproject.toml $(CONSTRAINTS)
	@if [ ! -x $(BIN)/python ]; then \
	  for python in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    python=none; \
	  done; \
	  if [ $$python = none ]; then \
	    echo "No Python >= 3.11 found. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; \
	  fi; \
	  $$python -m venv $(VENV); \
	fi
	$(BIN)/python -m pip install --quiet "$$(grep '^torch==' $(CONSTRAINTS))"
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable '.[dev]'
	@touch $@

clean:
	rm -rf .pytest_cache .ruff_cache build src/*.egg-info .snakemake/log .snakemake/scripts
	find src tests workflow -name __pycache__ -prune -exec rm -rf {} +
