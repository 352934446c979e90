"""A Maildir in a temporary directory, what a ledger would say about it, and other programs that touch it."""

import os
from dataclasses import dataclass, field

from postboat.maildir import scan, system
from postboat.maildir.mailbox import MaildirMailbox
from postboat.maildir.names import NameMaker
from postboat.maildir.place import Place
from postboat.model import NO_FLAGS, Content

WIRE = b"Subject: hello\r\nFrom: a@example.org\r\n\r\nline one\r\nline two\r\n"
DISK = WIRE.replace(b"\r\n", b"\n")


@dataclass
class AgreedOn:
    """One side's view of a ledger."""

    pairs: dict = field(default_factory=dict)
    known_marks: dict = field(default_factory=dict)
    validity: str | None = None
    checkpoint: str | None = None

    async def count(self):
        return len(self.pairs)

    async def flags(self):
        return self.pairs

    async def flags_of(self, keys):
        return {key: self.pairs[key] for key in keys if key in self.pairs}

    async def marks(self, keys):
        return {key: self.known_marks[key] for key in keys if key in self.known_marks}


class Clock:
    """A clock that stands wherever it is put."""

    def __init__(self, now=2_000_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


def maildir(path):
    for sub in ("cur", "new", "tmp"):
        (path / sub).mkdir(parents=True)
    return path


def mailbox(path, **options):
    clock = options.pop("clock", Clock())
    return MaildirMailbox(path, names=NameMaker(clock, 42, "host"), clock=clock, **options)


def put(path, sub, name, octets=DISK, date=1_500_000_000):
    """Another program delivers."""
    file = path / sub / name
    file.write_bytes(octets)
    os.utime(file, (date, date))
    return file


def mark_of(file):
    """The mark of a file that lies in new/ or cur/."""
    folder = file.parent.parent
    with Place(folder.parent, folder.name).open() as place:
        return scan.mark_of(system.examine(place.sub(file.parent.name), file.name), place)


def without_birth_times(monkeypatch):
    """Let the file system keep none."""
    monkeypatch.setattr(system, "_libc", lambda: None)


def content(key="1", wire=WIRE, flags=NO_FLAGS, date=1_400_000_000.0):
    return Content(key, flags, date, len(wire), data=wire)


def streamed(key, wire, *, size=None, chunk=1000, fails=None):
    async def chunks():
        for at in range(0, len(wire), chunk):
            yield wire[at : at + chunk]
        if fails:
            raise fails

    return Content(key, NO_FLAGS, 1_400_000_000.0, len(wire) if size is None else size, chunks=chunks)


def files(path):
    """All files of the folder but its identifier, as `sub/name`."""
    return sorted(f"{sub}/{name}" for sub in ("cur", "new", "tmp") for name in os.listdir(path / sub))


async def deliver(box, *contents):
    return await box.store(contents, await box.intend(contents))
