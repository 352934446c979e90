"""Runs what the user wants to be done before and after syncs, and when there is new mail.

What a hook does, and whether it fails, is told and changes nothing: mail is synced all the same, as in OfflineIMAP.
Hooks run while nothing of the account is locked, so that they may run Postboat themselves.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from postboat.errors import PostboatError
from postboat.events import AccountFailed, HookRan
from postboat.service.account import sync_account
from postboat.service.hooks.arrivals import FULL, PUSHED, Arrivals, Facts
from postboat.service.hooks.shell import Ran, run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from postboat.config.schema import AccountConfig
    from postboat.events import Event, Publish
    from postboat.service.assemble import AccountParts
    from postboat.service.hooks.desktop import Desktop
    from postboat.service.outcome import Outcome
    from postboat.service.run_options import RunOptions

BEFORE, AFTER, NEW_MAIL = "presynchook", "postsynchook", "newmail_hook"


async def sync_with_hooks(parts: AccountParts, options: RunOptions, publish: Publish) -> int:
    """Sync an account once, as `sync_account` does, with its hooks before and after."""
    hooks = Hooks(parts.config, publish)
    try:
        await hooks.before()
        began = time.monotonic()
        try:
            outcome = await sync_account(parts, options, hooks.publish)
        except Exception as failure:
            if isinstance(failure, PostboatError):
                hooks.learn(AccountFailed(parts.name, str(failure), failure.exit_code))
            await hooks.after(True, None, time.monotonic() - began)
            raise
        await hooks.after(True, outcome, time.monotonic() - began)
        return outcome.exit_code
    finally:
        await hooks.close()


class Hooks:
    """The hooks of one account. What its syncs publish goes through `publish`; hooks are told of one sync at a time."""

    def __init__(
        self,
        account: AccountConfig,
        publish: Publish,
        *,
        environment: Mapping[str, str] = os.environ,
        desktop: Desktop | None = None,
    ) -> None:
        self._account, self._publish, self._environment = account, publish, environment
        self._arrivals = Arrivals(account.name)
        self._desktop = desktop or _desktop(account, publish)
        self._calling = False
        self._is_running = False
        self._echoes = False
        """Whether a look at everything was asked for while a hook ran, probably by that hook."""
        self._is_echo = False
        """Whether the sync that is under way is that look."""

    def asked(self) -> None:
        """Take that a look at everything is asked for.

        One that a hook asks for has hooks of its own only if it changes something: else they would go on for ever.
        """
        self._echoes = self._is_running

    def learn(self, event: Event) -> None:
        """Take note of what happens in the sync that is under way. Never waits, never raises."""
        self._arrivals.learn(event)

    def publish(self, event: Event) -> None:
        """Publish an event, and take note of it. Never waits, never raises."""
        self.learn(event)
        self._publish(event)

    async def before(self) -> None:
        """Run `presynchook`. For syncs of all folders only: what was pushed is not to wait."""
        self._arrivals = Arrivals(self._account.name)
        self._is_echo, self._echoes = self._echoes, False
        if self._account.presynchook and not self._is_echo:
            await self._shell(BEFORE, self._account.presynchook, Facts(self._account.name))

    async def after(self, everything: bool, outcome: Outcome | None, seconds: float) -> None:
        """Tell of new mail, then run `postsynchook`; `outcome` None: the account as a whole could not be synced.

        `postsynchook` is for what changed, and for syncs of all folders that did not fail.
        """
        everything, self._is_echo = everything and not self._is_echo, False
        facts = self._facts(everything, outcome, seconds)
        if facts.unread:
            await self._new_mail(facts)
        if self._account.postsynchook and (facts.changed or (everything and outcome is not None)):
            await self._shell(AFTER, self._account.postsynchook, facts)

    async def close(self) -> None:
        """Leave the desktop's bus."""
        if self._desktop is not None:
            await self._desktop.close()

    def _facts(self, everything: bool, outcome: Outcome | None, seconds: float) -> Facts:
        exit_code = None if outcome is None else outcome.exit_code
        facts = self._arrivals.facts(mode=FULL if everything else PUSHED, exit_code=exit_code, seconds=seconds)
        self._arrivals = Arrivals(self._account.name)
        return facts

    async def _new_mail(self, facts: Facts) -> None:
        if self._desktop is not None:
            await self._desktop.tell(facts.unread)
        hook = self._account.newmail_hook
        if isinstance(hook, str):
            await self._shell(NEW_MAIL, hook, facts)
        elif hook is not None:
            self._tell(NEW_MAIL, await self._call(hook))

    async def _shell(self, hook: str, command: str, facts: Facts) -> None:
        environment = {**self._environment, **facts.environment(hook)}
        within = self._account.hooktimeout
        self._is_running = True
        try:
            ran = await run_command(command, environment, facts.as_json(hook), within=within)
        finally:
            self._is_running = False
        self._tell(hook, ran)

    def _tell(self, hook: str, ran: Ran) -> None:
        self._publish(HookRan(self._account.name, hook, ran.status, ran.seconds, ran.output))

    async def _call(self, function: Callable[[], object]) -> Ran:
        """Call Python, which cannot be ended: when it takes too long it goes on, and is not called again meanwhile."""
        from postboat.config.own_thread import in_own_thread  # here, since most hooks are commands

        if self._calling:
            return Ran(None, "the call before has not ended yet", 0)
        began, limit = time.monotonic(), asyncio.timeout(self._account.hooktimeout)
        status: int | None = 0
        said = ""
        try:
            async with limit:
                await in_own_thread(self._noting(function), NEW_MAIL)
        except Exception as error:  # whatever the user's own code raises
            status, said = 1, f"{type(error).__name__}: {error}"
            if limit.expired():
                status, said = None, f"took longer than {self._account.hooktimeout:g} seconds"
        return Ran(status, said, time.monotonic() - began)

    def _noting(self, function: Callable[[], object]) -> Callable[[], object]:
        def noted() -> object:
            try:
                return function()
            finally:
                self._calling = False

        self._calling = True
        return noted


def _desktop(account: AccountConfig, publish: Publish) -> Desktop | None:
    if not account.notifications:
        return None
    from postboat.service.hooks.desktop import Desktop  # here, since few want to be told

    return Desktop(account.name, publish)
