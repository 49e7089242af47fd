# The few verbs of this repository. PYTHON=python3.12 chooses the interpreter behind .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: lab demo test bench format clean

lab: .venv/lab  ## JupyterLab, opened on the quickstart
	$(BIN)/python -m nbgen lab

demo: .venv/lab  ## the quickstart without a browser: demo/quickstart.html and its pictures
	$(BIN)/python -m nbgen demo

test: .venv/test  ## lint, types, every test, every notebook
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --durations=10

bench: .venv/test  ## the benchmarks as a table, on an empty store
	$(BIN)/python -m nbgen.bench

format: .venv/test  ## put the code into its usual form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what the other verbs made, .venv included
	rm -rf .venv demo build dist bench-results .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -m venv .venv

# Files that say what was installed, and when: an edit of either list installs again.
.venv/lab: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv; the first time this takes some minutes."
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[lab]"
	@touch $@

.venv/test: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing into .venv; the first time this takes some minutes."
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[lab,test,browser]"
	@touch $@ .venv/lab
