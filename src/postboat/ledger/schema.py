"""The tables of a ledger, as text. `MIGRATIONS[n]` leads from version n to n + 1 and is never changed once released.

Columns of keys, marks, tokens and flags have no type on purpose: `rows` puts in integers, text or bytes, and SQLite
then keeps them as they came. Names of folders are JSON arrays of their parts.
"""

from __future__ import annotations

from functools import cache

APPLICATION_ID = 0x506F7374
"""Marks the file as ours for programs such as file(1)."""

_FIRST = (
    "CREATE TABLE meta (account TEXT NOT NULL, layout TEXT)",
    """
    CREATE TABLE folder (
        id INTEGER PRIMARY KEY,
        remote TEXT NOT NULL,
        local TEXT NOT NULL,
        remote_validity TEXT,
        local_validity TEXT,
        remote_checkpoint TEXT,
        local_checkpoint TEXT,
        UNIQUE (remote, local)
    )
    """,
    """
    CREATE TABLE pairing (
        folder INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
        remote NOT NULL,
        local NOT NULL,
        flags NOT NULL,
        remote_mark NOT NULL,
        local_mark NOT NULL,
        PRIMARY KEY (folder, remote)
    ) WITHOUT ROWID
    """,
    "CREATE UNIQUE INDEX pairing_by_local ON pairing (folder, local)",
    """
    CREATE TABLE intent (
        id INTEGER PRIMARY KEY,
        folder INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
        to_side TEXT NOT NULL,
        origin NOT NULL,
        token NOT NULL,
        flags NOT NULL,
        mark NOT NULL,
        UNIQUE (folder, to_side, origin, token)
    )
    """,
)

_SECOND = ("ALTER TABLE meta ADD COLUMN server TEXT",)

_THIRD = (
    "ALTER TABLE meta ADD COLUMN standing TEXT",
    """
    CREATE TABLE hold (
        folder INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
        on_side TEXT NOT NULL,
        verdict TEXT NOT NULL,
        suspicion TEXT NOT NULL,
        count INTEGER NOT NULL,
        whole INTEGER NOT NULL,
        subjects TEXT NOT NULL,
        keys TEXT NOT NULL,
        PRIMARY KEY (folder, on_side)
    )
    """,  # keys last: they may fill many pages, which whoever reads the rest leaves unread
    """
    CREATE TABLE aside (
        folder INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
        to_side TEXT NOT NULL,
        origin NOT NULL,
        reason NOT NULL,
        tries INTEGER NOT NULL,
        not_before REAL NOT NULL,
        own_fault INTEGER NOT NULL,
        PRIMARY KEY (folder, to_side, origin)
    ) WITHOUT ROWID
    """,
)

_FOURTH = (
    """
    CREATE TABLE shore (
        side TEXT PRIMARY KEY,
        layout TEXT,
        standing TEXT,
        server TEXT
    ) WITHOUT ROWID
    """,
    "INSERT INTO shore SELECT 'local', layout, standing, NULL FROM meta",
    "INSERT INTO shore SELECT 'remote', NULL, NULL, server FROM meta",
    "UPDATE meta SET layout = NULL, standing = NULL, server = NULL",  # the columns stay: not every SQLite can drop them
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND, _THIRD, _FOURTH)
VERSION = len(MIGRATIONS)

FOLDERS = """
    SELECT remote, local,
        EXISTS (SELECT 1 FROM pairing WHERE pairing.folder = folder.id),
        EXISTS (SELECT 1 FROM intent WHERE intent.folder = folder.id),
        (SELECT group_concat(on_side || ' ' || verdict) FROM hold WHERE hold.folder = folder.id),
        id, remote_validity, local_validity, remote_checkpoint, local_checkpoint
    FROM folder ORDER BY id
"""
FOLDER = """
    SELECT id, remote_validity, local_validity, remote_checkpoint, local_checkpoint
    FROM folder WHERE remote = ? AND local = ?
"""
ADD_FOLDER = "INSERT INTO folder (remote, local) VALUES (?, ?)"
EMPTY_FOLDER = (
    "DELETE FROM pairing WHERE folder = ?",
    "DELETE FROM intent WHERE folder = ?",
    "DELETE FROM hold WHERE folder = ?",
    "DELETE FROM aside WHERE folder = ?",
    "UPDATE folder SET remote_checkpoint = NULL, local_checkpoint = NULL WHERE id = ?",
)

ADD_SHORE = "INSERT OR IGNORE INTO shore (side) VALUES (?)"

COUNT = "SELECT COUNT(*) FROM pairing WHERE folder = ?"

