"""What both sides hold is matched anew, without a transfer and without a deletion, whenever the keys are worth nothing.

UIDVALIDITY changed, the server was rebuilt or restored, the ledger is lost, a mailbox is adopted: on every path there
is, Dovecot with its gifts hidden one after the other, Cyrus and Courier.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.real.test_same_outcome import MASKED, PATHS
from tests.real.voyage import Voyage, append, digest, message, wire
from tests.servers.dovecot import DovecotServer
from tests.servers.recorder import Recorder

from postboat.events import FolderMatchedAnew
from postboat.model import DRAFT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from postboat.events import Counts

pytestmark = pytest.mark.real

COUNT = 12


@pytest.fixture(scope="module", params=PATHS)
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The server of one path."""
    if request.param in MASKED:
        with DovecotServer(capability=MASKED[request.param]) as server:
            yield server
    else:
        yield request.getfixturevalue(request.param)


@pytest.fixture
def voyage(server: Any, tmp_path: Path) -> Voyage:
    return Voyage(tmp_path, server.account())


@pytest.fixture
def dovecot_voyage(dovecot: DovecotServer, tmp_path: Path) -> Voyage:
    return Voyage(tmp_path, dovecot.account())


def box(voyage: Voyage) -> str:
    return f"{voyage.account.prefix}Box"


def rebuild(voyage: Voyage, messages: Sequence[bytes], flags: str = "") -> None:
    """The mailbox is lost on the server, and filled again: with another UIDVALIDITY and other UIDs."""
    folder = box(voyage)
    with voyage.phone() as phone:
        assert phone.delete(wire(folder))[0] == "OK"
        assert phone.create(wire(folder))[0] == "OK"
        for each in messages:
            append(phone, folder, each, flags)


def uids(voyage: Voyage, folder: str) -> list[bytes]:
    with voyage.phone(folder) as phone:
        found: list[bytes] = phone.uid("SEARCH", "ALL")[1][0].split()
    return found


def bags(voyage: Voyage, folder: str) -> tuple[Counter[bytes], Counter[bytes]]:
    """How often each message is on the server and on disk."""
    with voyage.phone(folder) as phone:
        parts = phone.uid("FETCH", "1:*", "(BODY.PEEK[])")[1]
    remote = Counter(digest(part[1]) for part in parts if isinstance(part, tuple))
    return remote, Counter(digest(file.read_bytes()) for file in voyage.files(folder))


def transfers(done: Counts) -> tuple[int, int, int, int]:
    return done.down, done.up, done.deleted_local, done.deleted_remote


@asynccontextmanager
async def recorded(voyage: Voyage) -> AsyncIterator[Recorder]:
    """All that is said to the server in the block is written down."""
    async with Recorder(voyage.account.host, voyage.account.port) as recorder:
        voyage.vary(remotehost=recorder.host, remoteport=recorder.port)
        yield recorder
        voyage.vary(remotehost=voyage.account.host, remoteport=voyage.account.port)


def received(said: Recorder) -> bytes:
    """All octets from the server; compressed ones cannot be read."""
    assert not said.commands_sent("COMPRESS")
    return b"".join(connection.received for connection in said.connections)


async def agree(voyage: Voyage, folder: str, *, count: int = COUNT) -> None:
    """Both sides hold messages 0 to `count`, and the ledger knows."""
    if folder != "INBOX":
        voyage.create(folder)
    voyage.deliver(*(message(n) for n in range(count)), folder=folder)
    (await voyage.sync()).assert_clean()


async def assert_at_rest(voyage: Voyage) -> None:
    again = await voyage.sync()
    again.assert_clean()
    assert again.done.changes == 0


async def test_a_rebuilt_mailbox_is_matched_whatever_its_order(voyage: Voyage) -> None:
    await agree(voyage, box(voyage))
    rebuild(voyage, [message(n) for n in reversed(range(COUNT))])
    async with recorded(voyage) as said:
        run = await voyage.sync()
    run.assert_clean()
    assert transfers(run.done) == (0, 0, 0, 0)
    assert len(run.of(FolderMatchedAnew)) == 1
    assert not said.commands_sent("UID STORE", "APPEND", "UID EXPUNGE", "EXPUNGE")
    assert b"BODY[]" not in received(said)
    assert {digest(message(n)) for n in range(COUNT)} == voyage.on_disk(box(voyage)).keys()
    await assert_at_rest(voyage)


