# Every target makes its own environment in .venv the first time, and again when the lock changes.
# Paths here are relative and quoted, so the repository may live in a folder with a space in its name.

.DEFAULT_GOAL := help
.PHONY: help demo test check notebooks lint lab docs bench size clean
SHELL := /bin/sh

RUN := .venv/bin/python -m
export HERE := $(CURDIR)
# One thread a process: the numbers stay the same on every machine.
export OMP_NUM_THREADS ?= 1
# Passed on to the demo: make demo ARGS="--drift data"
ARGS ?=
# One benchmark instead of all: make bench ONLY=schema
ONLY ?= *

# Outputs are compared cell by cell where the locked set gives the same digits; elsewhere the
# assertions inside the cells still count.
NBVAL ?= $(if $(filter Linux-x86_64,$(shell uname -sm | tr ' ' '-')),--nbval,--nbval-lax)

help:
	@echo 'make demo    run the whole system once (ARGS="--drift data" is passed on)'
	@echo 'make test    lint, types, tests, doctests and every notebook'
	@echo 'make lab     open JupyterLab on the labs'
	@echo 'make docs    build the site into docs/_build/html'
	@echo 'make bench   run the benchmarks: hours (one: ONLY=schema)'
	@echo 'make lint    format and lint the code in place'
	@echo 'make size    print the number of lines per room'
	@echo 'make clean   remove .venv and everything that can be made again'

demo: .venv/.stamp
	@.venv/bin/mlsd demo $(ARGS)

test: .venv/.stamp
	@$(MAKE) --no-print-directory check

# What `make test` checks, in an environment that is already there.
check:
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) pytest -q -n 2 --dist loadfile
	@$(MAKE) --no-print-directory notebooks

# A copy is run, so that no output, start state or progress of a student is touched.
notebooks:
	@set -eu; place=$$(mktemp -d); trap 'rm -rf "$$place"' EXIT; \
	find labs exam_practice -name '*.ipynb' ! -path '*/.*' ! -path '*/start_[0-9][0-9]/*' ! -path '*/lab_[0-9][0-9]/*' \
		-exec sh -c 'for one; do mkdir -p "$$0/$$(dirname "$$one")"; cp "$$one" "$$0/$$one"; done' "$$place" {} +; \
	echo 'notebooks: pytest $(NBVAL)'; \
	MLSD_PROGRESS="$$place/progress.jsonl" PYTHONHASHSEED=0 \
		$(RUN) pytest -q -o addopts= -o filterwarnings= -o testpaths= --rootdir "$$place" -p no:cacheprovider \
		--nbval-current-env --nbval-cell-timeout=60 $(NBVAL) -n 2 --dist loadfile "$$place"

lint: .venv/.stamp
	$(RUN) ruff format .
	$(RUN) ruff check --fix .
	$(RUN) mypy

lab: .venv/.stamp
	$(RUN) jupyter lab labs

docs: .venv/.docs
	rm -rf docs/_build
	$(RUN) sphinx -W --keep-going -q -b html docs docs/_build/html
	@if grep -rnoE '<(script|link|img)[^>]* (src|href)="https?:[^"]*"' docs/_build/html --include='*.html' \
		| grep -v 'rel="canonical"'; then \
		echo 'docs: a page loads something from the network; it must read offline.'; exit 1; fi
	@echo 'open docs/_build/html/index.html'

bench: .venv/.stamp
	@set -eu; for one in tests/benchmarks/bench_$(ONLY).py; do \
		echo; echo "== $$one"; .venv/bin/python "$$one"; done

size:
	@find mlsd -name '*.py' | sort | xargs wc -l | awk ' \
		$$2 == "total" { next } \
		{ n = split($$2, part, "/"); room = n > 2 ? part[2] "/" : part[2]; lines[room] += $$1; all += $$1 } \
		END { for (room in lines) printf "%6d  %s\n", lines[room], room | "sort -k2"; close("sort -k2"); \
		      printf "%6d  mlsd/ in all (aim: at most 9000)\n", all; \
		      printf "%6d  of them course/ (aim: at most a quarter)\n", lines["course/"] }'

clean:
	rm -rf .venv build dist docs/_build htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- the environment ------------------------------------------------------------------------

# A folder that was moved or copied needs its environment anew: the stamp remembers where it was made.
ifneq "$(shell cat .venv/.stamp 2>/dev/null)" "$(CURDIR)"
.PHONY: .venv/.stamp
endif

.venv/.stamp: pyproject.toml requirements.lock
	@set -eu; \
	refuse() { echo "mlsd: $$1" >&2; exit 1; }; \
	suits='import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; \
	found=''; bare=''; \
	set -- python3.13 python3.12 python3.11 python3; \
	if [ -n "$${PYTHON:-}" ]; then set -- "$$PYTHON"; fi; \
	for candidate in "$$@"; do \
		"$$candidate" -c "$$suits" >/dev/null 2>&1 || continue; \
		if "$$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then found=$$candidate; break; fi; \
		bare=$$candidate; \
	done; \
	if [ -z "$$found" ] && [ -n "$$bare" ]; then \
		refuse "$$bare has no venv module: install it (Debian: apt-get install python3-venv)."; fi; \
	[ -n "$$found" ] || refuse "this needs Python 3.11, 3.12 or 3.13 and found none: install one, or name it with make PYTHON=/path/to/python."; \
	if [ -z "$${HOME:-}" ] || [ ! -w "$${HOME:-/}" ]; then export UV_CACHE_DIR="$$HERE/.venv/.uv-cache"; fi; \
	if ! { .venv/bin/python -c "$$suits" && [ "$$(cat .venv/.place)" = "$$HERE" ]; } >/dev/null 2>&1; then \
		echo "mlsd: making .venv with $$found ($$("$$found" --version))"; \
		"$$found" -m venv --clear .venv; \
		echo "$$HERE" > .venv/.place; \
	fi; \
	rm -f .venv/.stamp .venv/.docs; \
	echo 'mlsd: installing the locked set into .venv (about a minute the first time)'; \
	.venv/bin/python -m pip install -q --disable-pip-version-check "$$(sed -n 's/^\(uv==[0-9.]*\).*/\1/p' requirements.lock)"; \
	export VIRTUAL_ENV="$$HERE/.venv"; unset CONDA_PREFIX; \
	.venv/bin/uv pip sync -q --compile-bytecode requirements.lock; \
	.venv/bin/uv pip install -q --no-deps --editable .; \
	if ! problem=$$(.venv/bin/python -c 'import lightgbm' 2>&1); then case "$$problem" in \
		*libgomp*|*libomp*) refuse 'LightGBM needs libgomp: apt-get install libgomp1 (Debian) or brew install libomp (macOS).';; \
		*) echo "$$problem" >&2; refuse 'LightGBM does not start; the last line above says why.';; esac; fi; \
	printf '%s\n' "$$HERE" > .venv/.stamp

# The site needs a few packages more; whatever the lock names stays at the locked version.
.venv/.docs: .venv/.stamp
	@if [ -z "$${HOME:-}" ] || [ ! -w "$${HOME:-/}" ]; then export UV_CACHE_DIR="$$HERE/.venv/.uv-cache"; fi; \
	VIRTUAL_ENV="$$HERE/.venv" .venv/bin/uv pip install -q --compile-bytecode \
		--constraint requirements.lock --requirements pyproject.toml --extra docs
	@touch .venv/.docs
