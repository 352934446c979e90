"""Understands `[repository.NAME]`: a tree of Maildirs or a server, on either side of an account."""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from postboat.config.document import did_you_mean, shown
from postboat.config.netrc import find_login
from postboat.config.places import LOOPBACK
from postboat.config.python_options import FAILED, FOR_SORTING, NOTHING_ADDED, WITH_RE
from postboat.config.schema import FolderRules, MaildirConfig, PasswordSources, ServerConfig
from postboat.model import Side

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from postboat.config.options import Options
    from postboat.config.python_options import PythonNames
    from postboat.config.schema import Repository

MECHANISMS = ("PLAIN", "CRAM-MD5", "LOGIN")
KINDS = {"Maildir": True, "GmailMaildir": True, "IMAP": False, "Gmail": False}
"""Whether a type means Maildirs."""
_OF_SERVERS = ("remotehost", "remotehosteval", "preauthtunnel", "transporttunnel")
_MECHANISMS_LATER = ("GSSAPI", "XOAUTH2")
_DIGEST_LENGTHS = {40, 56, 64, 96, 128}
_GMAIL_HOST = "imap.gmail.com"
_CREDENTIALS = re.compile(r"\$(CREDENTIALS_DIRECTORY\b|\{CREDENTIALS_DIRECTORY\})")


def repository(
    options: Options, python: PythonNames, side: Side, *, utf8foldernames: bool, timeout: float
) -> Repository | None:
    """One side of an account, read as what it seems to be; None after noting that a required option is missing."""
    told = is_maildir(options)
    _check_type(options, told, side)
    if told if told is not None else side is Side.LOCAL:
        return maildir_repository(options, python, utf8foldernames=utf8foldernames)
    return server_repository(options, python, side, utf8foldernames=utf8foldernames, timeout=timeout)


def is_maildir(options: Options) -> bool | None:
    """Whether a repository is meant as Maildirs: by options that only one kind has, else by its type; None: no sign."""
    maildir, server = options.has("localfolders"), any(map(options.has, _OF_SERVERS))
    if maildir != server:
        return maildir
    entry = options.entry("type")
    return KINDS.get(entry.value) if entry is not None and isinstance(entry.value, str) else None


def maildir_repository(options: Options, python: PythonNames, *, utf8foldernames: bool) -> MaildirConfig | None:
    """A tree of Maildirs; None after noting that its place is missing."""
    layout, sep = _layout(options)
    rules = _rules(options, python, utf8foldernames=utf8foldernames)
    path = options.path("localfolders")
    if path is None:
        options.missing("localfolders", "~/Mail")
        return None
    if path.exists() and not path.is_dir():
        options.wrong("localfolders", f"{path} is not a directory")
    return MaildirConfig(
        name=options.section.name,
        rules=rules,
        createfolders=options.flag("createfolders", True),
        readonly=options.flag("readonly", False),
        sync_deletes=options.flag("sync_deletes", True),
        localfolders=path,
        layout=layout,
        sep=sep,
        keepdeleted=options.number("keepdeleted", 30, "days"),
    )


