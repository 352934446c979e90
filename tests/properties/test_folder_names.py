"""Declarative folder rules are inverses of themselves, whatever they say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from postboat.config.folder_names import NameMap
from postboat.config.schema import FolderRules
from postboat.errors import FolderRulesRefused
from postboat.model import FolderName

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


@given(st.sets(ANY_NAMES, max_size=8))
def test_sorting_keeps_every_folder_once(folders):
    ordered = NameMap(FolderRules(), FolderRules(), ".").sort(folders)
    assert sorted(ordered) == sorted(folders)
