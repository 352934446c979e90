"""A mixed crossing: every kind of change on both ends at once, and what an unharmed run makes of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tests.real.crossing import between
from tests.real.mixed import difference
from tests.real.voyage import digest, digests, message

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from tests.real.crossing import Crossing
    from tests.real.ends import Census

    from postboat.service.run_options import RunOptions

LARGE = 5 << 20
"""Octets of a message that is streamed, and from a server to another passes through a file."""
FOLDERS = ("INBOX", "Archive", "From remote", "From local")
TWIN, DOUBLE = message(60, "on both sides"), message(61, "twice")
KEPT = digests([message(8)])
"""Deleted on the remote side: they are on the local one or in its quarantine, whatever happens."""

Outcome = dict[str, "Census"]


async def about_to_cross(kinds: tuple[str, str], home: Path, request: pytest.FixtureRequest) -> Crossing:
    """A crossing before which lies a mixed run; both ends agreed on fourteen messages before all that."""
    home.mkdir(parents=True)
    crossing = between(kinds, home, request)
    crossing.remote.create("Archive")
    crossing.remote.deliver(*map(message, range(13)))
    crossing.remote.deliver(message(90), folder="Archive")
    await crossing.settle()
    _change_remote(crossing)
    _change_local(crossing)
    return crossing


def _change_remote(crossing: Crossing) -> None:
    end = crossing.remote
    end.flag(message(0), add=r"\Answered")
    end.flag(message(4), message(5), add=r"\Flagged")  # 5 is deleted locally, and comes back
    end.delete(message(6), message(8))
    end.move(message(10), to="Archive")
    end.deliver(message(11), folder="Archive")  # moved by a program that copies
    end.delete(message(11))
    end.deliver(*map(message, range(20, 26)))
    end.deliver(message(26, size=LARGE))
    end.deliver(TWIN, flags=r"\Flagged")
    end.create("From remote")
    end.deliver(message(27), message(28), folder="From remote", flags=r"\Seen")


def _change_local(crossing: Crossing) -> None:
    end = crossing.local
    end.delete(message(2), message(5))
    end.flag(message(3), message(4), add=r"\Seen")
    end.move(message(7), to="Archive")
    end.deliver(message(12), folder="Archive", flags=r"\Seen")
    end.delete(message(12))
    end.deliver(message(40), message(42))
    end.deliver(message(41), flags=r"\Flagged")
    end.deliver(message(44, size=LARGE))
    end.deliver(TWIN, flags=r"\Seen")
    end.deliver(DOUBLE, DOUBLE)
    end.create("From local")
    end.deliver(message(45), message(46), folder="From local")


def outcome(crossing: Crossing) -> Outcome:
    """What both ends hold, which is the same: each message as often, under the same flags."""
    found: Outcome = {}
    for folder in FOLDERS:
        remote, local = crossing.remote.census(folder), crossing.local.census(folder)
        assert remote == local, (folder, difference(remote, local))
        found[folder] = remote
    quarantine = kept(crossing)
    assert quarantine.keys() >= KEPT, "deleted on the remote side, it is neither on the local one nor kept"
    assert max(quarantine.values()) == 1, "something is kept twice"
    return found


def kept(crossing: Crossing) -> Counter[bytes]:
    """What was removed from the local side and is in its quarantine."""
    found = (crossing.state / "quarantine").rglob("*")
    return Counter(digest(file.read_bytes()) for file in found if file.is_file() and not file.name.startswith("."))


async def assert_mended(crossing: Crossing, unharmed: Outcome, options: RunOptions | None = None) -> None:
    """The next run makes everything as if nothing had gone wrong, and the one after that has nothing to do."""
    (await crossing.sync(options) if options else await crossing.sync()).assert_clean()
    found = outcome(crossing)
    for folder, census in found.items():
        assert census == unharmed[folder], (folder, difference(census, unharmed[folder]))
    await crossing.assert_at_rest()
    spool = crossing.state / "spool"
    assert not spool.exists() or not list(spool.iterdir()), "something is left of large messages"
