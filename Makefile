# Each line also works when typed. Nothing is needed but python3, git and make.

BIN = .venv/bin
SOURCES = src tests benchmarks examples
# Two for each processor, since tests often wait.
WORKERS = -n $$((2 * $$(nproc))) --dist worksteal

.PHONY: demo test check prove format fuzz bench docs lock clean

demo: .venv/run
	$(BIN)/bibliobus demo

test: .venv/dev
	$(BIN)/pytest $(WORKERS)

check: .venv/dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

prove: .venv/dev
	$(BIN)/pytest $(WORKERS) --prove --timeout 3600

format: .venv/dev
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

fuzz: .venv/fuzz
	$(BIN)/python tests/fuzz/sip2.py -runs=1000000

bench: .venv/dev
	$(BIN)/python benchmarks/codec.py
	$(BIN)/python benchmarks/terminals.py
	$(BIN)/python benchmarks/lending.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python -m benchmarks.importing
	$(BIN)/python -m benchmarks.borrowing

docs: .venv/dev
	$(BIN)/python -c 'from bibliobus.sip2.reference import reference as r; print(r(), end="")' \
		> docs/reference/sip2.md
	$(BIN)/python -c 'from bibliobus.sandbox.vendor.reference import reference as r; \
		print(r(), end="")' > docs/reference/sandbox.md

# The hashed lists of what is installed; needs uv.
lock:
	uv pip compile $(LOCK) --group build -o requirements/run.txt
	uv pip compile $(LOCK) --group build --group test --group check -o requirements/dev.txt
	uv pip compile $(LOCK) --group build --group fuzz -o requirements/fuzz.txt

LOCK = pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --extra fast --extra postgres --extra web

clean:
	rm -rf .venv .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

# .venv/run is what the server needs, .venv/dev that and all tools, .venv/fuzz that and a fuzzer.
.venv/run .venv/dev .venv/fuzz: .venv/%: requirements/%.txt pyproject.toml | .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Debian's python3 comes without venv: root installs it, anybody else is told what to type.
.venv/bin/pip:
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { \
		package="python$$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"; \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
		then apt-get update -qq && apt-get install -y -qq "$$package"; \
		else echo "Python has no venv here. Type: sudo apt-get install $$package"; exit 1; fi; }
	python3 -m venv .venv
