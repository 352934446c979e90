"""A run that goes on, as its user handles it: the real program, a real server, commands and signals."""

from __future__ import annotations

import imaplib
import json
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.real.user import User, offlineimaprc
from tests.real.voyage import message

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.servers.dovecot import DovecotServer

pytestmark = pytest.mark.real
SOON = 20.0


class Skipper(User):
    """A user whose Postboat goes on beside her."""

    def __init__(self, home: Path, runtime: Path, server: DovecotServer) -> None:
        super().__init__(home)
        self.at = server.account()
        self.environment["XDG_RUNTIME_DIR"] = str(runtime)
        self.configure("autorefresh = 60")
        self.process = self.start("-u", "basic")

    def configure(self, account: str, remote: str = "") -> None:
        self.write(".offlineimaprc", offlineimaprc(self.at, account=account, remote=remote))

    def status(self) -> dict[str, Any]:
        account: dict[str, Any] = json.loads(self.run("status", "--json").out)["accounts"][0]
        return account

    def until(self, what: str, value: object) -> None:
        """Wait until the account is so."""
        deadline = time.monotonic() + SOON
        while (ran := self.run("status", "--json")).code or json.loads(ran.out)["accounts"][0][what] != value:
            assert time.monotonic() < deadline, ran
            assert self.process.poll() is None, self.process.communicate()
            time.sleep(0.05)

    def end(self) -> int:
        self.process.communicate(timeout=SOON)
        return self.process.returncode


@pytest.fixture
def skipper(tmp_path: Path, dovecot: DovecotServer) -> Iterator[Skipper]:
    runtime = Path(tempfile.mkdtemp(prefix="pb-run-"))
    skipper = Skipper(tmp_path / "home", runtime, dovecot)
    yield skipper
    process: subprocess.Popen[str] = skipper.process
    process.kill()
    process.communicate()
    shutil.rmtree(runtime)


def test_a_day_with_a_run_that_goes_on(skipper: Skipper) -> None:
    skipper.until("state", "idle")
    assert "MyMail: in step" in skipper.run("status").assert_in_sync().out

    assert skipper.run("pause").code == 0
    assert skipper.status()["state"] == "paused"
    skipper.drop(message(1))
    assert skipper.run("now", "--wait").assert_in_sync().out == ""
    assert skipper.status()["state"] == "paused", "what is asked for is done all the same"
    assert skipper.run("resume", "MyMail").code == 0
    skipper.until("state", "idle")
    assert skipper.run("now", "--wait", "MyMail:INBOX").code == 0
    refused = skipper.run("now", "MyMail:INBOXX")
    assert (refused.code, "syncs no folder INBOXX; did you mean INBOX?" in refused.err) == (2, True)
    assert skipper.run("sync", "-o").code == 0, "one run by hand works beside it"

    second = skipper.run()
    assert (second.code, "at work with this configuration already" in second.err) == (7, True)
    assert skipper.status()["state"] == "idle"

    began = time.monotonic()
    assert skipper.run("stop").code == 0
    assert time.monotonic() - began < 6
    assert skipper.end() == 0
    assert skipper.run("status").code == 3


def test_what_is_decided_beside_it_shows_at_once(skipper: Skipper) -> None:
    skipper.until("state", "idle")
    dropped = [skipper.drop(message(number), name=f"{number}.local") for number in range(5)]
    assert skipper.run("now", "--wait").code == 0
    for path in dropped:
        for file in path.parent.parent.rglob(f"{path.name.partition(':')[0]}*"):
            file.unlink()
    skipper.until("held", 5)
    assert skipper.run("restore", "MyMail").code == 0
    skipper.until("held", 0)


def test_a_folder_that_is_left_out_is_not_synced_though_it_is_asked_for(skipper: Skipper) -> None:
    with imaplib.IMAP4(skipper.at.host, skipper.at.port) as phone:
        phone.login(skipper.at.user, skipper.at.password)
        phone.create("Work")
    skipper.until("folders", 2)
    skipper.configure("autorefresh = 60", remote="folderfilter = lambda name: name != 'Work'")
    assert skipper.run("reload").code == 0
    skipper.until("folders", 1)
    refused = skipper.run("now", "--wait", "MyMail:Work")
    assert (refused.code, "syncs no folder Work" in refused.err) == (2, True)


def test_a_new_configuration_is_used_unless_it_is_wrong(skipper: Skipper) -> None:
    skipper.until("state", "idle")
    skipper.configure("autorefresh = often")
    ran = skipper.run("reload")
    assert (ran.code, "autorefresh" in ran.err) == (2, True)
    assert "not reloaded" in skipper.run("status").out
    skipper.configure("autorefresh = 30")
    assert skipper.run("reload").code == 0
    skipper.until("state", "idle")
    assert "not reloaded" not in skipper.run("status").out
    assert skipper.status()["next_sync"] - time.time() < 31 * 60


def test_signals_are_as_good_as_commands(skipper: Skipper) -> None:
    skipper.until("state", "idle")
    before = skipper.status()["last_sync"]
    skipper.process.send_signal(signal.SIGUSR1)
    deadline = time.monotonic() + SOON
    while skipper.status()["last_sync"] == before:
        assert time.monotonic() < deadline
    skipper.configure("autorefresh = often")
    skipper.process.send_signal(signal.SIGHUP)
    while "not reloaded" not in skipper.run("status").out:
        assert time.monotonic() < deadline
    skipper.process.send_signal(signal.SIGUSR2)
    assert skipper.end() == 0


def test_one_that_is_killed_can_be_started_again(skipper: Skipper) -> None:
    skipper.until("state", "idle")
    skipper.process.kill()
    skipper.process.communicate()
    assert skipper.run("status").code == 3
    skipper.process = skipper.start("-u", "basic")
    skipper.until("state", "idle")
    skipper.process.send_signal(signal.SIGTERM)
    assert skipper.end() == 143
