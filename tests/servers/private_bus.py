"""A D-Bus daemon of the tests' own: what they say on it nobody hears, and no announcement of the machine's disturbs."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.servers.install import SERVERS, library_path
from tests.servers.process import Daemon, ServerFailed

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*" eavesdrop="false"/>
  </policy>
</busconfig>
"""


class PrivateBus:
    """The daemon, run as the tests' own user. It can be stopped and started again at the same address."""

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="pb-bus-", dir="/tmp"))
        self.socket = self._home / "bus"
        self.address = f"unix:path={self.socket}"
        self._daemon: Daemon | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._home)

    def start(self) -> None:
        """Return when the bus can be connected to."""
        unpacked = SERVERS / "dbus"
        if not (unpacked / "installed").is_file():
            raise ServerFailed(f"dbus is not in {SERVERS}: run `make servers`")
        configuration = self._home / "bus.conf"
        configuration.write_text(CONFIGURATION.format(socket=self.socket))
        self._daemon = Daemon(
            ["setpriv", "--pdeathsig", "TERM", str(unpacked / "usr/bin/dbus-daemon"), f"--config-file={configuration}"],
            cwd=self._home,
            env={"LD_LIBRARY_PATH": library_path(unpacked), "PATH": os.environ["PATH"]},
        )
        self._daemon.wait_until(self.socket.is_socket, f"socket at {self.socket}")

    def stop(self) -> None:
        """Have the daemon take leave of everyone and end."""
        self._end(Daemon.stop)

    def kill(self) -> None:
        """End the daemon before it can say anything."""
        self._end(Daemon.kill)

    def _end(self, how: Callable[[Daemon], None]) -> None:
        if self._daemon is not None:
            how(self._daemon)
            self._daemon = None
            self.socket.unlink(missing_ok=True)
