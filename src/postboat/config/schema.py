"""The configuration as the rest of the program sees it: complete, checked, frozen.

Names of fields are the names of the options, which are OfflineIMAP's where it has one. `load` makes these values
from a file; nothing else does, but tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any

from postboat.model import Limits, Side
from postboat.values import dataclass

if TYPE_CHECKING:
    from pathlib import Path

NameRule = Callable[[str], str]
NameTest = Callable[[str], bool]


class Secret:
    """A text that never shows itself: not in a log, an error or a traceback."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the wire only."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, slots=True)
class FolderRules:
    """Which folders of a repository are synced, and what each is called on the other side.

    Names are Unicode, written with the repository's own separator (`utf8foldernames = false`: in modified UTF-7, as
    OfflineIMAP shows them). Filters see the name before translation.
    """

    folderfilter: NameTest | None = None
    nametrans: NameRule | None = None
    folderincludes: tuple[str, ...] = ()
    foldersort: Callable[[str, str], int] | None = None
    """OfflineIMAP's comparison of two names: negative, zero or positive."""
    utf8foldernames: bool = True
    include: tuple[str, ...] = ()
    """Globs; when there are any, a folder must match one. `*` matches separators too."""
    exclude: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    """Remote name to local name, exact; children follow their parent."""
    strip_prefix: str = ""
    """Taken off the front of names that begin with it, and put back on the way up."""


@dataclass(frozen=True, slots=True)
class RepositoryConfig:
    """What local and remote repositories have in common."""

    name: str
    rules: FolderRules = FolderRules()
    createfolders: bool = True
    """Whether folders may be created on this side."""
    readonly: bool = False
    """Whether this side is never modified, neither folders nor messages."""
    sync_deletes: bool = True
    """Whether deletions made on this side are repeated on the other."""
    keepdeleted: float = 30
    """Days for which messages removed here are kept in the state directory; 0: not at all."""
    expunge: bool = True
    """Whether deleted messages are removed, not only marked; a Maildir always removes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaildirConfig(RepositoryConfig):
    """`type = Maildir`."""

    localfolders: Path
    layout: str = "flat"
    """`flat`: hierarchy as `sep` inside one directory name; `nested`: as directories; `maildir++`: INBOX is the root,
    every other folder a directory that begins with a dot."""
    sep: str = "."
    """Separator of hierarchy levels in directory names; "/" means `nested`."""


@dataclass(frozen=True, slots=True)
class PasswordSources:
    """Where the password comes from, tried in this order; then netrc, then the prompt."""

    remotepasseval: Callable[[], str | bytes] | None = None
    remotepass: Secret | None = None
    remotepassfile: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig(RepositoryConfig):
    """`type = IMAP`."""

    keepdeleted: float = 0
    """As for a Maildir; `load` gives 30 to a server on the local side."""
    remotehost: str = ""
    """Empty only with a tunnel."""
    remoteport: int = 993
    remoteuser: str = ""
    """Empty: from netrc, else the prompt."""
    password: PasswordSources = PasswordSources()
    ssl: bool = True
    starttls: bool = True
    """When `ssl` is false: STARTTLS is required and verified. False: plain text, on loopback or through a tunnel."""
    sslcacertfile: Path | None = None
    """None: the system's trust store (OfflineIMAP's `OS-DEFAULT`)."""
    sslclientcert: Path | None = None
    sslclientkey: Path | None = None
    cert_fingerprint: tuple[str, ...] = ()
    """Hex digests (sha1, sha224, sha256, sha384, sha512) of certificates to accept; lower case, no colons."""
    auth_mechanisms: tuple[str, ...] = ("PLAIN", "CRAM-MD5", "LOGIN")
    preauthtunnel: str | None = None
    transporttunnel: str | None = None
    maxconnections: int = 3
    holdconnectionopen: bool = True
    """Whether an account with `autorefresh` keeps its connections between syncs, and so is told at once of news."""
    keepalive: float = 0
    """Seconds between signs of life on a connection that is kept; 0: as often as it takes."""
    idlefolders: tuple[str, ...] = ("INBOX",)
    subscribedonly: bool = False
    reference: str = ""
    timeout: float = 60
    """Seconds without a byte after which a connection is given up (`general.socktimeout`)."""
    newmail_hook: Callable[[], object] | str | None = None
    """What is done when new mail came: a function without arguments, or a command for the shell."""


Repository = MaildirConfig | ServerConfig


@dataclass(frozen=True, slots=True)
class AccountConfig:
    """Two repositories that are kept the same: a server and Maildirs, two servers, or two trees of Maildirs."""

    name: str
    local: Repository
    remote: Repository
    autorefresh: float | None = None
    """Minutes between syncs; None: once."""
    quick: int = 0
    limits: Limits | None = Limits()
    """How much may be deleted without asking (`maxdeletes` and its kin); None: anything (`maxdeletes = no`)."""
    presynchook: str = ""
    """A command for the shell, before each sync."""
    postsynchook: str = ""
    """A command for the shell, after each sync."""
    hooktimeout: float = 60
    """Seconds that each hook may take."""
    notifications: bool = False
    """Whether the desktop tells of new mail."""

    def on(self, side: Side) -> Repository:
        """The repository of one side."""
        return self.local if side is Side.LOCAL else self.remote

    @property
    def newmail_hook(self) -> Callable[[], object] | str | None:
        """What is done when new mail came: as the remote side has it, else the local one."""
        hooks = (side.newmail_hook for side in (self.remote, self.local) if isinstance(side, ServerConfig))
        return next((hook for hook in hooks if hook), None)

    @property
    def has_hooks(self) -> bool:
        """Whether anybody is to be told of its syncs."""
        return bool(self.presynchook or self.postsynchook or self.newmail_hook or self.notifications)


@dataclass(frozen=True, slots=True)
class MailboxNames:
    """`[mbnames]`, when it is enabled: a file that names all folders, as mutt and others want them listed."""

    filename: Path
    peritem: str
    """A %-format with the keys `accountname`, `foldername` and `localfolders`."""
    header: str = ""
    sep: str = ""
    footer: str = ""
    folderfilter: Callable[[str, str], object] | None = None
    """Whether a folder is named, by account and local name."""
    sort_keyfunc: Callable[[dict[str, str]], Any] | None = None
    """A key to sort by, of the values that `peritem` may name; None: by account, then by folder."""
    accounts: frozenset[str] = frozenset()
    """All that the configuration has: folders of others are not named any more."""


@dataclass(frozen=True, slots=True)
class Config:
    """All of it."""

    source: Path
    accounts: tuple[AccountConfig, ...]
    metadata: Path
    """Directory of the ledgers and locks; created when first needed, mode 0700."""
    maxsyncaccounts: int = 5
    ui: tuple[str, ...] = ()
    """Names of faces in order of preference; empty: chosen by where the output goes."""
    fsync: bool = True
    mbnames: MailboxNames | None = None
    warnings: tuple[str, ...] = ()
    """Complete lines about options that are not understood or have no effect yet."""
