"""What the desktop answers, and what becomes of a desktop that does not."""

import os
import select

import pytest

from postboat.ui.window import desktop


class Root:
    """The main loop, as far as it is asked to wait."""

    def __init__(self):
        self.handlers, self.timers = {}, []

    def createfilehandler(self, stream, _, hear):
        self.handlers[stream] = hear

    def deletefilehandler(self, stream):
        del self.handlers[stream]

    def after(self, _, act):
        self.timers.append(act)
        return act

    def after_cancel(self, act):
        self.timers.remove(act)


@pytest.fixture
def asked(monkeypatch):
    """Asks a shell command in place of the desktop; gives the loop, and what it told."""

    def ask(command):
        told, root = [], Root()
        monkeypatch.setattr(desktop, "SETTING", ("sh", "-c", command))
        desktop.ask_for_dark(root, told.append)
        return root, told

    return ask


def hear(root):
    ((stream, act),) = root.handlers.items()
    assert select.select([stream], [], [], 10)[0]
    act()


@pytest.mark.parametrize(("answer", "dark"), [("'prefer-dark'", True), ("'default'", False)])
def test_the_answer_is_taken_though_something_that_was_started_for_it_goes_on(asked, answer, dark):
    root, told = asked(f'sleep 600 & echo "{answer}"')
    hear(root)
    assert told == [dark]
    assert not root.handlers and not root.timers


def test_a_desktop_without_the_setting_tells_nothing(asked):
    root, told = asked("exit 1")
    hear(root)
    assert told == [] and not root.handlers and not root.timers


def test_a_desktop_that_does_not_answer_is_let_go_with_what_it_started(asked, tmp_path):
    os.mkfifo(tmp_path / "pid")
    root, told = asked(f"echo $$ >{tmp_path}/pid; sleep 600 & wait")
    pid = int((tmp_path / "pid").read_text())
    (give_up,) = root.timers
    give_up()
    assert told == [] and not root.handlers
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
