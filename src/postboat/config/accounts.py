"""Understands `[general]` and `[account.NAME]`, and what accounts must not have in common."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.config import paths
from postboat.config.document import Place, Section, did_you_mean
from postboat.config.faces import face_called, no_face
from postboat.config.options import Options
from postboat.config.python_options import PythonNames
from postboat.config.repositories import is_local, local_repository, remote_repository
from postboat.config.schema import AccountConfig, Config
from postboat.model import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from postboat.config.document import Document, Problems
    from postboat.config.schema import MailboxNames, MaildirConfig, ServerConfig

_TIMEOUT = 60.0
_HOOK_TIMEOUT = 60.0


class Builder:
    """Builds a `Config` from a document, noting every problem on the way."""

    def __init__(self, document: Document, problems: Problems) -> None:
        self._document = document
        self._problems = problems
        self._general = self._options("general") or Options(self._nowhere("general"), problems)
        self._python = PythonNames({})
        self._timeout = 0.0
        self._checked: set[tuple[str, bool]] = set()
        """Repositories read, each with whether as a local one."""

    def config(self, selected: Sequence[str]) -> Config:
        """The whole; of no use when problems were noted."""
        general = self._general
        self._python = PythonNames.from_file(general)
        self._timeout = self._socktimeout()
        chosen = self._chosen(selected)
        built = [account for name in chosen if (account := self._account(name)) is not None]
        self._check_unused()
        self._check_maildirs(built)
        metadata = general.path("metadata") or paths.state_dir()
        self._check_metadata(metadata, built)
        return Config(
            source=self._document.path,
            accounts=tuple(account for account in built if not selected or account.name in selected),
            metadata=metadata,
            maxsyncaccounts=general.whole("maxsyncaccounts", 5, 1),
            ui=self._faces(),
            fsync=general.flag("fsync", True),
            mbnames=self._mbnames(),
            warnings=self._problems.warnings,
        )

    def _options(self, kind: str, name: str = "") -> Options | None:
        section = self._document.section(kind, name)
        return Options(section, self._problems) if section else None

    def _nowhere(self, kind: str) -> Section:
        return Section(kind, "", kind, Place(str(self._document.path)))

    def _chosen(self, selected: Sequence[str]) -> list[str]:
        """Names of the accounts to check: those of `general.accounts` and those selected."""
        general = self._general
        known = self._document.names("account")
        listed = general.words("accounts")
        if not listed and not selected:
            general.missing("accounts", known[0] if known else "MyMail")
        for name in dict.fromkeys(listed):
            if listed.count(name) > 1:
                general.wrong("accounts", f"names {name} {listed.count(name)} times; once is right")
            if name not in known:
                title = self._document.title("account", name)
                general.wrong("accounts", f"names {name}, but there is no [{title}]{did_you_mean(name, known)}")
        for name in dict.fromkeys(selected):
            if name not in known and name not in listed:
                hint = did_you_mean(name, known) or f"; there are {', '.join(known) or 'none'}"
                self._problems.error(Place("-a"), f"there is no account {name}{hint}")
        return [name for name in dict.fromkeys((*listed, *selected)) if name in known]

    def _account(self, name: str) -> AccountConfig | None:
        options = self._options("account", name)
        assert options is not None
        if "/" in name or not name.isprintable() or name in (".", ".."):
            options.wrong("", "is a name that cannot be a file's; use letters and digits")
        utf8 = options.flag("utf8foldernames", True)
        local_options = self._repository(options, "localrepository")
        remote_options = self._repository(options, "remoterepository")
        local = self._local(local_options, utf8) if local_options else None
        remote = self._remote(remote_options, utf8) if remote_options else None
        autorefresh = options.number("autorefresh", 0, "minutes") or None
        quick = options.whole("quick", 0, -1)
        limits = _limits(options)
        hooks = options.text("presynchook"), options.text("postsynchook"), self._hooktimeout(options)
        notifications = options.flag("notifications", False)
        if local is not None and "utf8foldernames" not in options.section.entries:
            self._check_utf7(options, local.localfolders)
        if local is None or remote is None:
            return None
        return AccountConfig(name, local, remote, autorefresh, quick, limits, *hooks, notifications)

    def _local(self, options: Options, utf8: bool) -> MaildirConfig | None:
        self._checked.add((options.section.name, True))
        return local_repository(options, self._python, utf8foldernames=utf8)

    def _remote(self, options: Options, utf8: bool) -> ServerConfig | None:
        self._checked.add((options.section.name, False))
        return remote_repository(options, self._python, utf8foldernames=utf8, timeout=self._timeout)

    def _check_unused(self) -> None:
        """Read the repositories that no account has as what they are: a slip in an account must not hide theirs."""
        for name in self._document.names("repository"):
            options = self._options("repository", name)
            assert options is not None
            if is_local(options):
                if (name, True) not in self._checked:
                    self._local(options, True)
            elif (name, False) not in self._checked:
                self._remote(options, True)

    def _check_utf7(self, options: Options, localfolders: Path) -> None:
        """Refuse to take folders that OfflineIMAP named in modified UTF-7 for new ones, to be copied to the server."""
        for name in _directories(localfolders):
            if _is_modified_utf7(name):
                what = f"is missing, and {localfolders} has names in modified UTF-7, such as {name!r}"
                right = "write utf8foldernames = {} to go on with them, or {} if they are meant as they are"
                answers = ("no", "yes") if not self._document.toml else ("false", "true")
                options.wrong("utf8foldernames", f"{what}; {right.format(*answers)}")
                return

    def _repository(self, options: Options, option: str) -> Options | None:
        name = options.text(option)
        if not name:
            options.missing(option, f"{options.section.name}{option.removesuffix('repository').title()}")
            return None
        found = self._options("repository", name)
        if found is None:
            title = self._document.title("repository", name)
            hint = did_you_mean(name, self._document.names("repository"))
            options.wrong(option, f"names {name}, but there is no [{title}]{hint}")
        return found

    def _socktimeout(self) -> float:
        seconds = self._general.number("socktimeout", _TIMEOUT, "seconds")
        if not seconds:
            self._general.warn("socktimeout", f"0 would wait for ever; {_TIMEOUT:g} seconds are used")
        return seconds or _TIMEOUT

    def _hooktimeout(self, options: Options) -> float:
        seconds = options.number("hooktimeout", _HOOK_TIMEOUT, "seconds")
        if not seconds:
            options.warn("hooktimeout", f"0 would wait for ever; {_HOOK_TIMEOUT:g} seconds are used")
        return seconds or _HOOK_TIMEOUT

    def _mbnames(self) -> MailboxNames | None:
        options = self._options("mbnames")
        if options is None:
            return None
        from postboat.config.mbnames import mailbox_names  # here, since few have the section

        return mailbox_names(options, self._python, self._document.names("account"))

    def _faces(self) -> tuple[str, ...]:
        faces = self._general.words("ui")
        for word in faces:
            if face_called(word) is None:  # another face in its place would be a surprise
                self._general.wrong("ui", no_face(word))
        return faces

    def _check_maildirs(self, accounts: list[AccountConfig]) -> None:
        """Refuse two accounts whose mail would lie in one place: each would take the other's for its own."""
        for index, account in enumerate(accounts):
            for earlier in accounts[:index]:
                mine, theirs = account.local.localfolders.resolve(), earlier.local.localfolders.resolve()
                if mine == theirs:
                    how = "is also that"
                elif mine.is_relative_to(theirs):
                    how = "lies inside that"
                elif theirs.is_relative_to(mine):
                    how = "has inside it that"
                else:
                    continue
                options = self._options("repository", account.local.name)
                if options is not None:
                    what = f"{mine} {how} of account {earlier.name}; give account {account.name} a directory of its own"
                    options.wrong("localfolders", f"{what}, or confusion and corruption would occur")

    def _check_metadata(self, metadata: Path, accounts: list[AccountConfig]) -> None:
        if metadata.exists() and not metadata.is_dir():
            self._general.wrong("metadata", f"{metadata} is not a directory")
        for account in accounts:
            if metadata.resolve() == account.local.localfolders.resolve():
                self._general.wrong(
                    "metadata", f"{metadata} is where account {account.name} keeps its mail; use another"
                )


def _limits(options: Options) -> Limits | None:
    """How much may be deleted without asking; None: all of it. A mistake leaves the defaults in force."""
    default = Limits()
    account = options.whole_or_no("maxdeletes", default.account)
    folder = options.whole("maxdeletesfolder", default.folder, 0)
    share = options.whole("maxdeletespercent", default.share, 0, 100)
    if account is not None:
        return Limits(account, folder, share)
    for option in ("maxdeletesfolder", "maxdeletespercent"):
        if options.has(option):
            options.warn(
                option, "has no effect, since maxdeletes says that no number of deletions is to be asked about"
            )
    return None


def _directories(path: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in path.iterdir() if "&" in entry.name and entry.is_dir())
    except OSError:
        return []


def _is_modified_utf7(name: str) -> bool:
    """Whether a name holds characters encoded as RFC 3501 section 5.1.3 says."""
    import binascii

    for shifted in re.findall(r"&([A-Za-z0-9+,]+)-", name):
        try:
            octets = binascii.a2b_base64(shifted.replace(",", "/") + "=" * (-len(shifted) % 4))
            if octets and not octets.decode("utf-16-be").isascii():
                return True
        except ValueError:
            pass
    return False
