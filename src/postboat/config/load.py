"""Makes a `Config` from a file: find it, read it, apply the command line, understand it, prove it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.config.accounts import Builder
from postboat.config.document import Document, Problems
from postboat.config.known import check_names
from postboat.config.overrides import apply_overrides
from postboat.config.paths import find
from postboat.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from postboat.config.schema import Config

_INI_HEADER = re.compile(r"^\[(Account|Repository)\s+[^\]\n]+\]", re.MULTILINE)
_TOML_HEADER = re.compile(r"^[ \t]*\[[ \t]*(account|repository)[ \t]*\.", re.MULTILINE)


def load(path: Path | None, *, overrides: Sequence[str] = (), accounts: Sequence[str] = ()) -> Config:
    """Read and check the configuration; `path` None looks in the usual places.

    `overrides` are `[section:]option=value`; `accounts`, if any, are those to sync. Raises `ConfigError` with
    everything that is wrong.
    """
    problems = Problems()
    document = read(path or find(), problems)
    if not document.sections:
        problems.raise_if_any()  # what a text that cannot be read seems to lack is not worth telling
    apply_overrides(document, overrides, problems)
    check_names(document, problems)
    config = Builder(document, problems).config(accounts)
    problems.raise_if_any()
    return config


def account_names(path: Path | None) -> list[str]:
    """Names of all accounts that a file has, listed or not and checked or not; `path` None looks in the usual places.

    Raises `ConfigError` if there is no file to be read.
    """
    return read(path or find(), Problems()).names("account")


def read(path: Path, problems: Problems) -> Document:
    """Read a file in whichever of the two formats it has. Raises `ConfigError` if it cannot be read at all."""
    text = _text(path)
    if _is_toml(path, text):
        from postboat.config import toml

        return toml.read(path, text, problems)
    from postboat.config import offlineimaprc

    return offlineimaprc.read(path, text, problems)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError([f"{path}: cannot be read: {reason}"]) from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: is not UTF-8; save the file in that encoding"]) from error


def _is_toml(path: Path, text: str) -> bool:
    """Tell the format by its headers, then by the file's name, then by trying."""
    ini, toml = _INI_HEADER.search(text), _TOML_HEADER.search(text)
    if path.suffix.lower() == ".toml":
        if ini and not toml:
            line = text.count("\n", 0, ini.start()) + 1
            raise ConfigError([f"{path}:{line}: is OfflineIMAP's notation; give the file a name without .toml"])
        return True
    if bool(ini) != bool(toml):
        return bool(toml)
    if path.name == ".offlineimaprc":
        return False
    import tomllib

    try:
        tomllib.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
