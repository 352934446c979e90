"""The dashboard in a real terminal, driven by keys, while the program keeps real mail in step."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bench.network import Network
from tests.real.scene import PATIENCE, Scene, until
from tests.real.voyage import message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.terminal import TmuxTerminal

pytestmark = pytest.mark.real

SHELL = ["sh", "-i"]
PROMPT = "user>"
FOLDERS, EACH = 8, 10
MAIN = "q leave"
"""In the last line when nothing is open."""
TURNED = "\u202egnp\u200b"
HOSTILE = f"日本語のとても長い件名 \x1b[2J\x1b]0;owned\x07\x9b31m{TURNED}"
"""Clears the screen, sets a title, colours by an eight-bit code; turns the reading round; wide."""
DANGEROUS = ("\x1b]0;owned", "owned\x07", "\x9b", "\u202e", "\u200b", "\x1b[2J\x1b]")
"""What a terminal must not be sent of it."""


@pytest.fixture
def scene(dovecot, tmp_path) -> Iterator[Scene]:
    with Scene(tmp_path, dovecot.account()) as made:
        yield made


def fill(scene: Scene) -> None:
    """Give the account folders enough to keep one connection busy."""
    names = [f"Folder {number}" for number in range(FOLDERS)]
    scene.voyage.create(*names)
    for name in names:
        scene.voyage.deliver(*map(message, range(EACH)), folder=name)


def faces(pid: int) -> list[int]:
    """The processes below this one in which a face draws."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        found += [int(child)] if b"postboat.ui.apart.child" in words else faces(int(child))
    return found


def box(terminal: TmuxTerminal, key: str, *patterns: str) -> None:
    """Open something with a key, see it to its last line, and close it again."""
    terminal.send_keys(key)
    terminal.wait_for(*patterns, r"esc\]? ")
    terminal.send_keys("Escape")
    terminal.wait_for(rf"(?s)\A(?!.*{patterns[0]}).*{MAIN}")


def at_shell(scene: Scene, *, size: tuple[int, int] = (80, 24), **env: str) -> TmuxTerminal:
    """A terminal with a shell that waits for a command."""
    terminal = scene.screen(SHELL, size=size, PS1=PROMPT, **env)
    terminal.wait_for(PROMPT)
    return terminal


def enter(terminal: TmuxTerminal, *words: str) -> None:
    """Type a command line."""
    terminal.type(" ".join(words))
    terminal.send_keys("Enter")


def assert_usable(terminal: TmuxTerminal) -> None:
    """The shell is there again, what is typed is seen, lines end where they should, and the mouse is nobody's business."""
    terminal.send_keys("Enter")
    enter(
        terminal,
        "echo ok-$((6*7)); stty -a | tr ';' '\\n' | grep -ow -e '-*echo' -e '-*icanon' -e '-*opost' | paste -sd+",
    )
    terminal.wait_for(r"ok-42\n", r"\nicanon\+opost\+echo\n|\n(-?\w+\+)*echo(\+\w+)*\n")
    assert not re.search(r"\n\S*-(echo|icanon|opost)\b", terminal.screen), terminal.screen
    assert not (terminal.is_full_screen or terminal.wants_mouse) and terminal.shows_cursor


def assert_no_traceback(*terminals: TmuxTerminal) -> None:
    for terminal in terminals:
        said = bytes(terminal.raw).decode(errors="replace")
        assert "Traceback" not in said and "broke (" not in said, said[-4000:]


# ---- one run ----------------------------------------------------------------------------------------------------


def test_a_single_run_is_shown_while_it_lasts_and_summed_up_on_the_screen_from_before(scene):
    fill(scene)
    terminal = at_shell(scene)
    with Network(scene.account.host, scene.account.port, delay=0.1) as far:
        scene.configure(remote="maxconnections = 1", port=far.port)
        enter(terminal, "echo from-$((6*7))-before")
        terminal.wait_for("from-42-before")
        enter(terminal, *scene.command("-u", "Curses.Blinkenlights"), "; echo code-$?")
        terminal.wait_for("postboat +1 account", "Test", r"Folder \d +.*\d")
        assert terminal.is_full_screen
        screen = terminal.wait_for("code-0", f"in step, {FOLDERS + 1} folders, {FOLDERS * EACH} new")
    assert "from-42-before" in screen, "the screen from before is gone"
    assert_usable(terminal)
    assert_no_traceback(terminal)


# ---- a run that goes on -----------------------------------------------------------------------------------------


