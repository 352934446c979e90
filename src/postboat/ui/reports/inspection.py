"""What `check` and `folders` found, as lines for people and as JSON. Pure."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Protocol

from postboat.ui import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from postboat.values import Sides

USED = (
    *("IMAP4REV2", "QRESYNC", "CONDSTORE", "UIDPLUS", "IDLE", "NOTIFY", "MOVE", "ESEARCH", "LIST-STATUS"),
    *("LITERAL+", "LITERAL-", "SASL-IR", "ENABLE", "NAMESPACE", "SPECIAL-USE", "UTF8=ACCEPT", "COMPRESS=DEFLATE"),
)
"""Capabilities worth naming to people: those that decide how a sync works."""


class FolderReport(Protocol):
    """A folder pair as `service.inspect` found it."""

    @property
    def remote(self) -> str: ...  # noqa: D102
    @property
    def local(self) -> str: ...  # noqa: D102
    @property
    def synced(self) -> bool: ...  # noqa: D102
    @property
    def why(self) -> str: ...  # noqa: D102
    @property
    def messages(self) -> int | None: ...  # noqa: D102
    @property
    def local_messages(self) -> int | None: ...  # noqa: D102


class ServerReport(Protocol):
    """A second server as `service.inspect` found it."""

    @property
    def server(self) -> str: ...  # noqa: D102
    @property
    def tls(self) -> str: ...  # noqa: D102
    @property
    def certificate(self) -> str: ...  # noqa: D102
    @property
    def capabilities(self) -> tuple[str, ...]: ...  # noqa: D102


class AccountReport(Protocol):
    """An account as `service.inspect` found it."""

    @property
    def account(self) -> str: ...  # noqa: D102
    @property
    def ok(self) -> bool: ...  # noqa: D102
    @property
    def server(self) -> str: ...  # noqa: D102
    @property
    def tls(self) -> str: ...  # noqa: D102
    @property
    def certificate(self) -> str: ...  # noqa: D102
    @property
    def capabilities(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def folders(self) -> Sequence[FolderReport]: ...  # noqa: D102
    @property
    def problems(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def exit_code(self) -> int: ...  # noqa: D102
    @property
    def others(self) -> Sequence[ServerReport]: ...  # noqa: D102
    @property
    def sides(self) -> Sides | None: ...  # noqa: D102


def as_json(report: Any, **more: object) -> str:
    """Write a report, a dataclass, as one line of JSON in pure ASCII."""
    return json.dumps(more | dataclasses.asdict(report), default=str)


def checked(report: AccountReport) -> Iterator[str]:
    """Tell all that was found about an account."""
    yield f"{words.clean(report.account)}: {_verdict(report)}"
    sides = report.sides
    for name, fact in (
        *_of_server(report, sides.remote if sides else ""),
        *(each for other in report.others for each in _of_server(other, sides.local if sides else "")),
        ("folders", _folder_count(report.folders)),
    ):
        if fact:
            yield f"  {name:<13} {words.clean(fact)}"
    for line in listed(report.folders, sides):
        yield f"    {line}"
    label = "note" if report.ok else "problem"
    for problem in report.problems:
        first, *rest = problem.splitlines() or [""]
        yield f"  {label:<13} {words.clean(first)}"
        yield from (f"                {words.clean(line)}" for line in rest)


def _of_server(server: ServerReport | AccountReport, called: str) -> Iterator[tuple[str, str]]:
    """Tell what was found about a server, by the name of its repository where there are two."""
    yield "server", f"{called}: {server.server}" if called and server.server else server.server
    yield "connection", server.tls
    yield "certificate", server.certificate
    yield "capabilities", _capabilities(server.capabilities)


def _verdict(report: AccountReport) -> str:
    if not report.ok:
        return f"cannot be synced, {words.plural(len(report.problems), 'problem')}"
    noted = words.plural(len(report.problems), "thing") + " to look at" if report.problems else ""
    return f"all right{f', {noted}' if noted else ''}"


def listed(folders: Sequence[FolderReport], sides: Sides | None = None) -> Iterator[str]:
    """List folders in two columns, remote and local; those left alone say why.

    `sides` tells what those of an account are called that are both of one kind.
    """
    column = max((words.width(words.clean(folder.remote)) for folder in folders), default=0)
    for folder in folders:
        remote = words.pad(words.clean(folder.remote), column)
        if folder.synced:
            notes = ", ".join(filter(None, (*_counted(folder, sides), words.clean(folder.why))))
            yield f"{remote}  ->  {words.clean(folder.local)}" + (f"  ({notes})" if notes else "")
        else:
            yield f"{remote}  --  left alone: {words.clean(folder.why)}"


def _counted(folder: FolderReport, sides: Sides | None) -> Iterator[str]:
    """Tell how many messages there are; of two servers, on each."""
    many = folder.messages, folder.local_messages
    for count, name in zip(many, (sides.remote, sides.local) if sides else ("", ""), strict=True):
        if count is not None:
            where = f" on {words.clean(name)}" if name and None not in many else ""
            yield f"{words.plural(count, 'message')}{where}"


def _capabilities(capabilities: Sequence[str]) -> str:
    present = {capability.upper() for capability in capabilities}
    named = [capability for capability in USED if capability in present]
    others = len(present) - len(named)
    told = [" ".join(named)] if named else []
    return ", ".join(told + ([f"{others} others"] if others else []))


def _folder_count(folders: Sequence[FolderReport]) -> str:
    synced = sum(1 for folder in folders if folder.synced)
    left = len(folders) - synced
    return f"{synced} to sync" + (f", {left} left alone" if left else "") if folders else ""
