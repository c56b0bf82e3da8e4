# Two commands do everything on a machine with Python 3.11 and nothing else:
#   make demo    calibrate the built-in synthetic pixel, results in ./demo
#   make test    run the whole test suite
# Both first make a virtual environment in .venv.

VENV ?= .venv
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTEST_ARGS ?=
RUN ?= demo
RUNS := $(VENV)/.runs
INSTALLED := $(VENV)/.installed
DOCS := $(VENV)/.docs
AUDIT := $(VENV)/.audit
NOTEBOOKS := $(VENV)/.notebooks
BIN := $(VENV)/bin

.PHONY: install demo test lint docs notebooks licences audit format
.DELETE_ON_ERROR:

install: $(INSTALLED)

# What runs need: the command line with regions and maps.
$(RUNS): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[regions]'
	touch $@

# That, and what the tests need: torch for one surrogate, linters, Dask.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	touch $(RUNS) $@

$(DOCS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

$(AUDIT): $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[audit]'
	touch $@

# Goes on from whatever an earlier `make demo` finished.
demo: $(RUNS)
	test -e $(RUN)/config.yaml || $(BIN)/masm init $(RUN) --template demo
	$(BIN)/masm run $(RUN)

test: $(INSTALLED)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The documentation, into ./site; a broken link or reference is an error.
docs: $(DOCS)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

$(NOTEBOOKS): $(INSTALLED)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[notebooks]'
	touch $@

# Executed notebooks beside the scripts, with their tables and figures: notebooks/*.ipynb.
notebooks: $(NOTEBOOKS)
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/jupytext --to notebook --execute notebooks/*.py

# The licence of everything that runs with the software, into licences.csv.
licences: $(INSTALLED)
	$(BIN)/python .ci/licences.py licences.csv

# Known vulnerabilities of what is installed; says so where no service answers.
audit: $(AUDIT)
	$(BIN)/python .ci/audit.py

format: $(INSTALLED)
	$(BIN)/python -m masm.methods.generate_options
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