async def test_what_changed_on_both_sides_since_is_brought_together_and_nothing_is_deleted(voyage: Voyage) -> None:
    folder = box(voyage)
    await agree(voyage, folder)
    voyage.file_of(message(0), folder).unlink()
    read = voyage.file_of(message(1), folder)
    read.rename(read.parent.parent / "cur" / f"{read.name.partition(':')[0]}:2,S")
    voyage.drop(message(100), folder=folder)
    rebuild(voyage, [message(n) for n in [*range(10), 200]], r"(\Flagged)")
    run = await voyage.sync()
    run.assert_clean()
    # 0 was deleted here and comes back, 10 and 11 are gone there and go back: neither can be told from mail unknown.
    assert transfers(run.done) == (2, 3, 0, 0)
    everything = {digest(message(n)) for n in [*range(COUNT), 100, 200]}
    assert voyage.on_disk(folder).keys() == everything
    assert voyage.on_disk(folder)[digest(message(1))] == {"F", "S"}
    voyage.assert_same(folder)
    await assert_at_rest(voyage)


async def test_a_lost_ledger_costs_headers_and_no_body(voyage: Voyage) -> None:
    folder = box(voyage)
    voyage.create(folder)
    voyage.deliver(*(message(n, size=20_000) for n in range(COUNT)), folder=folder)
    (await voyage.sync()).assert_clean()
    shutil.rmtree(voyage.state)
    async with recorded(voyage) as said:
        run = await voyage.sync()
    run.assert_clean()
    assert (run.done.adopted, *transfers(run.done)) == (COUNT, 0, 0, 0, 0)
    assert b"BODY[]" not in received(said)
    assert said.bytes_down < COUNT * 1000
    voyage.assert_same(folder)
    await assert_at_rest(voyage)


async def test_identical_copies_are_paired_one_to_one(voyage: Voyage) -> None:
    folder = box(voyage)
    voyage.create(folder)
    voyage.deliver(*[message(1)] * 3, message(2), folder=folder)
    for number in range(2):
        voyage.drop(message(1), f"copy{number}.local", folder=folder)
    run = await voyage.sync()
    run.assert_clean()
    assert (run.done.adopted, *transfers(run.done)) == (2, 2, 0, 0, 0)
    remote, local = bags(voyage, folder)
    assert remote == local == Counter({digest(message(1)): 3, digest(message(2)): 1})
    await assert_at_rest(voyage)


async def test_equal_headers_with_different_bodies_are_two_messages(voyage: Voyage) -> None:
    folder = box(voyage)
    voyage.create(folder)
    voyage.deliver(message(1, "as it was"), folder=folder)
    voyage.drop(message(1, "as it was changed"), folder=folder)
    run = await voyage.sync()
    run.assert_clean()
    assert (run.done.adopted, *transfers(run.done)) == (0, 1, 1, 0, 0)
    await assert_at_rest(voyage)


@pytest.mark.parametrize(
    "header", [b"Subject: a note\r\n\r\n", b"Message-ID: <draft@x>\r\n\r\n"], ids=["note", "draft"]
)
async def test_notes_and_drafts_are_compared_as_a_whole(voyage: Voyage, header: bytes) -> None:
    folder, flags = box(voyage), rf"({DRAFT})" if b"draft" in header else ""
    voyage.create(folder)
    voyage.deliver(header + b"one\r\n", header + b"two\r\n", folder=folder, flags=flags)
    voyage.drop(header + b"two\r\n", "two.local", folder=folder, flags="D" if flags else "")
    voyage.drop(header + b"six\r\n", "six.local", folder=folder, flags="D" if flags else "")
    run = await voyage.sync()
    run.assert_clean()
    assert (run.done.adopted, *transfers(run.done)) == (1, 1, 1, 0, 0)
    remote, local = bags(voyage, folder)
    assert remote == local == Counter(digest(header + text) for text in (b"one\r\n", b"two\r\n", b"six\r\n"))
    await assert_at_rest(voyage)


async def test_a_folder_deleted_and_made_again_is_filled_again(voyage: Voyage) -> None:
    await agree(voyage, box(voyage))
    rebuild(voyage, [])
    run = await voyage.sync()
    run.assert_clean()
    assert transfers(run.done) == (0, COUNT, 0, 0)
    voyage.assert_same(box(voyage))
    await assert_at_rest(voyage)


# ---- what other programs left behind ----------------------------------------------------------------------------


def offlineimap(number: int, wire: bytes) -> tuple[str, bytes]:
    return f"1700000000_{number}.1.here,U={number + 1},FMD5=7e33429f656f1e6e9d79b29c3f82c57e:2,S", wire


