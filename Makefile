# Front door of the project: `make` lists the targets. Each works on a machine with nothing but Python >= 3.11 and
# make: virtual environments are made on first use and made again only when pyproject.toml changes.
#
#   make test PYTEST_ARGS="-k dataset -x"     arguments for pytest
#   make fuzz FUZZ_COMPILED=100 SEED=7        random programs: how many, and from which seed
#   make setup PY=python3.13                  the Python that virtual environments are made with

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTEST_ARGS ?=
FUZZ_COMPILED ?= 10000
FUZZ_INTERPRETED ?= 100000
SEED ?= 0
MUTANTS ?=
VENV := .venv
BENCH_VENV := .venv-bench
BENCH_PEERS := bench-torch bench-tensorflow bench-casadi bench-pytensor
BENCH_ARGS ?=
GRADBENCH_ARGS ?=
NPBENCH_ARGS ?=
PIP := -m pip install --quiet --disable-pip-version-check
NOTEBOOKS := $(wildcard notebooks/*.py)

# A candidate must run (a version manager's stub may not), be new enough, and be able to make environments.
define find_python
found=; for python in $(PY) python3.11 python3 python3.12 python3.13 python3.14; do \
  if $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
    found=$$python; break; \
  elif [ -n "$(PY)" ]; then \
    break; \
  fi; \
done; \
if [ -z "$$found" ]; then \
  echo "autodiff needs Python 3.11 or newer with its venv module, and found none" >&2; \
  echo "(tried: $(if $(PY),PY=$(PY),python3.11 python3 python3.12 python3.13 python3.14))." >&2; \
  echo "Install it (Debian, Ubuntu: apt install python3-venv) or name one: make PY=/path/to/python3.11 ..." >&2; \
  exit 1; \
fi
endef

.PHONY: help setup demo test test-all fuzz mutants golden bench bench-all bench-npbench gradbench $(BENCH_PEERS) notebooks check clean

help: ## list the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: $(VENV)/.group-test ## make .venv with the library, the demo and the tests
	@echo "Ready: $(VENV)/bin/python  (or: source $(VENV)/bin/activate)"

demo: $(VENV)/.group-demo ## train a digit classifier with tape and decorator; plot in demo_output/
	@$(VENV)/bin/python -m autodiff.applications.digits

test: $(VENV)/.group-test ## run the default tests (PYTEST_ARGS="-k name" to choose)
	@$(VENV)/bin/python -m pytest -n auto $(PYTEST_ARGS)

test-all: $(VENV)/.group-test ## run all tests, the slow ones too
	@$(VENV)/bin/python -m pytest -n auto -m "slow or not slow" $(PYTEST_ARGS)

fuzz: $(VENV)/.group-test ## developers: random programs until one is wrong (FUZZ_COMPILED, FUZZ_INTERPRETED, SEED)
	@PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python -m fuzz \
	  --interpreted $(FUZZ_INTERPRETED) --compiled $(FUZZ_COMPILED) --seed $(SEED)

mutants: $(VENV)/.group-test ## developers: break each derivative rule and see a test fail (MUTANTS="--file reduction")
	@PYTHONPATH=tests OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python -m mutants $(MUTANTS)

golden: $(VENV)/.group-test ## rewrite the golden files that tests compare with; then read the diff
	@$(VENV)/bin/python -m pytest --update-golden $(PYTEST_ARGS)

bench: $(BENCH_VENV)/.group-bench ## measure against jax and autograd, in .venv-bench (BENCH_ARGS="--peer torch")
	@$(BENCH_VENV)/bin/python -m benchmarks $(BENCH_ARGS)

bench-all: $(BENCH_VENV)/.group-bench ## the same with more rounds and the heavy cases: half an hour
	@$(BENCH_VENV)/bin/python -m benchmarks --all $(BENCH_ARGS)

bench-npbench: $(BENCH_VENV)/.group-bench ## gradients of unedited NPBench kernels, timed against jax (NPBENCH_ARGS="--kernel lu")
	@$(BENCH_VENV)/bin/python -m benchmarks.npbench $(NPBENCH_ARGS)

gradbench: $(VENV)/.installed ## GradBench's twelve evals: every answer checked, and times (GRADBENCH_ARGS="--eval gmm --all")
	@$(VENV)/bin/python -m benchmarks.gradbench $(GRADBENCH_ARGS)

# Peers that run on request, each in an environment of its own: make bench-torch, then BENCH_ARGS="--peer ours jax torch".
PACKAGES_torch := torch
PACKAGES_tensorflow := tensorflow-cpu
PACKAGES_casadi := casadi
PACKAGES_pytensor := pytensor

$(BENCH_PEERS): bench-%: .venv-bench-%/.installed-peer
	@echo "Ready: the peers whose names start with $* run in .venv-bench-$*."

.venv-bench-%/.installed-peer:
	@$(find_python); \
	echo "Making .venv-bench-$* with $$($$found --version) and $(PACKAGES_$*) (once; some are large) ..."; \
	$$found -m venv .venv-bench-$*
	@.venv-bench-$*/bin/python $(PIP) numpy scipy $(PACKAGES_$*)
	@touch $@

notebooks: $(VENV)/.group-notebooks ## execute every notebook and store its output
	@if [ -z "$(NOTEBOOKS)" ]; then echo "No notebooks: notebooks/*.py is empty." >&2; exit 1; fi
	@$(VENV)/bin/python -m jupytext --quiet --set-formats py:percent,ipynb --sync $(NOTEBOOKS)
	@$(VENV)/bin/python -m pytest --nbmake --nbmake-kernel=python3 --overwrite -W default $(PYTEST_ARGS) \
	  $(NOTEBOOKS:.py=.ipynb)

check: $(VENV)/.group-lint ## lint, formatting and types
	@$(VENV)/bin/python -m ruff check .
	@$(VENV)/bin/python -m ruff format --check .
	@$(VENV)/bin/python -m mypy

clean: ## remove everything made here, the virtual environments too
	rm -rf $(VENV) $(BENCH_VENV) $(BENCH_PEERS:%=.venv-%) demo_output build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find autodiff tests notebooks benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# An environment with the library in it. pip comes first: releases before 25.1 do not know --group.
%/.installed: pyproject.toml
	@$(find_python); \
	echo "Making $* with $$($$found --version) and installing autodiff (once; a minute or two) ..."; \
	$$found -m venv $*
	@$*/bin/python $(PIP) --upgrade "pip>=25.1"
	@$*/bin/python $(PIP) --editable .
	@touch $@

# A dependency group of pyproject.toml in an environment; each is one stamp file, so a second run asks pip nothing.
$(VENV)/.group-%: $(VENV)/.installed
	@echo "Installing group $* into $(VENV) ..."
	@$(VENV)/bin/python $(PIP) --group $*
	@touch $@

$(BENCH_VENV)/.group-%: $(BENCH_VENV)/.installed
	@echo "Installing group $* into $(BENCH_VENV) ..."
	@$(BENCH_VENV)/bin/python $(PIP) --group $*
	@touch $@

.PRECIOUS: %/.installed $(VENV)/.group-% $(BENCH_VENV)/.group-%
