"""`make demo`: a mailbox synchronised before your eyes, with a server in memory and no account of yours.

Starts a small IMAP server on the loopback interface, fills it, runs the real `postboat` against it, changes something
on each side, and runs it again. What it made stays in ./demo-mail and ./demo-state to be looked at; `--in DIRECTORY`
says where that is, when it is not to be this repository.
"""

from __future__ import annotations

import argparse
import imaplib
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from tests.servers.pymap_server import PymapServer  # noqa: E402

MAIL, STATE = Path("demo-mail"), Path("demo-state")
BEGAN = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
SAMPLES = {
    "INBOX": [
        ("Anna Fischer", "Minutes of Tuesday"),
        ("Harbour Office", "Your berth from June"),
        ("Jun Tanaka", "Photographs from the crossing"),
        ("Bank", "Statement 4/2026"),
        ("Anna Fischer", "Re: Minutes of Tuesday"),
    ],
    "Sent": [("Me", "Re: Your berth from June"), ("Me", "Grüße von unterwegs")],
    "Lists/Postboat": [("Ines", "How do you back up your Maildir?"), ("Tom", "Re: How do you back up your Maildir?")],
    "Travel/Tickets": [("Ferry Line", "Ticket 0815"), ("Railway", "Seat reservation"), ("Railway", "Timetable change")],
    "Entwürfe": [("Me", "Half a letter")],
}


def directory() -> Path:
    """Where the demonstration is to leave its mail."""
    parser = argparse.ArgumentParser(description="Synchronise a mailbox with a server in memory.")
    parser.add_argument("--in", dest="directory", type=Path, default=REPOSITORY, help="where to leave the mail")
    return parser.parse_args().directory


def main() -> int:
    """Play the demonstration; the exit code says whether both sides agreed in the end."""
    heading("A mail server starts, in memory, on the loopback interface; other people write to it")
    for old in (MAIL, STATE):
        if old.exists():
            print(f"(removing ./{old} of the last demonstration)")
            shutil.rmtree(old)
    with PymapServer() as server:
        account = server.account("me")
        phone = imaplib.IMAP4(account.host, account.port)
        phone.login(account.user, account.password)
        print(f"{fill(phone)} messages in {len(SAMPLES)} folders")
        play(account, phone)
        agreed = compare(phone)
        phone.logout()
    print("\nThe mail stays in ./demo-mail, its configuration and ledger in ./demo-state. Try: mutt -f demo-mail/INBOX")
    print("To see the dashboard, of a sync that was recorded: make top")
    return 0 if agreed else 1


def play(account, phone: imaplib.IMAP4) -> None:
    """Sync, change both sides, sync again, and once more to show that nothing is left to do."""
    config = configure(account)
    heading("postboat, for the first time")
    postboat(config)
    show_tree()
    heading("You read, flag, write and delete on disk; on the phone someone does the same")
    inbox = MAIL / "INBOX"
    read, deleted = sorted((inbox / "new").iterdir())[:2]
    read.rename(inbox / "cur" / f"{read.name}:2,FS")
    print(f"  disk:  read and flagged  {subject(inbox / 'cur' / f'{read.name}:2,FS')}")
    print(f"  disk:  deleted           {subject(deleted)}")
    deleted.unlink()
    (MAIL / "Sent" / "new" / f"{time.time():.0f}.demo.local").write_bytes(sample("Me", "Written on the train", 20))
    print("  disk:  new               Written on the train (in Sent)")
    phone.append("INBOX", "", None, crlf(sample("Harbour Office", "Gale warning", 21)))
    print("  phone: new               Gale warning")
    phone.select('"Travel/Tickets"')
    phone.store("1", "+FLAGS", r"(\Seen \Answered)")
    phone.store("3", "+FLAGS", r"(\Deleted)")
    phone.expunge()
    print("  phone: answered          Ticket 0815\n  phone: deleted           Timetable change")
    heading("postboat, for the second time")
    postboat(config)
    heading("postboat, for the third time: there is nothing left to do")
    postboat(config)