def test_keys_sync_pause_confirm_and_filter_and_the_dashboard_may_die_while_the_mail_is_kept_in_step(scene):
    voyage = scene.voyage
    voyage.create("Archive", "日本語のフォルダ", "عربي")
    voyage.deliver(*map(message, range(30)), folder="Archive")
    syncs = scene.home / "syncs"
    scene.configure(autorefresh=5, account=f'presynchook = "echo one >>{syncs}"')
    terminal = at_shell(scene)
    enter(terminal, *scene.command("-u", "blinkenlights"))
    terminal.wait_for("in step", r"next 4:\d\d|next 5:00")
    (face,) = faces(terminal.pid)

    # what changes is seen; a digit and `s` sync now
    voyage.deliver(message(100))
    terminal.wait_for("1 new")
    until(lambda: len(voyage.files()) == 1, "brought to the disk")
    for key in ("1", "s"):
        before = syncs.read_text()
        terminal.send_keys(key)
        until(lambda before=before: len(syncs.read_text()) > len(before), f"synced by {key}")
        terminal.wait_for("● in step")

    # `p` stops it, and lets it go on
    terminal.send_keys("p")
    terminal.wait_for("paused")
    terminal.send_keys("p")
    terminal.wait_for("● in step")

    # held deletions: shown, asked about, and done
    for file in voyage.files("Archive"):
        file.unlink()
    terminal.wait_for("needs you")
    terminal.send_keys("c")
    terminal.wait_for("Archive", "30", r"message \d", r"\[y\].*\[r\]")
    terminal.send_keys("y")
    until(lambda: not voyage.on_server("Archive"), "deleted on the server")
    terminal.wait_until_gone("needs you")

    # panels, and sizes in which little fits
    box(terminal, "?", "── help", "sync all accounts now")
    box(terminal, "l", "esc back", "── log", "confirmed: 30")
    box(terminal, "e", "esc back", "── errors")
    terminal.send_keys("Enter")
    terminal.wait_for("── Test", "connection 1", "esc back")
    for size in ((20, 5), (1, 1), (200, 60), (80, 24)):
        terminal.resize(*size)
        terminal.wait_for(*(("Test",) if size[0] >= 20 else ()))
    terminal.send_keys("Escape")
    terminal.wait_for(rf"(?s)\A(?!.*esc back).*{MAIN}")
    terminal.send_keys("/")
    terminal.type("nowhere")
    terminal.wait_until_gone("confirmed: 30")
    terminal.send_keys("Escape")
    terminal.wait_for("confirmed: 30")
    box(terminal, "q", r"\[g\] go on", r"\[q\] stop")

    # killed, it leaves a terminal that can be used, and the story goes on in lines
    os.kill(face, signal.SIGKILL)
    terminal.wait_for("told in lines")
    assert not terminal.is_full_screen
    voyage.deliver(message(101))
    terminal.wait_for("told in lines", r"INBOX:? 1 new")
    terminal.send_keys("C-c")
    terminal.wait_for(rf"{PROMPT}\s*$")
    assert_usable(terminal)
    assert_no_traceback(terminal)
    voyage.assert_same()


def test_a_password_is_asked_for_in_the_dashboard_and_asked_for_again_when_it_was_mistyped(scene):
    scene.configure(autorefresh=5, password="")
    scene.voyage.deliver(message(1))
    terminal = scene.terminal("-u", "blinkenlights")
    terminal.wait_for("Sign in", scene.account.user)
    terminal.type("mistyped")
    terminal.wait_for(r"•{8}")
    terminal.send_keys("Enter")
    terminal.wait_for("Sign in", r"(?i)refused|not accept|wrong|fail")
    terminal.type(scene.account.password)
    terminal.send_keys("Enter")
    terminal.wait_for("in step, 1 folder, 1 new")
    assert b"mistyped" not in terminal.raw

    # and left with `q`, `q` it ends the run as it should
    terminal.send_keys("q")
    terminal.wait_for(r"\[q\] stop")
    terminal.send_keys("q")
    assert terminal.wait_for_end() == 0
    assert_no_traceback(terminal)


@pytest.mark.parametrize("autorefresh", [0, 5])
def test_a_terminal_that_is_closed_leaves_no_work_half_done(scene, autorefresh):
    fill(scene)
    errors = scene.home / "errors"
    with Network(scene.account.host, scene.account.port, delay=0.03) as far:
        scene.configure(autorefresh=autorefresh, remote="maxconnections = 1", port=far.port)
        terminal = scene.screen(["sh", "-c", f"exec {shlex.join(scene.command('-u', 'blinkenlights'))} 2>{errors}"])
        terminal.wait_for("Folder 1: created")
        program, children = terminal.pid, faces(terminal.pid)
        assert children
        terminal.hang_up()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in (program, *children)), "ended")
    assert "Traceback" not in errors.read_text()
    scene.configure()
    again = scene.run("-u", "basic")
    assert again.returncode == 0 and "Traceback" not in again.stderr, again
    scene.voyage.assert_same(*(f"Folder {number}" for number in range(FOLDERS)))


