"""A small IMAP server in this process that can be told to lie.

It keeps one list of messages for each mailbox and answers by the book, as far as its capabilities reach: CONDSTORE,
QRESYNC and ESEARCH are among those it knows. What a test wants otherwise it puts into
`server.lies`: a function for the first words of a command, which gets the server's honest answer and returns another.
`server.said` is every command received, without tags.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from postboat.config.schema import Secret, ServerConfig
from postboat.imap.dial import connect
from postboat.imap.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from postboat.imap.session import Session

ALL = "IMAP4REV1 UIDPLUS LITERAL+ NAMESPACE CONDSTORE"
BASE = "IMAP4REV1 UIDPLUS LITERAL+ NAMESPACE"
WAYS = {
    "qresync": f"{BASE} ENABLE ESEARCH CONDSTORE QRESYNC",
    "qresync without esearch": f"{BASE} ENABLE CONDSTORE QRESYNC",
    "condstore": f"{BASE} ESEARCH CONDSTORE",
    "condstore without esearch": f"{BASE} CONDSTORE",
    "esearch": f"{BASE} ESEARCH",
    "plain": BASE,
}
"""Capabilities by the way of looking at a mailbox that they allow."""
_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")
SYSTEM = frozenset({"\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"})
_WORDS = re.compile(rb'"((?:[^"\\]|\\.)*)"|\(([^)]*)\)|([^\s()"]+)')


@dataclass
class Mail:
    """A message of the server."""

    uid: int
    wire: bytes
    flags: set[str] = field(default_factory=set)
    date: str = "01-Jan-2020 00:00:00 +0000"
    modseq: int = 1


@dataclass
class Mailbox:
    """A mailbox of the server."""

    uidvalidity: int = 7
    uidnext: int = 1
    highestmodseq: int = 1
    mail: list[Mail] = field(default_factory=list)
    gone: dict[int, int] = field(default_factory=dict)
    """UIDs of removed messages with the mod-sequence of their removal."""

    def put(self, wire: bytes, *flags: str, date: str = "01-Jan-2020 00:00:00 +0000") -> int:
        """Add a message and return its UID."""
        self.highestmodseq += 1
        self.mail.append(Mail(self.uidnext, wire, set(flags), date, self.highestmodseq))
        self.uidnext += 1
        return self.uidnext - 1

    def flag(self, uid: int, *flags: str) -> None:
        """Replace the flags of a message."""
        self.highestmodseq += 1
        mail = next(mail for mail in self.mail if mail.uid == uid)
        mail.flags, mail.modseq = set(flags), self.highestmodseq

    def drop(self, *uids: int) -> None:
        """Remove messages."""
        self.highestmodseq += 1
        self.gone |= dict.fromkeys(uids, self.highestmodseq)
        self.mail = [mail for mail in self.mail if mail.uid not in uids]

    def uids(self) -> list[int]:
        return [mail.uid for mail in self.mail]


@dataclass
class Answer:
    """Untagged responses and the tagged one, without line ends and tag."""

    untagged: list[bytes] = field(default_factory=list)
    tagged: bytes = b"OK done"
    octets: bytes | None = None
    """Sent as they are in place of all that, with the command's tag for each `%t`."""
    is_last: bool = False
    """Whether the connection ends behind it."""

    def sent(self, tag: bytes) -> bytes:
        if self.octets is not None:
            return self.octets.replace(b"%t", tag)
        return b"".join(b"* " + one + b"\r\n" for one in self.untagged) + tag + b" " + self.tagged + b"\r\n"


Lie = Callable[[Answer, bytes], Answer | None]
"""Gets the honest answer and the command; returns what to send, or None to cut the connection."""


