"""A real account, a real Maildir and the real service between them, for tests that tell whole voyages."""

from __future__ import annotations

import imaplib
import itertools
import re
import socket
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from postboat.config.schema import AccountConfig, Config, MaildirConfig, PasswordSources, Secret, ServerConfig
from postboat.events import AccountFinished, Counts, FolderFailed, MessageFailed
from postboat.imap.wire import utf7
from postboat.model import ANSWERED, DELETED, DRAFT, FLAGGED, FORWARDED, SEEN
from postboat.service.run_options import RunOptions
from postboat.service.supervisor import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.real.crossing import Crossing
    from tests.servers.process import Account

    from postboat.events import Event

LETTERS = {DRAFT: "D", FLAGGED: "F", FORWARDED: "P", ANSWERED: "R", SEEN: "S", DELETED: "T"}


@dataclass(frozen=True)
class Sailed:
    """What one run did and said."""

    code: int
    events: tuple[Event, ...]

    @property
    def done(self) -> Counts:
        """What was done, over all accounts."""
        return sum((e.done for e in self.events if isinstance(e, AccountFinished)), Counts())

    def of(self, kind: type) -> list:
        """The events of one kind, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def assert_clean(self) -> None:
        """Everything worked."""
        problems = [*self.of(FolderFailed), *self.of(MessageFailed)]
        assert self.code == 0 and not problems, (self.code, problems[:3], self.events[-3:])


def message(number: int, body: str = "hello", size: int = 0) -> bytes:
    """A message in wire form."""
    filling = "".join(f"{line:06} {'x' * 68}\r\n" for line in range(size // 77))
    return f"Message-ID: <{number}@example.org>\r\nSubject: message {number}\r\n\r\n{body}\r\n{filling}".encode()


class Voyage:
    """One account of a real server, synced with a Maildir below `home`."""

    def __init__(
        self, home: Path, account: Account, *, name: str = "Test", local: dict | None = None, **remote
    ) -> None:
        self.account, self.name = account, name
        self.home, self.mail, self.state = home, home / f"mail-{name}", home / "state"
        self.config = AccountConfig(
            name,
            MaildirConfig(name=f"{name}Local", localfolders=self.mail, **(local or {})),
            ServerConfig(name=f"{name}Remote", **(reached(account) | remote)),
        )

    @property
    def whole(self) -> Config:
        """The configuration of a run of this account alone."""
        return configuration([self])

    async def sync(self, options: RunOptions = RunOptions(), prompter=None) -> Sailed:
        """One run of the program's own service."""
        return await sail([self], options, prompter)

    def vary(self, **remote) -> None:
        """Change options of the remote repository."""
        self.config = replace(self.config, remote=replace(self.config.remote, **remote))

    # ---- the other client -------------------------------------------------------------------------------------

    def phone(self, folder: str | None = None) -> imaplib.IMAP4:
        """Another client of the account, signed in, with `folder` selected."""
        client = dial(self.account)
        if folder is not None:
            status, answer = client.select(wire(folder))
            assert status == "OK", answer
        return client

    def deliver(self, *messages: bytes, folder: str = "INBOX", flags: str = "", date: str | None = None) -> None:
        """Messages arrive on the server."""
        with self.phone() as phone:
            for each in messages:
                append(phone, folder, each, flags, date)

    def create(self, *folders: str) -> None:
        """Folders are made on the server."""
        with self.phone() as phone:
            for folder in folders:
                status, answer = phone.create(wire(folder))
                assert status == "OK", answer

    def on_server(self, folder: str = "INBOX") -> dict[bytes, set[str]]:
        """Digest of each message on the server, and its flags as Maildir letters."""
        found: dict[bytes, set[str]] = {}
        with self.phone() as phone:
            status, _ = phone.select(wire(folder), readonly=True)
            assert status == "OK"
            parts = phone.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]
            for head, after in itertools.pairwise(parts):
                if not isinstance(head, tuple):
                    continue  # the end of a message, or flags that somebody changed just now
                said = head[0] + after
                found[digest(head[1])] = {letter for flag, letter in LETTERS.items() if flag.encode() in said}
        return found

    def server_folders(self) -> set[str]:
        """Names of the selectable folders on the server, decoded."""
        with self.phone() as phone:
            return folders_of(phone)

    # ---- the disk ---------------------------------------------------------------------------------------------

    def folder(self, name: str = "INBOX") -> Path:
        """The directory of a folder in the flat layout."""
        return self.mail / name.replace("/", ".")

    def files(self, name: str = "INBOX") -> list[Path]:
        """The messages of a folder on disk, oldest name first."""
        return sorted(
            (file for part in ("new", "cur") for file in (self.folder(name) / part).iterdir()),
            key=lambda file: file.name,
        )

    def file_of(self, wire: bytes, name: str = "INBOX") -> Path:
        """Where a message lies on disk."""
        return next(file for file in self.files(name) if digest(_read(file)) == digest(wire))

    def on_disk(self, name: str = "INBOX") -> dict[bytes, set[str]]:
        """Digest of each message on disk in wire form, and its flag letters."""
        return {digest(file.read_bytes()): set(file.name.partition(":2,")[2]) for file in self.files(name)}

    def drop(self, wire: bytes, name: str = "local.1", *, folder: str = "INBOX", flags: str | None = None) -> Path:
        """Another program puts a message into the Maildir."""
        place = self.folder(folder)
        for part in ("cur", "new", "tmp"):
            (place / part).mkdir(parents=True, exist_ok=True)
        path = place / "new" / name if flags is None else place / "cur" / f"{name}:2,{flags}"
        path.write_bytes(wire.replace(b"\r\n", b"\n"))
        return path

    def assert_same(self, *folders: str) -> None:
        """Both sides hold the same messages under the same flags."""
        for folder in folders or ("INBOX",):
            assert self.on_disk(folder) == self.on_server(folder), folder


