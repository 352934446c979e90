"""A face in a process of its own: whatever becomes of it, the run goes on and its user is told."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.fakes.apart_face import command
from tests.fakes.terminal import FakeFile

from postboat.config.schema import Secret
from postboat.errors import ConfigError
from postboat.events import (
    AccountFinished,
    AccountStarted,
    ConnectionsSeen,
    Counts,
    FolderFailed,
    FolderFinished,
    Light,
    ServiceStarted,
    Warned,
)
from postboat.service.bus import Bus
from postboat.status import ServiceStatus
from postboat.ui.apart.apart import Apart
from postboat.ui.apart.feed import Feed
from postboat.ui.link import CannotShow
from postboat.ui.plain.basic import Basic
from postboat.ui.plain.out import Out
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

DONE = (
    AccountStarted("A"),
    FolderFinished("A", "INBOX", Counts(down=3)),
    AccountFinished("A", Counts(down=3), 1, 0, 0.1),
)
NOTES_ALL = """
for line in lines():
    note(type(line).__name__ + " " + (type(line.event).__name__ if hasattr(line, "event") else ""))
"""


class Scene:
    """A run that is shown by a scripted face; what is told in lines is in `out` and `err`."""

    def __init__(self, notes: Path) -> None:
        self.notes, self.out, self.err = notes, FakeFile(), FakeFile()
        self.bus, self.asked = Bus(), []
        self.refusal: ConfigError | None = None
        self.terminal: Any = None
        self.apart: Apart

    async def ask(self, facts: Mapping[str, Any]) -> None:
        self.asked.append(facts)
        if self.refusal:
            raise self.refusal

    async def begin(
        self, script: str, *, goes_on: bool = False, lights: bool = False, command_line: tuple[str, ...] = ()
    ) -> None:
        manner = Manner(program="postboat -c x")
        self.apart = Apart(
            "blinkenlights",
            manner,
            ServiceStatus(1, "1", time.time(), "x"),
            goes_on=goes_on,
            ask=self.ask,
            plain=Basic(manner, out=Out(self.out), err=Out(self.err)),
            terminal=self.terminal,
            command=command_line or command(script),
        )
        await self.apart.ready()
        self.events = self.bus.subscribe(lights=lights)
        self.showing = asyncio.create_task(self.apart.show(self.events))

    def publish(self, *events: Any) -> None:
        for event in events:
            self.bus.publish(event)

    async def end(self) -> None:
        self.bus.close()
        await asyncio.wait_for(self.showing, 10)

    @property
    def noted(self) -> list[str]:
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    async def noting(self, count: int) -> list[str]:
        async with asyncio.timeout(10):
            while len(self.noted) < count:
                await asyncio.sleep(0.01)
        return self.noted

    async def told(self, part: str) -> None:
        async with asyncio.timeout(10):
            while part not in self.err.getvalue():
                await asyncio.sleep(0.01)

    @property
    def child(self) -> int:
        return self.apart._process._child.pid  # type: ignore[union-attr]


@pytest.fixture
async def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    made = Scene(tmp_path / "notes")
    yield made
    if hasattr(made, "showing"):
        made.showing.cancel()
        await asyncio.gather(made.showing, return_exceptions=True)
        with pytest.raises(ProcessLookupError):
            os.kill(made.child, 0)


async def test_it_is_told_how_things_are_then_all_that_happens_then_the_end(scene: Scene) -> None:
    await scene.begin(NOTES_ALL)
    scene.publish(*DONE)
    await scene.end()
    assert [line.strip() for line in scene.noted] == [
        "Snapshot",
        "Happened AccountStarted",
        "Happened FolderFinished",
        "Happened AccountFinished",
        "Over",
    ]


async def test_after_the_end_it_is_summed_up_as_on_any_terminal(scene: Scene) -> None:
    await scene.begin(NOTES_ALL)
    scene.publish(DONE[0], FolderFailed("A", "Sent", "no such luck"), *DONE[1:])
    await scene.end()
    assert scene.out.getvalue().splitlines()[0].startswith("A: in step, 1 folder")
    assert "no such luck" in scene.err.getvalue(), "what went wrong was shown on a screen that is gone"


async def test_it_knows_how_it_was_started(scene: Scene) -> None:
    await scene.begin("note((link.goes_on, link.owned, link.replay, link.manner.program)); list(lines())", goes_on=True)
    assert await scene.noting(1) == ["(True, True, False, 'postboat -c x')"]
    await scene.end()


@pytest.mark.parametrize("how", ["os.kill(os.getpid(), 9)", "os._exit(3)", "raise KeyError('x')", "return_ = 0"])
async def test_when_it_ends_the_run_goes_on_in_lines_and_it_is_told_once(scene: Scene, how: str) -> None:
    await scene.begin(f"for line in lines():\n    if hasattr(line, 'event'): break\n{how}")
    scene.publish(DONE[0])
    await scene.told("the sync goes on")
    scene.publish(*DONE[1:])
    await scene.end()
    assert scene.out.getvalue().splitlines() == ["INBOX: 3 new (↓3)", "A: in step, 1 folder, 3 new (↓3) in 0.1 s"]
    (said,) = scene.err.getvalue().splitlines()
    assert said.startswith("postboat: the dashboard ")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("raise CannotShow('no display')", "no display"),
        ("import nothing_like_it", "nothing_like_it"),
        ("os._exit(1)", "ended before it drew anything"),
    ],
)
async def test_one_that_cannot_show_anything_says_why_and_is_gone(scene: Scene, script: str, why: str) -> None:
    with pytest.raises(CannotShow, match=why):
        await scene.begin(script)
    with pytest.raises(ProcessLookupError):
        os.kill(scene.child, 0)
    assert scene.err.getvalue() == ""


async def test_one_that_does_not_start_in_time_is_ended(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postboat.ui.apart.apart.STARTING", 0.3)
    with pytest.raises(CannotShow, match="in time"):
        await scene.begin("time.sleep(60)")
    with pytest.raises(ProcessLookupError):
        os.kill(scene.child, 0)


async def test_a_program_that_is_not_there_is_no_face(scene: Scene) -> None:
    with pytest.raises(CannotShow):
        await scene.begin("", command_line=("/nonexistent/python",))


async def test_one_that_is_stopped_slows_nothing_and_is_given_up(scene: Scene, monkeypatch) -> None:
    monkeypatch.setattr("postboat.ui.apart.line.TICK", 0.05)
    await scene.begin(NOTES_ALL)
    await scene.noting(1)
    os.kill(scene.child, signal.SIGSTOP)
    deepest = 0
    began = time.monotonic()
    for number in range(100_000):
        scene.bus.publish(Warned(f"{number}: something that takes some room in the queues"))
        if number % 100 == 0:
            await asyncio.sleep(0)
            if not scene.apart._in_lines.is_set():
                deepest = max(deepest, len(scene.apart._feed._waiting))
            else:
                break
    assert number > 10_000, "or nobody was behind"
    assert deepest <= 5_000
    assert time.monotonic() - began < 30
    await scene.told("stood still")
    assert scene.apart._feed.missed > 0
    await scene.end()


async def test_one_that_was_slow_is_told_how_things_are_and_how_much_it_missed(scene: Scene) -> None:
    await scene.begin("""
