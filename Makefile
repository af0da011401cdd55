# Needs python3 (3.11 or newer) and make; everything else goes into .venv.
PYTHON ?= python3
DATA ?=
DATASET ?=
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
# Two test processes on two processors: more threads only stand in each other's way.
ONE_THREAD := TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1
PIP := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install benchmark benchmark-quality benchmark-speed demo test test-lowest lint format docs coverage clean

help:
	@echo "make demo                train and evaluate on synthetic sounds"
	@echo "make demo DATA=folder    the same on recordings: a folder with pascal, circor"
	@echo "                         or cinc2016 in it (DATASET=name to choose one), or a"
	@echo "                         CSV table with path, label and subject columns"
	@echo "make benchmark-quality DATA=folder    the figures of the model in the box"
	@echo "make test                install and run the tests"
	@echo "make test-lowest         the same with the lowest versions declared"
	@echo "make lint format docs coverage clean"

# One stamp for each set of extras: nothing is installed anew until one of these
# changes.
SETTINGS := pyproject.toml setup.py $(wildcard heartbeat_clf/_*.[ch])

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(SETTINGS) | $(BIN)/python
	$(BIN)/python $(PIP) --editable '.[train,plot]'
	@touch $@

$(VENV)/.test: $(SETTINGS) | $(BIN)/python
	$(BIN)/python $(PIP) --editable '.[train,plot,test]'
	@touch $@ $(VENV)/.demo

$(VENV)/.dev: $(VENV)/.test
	$(BIN)/python $(PIP) --editable '.[train,plot,test,dev]'
	@touch $@

$(LOWEST)/.test: $(SETTINGS) .ci/lowest.py
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python .ci/lowest.py pyproject.toml > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python $(PIP) --constraint $(LOWEST)/constraints.txt \
		--editable '.[train,plot,test]'
	@touch $@

install: $(VENV)/.test

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py $(if $(DATA),--data '$(DATA)') \
		$(if $(DATASET),--dataset $(DATASET))

test: $(VENV)/.test
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist worksteal

test-lowest: $(LOWEST)/.test
	$(ONE_THREAD) $(LOWEST)/bin/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.test
	$(BIN)/python -m pytest --doctest-modules --doctest-glob='*.md' \
		heartbeat_clf docs README.md
	set -e; for script in $(wildcard examples/plot_*.py); do \
		echo "$$script"; MPLBACKEND=Agg $(BIN)/python -W error \
			-W "ignore:FigureCanvasAgg" "$$script"; done

# Trains for hours; goes on where it was stopped.
benchmark: $(VENV)/.test
	$(BIN)/python benchmarks/quality.py '$(DATA)' --page docs/results.md

# The figures of the shipped model; FROM_SCORES=1 prints the table alone.
benchmark-quality: $(VENV)/.test
	$(BIN)/python benchmarks/shipped.py $(if $(FROM_SCORES),--from-scores,'$(DATA)')

# About a quarter of an hour; ROWS="mel-rfft grid" measures some, FROM_RESULTS=1 none.
benchmark-speed: $(VENV)/.test
	$(BIN)/python benchmarks/speed.py --page docs/performance.md \
		$(if $(FROM_RESULTS),--from-results,'$(DATA)' $(if $(ROWS),--rows $(ROWS)))

coverage: $(VENV)/.dev
	$(BIN)/python -m coverage run --source heartbeat_clf -m pytest
	$(BIN)/python -m coverage report --show-missing

clean:
	rm -rf $(VENV) $(LOWEST) demo-output build dist *.egg-info heartbeat_clf/*.so