class LyingServer:
    def __init__(self, capabilities: str = ALL) -> None:
        self.capabilities = capabilities
        self.boxes: dict[str, Mailbox] = {"INBOX": Mailbox()}
        self.lies: dict[str, Lie] = {}
        self.unable: set[str] = set()
        """First words of commands that it grants without carrying them out."""
        self.said: list[bytes] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._conversations: list[asyncio.Task[None]] = []
        self.greeting: bytes | None = None
        """Sent as it is in place of a friendly one."""
        self.keeps_date = True
        self.alters: Callable[[bytes], bytes] = lambda wire: wire
        """What becomes of a message that is appended."""

    @property
    def inbox(self) -> Mailbox:
        return self.boxes["INBOX"]

    def commands(self, *verbs: str) -> list[str]:
        """Commands received that begin with one of `verbs`."""
        return [line.decode("latin-1") for line in self.said if line.decode("latin-1").startswith(verbs)]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Listen on a port of loopback."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for writer in self._writers:
                writer.close()
            await asyncio.gather(*self._conversations)

    @asynccontextmanager
    async def pool(self, size: int = 1) -> AsyncIterator[Pool[Session]]:
        """Listen, and give a pool of sessions to it."""
        async with self.listening() as port:
            remote = ServerConfig(
                name="remote",
                remotehost="127.0.0.1",
                remoteport=port,
                remoteuser="me",
                ssl=False,
                starttls=False,
                timeout=5,
            )

            async def password(_refused: str | None) -> tuple[str, Secret]:
                return "me", Secret("pw")

            pool: Pool[Session] = Pool(lambda: connect(remote, password), size)
            try:
                yield pool
            finally:
                await pool.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if (task := asyncio.current_task()) is not None:
            self._conversations.append(task)
        try:
            writer.write(self.greeting or f"* PREAUTH [CAPABILITY {self.capabilities}] ready\r\n".encode())
            conversation = _Conversation(self, writer)
            while line := await _command(reader, writer):
                tag, _, command = line.partition(b" ")
                self.said.append(command)
                conversation.tag = tag
                able = not command.decode("latin-1").startswith(tuple(self.unable))
                answer: Answer | None = conversation.answer(command) if able else Answer()
                for words, lie in self.lies.items():
                    if answer is not None and command.decode("latin-1").startswith(words):
                        answer = lie(answer, command)
                if answer is None:
                    break
                writer.write(answer.sent(tag))
                await writer.drain()
                if answer.is_last or command == b"LOGOUT":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """One command without its last line end, literals in place."""
    line = await reader.readline()
    while literal := _LITERAL.search(line):
        if not literal[2]:
            writer.write(b"+ go on\r\n")
        line += await reader.readexactly(int(literal[1])) + await reader.readline()
    return line.removesuffix(b"\r\n")


