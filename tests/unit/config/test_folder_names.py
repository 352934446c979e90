"""Folder names, both ways, and the proof that the ways meet."""

from __future__ import annotations

import re

import pytest

from postboat.config.folder_names import NameMap
from postboat.config.schema import FolderRules
from postboat.errors import FolderRulesRefused
from postboat.model import INBOX, FolderName

NONE = FolderRules()


def name(text, sep="."):
    return FolderName.of(*text.split(sep))


def names(remote=NONE, local=NONE, delimiter=".", prefix="", **kwargs):
    return NameMap(remote, local, delimiter, prefix, **kwargs)


def local_of(rules, text, delimiter="."):
    return names(rules, delimiter=delimiter).local_name(name(text, delimiter)).parts


def courier(folder):
    return re.sub(r"^INBOX\.", "", folder)


def test_without_rules_a_folder_keeps_its_name_both_ways():
    plain = names()
    for folder in (INBOX, name("a.b"), name("[Gmail]/Sent Mail", "/")):
        assert plain.local_name(folder) == folder
        assert plain.remote_name(folder) == folder
        assert plain.wanted(folder)


def test_nametrans_sees_and_gives_names_with_the_servers_separator():
    assert local_of(FolderRules(nametrans=courier), "INBOX.Lists.a") == ("Lists", "a")
    assert local_of(FolderRules(nametrans=courier), "INBOX") == ("INBOX",)
    assert local_of(FolderRules(nametrans=lambda n: n.replace("[Gmail]/", "g/")), "[Gmail]/Sent Mail", "/") == (
        "g",
        "Sent Mail",
    )


def test_the_filter_sees_the_name_before_translation():
    seen = []
    rules = FolderRules(nametrans=courier, folderfilter=lambda n: seen.append(n) or n != "INBOX.Spam")
    assert not names(rules).wanted(name("INBOX.Spam"))
    assert names(rules).wanted(name("INBOX.Sent"))
    assert seen == ["INBOX.Spam", "INBOX.Sent"]


def test_folderincludes_wins_over_all_filters():
    rules = FolderRules(folderfilter=lambda n: False, exclude=("*",), include=("x",), folderincludes=("Keep.me",))
    assert names(rules).wanted(name("Keep.me"))
    assert not names(rules).wanted(name("Keep"))


@pytest.mark.parametrize(
    ("include", "exclude", "folder", "wanted"),
    [
        (("INBOX", "Lists/*"), (), "Lists/a/b", True),
        (("INBOX", "Lists/*"), (), "Lists", False),
        (("INBOX", "Lists/*"), (), "lists/a", False),
        ((), ("Spam",), "Spam", False),
        ((), ("Spam",), "Spam/old", True),
        (("Lists/*",), ("*/old",), "Lists/old", False),
        ((), ("[Gmail]/*",), "[Gmail]/All Mail", False),
        ((), ("[Gmail]/*",), "G/x", True),
        ((), ("[ab]*",), "box", False),
    ],
)
def test_globs_include_and_exclude(include, exclude, folder, wanted):
    rules = FolderRules(include=include, exclude=exclude)
    assert names(rules, delimiter="/").wanted(name(folder, "/")) is wanted


def test_the_local_repositorys_filter_sees_the_local_name_with_its_own_separator():
    local = FolderRules(folderfilter=lambda n: n != "Lists/a")
    both = names(FolderRules(nametrans=courier), local, local_sep="/")
    assert not both.wanted(name("INBOX.Lists.a"))
    assert both.wanted(name("INBOX.Lists.b"))
    assert both.remote_name(name("Lists.a")) is None
    assert both.prove([INBOX], [name("Lists.a")]) == []


def test_a_prefix_is_stripped_and_put_back():
    both = names(FolderRules(strip_prefix="INBOX."))
    assert both.local_name(name("INBOX.Sent.2024")) == name("Sent.2024")
    assert both.remote_name(name("Sent.2024")) == name("INBOX.Sent.2024")
    assert both.local_name(INBOX) == INBOX == both.remote_name(INBOX)


def test_the_prefix_may_spell_inbox_in_any_case():
    assert local_of(FolderRules(strip_prefix="Inbox."), "INBOX.Sent") == ("Sent",)


