"""Odd messages go through a real server in both directions and come back octet for octet."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from tests.data.odd_messages import digest, odd_messages, small_odd_messages, troublesome_messages
from tests.real.voyage import Voyage, message

from postboat.events import MessageFailed

if TYPE_CHECKING:
    from collections.abc import Set

pytestmark = pytest.mark.real


def on_disk(voyage: Voyage) -> dict[str, str]:
    return {digest(file.read_bytes()): file.name for file in voyage.files()}


def fetched(voyage: Voyage) -> set[str]:
    with voyage.phone("INBOX") as phone:
        parts = phone.uid("FETCH", "1:*", "(BODY.PEEK[])")[1]
    return {digest(part[1]) for part in parts if isinstance(part, tuple)}


@pytest.mark.timeout(300)
async def test_odd_messages_come_down_octet_for_octet(dovecot, tmp_path):
    odd = {digest(each.raw): each.name for each in odd_messages()}
    assert len(odd) >= 40
    voyage = Voyage(tmp_path, dovecot.account())
    voyage.deliver(*(each.wire for each in odd_messages()))
    assert fetched(voyage) == set(odd), "the server itself keeps them"
    (await voyage.sync()).assert_clean()
    assert {odd.get(found, "unknown") for found in on_disk(voyage)} == set(odd.values())
    assert (await voyage.sync()).done.changes == 0


@pytest.mark.timeout(300)
async def test_odd_messages_go_up_octet_for_octet(dovecot, tmp_path):
    odd = {digest(each.raw): each.name for each in odd_messages()}
    voyage = Voyage(tmp_path, dovecot.account())
    await voyage.sync()
    for number, each in enumerate(odd_messages()):
        voyage.drop(each.raw, f"{number}.odd")
    sailed = await voyage.sync()
    sailed.assert_clean()
    assert {odd.get(found, "unknown") for found in fetched(voyage)} == set(odd.values())
    assert (await voyage.sync()).done.changes == 0


async def test_odd_messages_survive_going_up_and_coming_down_elsewhere(dovecot, tmp_path):
    """From one Maildir over the server to another, as between a desktop and a laptop."""
    account = dovecot.account()
    here, there = Voyage(tmp_path, account, name="Here"), Voyage(tmp_path, account, name="There")
    await here.sync()
    for number, each in enumerate(small_odd_messages()):
        here.drop(each.raw, f"{number}.odd")
    (await here.sync()).assert_clean()
    (await there.sync()).assert_clean()
    assert on_disk(here).keys() == on_disk(there).keys() == {digest(each.raw) for each in small_odd_messages()}


@pytest.mark.parametrize("server", ["cyrus", "courier"])
async def test_what_a_server_refuses_is_told_and_what_it_changes_comes_back_changed_elsewhere(
    request, tmp_path, server
):
    """Exactly the messages known for it; on the disk that they came from, all stay as they were."""
    account = request.getfixturevalue(server).account()
    here, there = Voyage(tmp_path, account, name="Here"), Voyage(tmp_path, account, name="There")
    await here.sync()
    for number, each in enumerate(small_odd_messages()):
        here.drop(each.raw, f"{number}.odd")
    sailed = await here.sync()
    refused, changed = known(server, "refused"), known(server, "changed")
    assert sorted(told.what for told in sailed.of(MessageFailed)) == sorted(
        f"putting message {number}.odd on the server"
        for number, each in enumerate(small_odd_messages())
        if each.name in refused
    )
    assert sailed.code == (3 if refused else 0)
    assert on_disk(here).keys() == {digest(each.raw) for each in small_odd_messages()}
    (await there.sync()).assert_clean()
    assert len(there.files()) == len(small_odd_messages()) - len(refused)
    assert unlike(on_disk(there).keys()) == refused | changed
    again = await here.sync()
    assert again.done.up == again.done.down == again.done.deleted_local == 0


def known(server: str, fate: str) -> set[str]:
    """Names of the messages that a server is known to refuse, or to change."""
    return {each.name for each in small_odd_messages() if each.known.get(server, "").startswith(fate)}


def unlike(digests: Set[str]) -> set[str]:
    """Names of the messages that are not among `digests` as they were."""
    return {each.name for each in small_odd_messages() if digest(each.raw) not in digests}


async def test_what_dovecot_refuses_or_changes_is_told_and_loses_nothing(dovecot, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    await voyage.sync()
    voyage.drop(message(1), "good")
    trouble = troublesome_messages()
    for number, each in enumerate(trouble):
        voyage.drop(each.raw, f"{number}.trouble")
    refused = [each for each in trouble if not each.raw or b"\0" in each.raw]
    sailed = await voyage.sync()
    reasons = sorted(failure.reason for failure in sailed.of(MessageFailed))
    assert len(reasons) == len(refused) and "empty" in reasons[-1] and all("NUL" in reason for reason in reasons[:-1])
    assert sailed.done.up == 1 + len(trouble) - len(refused)
    assert len(voyage.files()) == 1 + len(trouble)
    again = await voyage.sync()
    assert again.done.up == again.done.down == again.done.deleted_local == 0


async def test_a_large_message_is_never_whole_in_memory(dovecot, tmp_path):
    voyage = Voyage(tmp_path, dovecot.account())
    await voyage.sync()
    large = message(1, size=30 << 20)
    voyage.drop(large, "large")
    for direction in ("up", "down"):
        tracemalloc.start()
        try:
            (await voyage.sync()).assert_clean()
            await asyncio.sleep(0)
            assert tracemalloc.get_traced_memory()[1] < 12 << 20, direction
        finally:
            tracemalloc.stop()
        voyage = Voyage(tmp_path, voyage.account, name="Second")
    assert on_disk(Voyage(tmp_path, voyage.account, name="Second")).keys() == {digest(large)}
