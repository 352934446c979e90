"""OfflineIMAP's machine-readable protocol, beside what the original writes."""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote_plus

import pytest
from tests.fakes.terminal import FakeFile

from postboat.config.schema import Secret
from postboat.config.secrets import Question
from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountFinished,
    AccountRests,
    AccountStarted,
    Counts,
    Event,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FolderMatchedAnew,
    FolderPlanned,
    FolderProgressed,
    FolderScanned,
    FoldersListed,
    FolderStarted,
    HookRan,
    MessageFailed,
    RunFinished,
    ServiceStarted,
    Warned,
)
from postboat.ui.plain.machine_lines import Sides
from postboat.ui.plain.machineui import Answers, MachineUi
from postboat.ui.plain.out import Out
from postboat.ui.words import Manner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

ORIGINAL = Path(__file__).parents[3] / "data/machineui/offlineimap.txt"
NOON = 1_800_000_000.0
RUN = (
    HookRan("MyMail", "presynchook", 0, 0.1, "hi"),
    AccountStarted("MyMail"),
    AccountConnected("MyMail", "127.0.0.1", "user1"),
    FoldersListed("MyMail", 2),
    FolderCreated("MyMail", "INBOX", "local", "INBOX"),
    FolderStarted("MyMail", "INBOX"),
    FolderScanned("MyMail", "INBOX", "local", 0, 300),
    FolderScanned("MyMail", "INBOX", "local", 300, 300),
    FolderPlanned("MyMail", "INBOX", Counts(down=2, up=1, reflagged=1, deleted_remote=2)),
    FolderProgressed("MyMail", "INBOX", Counts(down=1)),
    FolderFinished("MyMail", "INBOX", Counts(down=2, up=1, reflagged=1, deleted_remote=2)),
    AccountFinished("MyMail", Counts(down=2), 2, 0, 0.5),
    RunFinished(0),
)


class Said(NamedTuple):
    """A line of the protocol as a program takes it apart."""

    severity: str
    command: str
    thread: str
    fields: list[str]


def parsed(lines: Iterable[str]) -> list[Said]:
    said = []
    for line in lines:
        severity, command, thread, data = line.split(":")
        said.append(Said(severity, command, unquote_plus(thread), unquote_plus(data).split("\n")))
    return said


def of_command(said: Iterable[Said], command: str) -> list[list[str]]:
    return [line.fields for line in said if line.command == command]


async def stream(*events: Event) -> AsyncIterator[Event]:
    for event in events:
        yield event


def face(out: FakeFile, *, answers: Answers | None = None) -> MachineUi:
    made = MachineUi(Manner(), out=Out(out), answers=answers or Answers(None), clock=lambda: NOON)
    made._told.sides = {"MyMail": Sides("127.0.0.1", 1143, "R", "L")}
    return made


async def shown(*events: Event) -> list[Said]:
    """What is written of the events, without the banner."""
    out = FakeFile()
    await face(out).show(stream(*events))
    banner, _, *lines = out.getvalue().splitlines()
    assert banner.startswith("Postboat ")
    return parsed(lines)


@pytest.fixture(scope="module")
def original() -> list[Said]:
    lines = (line for line in ORIGINAL.read_text().splitlines() if line.count(":") == 3)
    return parsed(line for line in lines if not line.startswith("#"))


async def test_every_line_has_the_shape_of_one_of_offlineimaps(original: list[Said]) -> None:
    shapes = defaultdict(set)
    for line in original:
        shapes[line.command].add((line.severity, thread_kind(line.thread), len(line.fields)))
    for line in await shown(*RUN):
        if line.command not in ("", "_display"):  # text for people, of any length
            assert (line.severity, thread_kind(line.thread), len(line.fields)) in shapes[line.command], line


def thread_kind(name: str) -> str:
    return name.replace("INBOX", "F").replace("Work", "F")


async def test_a_folder_is_told_by_offlineimaps_commands_in_their_order(original: list[Said]) -> None:
    def commands(said: list[Said]) -> list[str]:
        return list(dict.fromkeys(line.command for line in said if line.thread == "Folder INBOX [acc: MyMail]"))

    assert commands(await shown(*RUN)) == commands(original)


async def test_facts_are_where_offlineimap_has_them() -> None:
    said = await shown(*RUN)
    assert said[0] == Said("msg", "protocol", "MainThread", ["7.2.0"])
    assert of_command(said, "connecting") == [["127.0.0.1", "1143", "R"]]
    assert of_command(said, "syncfolders") == [["IMAP", "Maildir"]]
    assert of_command(said, "syncingfolder") == [["IMAP", "INBOX", "Maildir", "INBOX", ""]]
    assert of_command(said, "loadmessagelist") == [["Maildir", "INBOX"]]
    assert of_command(said, "messagelistloaded") == [["Maildir", "INBOX", "300"]]
    assert of_command(said, "callhook") == [
        ["Calling hook: presynchook"],
        ["Hook stdout: hi", "", "Hook stderr:", ""],
        ["Hook return code: 0"],
    ]
    assert said[-1] == Said("msg", "terminate", "MainThread", ["0", "", ""])


