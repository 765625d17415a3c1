# Every verb sets itself up: nothing is needed beforehand but python3 and its pip.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# What is installed beside the program itself.
EXTRAS ?= cloud,dev,gdrive,gui,metrics,notify,otel
# Kills of the real command for each encoder in `make crash`.
KILLS  ?= 30

.PHONY: help setup demo gui test lint crash fuzz bench docs texts screenshots lock
.DEFAULT_GOAL := help

help:
	@echo "make setup   install into $(VENV)"
	@echo "make demo    upscale a clip, kill it twice, resume, compare"
	@echo "make gui     show the window"
	@echo "make test    run the tests that are not slow"
	@echo "make lint    style, types, layers"
	@echo "make crash   kill, cut the power, fill the disk, damage files; compare"
	@echo "make fuzz    hostile videos, sessions and names, at length"
	@echo "make bench   measure"
	@echo "make docs    write the generated pages of docs/ anew"
	@echo "make texts   bring the catalogues of translations up to date"
	@echo "make screenshots  take pictures of every window into build/screenshots"
	@echo "make lock    renew constraints.txt"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"
	@touch $@

demo: setup
	$(BIN)/tsuzuki demo

gui: setup
	$(BIN)/tsuzuki gui

test: setup
	$(BIN)/python -m pytest -n auto -m "not slow"

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

crash: setup
	TSUZUKI_CRASH=full TSUZUKI_KILLS=$(KILLS) \
		$(BIN)/python -m pytest -q -n 4 --dist worksteal -m "" --durations=60 tests/crash

fuzz: setup
	TSUZUKI_CRASH=full $(BIN)/python -m pytest -q -n auto -m "" tests/security

bench: setup
	$(BIN)/python -m bench

docs: setup
	$(BIN)/python -m docs

texts: setup
	$(BIN)/python -m docs.texts

screenshots: setup
	$(BIN)/python -m docs.screenshots

lock: setup
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
		--no-annotate --no-header --no-emit-index-url --quiet --output-file constraints.txt
