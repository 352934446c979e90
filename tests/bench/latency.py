"""How soon a change on one side is on the other while Postboat stays: `python -m tests.bench.latency`, or `make bench`.

Postboat runs as its users run it, in a process of its own, with a round trip of 50 ms between it and the server. The one
who changes something and the one who waits for it on the other side are next to server and disk: their own time is less
than a few milliseconds. From the server's word on, which another client of the same account is told at the same time,
new mail takes what is shown; how long the server keeps it to itself is shown beside it.
"""

from __future__ import annotations

import imaplib
import itertools
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Self

from tests.bench import corpus
from tests.bench.harbour import Harbour
from tests.bench.network import Network
from tests.bench.programs import POSTBOAT, Place
from tests.bench.table import markdown
from tests.real.voyage import append
from tests.servers.process import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.bench.harbour import Mailbox

TITLE = "changes on either side while Postboat stays, RTT 50 ms"
WORDS = """\
While it stays, RTT 50 ms: how soon a change is on the other side. New mail counts from when the server tells any client of it."""
RTT = 0.05
ROUNDS = int(os.environ.get("ROUNDS", "15"))
QUIET = 1.3
"""Seconds between two changes, so that none is told with the one before."""
PATIENCE = 10.0
LOOK = 0.001
WITHOUT_NOTIFY = (
    "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE UIDPLUS MOVE ESEARCH CONDSTORE QRESYNC LIST-EXTENDED LIST-STATUS "
    "SPECIAL-USE NAMESPACE UNSELECT MULTIAPPEND BINARY"
)


@dataclass
class Latency:
    """The times of one kind of change, in seconds."""

    title: str
    goal: float
    """The median may be no more."""
    taken: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    """How long the server said nothing."""

    @property
    def is_reached(self) -> bool:
        """Whether the goal is."""
        return median(self.taken) <= self.goal

    def cells(self) -> list[str]:
        """A row of the table."""
        ninth = quantiles(self.taken, n=10)[-1] if len(self.taken) > 1 else self.taken[0]
        own = ms(median(self.before)) if self.before else "–"
        verdict = "reached" if self.is_reached else "**missed**"
        return [self.title, own, ms(median(self.taken)), ms(ninth), f"at most {ms(self.goal)}: {verdict}"]


def ms(seconds: float) -> str:
    """Seconds as people read such spans."""
    return f"{seconds * 1000:.0f} ms"


HEAD = ["job", "the server's own delay", "median", "one in ten takes", "goals"]
PUSHED = 2 * RTT + 0.1
CHANGED = 3 * RTT + 0.2


