"""Run in a network namespace of its own: changes its network, and prints what the watch tells of each change.

Each line is JSON: the step, addresses that went, addresses that came, whether a route changed.
"""

from __future__ import annotations

import asyncio
import json
import subprocess

from postboat.service.machine.network import NetworkNews, NetworkWatch

STEPS = {
    "wifi": (
        "link add wlan0 type veth peer name air",
        "link set wlan0 up",
        "link set air up",
        "addr add 192.0.2.7/24 dev wlan0",
        "route add default via 192.0.2.1 metric 600",
    ),
    "containers": (
        "link add docker0 type bridge",
        "addr add 172.17.0.1/16 dev docker0",
        "link add inner type veth peer name outer",
        "link set outer master docker0",
        "link set docker0 up",
        "link set outer up",
        "link set inner up",
    ),
    "other wifi": (
        "addr flush dev wlan0",
        "addr add 198.51.100.7/24 dev wlan0",
        "route add default via 198.51.100.1 metric 600",
    ),
    "moment": (
        "addr flush dev wlan0",
        "addr add 198.51.100.7/24 dev wlan0",
        "route add default via 198.51.100.1 metric 600",
    ),
    "cable": (
        "link add eth0 type veth peer name wall",
        "link set eth0 up",
        "link set wall up",
        "addr add 203.0.113.7/24 dev eth0",
        "route add default via 203.0.113.1 metric 100",
    ),
    "far away": ("link set air down",),
}
DEBOUNCE = 0.1
SILENT = {"containers"}


async def change(commands: tuple[str, ...]) -> None:
    """Have one process give all commands, so that a slow machine does not stretch a step."""
    ip = await asyncio.create_subprocess_exec("ip", "-batch", "-", stdin=subprocess.PIPE)
    await ip.communicate("\n".join(commands).encode())
    assert ip.returncode == 0


async def main() -> None:
    """Take the steps one by one, each when the one before was told."""
    told: asyncio.Queue[NetworkNews] = asyncio.Queue()
    watch = asyncio.create_task(NetworkWatch(told.put_nowait, debounce=DEBOUNCE).run())
    await asyncio.sleep(DEBOUNCE)
    for step, commands in STEPS.items():
        await change(commands)
        if step in SILENT:
            await asyncio.sleep(4 * DEBOUNCE)
            continue
        async with asyncio.timeout(10):
            news = await told.get()
        print(json.dumps([step, sorted(news.gone), sorted(news.came), news.route_changed]), flush=True)
    watch.cancel()


asyncio.run(main())
