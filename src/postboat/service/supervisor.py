"""Runs the accounts side by side and adds their fates up to one exit code."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from postboat.errors import PostboatError
from postboat.events import AccountFailed, RunFinished
from postboat.service.account import sync_account
from postboat.service.assemble import assemble, name_sides
from postboat.service.exit_codes import gravest

if TYPE_CHECKING:
    from postboat.config.schema import AccountConfig, Config
    from postboat.config.secrets import Prompter
    from postboat.events import Publish
    from postboat.service.assemble import AccountParts
    from postboat.service.bus import Watch
    from postboat.service.run_options import RunOptions

log = logging.getLogger("postboat.service")
DEFECT = "internal error, which is a defect of Postboat (run again with -d all for its traceback)"
INTERNAL_ERROR = 1


async def run(
    config: Config,
    options: RunOptions,
    publish: Publish,
    prompter: Prompter | None,
    watch: Watch = lambda *_: None,
) -> int:
    """Sync every account once, at most `maxsyncaccounts` at a time; return the exit code."""
    chosen = [account for account in config.accounts if not options.accounts or account.name in options.accounts]
    slots = asyncio.Semaphore(config.maxsyncaccounts)
    prompting = asyncio.Lock()

    async def one(account: AccountConfig) -> int:
        async with slots:
            return await _sync_or_tell(account, config, options, publish, prompter, prompting, watch)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(account), name=f"account {account.name}") for account in chosen]
    code = gravest(task.result() for task in tasks)
    publish(RunFinished(code))
    return code


async def _sync_or_tell(
    account: AccountConfig,
    config: Config,
    options: RunOptions,
    publish: Publish,
    prompter: Prompter | None,
    prompting: asyncio.Lock,
    watch: Watch,
) -> int:
    """Sync one account; a failure that stops it stops no other, not even a defect of our own."""
    try:
        if options.one_way:
            from postboat.service.one_way import one_way  # here, since few runs go one way

            account = one_way(account)
        parts = assemble(account, config, publish, prompter, prompting, dry_run=options.dry_run)
        name_sides(account, publish)
        show(parts, watch)
        if account.has_hooks and not options.dry_run:
            from postboat.service.hooks.hooks import sync_with_hooks  # here, since few have any

            return await sync_with_hooks(parts, options, publish)
        return (await sync_account(parts, options, publish)).exit_code
    except Exception as failure:
        reason, code = in_words(failure)
        if code == INTERNAL_ERROR:
            log.debug("account %s ended by a defect", account.name, exc_info=True)
        publish(AccountFailed(account.name, reason, code))
        return code


def show(parts: AccountParts, watch: Watch) -> None:
    """Let `watch` see an account's connections."""
    if len(parts.servers) == 1:
        (server,) = parts.servers.values()
        watch(parts.name, server.pool, server.shown)
        return
    from postboat.service.lamps import JointLamps  # here, since most accounts have one server

    lamps = [(server.config.name, server.pool, server.shown) for server in parts.servers.values()]
    watch(parts.name, JointLamps(lamps), str)


def in_words(failure: Exception) -> tuple[str, int]:
    """Tell of a failure, and the exit code that it means."""
    if isinstance(failure, PostboatError):
        return str(failure), failure.exit_code
    return f"{DEFECT}: {type(failure).__name__}: {failure}", INTERNAL_ERROR