class _Conversation:
    """One connection: what it has selected."""

    def __init__(self, server: LyingServer, writer: asyncio.StreamWriter) -> None:
        self.server, self.writer = server, writer
        self.box: Mailbox | None = None
        self.enabled = False
        self.tag = b""

    def answer(self, command: bytes) -> Answer:
        verb, _, rest = command.partition(b" ")
        if verb == b"UID":
            second, _, rest = rest.partition(b" ")
            verb += b"_" + second
        if self.box is None and verb.startswith((b"UID_", b"EXPUNGE")):
            return Answer(tagged=b"BAD no mailbox is selected")
        handle = getattr(self, verb.decode().lower(), None)
        return handle(rest) if handle else Answer()

    def enable(self, _: bytes) -> Answer:
        self.enabled = "QRESYNC" in self.server.capabilities
        return Answer([b"ENABLED QRESYNC"] if self.enabled else [])

    def capability(self, _: bytes) -> Answer:
        return Answer([b"CAPABILITY " + self.server.capabilities.encode()])

    def select(self, rest: bytes) -> Answer:
        name = _words(rest)[0]
        if name not in self.server.boxes:
            self.box = None
            return Answer(tagged=b"NO [NONEXISTENT] no such mailbox")
        closed = [b"OK [CLOSED] the last one"] if self.enabled and self.box is not None else []
        box = self.box = self.server.boxes[name]
        told = [
            *closed,
            b"FLAGS (" + " ".join(sorted(SYSTEM.union(*(mail.flags for mail in box.mail)))).encode() + b")",
            b"%d EXISTS" % len(box.mail),
            b"OK [UIDVALIDITY %d] valid" % box.uidvalidity,
            b"OK [UIDNEXT %d] next" % box.uidnext,
            b"OK [PERMANENTFLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft \\*)] kept",
        ]
        if "CONDSTORE" in self.server.capabilities:
            told.append(b"OK [HIGHESTMODSEQ %d] highest" % box.highestmodseq)
        since = re.search(rb"\(QRESYNC \((\d+) (\d+)\)\)", rest)
        if since and self.enabled and int(since[1]) == box.uidvalidity:
            told += self._since(int(since[2]))
        return Answer(told, b"OK [READ-WRITE] selected")

    def _since(self, modseq: int) -> list[bytes]:
        assert self.box
        gone = [b"%d" % uid for uid, at in sorted(self.box.gone.items()) if at > modseq]
        changed = [(n, mail) for n, mail in enumerate(self.box.mail, 1) if mail.modseq > modseq]
        told = [b"VANISHED (EARLIER) " + b",".join(gone)] if gone else []
        return told + [self._data(n, mail, b"FLAGS MODSEQ") for n, mail in changed]

    def examine(self, rest: bytes) -> Answer:
        answer = self.select(rest)
        return Answer(answer.untagged, answer.tagged.replace(b"READ-WRITE", b"READ-ONLY"))

    def status(self, rest: bytes) -> Answer:
        name = _words(rest)[0]
        if name not in self.server.boxes:
            return Answer(tagged=b"NO [NONEXISTENT] no such mailbox")
        box = self.server.boxes[name]
        return Answer([b'STATUS "%s" (MESSAGES %d UIDNEXT %d)' % (name.encode(), len(box.mail), box.uidnext)])

    def uid_fetch(self, rest: bytes) -> Answer:
        uids, items = rest.split(b" ", 1)
        since = re.search(rb"\(CHANGEDSINCE (\d+)\)", items)
        if since is None or "CONDSTORE" not in self.server.capabilities:
            return Answer([self._data(n, mail, items) for n, mail in self._of(uids)])
        changed = [(n, mail) for n, mail in self._of(uids) if mail.modseq > int(since[1])]
        return Answer([self._data(n, mail, items + b" MODSEQ") for n, mail in changed])

    def _data(self, number: int, mail: Mail, items: bytes) -> bytes:
        told = [b"UID %d" % mail.uid]
        if b"FLAGS" in items:
            told.append(b"FLAGS (" + " ".join(sorted(mail.flags)).encode() + b")")
        if b"MODSEQ" in items:
            told.append(b"MODSEQ (%d)" % mail.modseq)
        if b"INTERNALDATE" in items:
            told.append(b'INTERNALDATE "' + mail.date.encode() + b'"')
        if b"RFC822.SIZE" in items:
            told.append(b"RFC822.SIZE %d" % len(mail.wire))
        if b"BODY.PEEK[]" in items:
            told.append(b"BODY[] {%d}\r\n" % len(mail.wire) + mail.wire)
        if fields := re.search(rb"BODY\.PEEK(\[HEADER\.FIELDS \(([^)]*)\)\])", items):
            wanted = tuple(name.lower() + b":" for name in fields[2].split())
            lines = mail.wire.partition(b"\r\n\r\n")[0].split(b"\r\n")
            header = b"".join(line + b"\r\n" for line in lines if line.lower().startswith(wanted)) + b"\r\n"
            told.append(b"BODY%s {%d}\r\n" % (fields[1], len(header)) + header)
        if b"BODY.PEEK[HEADER]" in items:
            header = mail.wire.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
            told.append(b"BODY[HEADER] {%d}\r\n" % len(header) + header)
        return b"%d FETCH (" % number + b" ".join(told) + b")"

    def _of(self, uids: bytes) -> list[tuple[int, Mail]]:
        assert self.box, "a mailbox is selected"
        wanted = [tuple(map(int, part.split(b":"))) for part in uids.split(b",")]
        return [(n, m) for n, m in enumerate(self.box.mail, 1) if any(w[0] <= m.uid <= w[-1] for w in wanted)]

    def uid_search(self, rest: bytes) -> Answer:
        assert self.box
        returns = re.match(rb"RETURN \([A-Z ]*\) ", rest)
        keys = (rest[returns.end() :] if returns else rest).split()
        found = self.box.mail
        while keys:
            key = keys.pop(0).decode()
            if key == "UID":
                wanted = {mail.uid for _, mail in self._of(keys.pop(0))}
                found = [mail for mail in found if mail.uid in wanted]
            elif key != "ALL":
                flag = keys.pop(0).decode() if key == "KEYWORD" else f"\\{key.capitalize()}"
                found = [mail for mail in found if flag in mail.flags]
        uids = [b"%d" % mail.uid for mail in found]
        if returns is None:
            return Answer([b" ".join([b"SEARCH", *uids])])
        every = b" ALL " + b",".join(uids) if uids else b""
        return Answer([b'ESEARCH (TAG "%s") UID%s COUNT %d' % (self.tag, every, len(uids))])

    def uid_store(self, rest: bytes) -> Answer:
        uids, change, flags = rest.split(b" ", 2)
        assert self.box
        self.box.highestmodseq += 1
        for _, mail in self._of(uids):
            mail.modseq = self.box.highestmodseq
            if change.startswith(b"+"):
                mail.flags |= set(flags.decode().strip("()").split())
            else:
                mail.flags -= set(flags.decode().strip("()").split())
        return Answer()

    def uid_copy(self, rest: bytes) -> Answer:
        uids, name = rest.split(b" ", 1)
        box = self.server.boxes.get(_words(name)[0])
        if box is None:
            return Answer(tagged=b"NO [TRYCREATE] no such mailbox")
        pairs = [(mail.uid, box.put(mail.wire, *mail.flags, date=mail.date)) for _, mail in self._of(uids)]
        if not pairs or "UIDPLUS" not in self.server.capabilities:
            return Answer()
        here, there = (",".join(str(pair[side]) for pair in pairs) for side in (0, 1))
        return Answer(tagged=f"OK [COPYUID {box.uidvalidity} {here} {there}] copied".encode())

    def uid_move(self, rest: bytes) -> Answer:
        assert self.box
        copied = self.uid_copy(rest)
        if not copied.tagged.startswith(b"OK"):
            return copied
        for _, mail in self._of(rest.split(b" ")[0]):
            mail.flags.add("\\Deleted")
        gone = self._expunge({mail.uid for _, mail in self._of(rest.split(b" ")[0])})
        return Answer([copied.tagged, *gone.untagged], b"OK moved")

    def uid_expunge(self, rest: bytes) -> Answer:
        return self._expunge({mail.uid for _, mail in self._of(rest)})

    def expunge(self, _: bytes) -> Answer:
        assert self.box
        return self._expunge(set(self.box.uids()))

    def _expunge(self, uids: set[int]) -> Answer:
        assert self.box
        gone = {n: mail.uid for n, mail in enumerate(self.box.mail, 1) if mail.uid in uids & self._deleted()}
        self.box.drop(*gone.values())
        if self.enabled:
            return Answer([b"VANISHED " + b",".join(b"%d" % uid for uid in gone.values())] if gone else [])
        return Answer([b"%d EXPUNGE" % n for n in sorted(gone, reverse=True)])

    def _deleted(self) -> set[int]:
        assert self.box
        return {mail.uid for mail in self.box.mail if "\\Deleted" in mail.flags}

    def append(self, rest: bytes) -> Answer:
        head, _, literal = rest.partition(b"}\r\n")
        name, flags, *date = _words(head.rpartition(b"{")[0])
        box = self.server.boxes.get(name)
        if box is None:
            return Answer(tagged=b"NO [TRYCREATE] no such mailbox")
        when = {"date": date[0]} if date and self.server.keeps_date else {}
        uid = box.put(self.server.alters(literal), *flags.split(), **when)
        code = b"[APPENDUID %d %d] " % (box.uidvalidity, uid) if "UIDPLUS" in self.server.capabilities else b""
        return Answer([b"%d EXISTS" % len(box.mail)] if box is self.box else [], b"OK " + code + b"stored")

    def list(self, rest: bytes) -> Answer:
        pattern = _words(rest)[-1]
        names = [name for name in self.server.boxes if fnmatchcase(name, pattern)]
        return Answer([b'LIST () "/" "%s"' % name.encode("latin-1") for name in names])

    def lsub(self, rest: bytes) -> Answer:
        return Answer([line.replace(b"LIST", b"LSUB", 1) for line in self.list(rest).untagged])

    def namespace(self, _: bytes) -> Answer:
        return Answer([b'NAMESPACE (("" "/")) NIL NIL'])

    def create(self, rest: bytes) -> Answer:
        name = _words(rest)[0]
        if name in self.server.boxes:
            return Answer(tagged=b"NO [ALREADYEXISTS] it is there")
        self.server.boxes[name] = Mailbox()
        return Answer()

    def delete(self, rest: bytes) -> Answer:
        gone = self.server.boxes.pop(_words(rest)[0], None)
        return Answer(tagged=b"OK deleted" if gone is not None else b"NO [NONEXISTENT] no such mailbox")

    def unselect(self, _: bytes) -> Answer:
        self.box = None
        return Answer()


def _words(text: bytes) -> list[str]:
    found = [next(group for group in match.groups() if group is not None) for match in _WORDS.finditer(text)]
    return [word.decode("latin-1").replace('\\"', '"').replace("\\\\", "\\") for word in found]
