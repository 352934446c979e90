"""A mixed voyage: every kind of change on both sides at once, and a census of what came of it.

The unharmed outcome is always the same, so that a harmed and repeated voyage can be compared with it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.real.voyage import LETTERS, Sailed, Voyage, digest, message, wire

from postboat.events import AccountFailed, FolderFailed, MessageFailed
from postboat.service.run_options import RunOptions
from postboat.service.supervisor import run

if TYPE_CHECKING:
    from collections.abc import Callable

    from postboat.events import Event

LARGE = 2 << 20
FOLDERS = ("INBOX", "Archive", "From server", "From disk")
TWIN, DOUBLE = message(60, "on both sides"), message(61, "twice")

Census = dict[str, dict[str, Counter[tuple[bytes, str]]]]
"""Folder and side to the messages there: their digest and flag letters, and how many there are of each."""


async def prepare(voyage: Voyage) -> None:
    """Both sides hold fourteen messages and agree on them."""
    voyage.create("Archive")
    voyage.deliver(*map(message, range(13)))
    voyage.deliver(message(90), folder="Archive")
    (await voyage.sync()).assert_clean()


def change(voyage: Voyage) -> None:
    """Everything happens on both sides, between two runs."""
    _change_on_disk(voyage)
    _change_on_server(voyage)


def _change_on_disk(voyage: Voyage) -> None:
    for gone in (2, 5):
        voyage.file_of(message(gone)).unlink()
    for read in (3, 4, 6):
        file = voyage.file_of(message(read))
        file.rename(file.parent.parent / "cur" / f"{file.name}:2,S")
    moved = voyage.file_of(message(7))
    moved.rename(voyage.folder("Archive") / "cur" / f"{moved.name}:2,R")
    copied = voyage.file_of(message(12))  # moved by a program that copies
    voyage.drop(message(12), "12.disk", folder="Archive", flags="S")
    copied.unlink()
    for number in range(40, 43):
        voyage.drop(message(number), f"{number}.disk", flags="F" if number == 41 else None)
    voyage.drop(message(44, size=LARGE), "44.disk")
    voyage.drop(TWIN, "60.disk", flags="S")
    for copy in (1, 2):
        voyage.drop(DOUBLE, f"61.{copy}.disk")
    for number in (45, 46):
        voyage.drop(message(number), f"{number}.disk", folder="From disk")


def _change_on_server(voyage: Voyage) -> None:
    with voyage.phone("INBOX") as phone:
        phone.uid("STORE", "1", "+FLAGS", r"(\Answered)")
        phone.uid("STORE", "5,6", "+FLAGS", r"(\Flagged)")
        phone.uid("COPY", "12", "Archive")
        phone.uid("STORE", "7,9,12", "+FLAGS", r"(\Deleted)")
        phone.expunge()
        phone.uid("MOVE", "11", "Archive")
    voyage.deliver(*map(message, [*range(20, 23), *range(70, 80)]))  # enough for syncfs(2)
    voyage.deliver(message(23), flags=r"\Seen")
    voyage.deliver(message(24, size=LARGE))
    voyage.deliver(TWIN, flags=r"\Flagged")
    voyage.create("From server")
    voyage.deliver(message(25), message(26), folder="From server")


def census(voyage: Voyage, *folders: str) -> Census:
    """Count what both sides hold; nothing is found twice by accident, or left out because it looks alike."""
    counted = folders or FOLDERS
    return {name: {"disk": _on_disk(voyage, name), "server": _on_server(voyage, name)} for name in counted}


def _on_disk(voyage: Voyage, folder: str) -> Counter[tuple[bytes, str]]:
    if not voyage.folder(folder).exists():
        return Counter()
    return Counter((digest(file.read_bytes()), file.name.partition(":2,")[2]) for file in voyage.files(folder))


def _on_server(voyage: Voyage, folder: str) -> Counter[tuple[bytes, str]]:
    found: Counter[tuple[bytes, str]] = Counter()
    with voyage.phone() as phone:
        if phone.select(wire(folder), readonly=True)[0] != "OK":
            return found
        for part in phone.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]:
            if isinstance(part, tuple):  # Dovecot tells the flags before the body
                flags = {letter for flag, letter in LETTERS.items() if flag.encode() in part[0]}
                found[digest(part[1]), "".join(sorted(flags))] += 1
    return found


def quarantined(voyage: Voyage) -> set[bytes]:
    """What was removed from the Maildir and is kept."""
    kept = (voyage.state / "quarantine").rglob("*")
    return {digest(file.read_bytes()) for file in kept if file.is_file()}


def assert_agreed(voyage: Voyage, *folders: str) -> Census:
    """Both sides hold the same messages, each as often, under the same flags."""
    found = census(voyage, *folders)
    for name, sides in found.items():
        assert sides["disk"] == sides["server"], (name, difference(sides["disk"], sides["server"]))
        assert not list((voyage.folder(name) / "tmp").iterdir()), f"{name}: something is left in tmp"
    return found


def difference(one: Counter, other: Counter) -> dict[str, list]:
    """What one side has more than the other, shortened for people."""
    return {
        way: sorted((key.hex()[:8], flags, count) for (key, flags), count in more.items())
        for way, more in (("only first", one - other), ("only second", other - one))
    }


async def sync_while(voyage: Voyage, moment: Callable[[Event], bool], act: Callable[[], object]) -> Sailed:
    """Sync, and do something else at the first event that is the moment for it, before the engine goes on."""
    events: list[Event] = []
    acted = False

    def publish(event: Event) -> None:
        nonlocal acted
        events.append(event)
        if not acted and moment(event):
            acted = True
            act()

    code = await run(voyage.whole, RunOptions(), publish, None)
    assert acted, "the moment never came"
    return Sailed(code, tuple(events))


def reasons(sailed: Sailed) -> str:
    """Why what failed did."""
    return "\n".join(event.reason for event in sailed.of((AccountFailed, FolderFailed, MessageFailed)))


async def assert_recovers(voyage: Voyage, unharmed: Census, options: RunOptions = RunOptions()) -> Sailed:
    """The next run makes everything as if nothing had gone wrong, and the one after that has nothing to do."""
    healed = await voyage.sync(options)
    healed.assert_clean()
    found = assert_agreed(voyage)
    for name, sides in found.items():
        assert sides["server"] == unharmed[name]["server"], (
            name,
            difference(sides["server"], unharmed[name]["server"]),
        )
    assert digest(message(8)) in quarantined(voyage), "deleted on the server, it is neither on disk nor in quarantine"
    again = await voyage.sync()
    again.assert_clean()
    assert (again.done.changes, again.done.adopted) == (0, 0), again.done
    return healed
