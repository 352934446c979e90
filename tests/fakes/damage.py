"""What may become of a file: by a bad disk, by another program, by a power cut."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def overwritten(file: Path) -> None:
    file.write_bytes(b"this was a ledger once" * 1000)


def cut_in_the_middle(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def cut_by_a_page(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 4096)


def cut_inside_a_page(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 100)


def scratched(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    for start in range(4096, len(whole), 4096):
        whole[start : start + 100] = b"\xff" * 100
    file.write_bytes(whole)


def one_word_changed(file: Path) -> None:
    """The tree is sound: only a flag is another one."""
    whole = file.read_bytes()
    assert b"Seen" in whole
    file.write_bytes(whole.replace(b"Seen", b"Soon"))


def one_bit_flipped(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[len(whole) // 2] ^= 4
    file.write_bytes(whole)


def zeroed(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


def half_zeroed(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))


DAMAGES = [
    overwritten,
    cut_in_the_middle,
    cut_by_a_page,
    cut_inside_a_page,
    scratched,
    one_word_changed,
    one_bit_flipped,
    zeroed,
    half_zeroed,
]
