"""Writes the file that lists all folders, for mutt and others (`[mbnames]`), when a sync of all folders is done.

A run may be for one account only. So what each has is kept in the state directory; an account that the configuration
has no more is dropped from there, and from the file.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from postboat.ledger.files import make_private, sync_directory
from postboat.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from postboat.config.schema import MailboxNames

_STATE, _LOCK = "mailbox-names.json", "mailbox-names.lock"
_KEYS = {"localfolders", "folders"}


@dataclass(frozen=True, slots=True)
class MailboxList:
    """The file, and what is known of all accounts. Its only method blocks: call it in a thread."""

    config: MailboxNames
    metadata: Path
    """The state directory."""

    def update(self, account: str, root: Path | None, folders: Iterable[str]) -> str:
        """Take the folders of an account, named as they lie below its root; return why that failed, or "".

        Without a root they are a server's.

        Nothing is written when nothing changed, and what is written is complete or not there at all.
        """
        there = sorted(folder for folder in folders if root is None or (root / folder).is_dir())
        own = {"localfolders": "" if root is None else str(root), "folders": there}
        try:
            make_private(self.metadata)
            with _alone(self.metadata / _LOCK):
                before = _read(self.metadata / _STATE)
                known = {name: kept for name, kept in before.items() if name in self.config.accounts} | {account: own}
                if known != before:
                    _write(self.metadata / _STATE, json.dumps(known).encode(), 0o600)
                self._list(known)
        except OSError as error:
            return f"mbnames: {error.filename or self.config.filename}: {error.strerror or error}"
        except _Refused as refusal:
            return f"mbnames: {refusal}"
        return ""

    def _list(self, known: Mapping[str, Any]) -> None:
        text = self._text(known).encode("utf-8", "surrogateescape")
        path = self.config.filename.resolve()  # where it is a link, it stays one
        with suppress(FileNotFoundError):
            if path.read_bytes() == text:
                return
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, text, 0o666)

    def _text(self, known: Mapping[str, Any]) -> str:
        items = [
            {"accountname": account, "foldername": folder, "localfolders": kept["localfolders"]}
            for account, kept in known.items()
            for folder in kept["folders"]
        ]
        config = self.config
        if (wanted := config.folderfilter) is not None:
            items = [item for item in items if _called(wanted, "folderfilter", item["accountname"], item["foldername"])]
        by = config.sort_keyfunc or (lambda item: (item["accountname"], item["foldername"]))
        keys = [_called(by, "sort_keyfunc", dict(item)) for item in items]
        try:
            order = sorted(range(len(items)), key=keys.__getitem__)
        except TypeError as error:
            raise _Refused(f"sort_keyfunc gives what has no order: {error}") from error
        return config.header + config.sep.join(config.peritem % items[place] for place in order) + config.footer


class _Refused(Exception):
    """A rule of the user's failed."""


def _called(rule: Callable[..., Any], option: str, *about: object) -> Any:
    try:
        return rule(*about)
    except Exception as error:  # whatever the user's own code raises
        raise _Refused(f"{option} fails for {about!r}: {type(error).__name__}: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    """What is kept of the accounts; nothing of what is damaged, since the next sync of each brings it back."""
    try:
        kept = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {name: told for name, told in kept.items() if isinstance(told, dict) and told.keys() == _KEYS}


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other accounts and runs from writing at the same time; it takes none of them long."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, octets: bytes, mode: int) -> None:
    """Put a durable file in the place of another, whose mode it takes over."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                os.fchmod(descriptor, path.stat().st_mode & 0o7777)
            file.write(octets)
            file.flush()
            os.fsync(descriptor)
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
