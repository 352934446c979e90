"""What Linux really said of its network, by the command that made it say so."""

from __future__ import annotations

from pathlib import Path


def recorded() -> dict[str, list[bytes]]:
    """Return the datagrams of `rtnetlink.txt`."""
    said: dict[str, list[bytes]] = {}
    for line in Path(__file__).with_suffix(".txt").read_text().splitlines()[3:]:
        if line.startswith("# "):
            datagrams = said[line[2:]] = []
        else:
            datagrams.append(bytes.fromhex(line))
    return said
