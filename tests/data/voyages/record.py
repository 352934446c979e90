"""Writes the recordings beside it: python tests/data/voyages/record.py. They can be watched: postboat top --replay FILE.

Made up of the real events with fixed times, so that a picture of each is the same tomorrow, and shows what is rare.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from postboat.event_json import encode
from postboat.events import (
    AccountConnected,
    AccountFailed,
    AccountFinished,
    AccountPaused,
    AccountRests,
    AccountStarted,
    AccountWaits,
    ConnectionsSeen,
    Counts,
    DiskWatched,
    Event,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    FolderProgressed,
    FolderScanned,
    FoldersListed,
    FolderStarted,
    FoldersUnchanged,
    HookRan,
    Light,
    MessageFailed,
    MessagesArrived,
    PlanHeld,
    RunFinished,
    ServerWatched,
    ServiceStarted,
)
from postboat.status import ServiceStatus
from postboat.status_json import as_json

HERE = Path(__file__).parent
BEGAN = datetime(2026, 3, 2, 14, 2, 0, tzinfo=UTC).timestamp()


class Voyage:
    """A recording that is written line by line."""

    def __init__(self, name: str, *accounts: str) -> None:
        self.path, self.now = HERE / f"{name}.ndjson", BEGAN
        status = ServiceStatus(4711, "1.0", BEGAN, "~/.config/postboat/config.toml")
        self.lines = [json.dumps({"ok": True, "status": as_json(status)})]
        self.wire: dict[str, tuple[int, int]] = {}
        if accounts:
            self.tell(ServiceStarted(accounts))

    def tell(self, *events: Event) -> None:
        for event in events:
            self.lines.append(encode(event, datetime.fromtimestamp(self.now, UTC)))

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def lights(self, account: str, doing: str, *, down: int = 0, up: int = 0, folder: str = "INBOX") -> None:
        """Tell what the connections do, and that so many octets came and went since the last time."""
        received, sent = self.wire.get(account, (0, 0))
        self.wire[account] = received, sent = received + down, sent + up
        shapes = {
            ".": "free", "c": "connecting", "w": "waiting", "f": "folders", "o": "opening",
            "l": "listing", "v": "copying", "^": "sending", "*": "flagging", "x": "deleting",
        }  # fmt: skip
        seen = tuple(Light(shapes[each], "" if each in ".cf" else folder) for each in doing)
        self.tell(ConnectionsSeen(account, seen, received, sent))

    def connect(self, account: str, folders: int, host: str = "") -> None:
        self.tell(AccountStarted(account))
        self.lights(account, "c...")
        self.tell(AccountConnected(account, host or f"imap.{account}.example", "anna"))
        self.lights(account, "f...", down=4_000, up=900)
        self.tell(FoldersListed(account, folders))

    def rest(self, account: str, *, how: str = "notify", hours: float = 0.1) -> None:
        self.tell(ServerWatched(account, how, ("INBOX",) if how == "idle" else ()), DiskWatched(account, "inotify"))
        self.tell(AccountRests(account, self.now + hours * 3600))
        self.lights(account, "w...", down=300, up=120)

    def in_step(self, account: str, folders: int, done: Counts | None = None, *, how: str = "notify") -> None:
        """A whole sync of an account that had little to do."""
        self.connect(account, folders)
        self.wait(0.3)
        self.tell(FoldersUnchanged(account, folders - 1), FolderStarted(account, "INBOX"))
        if done is not None:
            self.tell(FolderPlanned(account, "INBOX", done), FolderProgressed(account, "INBOX", done))
        self.tell(FolderFinished(account, "INBOX", done or Counts()))
        self.tell(AccountFinished(account, done or Counts(), folders, 0, 0.4))
        self.rest(account, how=how)

    def small(self, account: str, folder: str, done: Counts) -> None:
        """A sync of one folder in which something was heard."""
        self.tell(AccountStarted(account), FolderStarted(account, folder), FolderPlanned(account, folder, done))
        self.lights(account, "v*..", down=18_000 * done.down + 1_000, up=2_000 * done.up + 400, folder=folder)
        self.tell(FolderProgressed(account, folder, done))
        if done.down:
            self.tell(MessagesArrived(account, folder, tuple(f"/m/{folder}/new/{n}" for n in range(done.down))))
        self.tell(FolderFinished(account, folder, done), AccountFinished(account, done, 1, 0, 0.2))
        self.rest(account)

    def copying(self, account: str, folders: dict[str, int], seconds: float, *, at: float = 40.0) -> None:
        """Copy some folders at once at so many messages a second each, for a while; none of them is done then."""
        for folder, total in folders.items():
            self.tell(FolderStarted(account, folder), FolderPlanned(account, folder, Counts(down=total)))
        step, done = 0.5, 0.0
        for tick in range(int(seconds / step)):
            self.wait(step)
            done += step * at * (1 + 0.3 * (tick % 3))
            for folder, total in folders.items():
                count = min(total - 1, int(done))
                self.tell(FolderProgressed(account, folder, Counts(down=count, bytes_down=count * 24_000)))
            down = int(24_000 * step * at * len(folders) * (0.6 + 0.2 * (tick % 5)))
            self.lights(account, "v" * min(4, len(folders)) + "w", down=down, up=3_000)

    def write(self) -> None:
        self.path.write_text("\n".join(self.lines) + "\n")


def first_sync() -> Voyage:
    voyage = Voyage("first_sync", "work", "home")
    voyage.connect("work", 42)
    voyage.wait(0.4)
    voyage.in_step("home", 12, Counts(down=18, up=1, bytes_down=400_000))
    for folder, count in {"Drafts": 3, "Sent": 3118}.items():
        voyage.tell(FolderStarted("work", folder), FolderPlanned("work", folder, Counts(down=count)))
        voyage.tell(FolderProgressed("work", folder, Counts(down=count, bytes_down=9_000 * count)))
        voyage.wait(1.2)
        voyage.lights("work", "vvlo", down=1_900_000, up=9_000)
        voyage.tell(FolderFinished("work", folder, Counts(down=count, bytes_down=9_000 * count)))
    for number in range(21):
        voyage.tell(
            FolderStarted("work", f"Old/{2000 + number}"), FolderFinished("work", f"Old/{2000 + number}", Counts())
        )
    voyage.copying("work", {"INBOX": 10_204, "Lists/python-dev": 2_310, "Projects/Bridge": 640}, 11.0, at=48.0)
    for folder in ("Archive", "Newsletters", "Receipts"):
        voyage.tell(FolderStarted("work", folder))
    for done in (9_000, 21_000, 33_500):
        voyage.tell(FolderScanned("work", "Archive", "local", done, 84_210))
        voyage.wait(0.3)
    voyage.lights("work", "vvvl", down=800_000, up=4_000)
    voyage.wait(0.5)
    return voyage


def in_step() -> Voyage:
    voyage = Voyage("in_step", "work", "home", "uni")
    voyage.in_step("work", 42, Counts(down=3, up=1, reflagged=5, bytes_down=90_000))
    voyage.in_step("home", 12)
    voyage.in_step("uni", 7, Counts(down=1), how="idle")
    voyage.wait(61.0)
    voyage.small("work", "INBOX", Counts(down=1, bytes_down=18_000))
    voyage.wait(20.0)
    voyage.small("home", "INBOX", Counts(reflagged=5))
    voyage.wait(6.0)
    voyage.small("work", "Projects/Bridge", Counts(down=2, moved=1, deleted_local=2, bytes_down=40_000))
    voyage.wait(5.0)
    return voyage


def offline() -> Voyage:
    voyage = Voyage("offline", "work", "home")
    voyage.in_step("work", 42, Counts(down=12))
    voyage.in_step("home", 12)
    voyage.wait(300.0)
    for nth, name in enumerate(("work", "home", "work", "home")):
        voyage.lights(name, "c...")
        reason = f"imap.{name}.example:993: Temporary failure in name resolution"
        voyage.tell(AccountWaits(name, reason, 4, voyage.now + 60, passing=nth < 2))
        voyage.lights(name, "....")
        voyage.wait(15.0)
    return voyage


def sign_in() -> Voyage:
    voyage = Voyage("sign_in", "work", "home", "uni")
    voyage.in_step("work", 42, Counts(down=3))
    voyage.in_step("home", 12)
    voyage.tell(AccountStarted("uni"))
    voyage.lights("uni", "c...")
    reason = "imap.uni.example refused the sign-in of anna: [AUTHENTICATIONFAILED] Invalid credentials (Failure)"
    voyage.wait(1.0)
    voyage.tell(AccountWaits("uni", reason, 5, None))
    voyage.lights("uni", "....")
    voyage.wait(185.0)
    return voyage


SUBJECTS = ("Minutes of Tuesday", "Re: The bridge over the Aare", "Your ticket to Bern")


def held() -> Voyage:
    voyage = Voyage("held", "work", "home")
    voyage.in_step("home", 12)
    voyage.connect("work", 42)
    voyage.tell(FoldersUnchanged("work", 40), FolderStarted("work", "INBOX"), FolderStarted("work", "Archive"))
    voyage.tell(FolderPlanned("work", "Archive", Counts()))
    voyage.tell(PlanHeld("work", "Archive", "remote", "emptied", 84_210, 84_210, SUBJECTS))
    voyage.tell(FolderFinished("work", "Archive", Counts()), FolderPlanned("work", "INBOX", Counts(down=4)))
    voyage.tell(PlanHeld("work", "INBOX", "local", "many of the folder", 312, 1_204, SUBJECTS[:1]))
    voyage.tell(FolderFinished("work", "INBOX", Counts(down=4)))
    voyage.tell(AccountFinished("work", Counts(down=4), 42, 0, 1.2, held=84_522))
    voyage.rest("work")
    voyage.wait(42.0)
    return voyage


def error() -> Voyage:
    voyage = Voyage("error", "work", "home")
    voyage.in_step("home", 12)
    voyage.tell(HookRan("home", "postsynchook", 1, 0.4, "notmuch: database is locked\n"))
    voyage.connect("work", 42)
    voyage.tell(FoldersUnchanged("work", 39))
    for folder in ("INBOX", "Calendar", "Sent"):
        voyage.tell(FolderStarted("work", folder), FolderPlanned("work", folder, Counts(down=9)))
    for uid in (812, 813):
        voyage.tell(MessageFailed("work", "INBOX", f"copy message {uid} to local", "no space left on device"))
    voyage.tell(FolderFinished("work", "INBOX", Counts(down=7, failed=2)))
    voyage.tell(FolderFailed("work", "Calendar", "the server answered SELECT with NO [UNAVAILABLE] Try again later"))
    voyage.tell(FolderFinished("work", "Sent", Counts(up=1)))
    voyage.tell(AccountFinished("work", Counts(down=7, up=1, failed=2), 42, 1, 2.0))
    voyage.rest("work")
    voyage.wait(75.0)
    voyage.tell(AccountStarted("work"), FolderStarted("work", "Calendar"))
    voyage.tell(FolderFailed("work", "Calendar", "the server answered SELECT with NO [UNAVAILABLE] Try again later"))
    voyage.tell(AccountFinished("work", Counts(), 1, 1, 0.2))
    voyage.rest("work")
    voyage.wait(8.0)
    return voyage


def paused() -> Voyage:
    voyage = in_step()
    voyage.path = HERE / "paused.ndjson"
    for name in ("work", "home", "uni"):
        voyage.tell(AccountPaused(name))
        voyage.lights(name, "....")
    voyage.wait(30.0)
    return voyage


TEN = ("work", "home", "uni", "club", "shop", "lists", "board", "family", "archive-2019", "test")


def ten_accounts() -> Voyage:
    voyage = Voyage("ten_accounts", *TEN)
    for nth, name in enumerate(TEN[2:]):
        voyage.in_step(name, 5 + 3 * nth, Counts(down=nth, reflagged=nth % 3), how="idle" if nth % 2 else "notify")
        voyage.wait(0.2)
    voyage.tell(AccountWaits("club", "imap.club.example:993: Connection refused", 4, voyage.now + 90))
    voyage.tell(AccountWaits("uni", "imap.uni.example refused the sign-in of anna: LOGIN failed", 5, None))
    voyage.tell(AccountPaused("shop"))
    voyage.tell(PlanHeld("family", "Photos", "remote", "folder gone", 2_204, 2_204, SUBJECTS[:2]))
    voyage.connect("home", 12)
    voyage.connect("work", 42)
    voyage.tell(FoldersUnchanged("work", 30), FoldersUnchanged("home", 4))
    voyage.copying("home", {"INBOX": 900}, 2.0, at=20.0)
    voyage.copying("work", {"INBOX": 4_200, "Sent": 870}, 7.0, at=55.0)
    voyage.wait(0.25)
    return voyage


def folders_300() -> Voyage:
    voyage = Voyage("folders_300", "lists", "home")
    voyage.in_step("home", 12, Counts(down=2))
    voyage.connect("lists", 300)
    voyage.tell(FoldersUnchanged("lists", 12))
    for number in range(150):
        done = Counts(down=number % 7, bytes_down=8_000 * (number % 7))
        voyage.tell(FolderStarted("lists", f"Lists/{number:03}"), FolderPlanned("lists", f"Lists/{number:03}", done))
        voyage.tell(FolderFinished("lists", f"Lists/{number:03}", done))
        if number % 10 == 0:
            voyage.wait(0.5)
            voyage.lights("lists", "vvol", down=90_000 * (1 + number % 4), up=2_000)
    for number in range(220, 252):
        voyage.tell(FolderStarted("lists", f"Lists/{number:03}"))
    busy = {f"Lists/{number:03}": 400 + 90 * (number % 11) for number in range(150, 162)}
    voyage.copying("lists", busy, 8.0, at=22.0)
    voyage.tell(FolderFinished("lists", "Lists/152", Counts(down=580)))
    voyage.wait(0.25)
    return voyage


def hostile() -> Voyage:
    escape, wide = "\x1b[31mred\x1b[0m\x07\x9b2J", "漢字フォルダ"
    voyage = Voyage("hostile", "wo\x1b]0;rk", wide)
    voyage.connect("wo\x1b]0;rk", 9, "imap.\x1b[2Jevil.example")
    voyage.in_step(wide, 3, Counts(down=2))
    voyage.tell(
        PlanHeld(wide, "受信箱/" + "長い名前" * 12, "remote", "emptied", 3, 3, (escape, "\u202egnp.exe", "漢字" * 40))
    )
    voyage.tell(MessageFailed(wide, "e\u0301te\u0301", f"copy message {escape}", "\r\n\x00 broken \ud800"))
    folders = {escape: 300, "receipts\u202e2024": 120, "Cafe\u0301/Ente🦆": 800, "x" * 300: 40}
    voyage.copying("wo\x1b]0;rk", folders, 4.0, at=18.0)
    voyage.wait(0.2)
    return voyage


def one_shot() -> Voyage:
    voyage = Voyage("one_shot")
    voyage.connect("work", 42)
    voyage.connect("home", 12)
    voyage.tell(FoldersUnchanged("work", 39), FolderStarted("home", "INBOX"))
    voyage.tell(FolderFinished("home", "INBOX", Counts()), FoldersUnchanged("home", 11))
    voyage.tell(AccountFinished("home", Counts(), 12, 0, 0.3))
    voyage.tell(AccountStarted("uni"), AccountFailed("uni", "imap.uni.example:993: Connection refused", 4))
    voyage.copying("work", {"INBOX": 240, "Sent": 212}, 6.0, at=30.0)
    for folder, count in {"INBOX": 240, "Sent": 212}.items():
        done = Counts(down=count, bytes_down=24_000 * count)
        voyage.tell(FolderProgressed("work", folder, done), FolderFinished("work", folder, done))
    voyage.tell(AccountFinished("work", Counts(down=452, bytes_down=452 * 24_000), 42, 0, 6.3), RunFinished(4))
    voyage.wait(0.5)
    return voyage


ALL = (first_sync, in_step, offline, sign_in, held, error, paused, ten_accounts, folders_300, hostile, one_shot)

if __name__ == "__main__":
    for make in ALL:
        make().write()
