"""Reads `~/.netrc` and `/etc/netrc`, where several users of one host may stand, which the standard library forgets."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from postboat.config.schema import Secret

_TOKEN = re.compile(r'"((?:\\.|[^"\\])*)"|(\S+)', re.DOTALL)


class Login(NamedTuple):
    """One entry."""

    host: str
    """Empty for the entry `default`."""
    user: str
    password: Secret | None


def netrc_files() -> tuple[Path, ...]:
    """Places that are looked at, in their order."""
    home = os.path.expanduser("~/.netrc")  # noqa: PTH111 - Path's own raises without a home
    return Path(home), Path("/etc/netrc")


def find_login(host: str, user: str = "", *, files: tuple[Path, ...] | None = None) -> Login | None:
    """The first entry with a user name for a host, and for a user if one is given; `default` comes last."""
    for path in netrc_files() if files is None else files:
        entries = [login for login in _read(path) if login.user and user in ("", login.user)]
        for wanted in (host.casefold(), ""):
            for login in entries:
                if login.host.casefold() == wanted:
                    return login
    return None


def _read(path: Path) -> list[Login]:
    try:
        text = path.read_text("utf-8", "surrogateescape")
    except OSError:
        return []
    return _parse(text)


def _parse(text: str) -> list[Login]:
    found: list[Login] = []
    text = re.sub(r"(?m)^\s*macdef\b.*(?:\n[^\n]+)*|^\s*#.*", "", text)
    tokens = iter(_TOKEN.finditer(text))
    for token in tokens:
        word = token[2]
        if word == "machine":
            found.append(Login(_value(next(tokens, None)), "", None))
        elif word == "default":
            found.append(Login("", "", None))
        elif word in ("login", "password", "account"):
            value = _value(next(tokens, None))
            if found and word == "login":
                found[-1] = found[-1]._replace(user=value)
            elif found and word == "password":
                found[-1] = found[-1]._replace(password=Secret(value))
    return found


def _value(token: re.Match[str] | None) -> str:
    if token is None:
        return ""
    return token[2] if token[2] is not None else re.sub(r"\\(.)", r"\1", token[1])