def test_children_follow_a_renamed_parent_both_ways():
    both = names(FolderRules(rename={"Sent Items": "Sent", "Sent Items.Old": "Archive.Sent"}))
    pairs = {
        "Sent Items": "Sent",
        "Sent Items.2024": "Sent.2024",
        "Sent Items.Old.x": "Archive.Sent.x",
        "Sent Itemsx": "Sent Itemsx",
    }
    for remote, local in pairs.items():
        assert both.local_name(name(remote)) == name(local)
        assert both.remote_name(name(local)) == name(remote)


@pytest.mark.parametrize("key", ["Sent Items", "INBOX.Sent Items"])
def test_renaming_comes_after_stripping_whichever_way_the_table_is_written(key):
    both = names(FolderRules(strip_prefix="INBOX.", rename={key: "Sent"}))
    assert both.local_name(name("INBOX.Sent Items")) == name("Sent")
    assert both.remote_name(name("Sent")) == name("INBOX.Sent Items")


def test_nametrans_comes_last():
    rules = FolderRules(strip_prefix="INBOX.", rename={"a": "b"}, nametrans=str.upper)
    assert local_of(rules, "INBOX.a.c") == ("B", "C")


def test_the_local_nametrans_is_the_way_back():
    both = names(FolderRules(nametrans=lambda n: n[::-1]), FolderRules(nametrans=lambda n: n[::-1]))
    assert both.remote_name(name("ab.cd")) == name("dc.ba")


def test_the_local_nametrans_may_use_either_separator():
    remote = FolderRules(nametrans=lambda n: re.sub("^Archive/", "", n))
    for way_back in (lambda n: "Archive." + n, lambda n: "Archive/" + n):
        both = names(remote, FolderRules(nametrans=way_back), delimiter="/", local_sep=".")
        assert both.remote_name(FolderName.of("a", "b")) == FolderName.of("Archive", "a", "b")


def test_the_namespaces_prefix_is_a_way_back_for_couriers_nametrans():
    assert names(FolderRules(nametrans=courier), prefix="INBOX.").remote_name(name("Work")) == name("INBOX.Work")


def test_without_a_namespace_a_name_that_maps_to_itself_will_do():
    assert names(FolderRules(nametrans=courier)).remote_name(name("Work")) == name("Work")


def test_a_local_folder_whose_remote_name_is_filtered_out_is_left_alone():
    rules = FolderRules(nametrans=courier, folderfilter=lambda n: n != "INBOX.Spam")
    both = names(rules, prefix="INBOX.")
    assert both.remote_name(name("Spam")) is None
    assert both.prove([INBOX], [INBOX, name("Spam")]) == []


def test_two_folders_with_one_translated_name_are_refused_with_all_names():
    (problem,) = names(FolderRules(nametrans=courier)).prove([name("INBOX.a"), name("a")], [])
    assert "remote folders 'INBOX.a' and 'a' would both be called 'a' locally" in problem


def test_inbox_in_another_case_is_the_inbox():
    (problem,) = names(FolderRules(nametrans=lambda n: n.replace("Eingang", "inbox"))).prove(
        [INBOX, name("Eingang")], []
    )
    assert "'INBOX'" in problem
    assert "'Eingang'" in problem


def test_a_collision_in_folders_that_are_not_synced_is_none():
    rules = FolderRules(nametrans=courier, exclude=("a",))
    assert names(rules).prove([name("INBOX.a"), name("a")], []) == []
    assert names(FolderRules(nametrans=courier)).prove([name("INBOX.a"), name("a")], [], may_create_local=False) == []


@pytest.mark.parametrize(
    ("rule", "flaw"),
    [
        (lambda n: "", "is empty"),
        (lambda n: "a..b", "has an empty level"),
        (lambda n: ".b", "has an empty level"),
        (lambda n: "\0", "holds a NUL"),
        (lambda n: None, "nametrans gives None"),
        (lambda n: 1 / 0, "nametrans fails"),
    ],
)
def test_what_is_no_name_is_refused(rule, flaw):
    (problem,) = names(FolderRules(nametrans=rule)).prove([name("Some.where")], [])
    assert flaw in problem
    assert "'Some.where'" in problem


