"""Mail programs do not wait for a sync to end: what they do in the middle of one is neither lost nor undone.

They act at the engine's own events, so that each of them meets it at the same place every time; and once without any
order, from a thread of its own, for as long as runs follow one another.
"""

from __future__ import annotations

import asyncio
import os
import random
import threading
from typing import TYPE_CHECKING

import pytest
from tests.real.mixed import assert_agreed, census, reasons, sync_while
from tests.real.voyage import Voyage, append, digest, digests, message

from postboat.events import Event, FolderPlanned, FolderProgressed, FolderStarted, MessageFailed, Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

pytestmark = pytest.mark.real

MOMENTS: dict[str, Callable[[Event], bool]] = {
    "before the look": lambda event: isinstance(event, FolderStarted) and event.folder == "INBOX",
    "after the plan": lambda event: isinstance(event, FolderPlanned) and event.folder == "INBOX",
    "after the first copies": lambda event: (
        isinstance(event, FolderProgressed) and event.folder == "INBOX" and event.done.down + event.done.up > 0
    ),
    "after the flags": lambda event: (
        isinstance(event, FolderProgressed) and event.folder == "INBOX" and event.done.reflagged > 0
    ),
    "after a deletion": lambda event: (
        isinstance(event, FolderProgressed)
        and event.folder == "INBOX"
        and event.done.deleted_local + event.done.deleted_remote > 0
    ),
}


@pytest.fixture
async def voyage(dovecot, tmp_path) -> Voyage:
    """Twenty messages on both sides and enough to do for every part of a run."""
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.create("Archive")
    voyage.deliver(*map(message, range(20)))
    (await voyage.sync()).assert_clean()
    voyage.deliver(*map(message, range(100, 104)))
    for number in range(200, 204):
        voyage.drop(message(number), f"{number}.disk")
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "1,2", "+FLAGS", r"(\Flagged)")
        phone.uid("STORE", "3,4", "+FLAGS", r"(\Deleted)")
        phone.expunge()
    for number in (4, 5):
        see(voyage, number)
    for number in (6, 7):
        voyage.file_of(message(number)).unlink()
    return voyage


def see(voyage: Voyage, number: int, flags: str = "S") -> None:
    """A mail program shows a message, and renames its file for that."""
    file = voyage.file_of(message(number))
    unique, _, before = file.name.partition(":2,")
    letters = "".join(sorted({*before, *flags}))
    file.rename(file.parent.parent / "cur" / f"{unique}:2,{letters}")


def on_disk(voyage: Voyage) -> None:
    """Every kind of thing that a mail program does to files, to messages that the run deals with and to others."""
    for number in (0, 8, 200):
        see(voyage, number, "R")
    for number in (9, 201):
        file = voyage.file_of(message(number))
        file.rename(voyage.folder("Archive") / "cur" / f"{file.name.partition(':')[0]}:2,S")
    for number in (1, 10):
        voyage.file_of(message(number)).unlink()
    renamed = voyage.file_of(message(11))
    renamed.rename(renamed.with_name("renamed.by.a.mail.program"))
    voyage.drop(message(300), "300.disk")
    voyage.drop(message(301), "301.disk", flags="FS")


def on_server(voyage: Voyage) -> None:
    """Everything that another client does, to messages that the run deals with and to others."""
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "1,13,14", "+FLAGS", r"(\Answered)")
        phone.uid("COPY", "15", "Archive")
        phone.uid("STORE", "2,15,16,21", "+FLAGS", r"(\Deleted)")
        phone.expunge()
        append(phone, "INBOX", message(400))
        append(phone, "Archive", message(401), r"\Seen")


MISSING_FROM_INBOX = {
    on_disk: {1, 9, 10, 201},
    on_server: {1, 14, 15, 100},
}
ADDED = {on_disk: {300, 301}, on_server: {400}}
IN_ARCHIVE = {on_disk: {9, 201}, on_server: {14, 401}}


@pytest.mark.parametrize("act", [on_disk, on_server])
@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
async def test_what_is_done_in_the_middle_of_a_run_is_kept(voyage, moment, act):
    sailed = await sync_while(voyage, moment, lambda: act(voyage))
    assert sailed.code in (0, 3) and "internal" not in reasons(sailed), sailed.events
    await settle(voyage)
    found = assert_agreed(voyage, "INBOX", "Archive")
    everything = {*range(20), *range(100, 104), *range(200, 204)} - {2, 3, 6, 7}
    expected = (everything - MISSING_FROM_INBOX[act]) | ADDED[act]
    contested = {1} if act is on_disk else set()  # removed on disk and flagged on the server: either may come first
    assert set(numbers(found["INBOX"]["server"])) - contested == expected - contested
    assert set(found["INBOX"]["server"].values()) == {1}
    assert numbers(found["Archive"]["server"]) == sorted(IN_ARCHIVE[act])


