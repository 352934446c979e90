"""How the parts of an account are introduced to one another."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from postboat.config.schema import AccountConfig, Config, MaildirConfig, ServerConfig
from postboat.errors import SignInRefused
from postboat.events import SidesNamed
from postboat.service.assemble import assemble, name_sides
from postboat.values import Sides

FAR = ServerConfig(name="R", remotehost="imap.example.org", remoteuser="me")
NEAR = ServerConfig(name="L", remotehost="localhost", remoteuser="me")


def parts_of(tmp_path, local):
    account = AccountConfig("A", local=local, remote=FAR)
    config = Config(tmp_path / "config.toml", (account,), tmp_path / "state")
    return assemble(account, config, lambda _event: None, None, asyncio.Lock(), dry_run=True)


@pytest.fixture(autouse=True)
def credential(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "postboat.A").write_text("far")


async def test_the_credential_of_an_account_is_its_servers(tmp_path):
    (server,) = parts_of(tmp_path, MaildirConfig(name="M", localfolders=tmp_path / "mail")).servers.values()
    _, password = await server.passwords(None)
    assert password.reveal() == "far"


async def test_the_credential_of_an_account_is_not_told_to_a_local_server(tmp_path):
    passwords = {server.config.name: server.passwords for server in parts_of(tmp_path, NEAR).servers.values()}
    _, password = await passwords["R"](None)
    assert password.reveal() == "far"
    with pytest.raises(SignInRefused):
        await passwords["L"](None)


TREE = MaildirConfig(name="M", localfolders=Path("/mail"))
OTHER_TREE = MaildirConfig(name="N", localfolders=Path("/other"))


@pytest.mark.parametrize(
    ("remote", "local", "sides"),
    [
        (FAR, TREE, None),
        (FAR, NEAR, Sides("R", "L")),
        (TREE, OTHER_TREE, Sides("M", "N", servers=False)),
    ],
)
def test_sides_are_named_where_both_are_of_one_kind(remote, local, sides):
    told = []
    name_sides(AccountConfig("A", local=local, remote=remote), told.append)
    assert told == ([SidesNamed("A", sides)] if sides else [])


def test_sides_that_are_others_now_are_named_anew():
    told = []
    name_sides(AccountConfig("A", local=TREE, remote=FAR), told.append, before=Sides("R", "L"))
    name_sides(AccountConfig("A", local=NEAR, remote=FAR), told.append, before=Sides("R", "L"))
    assert told == [SidesNamed("A", None)]
