"""Config to objects: the only place that knows every department, and where clock and chance enter."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from postboat.config.netrc import find_login
from postboat.config.secrets import PasswordGiver
from postboat.events import AccountConnected, Warned
from postboat.imap.dial import connect
from postboat.imap.folders import ImapFolders
from postboat.imap.memory import ServerMemory
from postboat.imap.patience import Patience
from postboat.imap.pool import Pool
from postboat.ledger.files import ledger_file, lock_file, quarantine_directory
from postboat.maildir.folders import MaildirStore
from postboat.maildir.quarantine import Quarantine
from postboat.model import Policy, Side
from postboat.values import dataclass

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from postboat.config.schema import AccountConfig, Config, ServerConfig
    from postboat.config.secrets import Prompter
    from postboat.events import Publish
    from postboat.imap.session import Session
    from postboat.service.hooks.mbnames import MailboxList


@dataclass(frozen=True, slots=True)
class AccountParts:
    """One account, ready to run: nothing is connected, opened or created yet."""

    config: AccountConfig
    passwords: PasswordGiver
    pool: Pool[Session]
    folders: ImapFolders
    memory: ServerMemory
    """What the last run learnt about the server: to be restored before this one connects, and kept when it ends."""
    store: MaildirStore
    policy: Policy
    ledger_path: Path
    lock_path: Path
    fsync: bool
    clock: Callable[[], float]
    """Seconds since the epoch."""
    mbnames: MailboxList | None = None
    """Who lists the folders for other programs."""

    @property
    def name(self) -> str:
        """The account's name."""
        return self.config.name


def assemble(
    account: AccountConfig,
    config: Config,
    publish: Publish,
    prompter: Prompter | None,
    prompting: asyncio.Lock,
    *,
    dry_run: bool,
    clock: Callable[[], float] = time.time,
) -> AccountParts:
    """Introduce the departments to one another for one account. `prompting` keeps accounts from asking at once."""
    remote, local = account.remote, account.local
    passwords = PasswordGiver(account.name, remote, prompter, prompting)

    async def dial() -> Session:
        session = await connect(remote, passwords, wire_log=_wire_log(), memory=memory, behind=folders.ask_early)
        if pool.opened == 0:
            publish(AccountConnected(account.name, session.server, _user(remote)))
        return session

    def warn(text: str) -> None:
        publish(Warned(text, account.name))

    memory = ServerMemory()
    pool = Pool(dial, remote.maxconnections, Patience(warn))
    folders = ImapFolders(pool, utf8=remote.rules.utf8foldernames, owner=_owner(remote), memory=memory, warn=warn)
    quarantined = quarantine_directory(config.metadata, account.name)
    store = MaildirStore(
        local.localfolders,
        local.layout,
        local.sep,
        fsync=config.fsync,
        read_only=dry_run or local.readonly,
        clock=clock,
        quarantine=Quarantine(quarantined, local.keepdeleted, clock=clock, fsync=config.fsync),
        warn=warn,
    )
    return AccountParts(
        config=account,
        passwords=passwords,
        pool=pool,
        folders=folders,
        memory=memory,
        store=store,
        policy=policy_of(account),
        ledger_path=ledger_file(config.metadata, account.name),
        lock_path=lock_file(config.metadata, account.name),
        fsync=config.fsync,
        clock=clock,
        mbnames=_mailbox_list(config) if not dry_run else None,
    )


def _mailbox_list(config: Config) -> MailboxList | None:
    if config.mbnames is None:
        return None
    from postboat.service.hooks.mbnames import MailboxList  # here, since few want it

    return MailboxList(config.mbnames, config.metadata)


def _owner(remote: ServerConfig) -> str:
    """Whose mailbox on which server it is: UIDs of another one mean other messages, whatever their UIDVALIDITY.

    The port is no part of it: going from 143 to 993 changes nothing about the mail.
    """
    return f"{_user(remote)}@{remote.preauthtunnel or remote.transporttunnel or remote.remotehost}"


def _user(remote: ServerConfig) -> str:
    """The user name, wherever it is written; "" when only the server knows (tunnels)."""
    if remote.remoteuser or not remote.remotehost:
        return remote.remoteuser
    login = find_login(remote.remotehost)
    return login.user if login else ""


def _wire_log() -> Callable[[str, str], None] | None:
    """What notes each line that passes, without its secrets and messages; None unless someone listens (`-d imap`)."""
    log = logging.getLogger("postboat.imap")
    if not log.isEnabledFor(logging.DEBUG):
        return None
    return lambda way, line: log.debug("%s %s", way, line)


def policy_of(account: AccountConfig) -> Policy:
    """What the account's options allow."""
    sides = {Side.REMOTE: account.remote, Side.LOCAL: account.local}
    return Policy(
        readonly=frozenset(side for side, config in sides.items() if config.readonly),
        sync_deletes=frozenset(side for side, config in sides.items() if config.sync_deletes),
        expunge=frozenset(side for side, config in sides.items() if config.expunge),
    )