def _read(file: Path) -> bytes:
    """What a file holds; nothing when a sync under way has moved it meanwhile."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def dial(account: Account) -> imaplib.IMAP4:
    """Another client of an account, signed in."""
    client = imaplib.IMAP4(account.host, account.port)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if client.state != "AUTH":
        client.login(account.user, account.password)
    return client


def folders_of(phone: imaplib.IMAP4) -> set[str]:
    """Names of the selectable folders that a client is shown, decoded."""
    listed = phone.list()[1]
    rows = [re.match(rb'\((?P<attributes>[^)]*)\) (?:"."|NIL) "?(?P<name>.*?)"?$', row) for row in listed if row]
    return {
        utf7.decode(re.sub(r"\\(.)", r"\1", row["name"].decode()))
        for row in rows
        if row and b"\\Noselect" not in row["attributes"]
    }


def append(phone: imaplib.IMAP4, folder: str, message: bytes, flags: str = "", date: str | None = None) -> None:
    """APPEND exactly these octets: imaplib's own `append` turns lone CRs into line ends."""
    phone.literal = message
    words = [wire(folder), *([f"({flags.strip('()')})"] if flags else []), *([date] if date else [])]
    status, answer = phone._simple_command("APPEND", *words)
    assert status == "OK", answer


def reached(account: Account) -> dict:
    """The options of a repository by which it finds its server."""
    return {
        "remotehost": account.host,
        "remoteport": account.port,
        "remoteuser": account.user,
        "password": PasswordSources(remotepass=Secret(account.password)),
        "ssl": False,
        "starttls": False,
        "timeout": 20,
    }


def configuration(voyages: Sequence[Voyage | Crossing], **options) -> Config:
    """The configuration of a run of several accounts."""
    first = voyages[0]
    return Config(first.state / "config.toml", tuple(v.config for v in voyages), first.state, **options)


async def sail(
    voyages: Sequence[Voyage | Crossing], options: RunOptions = RunOptions(), prompter=None, **general
) -> Sailed:
    """One run over several accounts."""
    events: list[Event] = []
    code = await run(configuration(voyages, **general), options, events.append, prompter)
    return Sailed(code, tuple(events))


def digest(content: bytes) -> bytes:
    """SHA-256 of the canonical form: every line ends in CRLF."""
    return sha256(re.sub(rb"(?<!\r)\n", b"\r\n", content)).digest()


def digests(messages: Iterable[bytes]) -> set[bytes]:
    """Digests of messages."""
    return {digest(each) for each in messages}


def wire(folder: str) -> str:
    """A folder's name as imaplib wants it."""
    escaped = utf7.encode(folder).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
