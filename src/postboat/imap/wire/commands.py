r"""What the client says: each function writes one command (RFC 3501 section 6 and extensions) and sends nothing.

An argument with CR, LF or NUL raises ValueError: on the wire it would be another command. Mailbox names are wire names
(see `responses`); they go out quoted, or as a literal when they hold anything but printable ASCII.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import field
from typing import TYPE_CHECKING

from postboat.imap.wire.dates import internal_date
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping

    from postboat.imap.wire.uid_set import UidSet

_ATOM = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_FLAG = re.compile(r"\\?[!#$&'+-\[\]-z|}~]+")
_FORBIDDEN = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Literal:
    """Octets that go out as they are, counted (RFC 3501 section 4.3). Either `data` or `chunks` is set."""

    data: bytes | None = field(repr=False)
    size: int
    chunks: Callable[[], AsyncIterator[bytes]] | None = field(default=None, repr=False)
    """Gives exactly `size` octets, in pieces; for what should not sit in memory whole."""

    @classmethod
    def of(cls, data: bytes) -> Literal:
        """Wrap octets that are at hand."""
        return cls(data, len(data))


@dataclass(frozen=True, slots=True)
class Command:
    """A command without its tag and final CRLF. The name is sent; `parts` follow as they are, spaces included."""

    name: str
    parts: tuple[bytes | Literal, ...] = field(default=(), repr=False)
    sensitive: bool = False
    """Whether its arguments must never be shown."""

    @property
    def verb(self) -> str:
        """The first word of the name: `UID` for `UID FETCH`."""
        return self.name.partition(" ")[0]


def _command(name: str, *arguments: bytes | Literal, sensitive: bool = False) -> Command:
    parts: list[bytes | Literal] = []
    text = b""
    for argument in arguments:
        text += b" "
        if isinstance(argument, Literal):
            parts += (text, argument)
            text = b""
        else:
            text += argument
    if text:
        parts.append(text)
    return Command(name, tuple(parts), sensitive)


def _text(text: str) -> bytes:
    """Syntax that goes out as it is; ValueError when it cannot."""
    if _FORBIDDEN.search(text) or not text.isascii():
        raise ValueError(f"cannot be sent inside a command: {text[:80]!r}")
    return text.encode("ascii")


def _quoted(text: str) -> bytes:
    return b'"' + text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii") + b'"'


def _string(text: str, encoding: str) -> bytes | Literal:
    """A quoted string, or a literal for what a quoted string must not hold."""
    if _FORBIDDEN.search(text):
        raise ValueError("CR, LF and NUL cannot be sent to a server")
    if text.isascii() and text.isprintable():
        return _quoted(text)
    try:
        return Literal.of(text.encode(encoding))
    except UnicodeEncodeError:
        raise ValueError(f"not a name as it stands on the wire: {text!r}") from None


def _mailbox(name: str) -> bytes | Literal:
    return _string(name, "latin-1")


def _atom(text: str) -> bytes:
    if not _ATOM.fullmatch(text):
        raise ValueError(f"not an atom: {text[:80]!r}")
    return text.encode("ascii")


def _flags(flags: Iterable[str]) -> bytes:
    names = sorted(flags)
    for name in names:
        if not _FLAG.fullmatch(name):
            raise ValueError(f"not a flag that can be sent: {name[:80]!r}")
    return f"({' '.join(names)})".encode("ascii")


def _group(items: Iterable[str] | str) -> bytes:
    return _text(f"({items if isinstance(items, str) else ' '.join(items)})")


def capability() -> Command:
    """CAPABILITY."""
    return _command("CAPABILITY")


def noop() -> Command:
    """NOOP."""
    return _command("NOOP")


def logout() -> Command:
    """LOGOUT."""
    return _command("LOGOUT")


def idle() -> Command:
    """IDLE (RFC 2177), which DONE ends."""
    return _command("IDLE")


def notify(events: str) -> Command:
    """NOTIFY with its event groups as they go out (RFC 5465 section 3)."""
    return _command("NOTIFY", _text(events))


def starttls() -> Command:
    """STARTTLS."""
    return _command("STARTTLS")


def compress() -> Command:
    """COMPRESS DEFLATE (RFC 4978)."""
    return _command("COMPRESS", b"DEFLATE")


def login(user: str, password: str) -> Command:
    """LOGIN; what is not ASCII goes out as UTF-8."""
    return _command("LOGIN", _string(user, "utf-8"), _string(password, "utf-8"), sensitive=True)


def authenticate(mechanism: str, initial: bytes | None = None) -> Command:
    """AUTHENTICATE, with an initial response where the server takes one (RFC 4959 section 3)."""
    if initial is None:
        return _command("AUTHENTICATE", _atom(mechanism), sensitive=True)
    return _command("AUTHENTICATE", _atom(mechanism), b64encode(initial) or b"=", sensitive=True)


def id_(fields: Mapping[str, str] | None = None) -> Command:
    """ID (RFC 2971 section 3.1); without fields it says NIL, since Exchange knows no empty list."""
    if not fields:
        return _command("ID", b"NIL")
    words = [_quoted(_text(word).decode()) for pair in fields.items() for word in pair]
    return _command("ID", b"(" + b" ".join(words) + b")")


def namespace() -> Command:
    """NAMESPACE (RFC 2342 section 5)."""
    return _command("NAMESPACE")


def list_(reference: str, pattern: str, returning: str = "") -> Command:
    """LIST, with the return options of RFC 5258 section 3.2 where the server knows them."""
    options = [_text(f"RETURN ({returning})")] if returning else []
    return _command("LIST", _mailbox(reference), _mailbox(pattern), *options)


def lsub(reference: str, pattern: str) -> Command:
    """LSUB."""
    return _command("LSUB", _mailbox(reference), _mailbox(pattern))


def status(name: str, items: Iterable[str]) -> Command:
    """STATUS."""
    return _command("STATUS", _mailbox(name), _group(items))


def select(name: str, condstore: bool = False, since: tuple[int, int] | None = None) -> Command:
    """SELECT, with CONDSTORE, or QRESYNC `since` a UIDVALIDITY and a mod-sequence (RFC 7162 sections 3.1.8, 3.2.5)."""
    return _command("SELECT", _mailbox(name), *_select_parameters(condstore, since))


def examine(name: str, condstore: bool = False, since: tuple[int, int] | None = None) -> Command:
    """EXAMINE, with the parameters of SELECT."""
    return _command("EXAMINE", _mailbox(name), *_select_parameters(condstore, since))


def _select_parameters(condstore: bool, since: tuple[int, int] | None) -> list[bytes]:
    if since is not None:
        return [b"(QRESYNC (%d %d))" % since]
    return [b"(CONDSTORE)"] if condstore else []


def enable(*extensions: str) -> Command:
    """ENABLE (RFC 5161 section 3.1)."""
    return _command("ENABLE", *map(_atom, extensions))


def create(name: str) -> Command:
    """CREATE."""
    return _command("CREATE", _mailbox(name))


def delete(name: str) -> Command:
    """DELETE, which takes the messages of the mailbox with it."""
    return _command("DELETE", _mailbox(name))


def subscribe(name: str) -> Command:
    """SUBSCRIBE."""
    return _command("SUBSCRIBE", _mailbox(name))


def unsubscribe(name: str) -> Command:
    """UNSUBSCRIBE."""
    return _command("UNSUBSCRIBE", _mailbox(name))


def unselect() -> Command:
    """UNSELECT, which removes nothing, unlike CLOSE (RFC 3691)."""
    return _command("UNSELECT")


def uid_fetch(uids: UidSet | str, items: Iterable[str] | str, changed_since: int | None = None) -> Command:
    """UID FETCH, of all of `uids` or of those changed since a mod-sequence (RFC 7162 section 3.1.4.1)."""
    modifier = [] if changed_since is None else [b"(CHANGEDSINCE %d)" % changed_since]
    return _command("UID FETCH", _text(str(uids)), _group(items), *modifier)


def uid_store(uids: UidSet | str, sign: str, flags: Iterable[str]) -> Command:
    """UID STORE that adds ("+") or removes ("-"); to replace all flags would drop those of others."""
    if sign not in ("+", "-"):
        raise ValueError(f"neither + nor -: {sign!r}")
    return _command("UID STORE", _text(str(uids)), f"{sign}FLAGS.SILENT".encode(), _flags(flags))


def uid_search(text: str) -> Command:
    """UID SEARCH with its keys (and RETURN options, RFC 4731 section 3.1) as they go out."""
    return _command("UID SEARCH", _text(text))


def uid_expunge(uids: UidSet | str) -> Command:
    """UID EXPUNGE (RFC 4315 section 2.1)."""
    return _command("UID EXPUNGE", _text(str(uids)))


def expunge() -> Command:
    r"""EXPUNGE, which removes other programs' \Deleted messages too."""
    return _command("EXPUNGE")


def uid_copy(uids: UidSet | str, name: str) -> Command:
    """UID COPY."""
    return _command("UID COPY", _text(str(uids)), _mailbox(name))


def uid_move(uids: UidSet | str, name: str) -> Command:
    """UID MOVE (RFC 6851 section 3.2)."""
    return _command("UID MOVE", _text(str(uids)), _mailbox(name))


def append(name: str, flags: Iterable[str], date: float | None, message: Literal) -> Command:
    """APPEND one message; without a date the server takes its own time."""
    return append_all(name, [(flags, date, message)])


def append_all(name: str, messages: Iterable[tuple[Iterable[str], float | None, Literal]]) -> Command:
    """APPEND messages with their flags and dates, all or none of which are stored (RFC 3502 section 6.3.11)."""
    arguments: list[bytes | Literal] = []
    for flags, date, message in messages:
        when = [f'"{internal_date(date)}"'.encode("ascii")] if date is not None else []
        arguments += (_flags(flags), *when, message)
    return _command("APPEND", _mailbox(name), *arguments)
