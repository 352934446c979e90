"""Looks at every account without changing anything: what `postboat check` and `postboat folders` show."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import count as numbers
from typing import TYPE_CHECKING

from postboat.errors import CommandFailed, FolderRulesRefused, PostboatError
from postboat.imap.listing import status
from postboat.ledger.ledger import AccountLedger
from postboat.model import Side, Verdict
from postboat.service.assemble import assemble
from postboat.service.steps import Steps
from postboat.service.tree import read_tree
from postboat.sync.tasks import each
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from postboat.config.schema import AccountConfig, Config, FolderRules
    from postboat.config.secrets import Prompter
    from postboat.events import Publish
    from postboat.folder_list import ListedFolder
    from postboat.model import FolderName
    from postboat.service.assemble import AccountParts
    from postboat.service.run_options import RunOptions
    from postboat.service.shores.server import ServerShore
    from postboat.service.tree import Tree


FIRST = {None: "", Side.REMOTE: "would be created on the server", Side.LOCAL: "would be created locally"}
"""What a sync does with a folder before all else, by the side that lacks it."""

GONE = {
    Side.REMOTE: "gone from the server, though synced before: waits for `postboat confirm` or `postboat restore`",
    Side.LOCAL: "gone from the disk, though synced before: waits for `postboat confirm` or `postboat restore`",
}
"""Why a folder is not synced that one side lost."""
NOTHING_ELSE = "not synced while all folders are gone from one side"


@dataclass(frozen=True, slots=True)
class FolderReport:
    """A folder by its names on both sides, and whether it would be synced."""

    remote: str
    local: str
    synced: bool
    why: str = ""
    """Why it is not synced, or what a sync would do first."""
    messages: int | None = None
    """How many the server has; None when it was not asked."""


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What was found out about a server."""

    repository: str
    server: str
    tls: str
    certificate: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountReport:
    """What was found out about an account."""

    account: str
    exit_code: int = 0
    server: str = ""
    """Of two servers, the remote one."""
    tls: str = ""
    certificate: str = ""
    capabilities: tuple[str, ...] = ()
    folders: tuple[FolderReport, ...] = ()
    problems: tuple[str, ...] = ()
    others: tuple[ServerReport, ...] = ()
    """The local server, where that is one, too."""

    @property
    def ok(self) -> bool:
        """Whether a sync could begin."""
        return self.exit_code == 0


async def check(
    config: Config, options: RunOptions, prompter: Prompter | None, publish: Publish
) -> list[AccountReport]:
    """Connect to every account and report what a sync would meet there, with the number of messages.

    Nothing is published but how far that has come.
    """
    return await _inspect(config, options, prompter, publish, count=True)


async def folders(
    config: Config, options: RunOptions, prompter: Prompter | None, publish: Publish
) -> list[AccountReport]:
    """The folders of every account in both namings, without counting messages; publishes as `check` does."""
    return await _inspect(config, options, prompter, publish, count=False)


async def _inspect(
    config: Config, options: RunOptions, prompter: Prompter | None, publish: Publish, *, count: bool
) -> list[AccountReport]:
    chosen = [account for account in config.accounts if not options.accounts or account.name in options.accounts]
    prompting = asyncio.Lock()

    async def look(account: AccountConfig) -> AccountReport:
        parts = assemble(account, config, lambda _event: None, prompter, prompting, dry_run=True)
        with Steps(account.name, publish).telling() as steps:
            return await _account(parts, steps, count=count)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(look(account)) for account in chosen]
    return [task.result() for task in tasks]


async def _account(parts: AccountParts, steps: Steps, *, count: bool) -> AccountReport:
    report = AccountReport(parts.name)
    try:
        steps.reach("connecting")
        report = await _server(parts, report)
        steps.reach("listing")
        tree, notes = await _tree(parts)
        counts = await _counts(parts, tree, steps) if count else {}
        report = replace(report, folders=_folders(tree, counts))
        return replace(report, problems=(*notes, *_waiting(tree), *tree.problems, *_unused(parts.config, tree)))
    except FolderRulesRefused as refused:
        return replace(report, problems=tuple(str(refused).splitlines()), exit_code=refused.exit_code)
    except PostboatError as failure:
        return replace(report, problems=(str(failure),), exit_code=failure.exit_code)
    finally:
        await parts.close()


