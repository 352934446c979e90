"""The connections of two servers are looked at as those of one."""

from __future__ import annotations

from postboat.events import ConnectionsSeen, Light
from postboat.service.lamps import JointLamps
from postboat.service.lights import Row


class Lamp:
    """A connection."""

    def __init__(self, doing: str, folder: str = "") -> None:
        self.now = Light(doing, folder)

    def light(self) -> Light:
        return self.now


class Harbour:
    """The connections to one server."""

    def __init__(self, *lamps: Lamp, dialling: int = 0, octets: tuple[int, int] = (0, 0)) -> None:
        self.sessions, self.dialling, self.octets = lamps, dialling, octets


def test_octets_and_connections_of_all_servers_are_one_row_and_each_names_its_server():
    remote = Harbour(Lamp("copying", "inbox"), dialling=1, octets=(10, 1))
    local = Harbour(Lamp("sending", "INBOX.Work"), Lamp("free"), octets=(200, 20))
    row = Row(
        "A", JointLamps([("Old", remote, str.upper), ("New", local, lambda wire: wire.removeprefix("INBOX."))]), str
    )
    lights = (
        *(Light("copying", "INBOX", "Old"), Light("sending", "Work", "New")),
        *(Light("free", "", "New"), Light("connecting")),
    )
    assert row.look() == ConnectionsSeen("A", lights, 210, 21)
    assert row.look() is None, "nothing changed"


def test_each_connection_keeps_its_place_when_one_of_the_other_server_comes_or_goes():
    remote, local = Harbour(Lamp("free")), Harbour(Lamp("sending"))
    row = Row("A", JointLamps([("Old", remote, str), ("New", local, str)]), str)
    row.look()
    remote.sessions = (*remote.sessions, Lamp("copying"))
    assert row.look().lights == (*(Light("free", "", "Old"), Light("sending", "", "New"), Light("copying", "", "Old")),)
    remote.sessions = ()
    assert row.look().lights == (Light("free"), Light("sending", "", "New"))


def test_an_account_without_servers_has_no_lights():
    assert Row("A", JointLamps([]), str).look() == ConnectionsSeen("A", (), 0, 0)
