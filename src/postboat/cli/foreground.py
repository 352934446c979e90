"""A face in a process of its own that one command starts together with the run that it shows."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from postboat import __version__
from postboat.errors import ConfigError, PostboatError
from postboat.service.control.request import understand
from postboat.status import ServiceStatus
from postboat.ui.apart.apart import Apart
from postboat.ui.apart.words import only_when_it_goes_on
from postboat.ui.link import CannotShow
from postboat.ui.shell import joined

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from postboat.config.schema import Config
    from postboat.service.control.server import Controls
    from postboat.ui.faces import Choice
    from postboat.ui.words import Manner


class Refused(PostboatError):
    """It is not to be had of this run."""


class Foreground:
    """Starts the face, and does what its user asks of the run."""

    def __init__(self, config: Config, manner: Manner, *, goes_on: bool) -> None:
        self._config, self._manner, self._goes_on = config, manner, goes_on
        self.controls: Controls | None = None
        """The run, once it is there, if it goes on until it is stopped."""
        self._begun: Apart | None = None

    @contextmanager
    def begun(self, choice: Choice) -> Iterator[None]:
        """Start the face without waiting for it, as there is much else to do; leave nothing of it behind in the end."""
        with suppress(CannotShow):  # which is told when the face is waited for
            self._begin(choice)
        try:
            yield
        finally:
            if self._begun is not None:
                self._begun.close()

    async def face(self, choice: Choice) -> tuple[Choice, Apart | None]:
        """Wait for the face, or for the next that can start; None when that is one of our own process.

        Raises `ConfigError` when there is none.
        """
        while choice.apart:
            try:
                if self._begun is None:
                    self._begin(choice)
                assert self._begun is not None
                await self._begun.ready()
            except CannotShow as refusal:
                self._begun = None
                choice = choice.instead(str(refusal))
            else:
                return choice, self._begun
        return choice, None

    def _begin(self, choice: Choice) -> None:
        from postboat.ui.prompt import Terminal

        apart = Apart(
            choice.name,
            self._manner,
            ServiceStatus(os.getpid(), __version__, time.time(), str(self._config.source)),
            goes_on=self._goes_on,
            ask=self.ask,
            terminal=Terminal() if choice.place.stdin else None,
        )
        apart.begin()
        self._begun = apart

    async def ask(self, facts: Mapping[str, Any]) -> None:
        """Do what is asked for, in the words of the control socket. Raises `PostboatError` that says why not."""
        if not self._goes_on:
            self._ask_of_single(str(facts["do"]), facts)
        elif self.controls is None:
            raise Refused("it is only just beginning")
        else:
            await self._ask_of_lasting(self.controls, facts)

    async def _ask_of_lasting(self, controls: Controls, facts: Mapping[str, Any]) -> None:
        request = understand(json.dumps(facts).encode(), controls.status.accounts)
        match request.do:
            case "now":
                controls.now(request.targets)
            case "pause" | "resume" as verb:
                getattr(controls, verb)(request.accounts)
            case "confirm":
                await controls.confirm(request.targets, request.verdict)
            case "reload":
                if problems := await controls.reload():
                    raise ConfigError(list(problems))
            case "stop":
                controls.stop(finish=request.finish)

    def _ask_of_single(self, do: str, facts: Mapping[str, Any]) -> None:
        from postboat.cli.run import end

        if do == "stop":
            end(signal.SIGTERM)
            return
        command = f"{self._manner.program} {joined([do, *map(str, facts.get('targets', ()))])}"
        raise Refused(only_when_it_goes_on(do, command))
