"""The place of the control socket: safe, claimed by one, and free again after any end."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from postboat.config.paths import control_socket, runtime_dir
from postboat.errors import AlreadyServed, ControlUnusable
from postboat.service.control import socket as place
from postboat.service.control.socket import claimed


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "boat.socket"


def test_nobody_else_can_use_it(path: Path) -> None:
    with claimed(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_directory_that_others_could_enter_is_closed_to_them(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o755)
    with claimed(path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_it_is_gone_in_the_end(path: Path) -> None:
    with claimed(path):
        assert path.is_socket()
    assert list(path.parent.iterdir()) == []


def test_a_second_one_is_refused_and_leaves_the_first_alone(path: Path) -> None:
    with claimed(path):
        with pytest.raises(AlreadyServed, match="at work with this configuration") as refused, claimed(path):
            pass
        assert refused.value.exit_code == 7
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(path))


def test_one_that_is_too_busy_to_answer_is_at_work_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "BACKLOG", 0)
    with claimed(path):
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(str(path))
        with pytest.raises(AlreadyServed), claimed(path):
            pass
        for each in waiting:
            each.close()


def test_one_that_was_killed_leaves_nothing_in_the_way(path: Path) -> None:
    code = (
        "import sys, pathlib, time\nfrom postboat.service.control.socket import claimed\n"
        "with claimed(pathlib.Path(sys.argv[1])):\n    print('claimed', flush=True)\n    time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"claimed\n"
        process.send_signal(signal.SIGKILL)
    assert path.is_socket()
    with claimed(path), socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(path))


def test_of_many_that_find_it_free_at_once_one_gets_it(path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    got: list[bool] = []
    start, over = threading.Barrier(8), threading.Event()

    def claim() -> None:
        start.wait()
        try:
            with claimed(path):
                got.append(True)
                over.wait(10)
        except AlreadyServed:
            got.append(False)

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(got) < 8 and any(thread.is_alive() for thread in threads):
        threads[0].join(0.01)
    over.set()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]


def test_what_another_put_in_its_place_is_not_removed(path: Path) -> None:
    with claimed(path):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"


def test_another_users_directory_is_not_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir(mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: path.parent.stat().st_uid + 1)
    with pytest.raises(ControlUnusable, match="belongs to another user"), claimed(path):
        pass
    assert list(path.parent.iterdir()) == []


def test_a_link_to_a_directory_is_not_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ControlUnusable, match="cannot be made"), claimed(path):
        pass


def test_a_name_too_long_for_the_system_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ControlUnusable, match=r"octets.*: set XDG_RUNTIME_DIR"), claimed(tmp_path / ("x" * 120)):
        pass


def test_it_is_found_by_the_configurations_file_however_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "config.toml"
    config.touch()
    (tmp_path / "link").symlink_to(config)
    found = {control_socket(name) for name in (config, Path("config.toml"), Path("link"), Path("./x/../config.toml"))}
    assert len(found) == 1
    (only,) = found
    assert only.parent == tmp_path / "postboat"
    assert control_socket(tmp_path / "other.toml") not in found


def test_without_a_session_it_is_in_a_directory_of_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    monkeypatch.setattr(os, "getuid", lambda: 987_654)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert runtime_dir() == tmp_path / "postboat-987654"
