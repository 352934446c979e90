"""The line of every key of a TOML text."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from postboat.config.toml_lines import index_lines

TEXT = '''\
# comment [not.a.table]
top = 1

[a] # comment
multi = """
[not.a.table]
x = 1 \\""" still
"""
literal = \'\'\'
y = 2\'\'\'\'
list = [ # [
  "]", # x = 1
  [1, 2],
  {z = "}"},
]
after.dotted."quo.ted \\u00e9" = '# no comment'

  [ "b.c" . 'd' ]
inline = { k = [1,
 2] }
end = "\\\\"
[[tables]]
n = 1
[[tables]]
n = 2
[last]
'''


def test_every_key_has_its_line():
    tomllib.loads(TEXT)
    assert index_lines(TEXT).of == {
        ("top",): 2,
        ("a",): 4,
        ("a", "multi"): 5,
        ("a", "literal"): 9,
        ("a", "list"): 11,
        ("a", "after"): 16,
        ("a", "after", "dotted"): 16,
        ("a", "after", "dotted", "quo.ted é"): 16,
        ("b.c",): 18,
        ("b.c", "d"): 18,
        ("b.c", "d", "inline"): 19,
        ("b.c", "d", "end"): 21,
        ("tables",): 22,
        ("tables", "n"): 23,
        ("last",): 26,
    }


def test_a_key_of_an_inline_table_has_the_line_of_the_table():
    lines = index_lines(TEXT)
    assert lines.line("b.c", "d", "inline", "k") == 19
    assert lines.line("nosuch") == 0


KEYS = st.sampled_from(["a", "b-1", '"q # ["', "'l = '", "a.b"])
VALUES = st.sampled_from(
    [
        "1",
        '"x"',
        "'#'",
        '"""\n[x]\n"""',
        "'''\n\"\n'''",
        "[\n1, # ]\n]",
        "{ a = 1 }",
        '"\\""',
        '""',
        "''",
        '""""""',
        "''''''",
    ]
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=8), st.sampled_from(["\n", "\n\n", " # c\n"]))
def test_the_index_agrees_with_tomllib_on_what_the_keys_are(pairs, between):
    text, expected = "", {}
    for number, (key, value) in enumerate(pairs):
        expected[f"k{number}"] = text.count("\n") + 1
        text += f"k{number}.{key} = {value}{between}"
    assert tomllib.loads(text).keys() == expected.keys()
    assert {path[0]: line for path, line in index_lines(text).of.items() if len(path) == 1} == expected


@given(st.text(alphabet="a=.[]{}\"'#\n \\1,", max_size=40))
def test_any_text_is_indexed_to_its_end(text):
    index_lines(text)