link.ready()
time.sleep(0.5)
for line in lines():
    if type(line).__name__ == "Snapshot":
        note((line.dropped, sorted(line.status.accounts)))
""")
    for number in range(20_000):
        scene.publish(Warned(f"{number} " + "x" * 200))
        if number % 100 == 0:
            await asyncio.sleep(0)
    scene.publish(AccountStarted("A"))
    noted = await scene.noting(2)
    assert eval(noted[0]) == (0, [])
    assert eval(noted[1])[0] > 0
    await scene.end()


async def test_what_connections_do_is_told_though_it_was_slow_and_no_longer_once_it_is_gone(scene: Scene) -> None:
    feed = Feed(ServiceStatus(1, "1", 0.0, "x"), kept=2)
    lit = [ConnectionsSeen(name, (Light("copying"),), 1, 1) for name in "AB"]
    for event in (lit[0], Warned("1"), Warned("2"), lit[1]):
        feed.offer(event, 1.0)
    first, anew, *lights = map(json.loads, feed.take().splitlines())
    assert ("dropped" in first, anew["dropped"], [each["account"] for each in lights]) == (True, 2, ["A", "B"])
    await scene.begin("link.ready(); os._exit(0)", lights=True)
    await scene.told("the sync goes on")
    assert scene.events.lights is False
    assert scene.bus._lights is None
    await scene.end()


async def test_a_flood_on_standard_error_is_shown_in_its_last_lines_only(scene: Scene) -> None:
    await scene.begin("""
for line in lines():
    if hasattr(line, "event"):
        note(line.event.text)
""")
    writing = threading.Thread(target=lambda: [scene.apart._tell_stray(str(number)) for number in range(10_000)])
    writing.start()
    writing.join()  # all of it before the loop has its turn
    assert await scene.noting(100) == [str(number) for number in range(9_900, 10_000)]
    scene.apart._tell_stray("after it")
    assert (await scene.noting(101))[-1] == "after it"
    await scene.end()


async def test_what_it_asks_for_is_done_or_refused_in_words(scene: Scene) -> None:
    await scene.begin("""
