"""Commands that talk with a run that goes on."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.fakes.controls import FakeControls, served

from postboat.cli import client
from postboat.cli.main import main
from postboat.config.paths import control_socket
from postboat.events import (
    AccountFinished,
    AccountStarted,
    AccountWaits,
    Counts,
    HookRan,
    PlanHeld,
    ServiceStarted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTED = ServiceStarted(("A", "B"))


class Talk:
    """Runs the command line in this process, beside a run that goes on."""

    def __init__(self, config: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.config, self._capfd = config, capfd
        self.controls = FakeControls(STARTED)
        self.out = self.err = ""

    def __call__(self, *words: str) -> int:
        code = main([*words, "-c", str(self.config)])
        self.out, self.err = self._capfd.readouterr()
        return code


@pytest.fixture
def alone(tmp_path: Path, runtime: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Talk:
    """Without such a run."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    config = tmp_path / "config.toml"
    config.write_text("this is read by nobody")
    return Talk(config, capfd)


@pytest.fixture
def talk(alone: Talk) -> Iterator[Talk]:
    with served(control_socket(alone.config), alone.controls):
        yield alone


COMMANDS = [["status"], ["status", "--json"], ["now"], ["now", "--wait"], ["pause"], ["resume"], ["reload"], ["stop"]]


@pytest.mark.parametrize("words", [*COMMANDS, ["status", "--follow", "--json"]])
def test_without_a_run_that_goes_on_it_is_said_and_the_code_is_3(alone: Talk, words: list[str]) -> None:
    assert alone(*words) == 3
    assert alone.out == ""
    assert alone.err.startswith("postboat: no run that goes on uses this configuration\n")


def test_how_to_start_one_is_said(alone: Talk) -> None:
    alone("status")
    assert f"`postboat -c {alone.config} service install`" in alone.err


@pytest.mark.parametrize(("form", "told"), [("plain", "not running"), ("waybar", '"alt": "stopped"')])
def test_to_a_status_bar_that_is_no_failure(alone: Talk, form: str, told: str) -> None:
    assert alone("status", "--format", form) == 0
    assert told in alone.out
    assert alone.err == ""


def test_a_run_that_was_killed_runs_no_more(alone: Talk) -> None:
    path = control_socket(alone.config)
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert alone("status") == 3


def test_another_users_run_is_not_believed(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: talk.config.stat().st_uid + 1)
    assert talk("status") == 3
    assert "belongs to another user" in talk.err


def test_status_tells_of_every_account_or_of_those_asked_for(talk: Talk) -> None:
    assert talk("status") == 0
    assert "\nA: starts\n" in talk.out
    assert "\nB: starts\n" in talk.out
    assert talk("status", "-a", "B") == 0
    assert "A:" not in talk.out
    talk("status", "--json", "-a", "B")
    assert [account["name"] for account in json.loads(talk.out)["accounts"]] == ["B"]


def test_status_as_json_is_all_that_is_known(talk: Talk) -> None:
    talk.controls.publish(PlanHeld("A", "INBOX", "remote", "emptied", 3, 3))
    assert talk("status", "--json") == 0
    status = json.loads(talk.out)
    assert (status["pid"], status["accounts"][0]["held"]) == (os.getpid(), 3)


def test_status_in_few_words_is_a_line(talk: Talk) -> None:
    assert talk("--format", "plain", "status") == 0
    assert talk.out == "syncing\n"
    assert talk("status", "--format", "waybar") == 0
    assert json.loads(talk.out)["class"] == "busy"


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["now"], ("now",)),
        (["now", "A", "B:INBOX"], ("now", "A", "B:INBOX")),
        (["now", "-a", "B"], ("now", "B")),
        (["pause", "A"], ("pause", "A")),
        (["resume"], ("resume",)),
        (["reload"], ("reload",)),
    ],
)
def test_what_is_asked_is_done_without_a_word(talk: Talk, words: list[str], asked: tuple[str, ...]) -> None:
    assert talk(*words) == 0
    assert talk.controls.asked == [asked]
    assert (talk.out, talk.err) == ("", "")


def test_a_refusal_is_told_with_its_exit_code(talk: Talk) -> None:
    assert talk("now", "C") == 2
    assert talk.err == "postboat: C: there is no account C; there are A, B\n"
    talk.controls.problems = ("x.toml:3: wrong", "x.toml:4: wrong")
    assert talk("reload") == 2
    assert talk.err == "postboat: x.toml:3: wrong\nx.toml:4: wrong\n"


DONE = AccountFinished("A", Counts(), 1, 0, 0.1)


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ((AccountStarted("A"), DONE), 0),
        ((AccountStarted("A"), AccountWaits("A", "refused", 4, 0.0)), 4),
        ((AccountStarted("A"), PlanHeld("A", "I", "remote", "emptied", 1, 1), DONE), 6),
        ((AccountWaits("A", "unreachable", 4, 0.0),), 4),
        ((HookRan("A", "presynchook", 1, 0.1), AccountStarted("A"), DONE), 0),
        ((AccountStarted("B"), AccountWaits("B", "refused", 4, 0.0), AccountStarted("A"), DONE), 0),
    ],
)
def test_now_can_wait_for_the_end_and_tell_how_it_was(talk: Talk, events: tuple[object, ...], code: int) -> None:
    talk.controls.then["now"] = events  # type: ignore[assignment]
    assert talk("now", "A", "--wait") == code


def test_the_end_of_a_sync_that_was_under_way_is_not_the_end_of_the_one_that_was_asked_for(talk: Talk) -> None:
    talk.controls.tell(AccountStarted("A"))
    talk.controls.then["now"] = (DONE, AccountWaits("A", "password", 5))
    assert talk("now", "A", "--wait") == 5


