"""What goes wrong on a laptop, each as a block: inside it is so, after it the world is sound again."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.soak.scene import Scene
    from tests.soak.vessel import Vessel

    Fault = Callable[[Scene, Vessel], AbstractAsyncContextManager[None]]

FAULTS: dict[str, Fault] = {}
QUEUE = 16384
"""Events that the system keeps for a watcher who does not look (`fs.inotify.max_queued_events`)."""


def fault(function: Callable[[Scene, Vessel], AsyncIterator[None]]) -> Fault:
    """Make a block of it, and list it under its name."""
    made = FAULTS[function.__name__] = asynccontextmanager(function)
    return made


@fault
async def server_killed(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """The server dies, and comes back."""
    scene.neighbours.server_is_up = False
    await scene.do(scene.neighbours.hang_up)
    await scene.do(scene.server.die)
    yield
    await scene.do(scene.server.rise)
    scene.neighbours.server_is_up = True


@fault
async def sessions_ended(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """An administrator throws all sessions out."""
    await scene.do(scene.server.kick, scene.user)
    await scene.do(scene.neighbours.hang_up)
    yield


@fault
async def line_cut(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """Every connection is reset."""
    scene.line.cut()
    yield


@fault
async def calls_refused(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """Nobody listens for a while."""
    scene.line.shut()
    scene.line.cut()
    yield
    await scene.line.open()


@fault
async def calls_hung_up(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """Somebody takes every call and hangs up."""
    scene.line.refuse = True
    scene.line.cut()
    yield
    scene.line.refuse = False


@fault
async def silence(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """Nothing moves for a while, and then goes on as if nothing had been."""
    scene.line.stall()
    yield
    scene.line.resume()


@fault
async def silence_for_ever(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """Nothing moves, and when it does, the connections there were are dead without a word."""
    scene.line.stall()
    yield
    scene.line.abandon()


@fault
async def another_network(scene: Scene, vessel: Vessel) -> AsyncIterator[None]:
    """The connections fall silent for ever; new ones work, and the system tells of new addresses."""
    scene.line.abandon()
    vessel.roam()
    yield


@fault
async def slow_line(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """Octets take their time, and some connections break in the middle of an answer."""
    scene.line.delay, scene.line.cut_after_down = 0.03, scene.dice.randrange(200, 20_000)
    yield
    scene.line.delay, scene.line.cut_after_down = 0.0, None
    scene.line.cut()


@fault
async def no_resolver(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """The server's name is not known for a while."""
    scene.resolver.works = False
    scene.line.cut()
    yield
    scene.resolver.works = True


@fault
async def nobody_let_in(scene: Scene, vessel: Vessel) -> AsyncIterator[None]:
    """The server refuses every sign-in for a while; so the user hears of it, and asks for another attempt then."""
    await scene.do(scene.server.let_in, scene.user, None)
    scene.neighbours.server_is_up = False
    scene.line.cut()
    yield
    await scene.do(scene.server.let_in, scene.user, scene.neighbours.voyage.account.password)
    scene.neighbours.server_is_up = True
    vessel.now()


@fault
async def password_changed(scene: Scene, vessel: Vessel) -> AsyncIterator[None]:
    """The password is another one, which the user writes down later."""
    await scene.do(scene.server.let_in, scene.user, "another")
    scene.neighbours.server_is_up = False
    scene.line.cut()
    yield
    scene.trust("another")
    vessel.now()
    scene.neighbours.change_password("another")
    scene.neighbours.server_is_up = True


@fault
async def disk_full(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """No room for mail, or for what is remembered of it."""
    disk = scene.disks[scene.dice.choice(sorted(scene.disks))]
    disk.fill(scene.dice.choice((0, 4096, 20_000)))
    yield
    disk.empty()


@fault
async def clock_set(scene: Scene, vessel: Vessel) -> AsyncIterator[None]:
    """The clock goes forward by hours, as after a sleep; the connections did not survive it."""
    scene.line.abandon()
    vessel.sleep(scene.dice.uniform(60, 8 * 3600))
    yield


@fault
async def program_stopped(_scene: Scene, vessel: Vessel) -> AsyncIterator[None]:
    """Postboat is stopped, and started again later."""
    await vessel.stop()
    yield
    await vessel.start()


@fault
async def configuration_read_again(_scene: Scene, vessel: Vessel) -> AsyncIterator[None]:
    """The user changes an option that matters little."""
    await vessel.reload()
    yield


@fault
async def too_much_at_once(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """A program changes so many names that the system drops what it had to tell of them."""
    number, text = scene.neighbours.written()
    folder = scene.neighbours.voyage.folder("INBOX")
    one, other = (folder / "cur" / f"{number}.storm:2,{letters}" for letters in ("", "S"))
    (folder / "tmp" / "storm").write_bytes(text)
    (folder / "tmp" / "storm").rename(one)
    for _ in range(QUEUE // 2):  # without a pause, so that nobody reads what is told meanwhile
        os.rename(one, other)
        os.rename(other, one)
    yield


@fault
async def mailbox_rebuilt(scene: Scene, _vessel: Vessel) -> AsyncIterator[None]:
    """The server gives a mailbox another UIDVALIDITY."""
    validity = scene.dice.randrange(2_000_000_000, 4_000_000_000)
    folder = scene.dice.choice(scene.neighbours.folders)
    scene.neighbours.note(f"    {folder} is rebuilt")
    await scene.do(scene.server.rebuild, scene.user, folder, validity)
    await scene.do(scene.neighbours.hang_up)
    yield


async def lasting(scene: Scene, longest: float) -> None:
    """Let something be so for a while, in which people go on as they like."""
    loop = asyncio.get_running_loop()
    end = loop.time() + scene.dice.uniform(0.05, longest)
    while loop.time() < end:
        await scene.do(scene.neighbours.act)
        await asyncio.sleep(scene.dice.uniform(0, 0.05))
