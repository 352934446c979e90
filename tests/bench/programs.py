"""The programs that run side by side, each configured as its users would for the same mailbox and the same promises.

Here they bring a mailbox of a server to a Maildir; `between.py` has them between two servers and between two Maildirs.

All of them keep a folder in the directory of its name, talk to the server without TLS (loopback is not encrypted for
any of them), remove what was removed on the other side, and write nothing to a terminal.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.servers.install import SERVERS, library_path
from tests.servers.process import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

PEERS = SERVERS / "peers"
CONNECTIONS = int(os.environ.get("CONNECTIONS", "8"))
"""Connections for the programs that use several: Dovecot allows a user ten unless told otherwise."""

OTHER_SOURCE = os.environ.get("SOURCE", "")
"""Where Postboat comes from, if not from this repository."""


class Login(NamedTuple):
    """A user of a server, and where that is."""

    host: str
    port: int
    user: str


@dataclass(frozen=True)
class Place:
    """What a configuration needs to know: the program's home directory, and where the server is.

    `beside` is the server that has the place of the Maildir, where there are two.
    """

    home: Path
    host: str
    port: int
    user: str
    beside: Login | None = None

    @property
    def mail(self) -> Path:
        """The directory that holds the folders."""
        return self.home / "mail"


@dataclass(frozen=True)
class Program:
    """A synchroniser: its name in the table, its configuration file and its command line."""

    name: str
    config: str
    configure: Callable[[Place], str]
    command: Callable[[Place], list[str | Path]]
    variables: tuple[tuple[str, str], ...] = ()

    def prepare(self, place: Place) -> None:
        """Write the configuration; the mail and the program's state stay as they are."""
        place.mail.mkdir(parents=True, exist_ok=True)
        file = place.home / self.config
        file.write_text(self.configure(place))
        file.chmod(0o600)

    def environment(self, place: Place) -> dict[str, str]:
        """All variables that the program sees."""
        own = {"HOME": str(place.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        return own | dict(self.variables)


def postboat_config(place: Place, *, fsync: bool = True) -> str:
    """One account with the default options but for what `postboat_account` and `postboat_server` say."""
    return f"""\
{postboat_account(place, fsync=fsync)}
[repository.BenchLocal]
type = "Maildir"
localfolders = "{place.mail}"

{postboat_server("BenchRemote", Login(place.host, place.port, place.user))}"""


def postboat_account(place: Place, *, fsync: bool = True) -> str:
    """All but the repositories; a benchmark means every deletion."""
    return f"""\
[general]
accounts = ["Bench"]
metadata = "{place.home}/state"
fsync = {str(fsync).lower()}

[account.Bench]
localrepository = "BenchLocal"
remoterepository = "BenchRemote"
maxdeletes = 100000
maxdeletesfolder = 100000
"""


def postboat_server(repository: str, login: Login) -> str:
    """A server, but for the number of connections and the loopback's lack of TLS as it is by default."""
    return f"""\
[repository.{repository}]
type = "IMAP"
remotehost = "{login.host}"
remoteport = {login.port}
remoteuser = "{login.user}"
remotepass = "{PASSWORD}"
ssl = false
starttls = false
maxconnections = {CONNECTIONS}
"""


def mbsync_config(place: Place, *, fsync: bool = True, compress: bool = True) -> str:
    """One channel over all folders, in both directions; left to itself it compresses when the server can."""
    return f"""\
FSync {"yes" if fsync else "no"}
Sync All
Create Both
Expunge Both
SyncState {place.home}/state/

IMAPAccount bench
Host {place.host}
Port {place.port}
User {place.user}
Pass {PASSWORD}
AuthMechs LOGIN
SSLType None
Timeout 600
{"" if compress else "DisableExtension COMPRESS=DEFLATE"}

IMAPStore remote
Account bench

MaildirStore local
Path {place.mail}/
Inbox {place.mail}/INBOX
SubFolders Verbatim

Channel bench
Far :remote:
Near :local:
Patterns INBOX *
"""


def offlineimap_config(place: Place) -> str:
    """One account, with as many connections as the others may use and the SQLite status it recommends."""
    return f"""\
{offlineimap_account(place)}
[Repository BenchLocal]
type = Maildir
localfolders = {place.mail}

{offlineimap_server("BenchRemote", Login(place.host, place.port, place.user))}"""


def offlineimap_account(place: Place) -> str:
    """All but the repositories."""
    return f"""\
[general]
accounts = Bench
metadata = {place.home}/state
ui = quiet
fsync = true

[Account Bench]
localrepository = BenchLocal
remoterepository = BenchRemote
"""


def offlineimap_server(repository: str, login: Login) -> str:
    """A server, without TLS."""
    return f"""\
[Repository {repository}]
type = IMAP
remotehost = {login.host}
remoteport = {login.port}
remoteuser = {login.user}
remotepass = {PASSWORD}
ssl = no
starttls = no
maxconnections = {CONNECTIONS}
"""


def _postboat(place: Place) -> list[str | Path]:
    return [Path(sys.executable).with_name("postboat"), "-c", place.home / "config.toml", "-u", "quiet"]


def _mbsync(place: Place) -> list[str | Path]:
    (place.home / "state").mkdir(exist_ok=True)
    return [PEERS / "usr/bin/mbsync", "-q", "-c", place.home / "mbsyncrc", "bench"]


def _offlineimap(place: Place) -> list[str | Path]:
    return [sys.executable, PEERS / "usr/share/offlineimap3/run", "-o", "-c", place.home / "offlineimaprc"]


_SOURCE = (("PYTHONPATH", OTHER_SOURCE),) if OTHER_SOURCE else ()
POSTBOAT = Program("postboat", "config.toml", postboat_config, _postboat, _SOURCE)
POSTBOAT_HASTY = Program(
    "postboat, no fsync", "config.toml", lambda place: postboat_config(place, fsync=False), _postboat, _SOURCE
)
_LIBRARIES = (("LD_LIBRARY_PATH", library_path(PEERS)),)


def _mbsync_with(name: str, **options: bool) -> Program:
    return Program(name, "mbsyncrc", lambda place: mbsync_config(place, **options), _mbsync, _LIBRARIES)


MBSYNC = _mbsync_with("mbsync")
MBSYNC_HASTY = _mbsync_with("mbsync, no fsync", fsync=False)
MBSYNC_PLAIN = _mbsync_with("mbsync", compress=False)
MBSYNC_HASTY_PLAIN = _mbsync_with("mbsync, no fsync", fsync=False, compress=False)
OFFLINEIMAP = Program(
    "offlineimap",
    "offlineimaprc",
    offlineimap_config,
    _offlineimap,
    (("PYTHONPATH", f"{PEERS}/usr/share/offlineimap3:{PEERS}/usr/lib/python3/dist-packages"),),
)
