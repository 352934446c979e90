"""Much mail on the server at once, without anybody sending it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.real.voyage import message

if TYPE_CHECKING:
    from tests.servers.dovecot import DovecotServer


def seed(server: DovecotServer, user: str, folder: str, count: int) -> None:
    """Put messages into the server's own Maildir."""
    root = server.maildir_path(user)
    place = root if folder == "INBOX" else root / f".{folder}"
    made = place if root.exists() else root.parent
    for part in ("cur", "new", "tmp"):
        (place / part).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        content = message(number, body=folder).replace(b"\r\n", b"\n")
        (place / "cur" / f"{1_600_000_000 + number}.M{number}.seed,S={len(content)}:2,").write_bytes(content)
    server.own(made)
