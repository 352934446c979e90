"""What it costs to look: `python -m tests.bench.faces`, or `make bench ROWS=faces`.

Postboat runs with the dashboard in a pseudo-terminal whose other end is only read, or with the window on a display in
memory. The processor time of a face is that of the process that draws, from its first picture on; what the terminal and
the display take is their own. A sync with the dashboard and one with `quiet` take turns, and are compared in pairs.
"""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Self

from tests.bench import corpus
from tests.bench.harbour import Harbour
from tests.bench.programs import POSTBOAT, Place
from tests.bench.table import markdown
from tests.servers.display import Display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tests.bench.harbour import Mailbox

TITLE = "what the dashboard and the window cost"
WORDS = """\
What it costs to look. The processor's share is that of the process that draws, of one core, from its first picture on."""
MESSAGES = 10_000
PAIRS = int(os.environ.get("ROUNDS", "7"))
STARTS = 9
IDLE = float(os.environ.get("IDLE", "45"))
PATIENCE = 60.0
LOOK = 0.02
DRAWN = b"Bench"
"""The account's name: a screen that shows it is complete."""
HEAD = ["job", "measured", "goals"]


@dataclass
class Cost:
    """One figure, how it is read, and the most that it may be; 0: it is only told."""

    title: str
    figure: float
    words: Callable[[float], str]
    goal: float = 0

    @property
    def is_reached(self) -> bool:
        """Whether the goal is."""
        return not self.goal or self.figure <= self.goal

    def cells(self) -> list[str]:
        """A row of the table."""
        verdict = "reached" if self.is_reached else "**missed**"
        return [
            self.title,
            self.words(self.figure),
            f"at most {self.words(self.goal)}: {verdict}" if self.goal else "–",
        ]


def share(part: float) -> str:
    """A part of one core as people read it."""
    return f"{part * 100:.2f} %"


def ratio(times: float) -> str:
    """How many times as long."""
    return f"{times:.2f}×"


def seconds(span: float) -> str:
    """A time to wait."""
    return f"{span:.2f} s"