link.ask("now", targets=["A"])
for line in lines():
    if type(line).__name__ == "Answered":
        note((line.number, line.refusal))
        if line.number == 1: link.ask("pause", accounts=["A"])
""")
    await scene.noting(1)
    scene.refusal = ConfigError(["not now"])
    assert (await scene.noting(1))[0] == "(1, '')"
    await scene.noting(2)
    await scene.end()
    assert [(facts["do"], facts.get("targets")) for facts in scene.asked] == [("now", ["A"]), ("pause", ["A"])]


async def test_its_user_can_go_on_without_it(scene: Scene) -> None:
    await scene.begin("link.ask('leave'); list(lines())", goes_on=True)
    scene.publish(ServiceStarted(("A",)))
    await scene.told("goes on")
    assert scene.err.getvalue() == "postboat: keeping your mail in step goes on, told in lines (Ctrl+C ends it)\n"
    scene.publish(*DONE)
    await scene.end()
    assert "INBOX: 3 new" in scene.out.getvalue()


async def test_nothing_is_said_when_it_leaves_because_its_user_stops_the_run(scene: Scene) -> None:
    await scene.begin("link.ask('stop')\nfor line in lines():\n    if type(line).__name__ == 'Answered': break")
    scene.publish(DONE[0])
    async with asyncio.timeout(10):
        await scene.apart._in_lines.wait()
    await scene.end()
    assert scene.err.getvalue() == ""


async def test_it_asks_for_passwords(scene: Scene) -> None:
    await scene.begin("""
for line in lines():
    if type(line).__name__ == "Question":
        note(line.text); link.answer(line.number, "geheim")
    elif type(line).__name__ != "Over":
        note(type(line).__name__)
""")
    await scene.noting(1)
    answer = await scene.apart("Password?")
    assert answer == Secret("geheim")
    assert "Password?" in scene.noted
    await scene.end()


async def test_an_answer_that_is_none_is_none(scene: Scene) -> None:
    scene.terminal = lambda _: pytest.fail("the user does not want to")
    await scene.begin("""
for line in lines():
    if type(line).__name__ == "Question": link.answer(line.number, None)
""")
    assert await scene.apart("Password?") is None
    await scene.end()


async def test_a_question_that_needs_no_answer_any_more_is_withdrawn(scene: Scene) -> None:
    await scene.begin("""
for line in lines():
    if type(line).__name__ in ("Question", "Withdrawn"): note((type(line).__name__, line.number))
""")
    asking = asyncio.create_task(scene.apart("Password?"))
    await scene.noting(1)
    asking.cancel()
    assert await scene.noting(2) == ["('Question', 1)", "('Withdrawn', 1)"]
    await scene.end()


async def test_when_it_ends_while_it_asks_the_terminal_asks(scene: Scene) -> None:
    async def terminal(question: str) -> Secret:
        assert scene.apart._in_lines.is_set(), "before that the screen is not free"
        assert "the sync goes on" in scene.err.getvalue(), "or the user wonders who asks"
        return Secret(f"answer to {question}")

    scene.terminal = terminal
    await scene.begin("for line in lines():\n    if type(line).__name__ == 'Question': os.kill(os.getpid(), 9)")
    async with asyncio.timeout(10):
        assert await scene.apart("Password?") == Secret("answer to Password?")
    scene.terminal = None
    await scene.end()


async def test_a_run_that_is_cancelled_leaves_no_child(scene: Scene) -> None:
    await scene.begin("link.take(); note('up'); time.sleep(60)")
    child = scene.child
    await scene.noting(1)
    await asyncio.sleep(0)
    scene.showing.cancel()
    await asyncio.gather(scene.showing, return_exceptions=True)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


async def test_a_child_whose_parent_is_killed_leaves(tmp_path: Path, scene: Scene) -> None:
    script = "link.take(); note(os.getpid()); list(lines()); note('left')"
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import socket, subprocess, sys, time, json\n"
        "ours, theirs = socket.socketpair()\n"
        "subprocess.Popen([*sys.argv[1:], str(theirs.fileno())], pass_fds=[theirs.fileno()])\n"
        "ours.send(json.dumps({'hello': {'manner': {}, 'goes_on': True}}).encode() + b'\\n')\n"
        "time.sleep(60)",
        *command(script),
    )
    await scene.noting(1)
    parent.kill()
    await parent.wait()
    assert (await scene.noting(2))[1] == "left"


async def test_one_that_was_never_shown_anything_can_be_closed(scene: Scene) -> None:
    await scene.begin("link.take(); time.sleep(60)")
    scene.showing.cancel()
    scene.apart.close()
    with pytest.raises(ProcessLookupError):
        os.kill(scene.child, 0)
