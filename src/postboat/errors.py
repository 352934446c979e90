"""Failures, named for what they stop. The level that catches is the level in the name.

```
PostboatError
├─ ConfigError        stops the program before it touches anything (exit 2)
├─ AccountError       stops one account: ServerUnreachable (4), SignInRefused (5), CertificateRefused (4),
│                     FolderRulesRefused (2), LedgerLocked (7), StoreMissing (3)
├─ AlreadyServed      stops a second run that would go on (7)
├─ ControlUnusable    stops a run that goes on: nobody could control it
├─ ConnectionLost     stops the work on one connection; what was under way is in an unknown state
├─ FolderError        stops one folder: FolderGone, NoLastingKeys, KeysRenewed
└─ MessageError       stops one message
```
Each says in `retry` when trying again makes sense: later, or never without the user doing something.
"""

from __future__ import annotations

from enum import Enum


class Retry(Enum):
    """When trying again makes sense."""

    LATER = "later"
    NEVER = "never"


class PostboatError(Exception):
    """Any failure that Postboat foresees. Its text says what, where and what to do; no traceback is shown."""

    retry = Retry.LATER
    exit_code = 3


class ConfigError(PostboatError):
    """The configuration is wrong. `problems` holds one complete line for each mistake."""

    retry = Retry.NEVER
    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class AccountError(PostboatError):
    """One account cannot go on; others can."""


class ServerUnreachable(AccountError):
    """No connection: name resolution, refused, timeout, TLS handshake, BYE as greeting."""

    exit_code = 4


class CertificateRefused(AccountError):
    """The server's certificate is not to be trusted, or TLS is required and not to be had."""

    retry = Retry.NEVER
    exit_code = 4


class SignInRefused(AccountError):
    """The server refused the user name or the password, or there was none to offer."""

    retry = Retry.NEVER
    exit_code = 5


class FolderRulesRefused(AccountError):
    """The folder rules would map two folders to one name, to an illegal name, or cannot be inverted.

    The cause may be the rules or a stray directory among the Maildirs: the text says what to do about either.
    """

    retry = Retry.NEVER
    exit_code = 2


class LedgerLocked(AccountError):
    """Another run of Postboat works on this account."""

    exit_code = 7


class LedgerUnusable(AccountError):
    """The ledger cannot be opened or written: disk full, no permission, damaged, from a newer version."""


class StoreMissing(AccountError):
    """The root of the Maildirs that were there before is missing: perhaps a disk is not mounted."""


class AlreadyServed(PostboatError):
    """A run that goes on is at work with this configuration already."""

    exit_code = 7


class ControlUnusable(PostboatError):
    """There is no safe place for the socket over which a run that goes on is controlled."""


class ConnectionLost(PostboatError):
    """The connection broke. Whether commands without an answer were carried out is unknown."""


class CommandFailed(PostboatError):
    """A command got NO or BAD; `status` is the word, `code` the response code's name in capitals or ""."""

    def __init__(self, command: str, status: str, text: str, code: str = "") -> None:
        super().__init__(f"{command}: {status} {text}".rstrip())
        self.command, self.status, self.text, self.code = command, status, text, code


class FolderError(PostboatError):
    """One folder cannot be synced; the others can."""


class FolderGone(FolderError):
    """The folder vanished between the listing and the work on it."""


class ValidityChanged(FolderError):
    """The folder's messages are not named as was said of it in this run: it is looked at anew, once."""


class NoLastingKeys(FolderError):
    """The server says that its names of messages hold no longer than a connection."""


class KeysRenewed(FolderError):
    """The names of messages may mean other messages than before: what was agreed on must prove true, or is void."""


class MessageError(PostboatError):
    """One message cannot be copied; the others can. `passing` says that it may well be over by the next run."""

    def __init__(self, text: str, *, passing: bool = False) -> None:
        super().__init__(text)
        self.passing = passing
