"""The programs of `programs.py` between two servers and between two trees of Maildirs, and interimap for the servers.

Between two servers none of them compresses: all of it happens on one machine, and interimap, which would do so for one
of its two servers, is faster without. OfflineIMAP keeps its map of UIDs in a file; it has no other way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.bench.programs import (
    MBSYNC,
    OFFLINEIMAP,
    POSTBOAT,
    Login,
    Program,
    offlineimap_account,
    offlineimap_server,
    postboat_account,
    postboat_server,
)
from tests.servers.install import SERVERS
from tests.servers.process import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bench.programs import Place

INTERIMAP_HOME = SERVERS / "interimap"


def logins(place: Place) -> tuple[Login, Login]:
    """The two servers: the one with the mail, and the one beside it."""
    assert place.beside is not None, "there is one server only"
    return Login(place.host, place.port, place.user), place.beside


def _postboat_servers(place: Place) -> str:
    remote, local = logins(place)
    return f"""\
{postboat_account(place)}
{postboat_server("BenchLocal", local)}
{postboat_server("BenchRemote", remote)}"""


def _offlineimap_servers(place: Place) -> str:
    remote, local = logins(place)
    return f"""\
{offlineimap_account(place)}
{offlineimap_server("BenchLocal", local)}
{offlineimap_server("BenchRemote", remote)}"""


def _interimap_servers(place: Place) -> str:
    """Every folder, in both directions; it has one connection to each server, and no option that would make it faster."""
    remote, local = logins(place)
    return f"""\
database = {place.home}/interimap.db

{_interimap_server("local", local)}
{_interimap_server("remote", remote)}"""


def _interimap_server(section: str, login: Login) -> str:
    return f"""\
[{section}]
type = imap
host = {login.host}
port = {login.port}
STARTTLS = NO
auth = PLAIN
username = {login.user}
password = {PASSWORD}
compress = NO
"""


def _interimap(place: Place) -> list[str | Path]:
    """A script that Perl runs in its taint mode, in which it finds modules by no variable."""
    libraries = (option for directory in _perl_libraries() for option in ("-I", directory))
    return ["perl", "-T", *libraries, INTERIMAP_HOME / "usr/bin/interimap", "-q", f"--config={place.home}/interimaprc"]


def _perl_libraries() -> list[Path]:
    """Where the unpacked packages keep the modules of Perl."""
    usr = INTERIMAP_HOME / "usr"
    patterns = ("share/perl5", "lib/*-linux-gnu/perl5/5.*", "share/perl/5.??", "lib/*-linux-gnu/perl/5.??")
    return [found for pattern in patterns for found in sorted(usr.glob(pattern))]


def far(place: Place) -> Path:
    """The tree of Maildirs that has the place of a server."""
    return place.home / "far"


def _postboat_maildirs(place: Place) -> str:
    return f"""\
{postboat_account(place)}
[repository.BenchLocal]
type = "Maildir"
localfolders = "{place.mail}"

[repository.BenchRemote]
type = "Maildir"
localfolders = "{far(place)}"
"""


def _mbsync_maildirs(place: Place) -> str:
    stores = "\n".join(
        f"""\
MaildirStore {name}
Path {mail}/
Inbox {mail}/INBOX
SubFolders Verbatim
"""
        for name, mail in (("remote", far(place)), ("local", place.mail))
    )
    return f"""\
Sync All
Create Both
Expunge Both
SyncState {place.home}/state/

{stores}
Channel bench
Far :remote:
Near :local:
Patterns INBOX *
"""


POSTBOAT_SERVERS = replace(POSTBOAT, configure=_postboat_servers)
OFFLINEIMAP_SERVERS = replace(OFFLINEIMAP, configure=_offlineimap_servers)
INTERIMAP = Program("interimap", "interimaprc", _interimap_servers, _interimap)
POSTBOAT_MAILDIRS = replace(POSTBOAT, configure=_postboat_maildirs)
MBSYNC_MAILDIRS = replace(MBSYNC, configure=_mbsync_maildirs)
