# Everything lives in .venv and js/node_modules; stamp files there make a second run start in seconds.
# Needs Python >= 3.11 and make, nothing else.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
NPM := $(PY) front_end.py

# More flags for JupyterLab, from the environment as well: make lab LAB_FLAGS="--no-browser --port=9000"
LAB_FLAGS ?=
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

PACKAGES := .venv/.packages
MODULES := js/node_modules/.modules
# The build writes all widgets at once; this one stands for them.
BUNDLE := gptwidgets/static/heatmap.js
JS_SOURCES := $(shell find js -path js/node_modules -prune -o -path js/tests -prune -o -type f -print 2>/dev/null)

.PHONY: help lab test test-remote bench format pictures setup model browser postgres kernels clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lab: setup model ## set everything up and open JupyterLab on the first notebook
	.venv/bin/jupyter lab $(ROOT_FLAG) --LabApp.default_url=/lab/tree/notebooks/01_attention.ipynb $(LAB_FLAGS)

test: setup model browser postgres kernels ## run every check and every test
	$(PY) -m tests

test-remote: setup model ## try gw.connect on llama.cpp's server, which is compiled once
	GPTWIDGETS_REMOTE=1 $(PY) -m pytest tests/remote/test_real.py

bench: setup model browser ## measure, beside the peers and the bare platform
	$(PY) -m tests.benchmarks

format: setup ## write Python and TypeScript in the one style
	$(PY) -m ruff check --fix --quiet . || true
	$(PY) -m ruff format --quiet .
	$(NPM) run format

pictures: setup model browser ## take README's pictures anew, in a real browser
	$(PY) -m tests.e2e.pictures

setup: $(PACKAGES) $(BUNDLE)

model: $(PACKAGES)
	@$(PY) -c "from gptwidgets import verbs; verbs.fetch_default()"

browser: $(PACKAGES)
	@$(PY) -m tests.e2e.browser

postgres: $(PACKAGES)
	@$(PY) -m tests.store.postgres

kernels: $(PACKAGES)
	@$(PY) -m tests.kernels

clean: ## remove what was built and installed here
	rm -rf .venv js/node_modules gptwidgets/static dist

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "gptwidgets needs Python 3.11 or newer: install it, or say make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv

# The build tools first: the package is then built with them, and not with a second download of them.
# The front end has its own rule below.
$(PACKAGES): pyproject.toml constraints.txt | .venv/bin/python
	@echo "installing the Python packages into .venv (the first time takes some minutes)"
	$(PIP) install -c constraints.txt hatchling hatch-jupyter-builder
	SKIP_JUPYTER_BUILDER=1 $(PIP) install -c constraints.txt --no-build-isolation --editable '.[dev]'
	@touch $@

$(MODULES): js/package.json js/package-lock.json | $(PACKAGES)
	$(NPM) ci
	@touch $@

$(BUNDLE): $(JS_SOURCES) $(MODULES)
	$(NPM) run build
	@touch $@