def server_repository(
    options: Options, python: PythonNames, side: Side, *, utf8foldernames: bool, timeout: float
) -> ServerConfig:
    """A server; what is missing or wrong is noted. Deleted messages are kept of the local side's unless it says so."""
    ssl, starttls = options.flag("ssl", True), options.flag("starttls", True)
    preauthtunnel, transporttunnel = options.text("preauthtunnel") or None, options.text("transporttunnel") or None
    if preauthtunnel and transporttunnel:
        options.wrong("transporttunnel", "is one tunnel too many beside preauthtunnel; delete one of them")
    tunnel = bool(preauthtunnel or transporttunnel)
    host = _host(options, python, tunnel=tunnel)
    if host and not (ssl or starttls or tunnel or LOOPBACK.fullmatch(host)):
        what = f"false, with ssl false, would send the password in plain text to {host}; set ssl or starttls to true"
        options.wrong("starttls", what)
    password = _password(options, python)
    return ServerConfig(
        name=options.section.name,
        rules=_rules(options, python, utf8foldernames=utf8foldernames),
        createfolders=options.flag("createfolders", True),
        readonly=options.flag("readonly", False),
        sync_deletes=options.flag("sync_deletes", True),
        keepdeleted=options.number("keepdeleted", 30 if side is Side.LOCAL else 0, "days"),
        expunge=options.flag("expunge", True),
        remotehost=host,
        remoteport=_port(options, python, 993 if ssl else 143),
        remoteuser=_user(options, python, host, needed=not preauthtunnel),
        password=password,
        ssl=ssl,
        starttls=starttls,
        sslcacertfile=None if options.text("sslcacertfile") == "OS-DEFAULT" else options.readable_file("sslcacertfile"),
        sslclientcert=options.readable_file("sslclientcert"),
        sslclientkey=options.readable_file("sslclientkey"),
        cert_fingerprint=_fingerprints(options),
        auth_mechanisms=_mechanisms(options),
        preauthtunnel=preauthtunnel,
        transporttunnel=transporttunnel,
        maxconnections=options.whole("maxconnections", 3, 1),
        holdconnectionopen=options.flag("holdconnectionopen", True),
        keepalive=options.number("keepalive", 0, "seconds"),
        idlefolders=_or(python.listing(options, "idlefolders", NOTHING_ADDED), ("INBOX",)),
        subscribedonly=options.flag("subscribedonly", False),
        reference=options.text("reference"),
        timeout=timeout,
        newmail_hook=python.function_or_command(options, "newmail_hook", "lambda: os.system('beep')"),
    )


def _check_type(options: Options, told: bool | None, side: Side) -> None:
    """Note a type that is none, or that the other options contradict; all of them are read nevertheless."""
    kind = options.text("type")
    fitting = "Maildir" if told or (told is None and side is Side.LOCAL) else "IMAP"
    if not kind:
        options.missing("type", fitting)
    elif kind not in KINDS:
        options.wrong("type", f"must be Maildir, IMAP or Gmail, not {shown(kind)}{did_you_mean(kind, KINDS)}")
    elif KINDS[kind] != told:
        sign = "localfolders" if told else next(filter(options.has, _OF_SERVERS))
        other = "remotehost" if told else "localfolders"
        options.wrong("type", f"{kind} does not go with {sign}; use type = {fitting}, or {other} in its place")
    elif kind == "GmailMaildir":
        options.wrong("type", "GmailMaildir comes later; type = Maildir holds Gmail's folders, without its labels")


def _layout(options: Options) -> tuple[str, str]:
    """Layout and separator, either of which may follow from the other."""
    sep = options.text("sep", ".")
    if len(sep) != 1 or not sep.isprintable() or sep.isalnum() or sep == "%":
        right = f"one character that is neither a letter, a digit nor %, such as {options.example('.')}"
        options.wrong("sep", f"must be {right}, not {shown(sep)}")
        sep = "."
    layout = options.one_of("layout", ("flat", "nested", "maildir++"), "nested" if sep == "/" else "flat")
    fitting = {"nested": "/", "maildir++": "."}.get(layout)
    if fitting is None and sep == "/":
        options.wrong("layout", 'flat does not go with sep "/", which means nested; delete one of them')
    elif fitting is not None and sep != fitting:
        if options.has("sep") and not options.refused("sep"):
            options.wrong("sep", f'must be "{fitting}" with layout {layout}, or absent')
        sep = fitting
    return layout, sep


def _rules(options: Options, python: PythonNames, *, utf8foldernames: bool) -> FolderRules:
    return FolderRules(
        folderfilter=python.function(options, "folderfilter", WITH_RE, "lambda name: name != 'Spam'"),
        nametrans=python.function(options, "nametrans", WITH_RE, "lambda name: name.lower()"),
        folderincludes=python.listing(options, "folderincludes", WITH_RE) or (),
        foldersort=python.function(options, "foldersort", FOR_SORTING, "lambda x, y: cmp(x, y)"),
        utf8foldernames=utf8foldernames,
        include=options.words("include"),
        exclude=options.words("exclude"),
        rename=_renames(options, python),
        strip_prefix=options.text("strip_prefix"),
    )


