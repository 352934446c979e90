"""What guests of the control socket may do, and what they cannot."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.controls import FakeControls

from postboat.errors import ConfigError
from postboat.events import (
    AccountStarted,
    ConnectionsSeen,
    FolderFinished,
    FolderProgressed,
    Light,
    PlanHeld,
    ServiceStarted,
    Warned,
)
from postboat.events import Counts as C
from postboat.service.control import server as control
from postboat.service.control.request import VERBS, Request, understand
from postboat.service.control.server import serving
from postboat.status_json import from_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

STARTED = ServiceStarted(("A", "B"))


class Guest:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, **request: Any) -> Guest:
        return await self.sends(json.dumps(request).encode() + b"\n")

    async def sends(self, data: bytes) -> Guest:
        self.writer.write(data)
        await self.writer.drain()
        return self

    async def hears(self) -> Any:
        async with asyncio.timeout(5):
            return json.loads(await self.reader.readline())

    async def is_let_go(self) -> bool:
        async with asyncio.timeout(5):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True


class House:
    def __init__(self, path: Path) -> None:
        self.path, self.controls = path, FakeControls(STARTED)
        self._guests: list[Guest] = []

    async def guest(self) -> Guest:
        self._guests.append(Guest(*await asyncio.open_unix_connection(self.path, limit=1 << 24)))
        return self._guests[-1]

    async def asked(self, do: str, *targets: str, **more: Any) -> Any:
        guest = await (await self.guest()).says(do=do, targets=list(targets), **more)
        answer = await guest.hears()
        assert await guest.is_let_go()
        return answer

    @asynccontextmanager
    async def open(self) -> AsyncIterator[House]:
        try:
            async with serving(self.path, self.controls, self.controls.bus):
                yield self
        finally:
            for guest in self._guests:
                guest.writer.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path / "run" / "s").open() as house:
        yield house


async def test_the_status_is_all_that_was_told(house: House) -> None:
    house.controls.publish(PlanHeld("A", "INBOX", "remote", "emptied", 3, 3))
    answer = await house.asked("status")
    assert answer["ok"]
    assert from_json(answer["status"]).accounts["A"].held == 3
    assert answer["status"]["accounts"][0]["state"] == "starting"


async def test_who_follows_hears_how_things_are_and_then_what_happens(house: House) -> None:
    guest = await (await house.guest()).says(do="follow")
    assert [account["name"] for account in (await guest.hears())["status"]["accounts"]] == ["A", "B"]
    house.controls.publish(AccountStarted("B"))
    event = await guest.hears()
    assert (event["event"], event["account"]) == ("AccountStarted", "B")
    assert event["time"].endswith("+00:00")


async def test_nothing_falls_between_what_is_and_what_happens(house: House) -> None:
    """Whatever is published while a guest comes in is either in the status or told after it."""
    guest = await (await house.guest()).says(do="follow")
    for number in range(50):
        house.controls.publish(PlanHeld("A", f"F{number}", "remote", "emptied", 1, 1))
        await asyncio.sleep(0)
    known = from_json((await guest.hears())["status"]).accounts["A"].held
    for number in range(known, 50):
        assert (await guest.hears())["folder"] == f"F{number}"


async def test_a_guest_that_leaves_is_forgotten(house: House) -> None:
    before = len(house.controls.bus._subscriptions)
    guest = await (await house.guest()).says(do="follow")
    await guest.hears()
    assert len(house.controls.bus._subscriptions) == before + 1
    guest.writer.close()
    async with asyncio.timeout(5):
        while len(house.controls.bus._subscriptions) > before:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("request_", "asked"),
    [
        (("now",), ("now",)),
        (("now", "A", "B:INBOX"), ("now", "A", "B:INBOX")),
        (("pause", "A"), ("pause", "A")),
        (("resume",), ("resume",)),
        (("confirm", "A:INBOX"), ("confirm", "confirmed", "A:INBOX")),
        (("restore", "A"), ("confirm", "restore", "A")),
        (("reload",), ("reload",)),
    ],
)
async def test_what_is_asked_for_is_done(house: House, request_: tuple[str, ...], asked: tuple[str, ...]) -> None:
    assert (await house.asked(*request_))["ok"]
    assert house.controls.asked == [asked]


async def test_who_syncs_and_follows_hears_first_what_was_before(house: House) -> None:
    house.controls.then["now"] = (AccountStarted("A"),)
    guest = await (await house.guest()).says(do="now", targets=["A"], follow=True)
    assert (await guest.hears())["status"]["accounts"][0]["state"] == "starting"
    assert (await guest.hears())["event"] == "AccountStarted"


async def test_what_is_wrong_with_a_new_configuration_is_told(house: House) -> None:
    house.controls.problems = ("config.toml:3: wrong", "config.toml:4: wrong")
    answer = await house.asked("reload")
    assert answer == {"ok": False, "error": "config.toml:3: wrong\nconfig.toml:4: wrong", "exit_code": 2}


async def test_who_stops_it_is_let_go_when_it_is_over(tmp_path: Path) -> None:
    async with House(tmp_path / "run" / "s").open() as house:
        guest = await (await house.guest()).says(do="stop", finish=True)
        assert (await guest.hears())["pid"] == house.controls.status.pid
        async with asyncio.timeout(5):
            while house.controls.asked != [("stop", True)]:
                await asyncio.sleep(0)
        assert not guest.reader.at_eof()
        leaving = asyncio.create_task(guest.is_let_go())
    assert await leaving


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"rubbish\n", 'one line of JSON such as {"do": "status"}'),
        (b"\xff\xfe\x00\n", "one line of JSON"),
        (b"[" * 60_000 + b"\n", "one line of JSON"),
        (b"[]\n", "one line of JSON"),
        (b"{}\n", "None: no such request; there are status, follow, now"),
        (b'{"do": "dance"}\n', "'dance': no such request"),
        (b'{"do": ["now"]}\n', "no such request"),
        (b'{"do": "now", "targets": "A"}\n', "must be a list"),
        (b'{"do": "now", "targets": [1]}\n', "must be a list"),
        (b'{"do": "now", "targets": ["C"]}\n', "there is no account C; there are A, B"),
        (b'{"do": "pause", "targets": ["A:INBOX"]}\n', "only whole accounts can pause, such as A"),
        (b'{"do": "confirm"}\n', "needs targets"),
        (b"x" * 100_000, "at most 65536 octets"),
    ],
)
async def test_rubbish_is_refused_in_words(house: House, line: bytes, told: str) -> None:
    guest = await (await house.guest()).sends(line)
    answer = await guest.hears()
    assert not answer["ok"]
    assert told in answer["error"]
    assert await guest.is_let_go()
    assert house.controls.asked == []


@given(st.binary(max_size=60) | st.dictionaries(st.sampled_from(["do", "targets", "follow"]), st.none() | st.integers() | st.sampled_from(VERBS) | st.lists(st.text(max_size=5) | st.integers(), max_size=3)).map(lambda facts: json.dumps(facts).encode()))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_line_is_a_request_or_refused(line: bytes) -> None:
    try:
        assert isinstance(understand(line, ["A", "B"]), Request)
    except ConfigError as refused:
        assert str(refused).isprintable() or "\n" not in str(refused)


async def test_a_guest_that_says_nothing_is_let_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_SECONDS", 0.02)
    guest = await house.guest()
    assert "no request came" in (await guest.hears())["error"]
    assert await guest.is_let_go()


async def test_a_guest_that_leaves_at_once_is_no_matter(house: House) -> None:
    for _ in range(100):
        (await house.guest()).writer.close()
    assert (await house.asked("status"))["ok"]


async def test_a_guest_that_reads_nothing_holds_nobody_up_and_is_let_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "STALLED_SECONDS", 0.2)
    before = len(house.controls.bus._subscriptions)
    guest = await (await house.guest()).says(do="follow")
    await guest.hears()
    guest.writer.transport.pause_reading()  # type: ignore[attr-defined]
    other = await (await house.guest()).says(do="follow")
    await other.hears()
    for number in range(4000):
        house.controls.publish(FolderFinished("A", f"F{number}" + "x" * 200, C()))
        assert (await other.hears())["folder"].startswith(f"F{number}x")
    async with asyncio.timeout(5):
        while len(house.controls.bus._subscriptions) > before + 1:
            await asyncio.sleep(0.01)


async def test_a_guest_that_missed_something_hears_how_things_are_now(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postboat.service.bus.FACTS_KEPT", 10)
    guest = await (await house.guest()).says(do="follow")
    await guest.hears()
    for number in range(50):  # all before the guest's task has its turn
        house.controls.publish(PlanHeld("A", f"F{number}", "remote", "emptied", 1, 1))
    anew = await guest.hears()
    assert (from_json(anew["status"]).accounts["A"].held, anew["dropped"]) == (50, 50)
    house.controls.publish(PlanHeld("A", "F50", "remote", "emptied", 1, 1))
    assert (await guest.hears())["folder"] == "F50", "what is in the status is told once more"


@pytest.mark.parametrize(("asks", "sees"), [({}, False), ({"lights": False}, False), ({"lights": True}, True)])
async def test_what_connections_do_is_told_to_those_who_ask_for_it(house: House, asks: dict, sees: bool) -> None:
    guest = await (await house.guest()).says(do="follow", **asks)
    await guest.hears()
    house.controls.publish(ConnectionsSeen("A", (Light("copying", "INBOX"),), 10, 20))
    house.controls.publish(Warned("x"))
    lights = [{"doing": "copying", "folder": "INBOX", "server": ""}]
    if sees:
        assert (await guest.hears())["lights"] == lights
    assert (await guest.hears())["event"] == "Warned"


async def test_progress_is_told_as_it_is_now(house: House) -> None:
    guest = await (await house.guest()).says(do="follow")
    await guest.hears()
    for number in range(1000):
        house.controls.publish(FolderProgressed("A", "INBOX", C(down=number)))
    assert (await guest.hears())["done"]["down"] == 999


async def test_too_many_guests_are_told_to_come_later(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "GUESTS", 2)
    first = [await (await house.guest()).says(do="follow") for _ in range(2)]
    for guest in first:
        assert (await guest.hears())["ok"]
    late = await house.guest()
    assert "too many programs" in (await late.hears())["error"]
    assert await late.is_let_go()
    first[0].writer.close()
    async with asyncio.timeout(5):
        while not (await (await (await house.guest()).says(do="status")).hears())["ok"]:
            pass


async def test_a_defect_is_told_and_ends_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.controls.failure = KeyError("oh no")
    answer = await house.asked("now")
    assert (answer["ok"], answer["exit_code"]) == (False, 1)
    assert "KeyError" in answer["error"]
    assert "oh no" in caplog.text
    assert (await house.asked("status"))["ok"]


async def test_what_the_run_refuses_is_told_with_its_exit_code(house: House) -> None:
    house.controls.failure = ConfigError(["A:Nonsense: there is no such folder"])
    answer = await house.asked("now", "A:Nonsense")
    assert answer == {"ok": False, "error": "A:Nonsense: there is no such folder", "exit_code": 2}


async def test_in_the_end_all_guests_are_let_go_and_nothing_is_left(tmp_path: Path) -> None:
    tasks = asyncio.all_tasks()
    async with House(tmp_path / "run" / "s").open() as house:
        following = await (await house.guest()).says(do="follow")
        await following.hears()
        silent = await house.guest()
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) > len(tasks)
        leaving = [asyncio.create_task(guest.is_let_go()) for guest in (following, silent)]
    assert await asyncio.gather(*leaving) == [True, True]
    assert asyncio.all_tasks() == tasks
    assert not house.path.exists()
    assert house.controls.bus._subscriptions == []


async def test_the_end_is_the_same_when_it_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with House(tmp_path / "run" / "s").open():
            raise ZeroDivisionError
    assert not (tmp_path / "run" / "s").exists()


async def test_a_socket_that_is_cleaned_away_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LOOK_SECONDS", 0.01)
    async with House(tmp_path / "run" / "s").open() as house:
        following = await (await house.guest()).says(do="follow")
        await following.hears()
        house.path.unlink()
        house.path.parent.rmdir()
        async with asyncio.timeout(5):
            while not house.path.is_socket():
                await asyncio.sleep(0.01)
        assert (await house.asked("status"))["ok"]
        house.controls.publish(AccountStarted("A"))
        assert (await following.hears())["event"] == "AccountStarted", "who was in stays in"
    assert not house.path.exists()


async def test_it_is_made_anew_once_that_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LOOK_SECONDS", 0.01)
    async with House(tmp_path / "run" / "s").open() as house:
        house.path.unlink()
        house.path.parent.rmdir()
        house.path.parent.touch()  # where the directory is to be
        await asyncio.sleep(0.05)
        house.path.parent.unlink()
        async with asyncio.timeout(5):
            while not house.path.is_socket():
                await asyncio.sleep(0.01)
        assert (await house.asked("status"))["ok"]
