# Two commands do all set-up by themselves: `make demo` and `make test`.
# The distribution's Python first: it is built with optimisations, and the hub a third faster.
PYTHON ?= $(firstword $(foreach each,/usr/bin/python3 python3,$(shell $(each) -c \
          'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(each))) python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Tests wait for a good third of their time: it takes four at a time to keep two cores busy.
WORKERS ?= 4
# On a machine with few cores tests starve each other: what failed beside others is tried once more, alone.
ALONE  := --last-failed --last-failed-no-failures none

# Tests start hundreds of programs: each would compile the whole hub again.
unexport PYTHONDONTWRITEBYTECODE

# What the fast path takes part in: `make check` runs it on the ordinary path, too, `make ordinary` all of it.
ROUTING := $(addprefix tests/spec/test_,$(addsuffix .py,direct_routing direct_requests open_routing \
           odd_requests limits links_back))

# What passes through modules that are compiled in the image.
COMPILED := $(ROUTING) $(addprefix tests/spec/test_,known_ways.py fast_path_at_the_hub.py) \
            $(addprefix tests/unit/,calling http ocpi registry store web)

.PHONY: setup demo test interop check ordinary compiled postgresql format lint types imports fuzz differential plans bench conformance lock clean help

help:            ## Show what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 12

setup: $(STAMP)  ## Create .venv and install from the lock file

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ocpi-hub needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --retries 10 --timeout 60 \
	    --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

demo: setup      ## One roaming session, end to end, in under a minute
	$(BIN)/ocpi-hub demo

test: setup      ## The whole test suite
	$(BIN)/python -m pytest -n $(WORKERS)

check: setup     ## Everything that CI runs: format, lint, types, imports, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.conformance --check
	$(BIN)/python -m pytest -n $(WORKERS) --no-fast-path $(ROUTING) || $(BIN)/python -m pytest --no-fast-path $(ALONE)
	if command -v cc gcc >/dev/null; then $(MAKE) compiled; else echo 'no C compiler: the compiled hub is not tested'; fi
	$(BIN)/python -m pytest -n $(WORKERS) || $(BIN)/python -m pytest $(ALONE)
	$(BIN)/python -m pytest -n $(WORKERS) --database postgresql || $(BIN)/python -m pytest --database postgresql $(ALONE)

ordinary: setup  ## All tests that run a hub, without the fast path
	$(BIN)/python -m pytest -n $(WORKERS) --no-fast-path tests/spec tests/journeys tests/unit

compiled: setup  ## The tests of what a relay passes through, with modules compiled as in the image (needs gcc)
	made=$$($(BIN)/python -m tests.bench.compiled) && PYTHONPATH=$$made:$(CURDIR) PYTHONSAFEPATH=1 \
	    sh -c '$(BIN)/python -m pytest -n $(WORKERS) -o pythonpath= $(COMPILED) || $(BIN)/python -m pytest -o pythonpath= $(ALONE)'

postgresql: setup  ## The hub's tests, on a real PostgreSQL that comes with a package
	$(BIN)/python -m pytest -n $(WORKERS) --database postgresql

format: setup    ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup      ## Format and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup     ## mypy, strict
	$(BIN)/mypy

imports: setup   ## The import ladder
	$(BIN)/lint-imports --no-cache

interop: setup   ## Chargers and checkers that others wrote, at our CPO (npm packages go to .interop/)
	$(BIN)/python -m tests.interop

fuzz: setup      ## Two minutes of mutated messages at every route, half of it without the fast path
	$(BIN)/python -m tests.fuzz --seconds 60
	$(BIN)/python -m tests.fuzz --seconds 60 --no-fast-path

differential: setup  ## The same 100,000 requests to a hub with the fast path and one without
	$(BIN)/python -m tests.differential --requests 100000

plans: setup     ## How PostgreSQL finds its rows among a million objects and ten million legs of the journal
	$(BIN)/python -m tests.measuring.plans

bench: setup     ## How fast it is, and what it costs, against nginx and others: docs/performance.md
	$(BIN)/python -m tests.bench --write $(BENCH)

conformance: setup  ## Write docs/conformance.md from the rows and the tests' marks
	$(BIN)/python -m tests.conformance

lock: setup      ## Pin every dependency anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --extra dev --extra build --extra compile pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --constraint requirements.lock pyproject.toml --output-file docker/requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --extra compile --constraint requirements.lock pyproject.toml --output-file docker/compile.lock

clean:           ## Remove what was made
	rm -rf $(VENV) .compiled .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
