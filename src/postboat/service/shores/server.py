"""A server as a side of an account."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from postboat.config.netrc import find_login
from postboat.config.secrets import PasswordGiver
from postboat.errors import AccountError, ConnectionLost, FolderError
from postboat.events import AccountConnected, Warned
from postboat.imap.dial import connect
from postboat.imap.folders import ImapFolders
from postboat.imap.memory import ServerMemory
from postboat.imap.patience import Patience
from postboat.imap.pool import Pool
from postboat.service.shores.shore import SERVER

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from postboat.config.schema import ServerConfig
    from postboat.config.secrets import Prompter
    from postboat.events import Publish
    from postboat.folder_list import FolderList
    from postboat.imap.mailbox import ImapMailbox
    from postboat.imap.session import Session
    from postboat.maildir.quarantine import Kept
    from postboat.maildir.touched import Touched
    from postboat.model import Flags, FolderName, Glimpse, Key, Side
    from postboat.service.shores.server_shelf import ServerQuarantine
    from postboat.service.shores.shore import Told

USUAL_PORTS = (143, 993)
"""Those that are left out of URLs."""


class ServerShore:
    """The mailboxes of one user on one server: nothing is connected yet.

    `beside_another`: the account's other side is a server too, so that what is said of them must be told apart.
    `quarantine` keeps what is removed from them. `spool` is a directory for large messages that go to another server.
    """

    def __init__(
        self,
        side: Side,
        config: ServerConfig,
        account: str,
        publish: Publish,
        prompter: Prompter | None,
        prompting: asyncio.Lock,
        *,
        dry_run: bool,
        beside_another: bool = False,
        quarantine: ServerQuarantine | None = None,
        spool: Path | None = None,
    ) -> None:
        self.side, self.config = side, config
        self._account, self._publish = account, publish
        self._dry_run, self._quarantine, self._spool = dry_run, quarantine, spool
        self._called = f"{config.name}: " if beside_another else ""
        self.passwords = PasswordGiver(account, config, prompter, prompting, side=side if beside_another else None)
        self.memory = ServerMemory()
        """What the last run learnt about the server: restored before this one connects, and kept when it ends."""
        self.names: Mapping[str, str] = {}
        """What events call its mailboxes, by their wire names, where that is not what the server shows."""
        self.pool: Pool[Session] = Pool(self._dial, config.maxconnections, Patience(self._warn))
        self.pool.called = self._called
        self.folders = ImapFolders(
            self.pool, utf8=config.rules.utf8foldernames, owner=owner(config), memory=self.memory, warn=self._warn
        )

    async def _dial(self) -> Session:
        with self.named():
            session = await connect(
                self.config,
                self.passwords,
                wire_log=_wire_log(self._called),
                memory=self.memory,
                behind=self.folders.ask_early,
            )
        if self.pool.opened == 0:
            self._publish(AccountConnected(self._account, session.server, user(self.config), self.side.value))
        return session

    def shown(self, wire: str) -> str:
        """What a mailbox is called, by its wire name: as events call it, once that is known."""
        return self.names.get(wire) or self.folders.shown(wire)

    def _warn(self, text: str) -> None:
        self._publish(Warned(f"{self._called}{text}", self._account))

    @contextmanager
    def named(self) -> Iterator[None]:
        """Let failures that pass through the block say which server's they are, if there are two."""
        try:
            yield
        except (AccountError, ConnectionLost, FolderError) as failure:
            if not str(failure).startswith(self._called):
                failure.args = (f"{self._called}{failure}",)
            raise

    @property
    def root(self) -> None:
        """None: what is gone from a server is gone from its list."""
        return

    @property
    def layout(self) -> str:
        """The same for every server: names are its own."""
        return SERVER

    @property
    def width(self) -> int:
        """`maxconnections`."""
        return self.config.maxconnections

    async def standing(self, *, mark: bool = True) -> str:
        """Nothing: it stands where it answers."""
        return ""

    async def list(self, known: Collection[FolderName] = (), empty: Collection[FolderName] = ()) -> FolderList:
        """See `ImapFolders.list`."""
        with self.named():
            return await self.folders.list(
                subscribed_only=self.config.subscribedonly, reference=self.config.reference, known=known, empty=empty
            )

    async def glimpses(self, names: Collection[FolderName], listed: FolderList) -> Mapping[FolderName, Glimpse]:
        """What the list told of them."""
        return {name: found.glimpse for name in names if (found := listed.find(name)) is not None and found.glimpse}

    async def create(self, name: FolderName, listed: FolderList) -> None:
        """See `ImapFolders.create`."""
        with self.named():
            await self.folders.create(name, listed)

    async def remove(self, name: FolderName, listed: FolderList) -> bool:
        """See `ImapFolders.delete`; where that is refused it stays, empty."""
        if name.is_inbox:
            return False
        try:
            await self.folders.delete(name, listed)
        except FolderError as refused:
            self._warn(str(refused))
            return False
        return True

    async def disown(self, names: Collection[FolderName]) -> None:
        """Do nothing: the server gives a new folder a new UIDVALIDITY (RFC 3501 section 6.3.4)."""

    def mailbox(
        self,
        name: FolderName,
        listed: FolderList,
        *,
        glimpse: Glimpse | None = None,
        alone: bool = False,
        touched: Touched | None = None,
        told: Told | None = None,
    ) -> ImapMailbox:
        """The folder; in a dry run it may be missing."""
        mailbox = self.folders.mailbox(
            self.folders.wire_name(name, listed),
            read_only=self._dry_run or self.config.readonly,
            may_be_missing=self._dry_run,
            glimpse=glimpse,
            alone=alone,
            shelf=None if self._quarantine is None or self._dry_run else self._quarantine.shelf(name),
            spool=self._spool,
        )
        if told is not None:
            mailbox.tell(told)
        return mailbox

    def lies(self, name: FolderName, listed: FolderList) -> Callable[[Key, Flags], str]:
        """Its URL (RFC 5092)."""
        wire = quote(self.folders.wire_name(name, listed), safe="/")
        port = "" if self.config.remoteport in USUAL_PORTS else f":{self.config.remoteport}"
        at = f"imap://{quote(user(self.config), safe='')}@{self.config.remotehost or 'localhost'}{port}/{wire}"
        return lambda key, _flags: f"{at};UID={key}"

    async def kept(self, told: Told) -> Sequence[Kept]:
        """What was removed from it and is kept in the state directory."""
        return [] if self._quarantine is None else await self._quarantine.kept(told)

    async def put_back(self, kept: Kept, listed: FolderList) -> int:
        """Append it again; a folder that is gone is made anew."""
        if self._quarantine is None or self.config.readonly:
            raise FolderError(f"{self.config.name}: is read-only for Postboat")
        folder = listed.find(kept.folder)
        if folder is None or not folder.selectable:
            await self.create(kept.folder, listed)
        return await self._quarantine.put_back(kept, self.mailbox(kept.folder, listed))

    async def prune(self) -> None:
        """Empty the quarantine of what was kept for long enough."""
        if self._quarantine is not None and not self._dry_run:
            await self._quarantine.prune(self._warn)

    async def close(self) -> None:
        """Leave the server."""
        await self.pool.close()


def owner(config: ServerConfig) -> str:
    """Whose mailbox on which server it is: UIDs of another one mean other messages, whatever their UIDVALIDITY.

    The port is no part of it: going from 143 to 993 changes nothing about the mail.
    """
    return f"{user(config)}@{config.preauthtunnel or config.transporttunnel or config.remotehost}"


def user(config: ServerConfig) -> str:
    """The user name, wherever it is written; "" when only the server knows (tunnels)."""
    if config.remoteuser or not config.remotehost:
        return config.remoteuser
    login = find_login(config.remotehost)
    return login.user if login else ""


def _wire_log(called: str) -> Callable[[str, str], None] | None:
    """What notes each line that passes, without its secrets and messages; None unless someone listens (`-d imap`).

    `called` stands before each line: whose it is, where that must be told.
    """
    log = logging.getLogger("postboat.imap")
    if not log.isEnabledFor(logging.DEBUG):
        return None
    return lambda way, line: log.debug("%s%s %s", called, way, line)