@pytest.mark.parametrize("escape", ["..", ".", "../x", "a/../../x", "a/."])
def test_a_name_that_escapes_the_root_is_refused_with_both_names(escape):
    (problem,) = names(FolderRules(nametrans=lambda n: escape), delimiter="/").prove([name("x")], [])
    told = (
        f"remote folder 'x' would be called {escape!r} locally, which would lead out of its directory; amend nametrans"
    )
    assert problem.startswith(told)


def test_a_folder_of_the_server_that_escapes_the_root_is_refused():
    (problem,) = names(delimiter="/").prove([FolderName.of("..", "etc")], [])
    assert "'../etc'" in problem


def test_a_failing_filter_is_told_with_the_folder():
    (problem,) = names(FolderRules(folderfilter=lambda n: n.nosuch)).prove([name("a.b")], [])
    assert problem.startswith("folderfilter fails for folder 'a.b': AttributeError")


def test_a_mapping_that_cannot_be_inverted_is_refused_with_both_names():
    both = names(FolderRules(nametrans=lambda n: "remote." + n))
    (problem,) = both.prove([name("a")], [name("remote.a"), name("new")])
    assert "local folder 'new' has no remote name" in problem
    assert "'new' (would be called 'remote.new' locally)" in problem
    assert both.remote_name(name("new")) is None


def test_a_folder_without_a_way_back_may_be_no_mail_folder_at_all():
    (problem,) = names(FolderRules(nametrans=lambda n: "remote." + n)).prove([], [name("stray")])
    assert "move its directory away" in problem
    assert "createfolders" in problem


def test_where_nothing_may_be_created_nothing_needs_a_way_back():
    both = names(FolderRules(nametrans=lambda n: "remote." + n))
    assert both.prove([name("a")], [name("new")], may_create_remote=False) == []


def test_a_way_back_that_leads_elsewhere_is_not_taken():
    both = names(FolderRules(nametrans=str.lower), FolderRules(nametrans=lambda n: "X" + n))
    assert both.remote_name(name("new")) == name("new")


def test_only_the_named_folders_are_synced_whatever_the_remote_filters_say():
    rules = FolderRules(folderfilter=lambda n: False, folderincludes=("other",), nametrans=courier)
    both = names(rules, only=["inbox", "INBOX.a"])
    assert [both.wanted(f) for f in (INBOX, name("INBOX.a"), name("other"))] == [True, True, False]


def test_an_unknown_named_folder_is_told():
    (problem,) = names(only=["Archve"]).prove([INBOX, name("Archive")], [])
    assert problem == "there is no remote folder 'Archve'; did you mean 'Archive'?"


def test_a_named_folder_may_be_one_that_is_only_here_yet():
    both = names(FolderRules(strip_prefix="INBOX."), only=["INBOX.new"])
    assert both.prove([INBOX], [name("new"), name("other")]) == []
    assert both.remote_name(name("new")) == name("INBOX.new")
    assert both.remote_name(name("other")) is None


def test_inbox_is_first_then_the_translated_names_whatever_their_case():
    rules = FolderRules(rename={"z": "A"})
    ordered = names(rules).sort([name("b"), name("z"), name("C"), INBOX])
    assert ordered == [INBOX, name("z"), name("b"), name("C")]


def test_foldersort_orders_all_but_the_inbox():
    rules = FolderRules(foldersort=lambda x, y: (x < y) - (x > y))
    assert names(rules).sort([name("a"), INBOX, name("z")]) == [INBOX, name("z"), name("a")]


@pytest.mark.parametrize("rule", [lambda x, y: None, lambda x: 0, lambda x, y: 1 / 0])
def test_a_failing_foldersort_is_told(rule):
    with pytest.raises(FolderRulesRefused, match="foldersort fails"):
        names(FolderRules(foldersort=rule)).sort([name("a"), name("b")])


def encode(text):
    return text.replace("ü", "&APw-")


def decode(text):
    return text.replace("&APw-", "ü")


