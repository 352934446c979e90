import os
import shutil

import pytest
from tests.unit.maildir.shore import (
    DISK,
    WIRE,
    AgreedOn,
    Clock,
    content,
    deliver,
    files,
    mailbox,
    maildir,
    mark_of,
    put,
    streamed,
    without_birth_times,
)

from postboat.errors import FolderError, FolderGone, StoreMissing
from postboat.likeness import fingerprint
from postboat.maildir import reader, scan, system
from postboat.maildir.place import Place
from postboat.model import (
    ANSWERED,
    FLAGGED,
    FORWARDED,
    NO_FLAGS,
    SEEN,
    Changes,
    Content,
    Gone,
    Intent,
    Message,
    Reflagging,
    Side,
    Unreadable,
)
from postboat.operations import Copy
from postboat.sync.batches import batches

SEEN_ONLY = frozenset({SEEN})


@pytest.fixture
def path(tmp_path):
    return maildir(tmp_path / "INBOX")


def wait_for_the_next_tick(file):
    """File systems stamp with a coarse clock."""
    probe = file.with_name("probe")
    probe.touch()
    while os.stat(probe).st_ctime_ns <= os.stat(file).st_ctime_ns:
        probe.touch()
    probe.unlink()


async def test_the_identifier_is_made_once_and_stays(path):
    first = await mailbox(path, new_id=lambda: "0123456789abcdef").validity()
    file = os.stat(path / ".postboat-id")
    assert first.startswith(f"0123456789abcdef-{file.st_ino}-")
    assert await mailbox(path, new_id=lambda: "f" * 16).validity() == first
    assert sorted(os.listdir(path)) == [".postboat-id", "cur", "new", "tmp"]
    assert file.st_mode & 0o777 == 0o600


@pytest.mark.parametrize("born", [True, False], ids=["with birth time", "without"])
async def test_permissions_and_times_of_the_identifier_do_not_matter_where_birth_times_are_kept(
    path, monkeypatch, born
):
    if not born:
        without_birth_times(monkeypatch)
    first = await mailbox(path).validity()
    with (path / ".postboat-id").open() as file:
        kept = system.examine(file.fileno()).born is not None
    wait_for_the_next_tick(path / ".postboat-id")
    (path / ".postboat-id").chmod(0o640)
    os.utime(path / ".postboat-id", (1, 1))
    assert (await mailbox(path).validity() == first) is kept


async def test_a_damaged_identifier_is_replaced(path):
    (path / ".postboat-id").write_text("half")
    made = await mailbox(path, new_id=lambda: "0123456789abcdef").validity()
    assert made.startswith("0123456789abcdef-")
    assert await mailbox(path).validity() == made


async def test_a_folder_that_moves_stays_the_same(path):
    before = await mailbox(path).validity()
    put(path, "new", "a")
    moved = path.rename(path.with_name("moved"))
    assert await mailbox(moved).validity() == before
    assert await mailbox(moved.rename(path)).validity() == before


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_copy_is_not_the_folder_it_was_copied_from(path, read_only):
    before = await mailbox(path).validity()
    backup = shutil.copytree(path, path.with_name("backup"), copy_function=shutil.copy2)
    assert await mailbox(backup, read_only=read_only).validity() not in ("", before)
    for _ in range(5):  # the file system likes to give the copy the very inode that was freed
        wait_for_the_next_tick(path / ".postboat-id")
        shutil.rmtree(path)
        shutil.copytree(backup, path, copy_function=shutil.copy2)
        restored = await mailbox(path, read_only=read_only).validity()
        assert restored not in ("", before)
        before = restored


async def test_a_dry_run_marks_nothing(path):
    assert await mailbox(path, read_only=True).validity() == "unmarked"
    assert os.listdir(path) == ["cur", "new", "tmp"] or sorted(os.listdir(path)) == ["cur", "new", "tmp"]
    made = await mailbox(path).validity()
    assert await mailbox(path, read_only=True).validity() == made