class Told:
    """Another client that is told what Postboat is told, and notes when."""

    def __init__(self, host: str, port: int, user: str, *, notify: bool) -> None:
        self._socket = socket.create_connection((host, port))
        self._lines = self._socket.makefile("rb")
        self._lines.readline()
        self._run(f"LOGIN {user} {PASSWORD}")
        if notify:
            self._run("NOTIFY SET (personal (MessageNew MessageExpunge FlagChange))")
        else:
            self._run("SELECT INBOX")
        self._socket.sendall(b"i IDLE\r\n")
        self._lines.readline()
        self.moments: list[float] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _run(self, command: str) -> None:
        self._socket.sendall(f"x {command}\r\n".encode())
        while not self._lines.readline().startswith(b"x OK"):
            pass

    def _listen(self) -> None:
        for line in self._lines:
            if b"STATUS" in line or b"EXISTS" in line:
                self.moments.append(time.monotonic())

    def close(self) -> None:
        """Leave."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


class Desk:
    """A Postboat that stays, over a far line, and those who change something on either side of it."""

    def __init__(self, home: Path, capability: str | None) -> None:
        self._stack = ExitStack()
        self._harbour = self._stack.enter_context(Harbour({"many": _mailbox}, capability))
        self.user = self._harbour.copy("many")
        self.mail = home / "mail"
        self._place = Place(home, self._harbour.host, self._harbour.port, self.user)
        self._numbers = itertools.count(1)
        self._notify = capability is None

    def open(self) -> None:
        """Bring it in step, and let it stay from then on."""
        POSTBOAT.prepare(self._place)
        command, variables = POSTBOAT.command(self._place), POSTBOAT.environment(self._place)
        subprocess.run(command, env=variables, check=True)
        network = self._stack.enter_context(Network(self._harbour.host, self._harbour.port, delay=RTT / 2))
        config = self._place.home / "config.toml"
        words = config.read_text().replace(f"remoteport = {self._harbour.port}", f"remoteport = {network.port}")
        config.write_text(words.replace("[account.Bench]", "[account.Bench]\nautorefresh = 5"))
        self._stack.enter_context(_staying([*command[:-2], "-u", "basic"], variables, self._place.home / "said"))
        self.phone = imaplib.IMAP4(self._harbour.host, self._harbour.port)
        self._stack.callback(self.phone.logout)
        self.phone.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.phone.login(self.user, PASSWORD)
        self.told = Told(self._harbour.host, self._harbour.port, self.user, notify=self._notify)
        self._stack.callback(self.told.close)
        self._wait_for_push()

    def _wait_for_push(self) -> None:
        """A message that gets through by itself tells that all is up."""
        before = self._new()
        self.append()
        _until(lambda: self._new() != before, 3 * PATIENCE)
        time.sleep(QUIET)

    def append(self) -> None:
        """A message is put into INBOX on the server."""
        message = next(corpus.realistic(1, series=5000 + next(self._numbers))).content
        append(self.phone, "INBOX", message.replace(b"\n", b"\r\n"))

    def receive(self, latency: Latency) -> None:
        """A message comes; the time until it is in the Maildir counts from when another client is told of it."""
        before, told = self._new(), len(self.told.moments)
        self.append()
        began = time.monotonic()
        _until(lambda: self._new() != before)
        there = time.monotonic()
        _until(lambda: len(self.told.moments) > told)
        latency.before.append(self.told.moments[told] - began)
        latency.taken.append(there - self.told.moments[told])

    def change(self, latency: Latency, act: Callable[[Path, int], None]) -> None:
        """A file is changed; the time counts until the server has it."""
        files = sorted((self.mail / "INBOX" / "cur").iterdir())
        before = self._standing()
        began = time.monotonic()
        act(files[len(files) // 2], next(self._numbers))
        _until(lambda: self._standing() != before)
        latency.taken.append(time.monotonic() - began)

    def _new(self) -> frozenset[str]:
        return frozenset(os.listdir(self.mail / "INBOX" / "new"))

    def _standing(self) -> bytes:
        """How INBOX is on the server."""
        return self.phone.status("INBOX", "(MESSAGES UIDNEXT HIGHESTMODSEQ)")[1][0]  # type: ignore[return-value]

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self._stack.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exc: Any) -> None:
        self._stack.__exit__(*exc)


def _mailbox() -> Mailbox:
    names = ("INBOX", *(f"folder-{number:03}" for number in range(1, 50)))
    return {name: corpus.realistic(100, series) for series, name in enumerate(names, 100)}


@contextmanager
def _staying(command: list[str | Path], variables: dict[str, str], said: Path) -> Iterator[None]:
    with said.open("wb") as output, subprocess.Popen(command, env=variables, stdout=output, stderr=output) as process:
        try:
            yield
        except BaseException as error:
            error.add_note(said.read_text())
            raise
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _until(true: Callable[[], bool], patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("what was changed on one side did not come to the other")
        time.sleep(LOOK)


def _flag(file: Path, _number: int) -> None:
    unique, _, letters = file.name.partition(":2,")
    file.rename(file.with_name(f"{unique}:2,{''.join(sorted({'F'} ^ set(letters)))}"))


def _remove(file: Path, _number: int) -> None:
    file.unlink()


def _move(file: Path, _number: int) -> None:
    file.rename(file.parents[2] / "folder-001" / "cur" / file.name)


def _add(file: Path, number: int) -> None:
    under_way = file.parents[1] / "tmp" / f"{number}.latency"
    under_way.write_bytes(next(corpus.realistic(1, series=7000 + number)).content)
    under_way.rename(file.with_name(f"{under_way.name}:2,S"))


def measure(tell: Callable[[str], None] = print) -> list[Latency]:
    """Measure all of them, telling how each went."""
    pushed = {"NOTIFY": None, "IDLE": WITHOUT_NOTIFY}
    changes = {"flagged": _flag, "removed": _remove, "moved": _move, "added": _add}
    found = []
    for how, capability in pushed.items():
        with tempfile.TemporaryDirectory(prefix="pb-latency-") as home, Desk(Path(home), capability) as desk:
            new = Latency(f"a message comes to the server ({how}), and is in the Maildir", PUSHED)
            found.append(_repeat(desk.receive, new))
            tell(f"{new.title}: {' '.join(map(ms, new.taken))}")
            if capability is None:
                for what, act in changes.items():
                    done = Latency(f"a file is {what}, and the server has it", CHANGED)
                    found.append(_repeat(partial(desk.change, act=act), done))
                    tell(f"{done.title}: {' '.join(map(ms, done.taken))}")
    return found


def _repeat(one: Callable[[Latency], None], latency: Latency) -> Latency:
    for _ in range(ROUNDS):
        one(latency)
        time.sleep(QUIET)
    return latency


def table(latencies: Iterable[Latency]) -> str:
    """What was measured, for the README."""
    return markdown(HEAD, [latency.cells() for latency in latencies])


if __name__ == "__main__":
    measured = measure()
    print(f"\n{table(measured)}")
    sys.exit(0 if all(latency.is_reached for latency in measured) else 1)
