"""A mailbox on an IMAP server as a replica: one side of a folder pair (`sync.ports.Replica`).

Every method borrows a session of the pool for as long as it runs and no longer; a UIDVALIDITY that changes between
two of them ends the work on the folder.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from postboat.errors import FolderGone, KeysRenewed, NoLastingKeys
from postboat.imap.appending import Window
from postboat.imap.looks.look import known_already, look
from postboat.imap.marking import change_flags, remove
from postboat.imap.moving import CANNOT, Moving
from postboat.imap.opening import Opening
from postboat.imap.patience import patiently
from postboat.imap.reading import fingerprints_of, glances_of, headers_of, read_messages
from postboat.imap.recover import Token, find_stored, next_uid, token_for, tokens_of
from postboat.imap.unstable import VALIDITY, UnstableMailbox
from postboat.imap.uploads import NOT_FOUND, Uploads
from postboat.model import Changes, Refused, Stored, Unsettled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from postboat.imap.looks.look import Agreed
    from postboat.imap.opening import Told
    from postboat.imap.patience import Patience
    from postboat.imap.pool import Pool
    from postboat.imap.session import Session
    from postboat.imap.shelving import Shelf
    from postboat.model import (
        Content,
        Fingerprint,
        Glance,
        Glimpse,
        Gone,
        Intent,
        Key,
        Marked,
        Reflagging,
        Unreadable,
    )


class ImapMailbox:
    """One mailbox, for one run.

    `name` is its wire name. `read_only` opens it with EXAMINE. With `may_be_missing` a mailbox that is not there is an
    empty one without validity, as a dry run needs it; else it raises `FolderGone`. `owner` says whose mailbox it is,
    in any words that stay the same: another user or server may have a folder of equal name and UIDVALIDITY. `glimpse`
    is what a list of folders told: its validity holds for the run, and need not be asked for. `alone` reads over
    sessions of its own (`Opening`). With `spool`, a directory, a large message is read into a file there before it is
    handed out. `shelf` gets what is to be removed. `warn` is told when no UID lasts, so that it is only read
    (`UnstableMailbox`).
    """

    def __init__(
        self,
        pool: Pool[Session],
        name: str,
        *,
        read_only: bool = False,
        may_be_missing: bool = False,
        owner: str = "",
        glimpse: Glimpse | None = None,
        alone: bool = False,
        spool: Path | None = None,
        shelf: Shelf | None = None,
        warn: Callable[[str], None] = lambda _text: None,
    ) -> None:
        told = glimpse.validity.partition(" ")[0] if glimpse is not None else ""
        self._opening = Opening(pool, name, read_only=read_only, validity=told or None, alone=alone)
        self._may_be_missing = may_be_missing
        self._owner = owner
        self._sizes: dict[int, int] = {}
        """Sizes of messages that a look showed, in octets."""
        self._given: set[int] = set()
        """UIDs that were given to copies in this run; none is given twice."""
        self._copied: set[int] = set()
        """UIDs of messages that were copied to where they are moved: deleting them here loses nothing."""
        self._window = Window()
        self._spool, self._shelf = spool, shelf
        self._warn = warn
        self._unstable: UnstableMailbox | None = None
        """Takes over when no UID lasts."""

    @property
    def reads_freely(self) -> bool:
        """False: what is read comes over the wire."""
        return False

    @property
    def arrives_late(self) -> bool:
        """True: the server may still be at work on what it received before a connection broke."""
        return True

    @property
    def numbers_in_order(self) -> bool:
        """True: UIDs ascend, and many readers sort by them."""
        return True

    @property
    def checkpoints_only_grow(self) -> bool:
        """True: UIDNEXT and HIGHESTMODSEQ do (RFC 3501 section 2.3.1.1, RFC 7162 section 3.1.1)."""
        return True

    @property
    def patience(self) -> Patience:
        """The pauses that the account keeps."""
        return self._opening.patience

    def tell(self, told: Told) -> None:
        """Let `told` hear how far long looks are: how many messages were looked at, of how many."""
        self._opening.told = told

    async def validity(self) -> str:
        """UIDVALIDITY (RFC 3501 section 2.3.1.1) and the owner; "" for a mailbox that is missing and may be."""
        try:
            number = VALIDITY if self._unstable else await self._uidvalidity()
        except NoLastingKeys as reason:
            self._only_read(reason)
            number = VALIDITY
        return f"{number} {self._owner}" if number and self._owner else number

    def _only_read(self, reason: NoLastingKeys) -> None:
        self._unstable = UnstableMailbox(self._opening)
        self._warn(f"{self._opening.name}: {reason}; mail is only fetched from there, and nothing is deleted for it")

    @patiently
    async def _uidvalidity(self) -> str:
        """UIDVALIDITY alone, as tokens hold it."""
        try:
            return self._opening.validity or await self._opening.begin()
        except FolderGone:
            if not self._may_be_missing:
                raise
            return ""

    @patiently
    async def changes(self, agreed: Agreed) -> Changes:
        """Find out what differs from what was agreed, in the way that the server allows (`looks.look`).

        Raises `KeysRenewed` when UIDs may have been given out anew under the old UIDVALIDITY, and when none lasts
        though a list of folders told a UIDVALIDITY.
        """
        if self._unstable:
            return await self._unstable.changes(agreed)
        begun = self._opening.use_begun()
        try:
            async with self._opening.lent() as session:
                found = await known_already(session, begun, agreed) if begun is not None else None
                changes = found or await look(session, self._opening, agreed)
        except FolderGone:
            if not self._may_be_missing:
                raise
            return Changes()
        except NoLastingKeys as reason:
            self._only_read(reason)
            raise KeysRenewed(str(reason)) from reason
        appeared = changes.appeared.items()
        self._sizes |= {int(key): message.size for key, message in appeared if message.size is not None}
        return changes

    @patiently
    async def fingerprints(self, keys: Collection[Key]) -> Mapping[Key, Fingerprint]:
        """Digests of headers, and sizes as the server states them, of what a fresh look still finds."""
        if self._unstable:
            return await self._unstable.fingerprints(keys)
        if not keys:
            return {}
        async with self._opening.opened(fresh=True) as (session, _):
            return await fingerprints_of(session, sorted(map(int, keys)), self._opening.told)

    @patiently
    async def glances(self, keys: Collection[Key]) -> Mapping[Key, Glance]:
        """Sizes, dates and Message-IDs of what a fresh look still finds; of nothing where no UID lasts."""
        if self._unstable or not keys:
            return {}
        async with self._opening.opened(fresh=True) as (session, _):
            return await glances_of(session, sorted(map(int, keys)), self._opening.told)

    @patiently
    async def headers(self, keys: Collection[Key]) -> Mapping[Key, bytes]:
        """Sender, subject and date of messages; what is gone or refused is left out."""
        if self._unstable:
            return await self._unstable.headers(keys)
        if not keys:
            return {}
        async with self._opening.opened() as (session, _):
            return await headers_of(session, sorted(map(int, keys)))

    async def read(self, keys: Sequence[Key]) -> AsyncIterator[Content | Gone | Unreadable]:
        """Yield small messages once all of them came, then each large one as a stream.

        No session is kept while a small message is handed out; one is while a stream is consumed that is not spooled.
        """
        if self._unstable:
            reading = self._unstable.read(list(dict.fromkeys(keys)))
        else:
            reading = read_messages(self._opening, self._sizes, list(dict.fromkeys(map(int, keys))), self._spool)
        async with aclosing(reading) as items:
            async for item in items:
                yield item

    def weight(self, mark: str) -> int | None:
        """None: a server's marks tell nothing of a message's size."""
        return None

    async def intend(self, contents: Sequence[Content]) -> Sequence[str]:
        """Tokens that hold a UID below which the message cannot be stored and how it can be recognised.

        That UID costs a round trip only where what is stored has to be found by it, without UIDPLUS.
        """
        floor = self._opening.floor or await self._next_uid()
        validity = await self._uidvalidity()
        return [(await token_for(content, validity, floor)).encode() for content in contents]

    @patiently
    async def _next_uid(self) -> int:
        async with self._opening.opened(fresh=True, writing=True) as (session, selected):
            return await next_uid(session, selected)

    async def store(self, contents: Sequence[Content], tokens: Sequence[str]) -> Sequence[Stored | Refused | Unsettled]:
        """APPEND each content; `FolderGone` when the mailbox is no more."""
        noted = [Token.decode(token) for token in tokens]
        octets = sum(content.size for content in contents)
        async with self._opening.opened(writing=True, octets=octets) as (session, selected):
            uploads = Uploads(session, selected, str(selected.uidvalidity), self._given, self._window)
            return await uploads.store(contents, [token for token in noted if token is not None])

    @patiently
    async def find(self, intents: Sequence[Intent], paired: Collection[Key] = ()) -> Mapping[Key, Stored | Unsettled]:
        """Look among what came since the intents were written for the messages that they tell of.

        One that the server once said it stored is never left out, unless that was in another mailbox.
        """
        if self._unstable:
            return {}
        validity = await self._uidvalidity()
        tokens = {intent.origin: token for intent in intents if (token := Token.decode(intent.token)) is not None}
        ours = {origin: token for origin, token in tokens.items() if token.validity == validity}
        if not ours:
            return {}
        async with self._opening.opened(fresh=True) as (session, _):
            found = await find_stored(session, ours, self._given | {int(key) for key in paired})
        self._given.update(found.values())
        lost = {origin: token for origin, token in ours.items() if token.stored and origin not in found}
        return {
            **{origin: Stored(origin, str(uid)) for origin, uid in found.items()},
            **{origin: Unsettled(origin, NOT_FOUND, token.encode()) for origin, token in lost.items()},
        }

    @patiently
    async def reflag(self, reflaggings: Sequence[Reflagging]) -> Sequence[Refused | Gone]:
        """Add and remove flags that the mailbox can keep; those it cannot are left out.

        The mailbox is opened afresh: a STORE passes silently over messages that an older selection does not show.
        """
        if not reflaggings:
            return []
        async with self._opening.opened(fresh=True, writing=True) as (session, selected):
            return await change_flags(session, selected, reflaggings)

    @patiently
    async def delete(self, keys: Sequence[Key], *, expunge: bool) -> Sequence[Refused | Marked]:
        r"""Mark messages \Deleted and remove exactly these, in a mailbox whose UIDVALIDITY was just confirmed.

        What may be removed is put on the shelf first, and so is what turns out to be only marked, since others may
        expunge it; what cannot be kept is refused. With `expunge=False` nothing is: the user wants to find it there.
        """
        uids = [int(key) for key in keys]
        unkept = await self._keep([uid for uid in uids if uid not in self._copied]) if expunge else {}
        if not (uids := [uid for uid in uids if uid not in unkept]):
            return list(unkept.values())
        async with self._opening.opened(fresh=True, writing=True) as (session, selected):
            return [*unkept.values(), *await remove(session, selected, uids, expunge=expunge)]

    async def _keep(self, uids: Sequence[int]) -> dict[int, Refused]:
        """Put messages on the shelf, if there is one; those that could not be kept."""
        if self._shelf is None or not uids:
            return {}
        from postboat.imap.shelving import Shelving  # here, since most runs delete nothing

        return await Shelving(self._opening, self._shelf, await self.validity(), self._sizes).keep(uids)

    @patiently
    async def intend_move(self, keys: Collection[Key], to: ImapMailbox) -> Mapping[Key, str]:
        """Tokens of what a fresh look still finds, from the headers as this server keeps them."""
        if self._unstable or not keys:
            return {}
        floor, validity = to._opening.floor or await to._next_uid(), await to._uidvalidity()
        async with self._opening.opened(fresh=True) as (session, _):
            tokens = await tokens_of(session, sorted(map(int, keys)), validity, floor)
        return {str(uid): token.encode() for uid, token in tokens.items()}

    async def move(
        self, keys: Sequence[Key], to: ImapMailbox, tokens: Sequence[str]
    ) -> Sequence[Stored | Unsettled | Refused | Gone]:
        """Move messages to another mailbox of the server by its own means, without a transfer.

        A server without MOVE (RFC 6851) only copies them, which `Stored.copied` tells; nothing is deleted here.
        The other mailbox is opened only where the server does not tell under which UIDs they went.
        """
        noted = {int(key): token for key, text in zip(keys, tokens, strict=True) if (token := Token.decode(text))}
        moving = Moving(noted, to._opening.name, await to._uidvalidity(), to._given)
        if noted:
            async with self._opening.opened(fresh=True, writing=True) as (session, selected):
                await moving.carry_out(session, selected)
        if moving.unknown:
            async with to._opening.opened(fresh=True) as (session, _):
                await moving.look_for_unknown(session)
        outcomes = moving.outcomes
        self._copied |= {
            int(key) for key, outcome in outcomes.items() if isinstance(outcome, Stored) and outcome.copied
        }
        return [outcomes.get(key) or Refused(key, CANNOT) for key in keys]