async def test_a_read_only_mailbox_refuses_to_change_anything(path):
    box = mailbox(path, read_only=True)
    put(path, "tmp", "a")
    for attempt in (deliver(box, content()), box.reflag([]), box.delete(["a"], expunge=True)):
        with pytest.raises(FolderError, match="read-only"):
            await attempt
    await box.find([Intent(Side.LOCAL, "1", "a", NO_FLAGS)])
    assert files(path) == ["tmp/a"]


async def test_a_folder_that_is_not_there_is_empty_while_nothing_was_agreed(tmp_path):
    for path in (tmp_path / "none", tmp_path / "no" / "root"):
        assert await mailbox(path).validity() == ""
        assert await mailbox(path).changes(AgreedOn()) == Changes()


async def test_a_folder_that_went_missing_deletes_nothing(tmp_path):
    agreed = AgreedOn({"a": NO_FLAGS}, validity="x")
    with pytest.raises(FolderGone):
        await mailbox(tmp_path / "none").changes(agreed)
    with pytest.raises(StoreMissing):
        await mailbox(tmp_path / "no" / "root").changes(agreed)


async def test_a_folder_without_cur_is_gone_and_not_empty(path):
    put(path, "new", "a")
    (path / "cur").rmdir()
    with pytest.raises(FolderGone):
        await mailbox(path).changes(AgreedOn({"b": NO_FLAGS}))


async def test_what_was_not_agreed_on_appeared(path):
    one = put(path, "new", "one")
    two = put(path, "cur", "two,U=5:2,FS")
    changes = await mailbox(path).changes(AgreedOn())
    assert changes.appeared == {
        "one": Message("one", NO_FLAGS, None, mark_of(one)),
        "two,U=5": Message("two,U=5", frozenset({FLAGGED, SEEN}), None, mark_of(two)),
    }
    assert changes.complete


async def test_the_size_of_what_is_heavy_is_told_before_it_is_read(path):
    put(path, "new", "small", b"x" * 16_383)
    put(path, "new", "heavy", b"x" * 16_384)
    put(path, "cur", "large:2,S", b"line\n" * 200_000)
    changes = await mailbox(path).changes(AgreedOn())
    assert {key: m.size for key, m in changes.appeared.items()} == {"small": None, "heavy": 16_384, "large": 1_000_000}


async def test_heavy_messages_do_not_go_up_all_at_once(path):
    for n in range(20):
        put(path, "new", f"n{n}", b"x" * 980_000)
    appeared = (await mailbox(path).changes(AgreedOn())).appeared
    copies = [Copy(Side.REMOTE, key, m.flags, m.size, m.mark) for key, m in appeared.items()]
    assert max(len(batch) for batch in batches(copies)) == 4


async def test_flags_are_compared_as_far_as_a_maildir_holds_them(path):
    put(path, "cur", "same:2,S")
    put(path, "cur", "other:2,")
    put(path, "cur", "letters:2,Sab")
    agreed = {"same": SEEN_ONLY | {"$Junk"}, "other": SEEN_ONLY, "letters": SEEN_ONLY}
    changes = await mailbox(path).changes(AgreedOn(agreed))
    assert changes.reflagged == {"other": NO_FLAGS}
    assert not changes.appeared and not changes.vanished


async def test_what_is_missing_vanished(path):
    put(path, "cur", "a:2,S")
    changes = await mailbox(path).changes(AgreedOn({"a": SEEN_ONLY, "b": SEEN_ONLY}))
    assert changes.vanished == {"b"}


async def test_a_file_under_another_name_was_renamed(path):
    old = put(path, "cur", "old:2,S")
    known = {"old": mark_of(old), "gone": "1-2-3"}
    old.rename(path / "cur" / "new-name:2,FS")
    put(path, "new", "mail")
    changes = await mailbox(path).changes(AgreedOn({"old": SEEN_ONLY, "gone": NO_FLAGS}, known))
    assert {key: (m.key, m.flags) for key, m in changes.renamed.items()} == {"old": ("new-name", {FLAGGED, SEEN})}
    assert changes.renamed["old"].mark == known["old"]
    assert changes.appeared.keys() == {"mail"}
    assert changes.vanished == {"gone"}