async def test_each_message_is_told_once_with_a_number_of_its_own() -> None:
    said = await shown(*RUN)
    assert of_command(said, "copyingmessage") == [
        ["-1", "IMAP", "INBOX", "Maildir[INBOX]"],
        ["-2", "IMAP", "INBOX", "Maildir[INBOX]"],
        ["-3", "Maildir", "INBOX", "IMAP[INBOX]"],
    ]
    assert of_command(said, "deletingmessages") == [["-4\f-5", "IMAP\tINBOX"]]
    assert of_command(said, "addingflags") == [["-6", "", "INBOX"]]


async def test_the_work_on_an_account_and_on_a_folder_begins_and_ends_once() -> None:
    said = await shown(*RUN)
    assert of_command(said, "acct") == of_command(said, "acctdone") == [["MyMail"]]
    registered = [line.thread for line in said if line.command == "registerthread"]
    assert registered == ["Account sync MyMail", "Folder INBOX [acc: MyMail]"]
    for command in ("threadExited", "unregisterthread"):
        assert sorted(name for (name,) in of_command(said, command)) == registered


async def test_a_folder_that_was_worked_on_when_its_account_failed_is_over_too() -> None:
    said = await shown(AccountStarted("A"), FolderStarted("A", "x"), AccountFailed("A", "gone", 4), RunFinished(4))
    assert [name for (name,) in of_command(said, "threadExited")] == ["Folder x [acc: A]", "Account sync A"]
    assert of_command(said, "terminate") == [["4", "", ""]]


async def test_troubles_are_warnings_and_errors_in_words() -> None:
    failed = FolderFailed("A", "x", "no room")
    message = MessageFailed("A", "x", "message 7", "too big")
    said = await shown(AccountStarted("A"), FolderStarted("A", "x"), Warned("careful"), message, failed)
    told = [(line.severity, line.fields) for line in said if not line.command]
    assert told == [
        ("warn", ["careful"]),
        ("warn", ["x: message 7: too big"]),
        ("error", ["x: could not be synced: no room"]),
    ]


async def test_another_mailbox_is_a_validity_problem_that_is_explained() -> None:
    said = await shown(AccountStarted("A"), FolderStarted("A", "x"), FolderMatchedAnew("A", "x"))
    problem, words = [line for line in said if line.severity == "warn"]
    assert (problem.command, problem.fields) == ("validityproblem", ["x", "", "", ""])
    assert "matched by their contents" in words.fields[0]


async def test_a_run_that_goes_on_sleeps_and_wakes() -> None:
    events = (
        ServiceStarted(("A",)),
        AccountStarted("A"),
        AccountFinished("A", Counts(), 0, 0, 0.1),
        AccountRests("A", NOON + 300),
        AccountRests("A", NOON + 290),
        FolderStarted("A", "x"),
    )
    said = await shown(*events)
    assert of_command(said, "sleeping") == [["300", "300"], ["0", "0"]]
    assert of_command(said, "acct") == [["A"], ["A"]]


async def test_a_stopped_run_is_terminated_too() -> None:
    said = await shown(AccountStarted("A"))
    assert of_command(said, "terminate") == [["1", "Stopped", "The run was stopped before its end."]]


async def test_no_name_can_break_a_line_or_a_field() -> None:
    name = "a\nb\fc:d\x1b[2J%0A\udc80 日本"
    out = FakeFile("ascii")
    await face(out).show(stream(AccountStarted("A"), FolderStarted("A", name), FolderPlanned("A", name, Counts())))
    text = out.getvalue()
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    (fields,) = of_command(parsed(text.splitlines()[2:]), "syncingfolder")
    assert fields == ["IMAP", "a b c:d\x1b[2J%0A? 日本", "Maildir", "a b c:d\x1b[2J%0A? 日本", ""]


# --- passwords ----------------------------------------------------------------------------------------------------


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


async def test_a_password_is_asked_for_by_a_line_and_answered_by_one(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.write(writing, "geheim ü\r\nsecond\nwithout end".encode())
    os.close(writing)
    out = FakeFile()
    asking = face(out, answers=Answers(reading))
    question = Question("MyMail", "user1", "host", "")
    assert await asking.ask(question) == Secret("geheim ü")
    assert await asking.ask(Question("MyMail", "user1", "host", "not so")) == Secret("second")
    assert await asking.ask(question) == Secret("without end")
    assert await asking.ask(question) is None
    assert await asking.ask(question) is None
    said = parsed(out.getvalue().splitlines()[4:])
    assert said[:3] == [
        Said("msg", "getpass", "Account sync MyMail", ["user1"]),
        Said("warn", "getpasserror", "Account sync MyMail", ["user1", "not so"]),
        Said("msg", "getpass", "Account sync MyMail", ["user1"]),
    ]
    assert "geheim" not in out.getvalue()


async def test_the_answer_to_a_question_that_was_given_up_is_not_lost(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    asking = face(FakeFile(), answers=Answers(reading))
    given_up = asyncio.create_task(asking.ask("?"))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])
    os.write(writing, b"late\n")
    assert await asking.ask("?") == Secret("late")
    os.close(writing)


async def test_with_standard_input_closed_there_is_no_answer() -> None:
    assert await face(FakeFile()).ask("?") is None
