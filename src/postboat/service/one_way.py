"""What `--one-way` makes of an account: its remote side is only read, and nothing is removed from its local one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from postboat.config.schema import AccountConfig


def one_way(account: AccountConfig) -> AccountConfig:
    """The account as it is for one such run: what it leaves undone is for a later run that goes both ways."""
    return replace(
        account,
        remote=replace(account.remote, readonly=True, sync_deletes=False),
        local=replace(account.local, sync_deletes=False),
    )
