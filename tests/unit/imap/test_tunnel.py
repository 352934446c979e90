import asyncio
import os
import subprocess
import time

import pytest

from postboat.imap import tunnel as module
from postboat.imap.tunnel import Tunnel


async def read(sock):
    async with asyncio.timeout(5):
        return await asyncio.get_running_loop().sock_recv(sock, 100)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_input_and_output_of_the_command_are_the_line():
    tunnel, sock = await Tunnel.start("echo hello; cat")
    assert await read(sock) == b"hello\n"
    await asyncio.get_running_loop().sock_sendall(sock, b"there and back")
    assert await read(sock) == b"there and back"
    sock.close()
    await tunnel.end()


async def test_the_last_line_on_standard_error_is_kept():
    tunnel, sock = await Tunnel.start("echo first >&2; echo 'no route to host' >&2; echo >&2; exit 1")
    assert await read(sock) == b""
    sock.close()
    await tunnel.end()
    assert tunnel.complaint == "no route to host"


async def test_a_command_that_talks_without_end_is_not_held_up():
    tunnel, sock = await Tunnel.start("head -c 1000000 /dev/zero | tr '\\0' x >&2; echo done")
    assert await read(sock) == b"done\n"
    sock.close()
    await tunnel.end()
    assert len(tunnel.complaint) <= 4096


@pytest.mark.parametrize("command", ["sleep 1000", "sleep 1000 | cat", "trap '' TERM; sleep 1000; sleep 1000"])
async def test_a_command_that_does_not_end_is_helped(command, monkeypatch):
    monkeypatch.setattr(module, "_GRACE", 0.1)
    tunnel, sock = await Tunnel.start(f"echo $$; {command}")
    pid = int(await read(sock))
    sock.close()
    await tunnel.end()
    assert not is_running(pid)


async def test_killing_does_not_wait_and_leaves_no_process():
    tunnel, sock = await Tunnel.start("sleep 1000 & echo $! $$; wait")
    pids = [int(pid) for pid in (await read(sock)).split()]
    before = time.monotonic()
    tunnel.kill()
    assert time.monotonic() - before < 0.1
    await tunnel.end()
    sock.close()
    assert not is_running(pids[1])
    async with asyncio.timeout(5):
        while is_running(pids[0]):  # reaped by init, not by us
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("command", ["sleep 1000", "exit 1"])
async def test_nobody_but_the_event_loop_reaps_a_command_that_is_killed(command, monkeypatch, caplog):
    """Else it misses its child, and says so on the terminal."""
    polled = []
    monkeypatch.setattr(subprocess.Popen, "poll", lambda process: polled.append(process.pid))
    tunnel, sock = await Tunnel.start(f"echo $$; {command}")
    pid = int(await read(sock))
    tunnel.kill()
    sock.close()
    await tunnel.end()
    assert not is_running(pid)
    assert (polled, caplog.messages) == ([], [])


async def test_a_child_left_in_the_background_does_not_hold_up_the_end():
    tunnel, sock = await Tunnel.start("setsid sleep 3 & echo gone")
    await read(sock)
    sock.close()
    async with asyncio.timeout(1.5):
        await tunnel.end()
