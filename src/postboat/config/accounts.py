"""Understands `[general]` and `[account.NAME]`, and what accounts must not have in common."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postboat.config import paths, places
from postboat.config.document import Place, Section, did_you_mean
from postboat.config.faces import face_called, no_face
from postboat.config.options import Options
from postboat.config.python_options import PythonNames
from postboat.config.repositories import is_maildir, repository
from postboat.config.schema import AccountConfig, Config, MaildirConfig, ServerConfig
from postboat.model import Limits, Side

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from postboat.config.document import Document, Problems
    from postboat.config.schema import MailboxNames, Repository

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
        self._checked: set[str] = set()
        """Names of the repositories that were read."""

    def config(self, selected: Sequence[str]) -> Config:
        """The whole; of no use when problems were noted."""
        general = self._general
        self._python = PythonNames.from_file(general)
        self._timeout = self._socktimeout()
        chosen = self._chosen(selected)
        built = [account for name in chosen if (account := self._account(name)) is not None]
        self._check_unused()
        self._check_places(built)
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
        local, remote = self._sides(options, utf8)
        autorefresh = options.number("autorefresh", 0, "minutes") or None
        quick = options.whole("quick", 0, -1)
        limits = _limits(options)
        hooks = options.text("presynchook"), options.text("postsynchook"), self._hooktimeout(options)
        notifications = options.flag("notifications", False)
        if "utf8foldernames" not in options.section.entries:
            self._check_utf7(options, local, remote)
        if local is None or remote is None or options.refused("localrepository"):
            return None
        return AccountConfig(name, local, remote, autorefresh, quick, limits, *hooks, notifications)

    def _sides(self, options: Options, utf8: bool) -> tuple[Repository | None, Repository | None]:
        """The local and the remote side of an account, as far as they can be read; a pair that is none is noted."""
        local_options = self._repository(options, "localrepository")
        remote_options = self._repository(options, "remoterepository")
        local = self._read(local_options, Side.LOCAL, utf8) if local_options else None
        remote = self._read(remote_options, Side.REMOTE, utf8) if remote_options else None
        if local_options and remote_options and local_options.section is remote_options.section:
            what = f"names {local_options.section.name}, as remoterepository does: both sides are the same mailbox"
            options.wrong("localrepository", f"{what}; name two repositories")
        elif isinstance(local, ServerConfig) and isinstance(remote, MaildirConfig):
            what = f"names {local.name}, a server, and remoterepository {remote.name}, a tree of Maildirs"
            options.wrong("localrepository", f"{what}; swap the two: the server is the remote side then")
        return local, remote

    def _read(self, options: Options, side: Side, utf8: bool) -> Repository | None:
        self._checked.add(options.section.name)
        return repository(options, self._python, side, utf8foldernames=utf8, timeout=self._timeout)

    def _check_unused(self) -> None:
        """Read the repositories that no account has as what they are: a slip in an account must not hide theirs."""
        for name in self._document.names("repository"):
            if name not in self._checked:
                options = self._options("repository", name)
                assert options is not None
                self._read(options, Side.LOCAL if is_maildir(options) else Side.REMOTE, True)

    def _check_utf7(self, options: Options, local: Repository | None, remote: Repository | None) -> None:
        """Refuse to take folders that OfflineIMAP named in modified UTF-7 for new ones, to be copied to the server."""
        if not isinstance(local, MaildirConfig) or isinstance(remote, MaildirConfig):
            return
        localfolders = local.localfolders
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

    def _check_places(self, accounts: list[AccountConfig]) -> None:
        for name, option, what in places.complaints(accounts):
            options = self._options("repository", name)
            if options is not None:
                options.wrong(option, what)

    def _check_metadata(self, metadata: Path, accounts: list[AccountConfig]) -> None:
        if metadata.exists() and not metadata.is_dir():
            self._general.wrong("metadata", f"{metadata} is not a directory")
        for account, maildir in places.maildirs(accounts):
            if metadata.resolve() == maildir.localfolders.resolve():
                what = f"{metadata} is where account {account.name} keeps its mail; use another"
                self._general.wrong("metadata", what)


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
