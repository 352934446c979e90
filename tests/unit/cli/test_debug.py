"""What is written of a run never shows a password."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from postboat.cli.debug import Debug
from postboat.config.schema import AccountConfig, Config, MaildirConfig, PasswordSources, Secret, ServerConfig

if TYPE_CHECKING:
    from pathlib import Path


def _server(name: str, password: str) -> ServerConfig:
    return ServerConfig(name=name, password=PasswordSources(remotepass=Secret(password)))


def test_the_passwords_of_both_sides_are_hidden(tmp_path: Path) -> None:
    here = MaildirConfig(name="M", localfolders=tmp_path / "mail")
    accounts = (
        AccountConfig("A", local=_server("L", "near-word"), remote=_server("R", "far-word")),
        AccountConfig("B", local=here, remote=_server("R", "other-word")),
        AccountConfig("C", local=here, remote=here),
    )
    log = tmp_path / "log"
    with Debug(log.open("w"), ("all",)) as debug:
        debug.hide_secrets_of(Config(tmp_path / "config.toml", accounts, tmp_path))
        logging.getLogger("postboat.test").debug("LOGIN near-word far-word other-word")
    assert log.read_text().endswith("postboat.test: LOGIN *** *** ***\n")
