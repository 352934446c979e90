"""A screen in memory and hands for its mouse and keyboard: Xvfb and xdotool, run from unpacked packages.

    with Display(1280, 800, dpi=96) as display:
        subprocess.Popen(program, env={**display.environment, ...})
        window = display.wait_for_window("Postboat")
        display.press("Return")
        picture = display.picture()

Xvfb keeps its picture in a file, which is read directly: nothing is asked of the server to see it.
"""

from __future__ import annotations

import os
import select
import shutil
import struct
import subprocess
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.servers.install import SERVERS, library_path
from tests.servers.process import START_SECONDS, Daemon, ServerFailed

PATIENCE = 60.0
"""Seconds; a window came after more than 20 once in a hundred times on a machine with much else to do."""
LOOK = 0.02
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


@dataclass(frozen=True)
class Picture:
    """What a screen showed at one moment."""

    width: int
    height: int
    rows: list[bytes]
    """Three octets for each point: red, green, blue."""

    def save(self, path: Path) -> None:
        """Write it as a PNG."""
        path.write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + _chunk(b"IHDR", struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0))
            + _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in self.rows)))
            + _chunk(b"IEND", b"")
        )

    def colours(self) -> dict[Colour, int]:
        """How many points have each colour."""
        found: dict[bytes, int] = {}
        for row in self.rows:
            for at in range(0, len(row), 3):
                point = row[at : at + 3]
                found[point] = found.get(point, 0) + 1
        return {(point[0], point[1], point[2]): count for point, count in found.items()}

    def middle_of(self, colour: Colour) -> tuple[int, int]:
        """Where the points of a colour are in the middle: the face of a button that alone has it."""
        wanted, found = bytes(colour), []
        for y, row in enumerate(self.rows):
            found += [(at // 3, y) for at in range(0, len(row), 3) if row[at : at + 3] == wanted]
        assert found, f"nothing is {colour}"
        return sorted(x for x, _ in found)[len(found) // 2], sorted(y for _, y in found)[len(found) // 2]

    def crop(self, x: int, y: int, width: int, height: int) -> Picture:
        """A part of it."""
        rows = [row[3 * x : 3 * (x + width)] for row in self.rows[y : y + height]]
        return Picture(len(rows[0]) // 3, len(rows), rows)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@dataclass(frozen=True)
class Place:
    """Where a window is on its screen."""

    x: int
    y: int
    width: int
    height: int


class Display:
    """A display nobody else has, without TCP; raises ServerFailed if it does not come up."""

    def __init__(self, width: int = 1280, height: int = 800, *, dpi: int = 96) -> None:
        self._unpacked = SERVERS / "display"
        if not (self._unpacked / "installed").is_file():
            raise ServerFailed(f"display is not in {SERVERS}: run `make servers`")
        self._home = Path(tempfile.mkdtemp(prefix="pb-display-", dir="/tmp"))
        (self._home / "xkbbin").symlink_to(self._unpacked / "usr/bin")
        fonts = FONTS.format(fonts=self._unpacked / "usr/share/fonts", cache=self._home / "fonts")
        (self._home / "fonts.conf").write_text(fonts)
        reader, writer = os.pipe()
        screen = ("-screen", "0", f"{width}x{height}x24", "-dpi", str(dpi), "-fbdir", str(self._home))
        keyboard = ("-xkbdir", str(self._unpacked / "usr/share/X11/xkb"))
        quiet = ("-nolisten", "tcp", "-noreset", "-extension", "GLX")
        program = str(self._unpacked / "usr/bin/Xvfb")
        self._daemon = Daemon(
            ["setpriv", "--pdeathsig", "TERM", program, "-displayfd", str(writer), *screen, *keyboard, *quiet],
            cwd=self._home,
            env=self._own_environment,
            pass_fds=(writer,),
        )
        os.close(writer)
        self.name = f":{self._number(reader)}"

    def _number(self, reader: int) -> int:
        """What Xvfb writes once it listens: the number of the display."""
        with open(reader, "rb") as lines:
            said = lines.readline() if select.select([lines], [], [], START_SECONDS)[0] else b""
        if not said.strip():
            words = self._daemon.console()
            self.close()
            raise ServerFailed(f"Xvfb: {words}")
        return int(said)

    @property
    def _own_environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": library_path(self._unpacked)}

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to be on this display, with the same fonts on every machine."""
        locales = self._unpacked / "usr/share/X11/locale"
        own = {"XLOCALEDIR": str(locales)} if locales.is_dir() else {}
        return own | {"DISPLAY": self.name, "FONTCONFIG_FILE": str(self._home / "fonts.conf")}

    # ---- the person -------------------------------------------------------------------------------------------

    def press(self, *keys: str) -> None:
        """Press keys one after the other, by the names X has for them: "Return", "Escape", "s"."""
        self.xdotool("key", "--delay", "5", *keys)

    def type(self, text: str) -> None:
        """Type text into what has the focus."""
        self.xdotool("type", "--delay", "5", text)

    def click(self, x: int, y: int, button: int = 1) -> None:
        """Click at a point of the screen."""
        self.xdotool("mousemove", "--sync", str(x), str(y), "click", str(button))

    def windows(self, title: str) -> list[str]:
        """The windows that can be seen and whose title matches."""
        found = self._run("search", "--onlyvisible", "--name", title)
        return found.stdout.split()

    def titles(self) -> list[str]:
        """What the windows that can be seen are called."""
        return [self.xdotool("getwindowname", window).strip() for window in self.windows(".")]

    def wait_for_window(self, title: str, patience: float = PATIENCE) -> str:
        """Return the first window of that title as soon as there is one."""
        deadline = time.monotonic() + patience
        while not (found := self.windows(title)):
            assert time.monotonic() < deadline, f"no window {title!r} in {patience} s, but {self.titles()}"
            time.sleep(LOOK)
        return found[0]

    def wait_for_dialog(self, title: str, patience: float = PATIENCE) -> str:
        """Return the window of that title once it has the keyboard."""
        window, deadline = self.wait_for_window(title, patience), time.monotonic() + patience
        while (has := self._run("getwindowfocus").stdout.strip()) != window:
            assert time.monotonic() < deadline, f"{title!r}, {window}, has no keyboard, but {has}"
            time.sleep(LOOK)
        return window

    def wait_until_closed(self, title: str, patience: float = PATIENCE) -> None:
        """Return when no window has that title."""
        deadline = time.monotonic() + patience
        while self.windows(title):
            assert time.monotonic() < deadline, f"the window {title!r} stays"
            time.sleep(LOOK)

    def place_of(self, window: str) -> Place:
        """Where a window is."""
        said = dict(line.split("=") for line in self.xdotool("getwindowgeometry", "--shell", window).splitlines())
        return Place(*(int(said[name]) for name in ("X", "Y", "WIDTH", "HEIGHT")))

    def close_window(self, window: str) -> None:
        """Take the window away from its program, as a broken connection does."""
        self.xdotool("windowkill", window)

    def xdotool(self, *words: str) -> str:
        """Run xdotool and return what it says; raise ServerFailed when it fails."""
        done = self._run(*words)
        if done.returncode != 0:
            raise ServerFailed(f"xdotool {words}: {done.stderr or done.stdout}")
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(self._unpacked / "usr/bin/xdotool"), *words]
        environment = self._own_environment | self.environment
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)

    # ---- what is seen -----------------------------------------------------------------------------------------

    def picture(self, window: str | None = None) -> Picture:
        """What the screen shows now, or the part of it where a window is."""
        data = (self._home / "Xvfb_screen0").read_bytes()
        head = struct.unpack(">25I", data[:100])  # XWDFile.h: octet 0 of each row of points is at 4 header words
        size, width, height, per_line, entries = head[0], head[4], head[5], head[12], head[19]
        start = size + 12 * entries
        lines = (data[start + row * per_line : start + (row + 1) * per_line] for row in range(height))
        rows = [_red_green_blue(line[: 4 * width]) for line in lines]
        whole = Picture(width, height, rows)
        if window is None:
            return whole
        place = self.place_of(window)
        return whole.crop(max(place.x, 0), max(place.y, 0), place.width, place.height)

    def close(self) -> None:
        """End the display, and with it what is on it."""
        self._daemon.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _red_green_blue(line: bytes) -> bytes:
    """A row of points as PNG has it, from four octets each: blue, green, red, nothing."""
    row = bytearray(len(line) // 4 * 3)
    row[0::3], row[1::3], row[2::3] = line[2::4], line[1::4], line[0::4]
    return bytes(row)
