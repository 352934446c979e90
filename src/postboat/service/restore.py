"""What can be brought back: deletions that are held, and messages removed from a Maildir that are still kept.

Looking takes no lock and connects to nothing. What is put back is new mail to the sync that follows.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from postboat.errors import ConfigError, PostboatError, StoreMissing
from postboat.events import MessagesPutBack, Warned
from postboat.ledger.files import ledger_file
from postboat.ledger.ledger import AccountLedger
from postboat.service.assemble import assemble
from postboat.service.confirm import locked
from postboat.service.known_folders import KnownFolders
from postboat.service.steps import Steps
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Sequence

    from postboat.config.schema import AccountConfig, Config
    from postboat.events import Publish
    from postboat.maildir.quarantine import Kept
    from postboat.model import FolderName, Held
    from postboat.service.assemble import AccountParts
    from postboat.service.known_folders import Target

AT_ONCE = 2_000
"""Messages after which what is put back is made durable, and can be told of or stopped."""
_SPAN = re.compile(r"(\d+)\s*(min|[mhdw])", re.IGNORECASE)
_SECONDS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


@dataclass(frozen=True, slots=True)
class HeldFolder:
    """Deletions that wait, as an event would tell them, and what the user said of them so far."""

    account: str
    folder: str
    on: str
    suspicion: str
    count: int
    of: int
    subjects: tuple[str, ...]
    verdict: str


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """What one run removed from one Maildir folder and is still kept."""

    account: str
    folder: str
    """Its remote name, as far as one is known."""
    when: float
    """Seconds since the epoch."""
    listed: str
    """The same in local time, as `put_back` understands it."""
    messages: int


@dataclass(frozen=True, slots=True)
class Restorable:
    """All that can be brought back in one account."""

    account: str
    held: tuple[HeldFolder, ...] = ()
    kept: tuple[KeptFolder, ...] = ()
    days: float = 0
    """For how long messages are kept; 0: not at all."""
    problems: tuple[str, ...] = ()
    exit_code: int = 0


async def restorable(config: Config, publish: Publish) -> list[Restorable]:
    """Look at every account, publishing nothing but how far that has come."""
    found = []
    for account in config.accounts:
        with Steps(account.name, publish).telling() as steps:
            found.append(await _look(account, config, steps))
    return found


async def _look(account: AccountConfig, config: Config, steps: Steps) -> Restorable:
    days = account.local.keepdeleted
    try:
        async with _read(account.name, config) as (folders, ledger):
            holds, notes = await ledger.holds(), tuple(ledger.notes)
        kept = await _assembled(account, config, lambda _: None).store.kept(steps.begun("reading"))
    except PostboatError as failure:
        return Restorable(account.name, days=days, problems=(str(failure),), exit_code=failure.exit_code)
    return Restorable(
        account.name,
        tuple(_held_folder(account.name, folders.text(remote), held) for remote, _, held in holds),
        tuple(_kept_folder(account.name, folders, each) for each in kept),
        days,
        notes,
    )


def _held_folder(account: str, folder: str, held: Held) -> HeldFolder:
    return HeldFolder(
        account,
        folder,
        held.on.value,
        held.suspicion.value,
        held.count,
        held.of,
        held.subjects,
        held.verdict.value,
    )


def _kept_folder(account: str, folders: KnownFolders, kept: Kept) -> KeptFolder:
    folder = folders.text(folders.remote(kept.folder))
    return KeptFolder(account, folder, kept.when, listed_time(kept.when), len(kept.files))


async def put_back(config: Config, targets: Sequence[Target], when: str, publish: Publish) -> tuple[str, ...]:
    """Put removed messages back into their folders; return the accounts where there were any.

    `when` names them as `chosen` says. Raises `ConfigError` for a folder or time that is not known.
    """
    accounts = {account.name: account for account in config.accounts}
    back: dict[str, None] = {}
    for target in targets:
        if await _put_back(accounts[target.account], config, target, when, publish):
            back[target.account] = None
    return tuple(back)


async def _put_back(account: AccountConfig, config: Config, target: Target, when: str, publish: Publish) -> bool:
    parts = _assembled(account, config, publish)
    async with locked(config, account.name, publish):
        async with _read(account.name, config) as (folders, ledger):
            for note in ledger.notes:
                publish(Warned(note, account.name))
            used = [known.local for known in await ledger.known() if known.has_pairings]
        with Steps(account.name, publish).telling() as steps:
            all_kept = await parts.store.kept(steps.begun("reading"))
        wanted = _local_name(folders, target, all_kept) if target.folder else None
        kept = [each for each in all_kept if wanted in (None, each.folder)]
        if not kept:
            publish(Warned(_nothing(target, account.local.keepdeleted), account.name))
            return False
        kept = chosen(kept, when, time.time())
        await _look_at_disk(parts, used, known=bool(folders.local))
        await _put_back_all(parts, kept, folders, publish)
    return True


async def _put_back_all(parts: AccountParts, kept: Sequence[Kept], folders: KnownFolders, publish: Publish) -> None:
    """Put back folder by folder, some messages at a time; what is put back is told though the rest could not be."""
    done, of = 0, sum(len(each.files) for each in kept)
    with Steps(parts.name, publish).telling() as steps:
        for each in kept:
            count = 0
            try:
                for at in range(0, len(each.files), AT_ONCE):
                    some = each.files[at : at + AT_ONCE]
                    steps.reach("restoring", done, of)
                    count += await parts.store.put_back(replace(each, files=some))
                    done += len(some)
            finally:
                if count:
                    publish(MessagesPutBack(parts.name, folders.text(folders.remote(each.folder)), count))


def chosen(kept: Sequence[Kept], when: str, now: float) -> list[Kept]:
    """Those of one run, by the beginning of its time as it is listed, or of a span ("2h", "3d"); "": of the last run.

    Raises `ConfigError` when there are none.
    """
    if not when:
        last = max(each.when for each in kept)
        return [each for each in kept if each.when == last]
    if span := _SPAN.fullmatch(when.strip()):
        since = now - int(span[1]) * _SECONDS[span[2][0].lower()]
        found = [each for each in kept if each.when >= since]
    else:
        begun = when.strip().replace("T", " ")
        found = [each for each in kept if begun and (listed_time(each.when).startswith(begun) or each.batch == when)]
    if not found:
        newest = listed_time(max(each.when for each in kept))
        how = "give a time that `postboat restore` lists, its beginning, or a span such as 2h or 3d"
        raise ConfigError(
            [f"--deleted {when}: nothing that is kept there was removed then, but last on {newest}; {how}"]
        )
    return found


def listed_time(when: float) -> str:
    """A time as it is listed: local, to the second."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))