def test_rules_may_see_modified_utf7_and_the_disk_then_too():
    seen = []
    rules = FolderRules(utf8foldernames=False, folderfilter=lambda n: seen.append(n) or True)
    both = names(rules, FolderRules(utf8foldernames=False), encode=encode, decode=decode)
    assert both.wanted(name("Entwürfe"))
    assert seen == ["Entw&APw-rfe"]
    assert both.local_name(name("Entwürfe")) == name("Entw&APw-rfe")
    assert both.remote_name(name("Entw&APw-rfe.x")) == name("Entwürfe.x")


def test_the_named_folders_may_be_written_either_way():
    rules = FolderRules(utf8foldernames=False)
    for written in ("Entwürfe", "Entw&APw-rfe"):
        both = names(rules, encode=encode, decode=decode, only=[written])
        assert both.wanted(name("Entwürfe"))
        assert both.prove([name("Entwürfe")], []) == []


def test_a_level_that_holds_the_separator_stays_one_level_when_no_rule_changes_the_name():
    odd = FolderName.of("a.b")
    assert names().local_name(odd) == odd == names().remote_name(odd)


def test_a_server_without_hierarchy_has_names_of_one_level():
    flat = names(FolderRules(nametrans=lambda n: n + "/x"), delimiter=None)
    assert flat.local_name(FolderName.of("a")) == FolderName.of("a/x")


def test_folders_are_shown_as_the_rules_of_their_side_see_them():
    shown = names(delimiter=".", local_sep="/")
    assert (shown.remote_text(name("a.b")), shown.local_text(name("a.b"))) == ("a.b", "a/b")
    encoded = names(FolderRules(utf8foldernames=False), encode=lambda text: text.replace("ü", "&APw-"))
    assert encoded.remote_text(name("Entwürfe")) == "Entw&APw-rfe"


def between(remote, local, remote_rules=NONE, local_rules=NONE):
    """Names between servers of the kinds "courier" (`INBOX.`) and "dovecot" (`/`, no prefix)."""
    kinds = {"courier": (".", "INBOX."), "dovecot": ("/", ""), "flat": (None, "")}
    (sep, prefix), (delimiter, namespace) = kinds[local], kinds[remote]
    return NameMap(
        remote_rules, local_rules, delimiter, namespace, local_sep=sep, local_prefix=prefix, between_servers=True
    )


@pytest.mark.parametrize(
    ("remote", "local", "there", "here"),
    [
        ("courier", "dovecot", "INBOX.Lists.a", "Lists/a"),
        ("courier", "dovecot", "INBOX", "INBOX"),
        ("courier", "dovecot", "INBOX.INBOX.a", "INBOX/a"),
        ("dovecot", "courier", "Lists/a", "INBOX.Lists.a"),
        ("dovecot", "courier", "INBOX", "INBOX"),
        ("dovecot", "courier", "INBOX/a", "INBOX.INBOX.a"),
        ("courier", "courier", "INBOX.Lists.a", "INBOX.Lists.a"),
        ("courier", "courier", "INBOX.INBOX", "INBOX.INBOX"),
        ("dovecot", "dovecot", "Lists/a.b", "Lists/a.b"),
    ],
)
def test_namespaces_and_separators_of_two_servers_are_translated_both_ways(remote, local, there, here):
    both = between(remote, local)
    mark = {"courier": ".", "dovecot": "/"}
    far, near = name(there, mark[remote]), name(here, mark[local])
    assert both.local_name(far) == near
    assert both.remote_name(near) == far
    assert (both.remote_text(far), both.local_text(near)) == (there, here)
    assert both.prove([INBOX, far], [INBOX, near]) == []


def test_a_folder_that_would_be_the_other_servers_inbox_is_refused_with_both_names():
    (problem,) = between("courier", "dovecot").prove([INBOX, name("INBOX.INBOX")], [])
    assert problem.startswith("remote folders 'INBOX' and 'INBOX.INBOX' would both be called 'INBOX' locally")
    (problem,) = between("courier", "dovecot").prove([INBOX, name("INBOX.Inbox.a")], [])
    assert problem.startswith("remote folder 'INBOX.Inbox.a' has no local name that leads back to it; amend nametrans")


