"""Both sides of a small mailbox on a real server, as another client and another program see them."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.real.voyage import LETTERS, Voyage, folders_of, wire

from postboat.model import Limits

if TYPE_CHECKING:
    import imaplib
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.process import Account

LIMITS = Limits(account=6, folder=2, share=25, whole=3)
"""Tight, so that small worlds have held plans too."""
FLAGS = {letter: flag for flag, letter in LETTERS.items()}
_NUMBER = re.compile(rb"^Message-ID: <(\d+)@", re.MULTILINE)

Census = dict[str, Counter[tuple[int, str]]]
"""Folder to its messages: number and flag letters, and how often each is there."""


class Sides:
    """One account, and the count of what anybody did to its mail."""

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
        self.only_marks = False
        r"""Whether the server lacks UIDPLUS, and removes only all messages marked \Deleted together."""
        self.accident = False
        """Whether mail was lost that nobody removed: what is held is then to be restored and not confirmed."""
        self._old_ledger = b""
        self._backups: dict[str, Path] = {}
        self._remembers = False
        """Whether the ledger knows that there were Maildirs; without it a missing root cannot be told from a new one."""
        self._phone: imaplib.IMAP4 | None = None
        self._numbers = iter(range(1, 10_000))

    def census(self, side: str) -> Census:
        """Count what one side holds."""
        if side == "remote":
            return {
                name: Counter(what for _, what in self._all_remote(name, select=True)) for name in self.server_folders()
            }
        roots = sorted(path.parent for path in self.voyage.mail.glob("*/cur"))
        return {
            root.name: Counter(
                (number_of(file.read_bytes()), "".join(sorted(file.name.partition(":2,")[2])))
                for file in self._all_local(root.name)
            )
            for root in roots
        }

    def in_quarantine(self) -> Counter[int]:
        """The messages that were removed from the Maildir and are kept."""
        place = self.voyage.state / "quarantine"
        return Counter(number_of(file.read_bytes()) for file in place.rglob("*") if file.is_file())

    def everywhere(self) -> Counter[int]:
        """How often each message is on either side or in the quarantine."""
        both = (self.census("local"), self.census("remote"))
        return numbers_in(*both) + self.in_quarantine()

    def server_folders(self) -> set[str]:
        """The server's folders that hold messages."""
        return folders_of(self.phone)

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
        for said, text in fetched(self.phone, "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"):
            uid = re.search(rb"UID (\d+)", said)
            assert uid
            found.append((uid[1].decode(), (number_of(text), letters_of(said))))
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

    def _all_local(self, folder: str) -> list[Path]:
        place = self.voyage.folder(folder)
        return [file for part in ("new", "cur") if (place / part).is_dir() for file in sorted((place / part).iterdir())]

    def _local(self, folder: str, pick: int) -> list[Path]:
        found = self._all_local(folder)
        return [found[pick % len(found)]] if found else []


def fetched(phone: imaplib.IMAP4, items: str) -> Iterator[tuple[bytes, bytes]]:
    """What the server says of each message of the selected mailbox, and the one literal of it."""
    parts = phone.uid("FETCH", "1:*", items)[1]
    for part, after in zip(parts, [*parts[1:], b""], strict=True):
        if isinstance(part, tuple):
            yield part[0] + (after if isinstance(after, bytes) else b""), part[1]


def number_of(text: bytes) -> int:
    found = _NUMBER.search(text)
    assert found, text[:200]
    return int(found[1])


def letters_of(said: bytes) -> str:
    return "".join(sorted(letter for flag, letter in LETTERS.items() if flag.encode() in said))


def numbers_in(*censuses: Census) -> Counter[int]:
    return Counter(n for census in censuses for counted in census.values() for n, _ in counted.elements())
