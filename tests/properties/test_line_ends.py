"""CRLF on the wire, LF on disk: nothing else changes, whatever the octets and wherever chunks are cut."""

import itertools
import re

from hypothesis import example, given
from hypothesis import strategies as st

from postboat.likeness import HeaderPrint
from postboat.maildir.content import ToDisk, ToWire, WireSize, to_disk, to_wire, wire_size

message = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\x00", b"\xff\xfe", b"Subject: x"]), max_size=30
).map(b"".join)
cuts = st.lists(st.integers(0, 60), max_size=6)


def canonical(octets):
    """Every LF without a CR before it gets one: written apart from the code under test."""
    return re.sub(rb"(?<!\r)\n", b"\r\n", octets)


def chunked(octets, places):
    edges = sorted({0, len(octets), *(place for place in places if place < len(octets))})
    return [octets[a:b] for a, b in itertools.pairwise(edges)]


def stored(chunks):
    """What a writer that follows `ToDisk`'s contract ends up with."""
    form, disk = ToDisk(), b""
    for chunk in chunks:
        before = form.reversible
        piece = form.feed(chunk)
        if before and not form.reversible:
            assert b"\r\n" not in disk
            assert disk.count(b"\n") == form.lines
            disk = disk.replace(b"\n", b"\r\n")
        disk += piece
    return disk + form.finish()


@given(message)
def test_wire_form_is_had_back_from_disk(wire):
    assert to_wire(to_disk(wire)) == canonical(wire)


@given(message)
def test_only_what_can_be_had_back_is_converted(wire):
    if canonical(wire) == wire:
        assert to_wire(to_disk(wire)) == wire
    else:
        assert to_disk(wire) == wire
    if b"\r\r\n" not in wire and canonical(wire) == wire:
        assert b"\r\n" not in to_disk(wire)


@given(message)
def test_what_lies_on_disk_only_gains_a_cr_before_bare_lfs(disk):
    assert to_wire(disk) == canonical(disk)
    assert wire_size(disk) == len(canonical(disk))


@given(message, cuts)
@example(b"a\r\r\nb", [1, 2, 3])
@example(b"a\r\nb\r\r\n", [1, 2, 4, 5, 6])
@example(b"one\r\ntwo\r\nbare\n", [4, 9, 14])
def test_any_cut_into_chunks_stores_the_same(wire, places):
    assert stored(chunked(wire, places)) == to_disk(wire)


@given(message, cuts)
def test_any_cut_into_chunks_reads_and_measures_the_same(disk, places):
    form, size = ToWire(), WireSize()
    wire = b"".join(form.feed(chunk) for chunk in chunked(disk, places))
    for chunk in chunked(disk, places):
        size.feed(chunk)
    assert wire == to_wire(disk)
    assert size.octets == len(wire)


@given(message, cuts)
@example(b"\r\nbody", [1])
@example(b"A: b\r\n\r\nbody\r\n\r\nmore", [5, 6, 7, 8])
@example(b"A: b\r\n", [5])
@example(b"A: b", [])
@example(b"\r\r\n\r\n", [1, 2, 3, 4])
def test_the_header_is_what_precedes_the_first_empty_line(wire, places):
    found = HeaderPrint()
    for chunk in chunked(wire, places):
        found.feed(chunk)
    at = (b"\r\n" + wire).find(b"\r\n\r\n")
    whole = HeaderPrint()
    whole.feed(wire if at < 0 else wire[:at])
    assert found.digest() == whole.digest()
    assert found.complete == (at >= 0)
