"""The window on a real display, driven by mouse and keyboard, while the program keeps real mail in step."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.real.scene import Scene, until
from tests.real.voyage import message
from tests.servers.display import Display

from postboat.ui.window.palette import LIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.display import Colour

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def display() -> Iterator[Display]:
    with Display(1024, 768) as made:
        yield made


@pytest.fixture
def scene(dovecot, tmp_path, display) -> Iterator[Scene]:
    with Scene(tmp_path, dovecot.account()) as made:
        made.environment |= display.environment
        yield made


def colour(name: str) -> Colour:
    """A colour of the palette as the screen has it."""
    return int(name[1:3], 16), int(name[3:5], 16), int(name[5:7], 16)


def start(scene: Scene) -> subprocess.Popen[str]:
    """Start it as a desktop does: without a terminal."""
    errors = (scene.home / "errors").open("w")
    with errors:
        return subprocess.Popen(
            scene.command("-u", "Tk.Blinkenlights"),
            env=scene.environment,
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            text=True,
        )


def is_headed(display: Display, style: str) -> bool:
    """Whether the headline is written in a colour."""
    return colour(LIGHT.styles[style]) in display.picture().crop(0, 0, 300, 40).colours()


def test_a_window_asks_shows_syncs_pauses_and_decides_and_may_be_lost_while_the_mail_is_kept_in_step(scene, display):
    voyage, syncs = scene.voyage, scene.home / "syncs"
    voyage.create("Archive")
    voyage.deliver(*map(message, range(30)), folder="Archive")
    scene.configure(autorefresh=5, password="", account=f'presynchook = "echo one >>{syncs}"')
    with start(scene) as program:
        try:
            # a password, then all is in step and in the colours of that
            display.wait_for_dialog("Postboat asks")
            display.type(scene.account.password)
            display.press("Return")
            window = display.wait_for_window("^Postboat$")
            place = display.place_of(window)
            until(lambda: is_headed(display, "ok"), "shown as in step")
            assert len(display.picture(window).colours()) > 50, "blank"

            # the button syncs; a key pauses, and lets it go on
            before = syncs.read_text()
            display.click(*display.picture().middle_of(colour(LIGHT.accent)))
            until(lambda: syncs.read_text() != before, "synced")
            until(lambda: is_headed(display, "ok"), "shown as in step")
            display.press("p")
            until(lambda: not is_headed(display, "ok"), "shown as paused")
            assert "paused" in scene.run("status").stdout
            display.press("p")
            until(lambda: is_headed(display, "ok"), "shown as in step")

            # held deletions are asked about, and done
            for file in voyage.files("Archive"):
                file.unlink()
            display.wait_for_window("needs you")
            display.click(place.x + place.width // 2, place.y + place.height // 2)
            display.press("c")
            display.wait_for_dialog("Are these deletions meant")
            display.press("shift+Tab", "shift+Tab", "Return")
            until(lambda: not voyage.on_server("Archive"), "deleted on the server")
            window = display.wait_for_window("^Postboat$")

            # to leave is asked about; and a window that is taken away takes no mail with it
            display.press("q")
            display.wait_for_dialog("^Leave")
            display.press("Escape")
            display.wait_until_closed("^Leave")
            display.close_window(window)
            display.wait_until_closed("Postboat")
            voyage.deliver(message(100))
            until(lambda: len(voyage.files()) == 1, "brought to the disk without a window")
            program.send_signal(signal.SIGTERM)
            assert program.wait(10) == 128 + signal.SIGTERM
        finally:
            program.kill()
    said = (scene.home / "errors").read_text()
    assert "Traceback" not in said and "told in lines" in said, said


def test_a_window_attached_to_nothing_but_its_own_run_ends_with_it(scene, display):
    scene.voyage.deliver(message(1))
    with start(scene) as program:
        try:
            display.wait_for_window("Postboat")
            assert program.wait(20) == 0 and len(scene.voyage.files()) == 1
        finally:
            program.kill()
    display.wait_until_closed("Postboat")
    assert "in step" in (scene.home / "errors").read_text()
