"""A small mailbox on a real server, a Maildir, and two people who do as they like with them between runs that fail.

The world keeps count of every message that anybody made or removed. Whatever happens, what nobody removed must be
somewhere, and nothing may be there more often than somebody put it there.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.crash.dying import Death
from tests.real.voyage import LETTERS, Sailed, Voyage, append, folders_of, wire
from tests.servers.proxy import Proxy

from postboat.events import (
    AccountFailed,
    FolderFailed,
    FolderMatchedAnew,
    MessageFailed,
    MessagesAside,
    PlanHeld,
    Warned,
)
from postboat.ledger.files import ledger_file
from postboat.ledger.ledger import AccountLedger
from postboat.model import Limits, Verdict

if TYPE_CHECKING:
    import imaplib
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.process import Account

LIMITS = Limits(account=6, folder=2, share=25, whole=3)
"""Tight, so that small worlds have held plans too."""
FLAGS = {letter: flag for flag, letter in LETTERS.items()}
MUTATING = re.compile(r"\b(STORE|APPEND|EXPUNGE|COPY|MOVE|CREATE|DELETE|RENAME|SUBSCRIBE)\b")
ROUNDS = 8
_NUMBER = re.compile(rb"^Message-ID: <(\d+)@", re.MULTILINE)

Census = dict[str, Counter[tuple[int, str]]]
"""Folder to its messages: number and flag letters, and how often each is there."""


class World:
    """One account. Its operations never fail: what cannot be done here and now is not done."""

    def __init__(
        self, home: Path, account: Account, server_mail: Path | None = None, facts: Counter[str] | None = None
    ) -> None:
        self.voyage = Voyage(home, account)
        self.voyage.config = replace(self.voyage.config, limits=LIMITS)
        self._server_mail = server_mail
        """The user's Maildir on the server, where a test can get at it."""
        self.made: Counter[int] = Counter()
        """How often each message was put somewhere, by its number; a message that is moved is put there anew."""
        self.removed: Counter[int] = Counter()
        """How often somebody took it away from somewhere."""
        self.facts = Counter() if facts is None else facts
        """How often what happened that makes a world worth its time."""
        self.accident = False
        """Whether mail was lost that nobody removed: what is held is then to be restored and not confirmed."""
        self._remembers = False
        """Whether the ledger knows that there were Maildirs; without it a missing root cannot be told from a new one."""
        self._phone: imaplib.IMAP4 | None = None
        self._numbers = iter(range(1, 10_000))

    # ---- what the two people do ---------------------------------------------------------------------------------

    def arrive(self, side: str, folder: str, letters: str) -> None:
        """A new message."""
        number = next(self._numbers)
        text = f"Message-ID: <{number}@world>\r\nSubject: message {number}\r\n\r\nbody of {number}\r\n".encode()
        if side == "remote":
            if folder not in self.server_folders():
                return
            append(self.phone, folder, text, " ".join(FLAGS[letter] for letter in letters))
        else:
            self.voyage.drop(text, f"{number}.made", folder=folder, flags=letters or None)
        self.made[number] += 1
        self.facts["messages"] += 1

    def flag(self, side: str, folder: str, pick: int, letter: str) -> None:
        """Set a flag, or clear it."""
        if side == "local":
            for file in self._local(folder, pick):
                letters = set(file.name.partition(":2,")[2]) ^ {letter}
                unique = file.name.partition(":")[0]
                file.rename(file.parent.parent / "cur" / f"{unique}:2,{''.join(sorted(letters))}")
        else:
            for uid, (_, letters) in self._remote(folder, pick):
                self.phone.uid("STORE", uid, "-FLAGS" if letter in letters else "+FLAGS", f"({FLAGS[letter]})")

    def remove(self, side: str, folder: str, pick: int) -> None:
        """Delete a message for good."""
        if side == "local":
            for file in self._local(folder, pick):
                self.removed[_number(file.read_bytes())] += 1
                file.unlink()
        else:
            for uid, (number, _) in self._remote(folder, pick):
                self._expunge(uid)
                self.removed[number] += 1

    def transfer(self, side: str, source: str, target: str, pick: int, how: str) -> None:
        """Move (`how` rename or copy and delete) or copy a message to another folder."""
        if side == "local":
            self._transfer_files(source, target, pick, how)
        elif target in self.server_folders():
            for uid, (number, _) in self._remote(source, pick):
                if how == "rename":
                    self.phone.uid("MOVE", uid, wire(target))
                else:
                    self.phone.uid("COPY", uid, wire(target))
                    if how == "copy and delete":
                        self._expunge(uid)
                self._count_transfer(number, how)

    def _transfer_files(self, source: str, target: str, pick: int, how: str) -> None:
        place = self.voyage.folder(target) / "cur"
        for file in self._local(source, pick):
            if not place.is_dir():
                return
            number = _number(file.read_bytes())
            unique = file.name.partition(":")[0] if how == "rename" else f"{next(self._numbers)}.copied"
            goal = place / f"{unique}:2,{file.name.partition(':2,')[2]}"
            if how == "rename":
                file.rename(goal)
            else:
                shutil.copyfile(file, goal)
                if how == "copy and delete":
                    file.unlink()
            self._count_transfer(number, how)

    def _count_transfer(self, number: int, how: str) -> None:
        self.made[number] += 1
        if how != "copy":
            self.removed[number] += 1

    def empty(self, side: str, folder: str) -> None:
        """Delete all messages of a folder for good."""
        if side == "local":
            for file in self._all_local(folder):
                self.removed[_number(file.read_bytes())] += 1
                file.unlink()
        else:
            for uid, (number, _) in self._all_remote(folder):
                self._expunge(uid)
                self.removed[number] += 1

    def make_folder(self, side: str, folder: str) -> None:
        """A new folder without messages."""
        if side == "remote":
            self.phone.create(wire(folder))
        else:
            for part in ("cur", "new", "tmp"):
                (self.voyage.folder(folder) / part).mkdir(parents=True, exist_ok=True)

    def rename_folder(self, side: str, folder: str, name: str) -> None:
        """Give a folder another name that is free."""
        if folder == "INBOX":
            return
        numbers = [number for number, _ in self.census(side).get(folder, Counter()).elements()]
        if side == "remote":
            self._leave()
            done = self.phone.rename(wire(folder), wire(name))[0] == "OK"
        else:
            done = self.voyage.folder(folder).is_dir() and not self.voyage.folder(name).exists()
            if done:
                self.voyage.folder(folder).rename(self.voyage.folder(name))
        if done:
            self.made.update(numbers)
            self.removed.update(numbers)

    def remove_folder(self, side: str, folder: str) -> None:
        """Delete a folder with all that is in it."""
        if folder == "INBOX":
            return
        numbers = [number for number, _ in self.census(side).get(folder, Counter()).elements()]
        if side == "remote":
            self._leave()
            if self.phone.delete(wire(folder))[0] == "OK":
                self.removed.update(numbers)
        elif self.voyage.folder(folder).is_dir():
            shutil.rmtree(self.voyage.folder(folder))
            self.removed.update(numbers)

    # ---- what befalls them --------------------------------------------------------------------------------------

    def rebuild(self, folder: str) -> None:
        """The server's mailbox is made anew: another UIDVALIDITY, other UIDs in another order."""
        if folder == "INBOX" or folder not in self.server_folders():
            return
        kept = []
        self.phone.select(wire(folder), readonly=True)
        for said, text in _fetched(self.phone, "(FLAGS BODY.PEEK[])"):
            kept.append((text, " ".join(FLAGS[letter] for letter in _letters(said))))
        self._leave()
        if self.phone.delete(wire(folder))[0] != "OK":
            return  # Cyrus does not do it twice in a second
        assert self.phone.create(wire(folder))[0] == "OK"
        for text, flags in reversed(kept):
            append(self.phone, folder, text, flags)

    def lose_indexes(self, folder: str) -> None:
        """Somebody removes the server's index files: HIGHESTMODSEQ falls."""
        if (place := self._server_folder(folder)) is not None:
            self.hang_up()
            for file in place.glob("dovecot.index*"):
                file.unlink(missing_ok=True)

    def lose_store(self, folder: str) -> None:
        """The server loses a mailbox's messages, and not the mailbox."""
        place = self._server_folder(folder)
        if place is None:
            return
        local = Counter(number for counted in self.census("local").values() for number, _ in counted.elements())
        lost = [number for number, _ in self.census("remote")[folder].elements()]
        self.hang_up()
        for part in ("cur", "new"):
            for file in (place / part).iterdir():
                file.unlink()
        self.accident = True
        self.removed.update(number for number in lost if not local[number])

    def lose_ledger(self) -> None:
        """The state directory is gone; what was removed before stays in the quarantine."""
        for file in self.voyage.state.glob("*.ledger*"):
            file.unlink()
        self._remembers = False

    def damage_ledger(self, at: int) -> None:
        """The disk returns something else than was written."""
        for file in self.voyage.state.glob("*.ledger"):
            data = bytearray(file.read_bytes())
            if data:
                at %= len(data)
                data[at : at + 512] = b"\xa5" * min(512, len(data) - at)
                file.write_bytes(data)
        self._remembers = False

    def unmounted(self) -> None:
        """A run while the disk with the Maildirs is not there."""
        if self._remembers and self.voyage.mail.is_dir():
            away = self.voyage.mail.with_name("away")
            self.voyage.mail.rename(away)
            asyncio.run(self.voyage.sync())
            assert not self.voyage.mail.exists(), "nothing is made in the place of a disk that is missing"
            away.rename(self.voyage.mail)
            self.assert_nothing_lost()

    # ---- runs ---------------------------------------------------------------------------------------------------

    def sync(self) -> Sailed:
        """A run that nothing disturbs."""
        with self._watched():
            sailed = asyncio.run(self.voyage.sync())
        self.facts["runs"] += 1
        self.facts["changes made"] += sailed.done.changes
        self.facts["plans held"] += len(sailed.of(PlanHeld))
        self.facts["folders matched anew"] += len(sailed.of(FolderMatchedAnew))
        self._remembers |= sailed.code == 0 and bool(self._all_local("INBOX"))
        return sailed

    def crash(self, moment: int) -> None:
        """A run that is killed just before its `moment`th effect, unless it ends before."""
        with self._watched():
            child = os.fork()
            if child == 0:
                try:
                    death = Death(signal.SIGKILL, moment)
                    death.lurks_everywhere()
                    asyncio.run(self.voyage.sync())
                finally:
                    os._exit(0)
            _, status = os.waitpid(child, 0)
        self.facts["runs killed"] += os.WIFSIGNALED(status)

    def cut(self, way: str, octets: int) -> None:
        """A run over a line that breaks after so many octets, again and again."""
        with self._watched():
            asyncio.run(self._sync_over_a_bad_line(way, octets))

    async def _sync_over_a_bad_line(self, way: str, octets: int) -> None:
        account = self.voyage.account
        async with Proxy(account.host, account.port, **{f"cut_after_{way}": octets}) as proxy:
            self.voyage.vary(remoteport=proxy.port)
            try:
                sailed = await self.voyage.sync()
                self.facts["runs cut"] += sailed.code in (3, 4)
            finally:
                self.voyage.vary(remoteport=account.port)

    def decide(self, verdict: Verdict) -> None:
        """The user answers what is held; after an accident nobody confirms."""
        if ledger_file(self.voyage.state, self.voyage.name).exists():
            asyncio.run(self._decide(Verdict.RESTORE if self.accident else verdict))
            self._remembers = False  # whoever asks for all of it back has a missing root made anew

    async def _decide(self, verdict: Verdict) -> None:
        path = ledger_file(self.voyage.state, self.voyage.name)
        async with await AccountLedger.open(path, account=self.voyage.name) as ledger:
            self.facts[f"plans {verdict.value}"] += len(await ledger.decide(verdict, None))

    def _watched(self) -> _Watch:
        return _Watch(self)

    # ---- what is there ------------------------------------------------------------------------------------------

    def census(self, side: str) -> Census:
        """Count what one side holds."""
        if side == "remote":
            return {
                name: Counter(what for _, what in self._all_remote(name, select=True)) for name in self.server_folders()
            }
        roots = sorted(path.parent for path in self.voyage.mail.glob("*/cur"))
        return {
            root.name: Counter(
                (_number(file.read_bytes()), "".join(sorted(file.name.partition(":2,")[2])))
                for file in self._all_local(root.name)
            )
            for root in roots
        }

    def in_quarantine(self) -> Counter[int]:
        """The messages that were removed from the Maildir and are kept."""
        place = self.voyage.state / "quarantine"
        return Counter(_number(file.read_bytes()) for file in place.rglob("*") if file.is_file())

    def everywhere(self) -> Counter[int]:
        """How often each message is on either side or in the quarantine."""
        both = (self.census("local"), self.census("remote"))
        return _numbers(*both) + self.in_quarantine()

    def server_folders(self) -> set[str]:
        """The server's folders that hold messages."""
        return folders_of(self.phone)

    # ---- the end ------------------------------------------------------------------------------------------------

    def settle(self, verdict: Verdict) -> None:
        """Sync until both sides agree, answering what is held; then nothing more happens, ever."""
        for _ in range(ROUNDS):
            sailed = self.sync()
            if sailed.code == 0:
                break
            told = [*sailed.of(AccountFailed), *sailed.of(FolderFailed), *sailed.of(MessageFailed)]
            told += sailed.of(MessagesAside)
            assert sailed.code == 6 and not told, (sailed.code, told, sailed.of(Warned))
            assert sailed.of(PlanHeld)
            self.decide(verdict)
        else:
            raise AssertionError("does not come to an end", sailed.events)
        self.assert_agreed()
        self.assert_at_rest()

    def assert_nothing_lost(self) -> None:
        """What nobody removed is on one of the sides or in the quarantine."""
        there = self.everywhere()
        lost = {n for n, count in self.made.items() if count > self.removed[n] and not there[n]}
        assert not lost, f"lost: {sorted(lost)}"

    def assert_agreed(self) -> None:
        """Both sides are equal, with nothing lost and nothing doubled."""
        local, remote = self.census("local"), self.census("remote")
        assert local == remote, _difference(local, remote)
        there = _numbers(local)
        # A mailbox of one or two messages that the server loses looks like one that was emptied.
        kept = self.in_quarantine() if self.accident else Counter()
        lost = {n for n, count in self.made.items() if count > self.removed[n] and not (there[n] or kept[n])}
        assert not lost, f"lost: {sorted(lost)}"
        doubled = {n for n, count in there.items() if count > self.made[n]}
        assert not doubled, f"doubled: {sorted(doubled)}"

    def assert_at_rest(self) -> None:
        """The next run changes nothing on either side, and does not try to."""
        before = _tree(self.voyage.mail)
        log = logging.getLogger("postboat.imap")
        lines = _Lines()
        log.addHandler(lines)
        level, log.propagate = log.level, False
        log.setLevel(logging.DEBUG)
        try:
            sailed = self.sync()
        finally:
            log.setLevel(level)
            log.propagate = True
            log.removeHandler(lines)
        assert (sailed.code, sailed.done.changes) == (0, 0), sailed.events
        assert not [line for line in lines.sent if MUTATING.search(line)]
        assert _tree(self.voyage.mail) == before

    # ---- the other client ---------------------------------------------------------------------------------------

    @property
    def phone(self) -> imaplib.IMAP4:
        """A client of the same account that stays signed in."""
        if self._phone is None:
            self._phone = self.voyage.phone()
        return self._phone

    def hang_up(self) -> None:
        """End the other client's session, if there is one."""
        phone, self._phone = self._phone, None
        if phone is not None:
            with suppress(Exception):
                phone.logout()

    def _leave(self) -> None:
        """Let no mailbox be selected while one is removed or renamed."""
        self.phone.select(wire("INBOX"), readonly=True)

    def _expunge(self, uid: str) -> None:
        self.phone.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
        self.phone.uid("EXPUNGE", uid)

    def _all_remote(self, folder: str, *, select: bool = True) -> list[tuple[str, tuple[int, str]]]:
        """UID, and number and flag letters, of each message."""
        if select and self.phone.select(wire(folder))[0] != "OK":
            return []
        found = []
        for said, text in _fetched(self.phone, "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"):
            uid = re.search(rb"UID (\d+)", said)
            assert uid
            found.append((uid[1].decode(), (_number(text), _letters(said))))
        return found

    def _remote(self, folder: str, pick: int) -> list[tuple[str, tuple[int, str]]]:
        if folder not in self.server_folders():
            return []
        found = self._all_remote(folder)
        return [found[pick % len(found)]] if found else []

    def _server_folder(self, folder: str) -> Path | None:
        if self._server_mail is None or folder not in self.server_folders():
            return None
        return self._server_mail if folder == "INBOX" else self._server_mail / f".{folder}"

    # ---- the disk -----------------------------------------------------------------------------------------------

    def _all_local(self, folder: str) -> list[Path]:
        place = self.voyage.folder(folder)
        return [file for part in ("new", "cur") if (place / part).is_dir() for file in sorted((place / part).iterdir())]

    def _local(self, folder: str, pick: int) -> list[Path]:
        found = self._all_local(folder)
        return [found[pick % len(found)]] if found else []


