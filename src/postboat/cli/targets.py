"""`ACCOUNT[:FOLDER]`: what `confirm` and `restore` are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.config.load import account_names
from postboat.errors import ConfigError
from postboat.service.known_folders import understand_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.cli.arguments import Usage
    from postboat.service.known_folders import Target


def understand(usage: Usage) -> list[Target]:
    """Take the words apart, and let `usage.accounts` name their accounts; with `-a`, others are not thought of.

    Raises `ConfigError` for each account that there is not.
    """
    known = account_names(usage.config)
    names = [name for name in known if not usage.accounts or name in usage.accounts]
    problems: list[str] = []
    targets = [target for word in usage.targets if (target := _target(word, names, problems)) is not None]
    if problems and known:
        raise ConfigError(problems)
    usage.accounts = tuple(dict.fromkeys(target.account for target in targets)) or usage.accounts
    return targets


def _target(word: str, names: Sequence[str], problems: list[str]) -> Target | None:
    try:
        return understand_target(word, names)
    except ConfigError as error:
        problems += error.problems
        return None
