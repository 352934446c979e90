"""`postboat service`, with a systemctl that writes down what it is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from postboat.cli.main import main

SYSTEMCTL = """#!/bin/sh
echo "$*" >> {log}
case "$*" in
*{failing}*) echo "Failed to connect to bus"; exit 1;;
*show*) printf 'ActiveState={state}\\nSubState=running\\nUnitFileState=enabled\\nResult=success\\nNRestarts=2\\nStatusText=in step\\n';;
esac
"""


class Home:
    """Somebody's home directory, with a configuration and a systemd."""

    def __init__(self, path, capfd):
        self.path, self._capfd = path, capfd
        self.units = path / ".config/systemd/user"
        self.config = path / "con fig.toml"
        self.log = path / "log"
        self.log.touch()
        self.systemd()
        self.accounts("autorefresh = 5")

    def systemd(self, *, failing="nothing", state="active"):
        program = self.path / "bin" / "systemctl"
        program.parent.mkdir(exist_ok=True)
        program.write_text(SYSTEMCTL.format(log=self.log, failing=failing, state=state))
        program.chmod(0o755)

    def accounts(self, more):
        self.config.write_text(
            f"""
            [general]
            accounts = ["A"]
            [account.A]
            localrepository = "L"
            remoterepository = "R"
            {more}
            [repository.L]
            type = "Maildir"
            localfolders = "{self.path}/mail"
            [repository.R]
            type = "IMAP"
            remotehost = "127.0.0.1"
            remoteuser = "me"
            """
        )

    def __call__(self, *words):
        """Run `postboat service`; the exit code, and what was asked of systemd."""
        self.log.write_text("")
        code = main(["service", *words])
        self.out, self.err = self._capfd.readouterr()
        return code, [line.removeprefix("--user ") for line in self.log.read_text().splitlines()]

    def install(self, *words):
        return self("install", "-c", str(self.config), *words)


@pytest.fixture
def home(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return Home(tmp_path, capfd)


def started_by(home, name="postboat.service"):
    (line,) = [line for line in (home.units / name).read_text().splitlines() if line.startswith("ExecStart=")]
    return line.removeprefix("ExecStart=")


def test_installing_writes_the_unit_and_says_how_to_go_on(home):
    assert home.install() == (0, ["daemon-reload"])
    assert home.out.startswith(f"wrote {home.units}/postboat.service\n")
    assert "systemctl --user enable --now postboat.service" in home.out
    assert started_by(home).endswith(f'/postboat -c "{home.config}" -u basic')
    assert Path(started_by(home).split()[0]).is_file()


def test_installing_may_start_it_too(home):
    assert home.install("--now") == (0, ["daemon-reload", "enable postboat.service", "restart postboat.service"])
    assert "started postboat.service, now and at each login" in home.out
    assert "enable --now" not in home.out


def test_a_timer_runs_once_each_time_and_needs_no_autorefresh(home):
    home.accounts("")
    assert home.install("--timer", "--now") == (
        0,
        ["daemon-reload", "enable postboat.timer", "restart postboat.timer"],
    )
    assert started_by(home, "postboat-once.service").endswith(" -o")


def test_options_are_handed_on_and_paths_made_absolute(home, monkeypatch):
    monkeypatch.chdir(home.path)
    monkeypatch.setenv("XDG_STATE_HOME", str(home.path / "state"))
    code, _ = home("install", "-c", "con fig.toml", "-a", "A", "-l", "~/log file", "-d", "imap,sync")
    assert code == 0
    assert started_by(home).partition(" ")[2] == (
        f'-c "{home.path}/con fig.toml" -u basic -a A -l "{home.path}/log file" -d imap -d sync'
    )
    assert f"\nEnvironment=XDG_STATE_HOME={home.path}/state\n" in (home.units / "postboat.service").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "no account has autorefresh"),
        (["-k", "general:fsync=no"], "write it there"),
        (["-a", "B"], "B"),
    ],
)
def test_what_would_fail_in_a_journal_fails_at_once(home, words, told):
    home.accounts("")
    assert home.install(*words) == (2, [])
    assert told in home.err and not home.units.exists()


def test_a_mistake_in_the_configuration_is_told_before_anything_is_written(home):
    home.accounts("autorefresh = 'often'")
    assert home.install() == (2, [])
    assert "autorefresh" in home.err and not home.units.exists()


def test_work_of_the_user_is_not_overwritten(home):
    home.install()
    unit = home.units / "postboat.service"
    unit.write_text(unit.read_text() + "Nice=5\n")
    assert home.install() == (2, [])
    assert "changed by hand" in home.err and "Nice=5" in unit.read_text()
    assert home("uninstall") == (2, [])
    assert unit.exists()
    assert home.install("--force") == (0, ["daemon-reload"])
    assert "Nice=5" not in unit.read_text()


def test_a_systemd_that_fails_is_told_in_its_words(home):
    home.systemd(failing="restart")
    assert home.install("--now") == (3, ["daemon-reload", "enable postboat.service", "restart postboat.service"])
    assert "systemctl --user restart postboat.service: Failed to connect to bus" in home.err
    assert "journalctl" in home.err


def test_without_systemctl_the_file_is_written_and_the_lack_is_told(home, monkeypatch):
    monkeypatch.setenv("PATH", str(home.path / "nothing"))
    assert home.install() == (3, [])
    assert "there is no systemctl on this machine" in home.err
    assert (home.units / "postboat.service").exists()


def test_uninstalling_stops_and_removes_it(home):
    home.install("--timer")
    stopped = "disable --now postboat.timer postboat-once.service"
    assert home("uninstall") == (0, [stopped, "daemon-reload"])
    assert home.out.count("removed") == 2 and list(home.units.iterdir()) == []
    assert home("uninstall") == (0, [])
    assert "there is nothing of it" in home.err


def test_uninstalling_without_a_systemd_removes_it_all_the_same(home):
    home.install()
    home.systemd(failing="able")
    assert home("uninstall")[0] == 0
    assert "systemd was not told: Failed to connect to bus" in home.err
    assert list(home.units.iterdir()) == []


def test_the_status_tells_what_systemd_says(home):
    assert home("status") == (3, [])
    assert "not installed" in home.out
    home.install()
    assert home("status")[0] == 0
    assert home.out == (
        f"postboat.service: active (running), enabled, restarted 2 times: in step\n  {home.units}/postboat.service\n"
    )


def test_the_status_tells_what_does_not_run_and_what_was_changed(home):
    home.install("--timer")
    (home.units / "postboat.timer").write_text("[Timer]\n")
    home.systemd(state="inactive")
    assert home("status")[0] == 3
    assert f"{home.units}/postboat.timer (changed by hand)\n" in home.out
    assert "postboat.timer: inactive" in home.out and "postboat-once.service: inactive" in home.out


def test_the_status_tells_that_systemd_cannot_be_asked(home):
    home.install()
    home.systemd(failing="show")
    assert home("status")[0] == 3
    assert "postboat.service: Failed to connect to bus\n" in home.out
