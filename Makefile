PY := .venv/bin/python
.PHONY: help install

help:
	@sed -n 's/^## //p' Makefile

install: .venv/installed

.venv/installed: pyproject.toml
	python3 -m venv .venv
	$(PY) -m pip install --quiet -e '.[test,check]'
	@touch $@
