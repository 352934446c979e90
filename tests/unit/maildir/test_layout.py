import pytest

from postboat.errors import ConfigError, FolderError
from postboat.maildir.layout import Layout
from postboat.model import FolderName

FLAT, NESTED, DOTTED = Layout("flat", "."), Layout("flat", "/"), Layout("maildir++")


@pytest.mark.parametrize(
    ("parts", "flat", "nested", "dotted"),
    [
        (("INBOX",), "INBOX", "INBOX", ""),
        (("INBOX", "A"), "INBOX.A", "INBOX/A", ".INBOX.A"),
        (("A", "B"), "A.B", "A/B", ".A.B"),
        (("[Gmail]", "All Mail"), "[Gmail].All Mail", "[Gmail]/All Mail", ".[Gmail].All Mail"),
        (("a.b", "c/d"), "a%2Eb.c%2Fd", "a.b/c%2Fd", ".a%2Eb.c%2Fd"),
        (
            ("..", "..", ".ssh", "keys"),
            "%2E%2E.%2E%2E.%2Essh.keys",
            "%2E%2E/%2E%2E/%2Essh/keys",
            ".%2E%2E.%2E%2E.%2Essh.keys",
        ),
        (("/etc/cron.d/x",), "%2Fetc%2Fcron%2Ed%2Fx", "%2Fetc%2Fcron.d%2Fx", ".%2Fetc%2Fcron%2Ed%2Fx"),
        ((".",), "%2E", "%2E", ".%2E"),
        (("cur",), "%63ur", "%63ur", ".cur"),
        (("INBOX", "tmp"), "INBOX.tmp", "INBOX/%74mp", ".INBOX.tmp"),
        (("a\0b",), "a%00b", "a%00b", ".a%00b"),
        (
            ("foo\r\nA1 DELETE INBOX",),
            "foo%0D%0AA1 DELETE INBOX",
            "foo%0D%0AA1 DELETE INBOX",
            ".foo%0D%0AA1 DELETE INBOX",
        ),
        (("Straße",), "Straße", "Straße", ".Straße"),
        (("100%",), "100%", "100%", ".100%"),
        (("50%20off",), "50%20off", "50%20off", ".50%20off"),
        (("a%2Fb",), "a%252Fb", "a%252Fb", ".a%252Fb"),
        (("x ",), "x%20", "x%20", ".x%20"),
        (("x.",), "x%2E", "x%2E", ".x%2E"),
        (("~root",), "~root", "~root", ".~root"),
        (("-rf",), "-rf", "-rf", ".-rf"),
        (('*%"\\',), '*%"\\', '*%"\\', '.*%"\\'),
        (("\x85",), "%C2%85", "%C2%85", ".%C2%85"),
    ],
)
def test_each_folder_has_its_directory(parts, flat, nested, dotted):
    name = FolderName(parts)
    for layout, directory in ((FLAT, flat), (NESTED, nested), (DOTTED, dotted)):
        assert layout.directory(name) == directory
        assert layout.name(directory) == name


def test_names_that_differ_only_in_case_or_normalisation_stay_apart():
    texts = ["INBOX", "Inbox", "inbox", "Straße", "STRASSE", "\u00e9", "e\u0301", "foo", "foo.lock"]
    for layout in (FLAT, NESTED, DOTTED):
        directories = {layout.directory(FolderName((text,))) for text in texts}
        assert len(directories) == len(texts)
        assert {layout.name(directory) for directory in directories} == {FolderName((text,)) for text in texts}


@pytest.mark.parametrize("layout", [FLAT, NESTED, DOTTED], ids=lambda layout: layout.kind)
@pytest.mark.parametrize(
    "parts",
    [
        (),
        ("",),
        ("a", "", "b"),
        ("x" * 256,),
        ("é" * 128,),
        ("x" * 4096,),
        ("%" + "25" * 4000,),
        ("a",) * 33,
        ("\ud800",),
    ],
)
def test_what_no_directory_can_hold_is_refused(layout, parts):
    with pytest.raises(FolderError):
        layout.directory(FolderName(parts))


@pytest.mark.parametrize(
    ("layout", "directory"),
    [
        (FLAT, "a..b"),
        (FLAT, ".hidden"),
        (FLAT, "a/b"),
        (FLAT, "a\nb"),
        (FLAT, "a\udcffb"),
        (FLAT, ""),
        (FLAT, "cur"),
        (NESTED, "a//b"),
        (NESTED, ".a"),
        (NESTED, "a/cur"),
        (NESTED, "../a"),
        (NESTED, "/".join("a" * 33)),
        (DOTTED, "a"),
        (DOTTED, ".INBOX"),
        (DOTTED, "."),
        (DOTTED, ".."),
        (DOTTED, ".a/b"),
        (DOTTED, ".a..b"),
    ],
)
def test_what_is_no_folder_of_the_layout_has_no_name(layout, directory):
    assert layout.name(directory) is None


def test_a_tail_that_another_program_left_unescaped_is_accepted():
    assert NESTED.name("Trip etc.") == FolderName(("Trip etc.",))
    assert NESTED.directory(FolderName(("Trip etc.",))) == "Trip etc%2E"


@pytest.mark.parametrize(
    ("kind", "sep"), [("flat", ""), ("flat", "ab"), ("flat", "%"), ("flat", "A"), ("flat", "\n"), ("tree", ".")]
)
def test_a_layout_that_cannot_work_is_refused(kind, sep):
    with pytest.raises(ConfigError):
        Layout(kind, sep)


def test_maildir_plus_plus_has_its_own_separator():
    assert Layout("maildir++", "/").sep == "."
    assert Layout("nested", ".").sep == "/"
