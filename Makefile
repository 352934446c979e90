PY := .venv/bin/python
STAMP := .venv/installed
.PHONY: help install servers check test crash worlds soak idle bench demo top clean

help:
	@sed -n 's/^## //p' Makefile

## make install   Python environment for work on Postboat in .venv
install: $(STAMP)

## make servers   the IMAP servers the tests talk to, unpacked in .servers (nothing is installed on the machine)
servers:
	@python3 -m tests.servers.install
	@python3 -m tests.servers.python_tk

## make check     format, lint, types and layers
check: $(STAMP)
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

## make test      all tests, with real servers on the loopback interface
test: $(STAMP) servers
	.venv/bin/pytest -q -n 2 --dist worksteal $(TESTS)

## make crash     the crash and fault tests at every moment, octet and seed, where `make test` takes samples: an hour
crash: $(STAMP) servers
	POSTBOAT_CRASH=all POSTBOAT_CRASH_MOMENTS=300 POSTBOAT_CUTS=100 POSTBOAT_RESTLESS=50 POSTBOAT_FUZZ=2000 \
	  .venv/bin/pytest -q -n 2 --dist worksteal tests/crash tests/real/test_faults.py tests/real/test_other_programs.py \
    tests/hostile/test_fuzz.py

## make worlds    a thousand random worlds on each of three servers: an hour (WORLDS=… of them, SEED=… the same again)
worlds: $(STAMP) servers
	POSTBOAT_WORLDS=$(or $(WORLDS),1000) $(if $(SEED),POSTBOAT_SEED=$(SEED)) .venv/bin/pytest -q -n 2 --dist worksteal -s tests/worlds

## make soak      hundreds of faults on servers of every kind, weeks and an idle hour: half an hour (FAULTS=… in all, SEED=…)
soak: $(STAMP) servers
	POSTBOAT_KINDS=all POSTBOAT_FAULTS=$$(($(or $(FAULTS),500) / 5)) POSTBOAT_LONGEST=2.5 POSTBOAT_CYCLES=10000 POSTBOAT_IDLE=300 \
	  POSTBOAT_STOPPED=60 $(if $(SEED),POSTBOAT_SEED=$(SEED)) .venv/bin/pytest -q -n 2 --dist worksteal tests/soak

## make idle      what an hour in which nothing happens takes, measured in five minutes (IDLE=… seconds)
idle: $(STAMP) servers
	POSTBOAT_IDLE=$(or $(IDLE),300) .venv/bin/pytest -q tests/soak/test_idle.py

## make bench     Postboat beside mbsync, OfflineIMAP and interimap (half an hour; ROWS="..." some of it, BENCH=quick the shorter half)
bench: $(STAMP) servers
	@$(PY) -m tests.bench $(if $(BENCH),--$(BENCH)) $(ROWS)

## make demo      a mailbox synchronised before your eyes, with a server in memory
demo: .venv/demo
	$(PY) tests/demo.py

## make top       the dashboard, of a recorded run (VOYAGE=held: another in tests/data/voyages)
top: .venv/demo
	@$(PY) -m postboat top --replay tests/data/voyages/$(or $(VOYAGE),first_sync).ndjson

## make clean     remove everything made here, the servers and the environment included
clean:
	rm -rf .venv .servers .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist demo-mail demo-state

.venv/bin/pip:
	@python3 -m tests.servers.make_venv

$(STAMP): pyproject.toml | .venv/bin/pip
	@echo "installing Postboat and its tools in .venv"
	@$(PY) -m pip install --quiet --disable-pip-version-check -e '.[test,check]'
	@touch $@ .venv/demo

.venv/demo: pyproject.toml | .venv/bin/pip
	@echo "installing Postboat in .venv"
	@$(PY) -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@
