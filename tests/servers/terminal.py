"""A terminal that can be looked at: tmux, run from unpacked packages, with one program in it.

    with TmuxTerminal(80, 24, ["postboat", "top"], {"HOME": "/tmp/home"}) as terminal:
        terminal.wait_for("in step")
        terminal.send_keys("q", "Enter")
        assert terminal.wait_for_end() == 0

The one who looks is a client of tmux's control mode: it is told of each output, so that nothing is polled.
"""

from __future__ import annotations

import re
import select
import shlex
import shutil
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.servers.install import SERVERS, library_path
from tests.servers.process import ServerFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATIENCE = 20.0
GONE = "(the terminal is gone)"
CONFIGURATION = """\
set -g remain-on-exit on
set -g remain-on-exit-format ""
set -g status off
set -g escape-time 0
set -g history-limit 5000
set -g default-terminal {term}
set -g visual-bell off
"""


class TmuxTerminal:
    """A terminal of so many columns and rows in which `command` runs with just the variables of `env`.

    Raises ServerFailed if tmux is not there, AssertionError with the screen when something awaited does not come.
    """

    def __init__(
        self, columns: int, rows: int, command: Sequence[str], env: Mapping[str, str], *, term: str = "tmux-256color"
    ) -> None:
        unpacked = SERVERS / "tmux"
        if not (unpacked / "installed").is_file():
            raise ServerFailed(f"tmux is not in {SERVERS}: run `make servers`")
        self._home = Path(tempfile.mkdtemp(prefix="pb-tmux-", dir="/tmp"))
        (self._home / "tmux.conf").write_text(CONFIGURATION.format(term=term))
        self._news, self._ended = bytearray(), False
        self.raw = bytearray()
        """All that the program wrote, as it wrote it."""
        size = ("-x", str(columns), "-y", str(rows))
        tmux = (str(unpacked / "usr/bin/tmux"), "-S", str(self._home / "s"), "-f", str(self._home / "tmux.conf"))
        self._client = subprocess.Popen(
            [*tmux, "-C", "new-session", *size, "exec sleep 1000000"],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": library_path(unpacked)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        self._answer()
        self._terminal = term
        self.resize(columns, rows)
        self.run(command, env)

    # ---- the program ------------------------------------------------------------------------------------------

    def run(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        """Run a command in it, in place of the one before."""
        variables = [f"{name}={value}" for name, value in {"TERM": self._terminal, **env}.items()]
        self._ask("respawn-pane", "-k", "env", "-i", *variables, *map(str, command))

    @property
    def pid(self) -> int:
        """The process that was started in it."""
        return int(self._asked("#{pane_pid}"))

    def wait_for_end(self, patience: float = PATIENCE) -> int:
        """Return the exit status of the program once it has ended; 128 and more for a signal."""
        self._wait(lambda: self._how_it_ended() != ("", ""), "end", patience)
        code, signal = self._how_it_ended()
        return int(code) if code else 128 + int(signal)

    def _how_it_ended(self) -> tuple[str, str]:
        dead, code, signal = self._asked("#{pane_dead},#{pane_dead_status},#{pane_dead_signal}").split(",")
        if dead == "1" and not (code or signal):
            self._ask("run-shell", "true")  # tmux may overlook the end of a child until another one ends
        return code, signal

    # ---- the person -------------------------------------------------------------------------------------------

    def send_keys(self, *keys: str) -> None:
        """Press keys, by the names tmux has for them: "q", "Enter", "Escape", "C-c", "Up"."""
        self._ask("send-keys", *keys)

    def type(self, text: str) -> None:
        """Type text as it is."""
        self._ask("send-keys", "-l", text)

    def click(self, column: int, row: int) -> None:
        """Press and let go the left button over a cell; the first is 0, 0."""
        for what in ("M", "m"):
            self.type(f"\x1b[<0;{column + 1};{row + 1}{what}")

    def resize(self, columns: int, rows: int) -> None:
        """Pull the terminal to another size."""
        self._ask("resize-window", "-x", str(columns), "-y", str(rows))

    def hang_up(self) -> None:
        """Close the terminal under the program, as a lost connection does: it gets SIGHUP."""
        self._ask("kill-pane")

    @property
    def screen(self) -> str:
        """What can be read on it, a line for each row, without the blanks at their ends."""
        return "\n".join(self._ask("capture-pane", "-p"))

    @property
    def styled(self) -> str:
        """The same with the escape sequences of its colours."""
        return "\n".join(self._ask("capture-pane", "-p", "-e"))

    @property
    def is_full_screen(self) -> bool:
        """Whether a program has the other screen to itself, from which nothing scrolls away."""
        return self._asked("#{alternate_on}") == "1"

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor can be seen."""
        return self._asked("#{cursor_flag}") == "1"

    @property
    def wants_mouse(self) -> bool:
        """Whether the program is told of the mouse."""
        return self._asked("#{mouse_any_flag}") == "1"

    def wait_for(self, *patterns: str, patience: float = PATIENCE) -> str:
        """Return the screen as soon as all the patterns are on it at once."""
        return self._wait_for_screen(
            lambda screen: all(re.search(each, screen) for each in patterns), patterns, patience
        )

    def wait_until_gone(self, pattern: str, patience: float = PATIENCE) -> str:
        """Return the screen as soon as the pattern is not on it."""
        return self._wait_for_screen(lambda screen: not re.search(pattern, screen), (f"without {pattern}",), patience)

    def _wait_for_screen(self, is_right: Callable[[str], bool], what: Sequence[str], patience: float) -> str:
        found = ""

        def look() -> bool:
            nonlocal found
            found = self.screen
            return is_right(found)

        self._wait(look, " and ".join(map(repr, what)), patience)
        return found

    def _wait(self, is_true: Callable[[], bool], what: str, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            seen = len(self.raw)
            if is_true():
                return
            left = deadline - time.monotonic()
            assert left > 0 and not self._ended, f"no {what} in {patience} s:\n{GONE if self._ended else self.screen}"
            if seen == len(self.raw):  # the end of the program is told by no output: look now and then
                self._listen(min(left, 0.1))

    # ---- tmux -------------------------------------------------------------------------------------------------

    def _asked(self, what: str) -> str:
        return "".join(self._ask("display-message", "-p", what))

    def _ask(self, *words: str) -> list[str]:
        assert self._client.stdin is not None
        if self._ended:
            return [GONE]
        self._client.stdin.write(f"{' '.join(map(quoted, words))}\n".encode())
        return self._answer()

    def _answer(self) -> list[str]:
        """Read until the end of a reply, and return its lines."""
        lines: list[str] | None = None
        while True:
            line = self._line()
            if line is None:
                return [GONE]
            if line.startswith(b"%begin "):
                lines = []
            elif line.startswith(b"%end ") and lines is not None:
                return lines
            elif line.startswith(b"%error ") and lines is not None:
                raise ServerFailed(f"tmux: {lines}")
            elif lines is not None:
                lines.append(line.decode(errors="replace"))
            else:
                self._notice(line)

    def _line(self) -> bytes | None:
        """The next line from tmux; None when it has ended."""
        while b"\n" not in self._news:
            if self._ended or not self._receive(PATIENCE):
                return None
        line, _, rest = bytes(self._news).partition(b"\n")
        self._news[:] = rest
        return line

    def _listen(self, seconds: float) -> None:
        """Wait so long for news, and take in what came."""
        if b"\n" in self._news or self._receive(seconds):
            while b"\n" in self._news:
                self._notice(self._line() or b"")

    def _receive(self, seconds: float) -> bool:
        assert self._client.stdout is not None
        if not select.select([self._client.stdout], [], [], seconds)[0]:
            return False
        data = self._client.stdout.read(1 << 16)
        self._ended = self._ended or not data
        self._news += data or b""
        return bool(data)

    def _notice(self, line: bytes) -> None:
        if line.startswith(b"%output "):
            escaped = line.split(b" ", 2)[2]
            self.raw += re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), escaped)
        elif line.startswith(b"%exit"):
            self._ended = True

    def close(self) -> None:
        """End the program and the terminal."""
        assert self._client.stdin is not None and self._client.stdout is not None
        with suppress(BrokenPipeError):  # it ends with its last pane
            self._client.stdin.write(b"kill-server\n")
        self._client.stdin.close()
        while self._client.stdout.read(1 << 16):
            pass
        self._client.stdout.close()
        self._client.wait(PATIENCE)
        shutil.rmtree(self._home, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def quoted(word: str) -> str:
    """A word as tmux's own parser reads it: control characters by number, everything else as it is."""
    if word.isprintable():
        return shlex.quote(word)
    return '"' + "".join(c if c.isalnum() or c in " ,;<[" else f"\\u{ord(c):04x}" for c in word) + '"'
