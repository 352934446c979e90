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
from postboat.service.assemble import assemble, sides_of
from postboat.service.exit_codes import gravest
from postboat.service.steps import Steps
from postboat.service.tree import read_tree
from postboat.tasks import each
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
    from postboat.values import Sides


NAMES: Mapping[Side, str] = {Side.REMOTE: "the server", Side.LOCAL: "the Maildir"}
"""What the sides are called that are a server and a tree of Maildirs."""
HELD = "though synced before: waits for `postboat confirm` or `postboat restore`"
"""Why a folder is not synced that is gone from one side."""
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
    """How many the remote server has; None when it was not asked."""
    local_messages: int | None = None
    """How many the local one has, if that is a server too; None when it was not asked."""


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
    sides: Sides | None = None
    """What the account's sides are called, if they are both of one kind."""

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
    report = AccountReport(parts.name, sides=sides_of(parts.config))
    try:
        steps.reach("connecting")
        report = await _servers(parts, report)
        if not report.ok:
            return report
        steps.reach("listing")
        tree, notes = await _tree(parts)
        counts = await _counts(parts, tree, steps) if count else {}
        report = replace(report, folders=_folders(parts, tree, counts))
        return replace(report, problems=(*notes, *_waiting(tree), *tree.problems, *_unused(parts, tree)))
    except FolderRulesRefused as refused:
        return replace(report, problems=tuple(str(refused).splitlines()), exit_code=refused.exit_code)
    except PostboatError as failure:
        return replace(report, problems=(str(failure),), exit_code=failure.exit_code)
    finally:
        await parts.close()


async def _servers(parts: AccountParts, report: AccountReport) -> AccountReport:
    """Connect to each, whatever becomes of the other: who set up two wants to know of both."""
    failures: list[PostboatError] = []
    for side, server in parts.servers.items():
        try:
            report = _with(report, side, await _seen(server))
        except PostboatError as failure:
            failures.append(failure)
    if not failures:
        return report
    code = gravest(failure.exit_code for failure in failures)
    return replace(report, problems=tuple(map(str, failures)), exit_code=code)


def _with(report: AccountReport, side: Side, seen: ServerReport) -> AccountReport:
    if side is Side.LOCAL:
        return replace(report, others=(seen,))
    return replace(
        report, server=seen.server, tls=seen.tls, certificate=seen.certificate, capabilities=seen.capabilities
    )


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


Counted = tuple[Side, "FolderName"]
"""A folder of one side, by its name there."""


def _folders(parts: AccountParts, tree: Tree, counts: Mapping[Counted, int]) -> tuple[FolderReport, ...]:
    """Folders to sync in the order of work, then those left alone."""
    names, called = tree.names, _called(parts)
    told: list[FolderReport] = []
    for task in tree.plan.tasks:
        first = "" if task.create is None else f"would be created {parts.where[task.create]}"
        remote, local = names.remote_text(task.remote), names.local_text(task.local)
        many = (counts.get((side, task.on(side))) for side in (Side.REMOTE, Side.LOCAL))
        told.append(FolderReport(remote, local, True, first, *many))
    known = {task.remote for task in tree.plan.tasks}
    for alone in tree.plan.left_alone:
        known.add(alone.remote)
        told.append(FolderReport(tree.name_of(alone), "", False, alone.reason))
    for gone in tree.plan.gone:
        known.add(gone.remote)
        told.append(FolderReport(tree.name_of(gone), "", False, f"gone from {called[gone.lacking]}, {HELD}"))
    others = (folder for folder in tree.lists[Side.REMOTE].folders if folder.selectable and folder.name not in known)
    why_not = (lambda _folder: NOTHING_ELSE) if tree.plan.all_gone else _why_not
    told += [FolderReport(names.remote_text(other.name), "", False, why_not(other)) for other in others]
    return (*told, *_only_local(parts, tree))


def _only_local(parts: AccountParts, tree: Tree) -> Iterator[FolderReport]:
    """Folders that the local one of two equal sides has, and that are not synced."""
    if sides_of(parts.config) is None or tree.plan.all_gone:
        return
    known = {task.local for task in tree.plan.tasks}
    known |= {alone.local for alone in tree.plan.left_alone} | {gone.local for gone in tree.plan.gone}
    for folder in tree.lists[Side.LOCAL].folders:
        if folder.selectable and folder.name not in known:
            why = f"only {parts.where[Side.LOCAL]}, and {_why_not(folder)}"
            yield FolderReport(tree.names.local_text(folder.name), "", False, why)


def _called(parts: AccountParts) -> Mapping[Side, str]:
    """What the sides are called."""
    return NAMES if sides_of(parts.config) is None else {side: parts.config.on(side).name for side in Side}


def _why_not(folder: ListedFolder) -> str:
    """Why a folder that one side has is not synced."""
    return "the folder rules leave it out" if folder.subscribed else "not subscribed to (subscribedonly)"


async def _counts(parts: AccountParts, tree: Tree, steps: Steps) -> dict[Counted, int]:
    """How many messages each folder holds on its server; a folder that does not tell is left out."""
    counts: dict[Counted, int] = {}
    wires = {(side, folder.name): folder.wire for side in parts.servers for folder in tree.lists[side].folders}
    wanted = [(side, task.on(side)) for task in tree.plan.tasks for side in parts.servers]
    folders = [folder for folder in wanted if folder in wires]
    answers = numbers(1)

    async def ask(folder: Counted) -> None:
        async with parts.servers[folder[0]].pool.session() as session:
            try:
                counts[folder] = (await status(session, wires[folder], ("MESSAGES",)))["MESSAGES"]
            except (CommandFailed, KeyError):
                pass
        steps.reach("counting", next(answers), len(folders))

    if folders:
        steps.reach("counting", 0, len(folders))
        await each(folders, ask, width=sum(server.width for server in parts.servers.values()))
    return counts


def _waiting(tree: Tree) -> Iterator[str]:
    """Deletions that the last run held: the next sync would not carry them out either."""
    held = [one for holds in tree.recorded.held.values() for one in holds if one.verdict is Verdict.WAITING]
    if held:
        count = sum(one.count for one in held)
        many = "1 deletion waits" if count == 1 else f"{count} deletions wait"
        yield f"{many} for your word; `postboat restore` lists what is held, and why"


def _unused(parts: AccountParts, tree: Tree) -> Iterator[str]:
    """Folder rules that match nothing, neither what is there nor what would be made: most likely misspelt."""
    for side in (Side.REMOTE, Side.LOCAL):
        called, where = _called(parts)[side], parts.where[side]
        rules: FolderRules = parts.config.on(side).rules
        delimiter, there = tree.lists[side].delimiter or "/", [folder.name for folder in tree.lists[side].folders]
        names = [delimiter.join(name.parts) for name in (*there, *(task.on(side) for task in tree.plan.tasks))]
        for option, globs in (("include", rules.include), ("exclude", rules.exclude)):
            for glob in globs:
                if not any(fnmatchcase(name, glob) or name == glob for name in names):
                    yield f"{option} {glob!r} matches no folder {where}"
        for option, listed in (("folderincludes", rules.folderincludes), ("rename", tuple(rules.rename))):
            for name in listed:
                if name not in names:
                    yield f"{option} names {name!r}, which {called} does not have"
