"""Declarative folder rules are inverses of themselves, whatever they say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postboat.config.folder_names import NameMap
from postboat.config.schema import FolderRules
from postboat.errors import FolderRulesRefused
from postboat.model import INBOX, FolderName

PARTS = st.sampled_from(["INBOX", "a", "b", "A", "Sent Items", "ü", "[Gmail]", "x&y"])
NAMES = st.lists(PARTS, min_size=1, max_size=3).map(lambda parts: FolderName.of(*parts))
ANY_NAMES = st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=3).map(lambda parts: FolderName.of(*parts))
DELIMITERS = st.sampled_from([".", "/"])


@st.composite
def maps(draw):
    delimiter = draw(DELIMITERS)
    text = NAMES.map(lambda name: delimiter.join(name.parts))
    rules = FolderRules(
        strip_prefix=draw(st.one_of(st.just(""), text.map(lambda name: name + delimiter), text)),
        rename=draw(st.dictionaries(text, text, max_size=3)),
        exclude=tuple(draw(st.lists(text, max_size=1))),
    )
    return NameMap(rules, FolderRules(), delimiter, draw(st.sampled_from(["", f"INBOX{delimiter}"])))


@given(maps(), NAMES)
def test_the_way_up_leads_back_to_where_it_began(names, local):
    remote = names.remote_name(local)
    assert remote is None or (names.local_name(remote) == local and names.wanted(remote))


@given(maps(), st.sets(NAMES, max_size=6))
def test_what_is_proved_has_one_local_name_for_each_remote_one_and_a_way_back(names, folders):
    if names.prove(folders, []):
        return
    wanted = [folder for folder in folders if names.wanted(folder)]
    local = [names.local_name(folder) for folder in wanted]
    assert len(set(local)) == len(wanted)
    for name in local:
        back = names.remote_name(name)
        assert back is None or names.local_name(back) == name


@given(maps(), st.lists(ANY_NAMES, max_size=4), st.lists(ANY_NAMES, max_size=4))
def test_any_names_are_proved_or_refused_but_never_break_the_proof(names, remote, local):
    assert all(isinstance(problem, str) for problem in names.prove(remote, local))


@given(DELIMITERS, st.text(max_size=8), NAMES)
def test_no_translated_name_leads_out_of_the_root(delimiter, translated, remote):
    names = NameMap(FolderRules(nametrans=lambda _: translated), FolderRules(), delimiter)
    try:
        parts = names.local_name(remote).parts
    except FolderRulesRefused:
        return
    assert parts
    assert not {"", ".", ".."} & set(parts)


SERVERS = st.sampled_from([(".", "INBOX."), ("/", ""), (".", ""), ("/", "INBOX/"), ("/", "Mail/"), ("^", "INBOX^")])
LEVELS = st.lists(
    st.sampled_from(["INBOX", "inbox", "a", "b", "Mail", "a.b", "a/b", "ü", "x&y"]), min_size=1, max_size=3
).map(tuple)


def on_a_server(server, levels):
    """A folder that such a server may list."""
    delimiter, prefix = server
    levels = tuple(level.replace(delimiter, "_") for level in levels)
    return FolderName.of(*prefix.split(delimiter)[:-1], *levels)


def between(remote, local, remote_rules=FolderRules(), local_rules=FolderRules()):
    return NameMap(remote_rules, local_rules, *remote, local_sep=local[0], local_prefix=local[1], between_servers=True)


@given(SERVERS, SERVERS, st.sets(LEVELS, max_size=6))
def test_between_two_servers_every_name_leads_there_and_back(remote, local, levels):
    names = between(remote, local)
    folders = {INBOX, *(on_a_server(remote, each) for each in levels)}
    if problems := names.prove(folders, []):
        assert all(
            "would both be called 'INBOX'" in each or "no local name that leads back" in each for each in problems
        )
        return
    there = {folder: names.local_name(folder) for folder in folders}
    assert len(set(there.values())) == len(folders)
    for folder, name in there.items():
        prefix = tuple(local[1].split(local[0])[:-1])
        assert name == INBOX or name.parts[: len(prefix)] == prefix
        assert names.remote_name(name) == folder
    assert names.prove([], there.values()) == []


@given(SERVERS, SERVERS, st.sets(LEVELS, max_size=6))
def test_between_two_servers_every_local_name_leads_up_and_down_again(remote, local, levels):
    names = between(remote, local)
    folders = {on_a_server(local, each) for each in levels}
    for folder in folders:
        up = names.remote_name(folder)
        assert up is None or names.local_name(up) == folder
        assert (up is None) == bool(names.prove([], [folder]))


@given(SERVERS, LEVELS)
def test_two_servers_of_one_kind_call_their_folders_the_same(server, levels):
    folder = on_a_server(server, levels)
    assert between(server, server).local_name(folder) == folder


@st.composite
def rules_of(draw, server):
    delimiter, prefix = server
    text = LEVELS.map(lambda levels: delimiter.join(on_a_server(server, levels).parts))
    return FolderRules(
        strip_prefix=draw(st.sampled_from(["", prefix, f"a{delimiter}", "a"])),
        rename=draw(st.dictionaries(text, text, max_size=2)),
    )


@given(st.data(), SERVERS, SERVERS, st.sets(LEVELS, max_size=6))
def test_declarative_rules_of_either_side_are_proved_or_refused(data, remote, local, levels):
    names = between(remote, local, data.draw(rules_of(remote)), data.draw(rules_of(local)))
    folders = {on_a_server(remote, each) for each in levels}
    if names.prove(folders, []):
        return
    there = {folder: names.local_name(folder) for folder in folders}
    assert len(set(there.values())) == len(there)
    for folder, name in there.items():
        back = names.remote_name(name)
        if back is None:  # a rule bared an `Inbox`, which is INBOX at the top, and that is told
            assert any(part.upper() == "INBOX" != part for part in folder.parts) and names.prove([], [name])
        else:
            assert names.local_name(back) == name


@given(st.sets(ANY_NAMES, max_size=8))
def test_sorting_keeps_every_folder_once(folders):
    ordered = NameMap(FolderRules(), FolderRules(), ".").sort(folders)
    assert sorted(ordered) == sorted(folders)