def mbsync(number: int, wire: bytes) -> tuple[str, bytes]:
    """Its Maildirs hold UIDs of their own, and what it pulled has another line in its header."""
    return f"1700000000.2_{number}.here,U={number + 7}:2,S", wire.replace(b"\r\n", b"\r\nX-TUID: 0123456789ab\r\n", 1)


def getmail(number: int, wire: bytes) -> tuple[str, bytes]:
    return f"1700000000.M{number}P3.here:2,S", b"Return-Path: <a@x>\r\nDelivered-To: me@here\r\n" + wire


@pytest.mark.parametrize("program", [offlineimap, mbsync])
async def test_a_maildir_that_another_program_filled_is_adopted(voyage: Voyage, program: Any) -> None:
    folder = box(voyage)
    voyage.create(folder)
    voyage.deliver(*(message(n) for n in range(COUNT)), folder=folder, flags=r"(\Seen)")
    for number in range(COUNT):
        name, content = program(number, message(number))
        voyage.drop(content, name.partition(":")[0], folder=folder, flags="S")
    before = [(file.name, file.read_bytes()) for file in voyage.files(folder)]
    run = await voyage.sync()
    run.assert_clean()
    assert (run.done.adopted, *transfers(run.done)) == (COUNT, 0, 0, 0, 0)
    assert [(file.name, file.read_bytes()) for file in voyage.files(folder)] == before
    await assert_at_rest(voyage)


async def test_what_offlineimap_uploaded_with_a_line_of_its_own_is_adopted(voyage: Voyage) -> None:
    folder = box(voyage)
    voyage.create(folder)
    marked = [message(n).replace(b"\r\n", b"\r\nX-OfflineIMAP: 1234-567\r\n", 1) for n in range(COUNT)]
    voyage.deliver(*marked, folder=folder)
    for number in range(COUNT):
        voyage.drop(message(number), f"{number}.local", folder=folder)
    run = await voyage.sync()
    run.assert_clean()
    assert (run.done.adopted, *transfers(run.done)) == (COUNT, 0, 0, 0, 0)
    await assert_at_rest(voyage)


async def test_what_getmail_wrote_trace_lines_into_is_another_message_and_both_are_kept(voyage: Voyage) -> None:
    folder = box(voyage)
    voyage.create(folder)
    voyage.deliver(message(1), folder=folder)
    voyage.drop(getmail(1, message(1))[1], folder=folder)
    run = await voyage.sync()
    run.assert_clean()
    assert (run.done.adopted, *transfers(run.done)) == (0, 1, 1, 0, 0)
    await assert_at_rest(voyage)


# ---- what happens to a Dovecot, whose store lies open ------------------------------------------------------------


@pytest.fixture(params=["dovecot", *MASKED])
def dovecot_path(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[DovecotServer, Voyage]]:
    """Every way of looking at a Dovecot."""
    if request.param == "dovecot":
        server = request.getfixturevalue("dovecot")
        yield server, Voyage(tmp_path, server.account())
    else:
        with DovecotServer(capability=MASKED[request.param]) as server:
            yield server, Voyage(tmp_path, server.account())


def forget_indexes(server: DovecotServer, voyage: Voyage) -> Path:
    root = server.maildir_path(voyage.account.user)
    for file in [*root.glob("dovecot.index*"), *root.glob("dovecot.list*")]:
        file.unlink()
    return root


def numbered_anew(server: DovecotServer, voyage: Voyage, *, first: int, shift: int = 0) -> None:
    """The server forgets its UIDs and gives others from `first` on, in another order, under the old UIDVALIDITY."""
    uidlist = forget_indexes(server, voyage) / "dovecot-uidlist"
    head, *lines = uidlist.read_text().splitlines()
    files = [line.partition(" ")[2] for line in reversed(lines)]
    files = files[shift:] + files[:shift]
    head = re.sub(r" N\d+", f" N{first + len(files)}", head)
    uidlist.write_text("\n".join([head, *(f"{first + n} {file}" for n, file in enumerate(files))]) + "\n")
    server.own(uidlist)


def offered(voyage: Voyage) -> tuple[str, ...]:
    with voyage.phone() as phone:
        return phone.capabilities


async def test_a_new_uidvalidity_by_itself_changes_nothing(dovecot_path: tuple[DovecotServer, Voyage]) -> None:
    server, voyage = dovecot_path
    await agree(voyage, "INBOX")
    server.doveadm("mailbox", "update", "-u", voyage.account.user, "--uid-validity", "4242", "INBOX")
    run = await voyage.sync()
    run.assert_clean()
    assert transfers(run.done) == (0, 0, 0, 0)
    assert len(run.of(FolderMatchedAnew)) == 1
    voyage.assert_same()
    await assert_at_rest(voyage)


