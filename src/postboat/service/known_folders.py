"""An account's folders as the ledger knows them, by the names that its user writes: without a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.config.document import did_you_mean
from postboat.config.schema import MaildirConfig
from postboat.errors import ConfigError
from postboat.imap.memory import ServerMemory
from postboat.model import Side
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from postboat.config.schema import AccountConfig
    from postboat.ledger.ledger import AccountLedger
    from postboat.model import FolderName


@dataclass(frozen=True, slots=True)
class Target:
    """What a command is about: an account, or one folder of it as events name it."""

    account: str
    folder: str = ""
    """Empty: all of them."""

    def __str__(self) -> str:
        return f"{self.account}:{self.folder}" if self.folder else self.account


def understand_target(word: str, accounts: Collection[str]) -> Target:
    """Take `ACCOUNT[:FOLDER]` apart. Raises `ConfigError` that names the accounts there are."""
    found = [name for name in accounts if word == name or word.startswith(f"{name}:")]
    if len(found) == 1:
        return Target(found[0], word[len(found[0]) + 1 :])
    if found:
        ways = " or ".join(f"-a {name}" for name in found)
        raise ConfigError([f"{word}: may mean a folder of one account or another; say which by {ways}"])
    name = word.partition(":")[0]
    hint = did_you_mean(name, accounts) or f"; there are {', '.join(accounts) or 'none'}"
    raise ConfigError([f"{word}: there is no account {name}{hint}"])


@dataclass(frozen=True, slots=True)
class KnownFolders:
    """Folders that were synced before, by their remote names."""

    local: Mapping[FolderName, FolderName]
    """Remote name to local name."""
    delimiter: str

    @classmethod
    async def read(cls, ledger: AccountLedger, account: AccountConfig) -> KnownFolders:
        """Take them from the ledger, and what stands between the levels of a name from what the last run learnt."""
        known = {folder.remote: folder.local for folder in await ledger.known()}
        if isinstance(account.remote, MaildirConfig):
            return cls(known, account.remote.sep)
        memory = ServerMemory()
        memory.restore(await ledger.remembered(Side.REMOTE))
        return cls(known, memory.delimiter or "/")

    def text(self, remote: FolderName) -> str:
        """A remote name as events show it."""
        return self.delimiter.join(remote.parts)

    def remote(self, local: FolderName) -> FolderName:
        """What a local folder is called on the server: the same, as far as nothing else is known."""
        return next((remote for remote, name in self.local.items() if name == local), local)

    def find(self, target: Target, others: Iterable[FolderName] = ()) -> FolderName:
        """The folder that is meant, among the known ones and `others`. Raises `ConfigError` when there is none."""
        names = {*self.local, *others}
        spelt = sorted((name for name in names if _is_spelt(target.folder, name)), key=lambda name: len(name.parts))
        if spelt:
            return spelt[0]  # where a level's name holds the separator of another reading, that one is not the server's
        hint = did_you_mean(target.folder, map(self.text, names))
        told = hint or "; `postboat folders` lists all there are"
        raise ConfigError([f"{target}: account {target.account} has not synced a folder {target.folder}{told}"])


def _is_spelt(text: str, name: FolderName) -> bool:
    """Whether a text is the name's levels with any one character between them: not every server's is known."""
    first = name.parts[0]
    between = text[len(first) : len(first) + 1] if len(name.parts) > 1 else "/"
    if name.is_inbox:
        return text.upper() == first
    return bool(between) and between.join(name.parts) == text
