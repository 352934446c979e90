"""The jobs that `test_job_budget.py` holds to a budget: what was there, and what happened since the last sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tests.real.budget import settle

if TYPE_CHECKING:
    from tests.real.budget import Scene


class Job(Protocol):
    """Brings a scene to where the recorded run begins."""

    __name__: str

    async def __call__(self, scene: Scene) -> None: ...


THIRTY = [f"folder{n:02}" for n in range(30)]
HUNDRED = [f"folder{n:02}" for n in range(100)]
BODY = 4000
"""Octets of messages whose bodies would be seen to travel."""


async def nothing_in_a_hundred_folders(scene: Scene) -> None:
    scene.deliver(HUNDRED, 3)
    await scene.calm()


async def nothing_in_a_folder_of_5000(scene: Scene) -> None:
    scene.deliver(["INBOX"], 20)
    scene.grow("INBOX", 5000)
    await scene.calm()


async def nothing_since_our_own_changes(scene: Scene) -> None:
    """What we changed shows in the server's numbers, and is to be recognised as ours."""
    await flags_on_both_sides(scene)
    scene.deliver(["INBOX"], 10, BODY)
    scene.drop("INBOX", 10, BODY)
    await scene.voyage.sync()
    settle(scene.voyage)


async def a_message_arrives(scene: Scene) -> None:
    """In a folder that takes many octets to list."""
    scene.deliver(THIRTY, 2)
    scene.grow("folder07", 300)
    await scene.calm()
    scene.deliver(["folder07"], 1, BODY)


async def a_message_is_put_on_disk(scene: Scene) -> None:
    scene.deliver(THIRTY, 2)
    scene.grow("folder07", 300)
    await scene.calm()
    scene.drop("folder07", 1, BODY)


async def forty_messages_are_put_on_disk(scene: Scene) -> None:
    await scene.calm()
    scene.drop("INBOX", 40)


async def large_messages_are_put_on_disk(scene: Scene) -> None:
    """Larger than LITERAL- lets pass unasked."""
    await scene.calm()
    scene.drop("INBOX", 3, 6000)


async def flags_on_both_sides(scene: Scene) -> None:
    scene.deliver(["INBOX"], 600)
    await scene.calm()
    scene.tell(("uid", "STORE", "1:200", "+FLAGS", r"(\Flagged)"))
    scene.read(scene.files()[200:400])


async def removals_on_both_sides(scene: Scene) -> None:
    scene.deliver(["INBOX"], 400)
    await scene.calm()
    scene.tell(("uid", "STORE", "1:100", "+FLAGS", r"(\Deleted)"), ("expunge",))
    for file in scene.files()[100:200]:
        file.unlink()


async def moved_on_disk(scene: Scene) -> None:
    scene.deliver(["INBOX"], 100, BODY)
    scene.deliver(["A"], 3)
    await scene.calm()
    scene.move(scene.files()[:50], "A")


async def moved_on_the_server(scene: Scene) -> None:
    scene.deliver(["INBOX"], 100, BODY)
    scene.deliver(["A"], 3)
    await scene.calm()
    scene.tell(("uid", "COPY", "1:50", "A"), ("uid", "STORE", "1:50", "+FLAGS", r"(\Deleted)"), ("expunge",))


async def the_first_sync(scene: Scene) -> None:
    scene.deliver(THIRTY, 20)


async def a_folder_is_renamed_on_the_server(scene: Scene) -> None:
    """It counts as another one; the old one is held, on both sides."""
    scene.deliver(["A"], 10)
    await scene.calm()
    scene.tell(("rename", "A", "B"))
