import os
import shutil
from types import SimpleNamespace

import pytest
from tests.unit.maildir.shore import maildir

from postboat.maildir import standing
from postboat.maildir.folders import MaildirStore


def store(root, **options):
    return MaildirStore(root, **options)


async def test_a_root_keeps_its_standing(tmp_path):
    first = await store(tmp_path).standing()
    marker, file_system = first.split(" ")
    assert marker and file_system
    assert await store(tmp_path).standing() == first
    assert await store(tmp_path, read_only=True).standing() == first
    maildir(tmp_path / "INBOX")
    assert await store(tmp_path.rename(tmp_path.with_name("moved"))).standing() == first


async def test_a_missing_root_stands_nowhere(tmp_path):
    assert await store(tmp_path / "none").standing() == ""
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("")
    assert await store(tmp_path / "file").standing() == ""


async def test_a_copy_of_a_root_stands_otherwise(tmp_path):
    (tmp_path / "Mail").mkdir()
    first = await store(tmp_path / "Mail").standing()
    shutil.copytree(tmp_path / "Mail", tmp_path / "copy", copy_function=shutil.copy2)
    assert (await store(tmp_path / "copy").standing()).split()[0] != first.split()[0]


async def test_a_root_behind_a_symbolic_link_stands_where_it_is(tmp_path):
    (tmp_path / "Mail").mkdir()
    (tmp_path / "link").symlink_to("Mail")
    assert await store(tmp_path / "link").standing() == await store(tmp_path / "Mail").standing()


async def test_a_dry_run_leaves_no_marker(tmp_path):
    assert (await store(tmp_path, read_only=True).standing()).split()[0] == "unmarked"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("odd", ["directory", "link", "fifo"])
async def test_something_odd_in_the_markers_place_is_no_marker(tmp_path, odd):
    marker = tmp_path / ".postboat-store"
    {"directory": marker.mkdir, "link": lambda: marker.symlink_to("x"), "fifo": lambda: os.mkfifo(marker)}[odd]()
    first = await store(tmp_path).standing()
    assert (first.split()[0] == "unmarked") is (odd != "fifo")
    assert await store(tmp_path).standing() == first


@pytest.mark.parametrize("told", ["none", "device", "device as the kernel writes it"])
def test_a_number_that_the_next_start_gives_anew_is_no_identity(tmp_path, monkeypatch, told):
    fd = os.open(tmp_path, os.O_RDONLY)
    device = os.fstat(fd).st_dev
    major, minor = os.major(device), os.minor(device)
    number = {"none": 0, "device": device}.get(told, (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12))
    monkeypatch.setattr(os, "fstatvfs", lambda _fd: SimpleNamespace(f_fsid=number))
    assert standing.file_system(fd) == standing.UNTOLD
    os.close(fd)


def test_an_identity_is_told_in_hexadecimal(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fstatvfs", lambda _fd: SimpleNamespace(f_fsid=0xC9AE70A8F42DC0A3))
    fd = os.open(tmp_path, os.O_RDONLY)
    assert standing.file_system(fd) == "c9ae70a8f42dc0a3"
    os.close(fd)


def test_a_file_system_that_refuses_the_question_has_no_identity(tmp_path, monkeypatch):
    def refuse(_fd):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "fstatvfs", refuse)
    fd = os.open(tmp_path, os.O_RDONLY)
    assert standing.file_system(fd) == standing.UNTOLD
    os.close(fd)
