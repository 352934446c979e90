"""Whatever a server says, in no way of looking is a message taken for gone that is there, or missed for good.

A lie may cost a second look, never more: what is told under a checkpoint is the whole truth, and what is told without
one is completed by the next look at the honest server.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.contract.worlds import Baseline
from tests.fakes.lying_server import WAYS, Answer, LyingServer, Mailbox

from postboat.errors import FolderError, KeysRenewed
from postboat.imap.looks import esearch
from postboat.imap.mailbox import ImapMailbox
from postboat.model import FLAGGED, SEEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.imap.pool import Pool
    from postboat.imap.session import Session
    from postboat.model import Changes, Flags, Key

    Lie = Callable[[Answer, bytes], Answer]

WIRE = b"Subject: one\r\n\r\nbody\r\n"


def adding(*lines: bytes) -> Lie:
    return lambda answer, _: Answer([*answer.untagged, *lines], answer.tagged)


def preceded_by(*lines: bytes) -> Lie:
    return lambda answer, _: Answer([*lines, *answer.untagged], answer.tagged)


def without(*parts: bytes) -> Lie:
    return lambda answer, _: Answer([u for u in answer.untagged if not any(p in u for p in parts)], answer.tagged)


def without_list_of_flags(answer: Answer, _: bytes) -> Answer:
    return Answer([line for line in answer.untagged if not line.startswith(b"FLAGS ")], answer.tagged)


def put(pattern: bytes, text: bytes) -> Lie:
    return lambda answer, _: Answer([re.sub(pattern, text, u) for u in answer.untagged], answer.tagged)


def refused(word: bytes) -> Lie:
    return lambda _answer, _command: Answer(tagged=word)


def numbered_by_place(answer: Answer, _: bytes) -> Answer:
    """A search tells sequence numbers for UIDs."""

    def counted(found: re.Match[bytes]) -> bytes:
        return b" ".join(b"%d" % n for n in range(1, len(found[0].split()) + 1))

    def in_set(found: re.Match[bytes]) -> bytes:
        return b",".join(b"%d" % n for n in range(1, len(found[0].split(b",")) + 1))

    lines = [re.sub(rb"(?<=^SEARCH ).*", counted, u) for u in answer.untagged]
    return Answer([re.sub(rb"(?<=ALL )\S+", in_set, u) for u in lines], answer.tagged)


def together(*lies: tuple[str, Lie]) -> dict[str, Lie]:
    return dict(lies)


LIES: dict[str, dict[str, Lie]] = {
    "honest": {},
    "vanished: one that is there": {"SELECT": adding(b"VANISHED (EARLIER) 9")},
    "vanished: everything (James)": {"SELECT": adding(b"VANISHED (EARLIER) 1:4294967295")},
    "vanished: all but one that is shown": {
        "SELECT": adding(b"VANISHED (EARLIER) 1:4,6:14", b"5 FETCH (UID 5 FLAGS ())")
    },
    "vanished: now, though it is there": {"SELECT": adding(b"VANISHED 9")},
    "vanished: everything now": {"SELECT": adding(b"VANISHED 1:4294967295")},
    "vanished: nothing": {"SELECT": adding(b"VANISHED (EARLIER) ")},
    "vanished: zero (Dovecot)": {"SELECT": adding(b"VANISHED (EARLIER) 0:1")},
    "vanished: not a set": {"SELECT": adding(b"VANISHED (EARLIER) 1:*")},
    "vanished: cut off": {"SELECT": adding(b"VANISHED 5:")},
    "vanished: one is kept secret": {"SELECT": put(rb"VANISHED \(EARLIER\) 2,7", b"VANISHED (EARLIER) 2")},
    "vanished: another one": {"SELECT": put(rb"VANISHED \(EARLIER\) 2,7", b"VANISHED (EARLIER) 2,9")},
    "vanished: others": {"SELECT": put(rb"VANISHED \(EARLIER\) 2,7", b"VANISHED (EARLIER) 9:10")},
    "vanished: another one, and asking is refused": {
        "SELECT": put(rb"VANISHED \(EARLIER\) 2,7", b"VANISHED (EARLIER) 2,9"),
        "UID FETCH 2,9": refused(b"NO [UNAVAILABLE] not now"),
    },
    "vanished: another one, and of that only nonsense": {
        "SELECT": put(rb"VANISHED \(EARLIER\) 2,7", b"VANISHED (EARLIER) 2,9"),
        "UID FETCH 2,9": put(rb"8 FETCH \(UID 9 ", b"8 FETCH (UID 9 9 "),
    },
    "vanished: kept secret": {"SELECT": without(b"VANISHED")},
    "vanished: of the mailbox before": {
        "SELECT": preceded_by(b"VANISHED 9", b"3 EXISTS", b"1 FETCH (UID 1 FLAGS (\\Deleted))", b"OK [CLOSED] so")
    },
    "vanished in the middle": {"UID FETCH": adding(b"VANISHED 9")},
    "expunged in the middle": {"UID FETCH": adding(b"1 EXPUNGE")},
    "expunged: none of them": {"SELECT": adding(b"0 EXPUNGE", b"99 EXPUNGE")},
    "highestmodseq: lower": {"SELECT": put(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 2")},
    "highestmodseq: zero": {"SELECT": put(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 0")},
    "highestmodseq: as before (Hostinger)": {"SELECT": put(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 13")},
    "highestmodseq: more than 63 bits": {"SELECT": put(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 9999999999999999999")},
    "highestmodseq: none": {"SELECT": without(b"HIGHESTMODSEQ")},
    "highestmodseq: nomodseq": {"SELECT": adding(b"OK [NOMODSEQ] none")},
    "uidnext: none (Courier)": {"SELECT": without(b"UIDNEXT")},
    "uidnext: too low": {"SELECT": put(rb"UIDNEXT \d+", b"UIDNEXT 13")},
    "uidnext: too high": {"SELECT": put(rb"UIDNEXT \d+", b"UIDNEXT 99")},
    "exists: one more": {"SELECT": put(rb"12 EXISTS", b"13 EXISTS")},
    "exists: one less": {"SELECT": put(rb"12 EXISTS", b"11 EXISTS")},
    "exists: zero": {"SELECT": put(rb"12 EXISTS", b"0 EXISTS")},
    "exists: one more in the middle": {"UID FETCH": adding(b"13 EXISTS")},
    "exists: none": {"SELECT": without(b"EXISTS")},
    "fetch: without uids": {"SELECT": put(rb"FETCH \(UID \d+ ", b"FETCH (")},
    "fetch: one without uid": {"SELECT": adding(b"3 FETCH (FLAGS (\\Seen))")},
    "fetch: modseq 0 (Zoho)": {"UID FETCH": put(rb"MODSEQ \(\d+\)", b"MODSEQ (0)")},
    "fetch: modseq -1": {"UID FETCH": put(rb"MODSEQ \(\d+\)", b"MODSEQ (-1)")},
    "fetch: no modseq": {"UID FETCH": put(rb" MODSEQ \(\d+\)", b"")},
    "fetch: nonsense": {"UID FETCH": adding(b"1 FETCH (UID 1 FLAGS")},
    "fetch: an arrival is kept secret": {"UID FETCH": without(b"UID 14 ")},
    "fetch: a known one is kept secret": {"UID FETCH": without(b"UID 9 ")},
    "fetch: one that is not there": {"UID FETCH": adding(b"13 FETCH (UID 99 FLAGS ())")},
    "fetch: refused": {"UID FETCH 13": refused(b"NO [UNAVAILABLE] not now")},
    "an arrival and a removal are kept secret": together(
        ("SELECT", put(rb"VANISHED \(EARLIER\) 2,7", b"VANISHED (EARLIER) 2")), ("UID FETCH", without(b"UID 14 "))
    ),
    "fetch: modseq 0, and one is kept secret": {
        "UID FETCH": lambda a, c: put(rb"MODSEQ \(\d+\)", b"MODSEQ (0)")(
            without(b"UID 5 ")(a, c) if b"SINCE" in c else a, c
        )
    },
    "fetch: changes are refused": {"UID FETCH 1:12 (UID FLAGS) (": refused(b"NO [UNAVAILABLE] not now")},
    "fetch and search: one is kept secret": together(
        ("UID SEARCH", put(rb"\b9[ ,](.*?)(?: COUNT 12)?$", rb"\1 COUNT 11")), ("UID FETCH", without(b"UID 9 "))
    ),
    "empty but for a search": together(("SELECT", put(rb"12 EXISTS", b"0 EXISTS")), ("UID FETCH", without(b"FETCH"))),
    "vanished: one that is there, and flags are kept secret": {
        "SELECT": lambda a, c: adding(b"VANISHED (EARLIER) 9")(without(b"UID 5 ")(a, c), c)
    },
    "vanished: one that is there, and no flags are listed": {
        "SELECT": lambda a, c: adding(b"VANISHED (EARLIER) 9")(without(b"UID 5 ")(without_list_of_flags(a, c), c), c)
    },
    "search: nonsense": {"UID SEARCH": adding(b"X-GONE 1")},
    "search: refused (QQ)": {"UID SEARCH": refused(b"BAD UID SEARCH invalid argument")},
    "search: sequence numbers (iCloud)": {"UID SEARCH": numbered_by_place},
    "search: no answer": {"UID SEARCH": without(b"SEARCH")},
    "search: one twice (mailfence)": {"UID SEARCH": put(rb"^SEARCH 1 ", b"SEARCH 1 1 ")},
    "search: one is left out": {"UID SEARCH": put(rb"\b9[ ,]", b"")},
    "search: one is left out, and COUNT too": {"UID SEARCH": put(rb"\b9,(.*) COUNT 12", rb"\1 COUNT 11")},
    "search: another one": {"UID SEARCH": put(rb"\b9\b([ ,])", rb"7\1")},
    "search: no set": {"UID SEARCH": put(rb"ALL \S+", b"ALL 1:*")},
    "search: no count": {"UID SEARCH": put(rb" COUNT \d+", b"")},
    "search: no tag": {"UID SEARCH": put(rb' \(TAG "\w+"\)', b"")},
    "search: one tag": {"UID SEARCH": put(rb'TAG "\w+"', b'TAG "A1"')},
    "search: the answer twice": {"UID SEARCH": lambda a, _: Answer([*a.untagged, *a.untagged], a.tagged)},
    "search: flags of strangers": {
        "UID SEARCH RETURN (ALL COUNT) UID 1:4294967295 SEEN": put(rb"ALL \S+ COUNT \d+", b"ALL 99 COUNT 1")
    },
    "search: something comes meanwhile": {"UID SEARCH": adding(b"9 FETCH (UID 9 FLAGS (\\Seen))")},
    "search: something goes meanwhile": {"UID SEARCH": adding(b"9 EXPUNGE")},
    "flags: none are listed": {"SELECT": without_list_of_flags},
    "nonsense": {"SELECT": adding(b"X-GONE 1")},
    "lies everywhere": together(
        ("SELECT", adding(b"VANISHED (EARLIER) 1:4294967295")), ("UID SEARCH", numbered_by_place)
    ),
}
"""By the first words of commands. The mailbox has had 14 messages: 2 and 7 are gone, 13 and 14 have just come."""


class Shore:
    """A mailbox of twelve messages that we know, where then something happens."""

    def __init__(self, way: str) -> None:
        self.server = LyingServer(WAYS[way])
        self.known = Baseline(validity="7")
        for _ in range(12):
            self.server.inbox.put(WIRE)

    def change(self) -> None:
        box = self.server.inbox
        box.put(WIRE, SEEN)
        box.put(WIRE)
        box.flag(5, SEEN, "Work")
        box.flag(6, FLAGGED)
        box.drop(2, 7)

    async def look(self, pool: Pool[Session]) -> None:
        """Look and agree on all of it, but for messages that turn out not to be there; an error ends the work."""
        try:
            changes = await ImapMailbox(pool, "INBOX").changes(self.known)
        except KeysRenewed:
            self.known = Baseline(validity="7")
            changes = await ImapMailbox(pool, "INBOX").changes(self.known)
        except FolderError:
            return
        self.check(changes)
        self.known.agree(changes)
        for key in changes.appeared.keys() - self.there().keys():
            del self.known.flags_by_key[key]

    def check(self, changes: Changes) -> None:
        """Nothing is told that is not so; when all is said to be seen or a checkpoint is given, all that is so."""
        there = self.there()
        assert not changes.vanished & there.keys()
        assert {key: there.get(key) for key in changes.reflagged} == dict(changes.reflagged)
        assert all(there.get(key, message.flags) == message.flags for key, message in changes.appeared.items())
        assert changes.complete or not changes.vanished
        if changes.complete or changes.checkpoint is not None:
            assert self.after(changes) == there

    def after(self, changes: Changes) -> dict[Key, Flags]:
        new = {key: message.flags for key, message in changes.appeared.items()}
        kept = {key: flags for key, flags in self.known.flags_by_key.items() if key not in changes.vanished}
        return kept | dict(changes.reflagged) | new

    def there(self) -> dict[Key, Flags]:
        return {str(mail.uid): frozenset(mail.flags) for mail in self.server.inbox.mail}


@pytest.fixture(autouse=True)
def small_mailboxes_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esearch, "FEW", 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("lie", LIES)
async def test_no_lie_removes_or_hides_a_message_for_good(way: str, lie: str) -> None:
    shore = Shore(way)
    async with shore.server.pool() as pool:
        await shore.look(pool)
        shore.change()
        shore.server.lies |= LIES[lie]
        await shore.look(pool)
        shore.server.lies.clear()
        await shore.look(pool)
    assert shore.known.flags_by_key == shore.there()


STRAYS: dict[str, bytes] = {
    "flags of one that is there, too": b"1 FETCH (UID 1 FLAGS (\\Deleted) MODSEQ (50))",
    "flags of one that is not": b"1 FETCH (UID 99 FLAGS () MODSEQ (50))",
    "flags of one that has just come": b"1 FETCH (UID 14 FLAGS (\\Deleted) MODSEQ (50))",
    "a removal": b"VANISHED 9",
    "a removal of one that is gone, too": b"VANISHED 2",
    "a removal by number": b"3 EXPUNGE",
    "a count": b"99 EXISTS",
}
"""What a server may have kept back about a mailbox until another one is selected."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("stray", STRAYS)
async def test_what_is_said_of_the_mailbox_before_is_not_taken_for_the_next(way: str, stray: str, closed: bool) -> None:
    shore = Shore(way)
    shore.server.boxes["Before"] = Mailbox(uidvalidity=8)
    tell = preceded_by(STRAYS[stray])
    async with shore.server.pool() as pool:
        await shore.look(pool)
        shore.change()
        await ImapMailbox(pool, "Before").changes(Baseline())
        shore.server.lies["SELECT"] = lambda a, c: tell(a if closed else without(b"[CLOSED]")(a, c), c)
        await shore.look(pool)
        assert shore.known.flags_by_key == shore.there()


@pytest.mark.parametrize(("closed", "is_believed"), [(True, True), (False, False)])
async def test_changes_told_behind_another_mailbox_are_believed_where_the_server_says_that_it_closed_it(
    closed: bool, is_believed: bool
) -> None:
    shore = Shore("qresync")
    shore.server.boxes["Before"] = Mailbox(uidvalidity=8)
    async with shore.server.pool() as pool:
        await shore.look(pool)
        await ImapMailbox(pool, "Before").changes(Baseline())
        shore.server.inbox.flag(5, SEEN)
        shore.server.lies["SELECT"] = (lambda a, _: a) if closed else without(b"[CLOSED]")
        shore.server.said.clear()
        await shore.look(pool)
    assert (len(shore.server.commands("SELECT")) == 1) is is_believed
    assert shore.known.flags_by_key == shore.there()


async def test_changes_of_the_mailbox_that_is_selected_already_are_believed_without_that() -> None:
    shore = Shore("qresync")
    async with shore.server.pool() as pool:
        await shore.look(pool)
        shore.server.inbox.flag(5, SEEN)
        shore.server.lies["SELECT"] = without(b"[CLOSED]")
        shore.server.said.clear()
        await shore.look(pool)
    assert len(shore.server.commands("SELECT")) == 1
