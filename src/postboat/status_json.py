"""What a run that goes on is at, as it is sent to those who watch it, and back. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from postboat.account_status import AccountStatus, FolderTrouble
from postboat.declared import read_field
from postboat.status import ServiceStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_T = TypeVar("_T")

_SERVICE = ("stopping", "problems", "woke")
_ACCOUNT = (
    *("phase", "since", "paused", "reason", "exit_code", "until", "sides", "host", "server", "server_folders"),
    *("disk", "disk_reason", "second", "last_sync", "next_sync", "folders", "folders_done", "listed", "arrived"),
    *("working", "plans", "hooks"),
)
_TROUBLE = ("reason", "failed", "aside", "held")


def as_json(status: ServiceStatus) -> dict[str, Any]:
    """Write the status as an object ready for JSON: what is kept, and what follows from it."""
    facts = {name: value for name, value in asdict(status).items() if name != "accounts"}
    return facts | {"accounts": [_account_as_json(account) for account in status.accounts.values()]}


def _account_as_json(account: AccountStatus) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(account).items() if name not in ("touched", "troubles")}
    counts = {name: getattr(account, name) for name in ("state", "failed_folders", "failed", "aside", "held")}
    troubles = [
        {"folder": name, **asdict(trouble), "touched": name in account.touched}
        for name, trouble in account.troubles.items()
    ]
    return facts | counts | {"troubles": troubles}


def from_json(facts: Mapping[str, Any]) -> ServiceStatus:
    """Read what `as_json` wrote, be it an older or a newer program's: what is unknown is passed over.

    Raises KeyError, TypeError or ValueError when it is no status at all.
    """
    status = ServiceStatus(int(facts["pid"]), str(facts["version"]), float(facts["started"]), str(facts["config"]))
    _set(status, facts, _SERVICE)
    for told in facts["accounts"]:
        account = status.accounts[str(told["name"])] = _set(AccountStatus(str(told["name"])), told, _ACCOUNT)
        for trouble in told.get("troubles", ()):
            folder = str(trouble["folder"])
            account.troubles[folder] = _set(FolderTrouble(), trouble, _TROUBLE)
            if trouble.get("touched") is True:  # else the end of the sync under way would tell that it is over
                account.touched.add(folder)
    return status


def _set(goal: _T, facts: Mapping[str, Any], names: Collection[str]) -> _T:
    """Take over the facts of these names; what is not in the form known here stays as it is."""
    for name in names:
        if name in facts:
            try:
                setattr(goal, name, read_field(type(goal), name, facts[name]))
            except TypeError:
                pass
    return goal
