"""What repositories must not have in common: mail that two of them take for their own would be mixed up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.config.netrc import find_login
from postboat.config.schema import MaildirConfig, ServerConfig
from postboat.model import Side

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from postboat.config.schema import AccountConfig, FolderRules, Repository

LOOPBACK = re.compile(r"localhost\.?|ip6-localhost|127(\.\d{1,3}){3}|\[?::1\]?", re.IGNORECASE)
_STANDARD_PORTS = (143, 993)

Complaint = tuple[str, str, str]
"""Name of a repository, its option, and what is wrong with it."""


def complaints(accounts: Sequence[AccountConfig]) -> Iterator[Complaint]:
    """All places that are claimed twice."""
    yield from _shared_directories(accounts)
    for account in accounts:
        yield from _one_mailbox(account)
    yield from _shared_mailboxes(accounts)


def maildirs(accounts: Sequence[AccountConfig]) -> list[tuple[AccountConfig, MaildirConfig]]:
    """All trees of Maildirs, the local ones of each account first."""
    return [
        (account, repository)
        for account in accounts
        for side in (Side.LOCAL, Side.REMOTE)
        if isinstance(repository := account.on(side), MaildirConfig)
    ]


def _shared_directories(accounts: Sequence[AccountConfig]) -> Iterator[Complaint]:
    found = maildirs(accounts)
    for index, (account, mine) in enumerate(found):
        for other, theirs in found[:index]:
            how = _meeting(mine.localfolders.resolve(), theirs.localfolders.resolve())
            if how is None:
                continue
            whose, right = f"account {other.name}", f"account {account.name} a directory"
            if account is other:
                whose, right = f"{theirs.name}, the other side", f"{mine.name} a directory"
            what = f"{mine.localfolders.resolve()} {how} of {whose}; give {right} of its own"
            yield mine.name, "localfolders", f"{what}, or confusion and corruption would occur"


def _meeting(mine: Path, theirs: Path) -> str | None:
    if mine == theirs:
        return "is also that"
    if mine.is_relative_to(theirs):
        return "lies inside that"
    return "has inside it that" if theirs.is_relative_to(mine) else None


def _one_mailbox(account: AccountConfig) -> Iterator[Complaint]:
    """Refuse an account that would sync a mailbox with itself."""
    local, remote = account.local, account.remote
    if _mailbox(local) is not None and _mailbox(local) == _mailbox(remote):
        what = f"both sides of account {account.name} are the same mailbox, as {remote.name} has"
        yield local.name, _where(local), f"{what} the same server and user; name another server or user"


def _shared_mailboxes(accounts: Sequence[AccountConfig]) -> Iterator[Complaint]:
    """Refuse two accounts that bring their mail to one mailbox, unless filters tell whose folders are whose.

    Each would take the other's folders for new ones, and copy them to its own remote side.
    """
    for index, account in enumerate(accounts):
        for other in accounts[:index]:
            mine, theirs = account.local, other.local
            if _mailbox(mine) is None or _mailbox(mine) != _mailbox(theirs):
                continue
            if _filters(mine.rules) and _filters(theirs.rules):
                continue
            without = mine if not _filters(mine.rules) else theirs
            what = f"is the local mailbox of account {other.name} as well, so that the mail of each would be copied to"
            right = f"limit {without.name} to folders of its own with folderfilter, include or exclude"
            yield mine.name, _where(mine), f"{what} the remote side of the other; {right}, or use another user"


def _filters(rules: FolderRules) -> bool:
    return bool(rules.folderfilter or rules.include or rules.exclude)


def _mailbox(repository: Repository) -> tuple[str, ...] | None:
    """By what a user's mailbox on a server is recognised; None for Maildirs, and where the user is still to be told."""
    if not isinstance(repository, ServerConfig):
        return None
    if repository.preauthtunnel:
        return (repository.preauthtunnel,)
    user = repository.remoteuser
    if not user:
        login = find_login(repository.remotehost)
        user = login.user if login else ""
    if not user:
        return None
    if repository.transporttunnel:
        return repository.transporttunnel, user
    host = "localhost" if LOOPBACK.fullmatch(repository.remotehost) else repository.remotehost.casefold().rstrip(".")
    port = "" if repository.remoteport in _STANDARD_PORTS else str(repository.remoteport)
    return host, port, user


def _where(repository: Repository) -> str:
    """The option that tells which server it is."""
    if not isinstance(repository, ServerConfig):
        return ""
    if repository.preauthtunnel or repository.transporttunnel:
        return "preauthtunnel" if repository.preauthtunnel else "transporttunnel"
    return "remotehost"