def _local_name(folders: KnownFolders, target: Target, kept: Iterable[Kept]) -> FolderName:
    """The local folder that is meant; one that is not synced any more has the name that is left of it."""
    remote = folders.find(target, (folders.remote(each.folder) for each in kept))
    return folders.local.get(remote, remote)


def _nothing(target: Target, days: float) -> str:
    where = f"{target.folder} in the Maildir" if target.folder else "the Maildir"
    why = "keepdeleted = 0 keeps nothing" if not days else f"kept are those of the last {days:g} days"
    return f"nothing that was removed from {where} is kept ({why})"


async def _look_at_disk(parts: AccountParts, used: Collection[FolderName], *, known: bool) -> None:
    """Find the folders that are there. Raises `StoreMissing` when none is that held mail: a disk may not be mounted."""
    there = {*(await parts.store.list()).names}
    is_missing = known and not await parts.store.exists()
    if is_missing or (used and not any(name in there or parts.store.is_barred(name) for name in used)):
        what = "is missing" if is_missing else "holds none of its folders"
        raise StoreMissing(f"{parts.store.root} {what}, and nothing was put back. Is its disk mounted?")


@asynccontextmanager
async def _read(account: str, config: Config) -> AsyncIterator[tuple[KnownFolders, AccountLedger]]:
    """Read an account's ledger as it is on disk, changing nothing; without a file it is empty."""
    path = ledger_file(config.metadata, account)
    async with await AccountLedger.open(path, account=account, dry_run=True) as ledger:
        yield await KnownFolders.read(ledger), ledger


def _assembled(account: AccountConfig, config: Config, publish: Publish) -> AccountParts:
    return assemble(account, config, publish, None, asyncio.Lock(), dry_run=False)
