"""What a run did, told at its end: a line for each account and for each folder that changed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.ui import words
from postboat.ui.sentences import single, waiting

if TYPE_CHECKING:
    from postboat.events import AccountFinished
    from postboat.ui.view import AccountView, FolderView, View

TOLD = 20
"""How many changed folders of an account are named."""


def summary(view: View, manner: words.Manner) -> list[str]:
    """What the run did: a line for each account, and below it one for each folder that changed.

    Failures were told when they happened; here they are only counted.
    """
    manner = words.knowing(manner, view.sides)
    return [line for account in view.accounts.values() for line in account_summary(account, manner)]


def account_summary(account: AccountView, manner: words.Manner) -> list[str]:
    """Tell how an account ended, and what changed in which of its folders."""
    told = []
    if account.finished is not None:
        told.append(_ending(account.finished, account, manner))
    elif account.failed is not None and not account.told:
        return []
    elif account.failed is not None:
        told.append(single.stopped_line(account.name, account.done, arrows=manner.arrows))
    if not manner.dry_run:
        told += _changed_folders(account, manner)
    told += [*_created_folders(account, manner), *waiting.reminder(account, manner)]
    if account.mirrored is not None:
        from postboat.ui.sentences import mirror  # only runs one way pay for it

        told += mirror.verdict(account.mirrored, manner)
    return told


def account_rows(finished: AccountFinished, account: AccountView, manner: words.Manner) -> list[str]:
    """Tell how an account ended, and what of it is left to the user."""
    return [_ending(finished, account, manner), *waiting.reminder(account, manner)]


def _ending(finished: AccountFinished, account: AccountView, manner: words.Manner) -> str:
    return single.account_line(finished, manner, account.would, sum(map(bool, account.held_folders)))


def _changed_folders(account: AccountView, manner: words.Manner) -> list[str]:
    changed = sorted(account.told, key=lambda folder: (not folder.failure, -folder.done.changes))
    told = [f"  {_folder_line(folder, manner)}" for folder in changed[:TOLD]]
    if len(changed) > TOLD:
        told.append(f"  and {words.plural(len(changed) - TOLD, 'more folder')}")
    return told


def _created_folders(account: AccountView, manner: words.Manner) -> list[str]:
    told = []
    for side in ("local", "remote"):
        names = [made.name or made.folder for made in account.created if made.side == side]
        if names:
            told.append(f"  {single.made_on(account.name, side, manner)}: {words.named(names)}")
    return told


def _folder_line(folder: FolderView, manner: words.Manner) -> str:
    if not folder.failure:
        return single.folder_line(folder.name, folder.done, arrows=manner.arrows)
    done = words.changes(folder.done, arrows=manner.arrows)
    return f"{words.clean(folder.name)}: failed{f' after {done}' if done else ''}"
