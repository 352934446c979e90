"""Folder names and directories, file names and flags: whatever the name, there and back is the same."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from postboat.errors import FolderError
from postboat.maildir import names
from postboat.maildir.layout import Layout
from postboat.model import INBOX, MAILDIR_FLAGS, FolderName

LAYOUTS = [Layout("flat", "."), Layout("flat", "_"), Layout("nested"), Layout("maildir++")]
each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind + layout.sep)

awkward = st.sampled_from(
    [*list("./%_~ \x00\n\r\t\x7f\x85\\:*?\"'25EFc"), "cur", "new", "tmp", "..", "%2E", "%25", "%2F", "é", "é"]
)
part = st.lists(st.one_of(awkward, st.characters(exclude_categories=["Cs"])), min_size=1, max_size=12).map("".join)
folder = st.lists(part, min_size=1, max_size=5).map(lambda parts: FolderName(tuple(parts)))
octets = st.lists(st.one_of(awkward, st.characters(exclude_characters="\0/")), min_size=1, max_size=10).map("".join)


@each_layout
@given(name=folder)
@example(name=FolderName(("%2F",)))
@example(name=FolderName(("%252F", "%25", "%")))
@example(name=FolderName(("a%20b/",)))
@example(name=INBOX)
@example(name=FolderName(("INBOX", "INBOX")))
def test_a_folder_is_read_back_from_its_directory(layout, name):
    assert layout.name(layout.directory(name)) == name


@each_layout
@given(name=folder)
def test_a_directory_stays_below_the_root_and_out_of_maildirs_own(layout, name):
    directory = layout.directory(name)
    assume(directory)
    steps = directory.split("/")
    assert len(steps) == (len(name.parts) if layout.kind == "nested" else 1)
    for step in steps:
        assert step not in ("", ".", "..", "cur", "new", "tmp")
        assert step.startswith(".") == (layout.kind == "maildir++")
        assert all(c >= " " and c != "\x7f" for c in step)
        assert not step.endswith((" ", "."))


@each_layout
@given(one=folder, other=folder)
def test_two_folders_never_share_a_directory(layout, one, other):
    assert (layout.directory(one) == layout.directory(other)) == (one == other)


@each_layout
@given(texts=st.lists(octets, min_size=1, max_size=3))
def test_a_directory_of_another_program_is_its_folders_own_or_differs_only_in_its_tails(layout, texts):
    directory = ("." if layout.kind == "maildir++" else "") + layout.sep.join(texts).replace("\0", "")
    name = layout.name(directory)
    if name is not None and layout.directory(name) != directory:
        assert any(step.endswith((" ", ".")) for step in directory.split("/"))
        assert layout.name(layout.directory(name)) == name


@each_layout
@given(text=st.text(alphabet="abcäöü 0123456789%[]-+&@", min_size=1, max_size=30))
def test_ordinary_names_are_written_as_they_are(layout, text):
    assume(not text.endswith(" ") and text not in ("cur", "new", "tmp"))
    assert layout.directory(FolderName((text,))) in (text, "." + text) or "%" in text


@each_layout
@given(length=st.integers(200, 5000))
def test_a_part_is_kept_whole_or_refused(layout, length):
    name = FolderName(("x" * length,))
    try:
        assert layout.name(layout.directory(name)) == name
        assert length <= 255
    except FolderError as refused:
        assert length > 254
        assert "too long" in str(refused)


@given(
    name=st.text(
        alphabet=st.one_of(st.characters(exclude_characters="/\0", exclude_categories=[]), st.sampled_from(":2,SFRa"))
    )
)
@example(name=":2,")
@example(name=":2,S:2,S")
def test_a_file_name_keeps_what_we_do_not_know(name):
    assume(name)
    taken = names.parse(name)
    again = names.parse(taken.under(taken.flags))
    assert again == taken


@given(
    unique=st.text(alphabet="abc,=.:2", min_size=1),
    flags=st.sets(st.sampled_from(sorted(MAILDIR_FLAGS))),
    others=st.text("abcxyzXQ"),
)
def test_flags_are_read_back_from_the_name(unique, flags, others):
    assume(":2," not in unique and not (unique + ":2,").index(":2,") < len(unique))
    assert names.parse(names.in_cur(unique, frozenset(flags), others)) == (unique, flags, others)


@given(one=st.binary(min_size=1, max_size=6), other=st.binary(min_size=1, max_size=6))
def test_keys_are_valid_unicode_and_distinct_for_any_octets(one, other):
    assume(b"/" not in one + other)
    texts = [octets.decode("utf-8", "surrogateescape") for octets in (one, other)]
    keys = [names.key_and_flags(text)[0] for text in texts]
    assert all(key.encode() for key in keys)
    same_unique = names.parse(texts[0]).unique == names.parse(texts[1]).unique
    assert (keys[0] == keys[1]) == same_unique
