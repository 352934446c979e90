"""The folders of one side as it lists them: mailboxes of a server or Maildirs."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from postboat.values import dataclass

if TYPE_CHECKING:
    from postboat.model import FolderName, Glimpse


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder as its side lists it."""

    name: FolderName
    wire: str
    """What it is called where it is: the wire name of a mailbox, the directory of a Maildir below its root."""
    selectable: bool = True
    """Whether it can hold messages; else it only has children."""
    special_use: frozenset[str] = frozenset()
    r"""What it is for, in lower case, as in `\sent` (RFC 6154 section 2)."""
    subscribed: bool = True
    """Whether the user is subscribed to it; always so when that was not asked."""
    glimpse: Glimpse | None = None
    """What the listing tells of its messages; None when it does not."""
    role: str = ""
    """`imap.roles.TRASH`, `imap.roles.JUNK`, or "" for all others."""


@dataclass(frozen=True, slots=True)
class FolderList:
    """All folders of one side."""

    delimiter: str | None
    """Stands between the levels of a name; None: there are no levels."""
    namespace_prefix: str = ""
    """With what names of the user's own folders begin, decoded, such as `INBOX.` (RFC 2342)."""
    folders: tuple[ListedFolder, ...] = ()
    problems: tuple[str, ...] = ()
    """Complete sentences about folders that cannot be used as they are."""
    _by_name: dict[FolderName, ListedFolder] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._by_name.update((folder.name, folder) for folder in self.folders)

    def find(self, name: FolderName) -> ListedFolder | None:
        """The folder of that name."""
        return self._by_name.get(name)
