"""Unit files: written, kept apart from a user's own work, and removed."""

from __future__ import annotations

import configparser

import pytest

from postboat.errors import ConfigError, PostboatError
from postboat.service.systemd.units import LASTING, TIMER, UnitFiles, is_untouched, unit_file

PROGRAM = ("/opt/venv/bin/postboat", "-c", "/home/me/mail.toml")
COMMANDS = {"COMMAND": PROGRAM, "RELOAD": (*PROGRAM, "reload")}


@pytest.fixture
def files(tmp_path):
    return UnitFiles(tmp_path / "systemd" / "user")


def settings(name, commands=COMMANDS, environment=None):
    """A unit file as sections of options; each option's values in their order."""
    text = unit_file(name, commands, environment or {}).decode()
    found = {}
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            option, value = line.split("=", 1)
            section.setdefault(option, []).append(value)
    return found


@pytest.mark.parametrize("name", [*LASTING.files, *TIMER.files])
def test_every_unit_is_complete_and_begins_as_it_was_written(name):
    content = unit_file(name, COMMANDS, {})
    assert is_untouched(content) and b"\n[Unit]\nDescription=" in content
    assert b"\n@" not in content and b"=@" not in content
    configparser.RawConfigParser(strict=False, delimiters="=").read_string(content.decode())


def test_the_lasting_run_is_watched_and_restarted_within_bounds():
    service = settings("postboat.service")["Service"]
    assert service["Type"] == ["notify"] and service["NotifyAccess"] == ["main"] and service["WatchdogSec"] == ["90"]
    assert service["RestartPreventExitStatus"] == ["2 5 7"] and service["SuccessExitStatus"] == ["130 143"]
    assert service["ExecStart"] == [" ".join(PROGRAM)]
    assert service["ExecReload"] == [f"{' '.join(PROGRAM)} reload"]


def test_the_timer_starts_its_own_service():
    timer = settings("postboat.timer")["Timer"]
    assert timer["Unit"] == ["postboat-once.service"] and timer["Persistent"] == ["true"]
    assert settings("postboat-once.service")["Service"]["ExecStart"] == [" ".join(PROGRAM)]


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("/plain/päth-1.toml", '"/plain/päth-1.toml"'),
        ("/plain/path_1.toml", "/plain/path_1.toml"),
        ("/with space", '"/with space"'),
        ("/100%/h", "/100%%/h"),
        ("/$HOME/x", '"/$$HOME/x"'),
        ('/"q"\\', '"/\\"q\\"\\\\"'),
        ("/line\nbreak", '"/line\\x0abreak"'),
        ("/a;b'c", '"/a;b\'c"'),
        ("", '""'),
    ],
)
def test_words_are_quoted_as_systemd_reads_them(word, written):
    assert settings("postboat.service", {"COMMAND": ("/p", word)})["Service"]["ExecStart"] == [f"/p {written}"]


def test_the_program_itself_is_no_place_for_variables():
    assert settings("postboat.service", {"COMMAND": ("/a $b/postboat",)})["Service"]["ExecStart"] == [
        '"/a $b/postboat"'
    ]


def test_the_environment_is_quoted_too():
    environment = {"XDG_STATE_HOME": "/with space/100%/$b"}
    lines = settings("postboat.service", environment=environment)["Service"]["Environment"]
    assert '"XDG_STATE_HOME=/with space/100%%/$b"' in lines


def test_a_path_that_is_not_utf_8_is_refused_as_systemd_chokes_on_it():
    with pytest.raises(ConfigError, match="not UTF-8"):
        unit_file("postboat.service", {"COMMAND": ("/p", "/\udcff")}, {})


@pytest.mark.parametrize("kind", [LASTING, TIMER])
def test_what_is_installed_can_be_installed_again_and_removed(files, kind):
    assert files.installed() is None
    written = files.write(kind, COMMANDS, {}, force=False)
    assert [path.name for path in written] == list(kind.files)
    assert files.write(kind, {"COMMAND": (*PROGRAM, "-o"), "RELOAD": PROGRAM}, {}, force=False) == written
    assert files.installed() is kind and files.changed(kind) == []
    assert files.remove(kind, force=False) == written
    assert list(files.directory.iterdir()) == []


def test_nothing_but_our_own_is_removed(files):
    files.write(LASTING, COMMANDS, {}, force=False)
    wanted, dropped = files.directory / "default.target.wants", files.directory / "postboat.service.d"
    wanted.mkdir()
    dropped.mkdir()
    (wanted / "postboat.service").symlink_to(files.directory / "postboat.service")
    (wanted / "other.service").symlink_to("/nowhere")
    (dropped / "override.conf").write_text("[Service]\nNice=5\n")
    removed = files.remove(LASTING, force=False)
    assert wanted / "postboat.service" in removed
    assert sorted(path.name for path in files.directory.rglob("*") if not path.is_dir()) == [
        "other.service",
        "override.conf",
    ]


@pytest.mark.parametrize("change", [lambda text: text + b"Nice=5\n", lambda _: b"[Service]\n", lambda _: b""])
def test_what_was_changed_by_hand_is_spared_unless_forced(files, change):
    (path,) = files.write(LASTING, COMMANDS, {}, force=False)
    path.write_bytes(changed := change(path.read_bytes()))
    assert files.changed(LASTING) == [path]
    for spoil in (lambda: files.write(LASTING, COMMANDS, {}, force=False), lambda: files.remove(LASTING, force=False)):
        with pytest.raises(ConfigError, match="was changed by hand"):
            spoil()
    assert path.read_bytes() == changed
    files.write(LASTING, COMMANDS, {}, force=True)
    assert files.changed(LASTING) == []
    path.write_bytes(changed)
    assert files.remove(LASTING, force=True) == [path]


@pytest.mark.parametrize(("first", "second"), [(LASTING, TIMER), (TIMER, LASTING)])
def test_only_one_kind_is_there_at_a_time(files, first, second):
    files.write(first, COMMANDS, {}, force=False)
    with pytest.raises(ConfigError, match="uninstall"):
        files.write(second, COMMANDS, {}, force=True)
    assert files.installed() is first and files.paths(second) == []


def test_a_directory_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PostboatError, match="cannot be written"):
        UnitFiles(tmp_path / "file" / "user").write(LASTING, COMMANDS, {}, force=False)
