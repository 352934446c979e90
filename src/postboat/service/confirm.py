"""Writes down what the user says of deletions that are held. The sync that follows carries it out."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from postboat.events import PlanDecided, Warned
from postboat.ledger.files import ledger_file, lock_file
from postboat.ledger.ledger import AccountLedger
from postboat.ledger.lock import lock_account
from postboat.model import Verdict
from postboat.service.assemble import name_sides
from postboat.service.known_folders import KnownFolders
from postboat.service.steps import Steps
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from postboat.config.schema import AccountConfig, Config
    from postboat.events import Publish
    from postboat.model import FolderName
    from postboat.service.known_folders import Target

SILENCE = 1.0
"""Seconds to wait for another run before saying so."""
INSTEAD = {
    Verdict.CONFIRMED: ", so that there is nothing to confirm",
    Verdict.RESTORE: "; `postboat restore` lists what can be brought back",
}
"""What follows when nothing is held."""


async def decide(config: Config, targets: Sequence[Target], verdict: Verdict, publish: Publish) -> tuple[str, ...]:
    """Give `verdict` on what is held; return the accounts in which something was, in the order of the configuration.

    Nothing is written before every target is understood. Raises `ConfigError` for a folder that is not known.
    """
    wanted = {target.account for target in targets}
    accounts = {account.name: account for account in config.accounts if account.name in wanted}
    async with AsyncExitStack() as stack:
        ledgers = {name: await stack.enter_async_context(_opened(config, name, publish)) for name in accounts}
        words = [await _understood(ledgers[each.account], accounts[each.account], each, verdict) for each in targets]
        for account in accounts.values():
            name_sides(account, publish)
        decided = {word.target.account for word in words if await word.give(publish)}
    return tuple(name for name in accounts if name in decided)


async def _understood(ledger: AccountLedger | None, account: AccountConfig, target: Target, verdict: Verdict) -> Word:
    if ledger is None:
        return Word(target, verdict, None, KnownFolders({}, "/"))
    folders = await KnownFolders.read(ledger, account)
    return Word(target, verdict, ledger, folders, folders.find(target) if target.folder else None)


@dataclass(frozen=True, slots=True)
class Word:
    """What the user said of one target, understood and ready to be written down."""

    target: Target
    verdict: Verdict
    ledger: AccountLedger | None
    """None: the account was never synced."""
    folders: KnownFolders
    remote: FolderName | None = None
    """None: all folders."""

    async def give(self, publish: Publish) -> bool:
        """Write it down and tell what it is on; False, and a warning, when nothing is held."""
        account = self.target.account
        decided = await self.ledger.decide(self.verdict, self.remote) if self.ledger else []
        for name, _, held in decided:
            publish(PlanDecided(account, self.folders.text(name), held.on.value, self.verdict.value, held.count))
        if not decided:
            where = f"in {self.target.folder}" if self.target.folder else "in this account"
            publish(Warned(f"nothing is held {where}{INSTEAD[self.verdict]}", account))
        return bool(decided)


@asynccontextmanager
async def _opened(config: Config, account: str, publish: Publish) -> AsyncIterator[AccountLedger | None]:
    """Lock an account and open its ledger; None when there is none yet."""
    path = ledger_file(config.metadata, account)
    if not path.exists():
        yield None
        return
    async with locked(config, account, publish):
        ledger = await AccountLedger.open(path, account=account, fsync=config.fsync)
        async with ledger:
            for note in ledger.notes:
                publish(Warned(note, account))
            yield ledger


@asynccontextmanager
async def locked(config: Config, account: str, publish: Publish) -> AsyncIterator[None]:
    """Hold an account's lock. Another run is waited for, and the user told why nothing happens."""
    steps = Steps(account, publish)

    def tell() -> None:
        publish(Warned("another run is at work on this account; its end is waited for", account))
        steps.reach("waiting")

    telling = asyncio.get_running_loop().call_later(SILENCE, tell)
    async with AsyncExitStack() as stack:
        try:
            with steps.telling():
                await stack.enter_async_context(lock_account(lock_file(config.metadata, account), wait=True))
        finally:
            telling.cancel()
        yield