async def test_one_file_under_two_new_names_is_the_old_message_once(path):
    old = put(path, "cur", "old:2,")
    known = {"old": mark_of(old)}
    os.link(old, path / "cur" / "x:2,")
    old.rename(path / "cur" / "y:2,")
    changes = await mailbox(path).changes(AgreedOn({"old": NO_FLAGS}, known))
    assert len(changes.renamed) == 1 and len(changes.appeared) == 1
    assert {m.key for m in changes.renamed.values()} | changes.appeared.keys() == {"x", "y"}


async def test_an_unchanged_folder_is_not_listed(path):
    put(path, "new", "a")
    box = mailbox(path)
    agreed = AgreedOn({"a": NO_FLAGS}, validity=await box.validity())
    agreed.checkpoint = (await box.changes(agreed)).checkpoint
    assert agreed.checkpoint
    agreed.pairs = {"never": NO_FLAGS}  # a listing would find it gone
    assert await mailbox(path).changes(agreed) == Changes(checkpoint=agreed.checkpoint)


async def test_a_checkpoint_of_no_known_folder_is_worth_nothing(path):
    put(path, "new", "a")
    box = mailbox(path)
    await box.validity()
    checkpoint = (await box.changes(AgreedOn())).checkpoint
    changes = await box.changes(AgreedOn(checkpoint=checkpoint))
    assert changes.appeared.keys() == {"a"}


def replace_by_another(path, *, marked=True):
    """Another program puts another folder in the place of this one, which may or may not have been synced before."""
    path.rename(path.with_name("away"))
    maildir(path)
    put(path, "new", "other")
    if marked:
        (path / ".postboat-id").write_text("0123456789abcdef\n")


REPLACED = "was replaced by another folder during the sync; nothing was changed"


@pytest.mark.parametrize("marked", [False, True])
@pytest.mark.parametrize("seen", [False, True])
async def test_a_folder_that_took_the_place_of_the_agreed_one_is_not_compared(path, marked, seen):
    """What the other one lacks would be deleted on the server."""
    put(path, "new", "a")
    box = mailbox(path)
    agreed = AgreedOn({"a": NO_FLAGS}, validity=await box.validity())
    agreed.checkpoint = (await box.changes(agreed)).checkpoint
    replace_by_another(path, marked=marked)
    with pytest.raises(FolderError, match=REPLACED):
        await (box if seen else mailbox(path)).changes(agreed)


async def test_a_folder_replaced_between_two_listings_is_not_compared(path, monkeypatch):
    box = mailbox(path)
    agreed = AgreedOn({"a": NO_FLAGS}, validity=await box.validity())
    flags = agreed.flags

    async def replaced_meanwhile():
        put(path, "new", "unsteady")
        replace_by_another(path)
        return await flags()

    monkeypatch.setattr(agreed, "flags", replaced_meanwhile)
    with pytest.raises(FolderError, match=REPLACED):
        await box.changes(agreed)


async def test_nothing_is_changed_in_a_folder_that_took_the_place_of_the_agreed_one(path):
    box = mailbox(path)
    agreed = AgreedOn(validity=await box.validity())
    await box.changes(agreed)
    tokens = await box.intend([content()])
    replace_by_another(path)
    put(path, "tmp", tokens[0])
    for attempt in (
        box.delete(["other"], expunge=True),
        box.reflag([Reflagging("other", SEEN_ONLY)]),
        deliver(box, content()),
        deliver(box, streamed("1", WIRE)),
        box.find([Intent(Side.LOCAL, "1", tokens[0], NO_FLAGS)]),
    ):
        with pytest.raises(FolderError, match=REPLACED):
            await attempt
    assert files(path) == ["new/other", f"tmp/{tokens[0]}"]


async def test_a_dry_run_takes_no_other_folder_for_the_agreed_one_either(path):
    box = mailbox(path, read_only=True)
    agreed = AgreedOn({"a": NO_FLAGS}, validity=await box.validity())
    assert (await box.changes(agreed)).vanished == {"a"}
    replace_by_another(path)
    with pytest.raises(FolderError, match=REPLACED):
        await box.changes(agreed)