class Watched:
    """A program in a terminal of 120 columns and 40 rows that nobody looks at, or without one."""

    def __init__(self, command: Sequence[str | Path], env: Mapping[str, str], *, terminal: bool = True) -> None:
        self.drawn: float | None = None
        """Seconds from its start to its first complete screen."""
        self.began = time.perf_counter()
        self._seen = b""
        if not terminal:
            quiet = subprocess.DEVNULL
            self.process = subprocess.Popen(command, env=env, stdin=quiet, stdout=quiet, stderr=quiet)
            return
        master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 120))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            env={**env, "TERM": "xterm-256color"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        threading.Thread(target=self._read, args=(master,), daemon=True).start()

    def _read(self, master: int) -> None:
        try:
            while data := os.read(master, 1 << 16):
                if self.drawn is None and DRAWN in (self._seen + data):
                    self.drawn = time.perf_counter() - self.began
                self._seen = data[-len(DRAWN) :]
        except OSError:
            pass  # the terminal has no program any more
        finally:
            os.close(master)

    def wait_until_drawn(self) -> float:
        """Return how long the first screen took."""
        wait_until(lambda: self.drawn is not None or self.process.poll() is not None)
        assert self.drawn is not None, f"the program ended with {self.process.returncode} before it drew"
        return self.drawn

    def wait(self) -> float:
        """Return how long it ran, once it has ended well."""
        code = self.process.wait(PATIENCE)
        took = time.perf_counter() - self.began
        assert code == 0, f"exit status {code}"
        return took

    def face(self) -> int:
        """The process below it that draws."""
        found: list[int] = []

        def look() -> bool:
            found[:] = _faces(self.process.pid)
            return bool(found) or self.process.poll() is not None

        wait_until(look)
        return found[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)


def _faces(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        words = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    except OSError:
        return []
    return [pid for pid, line in words.items() if b"postboat.ui.apart.child" in line]


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what will be soon."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(LOOK)


class Clock:
    """The processor time of a process and the time on the wall, from now on."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._wall, self._cpu = time.perf_counter(), self._used()
        self.share = 0.0

    def look(self) -> bool:
        """Take the share up to now; False when the process has ended, and the share is that of the last look."""
        try:
            used = self._used()
        except OSError:
            return False
        self.share = (used - self._cpu) / (time.perf_counter() - self._wall)
        return True

    def _used(self) -> float:
        spans = (path.read_text().split()[0] for path in Path(f"/proc/{self._pid}/task").glob("*/schedstat"))
        if not (nanoseconds := [int(span) for span in spans]):
            raise ProcessLookupError
        return sum(nanoseconds) / 1e9


class Stage:
    """A server with one mailbox of ten thousand messages, and a home in which it is synchronised."""

    def __init__(self, home: Path) -> None:
        self._stack = ExitStack()
        self._harbour = self._stack.enter_context(Harbour({"real": lambda: _mailbox(MESSAGES), "small": _small}))
        self._home, self._display = home, self._stack.enter_context(Display())
        self._users = {name: self._harbour.copy(name) for name in ("real", "small")}

    def place(self, mailbox: str, name: str, *, stays: bool = False) -> Place:
        """An empty home with a configuration."""
        home = self._home / name
        shutil.rmtree(home, ignore_errors=True)
        place = Place(home, self._harbour.host, self._harbour.port, self._users[mailbox])
        POSTBOAT.prepare(place)
        if stays:
            config = home / "config.toml"
            config.write_text(config.read_text().replace("[account.Bench]", "[account.Bench]\nautorefresh = 60"))
        (home / "run").mkdir(mode=0o700)
        return place

    def run(self, place: Place, *words: str) -> Watched:
        """Start the program."""
        command = [*POSTBOAT.command(place)[:-2], *words]
        env = {**POSTBOAT.environment(place), "XDG_RUNTIME_DIR": str(place.home / "run"), **self._display.environment}
        return Watched(command, env, terminal="tk" not in words and "basic" not in words)

    def close(self) -> None:
        """End all."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- what is measured -------------------------------------------------------------------------------------

    def ratios(self, tell: Callable[[str], None]) -> tuple[list[float], list[float]]:
        """How many times as long a first sync takes with the dashboard; and the dashboard's share of a core."""
        ratios, shares = [], []
        for _ in range(2):
            self._timed("quiet")  # warms server and disk
        for _ in range(PAIRS):
            plain = self._timed("quiet")
            shown, used = self._shown("blinkenlights")
            tell(f"quiet {plain:.2f} s, dashboard {shown:.2f} s, of a core {used * 100:.1f} %")
            ratios.append(shown / plain)
            shares.append(used)
        return ratios, shares

    def _timed(self, face: str) -> float:
        os.sync()
        with self.run(self.place("real", "timed"), "-u", face) as run:
            return run.wait()

    def _shown(self, face: str) -> tuple[float, float]:
        place = self.place("real", "shown")
        os.sync()
        with self.run(place, "-u", face) as run:
            if face == "tk":
                wait_until(lambda: bool(self._display.windows("Postboat")))
            else:
                run.wait_until_drawn()
            clock = Clock(run.face())
            while clock.look():
                time.sleep(LOOK)
            return run.wait(), clock.share

    def window(self) -> float:
        """The window's share of a core in a first sync."""
        return median(self._shown("tk")[1] for _ in range(3))

    def starts(self, tell: Callable[[str], None]) -> tuple[float, float]:
        """How long the first screen takes: of the dashboard beside a run, and of one with its own."""
        with self.run(self.place("small", "own", stays=True), "-u", "blinkenlights") as run:
            run.wait_until_drawn()
        own = []
        place = self.place("small", "own", stays=True)
        for _ in range(STARTS):
            with self.run(place, "-u", "blinkenlights") as run:
                own.append(run.wait_until_drawn())
        attached = []
        place = self.place("small", "beside", stays=True)
        with self.run(place, "-u", "basic"):
            self._wait_for_socket(place)
            for _ in range(STARTS):
                with self.run(place, "top") as top:
                    attached.append(top.wait_until_drawn())
        tell(f"top: {' '.join(map(seconds, attached))}; -u blinkenlights: {' '.join(map(seconds, own))}")
        return median(attached), median(own)

    def idle(self) -> dict[str, float]:
        """The shares of faces of runs in which nothing happens."""
        with ExitStack() as stack:
            faces = {}
            for face in ("blinkenlights", "tk"):
                run = stack.enter_context(self.run(self.place("small", f"idle-{face}", stays=True), "-u", face))
                faces[face] = run.face()
            place = self.place("small", "idle-top", stays=True)
            stack.enter_context(self.run(place, "-u", "basic"))
            self._wait_for_socket(place)
            top = stack.enter_context(self.run(place, "top"))
            top.wait_until_drawn()
            faces["top"] = top.process.pid
            time.sleep(5)  # everything is in step and drawn
            clocks = {face: Clock(pid) for face, pid in faces.items()}
            time.sleep(IDLE)
            assert all(clock.look() for clock in clocks.values()), "a face has ended"
            return {face: clock.share for face, clock in clocks.items()}

    def _wait_for_socket(self, place: Place) -> None:
        wait_until(lambda: any(path.is_socket() for path in (place.home / "run").rglob("*")))


def _mailbox(count: int) -> Mailbox:
    return {"INBOX": corpus.realistic(count)}


def _small() -> Mailbox:
    return {name: corpus.realistic(20, series) for series, name in enumerate(("INBOX", "Archive", "Sent"), 100)}


def measure(tell: Callable[[str], None] = print) -> list[Cost]:
    """Measure all of it, telling how it goes."""
    with tempfile.TemporaryDirectory(prefix="pb-faces-", dir="/tmp") as home, Stage(Path(home)) as stage:
        attached, own = stage.starts(tell)
        ratios, shares = stage.ratios(tell)
        window = stage.window()
        tell(f"nothing happens for {IDLE:.0f} s")
        idle = stage.idle()
    load = f"first sync of {MESSAGES:,} messages, RTT 0"
    return [
        Cost("`postboat top`, from its start to the first screen", attached, seconds, 0.6),
        Cost("`postboat -u blinkenlights`, from its start to the first screen", own, seconds, 0.6),
        Cost(f"{load}: with the dashboard, compared with `quiet`", median(ratios), ratio, 1.10),
        Cost(f"{load}: the dashboard's share of a core", median(shares), share, 0.05),
        Cost(f"{load}: the window's", window, share, 0.05),
        Cost("nothing happens: the dashboard's share of a core", idle["blinkenlights"], share, 0.005),
        Cost("nothing happens: that of `postboat top`", idle["top"], share, 0.005),
        Cost("nothing happens: the window's", idle["tk"], share, 0.005),
    ]


def table(costs: Iterable[Cost]) -> str:
    """What was measured, for the README."""
    return markdown(HEAD, [cost.cells() for cost in costs])


if __name__ == "__main__":
    measured = measure()
    print(f"\n{table(measured)}")
    sys.exit(0 if all(cost.is_reached for cost in measured) else 1)
