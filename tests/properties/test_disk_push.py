"""Whatever other programs do, looks at what events told of say the same as looks at whole folders."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.ears import listening
from tests.unit.maildir.shore import AgreedOn, maildir, mark_of

from postboat.maildir import sightings
from postboat.maildir.folders import MaildirStore
from postboat.maildir.names import key_and_flags
from postboat.model import FolderName

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")
FOLDERS = ("INBOX", "Work")
KEYS = st.sampled_from(["1", "2", "3"])
INFOS = st.sampled_from(["", ":2,", ":2,S", ":2,FS", ":2,Sa"])
SPOTS = st.tuples(st.sampled_from(FOLDERS), st.sampled_from(["new", "cur"]), st.builds(str.__add__, KEYS, INFOS))
DOINGS = st.one_of(
    st.tuples(st.sampled_from(["deliver", "remove", "write"]), SPOTS),
    st.tuples(st.sampled_from(["rename", "link"]), SPOTS, SPOTS),
    st.tuples(st.just("look")),
)


def do(root: Path, doing: tuple, number: int) -> None:
    kind, *spots = doing
    paths = [root.joinpath(*spot) for spot in spots]
    if kind == "deliver":
        draft = root / spots[0][0] / "tmp" / f"draft{number}"
        draft.write_bytes(b"Subject: %d\n\n" % number)
        if paths[0].exists():
            draft.unlink()
        else:
            os.rename(draft, paths[0])
    elif kind == "write" and not paths[0].exists():
        paths[0].write_bytes(b"Subject: written %d\n\n" % number)
    elif kind == "remove":
        paths[0].unlink(missing_ok=True)
    elif kind == "rename" and not paths[1].exists():
        with suppress(FileNotFoundError):
            os.rename(*paths)
    elif kind == "link":
        with suppress(FileNotFoundError, FileExistsError):
            os.link(*paths)
            paths[0].unlink()


class Followed:
    """A folder, what a ledger would hold of it, and looks at it in both ways."""

    def __init__(self, store: MaildirStore, name: str) -> None:
        self.store, self.name, self.path = store, FolderName((name,)), store.root / name
        self.agreed = AgreedOn()

    async def look(self, touched) -> bool:
        """Compare both looks, then agree on what is there; returns whether the files told of were enough."""
        whole = self.store.mailbox(self.name)
        self.agreed.validity = await whole.validity()
        few = await self.store.mailbox(self.name, touched=touched).changes(self.agreed)
        recorded, self.agreed.checkpoint = self.agreed.checkpoint, None
        all_ = await whole.changes(self.agreed)
        self.agreed.checkpoint = recorded
        assert (few.appeared, few.reflagged, few.vanished, few.renamed) == (
            all_.appeared,
            all_.reflagged,
            all_.vanished,
            all_.renamed,
        )
        self._agree(few.checkpoint)
        return not few.complete

    def _agree(self, checkpoint: str | None) -> None:
        self.agreed.checkpoint = checkpoint
        files = [self.path / sub / name for sub in ("new", "cur") for name in os.listdir(self.path / sub)]
        self.agreed.pairs = {key_and_flags(file.name)[0]: key_and_flags(file.name)[1] for file in files}
        self.agreed.known_marks = {key_and_flags(file.name)[0]: mark_of(file) for file in files}


async def settled(ears) -> None:
    """All that happened was told."""
    await asyncio.sleep(sightings.WAIT * 2)


async def live(root: Path, doings: list[tuple]) -> int:
    for name in FOLDERS:
        maildir(root / name)
    store, enough = MaildirStore(root), 0
    followed = [Followed(store, name) for name in FOLDERS]
    async with listening(store, [folder.name for folder in followed]) as (ears, watch):
        for folder in followed:
            await folder.look(None)
        for number, doing in enumerate([*doings, ("look",)]):
            if doing[0] != "look":
                do(root, doing, number)
                continue
            await settled(ears)
            for folder in followed:
                enough += await folder.look(ears.taken(folder.name) or watch.untouched(folder.name))
        assert not [doubt for doubt in ears.doubts if doubt]
    return enough


@settings(max_examples=40, deadline=None)
@given(st.lists(DOINGS, max_size=12))
def test_what_events_tell_is_what_a_look_at_all_finds(monkeypatch_module, doings):
    root = Path(tempfile.mkdtemp())
    try:
        asyncio.run(live(root, doings))
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="module")
def monkeypatch_module():
    """Links are believed in sooner: nobody writes slowly here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sightings, "WAIT", 0.005)
        yield


def test_most_looks_need_no_listing(monkeypatch_module, tmp_path):
    doings = [
        ("deliver", ("INBOX", "new", "1")),
        ("look",),
        ("rename", ("INBOX", "new", "1"), ("INBOX", "cur", "1:2,S")),
        ("look",),
        ("rename", ("INBOX", "cur", "1:2,S"), ("Work", "cur", "1:2,FS")),
        ("look",),
        ("link", ("Work", "cur", "1:2,FS"), ("Work", "cur", "2:2,")),
        ("look",),
        ("remove", ("Work", "cur", "2:2,")),
    ]
    assert asyncio.run(live(tmp_path / "mail", doings)) == 2 * 5
