"""`ACCOUNT[:FOLDER]`: what `confirm` and `restore` are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.config.document import did_you_mean
from postboat.config.load import account_names
from postboat.errors import ConfigError
from postboat.service.known_folders import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.cli.arguments import Usage


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
    found = [name for name in names if word == name or word.startswith(f"{name}:")]
    if len(found) == 1:
        return Target(found[0], word[len(found[0]) + 1 :])
    if found:
        ways = " or ".join(f"-a {name}" for name in found)
        problems.append(f"{word}: may mean a folder of one account or another; say which by {ways}")
    else:
        name = word.partition(":")[0]
        hint = did_you_mean(name, names) or f"; there are {', '.join(names) or 'none'}"
        problems.append(f"{word}: there is no account {name}{hint}")
    return None