def test_who_waits_for_all_waits_for_each(talk: Talk) -> None:
    talk.controls.then["now"] = (AccountStarted("A"), DONE, AccountStarted("B"))
    late = threading.Timer(0.3, talk.controls.tell, [AccountFinished("B", Counts(), 1, 0, 0.1)])
    late.start()
    began = time.monotonic()
    assert talk("now", "--wait") == 0
    assert time.monotonic() - began > 0.2
    late.join()


def test_one_that_does_not_answer_is_not_waited_for(alone: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.05)
    monkeypatch.setattr(client.Service.ask, "__kwdefaults__", {"seconds": 0.05})
    path = control_socket(alone.config)
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        assert alone("now") == 3
    assert "does not answer" in alone.err


def _greet(listening: socket.socket) -> None:
    guest, _ = listening.accept()
    with guest:
        guest.sendall(b"hello\n")
        guest.recv(1000)


def test_one_that_speaks_otherwise_is_told_of(alone: Talk) -> None:
    path = control_socket(alone.config)
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as strange:
        strange.bind(str(path))
        strange.listen()
        thread = threading.Thread(target=_greet, args=(strange,))
        thread.start()
        assert alone("now") == 3
        thread.join()
    assert "is it another version?" in alone.err


# --- processes -----------------------------------------------------------------------------------------------------

SERVICE = """
    import asyncio, signal, sys, time
    from pathlib import Path
    from postboat.config.paths import control_socket
    from postboat.service.control.server import serving
    from tests.fakes.controls import FakeControls

    async def main():
        controls, over = FakeControls(), asyncio.Event()
        controls.stop = lambda finish=False: over.set()
        async with serving(control_socket(Path(sys.argv[1])), controls, controls.bus):
            print("up", flush=True)
            await over.wait()
    asyncio.run(main())
    time.sleep(float(sys.argv[2]))
"""


def process(code: str, *words: str, **more: object) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), *words], text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def test_stop_returns_when_the_process_is_gone(alone: Talk) -> None:
    with process(SERVICE, str(alone.config), "0.4") as service:
        assert service.stdout
        assert service.stdout.readline() == "up\n"
        assert alone("stop") == 0
        assert service.wait(timeout=0.2) == 0
        assert alone("stop") == 3


def test_stop_does_not_wait_for_ever(alone: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postboat.cli.commands.stop.GRACE", 0.1)
    with process(SERVICE, str(alone.config), "60") as service:
        assert service.stdout
        assert service.stdout.readline() == "up\n"
        assert alone("stop") == 3
        service.kill()
    assert "is still ending" in alone.err


FOLLOW = "import sys\nfrom postboat.cli.main import main\nsys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("form", ["plain", "screen"])
def test_who_follows_is_told_each_change_and_waits_for_a_run(alone: Talk, form: str) -> None:
    path = control_socket(alone.config)
    words = ("status", "--follow", "--format", form, "-c", str(alone.config))
    with process(f"import postboat.cli.following as f\nf.RETRY = 0.05\n{FOLLOW}", *words) as following:
        assert following.stdout
        assert following.stdout.readline() == "not running\n"
        with served(path, alone.controls):
            assert following.stdout.readline() == "syncing\n"
            for name in ("A", "B"):  # within one look at what was told, so that they are one change
                alone.controls.tell(AccountFinished(name, Counts(), 1, 0, 0.1))
            assert following.stdout.readline() == "in step\n"
        assert following.stdout.readline() == "not running\n"
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=10) == 130
        assert following.stderr
        assert following.stderr.read() == ""


def test_a_bar_that_is_gone_leaves_nobody_behind(talk: Talk) -> None:
    words = ("status", "--follow", "--format", "plain", "-c", str(talk.config))
    with process(FOLLOW, *words) as following:
        assert following.stdout
        assert following.stdout.readline() == "syncing\n"
        following.stdout.close()
        assert following.wait(timeout=10) == 0


def test_all_that_happens_can_be_had_as_json(alone: Talk) -> None:
    with served(control_socket(alone.config), alone.controls):
        following = process(FOLLOW, "status", "--follow", "--json", "-c", str(alone.config))
        assert following.stdout
        assert json.loads(following.stdout.readline())["pid"] == os.getpid()
        alone.controls.tell(AccountStarted("A"))
        assert json.loads(following.stdout.readline())["event"] == "AccountStarted"
    out, err = following.communicate(timeout=10)
    assert (out, err, following.returncode) == ("", "", 0)


def test_on_a_terminal_the_screen_is_drawn_in_place(talk: Talk) -> None:
    ours, theirs = pty.openpty()
    words = ("status", "--follow", "-c", str(talk.config))
    with process(FOLLOW, *words, stdout=theirs) as following:
        os.close(theirs)
        drawn = b""
        while b"B: starts" not in drawn:
            drawn += os.read(ours, 4096)
        assert drawn.startswith(b"\x1b[H")
        following.terminate()
    os.close(ours)


def test_these_commands_start_without_loop_engine_and_configuration(talk: Talk) -> None:
    code = """
        import sys
        from postboat.cli.main import main
        assert main(sys.argv[1:]) == 0
        heavy = {"asyncio", "ssl", "sqlite3", "uvloop", "logging", "tomllib", "platformdirs"} & set(sys.modules)
        ours = {name for name in sys.modules if name.startswith(("postboat.imap", "postboat.sync", "postboat.service."))}
        print(sorted(heavy | ours), file=sys.stderr)
    """
    for words in (["status"], ["status", "--format", "waybar"], ["now"], ["pause"]):
        _, err = process(code, *words, "-c", str(talk.config)).communicate(timeout=30)
        assert err == "[]\n"
