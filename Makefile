# `make demo` shows what it is, `make test` runs everything that the gate runs, `make slow` the long simulations,
# `make lowest` some tests on the oldest versions of the libraries that pyproject.toml allows, `make bare` the demo from a
# folder of wheels on a Python with nothing else.
PYTHON ?= python3
BIN := .venv/bin
# Tests start hundreds of processes: each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test setup browser format lint types layers docs tests slow slow-tables slow-tests slow-browser bare lowest clean

demo: setup
	$(BIN)/stagegap demo

test: setup browser lint layers types docs tests

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[app]" --group dev
	touch $@

browser:
	sh tests/browser/install_chromium.sh

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/ast-grep scan --rule .ci/javascript.yml src/stagegap/ui/static

layers: setup
	$(BIN)/lint-imports

types: setup
	$(BIN)/pyright
	$(BIN)/pyright -p tests

docs: setup
	$(BIN)/python .ci/reference.py
	$(BIN)/zensical build --strict --clean

# Real processes and browsers share two cores: what failed beside others is run once more, alone, and both are printed.
ALONE = test $$? = 1 && echo "Once more, alone, what failed (mend it even where it passes now):" && \
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none --exitfirst

tests: setup
	rm -rf .coverage .pytest_cache
	export CODE_COVERAGE=.coverage; \
	$(BIN)/python -m pytest -p no:stagegap -n 2 --dist loadgroup --ignore tests/browser || { $(ALONE) -p no:stagegap --ignore tests/browser; }
	$(BIN)/python -m slipcover --branch --skip-covered --fail-under 98 --out .coverage/all.json --merge .coverage/*.json
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser || { $(ALONE) tests/browser; }

# Tests that kill and restart wait half of their time: the simulation takes what they leave of two cores.
slow: setup browser
	$(MAKE) --jobs 2 --output-sync=line --keep-going slow-tables slow-tests slow-browser

slow-tables:
	nice $(BIN)/python benchmarks/coverage.py

SLOW := $(BIN)/python -m pytest -m slow -rfE --timeout 3600 -n 2 --durations 40

slow-tests:
	$(SLOW) --dist worksteal --ignore tests/browser

# Processes of their own: who drives a browser keeps a loop running, and a test that begins its own is refused beside it.
slow-browser:
	$(SLOW) --dist loadfile tests/browser

bare: setup
	$(BIN)/python .ci/bare.py $(PYTHON)

lowest:
	$(PYTHON) .ci/lowest.py

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .stagegap site