async def test_a_lost_index_costs_a_look_at_everything_and_no_more(dovecot_path: tuple[DovecotServer, Voyage]) -> None:
    server, voyage = dovecot_path
    await agree(voyage, "INBOX")
    with voyage.phone("INBOX") as phone:
        for _ in range(8):
            phone.uid("STORE", "1:*", "+FLAGS", r"(\Seen)")
            phone.uid("STORE", "1:*", "-FLAGS", r"(\Seen)")
    (await voyage.sync()).assert_clean()
    forget_indexes(server, voyage)
    voyage.deliver(message(100))
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "2", "+FLAGS", r"(\Flagged)")
    run = await voyage.sync()
    run.assert_clean()
    assert transfers(run.done) == (1, 0, 0, 0)
    voyage.assert_same()
    assert voyage.on_disk()[digest(message(1))] == {"F"}
    await assert_at_rest(voyage)


@pytest.mark.parametrize("first", [101, 2, 1], ids=["higher", "overlapping", "lower"])
async def test_new_uids_under_the_old_uidvalidity_are_matched(
    dovecot_path: tuple[DovecotServer, Voyage], first: int
) -> None:
    server, voyage = dovecot_path
    await agree(voyage, "INBOX")
    file = voyage.file_of(message(3))
    file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,F")
    (await voyage.sync()).assert_clean()
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "12", "+FLAGS", r"(\Deleted)")
        phone.expunge()
    voyage.file_of(message(11)).unlink()
    (await voyage.sync()).assert_clean()
    numbered_anew(server, voyage, first=first, shift=3)
    run = await voyage.sync()
    run.assert_clean()
    remote, local = bags(voyage, "INBOX")
    if first > COUNT or "CONDSTORE" in offered(voyage):
        assert run.done.deleted_local == run.done.deleted_remote == 0
        assert remote == local == Counter(digest(message(n)) for n in range(11))
        assert voyage.on_disk() == voyage.on_server()
        assert voyage.on_disk()[digest(message(3))] == {"F"}
    else:  # nothing tells that the UIDs mean other mail: flags go astray, but the server keeps all there is
        assert remote == Counter(digest(message(n)) for n in range(11))
    await assert_at_rest(voyage)


async def test_a_vanished_store_that_comes_back_with_other_uids_is_matched(
    dovecot_path: tuple[DovecotServer, Voyage],
) -> None:
    server, voyage = dovecot_path
    await agree(voyage, "INBOX")
    root = server.maildir_path(voyage.account.user)
    for part in ("cur", "new"):
        (root / part).rename(root / f"{part}.away")
        (root / part).mkdir(mode=0o700)
        server.own(root / part)
    voyage.on_server()
    held = await voyage.sync()
    assert (held.code, held.done.deleted_local) == (6, 0)
    assert len(voyage.files()) == COUNT
    for part in ("cur", "new"):
        (root / part).rmdir()
        (root / f"{part}.away").rename(root / part)
    assert len(voyage.on_server()) == COUNT
    run = await voyage.sync()
    run.assert_clean()
    assert transfers(run.done) == (0, 0, 0, 0)
    voyage.assert_same()
    await assert_at_rest(voyage)


async def test_mail_lost_to_an_old_backup_goes_back_and_what_took_its_uids_is_fetched(
    dovecot_path: tuple[DovecotServer, Voyage], tmp_path: Path
) -> None:
    server, voyage = dovecot_path
    await agree(voyage, "INBOX", count=6)
    root, backup = server.maildir_path(voyage.account.user), tmp_path / "backup"
    shutil.copytree(root, backup)
    voyage.deliver(*(message(n) for n in range(6, COUNT)))
    (await voyage.sync()).assert_clean()
    shutil.rmtree(root)
    shutil.copytree(backup, root)
    server.own(root, *root.rglob("*"))
    voyage.deliver(message(100), message(101))
    run = await voyage.sync()
    run.assert_clean()
    assert transfers(run.done) == (2, 6, 0, 0)
    remote, local = bags(voyage, "INBOX")
    assert remote == local == Counter(digest(message(n)) for n in [*range(COUNT), 100, 101])
    await assert_at_rest(voyage)


