"""Talks with a run that goes on, over its control socket. Needs no loop, engine or configuration, so it starts fast."""

from __future__ import annotations

import json
import os
import select
import socket
import stat
import struct
import time
from typing import TYPE_CHECKING, Any, Self

from postboat.cli.saying import say
from postboat.config.paths import control_socket, find
from postboat.errors import ConfigError, PostboatError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from postboat.cli.arguments import Usage

PATIENCE = 10.0
"""Seconds that an answer may take: the other side has nothing to do for it but to write a line."""
RELOADING = 60.0
"""Seconds that reading a configuration may take, which may ask programs of the user's."""
CHUNK = 65_536


class NotRunning(PostboatError):
    """No run that goes on uses this configuration."""


class Refused(PostboatError):
    """It would not do what was asked of it."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class Ended(PostboatError):
    """It ended, or broke off, while it was listened to."""


def conversing(talk: Callable[[Usage], int], usage: Usage) -> int:
    """Do what the command is there for; return the exit code. What goes wrong is told in a sentence."""
    try:
        return talk(usage)
    except KeyboardInterrupt:
        return 130
    except ConfigError as error:
        return say(error.exit_code, *error.problems)
    except PostboatError as error:
        return say(error.exit_code, *f"postboat: {error}".splitlines())


def socket_for(usage: Usage) -> Path:
    """The socket of the run with the configuration that is asked for. Raises `ConfigError` when there is none."""
    return control_socket(usage.config or find())


def ask(usage: Usage, do: str, **facts: Any) -> dict[str, Any]:
    """Ask for something that is done at once, and return the answer. Raises as `Service` and its `ask`."""
    with Service(socket_for(usage)) as service:
        return service.ask(do, **facts)


class Service:
    """A connection to a run that goes on. Raises `NotRunning` when there is none."""

    def __init__(self, path: Path) -> None:
        _refuse_foreign(path.parent)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE)
        self._read = b""
        try:
            self._socket.connect(os.fsencode(path))
        except OSError as error:
            self._socket.close()
            if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
                raise NotRunning("no run that goes on uses this configuration") from None
            raise NotRunning(f"{path}: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def ask(self, do: str, *, seconds: float = PATIENCE, **facts: Any) -> dict[str, Any]:
        """Send the request and return the answer. Raises `Refused` with the reason, and `Ended` without an answer."""
        try:
            self._socket.sendall(json.dumps({"do": do, **facts}).encode() + b"\n")
        except OSError:
            pass  # it refused before it was asked, and its answer says why
        deadline = time.monotonic() + seconds
        while b"\n" not in self._read:
            left = deadline - time.monotonic()
            if left <= 0 or not self._receive(left):
                raise Ended(f"the run that goes on does not answer within {seconds:.0f} seconds")
        answer = self._line()
        if not answer.get("ok"):
            raise Refused(str(answer.get("error")), int(answer.get("exit_code", 3)))
        return answer

    def news(self, seconds: float | None) -> list[dict[str, Any]]:
        """Lines that came, after waiting for the first of them, but not longer than `seconds`. Raises `Ended`."""
        if b"\n" not in self._read:
            self._receive(seconds)
        lines = []
        while b"\n" in self._read:
            lines.append(self._line())
        return lines

    def until_it_ends(self, seconds: float | None) -> bool:
        """Wait until the process on the other side is gone; False when it is not after so long."""
        deadline = None if seconds is None else time.monotonic() + seconds
        watched = _process_behind(self._socket)
        try:
            while True:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if watched is not None:
                    return bool(select.select([watched], [], [], left)[0])
                if not self._receive(left):
                    return False
        except Ended:
            return True  # of the process nothing can be known: that it let go must do
        finally:
            if watched is not None:
                os.close(watched)

    def _receive(self, seconds: float | None) -> bool:
        """Wait for more to read; False when nothing came. Raises `Ended`."""
        if not select.select([self._socket], [], [], seconds)[0]:
            return False
        try:
            data = self._socket.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            raise Ended("the run that went on has ended")
        self._read += data
        return True

    def _line(self) -> dict[str, Any]:
        line, _, self._read = self._read.partition(b"\n")
        try:
            facts = json.loads(line)
        except ValueError:
            facts = None
        if not isinstance(facts, dict):
            raise Ended("the run that goes on does not speak as it should: is it another version?")
        return facts


def _refuse_foreign(directory: Path) -> None:
    """Believe nobody who made the directory in our place. Raises `NotRunning`."""
    try:
        found = directory.lstat()
    except OSError:
        return
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        raise NotRunning(f"{directory} belongs to another user, so that what is in it cannot be believed")


def _process_behind(connection: socket.socket) -> int | None:
    """Open what becomes readable when the process that listens on the other side ends; None where that is not known."""
    if not (hasattr(socket, "SO_PEERCRED") and hasattr(os, "pidfd_open")):
        return None
    pid, _, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