async def _server(parts: AccountParts, report: AccountReport) -> AccountReport:
    seen = [await _seen(server) for server in parts.servers.values()]
    if not seen:
        return report
    first, *others = seen
    told = replace(
        report, server=first.server, tls=first.tls, certificate=first.certificate, capabilities=first.capabilities
    )
    return replace(told, others=tuple(others))


async def _seen(server: ServerShore) -> ServerReport:
    async with server.pool.session() as session:
        return ServerReport(
            server.config.name,
            session.server,
            session.tls,
            session.certificate,
            tuple(sorted(session.capabilities)),
        )


async def _tree(parts: AccountParts) -> tuple[Tree, Sequence[str]]:
    """The folders of both sides, and what is to be said of the ledger."""
    ledger = await AccountLedger.open(parts.ledger_path, account=parts.name, dry_run=True)
    try:
        return await read_tree(parts, ledger), ledger.notes
    finally:
        await ledger.close()


def _folders(tree: Tree, counts: Mapping[FolderName, int]) -> tuple[FolderReport, ...]:
    """Folders to sync in the order of work, then those left alone."""
    names = tree.names
    told: list[FolderReport] = []
    for task in tree.plan.tasks:
        first = FIRST[task.create]
        remote, local = names.remote_text(task.remote), names.local_text(task.local)
        told.append(FolderReport(remote, local, True, first, counts.get(task.remote)))
    known = {task.remote for task in tree.plan.tasks}
    for alone in tree.plan.left_alone:
        known.add(alone.remote)
        told.append(FolderReport(tree.name_of(alone), "", False, alone.reason))
    for gone in tree.plan.gone:
        known.add(gone.remote)
        told.append(FolderReport(tree.name_of(gone), "", False, GONE[gone.lacking]))
    others = (folder for folder in tree.lists[Side.REMOTE].folders if folder.selectable and folder.name not in known)
    why_not = (lambda _folder: NOTHING_ELSE) if tree.plan.all_gone else _why_not
    told += [FolderReport(names.remote_text(other.name), "", False, why_not(other)) for other in others]
    return tuple(told)


def _why_not(folder: ListedFolder) -> str:
    """Why a folder that the server has is not synced."""
    return "the folder rules leave it out" if folder.subscribed else "not subscribed to (subscribedonly)"


async def _counts(parts: AccountParts, tree: Tree, steps: Steps) -> dict[FolderName, int]:
    """How many messages each folder holds on the server; a folder that does not tell is left out."""
    counts: dict[FolderName, int] = {}
    server = parts.servers.get(Side.REMOTE)
    if server is None:
        return counts
    wires = {folder.name: folder.wire for folder in tree.lists[Side.REMOTE].folders}
    names = [task.remote for task in tree.plan.tasks if task.remote in wires]
    answers = numbers(1)

    async def ask(name: FolderName) -> None:
        async with server.pool.session() as session:
            try:
                counts[name] = (await status(session, wires[name], ("MESSAGES",)))["MESSAGES"]
            except (CommandFailed, KeyError):
                pass
        steps.reach("counting", next(answers), len(names))

    steps.reach("counting", 0, len(names))
    await each(names, ask, width=server.width)
    return counts


def _waiting(tree: Tree) -> Iterator[str]:
    """Deletions that the last run held: the next sync would not carry them out either."""
    held = [one for holds in tree.recorded.held.values() for one in holds if one.verdict is Verdict.WAITING]
    if held:
        count = sum(one.count for one in held)
        many = "1 deletion waits" if count == 1 else f"{count} deletions wait"
        yield f"{many} for your word; `postboat restore` lists what is held, and why"


def _unused(account: AccountConfig, tree: Tree) -> Iterator[str]:
    """Folder rules that match nothing: most likely misspelt."""
    rules: FolderRules = account.remote.rules
    delimiter = tree.lists[Side.REMOTE].delimiter or "/"
    names = [delimiter.join(folder.name.parts) for folder in tree.lists[Side.REMOTE].folders]
    for option, globs in (("include", rules.include), ("exclude", rules.exclude)):
        for glob in globs:
            if not any(fnmatchcase(name, glob) or name == glob for name in names):
                yield f"{option} {glob!r} matches no folder on the server"
    for option, listed in (("folderincludes", rules.folderincludes), ("rename", tuple(rules.rename))):
        for name in listed:
            if name not in names:
                yield f"{option} names {name!r}, which the server does not have"