@pytest.mark.parametrize("sub", ["new", "cur"])
async def test_any_change_in_a_directory_ends_its_checkpoint(path, sub):
    box = mailbox(path)
    validity = await box.validity()
    checkpoint = (await box.changes(AgreedOn())).checkpoint
    put(path, sub, "a")
    assert (await box.changes(AgreedOn(validity=validity, checkpoint=checkpoint))).appeared.keys() == {"a"}


async def test_a_directory_that_just_changed_gives_no_checkpoint(path):
    os.utime(path / "cur", (1000, 1000))
    os.utime(path / "new", (998, 998))
    clock = Clock(1001.9)
    assert (await mailbox(path, clock=clock).changes(AgreedOn())).checkpoint is None
    clock.now = 1002.1
    assert (await mailbox(path, clock=clock).changes(AgreedOn())).checkpoint is not None


@pytest.mark.parametrize("sub", ["new", "cur"])
async def test_a_change_while_listing_gives_no_checkpoint(path, monkeypatch, sub):
    all_files = scan._files

    def disturbed(folder, listing):
        yield from all_files(folder, listing)
        put(path, sub, "late")

    monkeypatch.setattr(scan, "_files", disturbed)
    assert (await mailbox(path).changes(AgreedOn())).checkpoint is None


@pytest.mark.parametrize("sub", ["new", "cur"])
async def test_a_folder_removed_while_it_is_listed_is_gone_and_not_empty(path, monkeypatch, sub):
    all_files = scan._files

    def removed(folder, listing):
        yield from all_files(folder, listing)
        (path / sub).rmdir()

    monkeypatch.setattr(scan, "_files", removed)
    with pytest.raises(FolderGone), Place(path.parent, path.name).open() as folder:
        scan.list_folder(folder, 2e9, {})


async def test_messages_are_read_in_wire_form_with_flags_and_date(path):
    put(path, "cur", "a:2,PRx", date=1_234_567_890)
    [found] = [found async for found in mailbox(path).read(["a"])]
    assert found == Content("a", frozenset({FORWARDED, ANSWERED}), 1_234_567_890.0, len(WIRE), data=WIRE)


async def test_every_message_is_read_once_whatever_its_state(path):
    put(path, "cur", "here:2,")
    for n in range(40):
        put(path, "new", f"n{n}", b"%d\n" % n)
    (path / "cur" / "link:2,").symlink_to("/etc/passwd")
    os.mkfifo(path / "cur" / "fifo:2,")
    keys = ["here", "gone", "link", "fifo", *(f"n{n}" for n in range(40))]
    found = [found async for found in mailbox(path).read(keys)]
    by_key = {f.key: f for f in found}
    assert sorted(by_key) == sorted(keys) and len(found) == len(keys)
    assert by_key["gone"] == Gone("gone")
    assert isinstance(by_key["link"], Unreadable) and "not a regular file" in by_key["link"].reason
    assert isinstance(by_key["fifo"], Unreadable)
    assert by_key["n39"].data == b"39\r\n"


async def test_a_message_that_turned_into_a_link_or_fifo_after_the_listing_is_not_read(path):
    box = mailbox(path)
    a, b = put(path, "cur", "a:2,"), put(path, "cur", "b:2,")
    await box.changes(AgreedOn())
    a.unlink(), b.unlink()
    a.symlink_to("/etc/passwd")
    os.mkfifo(b)
    found = [found async for found in box.read(["a", "b"])]
    assert [type(f) for f in found] == [Unreadable, Unreadable]


async def test_a_file_that_was_renamed_or_moved_meanwhile_is_still_read(path):
    box = mailbox(path)
    put(path, "new", "a")
    put(path, "cur", "b:2,S")
    await box.changes(AgreedOn())
    (path / "new" / "a").rename(path / "cur" / "a:2,S")
    (path / "cur" / "b:2,S").rename(path / "cur" / "b:2,FS")
    found = {f.key: f async for f in box.read(["a", "b"])}
    assert found["a"].flags == SEEN_ONLY
    assert found["b"].flags == {SEEN, FLAGGED}
    assert found["a"].data == found["b"].data == WIRE


async def test_a_small_message_written_to_while_it_is_read_is_read_another_time(path, monkeypatch):
    file = put(path, "cur", "a:2,")
    pieces = reader.pieces

    def meanwhile(fd):
        yield from pieces(fd)
        file.write_bytes(DISK + b"more")

    monkeypatch.setattr(reader, "pieces", meanwhile)
    assert [found async for found in mailbox(path).read(["a"])] == [Gone("a")]