async def settle(voyage: Voyage) -> None:
    """Two runs make both sides agree, and a third one has nothing to do."""
    for _ in range(2):
        (await voyage.sync()).assert_clean()
    rest = await voyage.sync()
    rest.assert_clean()
    assert (rest.done.changes, rest.done.adopted) == (0, 0)


def numbers(found: Iterable[tuple[bytes, str]]) -> list[int]:
    """Which of the test's messages are there, each as often as it is."""
    names = {digest(message(number)): number for number in range(500)}
    return sorted(names[key] for (key, _), count in found.items() for _ in range(count))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(int(os.environ.get("POSTBOAT_RESTLESS", "3"))))
async def test_a_mail_program_that_never_rests_loses_nothing(dovecot, tmp_path, seed):
    """Files are renamed, moved, removed and delivered all the time, from another thread, while runs follow runs."""
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.create("Archive")
    voyage.deliver(*map(message, range(60)))
    await voyage.sync()
    reader = RestlessReader(voyage, seed)
    reader.start()
    try:
        for number in range(12):
            voyage.deliver(message(100 + number))
            sailed = await voyage.sync()
            assert sailed.code in (0, 3) and "internal" not in reasons(sailed), sailed.events
    finally:
        reader.stop()
    assert reader.failure is None and reader.acts > 20
    await settle(voyage)
    found = assert_agreed(voyage, "INBOX", "Archive")
    here = [*numbers(found["INBOX"]["server"]), *numbers(found["Archive"]["server"])]
    assert sorted(here) == sorted({*range(60), *range(100, 112), *reader.delivered} - reader.removed)


class RestlessReader(threading.Thread):
    """A mail program in a thread of its own."""

    def __init__(self, voyage: Voyage, seed: int) -> None:
        super().__init__(name="restless reader")
        self._voyage, self._chance = voyage, random.Random(seed)
        self._over = threading.Event()
        self._next = iter(range(200, 500))
        self.removed: set[int] = set()
        self.delivered: set[int] = set()
        self.acts = 0
        self.failure: Exception | None = None
        self._names = {digest(message(number)): number for number in range(500)}

    def run(self) -> None:
        try:
            while not self._over.wait(0.002):
                self._act()
                self.acts += 1
        except Exception as failure:
            self.failure = failure

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _act(self) -> None:
        kind = self._chance.choices(["flag", "move", "remove", "deliver"], [12, 3, 1, 1])[0]
        if kind == "deliver":
            self._deliver()
            return
        folder = self._chance.choice(["INBOX", "Archive"])
        files = self._voyage.files(folder)
        if not files:
            return
        file = self._chance.choice(files)
        unique, _, letters = file.name.partition(":2,")
        if kind == "flag":
            self._rename(file, file.parent.parent / "cur" / f"{unique}:2,{self._other(letters)}")
        elif kind == "move":
            target = self._voyage.folder("Archive" if folder == "INBOX" else "INBOX")
            self._rename(file, target / "cur" / f"{unique}:2,{letters}")
        else:
            self._remove(file)

    def _deliver(self) -> None:
        number = next(self._next, None)
        if number is not None:
            self._voyage.drop(message(number), f"{number}.reader", flags="")
            self.delivered.add(number)

    def _other(self, letters: str) -> str:
        return "".join(sorted(set(letters) ^ {self._chance.choice("FRS")}))

    @staticmethod
    def _rename(file: Path, target: Path) -> None:
        try:
            if not target.exists():
                file.rename(target)
        except FileNotFoundError:
            pass  # the sync was faster

    def _remove(self, file: Path) -> None:
        try:
            number = self._names[digest(file.read_bytes())]
            file.unlink()
        except FileNotFoundError:
            return
        self.removed.add(number)


# ---- whose names, whose files -----------------------------------------------------------------------------------


NAMES = [
    "1700000000_0.1234.host,U=5,FMD5=7e33429f656f1e6e9d79b29c3f82c57e:2,S",
    "1700000000_1.1234.host,U=6,FMD5=7e33429f656f1e6e9d79b29c3f82c57e:2,",
    "1700000001.1234_1.host,U=1:2,RS",
    "1700000002.M1P2Q3.host:2,FSab",
    "1700000003.V801I2eM1.host,S=123,W=130:2,S",
    "a name with blanks",
    "größe.host:2,S",
    "1700000004.host:1,odd",
    "x" * 200,
]


async def test_files_named_by_other_programs_go_up_once_and_keep_their_names(dovecot, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    await voyage.sync()
    for number, name in enumerate(NAMES):
        place = voyage.folder() / ("cur" if ":" in name else "new") / name
        place.write_bytes(message(number).replace(b"\r\n", b"\n"))
    (await voyage.sync()).assert_clean()
    assert_same_letters(voyage, "INBOX")
    assert sorted(file.name for file in voyage.files()) == sorted(NAMES)
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "1:*", "+FLAGS", r"(\Answered)")
    (await voyage.sync()).assert_clean()
    assert all("R" in file.name.rpartition(":2,")[2] for file in voyage.files())
    uniques = {name.partition(":2,")[0] for name in NAMES}
    assert {file.name.rpartition(":2,")[0] for file in voyage.files()} == uniques
    assert (await voyage.sync()).done.changes == 0