def test_output_that_nobody_reads_ends_no_sync(scene):
    """Standard output closed, or a pipe: another face is taken, or none is usable and that is told."""
    scene.voyage.deliver(message(1))
    command = " ".join(scene.command("-u", "blinkenlights,basic"))
    for redirected in (">&-", "| true", ">/dev/full"):
        ran = subprocess.run(
            ["sh", "-c", f"{command} {redirected}"],
            env=scene.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert "Traceback" not in ran.stderr + ran.stdout, ran
        scene.voyage.assert_same()


# ---- beside a service -------------------------------------------------------------------------------------------


def test_many_look_at_a_service_with_any_terminal_and_locale_and_it_is_restarted_under_them(scene):
    scene.voyage.create("Archive")
    scene.voyage.deliver(message(1))
    syncs = scene.home / "syncs"
    scene.configure(autorefresh=5, account=f'presynchook = "echo one >>{syncs}"')
    first = scene.service()
    plain = scene.terminal("top")
    kinds = {
        "16 colours": scene.terminal("top", term="screen-16color"),
        "no colour": scene.terminal("top", NO_COLOR="1"),
        "C": scene.terminal("top", LC_ALL="C"),
        "a locale that is none": scene.terminal("top", LC_ALL="xx_YY.nonsense"),
        "small": scene.terminal("top", size=(20, 5)),
        "wide": scene.terminal("top", size=(200, 60), LC_ALL="en_US.UTF-8"),
    }
    everyone = (plain, *kinds.values())
    for terminal in everyone:
        terminal.wait_for("Test")
    plain.wait_for("in step", "── log")
    assert kinds["C"].screen.isascii()
    assert not re.search(r"\x1b\[[\d;]*3[1-7]", kinds["no colour"].styled)
    assert not re.search(rb"\x1b\[[\d;]*[34]8[;:]", bytes(kinds["16 colours"].raw)), "more colours than it has"

    # one is killed, one is hung up: neither the service nor the others notice
    kinds.pop("wide").hang_up()
    killed = kinds.pop("16 colours")
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait_for_end() == 128 + signal.SIGKILL
    scene.voyage.deliver(message(2))
    plain.wait_for("1 new")

    # each can ask for something, and all see it
    before = syncs.read_text()
    kinds["small"].send_keys("s")
    until(lambda: syncs.read_text() != before, "synced by s")
    kinds["no colour"].send_keys("p")
    plain.wait_for("paused")
    kinds["C"].send_keys("p")
    plain.wait_for("● in step")

    # the service goes, and comes back
    first.stop()
    plain.wait_for(r"no connection to the service, trying again")
    assert "Traceback" not in str(plain.raw)
    scene.service()
    scene.voyage.deliver(message(3))
    plain.wait_for("1 new", r"(?m)in step.*next")

    # and leaving one leaves the rest alone
    for terminal in (plain, *kinds.values()):
        terminal.send_keys("q")
    for terminal in (plain, *kinds.values()):
        terminal.wait_for(r"\[q\]")
        terminal.send_keys("q")
        assert terminal.wait_for_end() == 0
        assert not terminal.is_full_screen
    assert_no_traceback(*everyone)
    assert "in step" in scene.run("status").stdout


def test_subjects_and_names_never_reach_the_terminal_as_they_are(scene):
    voyage = scene.voyage
    voyage.create(f"Folder {TURNED} 日本語")
    voyage.deliver(*(b"Subject: %s %d\r\n\r\nx\r\n" % (HOSTILE.encode(), number) for number in range(30)))
    scene.configure(autorefresh=5)
    scene.service()
    for file in voyage.files():
        file.unlink()
    terminal = scene.terminal("top")
    terminal.wait_for("needs you")
    terminal.send_keys("c")
    terminal.wait_for(r"\[y\].*\[r\]", "日本語")
    terminal.send_keys("Escape")
    terminal.wait_until_gone(r"\[y\]")
    terminal.send_keys("Enter")
    terminal.wait_for("esc")
    raw = bytes(terminal.raw).decode()
    assert [what for what in DANGEROUS if what in raw] == []
    assert_no_traceback(terminal)
