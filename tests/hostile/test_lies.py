"""The lies that a look survives (`tests/unit/imap/looks/test_lies.py`), told to the whole program.

Nothing is removed on either side that is not gone, nothing is stored twice, and an honest run afterwards brings both
sides in step.
"""

from __future__ import annotations

import pytest
from tests.fakes.lying_server import WAYS, LyingServer
from tests.hostile.siege import besieged, mail
from tests.real.voyage import digest
from tests.unit.imap.looks.test_lies import LIES

from postboat.events import FolderMatchedAnew
from postboat.imap.looks import esearch
from postboat.service.run_options import RunOptions

TOLD_ALL = ("qresync", "condstore", "plain")


@pytest.fixture(autouse=True)
def small_mailboxes_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(esearch, "FEW", 1)


@pytest.mark.parametrize("way", TOLD_ALL)
@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_removes_nothing_and_doubles_nothing(tmp_path, way, lie):
    server = LyingServer(WAYS[way])
    for number in range(12):
        server.inbox.put(mail(number))
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        there = {digest(m.wire) for m in server.inbox.mail if m.uid not in (2, 7)}
        server.inbox.put(mail(13), "\\Seen")
        server.inbox.put(mail(14))
        server.inbox.flag(5, "\\Seen", "Work")
        server.inbox.flag(6, "\\Flagged")
        server.inbox.drop(2, 7)
        server.lies |= LIES[lie]
        assert_removes_nothing(siege, await siege.sync())
        assert there <= siege.stored().keys()
        server.lies.clear()
        for _ in range(2):
            assert_removes_nothing(siege, await siege.sync(RunOptions(retry=True)))
        assert there <= siege.served().keys()
        siege.assert_in_step()


def assert_removes_nothing(siege, sailed):
    """Where all was matched anew, what is on disk alone goes up again: that is no loss."""
    harmless = ("APPEND",) if sailed.of(FolderMatchedAnew) else ()
    assert not [command for command in siege.asked_to_change() if not command.startswith(harmless)]
