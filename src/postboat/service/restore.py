"""What can be brought back: deletions that are held, and messages removed from either side that are still kept.

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
from postboat.model import Side
from postboat.service.assemble import assemble, name_sides, sides_of
from postboat.service.confirm import locked
from postboat.service.known_folders import KnownFolders
from postboat.service.steps import Steps
from postboat.sync.folder_tree import half
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from postboat.config.schema import AccountConfig, Config
    from postboat.config.secrets import Prompter
    from postboat.events import Publish
    from postboat.folder_list import FolderList
    from postboat.maildir.quarantine import Kept
    from postboat.model import FolderName, Held
    from postboat.service.assemble import AccountParts
    from postboat.service.known_folders import Target
    from postboat.sync.folder_tree import PairOfNames
    from postboat.values import Sides

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
    """What one run removed from one folder of one side and is still kept."""

    account: str
    folder: str
    """Its remote name, as far as one is known."""
    when: float
    """Seconds since the epoch."""
    listed: str
    """The same in local time, as `put_back` understands it."""
    messages: int
    side: str = "local"
    """The side ("remote" or "local") that it was removed from."""


@dataclass(frozen=True, slots=True)
class Restorable:
    """All that can be brought back in one account."""

    account: str
    held: tuple[HeldFolder, ...] = ()
    kept: tuple[KeptFolder, ...] = ()
    days: float = 0
    """For how long messages are kept that were removed from the local side; 0: not at all."""
    problems: tuple[str, ...] = ()
    exit_code: int = 0
    remote_days: float = 0
    """As `days`, of the remote side."""
    sides: Sides | None = None
    """What the account's sides are called, if they are both of one kind."""


async def restorable(config: Config, publish: Publish) -> list[Restorable]:
    """Look at every account, publishing nothing but how far that has come."""
    found = []
    for account in config.accounts:
        with Steps(account.name, publish).telling() as steps:
            found.append(await _look(account, config, steps))
    return found