def assert_same_letters(voyage: Voyage, folder: str) -> None:
    """Both sides hold the same, letters that are not flags of IMAP aside."""
    sides = census(voyage, folder)[folder]
    known = {(key, "".join(letter for letter in letters if letter in "DFPRST")) for key, letters in sides["disk"]}
    assert known == set(sides["server"]) and sum(sides["disk"].values()) == sum(sides["server"].values())


async def test_messages_of_a_retired_offlineimap_are_matched_and_not_copied(dovecot, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.deliver(*map(message, range(20)), flags=r"\Seen")
    for number in range(20):
        name = f"1700000000_{number}.99.host,U={number + 1},FMD5=7e33429f656f1e6e9d79b29c3f82c57e"
        voyage.drop(message(number), name, flags="S")
    first = await voyage.sync()
    first.assert_clean()
    assert (first.done.adopted, first.done.changes) == (20, 0)
    assert_agreed(voyage, "INBOX")


async def test_a_message_whose_file_gets_a_wholly_new_name_stays_one_message(dovecot, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.deliver(*map(message, range(5)))
    await voyage.sync()
    uids = uids_of(voyage)
    for number, file in enumerate(voyage.files()):
        file.rename(voyage.folder() / "cur" / f"other.{number}:2,S")
    renamed = await voyage.sync()
    renamed.assert_clean()
    assert (renamed.done.up, renamed.done.down, renamed.done.deleted_remote) == (0, 0, 0)
    assert renamed.done.reflagged == 5
    assert uids_of(voyage) == uids
    assert_agreed(voyage, "INBOX")
    assert (await voyage.sync()).done.changes == 0


def uids_of(voyage: Voyage) -> list[bytes]:
    with voyage.phone("INBOX") as phone:
        return phone.uid("SEARCH", "ALL")[1]


async def test_copies_that_the_user_makes_in_one_folder_all_go_up(dovecot, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.deliver(message(1))
    await voyage.sync()
    [file] = voyage.files()
    (voyage.folder() / "cur" / "copy.1:2,S").write_bytes(file.read_bytes())
    os.link(file, voyage.folder() / "cur" / "copy.2:2,S")
    (await voyage.sync()).assert_clean()
    found = assert_agreed(voyage, "INBOX")["INBOX"]["server"]
    assert sum(found.values()) == 3
    (voyage.folder() / "cur" / "copy.1:2,S").unlink()
    (await voyage.sync()).assert_clean()
    assert sum(assert_agreed(voyage, "INBOX")["INBOX"]["server"].values()) == 2
    assert (await voyage.sync()).done.changes == 0


async def test_what_is_no_message_is_left_alone_and_stops_nothing(dovecot, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    await voyage.sync()
    cur = voyage.folder() / "cur"
    outside = tmp_path / "outside"
    outside.write_bytes(b"Subject: private\n\nnot mail\n")
    (cur / "link:2,S").symlink_to(outside)
    (cur / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(cur / "fifo:2,S")
    (cur / "directory").mkdir()
    (cur / "directory" / "inside").write_bytes(b"x")
    (cur / ".hidden").write_bytes(b"Subject: x\n\n")
    (voyage.folder() / "notes.txt").write_bytes(b"x")
    voyage.drop(message(1))
    async with asyncio.timeout(30):
        sailed = await voyage.sync()
    sailed.assert_clean()
    assert not sailed.of(MessageFailed)
    told = " ".join(warning.text for warning in sailed.of(Warned))
    assert "link" in told and "fifo" in told
    assert voyage.on_server().keys() == digests([message(1)])
    assert sorted(path.name for path in cur.iterdir()) == sorted(
        ["link:2,S", "dangling", "fifo:2,S", "directory", ".hidden"]
    )
    assert (await voyage.sync()).done.changes == 0


async def test_a_paired_message_that_turns_into_a_link_is_not_deleted_on_the_server(dovecot, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.deliver(message(1), message(2))
    await voyage.sync()
    file = voyage.file_of(message(1))
    moved = tmp_path / "elsewhere"
    file.rename(moved)
    file.symlink_to(moved)
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "1:2", "+FLAGS", r"(\Seen)")
    sailed = await voyage.sync()
    assert sailed.code in (0, 3)
    assert len(voyage.on_server()) == 2
    file.unlink()
    moved.rename(file)
    (await voyage.sync()).assert_clean()
    assert_agreed(voyage, "INBOX")
