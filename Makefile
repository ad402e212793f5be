# What a person types. `make run` and `make test` set up what they need, once: a stamp file says what is done.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13)
VENV := .venv
PY := $(VENV)/bin/python
TORCH_PIN := $(shell sed -n 's/^torch==//p' requirements.txt)
# cpu takes the small CPU build of torch; gpu takes the one from PyPI, with CUDA on Linux. Chosen once, it stays.
TORCH_CHOSEN := $(firstword $(patsubst .torch-%-$(TORCH_PIN),%,$(notdir $(wildcard $(VENV)/.torch-*-$(TORCH_PIN)))))
TORCH ?= $(or $(TORCH_CHOSEN),cpu)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# A benchmark that needs over ten minutes has the line `LONG = True`.
BENCHES := $(filter-out _%,$(notdir $(basename $(wildcard benchmarks/*.py))))
LONG_BENCHES := $(notdir $(basename $(shell grep -ls '^LONG = True' benchmarks/*.py)))

.PHONY: run test check starter bench bench-long browser readme clean
.DELETE_ON_ERROR:

run: $(VENV)/.run starter  ## Set up and start; ARGS="--port 8000" passes flags on.
	$(PY) app.py $(ARGS)

# Two at a time: much of a test is waiting for a process to start, or for a page.
test: $(VENV)/.dev starter browser check  ## Set up and run every check and test.
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev  ## Format, lint, types, import arrows.
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

starter: $(VENV)/.run  ## Fetch and convert the starter models that lack.
	$(PY) -m backend.starter

bench: $(addprefix bench-,$(filter-out $(LONG_BENCHES),$(BENCHES)))  ## Every short benchmark.

bench-long: $(addprefix bench-,$(LONG_BENCHES))  ## The long ones; each goes on where it was cut off.

bench-%: $(VENV)/.dev starter
	$(PY) -m benchmarks.$*

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "Python 3.11 is needed and was not found. Install it, or say where it is: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { echo "The virtual environment could not be made. On Debian and Ubuntu: apt-get install python3.11-venv"; exit 1; }
	touch $@

# torch has a stamp of its own, so that another choice of it does not install the rest again.
$(VENV)/.torch-$(TORCH)-$(TORCH_PIN): $(VENV)/.made
	@rm -f $(VENV)/.torch-*
ifeq ($(TORCH),cpu)
	@# First what pip is already set up with, such as a folder of wheels; then PyTorch's index; then any build.
	$(PY) -m pip install --quiet "torch==$(TORCH_PIN)+cpu" 2>/dev/null \
	  || $(PY) -m pip install --quiet --retries 2 --index-url $(TORCH_INDEX) "torch==$(TORCH_PIN)" \
	  || $(PY) -m pip install "torch==$(TORCH_PIN)"
else
	$(PY) -m pip install --force-reinstall --no-deps "torch==$(TORCH_PIN)" && $(PY) -m pip install "torch==$(TORCH_PIN)"
endif
	touch $@

$(VENV)/.run: requirements.txt $(VENV)/.torch-$(TORCH)-$(TORCH_PIN)
	$(PY) -m pip install --quiet -r requirements.txt
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(PY) -m pip install --quiet -r requirements-dev.txt
	touch $@

readme: $(VENV)/.run  ## Write the generated parts of the README: settings and files.
	$(PY) -m tests.test_documentation

# The browser tests need Chromium, and a Chinese font for what it draws.
browser:
	@have() { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null 2>&1; \
	fonts() { test -n "$$(fc-list :lang=zh 2>/dev/null)"; }; \
	if ! have || ! fonts; then \
	  if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fontconfig fonts-noto-cjk; \
	  else \
	    echo "The browser tests need Chromium and a Chinese font. On Debian and Ubuntu: sudo apt-get install chromium fonts-noto-cjk"; exit 1; \
	  fi; \
	fi

clean:  ## Remove the virtual environment and caches; workspaces and starter models stay.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
