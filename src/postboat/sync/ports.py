"""What syncing asks of the world. `imap.mailbox` and `maildir.mailbox` are replicas, `ledger.ledger` is the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from postboat.model import (
        Aside,
        Changes,
        Content,
        Fingerprint,
        Flags,
        Glance,
        Gone,
        Held,
        Intent,
        Key,
        Marked,
        Pairing,
        Reflagging,
        Refused,
        Side,
        Stored,
        Unreadable,
        Unsettled,
    )


class Agreed(Protocol):
    """One side's view of what the ledger holds for its folder. Reading costs only what is asked for."""

    @property
    def validity(self) -> str | None:
        """What `Replica.validity` was when the pairings were made; None for a folder never synced."""
        ...

    @property
    def checkpoint(self) -> str | None:
        """What this side's replica last returned as `Changes.checkpoint`, if all that it covers was applied."""
        ...

    async def count(self) -> int:
        """How many pairings there are."""
        ...

    async def flags(self) -> Mapping[Key, Flags]:
        """Agreed flags of every paired message, by this side's key."""
        ...

    async def flags_of(self, keys: Collection[Key]) -> Mapping[Key, Flags]:
        """Agreed flags of those of `keys` that are paired."""
        ...

    async def marks(self, keys: Collection[Key]) -> Mapping[Key, str]:
        """Marks of the paired messages in `keys` (`Message.mark`)."""
        ...


class Replica(Protocol):
    """One side of a folder.

    Errors of one message are values in what is returned (`Refused`, `Unreadable`); an error of the folder is raised
    as `FolderError`, a broken connection as `ConnectionLost`, an error of the whole side as `AccountError`.
    """

    @property
    def reads_freely(self) -> bool:
        """Whether its messages are at hand, so that reading one costs no transfer, not even of its header.

        A look that is not complete leaves out there only what is known; elsewhere it may have missed anything.
        """
        ...

    @property
    def arrives_late(self) -> bool:
        """Whether what was being stored when the connection broke may still come to be there afterwards."""
        ...

    @property
    def numbers_in_order(self) -> bool:
        """Whether readers see its messages in the order in which they were stored (UIDs, RFC 3501 section 2.3.1.1)."""
        ...

    @property
    def checkpoints_only_grow(self) -> bool:
        """Whether no checkpoint ever comes true again once anything has changed.

        UIDNEXT and HIGHESTMODSEQ only grow. The times of directories can be set back by whoever restores a backup, and
        so must not vouch for what a run has changed since.
        """
        ...

    async def validity(self) -> str:
        """Identity of the message keys: while it stays equal, a key names the same message for ever.

        IMAP: UIDVALIDITY. Maildir: an identifier kept in the folder. A folder that does not exist yet
        (dry run) answers "" and is empty.
        """
        ...

    async def changes(self, agreed: Agreed) -> Changes:
        """Look, and report what differs from what was agreed.

        Raises `KeysRenewed` when keys may have been given out anew although the validity stayed.
        """
        ...

    async def fingerprints(self, keys: Collection[Key]) -> Mapping[Key, Fingerprint]:
        """Fingerprints of messages, for pairing twins; keys that vanished are left out."""
        ...

    async def glances(self, keys: Collection[Key]) -> Mapping[Key, Glance]:
        """As `fingerprints`, at a small part of the cost; what has none is left out, too."""
        ...

    async def headers(self, keys: Collection[Key]) -> Mapping[Key, bytes]:
        """What the headers of messages say of sender, subject and date, for showing; what cannot be read is left out.

        Only the fields From, Subject and Date need be there; lines end in CRLF.
        """
        ...

    def read(self, keys: Sequence[Key]) -> AsyncIterator[Content | Gone | Unreadable]:
        """Yield every message of `keys` once, in any order."""
        ...

    async def intend(self, contents: Sequence[Content]) -> Sequence[str]:
        """Tokens by which `find` can later tell whether `store` of each content took place. Changes nothing."""
        ...

    async def store(self, contents: Sequence[Content], tokens: Sequence[str]) -> Sequence[Stored | Refused | Unsettled]:
        """Store contents durably under their flags and dates; outcomes in the order of `contents`.

        Outcomes name a content by its key at the origin.

        Raises `ConnectionLost` when some outcome is unknown: the intents then tell.
        """
        ...

    async def find(self, intents: Sequence[Intent], paired: Collection[Key] = ()) -> Mapping[Key, Stored | Unsettled]:
        """Of an interrupted run's intents, those that took place, by origin.

        `Unsettled` is one that is stored for sure (its token is that of an earlier `Unsettled`) and not found.

        Messages already `paired` are none of them: an identical one may be.
        """
        ...

    async def reflag(self, reflaggings: Sequence[Reflagging]) -> Sequence[Refused | Gone]:
        """Add and remove flags. Returns what was refused, and which messages are gone: no error, but no agreement."""
        ...

    async def delete(self, keys: Sequence[Key], *, expunge: bool) -> Sequence[Refused | Marked]:
        r"""Remove messages; one already gone is no error. Returns those that were not removed.

        On a server, `expunge=False` only marks them \Deleted, and so does one without UIDPLUS when other
        messages are marked too: those are returned as `Marked`. A Maildir removes them in either case.
        """
        ...

    def weight(self, mark: str) -> int | None:
        """Octets of a message as this side keeps it, as its mark tells; None when it does not.

        For choosing which messages are worth comparing, never for calling two of them equal.
        """
        ...

    async def intend_move(self, keys: Collection[Key], to: Self) -> Mapping[Key, str]:
        """Tokens by which `to.find` can later tell whether `move` of each message took place, by its key here.

        As `to.intend` would make them, but without the messages at hand: a server asks itself for their headers. What
        cannot be asked for is left out. Changes nothing.
        """
        ...

    async def move(
        self, keys: Sequence[Key], to: Self, tokens: Sequence[str]
    ) -> Sequence[Stored | Unsettled | Refused | Gone]:
        """Move messages to another folder of the same side, with their flags and dates and without a transfer.

        Outcomes in the order of `keys`, whose names in `to` are in `Stored`. `tokens` are what `intend_move` or
        `to.intend` made of the same messages. A side that can only copy says so (`Stored.copied`) and deletes nothing:
        that is for `delete`, later. What is `Refused` is where it was, also when this side can neither move nor copy.
        Raises `ConnectionLost` when some outcome is unknown: the intents then tell.
        """
        ...


