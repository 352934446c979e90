import asyncio
from dataclasses import replace

from postboat.imap.gate import Gate
from postboat.imap.pipeline import Call, Pipeline
from postboat.imap.server_kind import ANY
from postboat.imap.wire import commands
from postboat.imap.wire.commands import Command, Literal
from postboat.imap.wire.responses import Condition, Tagged

OK, NO = Condition("OK"), Condition("NO")


class Outlet:
    writable = True

    async def drained(self):
        pass


class Wire:
    """A pipeline whose server is the test: `sent` holds the first words of what went out."""

    def __init__(self, kind=None, asks=False):
        self.gate = Gate()
        if kind:
            self.gate.limit(kind)
        self.octets = []
        self.pipeline = Pipeline(
            self.octets.append, Outlet(), lambda _: asks, self.give_up, lambda _: None, lambda: None, self.gate
        )
        self.count = 0

    @property
    def sent(self):
        return [line.split()[1].decode() for line in self.octets if line.startswith(b"t")]

    def give_up(self, error):
        raise AssertionError(error)

    def send(self, command):
        self.count += 1
        call = Call(command, f"t{self.count}", None)
        self.pipeline.submit(call)
        return call.reply

    async def answer(self, number, condition=OK):
        call = self.pipeline.answer(Tagged(f"t{number}", condition))
        if call is not None:
            call.finish(condition)
        for _ in range(5):
            await asyncio.sleep(0)


def some(count):
    return [Command(f"X{n}") for n in range(1, count + 1)]


async def test_without_a_limit_everything_goes_out_at_once():
    wire = Wire()
    for command in some(200):
        wire.send(command)
    assert len(wire.sent) == 200


async def test_no_more_commands_are_in_flight_than_the_kind_of_server_takes():
    wire = Wire(replace(ANY, depth=3))
    for command in some(5):
        wire.send(command)
    assert wire.sent == ["X1", "X2", "X3"]
    await wire.answer(2)
    assert wire.sent == ["X1", "X2", "X3", "X4"]
    await wire.answer(1, NO)
    assert wire.sent == ["X1", "X2", "X3", "X4", "X5"]


async def test_what_waits_its_turn_is_not_overtaken():
    wire = Wire(replace(ANY, depth=1))
    for command in some(3):
        wire.send(command)
    await wire.answer(1)
    wire.send(Command("LATE"))
    await wire.answer(2)
    await wire.answer(3)
    assert wire.sent == ["X1", "X2", "X3", "LATE"]


async def test_what_was_cancelled_while_it_waited_is_not_sent():
    wire = Wire(replace(ANY, depth=1))
    replies = [wire.send(command) for command in some(3)]
    replies[1].cancel()
    await wire.answer(1)
    assert wire.sent == ["X1", "X3"]


async def test_a_stranger_gets_one_command_until_one_succeeds():
    wire = Wire(replace(ANY, depth=3, unproven=True))
    for command in some(7):
        wire.send(command)
    assert wire.sent == ["X1"]
    await wire.answer(1, NO)
    assert wire.sent == ["X1", "X2"]
    await wire.answer(2, OK)
    assert wire.sent == ["X1", "X2", "X3", "X4", "X5"]
    await wire.answer(3, NO)
    assert wire.sent == ["X1", "X2", "X3", "X4", "X5", "X6"]


async def test_a_limit_that_comes_while_commands_are_in_flight_waits_for_them():
    wire = Wire()
    for command in some(3):
        wire.send(command)
    wire.gate.limit(replace(ANY, depth=1))
    wire.send(Command("NEXT"))
    await wire.answer(1)
    await wire.answer(2)
    assert wire.sent == ["X1", "X2", "X3"]
    await wire.answer(3)
    assert wire.sent[-1] == "NEXT"


async def test_a_command_that_changes_the_octets_waits_until_nothing_is_in_flight_and_holds_back_the_rest():
    wire = Wire()
    for command in (Command("X1"), Command("X2"), Command("COMPRESS"), Command("X3")):
        wire.send(command)
    assert wire.sent == ["X1", "X2"]
    await wire.answer(1)
    assert wire.sent == ["X1", "X2"]
    await wire.answer(2)
    assert wire.sent == ["X1", "X2", "COMPRESS"]
    await wire.answer(3)
    assert wire.sent == ["X1", "X2", "COMPRESS", "X3"]


async def test_a_message_is_not_announced_before_its_turn():
    wire = Wire(replace(ANY, depth=1), asks=True)
    wire.send(Command("X1"))
    wire.send(commands.append("A", (), None, Literal.of(b"hello")))
    for _ in range(5):
        await asyncio.sleep(0)
    assert wire.sent == ["X1"]
    await wire.answer(1)
    assert wire.sent == ["X1", "APPEND"]
    wire.pipeline.proceed(b"")
    await asyncio.sleep(0)
    await wire.answer(2)


async def test_a_refusal_while_a_message_is_on_its_way_frees_its_place():
    wire = Wire(replace(ANY, depth=1))
    drained = asyncio.Event()

    async def wait():
        await drained.wait()

    large = commands.append("A", (), None, Literal.of(b"x" * 200_000))
    wire.pipeline._outlet.drained = wait
    refused = wire.send(large)
    drained.set()
    await asyncio.sleep(0)
    drained.clear()
    await asyncio.sleep(0)
    await wire.answer(1, NO)
    wire.send(Command("NEXT"))
    drained.set()
    for _ in range(10):
        await asyncio.sleep(0)
    assert (await refused).status == "NO"
    assert wire.sent == ["APPEND", "NEXT"]
