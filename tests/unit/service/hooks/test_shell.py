"""Commands of the user's: ended in time with all that they started, and never waited for longer."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
import uvloop

from postboat.service.hooks.shell import TAIL, run_command


@pytest.fixture(params=["asyncio", "uvloop"])
def on_a_loop(request):
    """Run a coroutine on either kind of event loop."""
    make = asyncio.new_event_loop if request.param == "asyncio" else uvloop.new_event_loop

    def run(coroutine):
        with asyncio.Runner(loop_factory=make) as runner:
            return runner.run(coroutine)

    return run


def command(text, told=b"", *, within=10.0, grace=2.0, **more):
    return run_command(text, {**os.environ, **more}, told, within=within, grace=grace)


async def has_ended(path):
    """Wait until the process whose number is in a file is no more."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{int(path.read_text())}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        await asyncio.sleep(0.01)
    return False


async def written(path):
    while not (path.exists() and path.read_text().strip()):
        await asyncio.sleep(0.005)


def test_a_command_has_facts_on_its_input_and_in_its_environment(on_a_loop):
    ran = on_a_loop(command('cat; echo "$FACT"; echo trouble >&2; exit 3', b"told\n", FACT="x y"))
    assert (ran.status, ran.output) == (3, "told\nx y\ntrouble")


def test_input_that_nobody_reads_holds_nothing_up(on_a_loop):
    assert on_a_loop(command("true", b"x" * 5_000_000)).status == 0


def test_only_the_end_of_much_output_is_kept(on_a_loop):
    ran = on_a_loop(command("yes | head -c 3000000; echo; echo the end"))
    assert ran.output.endswith("the end") and len(ran.output) <= TAIL


def test_output_is_fit_for_a_terminal(on_a_loop):
    assert on_a_loop(command(r"printf '\033[31mred\007\377\nnext'")).output == "[31mred�\nnext"


@pytest.mark.parametrize(("text", "status"), [("nosuchcommand", 127), ("kill -9 $$", -9)])
def test_a_command_that_fails_tells_how(on_a_loop, text, status):
    assert on_a_loop(command(text)).status == status


def test_a_command_that_cannot_be_started_is_told(on_a_loop):
    ran = on_a_loop(command("true", LARGE="x" * 300_000))
    assert ran.status is None and "cannot be started" in ran.output


def test_what_takes_too_long_is_ended_with_all_that_it_started(on_a_loop, tmp_path):
    child = tmp_path / "child"

    async def story():
        ran = await command(f"sleep 60 & echo $! > {child}; echo begun; sleep 60", within=0.3)
        assert await has_ended(child)
        return ran

    ran = on_a_loop(story())
    assert ran.status is None
    assert ran.output == "begun\ntook longer than 0.3 seconds and was ended"
    assert ran.seconds < 2


def test_what_does_not_care_to_end_is_ended_without_asking(on_a_loop, tmp_path):
    own, child = tmp_path / "own", tmp_path / "child"
    stubborn = (
        f"trap '' TERM; echo $$ > {own}; (trap '' TERM; sleep 60) & echo $! > {child}; while :; do sleep 60; done"
    )

    async def story():
        ran = await command(stubborn, within=0.3, grace=0.2)
        assert await has_ended(own) and await has_ended(child)
        return ran

    ran = on_a_loop(story())
    assert ran.status is None and 0.4 < ran.seconds < 3


def test_what_is_left_in_the_background_is_neither_waited_for_nor_ended(on_a_loop, tmp_path):
    child = tmp_path / "child"

    async def story():
        ran = await command(f"sleep 60 & echo $! > {child}; echo done")
        os.kill(int(child.read_text()), 15)  # raises when it is gone
        return ran

    ran = on_a_loop(story())
    assert (ran.status, ran.output) == (0, "done") and ran.seconds < 5


def test_a_cancelled_command_is_ended_before_that_returns(on_a_loop, tmp_path):
    own, child = tmp_path / "own", tmp_path / "child"

    async def story():
        task = asyncio.ensure_future(command(f"sleep 60 & echo $! > {child}; echo $$ > {own}; wait"))
        await written(own)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await has_ended(own) and await has_ended(child)

    on_a_loop(story())


@pytest.mark.parametrize("steps", range(1, 7))
def test_a_command_that_is_cancelled_while_it_starts_leaves_nothing_behind(on_a_loop, tmp_path, steps):
    child = tmp_path / "child"

    async def story():
        task = asyncio.ensure_future(command(f"sleep 60 & echo $! > {child}; wait"))
        for _ in range(steps):
            await asyncio.sleep(0)
        time.sleep(0.05)  # the loop hears nothing of what the command does by now
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not child.exists() or await has_ended(child)

    on_a_loop(story())


def test_nothing_stays_open(on_a_loop):
    async def story():
        await command("true")
        before = len(os.listdir("/proc/self/fd"))
        for text in ("true", "sleep 60", "sleep 1 & true"):
            await command(text, within=0.2)
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert len(os.listdir("/proc/self/fd")) <= before
        assert len(asyncio.all_tasks()) == 1

    on_a_loop(story())
