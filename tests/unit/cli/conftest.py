"""A configuration on disk, and a supervisor that does what the test says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from postboat.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Supervise = Callable[..., Awaitable[int]]

ACCOUNT = """
[account.{name}]
localrepository = "{name}Local"
remoterepository = "{name}Remote"
{more}
[repository.{name}Local]
type = "Maildir"
localfolders = "{path}/{name}"
[repository.{name}Remote]
type = "IMAP"
remotehost = "127.0.0.1"
remoteport = 1
remoteuser = "me"
remotepass = "geheim"
ssl = false
starttls = false
"""


class Program:
    """Runs the command line in this process."""

    def __init__(self, config: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.config, self._capfd, self._monkeypatch = config, capfd, monkeypatch
        self.out = self.err = ""
        self.seen: list[Any] = []

    def supervised_by(self, supervise: Supervise) -> None:
        """Let `supervise` take the supervisor's place; what it is called with is kept in `seen`."""

        async def seen(*arguments: Any) -> int:
            *arguments, _watch = arguments
            self.seen.append(tuple(arguments))
            return await supervise(*arguments)

        self._monkeypatch.setattr("postboat.service.supervisor.run", seen)

    def __call__(self, *words: str) -> int:
        """Run with the configuration; return the exit code, and keep what was said."""
        code = main([*words, "-c", str(self.config)])
        self.out, self.err = self._capfd.readouterr()
        return code


@pytest.fixture
def program(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    config = tmp_path / "config.toml"
    accounts = "".join(ACCOUNT.format(name=name, path=tmp_path, more="") for name in ("A", "B"))
    config.write_text(f'[general]\naccounts = ["A", "B"]\nmetadata = "{tmp_path}/state"\n{accounts}')
    config.chmod(0o600)
    return Program(config, capfd, monkeypatch)