def _renames(options: Options, python: PythonNames) -> Mapping[str, str]:
    entry = options.entry("rename")
    if entry is None:
        return {}
    value = python.evaluate(options, "rename") if entry.text else entry.value
    if isinstance(value, dict) and all(isinstance(text, str) and text for pair in value.items() for text in pair):
        return dict(value)
    if value is not FAILED:
        options.wrong("rename", f'must be a table of names such as {{ "Sent Items" = "Sent" }}, not {shown(value)}')
    return {}


def _host(options: Options, python: PythonNames, *, tunnel: bool) -> str:
    host = options.text("remotehost")
    if options.has("remotehosteval"):
        value = _evaluated(options, python, "remotehosteval", "a host name")
        return value if value is not None else host or "unknown"
    if not host and options.text("type") == "Gmail":
        return _GMAIL_HOST
    if not host and not tunnel:
        options.missing("remotehost", "imap.example.org")
    elif any(char.isspace() or char in "/@" for char in host):
        options.wrong("remotehost", f"must be a host name such as imap.example.org, not {shown(host)}")
    return host


def _evaluated(options: Options, python: PythonNames, option: str, right: str) -> str | None:
    value = python.evaluate(options, option)
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value.strip():
        return value.strip()
    if value is not FAILED:
        options.wrong(option, f"must give {right}, not {shown(value)}")
    return None


def _port(options: Options, python: PythonNames, default: int) -> int:
    if not options.has("remoteporteval"):
        return options.whole("remoteport", default, 1, 65535)
    value = python.evaluate(options, "remoteporteval")
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return value
    if value is not FAILED:
        options.wrong("remoteporteval", f"must give a whole number from 1 to 65535, not {shown(value)}")
    return default


def _user(options: Options, python: PythonNames, host: str, *, needed: bool) -> str:
    if options.has("remoteusereval"):
        return _evaluated(options, python, "remoteusereval", "a user name") or ""
    user = options.text("remoteuser")
    if needed and not user and not (host and find_login(host)):
        options.missing("remoteuser", "me")
    return user


def _password(options: Options, python: PythonNames) -> PasswordSources:
    secret = options.secret("remotepass")
    if secret is not None and options.place("remotepass").line and _others_can_read(options.source):
        _warn_of_readers(options, "remotepass", options.source)
    path = None if _is_elsewhere(options.text("remotepassfile")) else options.readable_file("remotepassfile")
    if path is not None and _others_can_read(path):
        _warn_of_readers(options, "remotepassfile", path)
    return PasswordSources(python.later(options, "remotepasseval"), secret, path)


def _warn_of_readers(options: Options, option: str, path: Path) -> None:
    told = f"can be read by other users of this machine; run chmod 600 {path}"
    options.warn(option, told, of=f"readers of {path}")


def _is_elsewhere(written: str) -> bool:
    """Whether a path leads to what systemd hands to a service, and this run is none: then it is to be asked for."""
    return "CREDENTIALS_DIRECTORY" not in os.environ and _CREDENTIALS.match(written) is not None


def _others_can_read(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _fingerprints(options: Options) -> tuple[str, ...]:
    found = []
    for written in options.words("cert_fingerprint"):
        digest = re.sub(r"[:\s]", "", written).lower()
        if len(digest) not in _DIGEST_LENGTHS or not re.fullmatch("[0-9a-f]+", digest):
            options.wrong("cert_fingerprint", f"{shown(written)} is not a SHA digest: 40, 56, 64, 96 or 128 hex digits")
        found.append(digest)
    return tuple(found)


def _mechanisms(options: Options) -> tuple[str, ...]:
    wanted = [word.upper() for word in options.words("auth_mechanisms")]
    only_later = bool(wanted) and all(word in _MECHANISMS_LATER for word in wanted)
    for word in wanted:
        if word in _MECHANISMS_LATER:
            if not only_later:
                options.warn("auth_mechanisms", f"{word} has no effect yet")
        elif word not in MECHANISMS:
            known = ", ".join(MECHANISMS)
            options.wrong(
                "auth_mechanisms", f"{shown(word)} is not known; there are {known}{did_you_mean(word, MECHANISMS)}"
            )
    usable = tuple(word for word in wanted if word in MECHANISMS)
    if only_later:
        options.wrong("auth_mechanisms", f"leaves no way to sign in yet; add one of {', '.join(MECHANISMS)}")
    return usable or MECHANISMS


def _or(found: tuple[str, ...] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    return default if found is None else found
