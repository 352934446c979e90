"""Config to objects: the only place that knows every department, and where clock and chance enter."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postboat.config.schema import MaildirConfig
from postboat.events import SidesNamed, Warned
from postboat.ledger.files import ledger_file, lock_file, quarantine_directory, spool_directory
from postboat.model import Policy, Side
from postboat.sync.folder_tree import WHERE
from postboat.tasks import together
from postboat.values import Sides, dataclass

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from postboat.config.schema import AccountConfig, Config, ServerConfig
    from postboat.config.secrets import Prompter
    from postboat.events import Publish
    from postboat.service.hooks.mbnames import MailboxList
    from postboat.service.shores.maildirs import MaildirShore
    from postboat.service.shores.server import ServerShore
    from postboat.service.shores.shore import Shore


@dataclass(frozen=True, slots=True)
class AccountParts:
    """One account, ready to run: nothing is connected, opened or created yet."""

    config: AccountConfig
    servers: Mapping[Side, ServerShore]
    """Those of its sides that are servers."""
    maildirs: Mapping[Side, MaildirShore]
    """Those that are trees of Maildirs."""
    where: Mapping[Side, str]
    """Where something is on each side, in words that follow a verb: "on the server", "locally"."""
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

    @property
    def shores(self) -> Mapping[Side, Shore]:
        """Both sides."""
        return {**self.servers, **self.maildirs}

    @property
    def remote(self) -> Shore:
        """The remote side."""
        return self.shores[Side.REMOTE]

    @property
    def local(self) -> Shore:
        """The local side."""
        return self.shores[Side.LOCAL]

    @property
    def width(self) -> int:
        """How many connections both sides can make use of at once."""
        return min(shore.width for shore in (self.servers or self.maildirs).values())

    def forget_passwords(self) -> None:
        """Look for passwords anew at the next sign-in."""
        for server in self.servers.values():
            server.passwords.forget()

    async def close(self) -> None:
        """Leave both sides at once: farewells to servers that are silent take seconds."""
        await together(*(shore.close() for shore in (self.remote, self.local)))


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
    servers: dict[Side, ServerShore] = {}
    maildirs: dict[Side, MaildirShore] = {}
    makes = _Shores(account, config, publish, prompter, prompting, dry_run, clock)
    for side in Side:
        repository = account.on(side)
        if isinstance(repository, MaildirConfig):
            maildirs[side] = makes.maildirs(side, repository)
        else:
            servers[side] = makes.server(side, repository)
    return AccountParts(
        config=account,
        servers=servers,
        maildirs=maildirs,
        where=_where(account),
        policy=policy_of(account),
        ledger_path=ledger_file(config.metadata, account.name),
        lock_path=lock_file(config.metadata, account.name),
        fsync=config.fsync,
        clock=clock,
        mbnames=_mailbox_list(config) if not dry_run else None,
    )


def sides_of(account: AccountConfig) -> Sides | None:
    """What the account's sides are called, if they are both of one kind."""
    on_disk = {isinstance(account.on(side), MaildirConfig) for side in Side}
    return Sides(account.remote.name, account.local.name, servers=False in on_disk) if len(on_disk) == 1 else None


def _where(account: AccountConfig) -> Mapping[Side, str]:
    sides = sides_of(account)
    if sides is None:
        return WHERE
    at = "on" if sides.servers else "in"
    return {Side.REMOTE: f"{at} {sides.remote}", Side.LOCAL: f"{at} {sides.local}"}


def name_sides(account: AccountConfig, publish: Publish, *, before: Sides | None = None) -> None:
    """Tell how to speak of the account's sides, unless that is as it was `before`: as of a server and Maildirs."""
    sides = sides_of(account)
    if sides != before:
        publish(SidesNamed(account.name, sides))


@dataclass(frozen=True, slots=True)
class _Shores:
    """Makes the sides of an account; of each kind only when there is one, since most have but one of either."""

    account: AccountConfig
    config: Config
    publish: Publish
    prompter: Prompter | None
    prompting: asyncio.Lock
    dry_run: bool
    clock: Callable[[], float]

    def maildirs(self, side: Side, repository: MaildirConfig) -> MaildirShore:
        from postboat.service.shores.maildirs import MaildirShore

        return MaildirShore(
            side,
            repository,
            quarantine_directory(self.config.metadata, self.account.name, side),
            fsync=self.config.fsync,
            dry_run=self.dry_run,
            clock=self.clock,
            warn=self._warn,
        )

    def server(self, side: Side, repository: ServerConfig) -> ServerShore:
        from postboat.service.shores.server import ServerShore

        beside_another, quarantine = sides_of(self.account) is not None, None
        if repository.keepdeleted:
            from postboat.service.shores.server_shelf import ServerQuarantine

            where = quarantine_directory(self.config.metadata, self.account.name, side)
            quarantine = ServerQuarantine(where, repository.keepdeleted, clock=self.clock, fsync=self.config.fsync)
        return ServerShore(
            side,
            repository,
            self.account.name,
            self.publish,
            self.prompter,
            self.prompting,
            dry_run=self.dry_run,
            beside_another=beside_another,
            quarantine=quarantine,
            spool=spool_directory(self.config.metadata) if beside_another else None,
        )

    def _warn(self, text: str) -> None:
        self.publish(Warned(text, self.account.name))


def _mailbox_list(config: Config) -> MailboxList | None:
    if config.mbnames is None:
        return None
    from postboat.service.hooks.mbnames import MailboxList  # here, since few want it

    return MailboxList(config.mbnames, config.metadata)


def policy_of(account: AccountConfig) -> Policy:
    """What the account's options allow."""
    return Policy(
        readonly=frozenset(side for side in Side if account.on(side).readonly),
        sync_deletes=frozenset(side for side in Side if account.on(side).sync_deletes),
        expunge=frozenset(side for side in Side if account.on(side).expunge),
    )
