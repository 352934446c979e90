"""The servers of the benchmark: Dovecot, the mailboxes it was given once, and copies of them for each program.

A mailbox is written once, as the Maildir of a user of its own. A copy links its messages, which no server ever writes
to, and is opened once, so that the server's indexes of every copy are equally warm. A million messages are too many
for a Maildir on any server: they lie in another Dovecot's own format.
"""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from tests.bench import corpus
from tests.servers.dovecot import DovecotServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

Mailbox = dict[str, "Iterable[corpus.Message]"]
"""The messages of each folder."""

LINKS = 60_000
"""Names that one file may have; ext4 allows a few more."""


@dataclass(frozen=True)
class Held:
    """What there is on one side: the messages of each folder, and how many of all are unread and flagged."""

    messages: dict[str, int]
    unread: int
    flagged: int


class Harbour:
    """A running Dovecot that keeps Maildirs; with a `capability` it offers just that."""

    storage: Literal["maildir", "sdbox"] = "maildir"

    def __init__(self, mailboxes: Mapping[str, Callable[[], Mailbox]], capability: str | None = None) -> None:
        self._mailboxes = mailboxes
        self._numbers = itertools.count(1)
        self.dovecot = DovecotServer(storage=self.storage, capability=capability)
        self.host, self.port = self.dovecot.host, self.dovecot.port
        self.address = self.host, self.port

    def copy(self, mailbox: str) -> str:
        """Return a user who has a mailbox like this to himself."""
        user = f"{mailbox}-{next(self._numbers)}"
        self._fill(user, mailbox)
        self.dovecot.doveadm("index", "-u", user, "*")
        self._status(user, "messages")
        return user

    def _fill(self, user: str, mailbox: str) -> None:
        template = self.dovecot.maildir_path(f"of-{mailbox}")
        if not template.exists():
            self._write(template, self._mailboxes[mailbox]())
        shutil.copytree(template, self.dovecot.maildir_path(user), copy_function=os.link)
        self.dovecot.own(self.dovecot.mail_of(user))

    def _write(self, root: Path, mailbox: Mailbox) -> None:
        for folder, messages in mailbox.items():
            place = root if folder == "INBOX" else root / f".{folder}"
            write_folder(place, messages, sizes=True)
            if place != root:
                (place / "maildirfolder").touch()

    def remove(self, user: str) -> None:
        """Remove all mail of a user."""
        shutil.rmtree(self.dovecot.mail_of(user))

    def held(self, user: str) -> Held:
        """What the server says a user has."""
        flagged = self.dovecot.doveadm("search", "-u", user, "flagged").splitlines()
        unread = sum(self._status(user, "unseen").values())
        return Held(self._status(user, "messages"), unread, len(flagged))

    def _status(self, user: str, item: str) -> dict[str, int]:
        said = self.dovecot.doveadm("-f", "tab", "mailbox", "status", "-u", user, item, "*").splitlines()
        rows = (line.rsplit("\t", 1) for line in said[1:])
        return {folder: int(count) for folder, count in rows}

    def deliver(self, user: str, folder: str, message: bytes) -> None:
        """A message arrives."""
        self.dovecot.deliver(user, message, folder)

    def star(self, user: str, folder: str, uid: int) -> None:
        """Another client flags a message."""
        self.dovecot.doveadm("flags", "add", "-u", user, "\\Flagged", "mailbox", folder, "uid", str(uid))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dovecot.stop()


class VastHarbour(Harbour):
    """A running Dovecot that keeps sdbox, with room for any number of messages in INBOX.

    Each message is one file, named by its UID, from which Dovecot builds its index; many are names of one file.
    """

    storage = "sdbox"

    def __init__(self, counts: Mapping[str, int]) -> None:
        super().__init__({})
        self._counts = counts

    def _fill(self, user: str, mailbox: str) -> None:
        count = self._counts[mailbox]
        originals = count // LINKS + 1
        for message in corpus.tiny(originals):
            self.deliver(user, "INBOX", message.content)
        box = self.dovecot.mail_of(user) / "sdbox/mailboxes/INBOX/dbox-Mails"
        for uid in range(originals + 1, count + 1):
            os.link(box / f"u.{uid % originals + 1}", box / f"u.{uid}")
        self.dovecot.doveadm("force-resync", "-u", user, "INBOX")


def write_folder(place: Path, messages: Iterable[corpus.Message], *, sizes: bool = False) -> None:
    """Put messages into a Maildir folder, with their sizes in their names as Dovecot's own delivery does."""
    for part in ("cur", "new", "tmp"):
        (place / part).mkdir(parents=True, exist_ok=True)
    for number, message in enumerate(messages):
        known = f",S={len(message.content)},W={message.wire_size}" if sizes else ""
        path = place / "cur" / f"{message.date}.M{number:07}P1.bench{known}:2,{message.flags}"
        path.write_bytes(message.content)
        os.utime(path, (message.date, message.date))
