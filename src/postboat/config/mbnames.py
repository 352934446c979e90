"""Understands `[mbnames]`: how the folders are listed for programs that want to be told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.config.document import shown
from postboat.config.python_options import FAILED, WITH_RE
from postboat.config.schema import MailboxNames

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postboat.config.options import Options
    from postboat.config.python_options import PythonNames

_EXAMPLE = {"accountname": "A", "foldername": "INBOX", "localfolders": "/mail"}
_MEANT = "a format such as +%(accountname)s/%(foldername)s"


def mailbox_names(options: Options, python: PythonNames, accounts: Iterable[str]) -> MailboxNames | None:
    """The section's meaning; None when it is not enabled, or after noting what is wrong with it."""
    if not options.flag("enabled", False):
        if not options.has("enabled"):
            options.warn("", "has no effect without the option enabled")
        return None
    options.flag("incremental", True)  # OfflineIMAP's; the file is always written as soon as there is news
    filename = options.path("filename")
    if filename is None:
        options.missing("filename", "~/.mutt/mailboxes")
        return None
    if filename.is_dir():
        options.wrong("filename", f"{filename} is a directory")
    return MailboxNames(
        filename=filename,
        peritem=_format(options),
        header=_text(options, python, "header"),
        sep=_text(options, python, "sep"),
        footer=_text(options, python, "footer"),
        folderfilter=python.function(options, "folderfilter", WITH_RE, "lambda account, folder: folder != 'Spam'"),
        sort_keyfunc=python.function(options, "sort_keyfunc", WITH_RE, "lambda names: names['foldername']"),
        accounts=frozenset(accounts),
    )


def _format(options: Options) -> str:
    entry = options.entry("peritem")
    if entry is None:
        options.missing("peritem", "+%(accountname)s/%(foldername)s")
        return ""
    if isinstance(entry.value, str):
        try:
            entry.value % _EXAMPLE
        except (ValueError, TypeError) as error:
            options.wrong("peritem", f"must be {_MEANT}, not {shown(entry.value)}: {error}")
        except KeyError as error:
            options.wrong("peritem", f"names {error}; there are {', '.join(_EXAMPLE)}")
        return entry.value
    options.wrong("peritem", f"must be {_MEANT}, not {shown(entry.value)}")
    return ""


def _text(options: Options, python: PythonNames, option: str) -> str:
    """A text as it is, or in OfflineIMAP's notation an expression that gives one."""
    entry = options.section.entries.get(option)  # where the blank ones count, too
    if entry is None:
        return ""
    value = python.evaluate(options, option) if entry.text else entry.value
    if isinstance(value, str):
        return value
    if value is not FAILED:
        right = "must be a text such as '\\n'" if entry.text else "must be a text in quotes"
        options.wrong(option, f"{right}, not {shown(value)}")
    return ""
