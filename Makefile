# `make demo` and `make test` set everything up by themselves: Python 3.11 or newer with venv, and PyPI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JULIA ?= julia

.PHONY: demo test test-slow test-julia lint bench bench-large performance validation faults keys docs clean

$(VENV)/.ready: pyproject.toml
	@echo "installing pysv into $(VENV), about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/.ready ## compute and draw Figure 3 of the paper
	@mkdir -p figures
	@picture=$$($(BIN)/pysv figure 3 --out figures) && echo "the picture lies at $(CURDIR)/$$picture"

test: $(VENV)/.ready ## the fast tests, in two processes
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: $(VENV)/.ready ## the tests that take minutes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(BIN)/python -m pytest -m slow

test-julia: $(VENV)/.ready ## the Julia tests, failing where no Julia is found; JULIA=… for another than `julia`
	PYSV_TEST_JULIA=required $(BIN)/python -m pytest tests/sectors/test_backends.py tests/mps/test_several_backends.py tests/julia
	$${PYTHON_JULIACALL_EXE:-$(JULIA)} --threads=2 --project=julia -e 'using Pkg; Pkg.test()'

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.ready ## measure against QuTiP, SciPy and QuSpin in one run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python benchmarks/one_electron.py

bench-large: $(VENV)/.ready ## large systems against STREAM triad, SciPy and QuSpin; the 10+10 run; 8 GB, half an hour
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python benchmarks/large.py --whole
	$(BIN)/python benchmarks/large.py --growth docs/growth.png

performance: $(VENV)/.ready ## docs/performance.md, measured now: all benchmarks, Julia's where it is ready; 8 GB, an hour
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	cd benchmarks && ../$(BIN)/python one_electron.py --keep results/one_electron.json
	cd benchmarks && ../$(BIN)/python large.py --whole --keep results/large.json
	cd benchmarks && ../$(BIN)/python large.py --growth ../docs/growth.png --keep results/growth.json
	cd benchmarks && ../$(BIN)/python several_electrons.py --keep results/several_electrons.json
	if $(BIN)/pysv julia status > /dev/null; then cd benchmarks && ../$(BIN)/python backends.py --keep results/backends.json; fi
	cd benchmarks && ../$(BIN)/python ranks.py --plot ../docs/ranks.png --keep results/ranks.json
	$(BIN)/python benchmarks/page.py

validation: $(VENV)/.ready ## docs/validation.md: what was checked against what, measured now; minutes
	$(BIN)/python validation/page.py

faults: $(VENV)/.ready ## docs/faults.md: faults injected on purpose, and what came of them; up to 20 minutes
	$(BIN)/python -m faults

keys: $(VENV)/.ready ## docs/keys.md: every key of the experiment file
	$(BIN)/pysv keys --markdown > docs/keys.md

docs: $(VENV)/.ready ## the documentation as web pages, warnings are errors
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "the documentation lies at $(CURDIR)/docs/_build/html/index.html"

clean:
	rm -rf $(VENV) docs/_build docs/api figures build dist *.egg-info
