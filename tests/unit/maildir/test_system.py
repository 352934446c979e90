"""What the kernel tells of a file, with and without statx(2)."""

import ctypes
import errno
import os
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from postboat.maildir import system
from postboat.maildir.system import File, examine

linux = pytest.mark.skipif(sys.platform != "linux", reason="statx is a call of Linux")


@pytest.fixture
def directory(tmp_path):
    fd = os.open(tmp_path, os.O_RDONLY)
    yield fd
    os.close(fd)


class Libc:
    """A C library whose statx does what it is told, and counts."""

    def __init__(self, monkeypatch, statx):
        self._statx, self.calls = statx, 0
        monkeypatch.setattr(system, "_libc", lambda: self)

    def statx(self, *args):
        self.calls += 1
        return self._statx(*args)


def fails(code):
    def statx(*_args):
        ctypes.set_errno(code)
        return -1

    return statx


@pytest.mark.parametrize("statx", [True, False])
def test_it_tells_what_stat_tells(tmp_path, directory, monkeypatch, statx):
    if not statx:
        monkeypatch.setattr(system, "_libc", lambda: None)
    path = tmp_path / "a\udcff ü"
    path.write_bytes(b"octets")
    for when in (1_500_000_000_123_456_789, 7, -3_000_000_001):
        os.utime(path, ns=(1, when))
        info = os.stat(path)
        with path.open() as file:
            for found in (examine(directory, path.name), examine(file.fileno())):
                assert found[:3] == (info.st_ino, 6, info.st_mtime_ns)
                assert found.regular


@pytest.mark.parametrize("statx", [True, False])
def test_a_link_is_looked_at_itself_and_what_is_missing_is_told(tmp_path, directory, monkeypatch, statx):
    if not statx:
        monkeypatch.setattr(system, "_libc", lambda: None)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    assert examine(directory, "file").regular
    assert not examine(directory, "link").regular
    assert not examine(directory).regular
    with pytest.raises(FileNotFoundError) as caught:
        examine(directory, "none")
    assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.EPERM])
def test_where_statx_is_not_offered_the_birth_is_unknown(tmp_path, directory, monkeypatch, code):
    """Old kernels do not know it, and sandboxes may forbid what they do not know."""
    libc = Libc(monkeypatch, fails(code))
    (tmp_path / "file").write_bytes(b"octets")
    info = os.stat(tmp_path / "file")
    assert examine(directory, "file") == File(info.st_ino, 6, info.st_mtime_ns, None, True)
    assert libc.calls == 1


def test_an_error_of_the_file_is_no_lack_of_statx(directory, monkeypatch):
    Libc(monkeypatch, fails(errno.EACCES))
    with pytest.raises(PermissionError):
        examine(directory, "file")


@pytest.mark.parametrize(
    ("told", "born", "expected"),
    [(0xFFF, 5, 5_000_000_007), (0x7FF, 5, None), (0xFFF, None, None)],
    ids=["kept", "not told", "said to be kept and never set"],
)
def test_a_birth_counts_only_when_it_was_told(directory, monkeypatch, told, born, expected):
    def statx(_fd, _name, _flags, _mask, buffer):
        struct.pack_into("=I", buffer, 0, told)
        struct.pack_into("=qI", buffer, 80, born or 0, 7 if born else 0)
        return 0

    Libc(monkeypatch, statx)
    assert examine(directory, "file").born == expected


@linux
def test_one_call_tells_all(tmp_path, directory, monkeypatch):
    (tmp_path / "file").touch()
    libc = Libc(monkeypatch, ctypes.CDLL(None, use_errno=True).statx)
    with monkeypatch.context() as without:
        for call in ("stat", "fstat", "lstat"):
            without.setattr(os, call, None)
        examine(directory, "file")
    assert libc.calls == 1


@linux
def test_threads_do_not_mix_up_what_they_are_told(tmp_path, directory):
    for size in range(50):
        (tmp_path / f"file{size}").write_bytes(b"x" * size)
    with ThreadPoolExecutor(4) as threads:
        for _ in range(20):
            sizes = list(threads.map(lambda n: examine(directory, f"file{n}").size, range(50)))
            assert sizes == list(range(50))