async def test_a_large_message_is_streamed(path):
    disk = b"Subject: big\n\n" + b"0123456789\r\nabc\n" * 200_000 + b"\r"
    put(path, "cur", "big:2,", disk)
    wire = disk.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    async for found in mailbox(path).read(["big"]):
        assert found.data is None
        assert found.size == len(wire)
        for _again in range(2):
            pieces = [piece async for piece in found.chunks()]
            assert b"".join(pieces) == wire
            assert max(map(len, pieces)) <= 2 * 512 * 1024


async def test_a_large_message_renamed_while_it_is_streamed_goes_on(path):
    file = put(path, "cur", "big:2,", b"x" * 3_000_000)
    async for found in mailbox(path).read(["big"]):
        size = 0
        async for piece in found.chunks():
            size += len(piece)
            if file.exists():
                file.rename(path / "cur" / "big:2,S")
        assert size == found.size


@pytest.mark.parametrize("what", ["deleted", "written to"])
async def test_a_large_message_changed_while_it_is_streamed_fails_alone(path, what):
    from postboat.errors import MessageError

    file = put(path, "cur", "big:2,", b"x" * 3_000_000)
    async for found in mailbox(path).read(["big"]):
        with pytest.raises(MessageError, match="big"):
            async for _ in found.chunks():
                file.unlink(missing_ok=True) if what == "deleted" else file.write_bytes(b"y" * 3_000_000)


async def test_fingerprints_are_of_the_header_in_wire_form(path):
    put(path, "cur", "a:2,S")
    put(path, "new", "b", b"A: 1\r\nB: 2\n\nbody\n" + b"x" * 2_000_000)
    prints = await mailbox(path).fingerprints(["a", "b", "gone"])
    assert prints.keys() == {"a", "b"}
    assert prints["a"] == fingerprint(WIRE, len(WIRE))
    assert prints["b"] == fingerprint(b"A: 1\r\nB: 2\r\n", 20 + 2_000_000)


async def test_fingerprints_tell_whether_a_message_has_a_message_id(path):
    put(path, "new", "without")
    put(path, "new", "with", b"A: 1\nmessage-id:\n <b@x>\n\nbody\n")
    put(path, "new", "empty", b"Message-ID: \nA: 1\n\nMessage-ID: <c@x>\n")
    put(path, "new", "long", b"A: " + b"x" * (reader.PIECE - 9) + b"\nMessage-ID: <d@x>\n\n")
    prints = await mailbox(path).fingerprints(["without", "with", "empty", "long"])
    named = {key for key, fingerprint in prints.items() if fingerprint.named}
    assert named == {"with", "long"}


async def test_intents_that_took_place_are_found_whatever_their_flags_are_now(path):
    box = mailbox(path)
    one, two = content("1"), content("2")
    tokens = await box.intend([one, two])
    await box.store([one], tokens[:1])
    (path / "new" / tokens[0]).rename(path / "cur" / f"{tokens[0]}:2,S")
    (path / "tmp" / tokens[1]).write_bytes(DISK[:10])
    intents = [Intent(Side.LOCAL, c.key, token, NO_FLAGS) for c, token in zip([one, two], tokens, strict=True)]
    found = await mailbox(path).find(intents)
    assert found.keys() == {"1"}
    assert found["1"].key == tokens[0]
    assert found["1"].mark == mark_of(path / "cur" / f"{tokens[0]}:2,S")
    assert files(path) == [f"cur/{tokens[0]}:2,S"]


async def test_a_key_is_the_same_whatever_octets_a_name_has(path):
    raw = os.fsencode(path) + b"/cur/caf\xe9:2,S"
    with open(raw, "wb") as file:
        file.write(DISK)
    box = mailbox(path)
    [key] = (await box.changes(AgreedOn())).appeared
    assert key.encode()
    [found] = [found async for found in box.read([key])]
    assert found.data == WIRE
    assert await box.delete([key], expunge=True) == []
    assert files(path) == []
