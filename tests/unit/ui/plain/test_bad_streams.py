"""Every face that writes lines, on streams that fail and with names and texts that are meant to do harm."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

import pytest
from tests.fakes.terminal import FakeFile, FakeTerminal

from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountFinished,
    AccountStarted,
    AccountWaits,
    ConfigReloaded,
    Counts,
    Event,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FoldersListed,
    FolderStarted,
    HookRan,
    MessageCameBack,
    MessageFailed,
    MessagesAside,
    PlanHeld,
    PlanShown,
    RunFinished,
    ServerWatched,
    ServiceStarted,
    Warned,
)
from postboat.ui.plain.basic import Basic
from postboat.ui.plain.jsonl import JsonLines
from postboat.ui.plain.machineui import Answers, MachineUi
from postboat.ui.plain.out import Out
from postboat.ui.plain.quiet import Quiet
from postboat.ui.plain.syslog import Syslog
from postboat.ui.plain.system_log import SystemLog
from postboat.ui.plain.tty import Size, Tty
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from postboat.ui.faces import Face

EVIL = "\x1b]0;owned\x07\x1b[2J\r\n\u202e日本\u2028\x9b31m\udc80 <4>e\u0301"
"""A title, a cleared screen, line ends of all kinds, text from right to left, a control of one octet, half a character,
a mark of importance, and a letter that is two."""
HARM: tuple[Event, ...] = (
    Warned(EVIL, EVIL),
    AccountStarted(EVIL),
    AccountConnected(EVIL, EVIL, EVIL),
    HookRan(EVIL, "presynchook", 3, 0.1, EVIL),
    FoldersListed(EVIL, 3),
    FolderCreated(EVIL, EVIL, "local", EVIL + "x"),
    FolderStarted(EVIL, EVIL),
    PlanHeld(EVIL, EVIL, "remote", "share", 9, 10, (EVIL, "")),
    PlanShown(EVIL, EVIL, ({"do": "delete", "on": "local", "message": EVIL},)),
    MessageFailed(EVIL, EVIL, EVIL, EVIL),
    MessageCameBack(EVIL, EVIL, "local", EVIL),
    MessagesAside(EVIL, EVIL, 2, 1_800_000_000.0, EVIL),
    FolderFinished(EVIL, EVIL, Counts(down=1)),
    FolderFailed(EVIL, EVIL, EVIL),
    ServerWatched(EVIL, "idle", (EVIL,)),
    ConfigReloaded((EVIL,)),
    AccountWaits(EVIL, EVIL, 5),
    AccountFailed(EVIL, EVIL, 4),
    AccountFinished(EVIL, Counts(down=1, failed=1), 3, 1, 0.5, held=9, aside=2),
    RunFinished(3),
)
RUNS = {"once": HARM, "goes on": (ServiceStarted((EVIL,)), *HARM)}

MAKERS: dict[str, Callable[[Any], Face]] = {
    "basic": lambda stream: Basic(Manner(many_accounts=True), out=Out(stream), err=Out(stream)),
    "quiet": lambda stream: Quiet(Manner(many_accounts=True), err=Out(stream)),
    "jsonl": lambda stream: JsonLines(out=Out(stream)),
    "machineui": lambda stream: MachineUi(Manner(), out=Out(stream), answers=Answers(None)),
    "tty": lambda stream: Tty(Manner(), out=Out(stream), err=Out(stream), measure=lambda: Size(60, 20)),
    "syslog": lambda stream: Syslog(Manner(), log=SystemLog(find=lambda: None), err=Out(stream), patience=0),
}


async def stream(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("name", [name for name in MAKERS if name != "tty"])
async def test_what_comes_from_outside_steers_no_terminal(name: str, encoding: str, run: str) -> None:
    out = FakeFile(encoding)
    await MAKERS[name](out).show(stream(*RUNS[run]))
    lines = out.getvalue().encode(encoding, "replace").decode(encoding).split("\n")
    assert len(lines) > 1
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in lines if line.startswith("<")] == []


@pytest.mark.parametrize("run", RUNS)
async def test_what_comes_from_outside_does_not_move_the_cursor_of_a_live_display(run: str) -> None:
    out = FakeTerminal()
    await MAKERS["tty"](out).show(stream(*RUNS[run]))
    assert any("日本" in row for row in out.screen)  # which refuses every sequence but ours


async def test_the_systems_log_gets_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    log, said = SystemLog(), list[str]()

    def taken(_severity: int, text: str) -> bool:
        said.append(text)
        return True

    monkeypatch.setattr(log, "try_to_write", taken)
    for run in RUNS.values():
        await Syslog(Manner(), log=log, err=Out(FakeFile())).show(stream(*run))
    assert [text for text in said if not text.isprintable()] == []
    assert any("日本" in text for text in said)


def reader_left(_: Path) -> IO[str]:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def full(_: Path) -> IO[str]:
    return open("/dev/full", "w")


def read_only(path: Path) -> IO[str]:
    path.touch()
    return os.fdopen(os.open(path, os.O_RDONLY), "w")


def closed(path: Path) -> IO[str]:
    file = path.open("w")
    file.close()
    return file


@pytest.mark.parametrize("failing", [reader_left, full, read_only, closed])
@pytest.mark.parametrize("name", MAKERS)
async def test_a_stream_that_fails_stops_no_face(name: str, failing: Callable[[Path], IO[str]], tmp_path: Path) -> None:
    read = 0

    async def events() -> AsyncIterator[Event]:
        nonlocal read
        for event in RUNS["goes on"]:
            read += 1
            yield event

    file = failing(tmp_path / "file")
    await MAKERS[name](file).show(events())
    assert read == len(RUNS["goes on"])
    if not file.closed:
        file.close()
