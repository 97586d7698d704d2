# make demo     set up what it takes, boot the embedded guest, show where its time goes
# make test     set up what it takes, run every test
# make bench    what watching costs, how fast recordings are read: ratios, side by side (docs/benchmarks.md)
# make check    lint, types and the quick tests alone
# make man      man pages in build/man, made of what --help says
# make docs     the site, into build/site
# make clean    remove what was made here (not the caches: see `qbt build --help`)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
QUICK := not real and not build and not kvmbox
# What boots VMs on this host runs one test after the other; all else has the other CPU meanwhile.
HERE := real and not build and not kvmbox
OTHERS := build/tests-beside.log

.PHONY: demo test check bench docs test-kvm setup setup-test clean

demo: setup
	-@$(BIN)/qbt build seabios >/dev/null
	@$(BIN)/qbt demo

test: setup-test lint
	@mkdir -p $(dir $(OTHERS))
	@$(BIN)/pytest -m "not ($(HERE))" >$(OTHERS) 2>&1 & others=$$!; \
	    $(BIN)/pytest -m "$(HERE)"; here=$$?; \
	    wait $$others; beside=$$?; \
	    cat $(OTHERS); exit $$((here | beside))

check: $(VENV)/.test lint
	$(BIN)/pytest -m "$(QUICK)"

bench: setup-test
	for each in harness stamp agreement console reading observer plugin reporting precision; do $(BIN)/python benchmarks/$$each.py || exit; done

docs: $(VENV)/.test
	$(BIN)/sphinx-build -q -n -W --keep-going -b html docs build/site
	@echo build/site/index.html

test-kvm: setup-test
	QBT_REAL=1 $(BIN)/pytest -m kvmbox

.PHONY: lint
lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: man
man: $(VENV)/.run
	$(BIN)/python tools/man_pages.py build/man

setup: $(VENV)/.run
setup-test: $(VENV)/.test
	@tools/system-packages test

$(VENV)/.run: pyproject.toml
	@tools/system-packages run
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is older than 3.11: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -e '.[kallsyms]' || \
	    $(BIN)/pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	$(BIN)/pip install -q --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