async def _look(account: AccountConfig, config: Config, steps: Steps) -> Restorable:
    days, sides = account.local.keepdeleted, sides_of(account)
    try:
        async with _read(account, config) as (folders, ledger):
            holds, notes = await ledger.holds(), tuple(ledger.notes)
        parts = _assembled(account, config, lambda _: None, None)
        kept = await _kept(parts, folders, steps)
    except PostboatError as failure:
        return Restorable(account.name, days=days, problems=(str(failure),), exit_code=failure.exit_code, sides=sides)
    return Restorable(
        account.name,
        tuple(_held_folder(account.name, folders.text(remote), held) for remote, _, held in holds),
        tuple(_kept_folder(account.name, folders, each) for each in sorted(kept, key=lambda each: each.kept.when)),
        days,
        notes,
        remote_days=account.remote.keepdeleted,
        sides=sides,
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


@dataclass(frozen=True, slots=True)
class _Kept:
    """What one run removed from a folder of one side."""

    side: Side
    remote: FolderName
    """What the folder is called on the remote side, as far as that is known."""
    kept: Kept


async def _kept(parts: AccountParts, folders: KnownFolders, steps: Steps) -> list[_Kept]:
    """All that is kept of both sides."""
    found, told = list[_Kept](), steps.begun("reading")
    for side, shore in parts.shores.items():
        kept = await shore.kept(told)
        known = (each.folder if side is Side.REMOTE else folders.remote(each.folder) for each in kept)
        found += [_Kept(side, *each) for each in zip(known, kept, strict=True)]
    return found


def _kept_folder(account: str, folders: KnownFolders, each: _Kept) -> KeptFolder:
    kept = each.kept
    return KeptFolder(
        account, folders.text(each.remote), kept.when, listed_time(kept.when), len(kept.files), each.side.value
    )


async def put_back(
    config: Config, targets: Sequence[Target], when: str, publish: Publish, prompter: Prompter | None = None
) -> tuple[str, ...]:
    """Put removed messages back into their folders; return the accounts where there were any.

    `when` names them as `chosen` says. `prompter` asks for passwords where they go back to a server. Raises
    `ConfigError` for a folder or time that is not known.
    """
    accounts = {account.name: account for account in config.accounts}
    back: dict[str, None] = {}
    for target in targets:
        account = accounts[target.account]
        parts = _assembled(account, config, publish, prompter)
        name_sides(account, publish)
        try:
            if await _put_back(parts, config, target, when, publish):
                back[target.account] = None
        finally:
            await parts.close()
    return tuple(back)


async def _put_back(parts: AccountParts, config: Config, target: Target, when: str, publish: Publish) -> bool:
    async with locked(config, parts.name, publish):
        async with _read(parts.config, config) as (folders, ledger):
            for note in ledger.notes:
                publish(Warned(note, parts.name))
            used = [(known.remote, known.local) for known in await ledger.known() if known.has_pairings]
        with Steps(parts.name, publish).telling() as steps:
            all_kept = await _kept(parts, folders, steps)
        wanted = folders.find(target, (each.remote for each in all_kept)) if target.folder else None
        kept = [each for each in all_kept if wanted in (None, each.remote)]
        if not kept:
            publish(Warned(_nothing(target, parts.config), parts.name))
            return False
        batches = chosen([each.kept for each in kept], when, time.time())
        kept = [each for each in kept if each.kept in batches]
        lists = {side: await _listed(parts, side, used, folders) for side in {each.side for each in kept}}
        await _put_back_all(parts, kept, lists, folders, publish)
    return True


async def _put_back_all(
    parts: AccountParts,
    kept: Sequence[_Kept],
    lists: Mapping[Side, FolderList],
    folders: KnownFolders,
    publish: Publish,
) -> None:
    """Put back folder by folder, some messages at a time; what is put back is told though the rest could not be."""
    done, of = 0, sum(len(each.kept.files) for each in kept)
    with Steps(parts.name, publish).telling() as steps:
        for each in kept:
            count, shore = 0, parts.shores[each.side]
            try:
                for at in range(0, len(each.kept.files), AT_ONCE):
                    some = each.kept.files[at : at + AT_ONCE]
                    steps.reach("restoring", done, of)
                    count += await shore.put_back(replace(each.kept, files=some), lists[each.side])
                    done += len(some)
            finally:
                if count:
                    publish(MessagesPutBack(parts.name, folders.text(each.remote), count, each.side.value))


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


def _nothing(target: Target, account: AccountConfig) -> str:
    kept_for = max(account.on(side).keepdeleted for side in Side)
    where = f" from {target.folder}" if target.folder else ""
    why = "keepdeleted = 0 keeps nothing" if not kept_for else f"kept are those of the last {kept_for:g} days"
    return f"nothing that was removed{where} is kept ({why})"


async def _listed(parts: AccountParts, side: Side, used: Collection[PairOfNames], folders: KnownFolders) -> FolderList:
    """The folders that are there. Raises `StoreMissing` when none is that held mail: a disk may not be mounted."""
    names = [half(pair, side) for pair in used]
    listed, shore = await parts.shores[side].list(names), parts.shores[side]
    is_missing = bool(folders.local) and shore.root is not None and not await shore.standing(mark=False)
    if is_missing or (names and not any(listed.find(name) for name in names)):
        what = "is missing" if is_missing else "holds none of its folders"
        where = f"{shore.root} {what}" if shore.root is not None else f"{shore.config.name} {what}"
        asked = ". Is its disk mounted?" if shore.root is not None else ""
        raise StoreMissing(f"{where}, and nothing was put back{asked}")
    return listed


@asynccontextmanager
async def _read(account: AccountConfig, config: Config) -> AsyncIterator[tuple[KnownFolders, AccountLedger]]:
    """Read an account's ledger as it is on disk, changing nothing; without a file it is empty."""
    path = ledger_file(config.metadata, account.name)
    async with await AccountLedger.open(path, account=account.name, dry_run=True) as ledger:
        yield await KnownFolders.read(ledger, account), ledger


def _assembled(account: AccountConfig, config: Config, publish: Publish, prompter: Prompter | None) -> AccountParts:
    return assemble(account, config, publish, prompter, asyncio.Lock(), dry_run=False)
