"""The server of the benchmark: one Dovecot, the mailboxes it was given once, and copies of them for each program.

A mailbox is written once, as the Maildir of a user of its own. A copy links its messages, which no server ever writes
to, and is opened once, so that the server's indexes of every copy are equally warm.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Self

from tests.servers.dovecot import DovecotServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from tests.bench.corpus import Message

Mailbox = dict[str, "Iterable[Message]"]
"""The messages of each folder."""


class Harbour:
    """A running Dovecot that keeps Maildirs."""

    def __init__(self, mailboxes: Mapping[str, Callable[[], Mailbox]]) -> None:
        self._mailboxes = mailboxes
        self._sent_off = 0
        self.dovecot = DovecotServer()
        self.host, self.port = self.dovecot.host, self.dovecot.port

    def copy(self, mailbox: str) -> str:
        """Return a user who has a mailbox like this to himself."""
        template = self.dovecot.maildir_path(f"of-{mailbox}")
        if not template.exists():
            self._write(template, self._mailboxes[mailbox]())
        self._sent_off += 1
        user = f"{mailbox}-{self._sent_off}"
        root = self.dovecot.maildir_path(user)
        shutil.copytree(template, root, copy_function=os.link)
        self.dovecot.own(root.parent)
        self.dovecot.doveadm("index", "-u", user, "*")
        self.messages(user)
        return user

    def _write(self, root: Path, mailbox: Mailbox) -> None:
        for folder, messages in mailbox.items():
            place = root if folder == "INBOX" else root / f".{folder}"
            write_folder(place, messages, sizes=True)
            if place != root:
                (place / "maildirfolder").touch()

    def folder(self, user: str, folder: str = "INBOX") -> Path:
        """The directory in which the server keeps a folder."""
        root = self.dovecot.maildir_path(user)
        return root if folder == "INBOX" else root / f".{folder}"

    def messages(self, user: str) -> dict[str, int]:
        """How many messages the server says each folder has."""
        return self._status(user, "messages")

    def unseen(self, user: str) -> int:
        """How many messages the server says are unread, in all folders."""
        return sum(self._status(user, "unseen").values())

    def flagged(self, user: str) -> int:
        """How many messages the server says are flagged, in all folders."""
        return len(self.dovecot.doveadm("search", "-u", user, "flagged").splitlines())

    def _status(self, user: str, item: str) -> dict[str, int]:
        said = self.dovecot.doveadm("-f", "tab", "mailbox", "status", "-u", user, item, "*").splitlines()
        rows = (line.rsplit("\t", 1) for line in said[1:])
        return {folder: int(count) for folder, count in rows}

    def deliver(self, user: str, folder: str, message: bytes) -> None:
        """A message arrives."""
        self.dovecot.deliver(user, message, folder)

    def remove(self, user: str) -> None:
        """Remove all mail of a user."""
        shutil.rmtree(self.dovecot.maildir_path(user).parent, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dovecot.stop()


def write_folder(place: Path, messages: Iterable[Message], *, sizes: bool = False) -> None:
    """Put messages into a Maildir folder, with their sizes in their names as Dovecot's own delivery does."""
    for part in ("cur", "new", "tmp"):
        (place / part).mkdir(parents=True, exist_ok=True)
    for number, message in enumerate(messages):
        known = f",S={len(message.content)},W={message.wire_size}" if sizes else ""
        path = place / "cur" / f"{message.date}.M{number:07}P1.bench{known}:2,{message.flags}"
        path.write_bytes(message.content)
        os.utime(path, (message.date, message.date))