class FolderLedger(Protocol):
    """What both sides of one folder last agreed on. Every method is one complete transaction."""

    def agreed(self, side: Side) -> Agreed:
        """The view of one side."""
        ...

    async def open(self, validity: Mapping[Side, str]) -> bool:
        """Check the validities against the recorded ones, writing them when they are new.

        When a recorded validity differs, all pairings, intents, asides, holds and checkpoints of the folder are
        dropped (their keys mean nothing any more) and the new validities recorded. Returns False in that case,
        else True. An empty validity (folder does not exist yet) matches anything and is not written.
        """
        ...

    async def start_over(self) -> None:
        """Drop all pairings, intents, asides, holds and checkpoints of the folder, keeping its validities."""
        ...

    async def held(self) -> Sequence[Held]:
        """The deletions that were held in this folder, at most one entry for each side, with the user's verdict."""
        ...

    async def hold(self, on: Side, held: Held | None) -> None:
        """Write down what is held on a side in the place of what was; None: nothing is any more."""
        ...

    async def asides(self) -> Sequence[Aside]:
        """The copies that were put aside and have not succeeded since."""
        ...

    async def put_aside(self, asides: Sequence[Aside], taken_back: Sequence[Aside] = ()) -> None:
        """Write down copies that failed, in the place of those of the same origin, and drop those `taken_back`."""
        ...

    async def pairings(self, side: Side, keys: Collection[Key]) -> Mapping[Key, Pairing]:
        """The pairings of messages that `side` calls `keys`."""
        ...

    async def intents(self) -> Sequence[Intent]:
        """Copies begun and not recorded: left by a run that was interrupted."""
        ...

    async def intend(self, intents: Sequence[Intent]) -> None:
        """Write down copies that are about to be made."""
        ...

    async def record(
        self,
        *,
        pairings: Sequence[Pairing] = (),
        forget: Sequence[Pairing] = (),
        settled: Sequence[Intent] = (),
    ) -> None:
        """In one transaction: forget, then write pairings (replacing those with a same key), then drop intents."""
        ...

    async def save_checkpoints(self, checkpoints: Mapping[Side, str | None]) -> None:
        """Remember how the next look can be cheap. Called last, when all that they cover was applied."""
        ...
