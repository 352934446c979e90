from hypothesis import given
from hypothesis import strategies as st

from postboat.imap.wire.utf7 import decode, encode

names = st.text(alphabet=st.characters(exclude_categories=["Cs"]))


@given(names)
def test_decoding_undoes_encoding(name):
    wire = encode(name)
    assert all(" " <= character <= "~" for character in wire)
    assert decode(wire) == name


@given(st.text(alphabet="&-ABCaz019+,/=~ é", max_size=20))
def test_no_two_spellings_are_one_name(wire):
    try:
        name = decode(wire)
    except ValueError:
        return
    assert encode(name) == wire