async def test_uids_that_an_old_backup_gave_to_other_mail_are_known_though_every_number_grew_past(
    dovecot_path: tuple[DovecotServer, Voyage], tmp_path: Path
) -> None:
    """Whoever deletes a message on disk then does not delete another one on the server, that nobody has seen."""
    server, voyage = dovecot_path
    await agree(voyage, "INBOX", count=6)
    root, backup = server.maildir_path(voyage.account.user), tmp_path / "backup"
    shutil.copytree(root, backup)
    voyage.deliver(*(message(n) for n in range(6, COUNT)))
    (await voyage.sync()).assert_clean()
    shutil.rmtree(root)
    shutil.copytree(backup, root)
    server.own(root, *root.rglob("*"))
    others = [message(n, "of another text") for n in range(100, 100 + COUNT)]
    voyage.deliver(*others)
    with voyage.phone("INBOX") as phone:
        for how in ("+FLAGS", "-FLAGS") * 2 * COUNT:
            phone.store("1:*", how, "\\Seen")
    voyage.file_of(message(8)).unlink()
    (await voyage.sync()).assert_clean()
    remote, local = bags(voyage, "INBOX")
    assert remote == local == Counter(digest(wire) for wire in [*(message(n) for n in range(COUNT) if n != 8), *others])
    await assert_at_rest(voyage)


def put_back(backup: Path, goal: Path) -> None:
    """As `rsync -a --delete` does: what is as large and as old as in the backup is left alone, all else replaced."""
    for path in sorted(goal.rglob("*"), reverse=True):
        if not (backup / path.relative_to(goal)).exists():
            path.rmdir() if path.is_dir() else path.unlink()
    for path in sorted(backup.rglob("*")):
        there = goal / path.relative_to(backup)
        if path.is_dir():
            there.mkdir(exist_ok=True)
        elif not there.exists() or _size_and_time(there) != _size_and_time(path):
            draft = Path(shutil.copy2(path, there.with_name(f".{there.name}.draft")))
            draft.rename(there)
    for path in sorted(backup.rglob("*"), reverse=True):
        shutil.copystat(path, goal / path.relative_to(backup))


def _size_and_time(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


@pytest.mark.parametrize("where", ["on the server", "on disk", "in another folder on disk", "in another on the server"])
async def test_a_backup_put_back_over_the_maildirs_deletes_nothing_that_came_since(
    dovecot_voyage: Voyage, tmp_path: Path, where: str
) -> None:
    voyage, new = dovecot_voyage, message(100)
    voyage.create("Archive")
    voyage.deliver(*(message(n) for n in range(COUNT)))
    (await voyage.sync()).assert_clean()
    shutil.copytree(voyage.mail, backup := tmp_path / "backup")
    if where == "on the server":
        voyage.deliver(new)
    elif where == "on disk":
        voyage.drop(new, "1.new")
    elif where == "in another folder on disk":
        new, file = message(3), voyage.file_of(message(3))
        file.rename(voyage.folder("Archive") / "cur" / file.name)
    else:
        new = message(4)
        with voyage.phone("INBOX") as phone:
            phone.uid("MOVE", "5", "Archive")
    (await voyage.sync()).assert_clean()
    put_back(backup, voyage.mail)
    run = await voyage.sync()
    run.assert_clean()
    assert (run.done.deleted_remote, run.done.deleted_local) == (0, 0)
    assert digest(new) in {**voyage.on_server(), **voyage.on_server("Archive")}
    voyage.assert_same("INBOX", "Archive")
    await assert_at_rest(voyage)


async def test_many_messages_are_matched_by_less_than_their_headers(dovecot: DovecotServer, tmp_path: Path) -> None:
    voyage = Voyage(tmp_path, dovecot.account())
    count, header = 400, b"".join(b"Received: by mx%d.example.org with ESMTP id %064d\r\n" % (n, n) for n in range(20))
    wires = [b"Message-ID: <%d@x>\r\n" % n + header + b"Subject: %d\r\n\r\nbody\r\n" % n for n in range(count)]
    # Two of one Message-ID and size, and one that another program copied with another date, take headers to tell.
    wires[1] = wires[0].replace(b"mx0.", b"my0.")
    voyage.deliver(*wires)
    (await voyage.sync()).assert_clean()
    os.utime(voyage.file_of(wires[2]), (1_000_000_000, 1_000_000_000))
    shutil.rmtree(voyage.state)
    async with recorded(voyage) as said:
        run = await voyage.sync()
    run.assert_clean()
    assert (run.done.adopted, *transfers(run.done)) == (count, 0, 0, 0, 0)
    assert said.bytes_down < count * 300
    assert len(said.commands_sent("UID FETCH")) < 20
    voyage.assert_same()
    await assert_at_rest(voyage)