_HOLD_COLUMNS = "on_side, verdict, suspicion, count, whole, subjects, keys"
HOLDS = f"SELECT remote, local, {_HOLD_COLUMNS} FROM hold JOIN folder ON folder = id ORDER BY id, on_side"
HOLDS_OF = f"SELECT {_HOLD_COLUMNS} FROM hold WHERE folder = ? ORDER BY on_side"
PUT_HOLD = f"INSERT OR REPLACE INTO hold (folder, {_HOLD_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
DROP_HOLD = "DELETE FROM hold WHERE folder = ? AND on_side = ?"
DECIDE = "UPDATE hold SET verdict = ? WHERE folder = (SELECT id FROM folder WHERE remote = ? AND local = ?)"

_ASIDE_COLUMNS = "to_side, origin, reason, tries, not_before, own_fault"
ASIDES = f"SELECT {_ASIDE_COLUMNS} FROM aside WHERE folder = ? ORDER BY to_side, origin"

INTENTS = "SELECT to_side, origin, token, flags, mark FROM intent WHERE folder = ? ORDER BY id"

_FOUND_BY = {"remote": "pairing", "local": "pairing INDEXED BY pairing_by_local"}
"""Left to itself, SQLite guesses that a folder has ten messages, and reads all of it for a few local keys."""


@cache
def add_pairings(rows: int) -> str:
    """Write pairings. REPLACE removes every row that has one of the two keys: each side's key names one message."""
    columns = "folder, remote, local, flags, remote_mark, local_mark"
    return f"INSERT OR REPLACE INTO pairing ({columns}) VALUES {_rows('?1, ?, ?, ?, ?, ?', rows)}"


@cache
def forget_pairings(rows: int) -> str:
    """Remove those of as many pairs of keys that are still paired."""
    return f"""
        DELETE FROM pairing WHERE folder = ?1 AND remote IN (
            SELECT remote FROM (VALUES {_rows("?1, ?, ?", rows)}) AS gone CROSS JOIN pairing
            ON folder = gone.column1 AND remote = gone.column2 AND local = gone.column3
        )
    """


@cache
def add_intents(rows: int) -> str:
    """Write intents, in the place of those that are the same."""
    columns = "folder, to_side, origin, token, flags, mark"
    return f"INSERT OR REPLACE INTO intent ({columns}) VALUES {_rows('?1, ?, ?, ?, ?, ?', rows)}"


@cache
def drop_intents(rows: int) -> str:
    """Remove the intents with as many sides, origins and tokens."""
    return f"""
        DELETE FROM intent WHERE id IN (
            SELECT id FROM (VALUES {_rows("?1, ?, ?, ?", rows)}) AS done CROSS JOIN intent
            ON folder = done.column1 AND to_side = done.column2 AND origin = done.column3 AND token = done.column4
        )
    """


@cache
def add_asides(rows: int) -> str:
    """Write copies that failed, in the place of those of the same messages."""
    places = _rows("?1, ?, ?, ?, ?, ?, ?", rows)
    return f"INSERT OR REPLACE INTO aside (folder, {_ASIDE_COLUMNS}) VALUES {places}"


@cache
def drop_asides(rows: int) -> str:
    """Remove what is written down of as many copies that failed."""
    return f"DELETE FROM aside WHERE (folder, to_side, origin) IN (VALUES {_rows('?1, ?, ?', rows)})"


def flags_by(side: str) -> str:
    """Every key of `side` with its flags."""
    return f"SELECT {side}, flags FROM pairing WHERE folder = ?"


def marks_by(side: str, keys: int) -> str:
    """The marks of as many keys of `side`."""
    return f"SELECT {side}, {side}_mark FROM {_FOUND_BY[side]} WHERE folder = ? AND {side} IN ({_places(keys)})"


def pairings_by(side: str, keys: int) -> str:
    """The pairings of as many keys of `side`."""
    columns = "remote, local, flags, remote_mark, local_mark"
    return f"SELECT {columns} FROM {_FOUND_BY[side]} WHERE folder = ? AND {side} IN ({_places(keys)})"


def set_validity(side: str) -> str:
    """Write down the validity of `side`."""
    return f"UPDATE folder SET {side}_validity = ? WHERE id = ?"


def set_checkpoint(side: str) -> str:
    """Write down the checkpoint of `side`."""
    return f"UPDATE folder SET {side}_checkpoint = ? WHERE id = ?"


def _rows(places: str, count: int) -> str:
    return ",".join([f"({places})"] * count)


def _places(count: int) -> str:
    return ",".join("?" * count)