def configure(account) -> Path:
    """Write the configuration that a user would write."""
    STATE.mkdir()
    config = STATE / "config.toml"
    config.write_text(
        f"""[general]
accounts = ["Demo"]
metadata = "{STATE.resolve()}"

[account.Demo]
localrepository = "DemoLocal"
remoterepository = "DemoRemote"

[repository.DemoLocal]
type = "Maildir"
localfolders = "{MAIL.resolve()}"

[repository.DemoRemote]
type = "IMAP"
remotehost = "{account.host}"
remoteport = {account.port}
remoteuser = "{account.user}"
remotepass = "{account.password}"
ssl = false          # the server runs on this very machine
starttls = false
maxconnections = 3
"""
    )
    config.chmod(0o600)
    return config


def postboat(config: Path) -> None:
    """Run the program as a user would."""
    print(f"$ postboat -c {config}", flush=True)
    subprocess.run([sys.executable, "-m", "postboat", "-c", str(config)], check=True)


def fill(phone: imaplib.IMAP4) -> int:
    """Deliver the samples; every third one is read already."""
    count = 0
    for folder, messages in SAMPLES.items():
        name = '"' + encoded(folder) + '"'
        if folder != "INBOX":
            phone.create(name)
        for sender, title in messages:
            when = BEGAN + timedelta(hours=7 * count)
            date = imaplib.Time2Internaldate(when)
            phone.append(name, r"(\Seen)" if count % 3 == 2 else "", date, crlf(sample(sender, title, count)))
            count += 1
    return count


def sample(sender: str, title: str, number: int) -> bytes:
    """A short message with line ends as on disk."""
    message = EmailMessage()
    address = re.sub(r"\W+", ".", sender.lower())
    message["From"] = f"{sender} <{address}@example.org>"
    message["To"] = "Me <me@example.org>"
    message["Subject"] = title
    message["Date"] = format_datetime(BEGAN + timedelta(hours=7 * number))
    message["Message-ID"] = f"<{number}.demo@example.org>"
    message.set_content(f"{title}.\n\nThis is sample message {number} of the demonstration.\n")
    return message.as_bytes()


def show_tree() -> None:
    """What lies on disk now."""
    print("\nOn disk:")
    for folder in sorted(path for path in MAIL.rglob("*") if (path / "cur").is_dir()):
        fresh, seen = (len(list((folder / part).iterdir())) for part in ("new", "cur"))
        print(f"  {folder!s:<28} {fresh} new, {seen} read")


def compare(phone: imaplib.IMAP4) -> bool:
    """Whether both sides hold the same messages under the same flags; told folder by folder."""
    heading("Do both sides agree?")
    agreed = True
    for folder in SAMPLES:
        remote, local = on_server(phone, folder), on_disk(folder)
        same = remote == local
        agreed &= same
        verdict = "the same" if same else f"DIFFERENT: {remote} on the server, {local} on disk"
        print(f"  {folder:<16} {len(remote)} on the server, {len(local)} on disk: {verdict}")
    return agreed


def on_server(phone: imaplib.IMAP4, folder: str) -> list[tuple[bytes, str]]:
    """Messages and flags (as Maildir letters) that the server holds."""
    phone.select('"' + encoded(folder) + '"', readonly=True)
    found = []
    for number in phone.search(None, "ALL")[1][0].split():
        (head, body), *_ = phone.fetch(number.decode(), "(FLAGS BODY.PEEK[])")[1]
        flags = head + b" ".join(part for part in _ if isinstance(part, bytes))
        letters = zip((rb"\Draft", rb"\Flagged", rb"\Answered", rb"\Seen", rb"\Deleted"), "DFRST", strict=True)
        found.append((body.replace(b"\r\n", b"\n"), "".join(letter for name, letter in letters if name in flags)))
    return sorted(found)


def on_disk(folder: str) -> list[tuple[bytes, str]]:
    """Messages and flags that the Maildir holds."""
    directory = MAIL / folder.replace("/", ".")
    files = [file for part in ("cur", "new") for file in (directory / part).iterdir()]
    return sorted((file.read_bytes(), file.name.partition(":2,")[2]) for file in files)


def subject(file: Path) -> str:
    """A message's subject."""
    return next(line[9:] for line in file.read_text().splitlines() if line.startswith("Subject: "))


def encoded(folder: str) -> str:
    """A folder's name as it travels (modified UTF-7)."""
    from postboat.imap.wire.utf7 import encode

    return encode(folder)


def crlf(message: bytes) -> bytes:
    """The message as it travels."""
    return message.replace(b"\n", b"\r\n")


def heading(text: str) -> None:
    """Begin a part of the demonstration."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    os.chdir(directory())
    raise SystemExit(main())
