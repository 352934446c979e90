"""What other programs, and people, put into Maildirs: it harms no other message, no other file and no terminal."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from dataclasses import replace

import pytest
from tests.hostile.siege import besieged, mail, peaceful
from tests.real.program import OBEDIENT, run_program
from tests.real.voyage import digest

from postboat.events import FolderFailed, MessageFailed, Warned
from postboat.maildir import reader
from postboat.service.run_options import RunOptions

SECRET = b"From: root@localhost\r\nSubject: secret\r\n\r\nof another\r\n"


@pytest.fixture
async def siege(tmp_path):
    """An account of three messages that is in step."""
    server = peaceful("IMAP4REV1 UIDPLUS LITERAL+ NAMESPACE CONDSTORE", messages=3)
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        yield siege


async def at_rest(siege):
    """A run that finds nothing to do, twice."""
    for _ in range(2):
        sailed = await siege.sync()
        assert not siege.asked_to_change(), siege.asked_to_change()
        assert sailed.done.down == sailed.done.deleted_local == sailed.done.reflagged == 0
    return sailed


def make(what, path, elsewhere):
    """Put something that is no message at `path`."""
    elsewhere.write_bytes(SECRET)
    if what == "link to a file":
        path.symlink_to(elsewhere)
    elif what == "link to nothing":
        path.symlink_to("nothing")
    elif what == "link to itself":
        path.symlink_to(path.name)
    elif what == "link to a directory":
        path.symlink_to("/")
    elif what == "directory":
        path.mkdir()
        (path / "1:2,S").write_bytes(SECRET)
    elif what == "fifo":
        os.mkfifo(path)
    elif what == "socket":
        make_socket(path)
    else:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero never ends


def make_socket(path):
    above = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(f"/proc/self/fd/{above}/{path.name}")  # since such a path may be no longer than 107 octets
    os.close(above)


ODD = ["link to a file", "link to nothing", "link to itself", "link to a directory", "directory", "fifo", "socket"]
if os.geteuid() == 0:
    ODD.append("device")


@pytest.mark.parametrize("sub", ["cur", "new"])
@pytest.mark.parametrize("what", ODD)
async def test_what_is_no_message_is_left_alone_and_stops_nothing(siege, tmp_path, what, sub):
    name = "odd:2,S" if sub == "cur" else "odd"
    odd = siege.folder() / sub / name
    make(what, odd, tmp_path / "elsewhere")
    before = odd.lstat()
    siege.drop(mail(10), "fresh")
    siege.server.inbox.put(mail(11))
    sailed = await siege.sync()
    assert sailed.code == 0, sailed.events
    assert sorted(siege.served()) == sorted(digest(mail(number)) for number in (0, 1, 2, 10, 11))
    assert (odd.lstat().st_ino, odd.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert (tmp_path / "elsewhere").read_bytes() == SECRET
    told = [event.text for event in sailed.of(Warned) if "odd" in event.text]
    assert len(told) == (0 if what == "directory" else 1)
    await at_rest(siege)


@pytest.mark.parametrize("what", [what for what in ODD if what != "directory"])
async def test_a_message_replaced_by_something_odd_is_not_deleted_on_the_server(siege, tmp_path, what):
    file = siege.file_of(mail(0))
    file.unlink()
    make(what, file, tmp_path / "elsewhere")
    sailed = await siege.sync()
    assert not siege.asked_to_change()
    assert len(siege.server.inbox.mail) == 3
    assert sailed.code == 0
    siege.server.inbox.drop(1)  # a deletion that cannot be repeated is said to have failed, each time
    for _ in range(2):
        sailed = await siege.sync()
        assert sailed.code == 3 and len(sailed.of(MessageFailed)) == 1
        assert (tmp_path / "elsewhere").read_bytes() == SECRET
    os.unlink(file)
    assert (await siege.sync()).code == 0
    siege.assert_in_step()


@pytest.mark.parametrize("step", ["", "cur", "new", "tmp"])
async def test_a_folder_or_a_part_of_it_behind_a_symbolic_link_is_left_alone(siege, tmp_path, step):
    place = siege.folder() / step if step else siege.folder()
    elsewhere = place.rename(tmp_path / "elsewhere")
    before = sorted(path.name for path in elsewhere.rglob("*"))
    place.symlink_to(elsewhere)
    siege.server.inbox.put(mail(10))
    siege.server.inbox.drop(1)
    sailed = await siege.sync()
    assert sailed.code in (3, 6)
    assert not siege.asked_to_change()
    assert sorted(path.name for path in elsewhere.rglob("*")) == before
    place.unlink()
    elsewhere.rename(place)
    assert (await siege.sync()).code == 0
    siege.assert_in_step()


@pytest.mark.parametrize("command", ["SELECT", "UID FETCH", "UID STORE"])
@pytest.mark.parametrize("step", ["", "cur", "new", "tmp"])
async def test_a_folder_replaced_by_a_link_while_it_is_synced_is_not_followed(siege, tmp_path, step, command):
    place = siege.folder() / step if step else siege.folder()
    trap = tmp_path / "trap"
    for sub in ("cur", "new", "tmp"):
        (trap / sub).mkdir(parents=True)
    siege.server.inbox.put(mail(10))
    siege.server.inbox.flag(1, "\\Flagged")
    siege.server.inbox.drop(2)
    siege.drop(mail(11), "fresh:2,S", flags="")
    os.rename(siege.file_of(mail(2)), siege.folder() / "cur" / f"{siege.file_of(mail(2)).name.partition(':')[0]}:2,F")

    def swap(answer, _command):
        if not place.is_symlink():
            place.rename(tmp_path / "away")
            place.symlink_to(trap / step)
        return answer

    siege.server.lies[command] = swap
    sailed = await siege.sync()
    siege.server.lies.clear()
    assert place.is_symlink(), "the trap was set"
    assert not [path for path in trap.rglob("*") if path.is_file()]
    assert sailed.code in (0, 3), sailed.events
    place.unlink()
    (tmp_path / "away").rename(place)
    assert (await siege.sync()).code == 0
    siege.assert_in_step()
    assert digest(mail(11)) in siege.served()


async def test_the_root_may_be_a_symbolic_link(siege, tmp_path):
    siege.mail.rename(tmp_path / "real")
    siege.mail.symlink_to("real")
    siege.drop(mail(10), "fresh")
    siege.server.inbox.drop(1)
    assert (await siege.sync()).code == 0
    assert siege.mail.is_symlink()
    siege.assert_in_step()
    await at_rest(siege)


async def test_a_file_that_may_not_be_read_is_told_and_the_others_are_synced(siege):
    file = siege.drop(mail(10), "closed")
    file.chmod(0)
    siege.drop(mail(11), "open")
    said = await asyncio.to_thread(run_program, siege, under=OBEDIENT)
    assert said.returncode == 3
    assert "closed" in said.stdout + said.stderr
    assert sorted(siege.served()) == sorted(digest(mail(number)) for number in (0, 1, 2, 11))
    file.chmod(0o600)
    assert (await asyncio.to_thread(run_program, siege, "--retry", under=OBEDIENT)).returncode == 0
    siege.assert_in_step()


@pytest.mark.parametrize("what", ["cur", "new", "tmp", "."])
@pytest.mark.parametrize("mode", [0o555, 0])
async def test_a_directory_that_may_not_be_written_or_read_loses_nothing(siege, what, mode):
    siege.server.inbox.put(mail(10))
    siege.server.inbox.drop(1)
    siege.server.inbox.flag(2, "\\Flagged")
    place = siege.folder() / what
    place.chmod(mode)
    said = await asyncio.to_thread(run_program, siege, under=OBEDIENT)
    place.chmod(0o700)
    assert said.returncode in (0, 3), said
    assert "Traceback" not in said.stderr
    if said.returncode == 3:
        assert "Permission denied" in said.stdout + said.stderr
    assert len(siege.server.inbox.mail) == 3
    assert (await asyncio.to_thread(run_program, siege, "--retry", under=OBEDIENT)).returncode == 0
    siege.assert_in_step()


NAMES = {
    "the longest name": "x" * 255,
    "the longest name with flags": "x" * 251 + ":2,S",
    "newline": "line\nbreak\r\nA1 LOGOUT",
    "terminal escape": "\x1b]0;owned\x07\x1b[2J",
    "invalid utf-8": os.fsdecode(b"latin-\xe9-\xff\xfe:2,S"),
    "format": "%s%n{0}$(id)`id`",
    "quotes": 'it\'s "so"; DROP TABLE pairing;--',
    "backslash": "a\\b\\072c",
    "space": " leading and trailing ",
    "dashes": "-rf",
    "colons": "a:b:2,c:2,S",
    "wide": "\u202egnp.exe\u200b",
    "uid of another program": "1.host,U=5,FMD5=7e33429f656f1e6e9d79b29c3f82c57e:2,S",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
async def test_a_message_of_any_name_is_synced_both_ways(siege, name):
    file = siege.folder() / "cur" / name
    file.write_bytes(mail(10).replace(b"\r\n", b"\n"))
    sailed = await siege.sync()
    assert sailed.code == 0, sailed.events
    assert digest(mail(10)) in siege.served()
    await at_rest(siege)
    uid = siege.server.inbox.uids()[-1]
    siege.server.inbox.flag(uid, "\\Flagged", "\\Seen")
    sailed = await siege.sync()
    if len(os.fsencode(name)) == 255:
        [failed] = sailed.of(MessageFailed)
        assert sailed.code == 3 and "File name too long" in failed.reason
    else:
        assert sailed.code == 0, sailed.events
        assert siege.on_disk()[digest(mail(10))] >= {"F", "S"}
    assert not [text for text in map(str, sailed.events) if "\x1b" in text or "\n" in text]
    siege.server.inbox.drop(uid)
    assert (await siege.sync()).code == 0
    assert digest(mail(10)) not in siege.on_disk()
    await at_rest(siege)


INFOS = {
    ":2,ZZa": "",
    ":2,SF": "FS",
    ":2,SSFF": "FS",
    ":2,abc": "",
    ":2,Sabc": "S",
    ":2,bSa": "S",
    ":2,T": "T",
    ":2,": "",
    ":2": "",
    ":1,x": "",
    ":3,S": "",
    ":2,é☃": "",
    ":2,S:2,F": "FS",
    ":2,S,": "S",
    ":2,\x1b": "",
}


@pytest.mark.parametrize(("info", "letters"), INFOS.items(), ids=[ascii(info) for info in INFOS])
async def test_odd_letters_are_kept_and_are_no_change(siege, info, letters):
    names = {"F": "\\Flagged", "S": "\\Seen", "T": "\\Deleted"}
    (siege.folder() / "cur" / f"odd{info}").write_bytes(mail(10).replace(b"\r\n", b"\n"))
    assert (await siege.sync()).code == 0
    assert siege.server.inbox.mail[-1].flags == {names[letter] for letter in letters}
    await at_rest(siege)
    siege.server.inbox.flag(siege.server.inbox.uids()[-1], *siege.server.inbox.mail[-1].flags, "\\Answered")
    assert (await siege.sync()).code == 0
    [file] = [file for file in siege.files() if file.name.startswith("odd")]
    own, _, found = file.name.partition(":2,")
    assert set(found) >= {"R", *letters}
    assert set(own + found) >= set(f"odd{info}".replace(":2,", "", 1)), "nothing that was in the name is lost"
    await at_rest(siege)


async def test_one_file_under_several_names_is_several_messages(siege):
    """Hard links, as programs that save room make them, in one folder and in two."""
    first = siege.drop(mail(10), "one")
    os.link(first, siege.folder() / "cur" / "two:2,S")
    siege.drop(mail(20), "other", folder="Other")
    os.link(first, siege.folder("Other") / "cur" / "three:2,F")
    assert (await siege.sync()).code == 0
    served = [digest(each.wire) for each in siege.server.inbox.mail]
    assert served.count(digest(mail(10))) == 2
    assert digest(mail(10)) in siege.served("Other")
    await at_rest(siege)
    seen = next(
        each for each in siege.server.inbox.mail if digest(each.wire) == digest(mail(10)) and "\\Seen" in each.flags
    )
    siege.server.inbox.drop(seen.uid)
    assert (await siege.sync()).code == 0
    assert [file.name for file in siege.files() if file.name.startswith(("one", "two"))] == ["one"]
    assert digest(mail(10)) in siege.on_disk("Other")
    assert len(list(siege.state.rglob("two:2,S"))) == 1, "the other link is in the quarantine"
    await at_rest(siege)


@pytest.mark.parametrize("names", [("a:2,", "a:2,S"), ("1.host,U=5:2,S", "1.host,U=5:2,F")])
async def test_defect_0_17_of_offlineimap_two_files_under_one_unique_name_are_both_synced(siege, names):
    for number, name in enumerate(names):
        (siege.folder() / "cur" / name).write_bytes(mail(10 + number).replace(b"\r\n", b"\n"))
    assert (await siege.sync()).code == 0
    assert {digest(mail(10)), digest(mail(11))} <= siege.served().keys()
    siege.assert_in_step()
    await at_rest(siege)


async def test_a_message_copied_beside_itself_is_a_second_message(siege):
    file = siege.file_of(mail(0))
    own = file.name.partition(":")[0]
    (siege.folder() / "cur" / f"{own}:2,F").write_bytes(file.read_bytes())
    assert (await siege.sync()).code == 0
    assert [digest(each.wire) for each in siege.server.inbox.mail].count(digest(mail(0))) == 2
    assert siege.server.inbox.uids() == [1, 2, 3, 4], "the one that was there before is still the same"
    await at_rest(siege)


@pytest.mark.parametrize("what", ["grows", "is truncated", "is replaced", "vanishes"])
@pytest.mark.parametrize("size", [10, 3_000_000], ids=["small", "large"])
async def test_a_file_that_changes_while_it_is_read_is_sent_whole_or_later(siege, monkeypatch, what, size):
    wire = mail(10) + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (size // 72)
    file = siege.drop(wire, "fresh")
    whole = file.read_bytes()
    open_message, opened = reader.open_message, []

    def meddle(folder, entry):
        found = open_message(folder, entry)
        if entry.name == "fresh":
            opened.append(entry.name)
            if len(opened) == (1 if size == 10 else 2):
                change(file, what, whole)
        return found

    monkeypatch.setattr(reader, "open_message", meddle)
    sailed = await siege.sync()
    monkeypatch.undo()
    allowed = {whole, file.read_bytes() if file.exists() else whole}
    sent = {each.wire for each in siege.server.inbox.mail[3:]}
    assert sent <= {octets.replace(b"\n", b"\r\n") for octets in allowed}, "never a mixture"
    assert sailed.code in (0, 3)
    if what == "vanishes":
        return
    await siege.sync(RunOptions(retry=True))
    if what == "is replaced" and sent:
        assert {whole} == {each.replace(b"\r\n", b"\n") for each in sent}, "a name is of one message"
    else:
        siege.assert_in_step()
    await at_rest(siege)


def change(file, what, whole):
    if what == "grows":
        with file.open("ab") as opened:
            opened.write(b"more\n")
    elif what == "is truncated":
        os.truncate(file, 20)
    elif what == "is replaced":
        file.with_name("draft").write_bytes(whole.upper())
        file.with_name("draft").rename(file)
    else:
        file.unlink()


async def test_a_message_that_grows_once_it_is_synced_stays_the_same_message(siege):
    file = siege.file_of(mail(0))
    with file.open("ab") as opened:
        opened.write(b"more\n")
    assert (await siege.sync()).code == 0
    assert not siege.asked_to_change()
    siege.server.inbox.flag(1, "\\Flagged")
    assert (await siege.sync()).code == 0
    assert [file.read_bytes()[-5:] for file in siege.files() if file.name.endswith("F")] == [b"more\n"]
    await at_rest(siege)


async def test_an_empty_file_stops_nothing(siege):
    siege.drop(b"", "empty")
    siege.drop(mail(10), "fresh")
    sailed = await siege.sync()
    assert sailed.code in (0, 3)
    assert digest(mail(10)) in siege.served()
    assert not sailed.of(FolderFailed)
    assert (siege.folder() / "new" / "empty").exists()


@pytest.mark.parametrize("name", ["evil\r\nA1 DELETE INBOX", "\x1b[2J", "a\nb", "..", "x" * 255, "né\u202e"])
async def test_a_folder_of_any_name_does_not_reach_the_wire_as_it_is(siege, name):
    if name != "..":
        for sub in ("cur", "new", "tmp"):
            (siege.mail / name / sub).mkdir(parents=True)
    for sub in ("cur", "new", "tmp"):
        (siege.mail / "evil%0D%0AA1 DELETE INBOX" / sub).mkdir(parents=True)
    sailed = await siege.sync()
    assert sailed.code in (0, 3), sailed.events
    assert "INBOX" in siege.server.boxes
    assert not siege.server.commands("DELETE")
    assert not [line for line in siege.server.said if b"\x1b" in line or b"\r" in line[:-2] or b"\nA1" in line]
    assert not [text for text in map(str, sailed.events) if "\x1b" in text or "\n" in text]


async def test_files_that_vanish_by_the_thousand_are_no_error(siege, tmp_path, monkeypatch):
    count = 20_000
    siege.config = replace(siege.config, limits=None)
    cur = siege.folder() / "cur"
    for number in range(count):
        (cur / f"{number}.x:2,S").write_bytes(b"Subject: %d\n\n" % number)
    open_message = reader.open_message

    def vanish(folder, entry):
        monkeypatch.undo()
        cur.rename(tmp_path / "away")
        cur.mkdir()
        for file in (tmp_path / "away").glob("*.M*"):
            file.rename(cur / file.name)
        return open_message(folder, entry)

    monkeypatch.setattr(reader, "open_message", vanish)
    sailed = await siege.sync()
    assert not sailed.of(MessageFailed)
    if sailed.code:  # it was met in the moment in which it had no cur/
        assert [failed.reason for failed in sailed.of(FolderFailed)] and sailed.code == 3
    assert len(siege.server.commands("APPEND")) < count // 10, "those that were read already"
    await siege.sync()
    siege.assert_in_step()
    await at_rest(siege)
