"""New mail on the desktop: one notification an account, that grows until the user closes it."""

from __future__ import annotations

import asyncio

import pytest
from tests.fakes.notifications import FakeDesktop
from tests.servers.private_bus import PrivateBus

from postboat.events import Warned
from postboat.service.hooks.desktop import Desktop
from postboat.service.machine.dbus import NoBus, session_bus


@pytest.fixture
def bus():
    with PrivateBus() as bus:
        yield bus


@pytest.fixture
def mail(tmp_path):
    def mail(*headers):
        files = []
        for number, header in enumerate(headers):
            path = tmp_path / f"{number}-{len(list(tmp_path.iterdir()))}"
            path.write_bytes(header + b"\n\nbody")
            files.append(str(path))
        return {"INBOX": tuple(files)}

    return mail


class Screen:
    """Postboat's side, and what it published."""

    def __init__(self, bus):
        self.events = []
        self.desktop = Desktop(
            "A", self.events.append, connect=lambda: session_bus({"DBUS_SESSION_BUS_ADDRESS": bus.address})
        )


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_message_is_told_by_sender_and_subject(bus, mail):
    screen = Screen(bus)
    async with FakeDesktop(bus.address) as desktop:
        await screen.desktop.tell(
            mail(b"From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\nSubject: =?utf-8?b?w6TDtg==?= & <more>\n x")
        )
        (shown,) = desktop.shown
        assert (shown.summary, shown.body) == ("A: 1 new message", "Jürgen: äö & <more> x")
        assert (shown.category, shown.replaces) == ("email.arrived", 0)
        await screen.desktop.close()
    assert screen.events == []


async def test_marks_of_headers_are_no_marks_of_the_desktop(bus, mail):
    screen = Screen(bus)
    async with FakeDesktop(bus.address, capabilities=("body", "body-markup")) as desktop:
        await screen.desktop.tell(mail(b'From: a@example.org\nSubject: <b>"x" & y</b>'))
        assert desktop.shown[0].body == 'a@example.org: &lt;b&gt;"x" &amp; y&lt;/b&gt;'
        await screen.desktop.close()


async def test_what_comes_is_added_to_what_is_shown_until_that_is_closed(bus, mail):
    screen = Screen(bus)
    async with FakeDesktop(bus.address) as desktop:
        await screen.desktop.tell(mail(*(b"Subject: %d" % number for number in range(7))))
        await screen.desktop.tell(mail(b"Subject: 7"))
        first, second = desktop.shown
        assert (first.summary, first.body) == ("A: 7 new messages", "2\n3\n4\n5\n6\nand 2 more")
        assert (second.replaces, second.summary) == (first.id, "A: 8 new messages")
        assert second.body == "3\n4\n5\n6\n7\nand 3 more"
        await desktop.close(99)
        await desktop.close(second.id)
        await until(lambda: screen.desktop._shown == 0)
        await screen.desktop.tell(mail(b"X: y"))
        assert desktop.shown[-1][1:4] == (0, "A: 1 new message", "(no subject)")
        await screen.desktop.close()


async def test_a_file_that_another_program_renamed_is_counted(bus, mail):
    screen = Screen(bus)
    async with FakeDesktop(bus.address) as desktop:
        await screen.desktop.tell({"INBOX": ("/nowhere/1", *mail(b"Subject: 1")["INBOX"])})
        assert desktop.shown[0][2:4] == ("A: 2 new messages", "1\nand 1 more")
        await screen.desktop.close()


async def test_of_messages_on_a_server_it_is_told_where_they_are(bus, mail):
    screen = Screen(bus)
    urls = [f"imap://me@example.org/Work;UID={uid}" for uid in range(3)]
    async with FakeDesktop(bus.address) as desktop:
        await screen.desktop.tell({"Work": tuple(urls[:2]), "Lists/<a>": (urls[2],)})
        assert (desktop.shown[0].summary, desktop.shown[0].body) == ("A: 3 new messages", "2 in Work\n1 in Lists/<a>")
        await screen.desktop.tell(mail(b"From: a@example.org\nSubject: x"))
        assert desktop.shown[1].body == "2 in Work\n1 in Lists/<a>\na@example.org: x"
        await screen.desktop.close()
    assert screen.events == []


async def test_a_bus_that_was_started_anew_is_joined_anew(bus, mail):
    screen = Screen(bus)
    async with FakeDesktop(bus.address):
        await screen.desktop.tell(mail(b"Subject: 1"))
    bus.stop()
    bus.start()
    async with FakeDesktop(bus.address) as desktop:
        await screen.desktop.tell(mail(b"Subject: 2"))
        assert [shown.summary for shown in desktop.shown] == ["A: 1 new message"]
        await screen.desktop.close()
    assert screen.events == []


async def test_what_keeps_notifications_away_is_told_once(bus, mail):
    screen = Screen(bus)
    async with FakeDesktop(bus.address, refuses=True):
        for _ in range(3):
            await screen.desktop.tell(mail(b"Subject: 1"))
    (told,) = screen.events
    assert told == Warned("new mail cannot be shown on the desktop: org.freedesktop.Notifications.Notify: no room", "A")


async def test_without_a_bus_that_is_told_once(mail):
    events = []

    async def none():
        return NoBus("no session bus")

    desktop = Desktop("A", events.append, connect=none)
    for _ in range(2):
        await desktop.tell(mail(b"Subject: 1"))
    await desktop.close()
    assert events == [Warned("new mail cannot be shown on the desktop: no session bus", "A")]
