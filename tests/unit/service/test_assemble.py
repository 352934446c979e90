"""How the parts of an account are introduced to one another."""

from __future__ import annotations

import asyncio

import pytest

from postboat.config.schema import AccountConfig, Config, MaildirConfig, ServerConfig
from postboat.errors import SignInRefused
from postboat.service.assemble import assemble

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
