"""The same random weeks of two folders, synced over every path there is: all come to the same, which is the right one.

Both sides change between two runs, never the same message, so that a seed alone tells what must come of it: after each
run both sides hold exactly that, whatever the path. The paths are Dovecot with its gifts hidden one after the other,
Cyrus and Courier; `tests/contract/test_ways_of_looking.py` does the same for the looks alone.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.real.budget import settle
from tests.real.voyage import LETTERS, Voyage, append, digest, message, wire
from tests.servers.dovecot import DovecotServer

from postboat.imap.looks import esearch
from postboat.model import ANSWERED, DRAFT, FLAGGED, SEEN

if TYPE_CHECKING:
    import imaplib
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.servers.process import Account

pytestmark = pytest.mark.real

SEEDS = range(4)
ROUNDS = 6
FLAGS = (SEEN, ANSWERED, FLAGGED, DRAFT)
_BASE = "IMAP4rev1 SASL-IR NAMESPACE ENABLE UNSELECT LIST-EXTENDED LIST-STATUS SPECIAL-USE"
_WRITING = "UIDPLUS MOVE LITERAL+ MULTIAPPEND"
MASKED = {
    "no QRESYNC": f"{_BASE} {_WRITING} ESEARCH CONDSTORE",
    "no QRESYNC, no ESEARCH": f"{_BASE} {_WRITING} CONDSTORE",
    "no CONDSTORE": f"{_BASE} {_WRITING} ESEARCH",
    "no CONDSTORE, no ESEARCH": f"{_BASE} {_WRITING}",
    "no ESEARCH": f"{_BASE} {_WRITING} CONDSTORE QRESYNC",
    "no MOVE": f"{_BASE} UIDPLUS LITERAL- ESEARCH CONDSTORE QRESYNC",
    "no UIDPLUS, MOVE, LITERAL+": f"{_BASE} ESEARCH CONDSTORE QRESYNC",
    "IMAP4rev1 alone": "IMAP4rev1",
}
PATHS = ["dovecot", *MASKED, "cyrus", "courier"]

Letters = frozenset[str]
Outcome = list[dict[int, Letters]]
"""For each of the two folders the messages by their numbers, with their flags as Maildir letters."""


@pytest.fixture(scope="module", params=PATHS)
def new_account(request: pytest.FixtureRequest) -> Iterator[Callable[[], Account]]:
    """Gives accounts on the server of one path."""
    if request.param in MASKED:
        with DovecotServer(capability=MASKED[request.param]) as server:
            yield server.account
    else:
        yield request.getfixturevalue(request.param).account


@dataclass
class World:
    """Two folders on both sides, and what they hold once all is in step."""

    voyage: Voyage
    chance: random.Random
    held: Outcome = field(default_factory=lambda: [{}, {}])
    number: int = 0
    left: list[list[int]] = field(default_factory=list)
    """By folder, messages that nobody has touched since the last run."""

    @property
    def folders(self) -> tuple[str, str]:
        return "INBOX", f"{self.voyage.account.prefix}Other"

    def live(self) -> None:
        """A few things happen on both sides, each message being touched at most once."""
        self.left = [list(messages) for messages in self.held]
        happenings = (self._arrive, self._flag, self._vanish, self._move)
        for happening in self.chance.choices(happenings, k=self.chance.randint(0, 6)):
            happening(self.chance.choice((self._on_server, self._on_disk)))

    def _arrive(self, side: Callable[..., None]) -> None:
        place, letters = self.chance.randrange(2), self._letters()
        new = range(self.number, self.number + self.chance.randint(1, 5))
        self.number = new.stop
        side("arrive", place, new, letters)
        self.held[place] |= dict.fromkeys(new, letters)

    def _flag(self, side: Callable[..., None]) -> None:
        place, letters = self.chance.randrange(2), self._letters()
        chosen = self._some(place)
        side("flag", place, chosen, letters)
        self.held[place] |= dict.fromkeys(chosen, letters)

    def _vanish(self, side: Callable[..., None]) -> None:
        place = self.chance.randrange(2)
        chosen = self._some(place)
        side("vanish", place, chosen)
        for number in chosen:
            del self.held[place][number]

    def _move(self, side: Callable[..., None]) -> None:
        place = self.chance.randrange(2)
        chosen = self._some(place)
        side("move", place, chosen)
        for number in chosen:
            self.held[1 - place][number] = self.held[place].pop(number)

    def _letters(self) -> Letters:
        return frozenset(LETTERS[flag] for flag in self.chance.sample(FLAGS, self.chance.randint(0, 2)))

    def _some(self, place: int) -> list[int]:
        """Up to four messages of a folder, which are not touched again."""
        left = self.left[place]
        chosen = self.chance.sample(left, self.chance.randint(0, min(4, len(left))))
        self.left[place] = [number for number in left if number not in chosen]
        return sorted(chosen)

    # ---- the server

    def _on_server(self, what: str, place: int, numbers: Sequence[int], letters: Letters = frozenset()) -> None:
        here, there = self.folders[place], self.folders[1 - place]
        words = " ".join(flag for flag, letter in LETTERS.items() if letter in letters)
        with self.voyage.phone(here) as phone:
            if what == "arrive":
                for number in numbers:
                    append(phone, here, message(number), words)
            elif numbers:
                uids = ",".join(_uid(phone, number) for number in numbers)
                if what == "flag":
                    _do(phone, "STORE", uids, "FLAGS", f"({words})")
                    return
                if what == "move":
                    _do(phone, "COPY", uids, wire(there))
                _do(phone, "STORE", uids, "+FLAGS", r"(\Deleted)")
                phone.expunge()

    # ---- the disk

    def _on_disk(self, what: str, place: int, numbers: Sequence[int], letters: Letters = frozenset()) -> None:
        here, there = self.folders[place], self.folders[1 - place]
        for number in numbers:
            if what == "arrive":
                self.voyage.drop(message(number), f"{number}.disk", folder=here, flags="".join(sorted(letters)))
                continue
            file = self.voyage.file_of(message(number), here)
            name = file.name.partition(":")[0]
            if what == "flag":
                file.rename(file.parent.parent / "cur" / f"{name}:2,{''.join(sorted(letters))}")
            elif what == "vanish":
                file.unlink()
            else:
                file.rename(self.voyage.folder(there) / "cur" / file.name)

    # ---- what came of it

    def check(self) -> None:
        """Both sides hold what they should."""
        for folder, messages in zip(self.folders, self.held, strict=True):
            expected = {digest(message(number)): set(letters) for number, letters in messages.items()}
            assert self.voyage.on_server(folder) == expected, folder
            assert self.voyage.on_disk(folder) == expected, folder
            assert len(self.voyage.files(folder)) == len(expected), folder


def _uid(phone: imaplib.IMAP4, number: int) -> str:
    status, found = phone.uid("SEARCH", "HEADER", "Message-ID", f'"<{number}@example.org>"')
    assert status == "OK" and re.fullmatch(rb"\d+", found[0]), (number, found)
    return str(found[0].decode())


def _do(phone: imaplib.IMAP4, *words: str) -> None:
    status, answer = phone.uid(*words)
    assert status == "OK", (words, answer)


@pytest.mark.parametrize("seed", SEEDS)
async def test_every_path_leads_to_the_same(
    new_account: Callable[[], Account], seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(esearch, "FEW", 1)  # sets are asked for in folders of a few messages, too
    world = World(Voyage(tmp_path, new_account()), random.Random(seed))
    world.voyage.create(world.folders[1])
    (await world.voyage.sync()).assert_clean()
    for _ in range(ROUNDS):
        world.live()
        (await world.voyage.sync()).assert_clean()
        world.check()
        if world.chance.random() < 0.5:
            settle(world.voyage)
    assert (await world.voyage.sync()).done.changes == 0