class _Watch:
    """Compares the world before and after a run: what nobody removed is still somewhere."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __enter__(self) -> None:
        self._local = _numbers(self._world.census("local"))

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            return
        world = self._world
        local, kept = _numbers(world.census("local")), world.in_quarantine()
        unaccounted = {n for n, count in self._local.items() if count and not local[n] and not kept[n]}
        assert not unaccounted, f"left the Maildir for nowhere: {sorted(unaccounted)}"
        world.assert_nothing_lost()


class _Lines(logging.Handler):
    """What was sent to the server."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        way, line = record.args  # type: ignore[misc]
        if way == "C":
            self.sent.append(str(line))


def _fetched(phone: imaplib.IMAP4, items: str) -> Iterator[tuple[bytes, bytes]]:
    """What the server says of each message of the selected mailbox, and the one literal of it."""
    parts = phone.uid("FETCH", "1:*", items)[1]
    for part, after in zip(parts, [*parts[1:], b""], strict=True):
        if isinstance(part, tuple):
            yield part[0] + (after if isinstance(after, bytes) else b""), part[1]


def _number(text: bytes) -> int:
    found = _NUMBER.search(text)
    assert found, text[:200]
    return int(found[1])


def _letters(said: bytes) -> str:
    return "".join(sorted(letter for flag, letter in LETTERS.items() if flag.encode() in said))


def _numbers(*censuses: Census) -> Counter[int]:
    return Counter(n for census in censuses for counted in census.values() for n, _ in counted.elements())


def _tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def _difference(one: Census, other: Census) -> dict[str, tuple[list, list]]:
    names = sorted({*one, *other})
    nothing: Counter[tuple[int, str]] = Counter()
    return {
        name: (sorted((a - b).elements()), sorted((b - a).elements()))
        for name in names
        if (a := one.get(name, nothing)) != (b := other.get(name, nothing)) or (name in one) != (name in other)
    }
