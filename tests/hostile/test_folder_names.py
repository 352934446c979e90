"""Names of folders that lead out of the root, into other commands, or onto one another: each is kept in its place."""

from __future__ import annotations

import pytest
from tests.fakes.lying_server import WAYS, Answer, LyingServer, Mailbox
from tests.hostile.siege import besieged, mail

from postboat.events import AccountFailed

LAYOUTS = [{}, {"layout": "nested", "sep": "/"}, {"layout": "maildir++"}]

NAMES = [
    "../../.ssh/authorized_keys", "/etc/cron.d/x", "..", ".", "", "a//b", "a/../b", "../x", "x/..", "a/./b", ".hidden",
    "cur", "new", "tmp", "INBOX/tmp", "INBOX/cur/new", "a\0b", "&AAA-", "&AC8-..", "&AC4ALg-", "&AC4ALg-/&AC4ALg-/x",
    "&AC8AZQB0AGMALw-x", "Inbox", "inbox", "INBOX/Inbox", "Stra&AN8-e", "STRASSE", "&AOk-", "e&AwE-", "x" * 255, "y" * 4096,
    "foo.lock", "foo\r\nA1 DELETE INBOX", "foo\nA1 DELETE INBOX", "foo\rbar", "~root", "$HOME", "`id`", "-rf", "*", "%", '"',
    "\\", 'a"b\\c', "NIL", "a.b", "a b ", " a", "a.", "caf\xe9", "\xff\xfe", "&", "&-", "&AGE-", "&!-", "&2AA-", "\x1b[2J", "\x7f",
    "/".join("abcdefgh"), "/".join("x" * 40), "CON", "a:b", "a\tb", "%2E%2E", "%2F", ".postboat-id", ".postboat-store",
    "INBOX/.postboat-id", "maildirfolder", ".postboat-store/cur",
]  # fmt: skip


class Anything(dict):
    """Mailboxes under whatever name, each with a message of its own."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> Mailbox:
        box = self[name] = Mailbox(uidvalidity=len(self) + 100)
        box.put(mail(len(self)))
        return box


def server_of(*names: str, delimiter: bytes = b'"/"') -> LyingServer:
    """A server that lists these, each as a literal."""
    server = LyingServer(WAYS["plain"])
    server.boxes = Anything(server.boxes)

    def listed(*_) -> Answer:
        wires = [b"INBOX", *(name.encode("latin-1") for name in names)]
        return Answer([b"LIST () %s {%d}\r\n%s" % (delimiter, len(wire), wire) for wire in wires])

    server.lies["LIST"] = listed
    return server


def outside(tmp_path, siege) -> set:
    """Everything that is neither below the root of the Maildirs nor in the directory of the state."""
    return {
        path
        for path in tmp_path.rglob("*")
        if not path.is_relative_to(siege.mail) and not path.is_relative_to(siege.state)
    }


async def assert_kept_in_place(tmp_path, server, layout, **options):
    home = tmp_path / "far" / "down" / "here"
    home.mkdir(parents=True)
    async with besieged(home, server, local=layout, **options) as siege:
        before = outside(tmp_path, siege)
        for _ in range(2):
            sailed = await siege.sync()
            assert sailed.code in (0, 3), sailed.events
            assert siege.folder().is_dir() or layout.get("layout") == "maildir++", (
                "no name keeps the others from their mail"
            )
            assert "internal error" not in str(sailed.of(AccountFailed)), sailed.events
            assert not siege.asked_to_change(), siege.asked_to_change()
            assert not [command for command in server.said if command.startswith((b"A1 ", b"DELETE"))]
        assert outside(tmp_path, siege) <= before
        assert not [path for path in siege.mail.rglob("*") if path.is_symlink()]
        assert len(server.inbox.mail) == 0
        return sailed


@pytest.mark.parametrize("layout", LAYOUTS, ids=["flat", "nested", "maildir++"])
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_of_a_folder_leads_nowhere_but_into_the_root(tmp_path, name, layout):
    await assert_kept_in_place(tmp_path, server_of(name), layout)


@pytest.mark.parametrize("layout", LAYOUTS, ids=["flat", "nested", "maildir++"])
@pytest.mark.parametrize("delimiter", [b'"/"', b'"."', b"NIL", b'"\\\\"', b'"%"'])
async def test_all_of_them_together_share_no_directory(tmp_path, delimiter, layout):
    await assert_kept_in_place(tmp_path, server_of(*NAMES, delimiter=delimiter), layout)


@pytest.mark.parametrize(
    "pair", [("Stra&AN8-e", "STRASSE"), ("&AOk-", "e&AwE-"), ("Work", "work"), ("a.b", "a/b"), ("a", "a ")]
)
async def test_names_that_look_alike_are_two_folders(tmp_path, pair):
    server = server_of(*pair)
    async with besieged(tmp_path, server) as siege:
        assert (await siege.sync()).code == 0
        kept = [
            path.read_bytes() for path in siege.mail.rglob("*") if path.parent.name in ("new", "cur") and path.is_file()
        ]
        assert len(kept) == len(set(kept)) == 2


async def test_every_spelling_of_inbox_is_one_folder_at_the_top_only(tmp_path):
    server = server_of("inbox", "Inbox", "INBOX/inbox")
    async with besieged(tmp_path, server) as siege:
        await siege.sync()
        assert sorted(path.name for path in siege.mail.iterdir() if path.is_dir()) == ["INBOX", "INBOX.inbox"]


@pytest.mark.parametrize("name", ["bad\r\nA1 DELETE INBOX", "bad\nname", 'quo"te\\', "100%", "*", "caf\xe9", "&"])
async def test_a_name_on_disk_reaches_the_server_as_one_name_or_not_at_all(tmp_path, name):
    server = LyingServer(WAYS["plain"])
    async with besieged(tmp_path, server) as siege:
        (await siege.sync()).assert_clean()
        for part in ("cur", "new", "tmp"):
            (siege.mail / name / part).mkdir(parents=True)
        sailed = await siege.sync()
        assert sailed.code in (0, 2, 3) and "internal error" not in str(sailed.events)
        assert not [command for command in server.said if b"\n" in command or b"DELETE" in command]
        assert len(server.commands("CREATE")) <= 1


async def test_very_many_folders_are_no_reason_to_run_out(tmp_path):
    server = server_of(
        *(f"f{n}" for n in range(300)), *("/".join(f"d{n}" for n in range(depth)) for depth in range(1, 40))
    )
    sailed = await assert_kept_in_place(tmp_path, server, {})
    assert sailed.code in (0, 3)
