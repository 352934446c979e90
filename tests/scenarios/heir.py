"""Somebody who used OfflineIMAP until yesterday, and today runs Postboat with the file and the Maildirs she has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.real.user import Ran, User, offlineimaprc
from tests.real.voyage import Voyage

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.process import Account


class Heir(Voyage):
    """A user with `~/.offlineimaprc` and `~/MyMail`, and with a second program that looks at the account: a phone."""

    def __init__(self, home: Path, account: Account, **lines: str) -> None:
        super().__init__(home, account, name="MyMail")
        self.user = User(home / "home")
        self.mail = self.user.mail
        self.write(**lines)

    def write(self, **lines: str) -> None:
        """Write the configuration, with more lines for its sections `general`, `account`, `local` and `remote`."""
        self.user.write(".offlineimaprc", offlineimaprc(self.account, **lines))

    def run(self, *words: object, **streams: object) -> Ran:
        """Run the program to its end; no run may show a traceback."""
        ran = self.user.run(*words, **streams)
        assert "Traceback" not in ran.err + ran.out, ran
        return ran

    def assert_at_rest(self, *words: object) -> None:
        """A further run finds nothing to do and nothing to tell."""
        ran = self.run("-u", "quiet", *words)
        assert (ran.code, ran.out, ran.err) == (0, "", ""), ran
        assert "nothing new" in self.run(*words).assert_in_sync().out

    def expunge(self, messages: str, folder: str = "INBOX") -> None:
        """The phone deletes messages, given by their places."""
        with self.phone(folder) as phone:
            phone.store(messages, "+FLAGS", r"(\Deleted)")
            phone.expunge()

    def mark(self, wire: bytes, letters: str, folder: str = "INBOX") -> None:
        """Her mail program marks a message, by renaming its file."""
        file = self.file_of(wire, folder)
        file.rename(file.parent.parent / "cur" / f"{file.name.partition(':')[0]}:2,{letters}")

    def empty(self, folder: str = "INBOX") -> None:
        """All files of a folder are removed, and its directories stay."""
        for file in self.files(folder):
            file.unlink()
