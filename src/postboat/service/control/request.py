"""What a guest of the control socket may ask for: one line of JSON, understood or refused with what there is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from postboat.errors import ConfigError
from postboat.model import Verdict
from postboat.service.known_folders import Target, understand_target
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection

VERBS = ("status", "follow", "now", "pause", "resume", "confirm", "restore", "reload", "stop")
TARGETS = 1000
"""How many targets a request may have."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    do: str
    """One of `VERBS`, but for `restore`, which is a `confirm` with another verdict."""
    targets: tuple[Target, ...] = ()
    follow: bool = False
    """With `now`: tell what happens from then on."""
    finish: bool = False
    """With `stop`: once the syncs under way are done."""
    verdict: Verdict = Verdict.CONFIRMED
    lights: bool = False
    """With `follow`: tell also what connections do."""

    @property
    def accounts(self) -> tuple[str, ...]:
        """The accounts that the targets name, each once."""
        return tuple(dict.fromkeys(target.account for target in self.targets))


def understand(line: bytes, accounts: Collection[str]) -> Request:
    """Read a request to a run of `accounts`. Raises `ConfigError` that says what can be asked for."""
    facts = _object(line)
    verb = facts.get("do")
    if verb not in VERBS:
        raise ConfigError([f"{verb!r:.60}: no such request; there are {', '.join(VERBS)}"])
    words = facts.get("targets", [])
    if not isinstance(words, list) or len(words) > TARGETS or not all(isinstance(word, str) for word in words):
        raise ConfigError([f"targets: must be a list of at most {TARGETS} texts like ACCOUNT or ACCOUNT:FOLDER"])
    targets = tuple(understand_target(word, accounts) for word in words)
    if verb in ("pause", "resume") and (folders := [target for target in targets if target.folder]):
        raise ConfigError([f"{folders[0]}: only whole accounts can {verb}, such as {folders[0].account}"])
    if verb in ("confirm", "restore") and not targets:
        raise ConfigError([f"{verb}: needs targets like ACCOUNT or ACCOUNT:FOLDER"])
    verdict = Verdict.RESTORE if verb == "restore" else Verdict.CONFIRMED
    do = "confirm" if verb == "restore" else verb
    follow, finish, lights = (facts.get(name) is True for name in ("follow", "finish", "lights"))
    return Request(do, targets, follow, finish, verdict, lights)


def _object(line: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(line)
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise ConfigError(['a request is one line of JSON such as {"do": "status"}'])
    return facts
