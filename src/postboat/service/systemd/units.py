"""Unit files for a user's systemd: what they say, and whether they are still as they were written."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING

from postboat.errors import ConfigError, PostboatError
from postboat.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

Commands = Mapping[str, Sequence[str]]
"""Words of the command lines that a unit file leaves open: `COMMAND` runs Postboat, `RELOAD` talks with that run."""

_SEAL = re.compile(r"# Written by `postboat service install` \(([0-9a-f]{16})\)")


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to let systemd run Postboat."""

    files: tuple[str, ...]
    enabled: str
    """The unit that is enabled and started."""
    wanted_by: str
    """The target that starts it at each login."""

    @property
    def stopped(self) -> tuple[str, ...]:
        """All units of it that may run, the one that starts the others first."""
        return (self.enabled, *(name for name in self.files if name != self.enabled))


LASTING = Kind(("postboat.service",), "postboat.service", "default.target")
"""One run that goes on."""
TIMER = Kind(("postboat-once.service", "postboat.timer"), "postboat.timer", "timers.target")
"""A run every few minutes."""


class UnitFiles:
    """The user's own unit files, as far as they are Postboat's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def installed(self) -> Kind | None:
        """Which kind is there, whole or in part."""
        return next((kind for kind in (LASTING, TIMER) if self.paths(kind)), None)

    def paths(self, kind: Kind) -> list[Path]:
        """Those of a kind's files that are there."""
        return [path for name in kind.files if (path := self.directory / name).exists()]

    def changed(self, kind: Kind) -> list[Path]:
        """Those of a kind's files that are not as they were written: somebody else's work."""
        return [path for path in self.paths(kind) if not is_untouched(path.read_bytes())]

    def write(self, kind: Kind, commands: Commands, environment: Mapping[str, str], *, force: bool) -> list[Path]:
        """Write a kind's files, anew if they are there. Raises `ConfigError` if that would spoil somebody's work."""
        other = self.installed()
        if other not in (None, kind):
            raise ConfigError([f"{other.enabled} is installed; to have the other one: postboat service uninstall"])
        self.spare(kind, force=force)
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            for name in kind.files:
                (self.directory / name).write_bytes(unit_file(name, commands, environment))
        except OSError as error:
            raise PostboatError(f"{error.filename} cannot be written: {error.strerror}") from error
        return self.paths(kind)

    def remove(self, kind: Kind, *, force: bool) -> list[Path]:
        """Remove a kind's files, and the links that enable them. Raises `ConfigError` if they are somebody's work."""
        self.spare(kind, force=force)
        link = self.directory / f"{kind.wanted_by}.wants" / kind.enabled
        links = [link] if link.is_symlink() else []
        removed = [*self.paths(kind), *links]
        for path in removed:
            path.unlink()
        return removed

    def spare(self, kind: Kind, *, force: bool) -> None:
        """Raise `ConfigError` if a kind's files were changed by hand, unless that does not count."""
        if changed := [] if force else self.changed(kind):
            own = f"put your own lines into `systemctl --user edit {kind.enabled}`"
            raise ConfigError([f"{path} was changed by hand: {own}, or add --force" for path in changed])


def unit_file(name: str, commands: Commands, environment: Mapping[str, str]) -> bytes:
    """One of `units/`, filled in and sealed. Raises `ConfigError` for a path that is not UTF-8: systemd bears none."""
    for word in (*itertools.chain(*commands.values()), *environment.values()):
        if any("\ud800" <= char <= "\udfff" for char in word):
            raise ConfigError([f"systemd cannot deal with a path that is not UTF-8: {word!r}"])
    text = (files("postboat") / "units" / name).read_text("utf-8")
    settings = "".join(f"Environment={_quoted(f'{key}={value}')}\n" for key, value in environment.items())
    text = text.replace("@ENVIRONMENT@\n", settings)
    for placeholder, (program, *words) in commands.items():
        line = " ".join((_quoted(program), *(_quoted(word.replace("$", "$$")) for word in words)))
        text = text.replace(f"@{placeholder}@", line)
    return sealed(text.encode())


def _quoted(word: str) -> str:
    """A word as systemd.syntax(7) reads it: no specifier, no end before its end."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    escaped = "".join(char if char.isprintable() else _as_octets(char) for char in escaped)
    return escaped if re.fullmatch(r"[\w./:=@%+,-]+", escaped, re.ASCII) else f'"{escaped}"'


def _as_octets(char: str) -> str:
    return "".join(f"\\x{octet:02x}" for octet in char.encode())


def sealed(text: bytes) -> bytes:
    """Put a line on top that tells who wrote it, and by which it can be told whether it was changed since."""
    return b"# Written by `postboat service install` (%s)\n%s" % (_digest(text), text)


def is_untouched(content: bytes) -> bool:
    """Whether a file is as `sealed` made it."""
    first, _, rest = content.partition(b"\n")
    seal = _SEAL.fullmatch(first.decode(errors="replace"))
    return seal is not None and seal[1].encode() == _digest(rest)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()
