"""The program as a user's service under a real systemd, where this machine has one and lets us run it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.real.staying import configure
from tests.real.voyage import Voyage, message
from tests.servers.user_systemd import UserSystemd, can_run

PROGRAM = Path(sys.executable).with_name("postboat")
PATIENCE = 20.0
OVERRIDE = """\
[Service]
LoadCredential=postboat.Test:%h/pass word
RestartSec=100ms
StandardOutput=append:%h/output
StandardError=inherit
{more}
"""
"""What a user may add with `systemctl --user edit`: here, too, where a service without a journal writes."""


def until(fact, what):
    """Wait until something is so that can only be asked for."""
    deadline = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


class Machine:
    """Somebody's account on a machine with systemd, and a mailbox."""

    def __init__(self, systemd, account):
        self.systemd, self.home = systemd, systemd.home
        self.voyage = Voyage(self.home, account)
        self.config = self.home / 'con $HOME 100% "fig".toml'
        written = configure(self.home, account.host, account.port, account.user, "")
        self.config.write_text(written.read_text().replace('remotepass = ""\n', ""))
        (self.home / "pass word").write_text(f"{account.password}\n")

    def override(self, unit, more=""):
        path = self.home / f".config/systemd/user/{unit}.d/override.conf"
        path.parent.mkdir(parents=True)
        path.write_text(OVERRIDE.format(more=more))

    def postboat(self, *words):
        """Run the command line as the user."""
        return subprocess.run(
            [PROGRAM, "-c", self.config, *words],
            env=self.systemd.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def install(self, *words):
        done = self.postboat("service", "install", "--now", *words)
        assert done.returncode == 0, done.stderr + self.said()

    def show(self, fact, unit="postboat.service"):
        return self.systemd.show(unit, fact)

    def kill(self, number):
        """Send a signal to the main process, by its number outside of the namespace."""
        group = self.systemd.cgroups_of("postboat.service")[0]
        os.kill(int((group / "cgroup.procs").read_text()), number)

    def said(self):
        path = self.home / "output"
        return path.read_text() if path.exists() else ""

    def expect(self, number):
        """Deliver a message, and wait until it has come."""
        self.voyage.deliver(message(number))
        until(lambda: self.arrived() == number, self.said)

    def arrived(self):
        inbox = self.home / "mail-Test" / "INBOX"
        return len([*inbox.glob("new/*"), *inbox.glob("cur/*")])


@pytest.fixture
def machine(tmp_path, dovecot):
    with UserSystemd(tmp_path) as systemd:
        yield Machine(systemd, dovecot.account())


if can_run():  # what is skipped counts as failed where nothing may be missing

    def test_a_service_syncs_tells_how_it_is_reloads_and_goes(machine):
        machine.override("postboat.service")
        machine.install()
        assert machine.show("ActiveState") == "active" and machine.show("UnitFileState") == "enabled"
        machine.expect(1)
        machine.expect(2)
        until(lambda: machine.show("StatusText") == "in step", machine.said)
        told = machine.postboat("service", "status")
        assert told.returncode == 0
        assert told.stdout.startswith("postboat.service: active (running), enabled: in step\n")

        assert machine.systemd.systemctl("reload", "postboat").returncode == 0
        machine.config.write_text(machine.config.read_text() + "\n[nonsense]\n")
        assert machine.systemd.systemctl("reload", "postboat").returncode != 0
        assert "nonsense" in machine.said()
        machine.expect(3)

        assert machine.systemd.systemctl("stop", "postboat").returncode == 0
        assert (machine.show("ActiveState"), machine.show("Result")) == ("inactive", "success")
        removed = machine.postboat("service", "uninstall")
        assert (removed.returncode, removed.stderr) == (0, "")
        assert machine.show("ExecStart") == ""

    def test_a_service_that_dies_or_stands_still_is_started_anew_and_goes_on(machine):
        machine.override("postboat.service", "WatchdogSec=2")
        machine.install()
        machine.expect(1)
        machine.kill(signal.SIGKILL)
        until(lambda: machine.show("NRestarts") == "1" and machine.show("SubState") == "running", machine.said)
        machine.expect(2)
        machine.kill(signal.SIGSTOP)
        until(lambda: machine.show("NRestarts") == "2" and machine.show("SubState") == "running", machine.said)
        assert "Fatal Python error: Aborted" in machine.said()  # and where it stood
        machine.expect(3)

    def test_a_wrong_configuration_is_not_tried_again_and_again(machine):
        machine.override("postboat.service")
        machine.install()
        machine.config.write_text(machine.config.read_text() + "\n[nonsense]\n")
        assert machine.systemd.systemctl("restart", "postboat").returncode != 0
        assert (machine.show("ActiveState"), machine.show("ExecMainStatus")) == ("failed", "2")
        assert machine.show("NRestarts") == "0"

    def test_a_timer_syncs_once_each_time(machine):
        machine.override("postboat-once.service")
        machine.voyage.deliver(message(1))
        machine.install("--timer")
        assert machine.show("SubState", "postboat.timer") == "waiting"
        assert machine.systemd.systemctl("start", "postboat-once").returncode == 0
        assert machine.arrived() == 1
        assert machine.show("ActiveState", "postboat-once.service") == "inactive"
        machine.config.write_text(machine.config.read_text().replace("remoteport = ", "remoteport = 1 #"))
        assert machine.systemd.systemctl("start", "postboat-once").returncode == 0  # no network is no failure
        assert machine.postboat("service", "uninstall").returncode == 0
        assert machine.show("ActiveState", "postboat.timer") == "inactive"
