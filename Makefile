# A fresh clone needs Python 3.11 or newer with pip and venv, make and git. `make demo` and `make test` do the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NB ?=

# Threads that wait for each other sleep instead of spinning: notebooks run side by side, two to a machine
export OMP_WAIT_POLICY ?= passive

PIP := $(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt

# Notebooks run in nbs/, commands here: a relative folder must mean the same in both. Its name may have spaces
ifneq ($(FMNIST_NB_SOURCE),)
ifeq ($(findstring ://,$(FMNIST_NB_SOURCE))$(filter /% ~%,$(firstword $(FMNIST_NB_SOURCE))),)
override FMNIST_NB_SOURCE := $(CURDIR)/$(FMNIST_NB_SOURCE)
endif
export FMNIST_NB_SOURCE
endif

.PHONY: help setup data demo read test test-jupyter docs preview run bench export readme hooks clean

help:      ## This list
	@sed -n 's/^\([a-z0-9-]*\): .*## /  make \1\t/p' Makefile | expand -t 24
	@echo 'Other versions of things, type checkers, coverage, fuzzing: $(BIN)/nox -l'

$(VENV)/.ready: settings.ini setup.py pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3,11) and f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}; name another: make PYTHON=python3.12 ...")'
	@echo "== set-up: environment in $(VENV), packages as pinned in constraints.txt (the first time takes minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) -e '.[dev]'
	@touch $@

setup: $(VENV)/.ready ## Make the environment

data: setup ## Get Fashion-MNIST (and MNIST, where it can be had), checked
	@echo "== data"
	@$(BIN)/python tools/get_data.py

demo: data ## The chapters' commands on the real data; pictures in demo/
	@echo "== fmnist_download"
	@$(BIN)/fmnist_download
	@echo "== the same files, decoded"
	@$(BIN)/python tools/demo.py
	@echo "== fmnist_compare Dress Pullover"
	@$(BIN)/fmnist_compare Dress Pullover --out demo
	@echo "== fmnist_rng"
	@$(BIN)/fmnist_rng --out demo

read: data ## Open the notebooks in JupyterLab
	@$(PIP) -e '.[read]'
	@$(BIN)/jupyter lab nbs

test: data ## Check export, notebooks and README, run all notebooks as tests, then tests/
	@PATH="$(CURDIR)/$(BIN):$$PATH" bash tools/run_tests.sh

test-jupyter: data ## Execute all notebooks in Jupyter's own kernel: are all their pictures there? Some minutes
	@$(BIN)/python -m pytest -q -m notebooks tests/test_jupyter.py

docs: setup ## Build the site in _docs/
	@$(BIN)/python tools/build_docs.py
	@$(BIN)/python tools/build_readme.py

preview: setup ## Serve the site on this machine and rebuild it on change
	@$(BIN)/python tools/build_docs.py --serve

run: data ## Execute notebooks and store their outputs (one: make run NB=nbs/01_idx.ipynb)
	@$(BIN)/python tools/run_notebooks.py $(NB)
	@$(BIN)/nbdev_export
	@$(BIN)/python tools/build_readme.py

bench: data ## Measure against the peers (installed first) and store the outputs of nbs/benchmarks.ipynb; some minutes
	@$(PIP) -e '.[dev,bench]'
	@$(BIN)/python tools/run_notebooks.py nbs/benchmarks.ipynb --flags bench

export: setup ## Write fmnist_nb/ from the notebooks
	@$(BIN)/nbdev_export

readme: setup ## Write README.md from nbs/index.ipynb
	@$(BIN)/python tools/build_readme.py

hooks: setup ## Git hooks that keep notebooks clean and mergeable, for contributors
	@$(BIN)/nbdev_install_hooks

clean: ## Remove what was built here, the environment included
	rm -rf $(VENV) .nox _docs _proc demo build dist *.egg-info .pytest_cache .hypothesis .fuzz .mypy_cache
