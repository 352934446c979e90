"""The main job on every server we have: both ways, twice over, whatever the server can or cannot do."""

from __future__ import annotations

import pytest
from tests.real.voyage import Voyage, digest, message
from tests.servers.dovecot import DovecotServer

from postboat.service.run_options import RunOptions

pytestmark = pytest.mark.real

PLAIN = "IMAP4rev1"
SERVERS = ["dovecot", "dovecot_sdbox", "dovecot_plain", "cyrus", "courier", "pymap"]


@pytest.fixture(scope="module")
def dovecot_plain():
    """Dovecot that announces nothing but IMAP4rev1: no UIDPLUS, no LITERAL+, no CONDSTORE, no NAMESPACE."""
    with DovecotServer(capability=PLAIN) as server:
        yield server


@pytest.fixture(params=SERVERS)
def voyage(request, tmp_path) -> Voyage:
    return Voyage(tmp_path, request.getfixturevalue(request.param).account())


async def test_the_main_job(voyage):
    voyage.deliver(*(message(n) for n in range(12)))
    first = await voyage.sync()
    first.assert_clean()
    assert first.done.down == 12
    voyage.assert_same()

    voyage.file_of(message(0)).unlink()
    read = voyage.file_of(message(1))
    read.rename(read.parent.parent / "cur" / f"{read.name.partition(':')[0]}:2,FS")
    for number in range(100, 105):
        voyage.drop(message(number), f"{number}.local", flags="S")
    voyage.deliver(message(200), flags=r"\Flagged")
    with voyage.phone("INBOX") as phone:
        uids = phone.uid("SEARCH", "ALL")[1][0].split()
        phone.uid("STORE", uids[5].decode(), "+FLAGS", r"(\Answered)")
        phone.uid("STORE", uids[6].decode(), "+FLAGS", r"(\Deleted)")
        phone.expunge()
    second = await voyage.sync()
    second.assert_clean()
    done = second.done
    assert (done.down, done.up, done.reflagged, done.deleted_remote, done.deleted_local) == (1, 5, 2, 1, 1)
    voyage.assert_same()
    assert digest(message(0)) not in voyage.on_server()

    third = await voyage.sync()
    third.assert_clean()
    assert third.done.changes == 0


async def test_folders_on_both_sides(voyage):
    account = voyage.account
    voyage.create(f"{account.prefix}Archive{account.delimiter}2026")
    first = await voyage.sync()
    first.assert_clean()
    voyage.drop(message(1), folder="Drafts and more" if not account.prefix else "INBOX/Drafts and more")
    (await voyage.sync()).assert_clean()
    third = await voyage.sync()
    third.assert_clean()
    assert third.done.changes == 0
    names = {name.replace(account.delimiter, "/") for name in voyage.server_folders()}
    assert any(name.endswith("Archive/2026") for name in names)
    assert any(name.endswith("Drafts and more") for name in names)


async def test_a_lost_ledger_doubles_nothing(voyage):
    voyage.deliver(*(message(n) for n in range(5)))
    await voyage.sync()
    for file in voyage.state.iterdir():
        file.unlink()
    again = await voyage.sync()
    again.assert_clean()
    assert (again.done.adopted, again.done.down, again.done.up) == (5, 0, 0)
    voyage.assert_same()


async def test_a_dry_run_changes_nothing(voyage):
    voyage.deliver(message(1))
    assert (await voyage.sync(RunOptions(dry_run=True))).code == 0
    assert not voyage.mail.exists() and not voyage.state.exists()
