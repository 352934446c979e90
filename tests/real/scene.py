"""A user in front of a screen: one account of a real server, the program in a terminal or a window, a service beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.real.staying import configure
from tests.real.voyage import Voyage
from tests.servers.process import Daemon
from tests.servers.terminal import TmuxTerminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.process import Account

PATIENCE = 20.0


class Scene:
    """The account, a configuration file, and everything that was started, which ends with the scene."""

    def __init__(self, home: Path, account: Account) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self.account = home, account
        self.voyage = Voyage(home, account)
        self._open = ExitStack()
        run = self._open.enter_context(tempfile.TemporaryDirectory(prefix="pb-"))  # names of sockets must be short
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "XDG_RUNTIME_DIR": run,
        }
        self.said = Path(run) / "said"
        self.configure()

    def configure(
        self,
        *,
        autorefresh: float = 0,
        remote: str = "",
        password: str | None = None,
        port: int | None = None,
        **more: str,
    ) -> None:
        """Write the configuration; without `autorefresh`, a run is over when all is in step."""
        asked = self.account.password if password is None else password
        at = self.account
        self.config = configure(
            self.home, at.host, port or at.port, at.user, asked, autorefresh=autorefresh, remote=remote, **more
        )
        if not autorefresh:
            self._rewrite("autorefresh = 0\n", "")
        if asked == "":
            self._rewrite('remotepass = ""\n', "")

    def _rewrite(self, before: str, after: str) -> None:
        text = self.config.read_text()
        assert before in text
        self.config.write_text(text.replace(before, after))

    def command(self, *words: str) -> list[str]:
        """The program's command line."""
        return [sys.executable, "-m", "postboat", "-c", str(self.config), *words]

    def terminal(
        self, *words: str, size: tuple[int, int] = (80, 24), term: str = "tmux-256color", **env: str
    ) -> TmuxTerminal:
        """The program in a terminal; ends with the scene."""
        return self.screen(self.command(*words), size=size, term=term, **env)

    def screen(
        self, command: list[str], *, size: tuple[int, int] = (80, 24), term: str = "tmux-256color", **env: str
    ) -> TmuxTerminal:
        """A terminal with any command in it; ends with the scene."""
        terminal = TmuxTerminal(*size, command, self.environment | env, term=term)
        return self._open.enter_context(terminal)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the program to its end without a terminal."""
        return subprocess.run(
            self.command(*words),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def service(self) -> Daemon:
        """The program as it goes on without a terminal, once it is in step; ends with the scene."""
        service = Daemon(self.command("-u", "basic"), cwd=self.home, env=self.environment)
        self._open.callback(service.kill)
        service.wait_until(lambda: "in step, " in service.console(), "first sync")
        return service

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()


def until(true: Callable[[], object], what: str) -> None:
    """Wait for something that no screen tells."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"not {what} in {PATIENCE} s"
        time.sleep(0.02)
