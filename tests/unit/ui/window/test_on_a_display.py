"""The window on a screen in memory, with hands for mouse and keyboard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.servers.display import Display
from tests.servers.process import ServerFailed

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[4]


@pytest.fixture
def display():
    with Display(1000, 800) as display:
        yield display


@pytest.fixture
def window(display, tmp_path):
    """Starts the program, and waits for its window."""
    started = []

    def start(*words):
        env = {**os.environ, **display.environment, "XDG_STATE_HOME": str(tmp_path), "GTK_THEME": "Adwaita"}
        program = [sys.executable, "-m", "tests.fakes.window_program", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(program, cwd=ROOT, env=env, **pipes)
        started.append(process)
        display.wait_for_window("Postboat")
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for_keyboard(display, title):
    """Return once keys go to the window of that title: it is seen a moment before."""
    deadline = time.monotonic() + 10
    while title not in who_has_the_keyboard(display):
        assert time.monotonic() < deadline, f"{title} does not get the keyboard"
        time.sleep(0.02)


def who_has_the_keyboard(display):
    try:
        return display.xdotool("getwindowfocus", "getwindowname")
    except ServerFailed:  # no window at this moment
        return ""


def said(process):
    out, err = process.communicate(timeout=10)
    assert not err
    return out.splitlines()


def heard(process):
    return process.stdout.readline().strip()


def test_keys_ask_for_what_they_say_and_the_end_is_asked_for(display, window):
    process = window("held")
    wait_for_keyboard(display, "Postboat")
    display.press("2")
    assert heard(process).startswith("ask now {'targets': [")
    display.press("c")
    wait_for_keyboard(display, "Are these deletions meant")
    display.press("Tab", "Tab", "Return")  # from "Not now" around to "Bring them back"
    assert heard(process).endswith("'verdict': 'restore'}")
    display.press("q")
    wait_for_keyboard(display, "Leave")
    display.press("Return")
    assert said(process) == ["ask stop {}"]
    assert process.returncode == 0
    assert not display.windows("Postboat")


def test_a_password_is_asked_for_again_with_the_refusal_and_never_shown(display, window):
    process = window("in_step", "Password for anna: ")
    wait_for_keyboard(display, "Postboat asks")
    display.type("wrong")
    display.press("Return")
    assert heard(process) == "answer 0 wrong"
    wait_for_keyboard(display, "Postboat asks")
    display.press("Escape")
    assert heard(process) == "answer 1 None"
    process.send_signal(signal.SIGTERM)
    assert said(process) == []
    assert process.returncode == 0


def test_a_lost_display_is_told_in_a_sentence(display, window):
    process = window("first_sync")
    display.close()
    out, err = process.communicate(timeout=10)
    assert (out, err) == ("", "postboat: the display is gone, and the window with it\n")
    assert process.returncode == 1


SCROLLING = """
import tkinter
from postboat.ui.window.log import Pages
from postboat.ui.window.palette import LIGHT
from postboat.ui.window.picture import Line
from postboat.ui.window.theme import Theme
root = tkinter.Tk()
pages = Pages(root, Theme(root, LIGHT, 96))
pages.book.pack(fill="both", expand=True)
lines = [Line("14:02:00", f"line {nth}", "log") for nth in range(100)]
shown = lambda: [round(edge, 2) for edge in pages.log.text.yview()]
pages.add(lines)
pages.add(lines)
root.update()
print(shown()[1])
pages.add(lines)
root.update()
print(shown()[1])
pages.log.text.yview_moveto(0)
root.update()
pages.add(lines)
root.update()
print(shown()[0])
"""


def test_the_log_shows_its_end_unless_its_user_looks_at_what_was_before(display):
    program = subprocess.run(
        [sys.executable, "-c", SCROLLING],
        cwd=ROOT,
        env={**os.environ, **display.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert program.stdout.split() == ["1.0", "1.0", "0.0"]