def test_a_level_that_holds_the_other_servers_separator_stays_one_level():
    dotted, slashed = FolderName.of("john.doe"), FolderName.of("INBOX", "a/b")
    up, down = between("dovecot", "courier"), between("courier", "dovecot")
    assert up.local_name(dotted) == FolderName.of("INBOX", "john.doe")
    assert up.remote_name(FolderName.of("INBOX", "john.doe")) == dotted
    assert up.remote_name(slashed) == FolderName.of("a/b")
    assert down.local_name(slashed) == FolderName.of("a/b")
    assert down.remote_name(FolderName.of("john.doe")) == FolderName.of("john.doe")
    assert up.prove([dotted, name("john/doe", "/")], []) == []


def test_a_rule_may_write_the_local_separator_as_offlineimaps_may():
    rules = FolderRules(nametrans=lambda folder: folder if folder == "INBOX" else "INBOX." + folder)
    both = between("dovecot", "courier", rules, FolderRules(nametrans=courier))
    assert both.local_name(name("Lists/a", "/")) == name("INBOX.Lists.a")
    assert both.remote_name(name("INBOX.Lists.a")) == name("Lists/a", "/")
    assert both.local_name(FolderName.of("john.doe")).parts == ("INBOX", "INBOX.john.doe")
    assert both.prove([INBOX, name("Lists/a", "/")], [INBOX, name("INBOX.new.x")]) == []


def test_what_offlineimap_says_of_courier_at_home_is_understood():
    remote = FolderRules(nametrans=courier)
    both = between("courier", "dovecot", remote, FolderRules(nametrans=lambda n: n if n == "INBOX" else "INBOX." + n))
    assert both.local_name(name("INBOX.Lists.a")) == name("Lists.a")
    assert both.remote_name(name("Lists.a")) == name("INBOX.Lists.a")
    assert both.remote_name(INBOX) == INBOX


def test_a_prefix_that_a_rule_has_put_there_is_not_put_there_again():
    rules = FolderRules(rename={"Sent Items": "INBOX/Sent", "Junk": "Spam"})
    both = between("dovecot", "courier", rules)
    assert both.local_name(name("Sent Items", "/")) == name("INBOX.Sent")
    assert both.local_name(name("Junk", "/")) == name("INBOX.Spam")
    assert both.remote_name(name("INBOX.Sent")) == name("Sent Items", "/")
    assert both.remote_name(name("INBOX.Spam")) == name("Junk", "/")


def test_the_rules_of_a_local_server_lead_from_its_names_to_the_other_sides():
    rules = FolderRules(strip_prefix="INBOX.", rename={"Gesendet": "Sent"}, folderfilter=lambda n: n != "INBOX.Spam")
    both = between("dovecot", "courier", local_rules=rules)
    for here, there in {"INBOX.Gesendet.2024": "Sent/2024", "INBOX.a": "a", "INBOX": "INBOX"}.items():
        assert both.remote_name(name(here)) == name(there, "/")
        assert both.local_name(name(there, "/")) == name(here)
    assert not both.wanted(name("Spam", "/"))
    (problem,) = both.prove([name("Gesendet", "/")], [])
    assert "remote folder 'Gesendet' has no local name that leads back to it" in problem


def test_rules_of_local_maildirs_work_as_those_of_servers():
    both = names(NONE, FolderRules(rename={"Gesendet": "Sent"}), delimiter="/", local_sep=".")
    assert both.local_name(name("Sent/a", "/")) == name("Gesendet.a")
    assert both.remote_name(name("Gesendet.a")) == name("Sent/a", "/")


def test_maildirs_never_lose_or_get_a_namespace():
    both = names(prefix="INBOX.", local_prefix="INBOX.", local_sep=".")
    assert both.local_name(name("INBOX.a")) == name("INBOX.a")
    assert both.local_name(name("b")) == name("b")
    assert both.remote_name(name("b")) == name("b")


def test_a_folder_outside_the_local_servers_namespace_is_told():
    (problem,) = between("dovecot", "courier").prove([INBOX], [name("shared.x")])
    assert problem.startswith("local folder 'shared.x' has no remote name that leads back to it")
    assert "directory" not in problem


def test_a_server_without_hierarchy_keeps_all_levels_apart():
    assert between("dovecot", "flat").local_name(name("a/b", "/")) == name("a/b", "/")
    assert between("flat", "dovecot").local_name(FolderName.of("a/b")) == FolderName.of("a/b")
