"""What every event has: for `postboat.events`, where all of them are found."""

from __future__ import annotations

from postboat.values import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that happened."""


@dataclass(frozen=True, slots=True)
class AccountEvent(Event):
    """Something that happened to an account."""

    account: str


@dataclass(frozen=True, slots=True)
class FolderEvent(AccountEvent):
    """Something that happened to a folder, named as the remote side names it."""

    folder: str
