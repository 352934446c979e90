"""Where things are on this platform. The only importer of platformdirs."""

from __future__ import annotations

import os
from pathlib import Path

from postboat.errors import ConfigError


def config_file() -> Path:
    """Postboat's own configuration, whether or not it exists."""
    from platformdirs import user_config_dir  # imported late: a run with `-c` does not need it

    return Path(user_config_dir("postboat")) / "config.toml"


def offlineimap_files() -> list[Path]:
    """Places where OfflineIMAP looks for its configuration, in its order."""
    xdg = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    places = (Path(xdg) / "offlineimap" / "config", Path("~/.offlineimaprc"))
    return [Path(os.path.expanduser(place)) for place in places]  # noqa: PTH111 - Path's own raises without a home


def find() -> Path:
    """The first configuration that is there. Raises `ConfigError` naming the places if none is."""
    own = config_file()
    places = [own, *offlineimap_files()]
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(map(str, places))
    how = f"copy config.example.toml to {own} and fill it in, or name a file with -c"
    raise ConfigError([f"no configuration found (looked for {looked}); {how}"])


def state_dir() -> Path:
    """Directory for ledgers and locks."""
    from platformdirs import user_state_dir  # imported late: `metadata` makes it needless

    return Path(user_state_dir("postboat"))


def control_socket(config: Path) -> Path:
    """The socket of a run that goes on with the configuration `config`, whether or not there is one."""
    from hashlib import sha256  # imported late, as a single run has no socket

    name = sha256(os.fsencode(config.expanduser().resolve())).hexdigest()[:12]
    return runtime_dir() / f"{name}.socket"


def runtime_dir() -> Path:
    """Directory for sockets, the same for programs that were started with and without a login session.

    platformdirs is not asked, as it warns, and answers otherwise from version to version, without XDG_RUNTIME_DIR.
    """
    for session in (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{os.getuid()}"):
        if session and Path(session).is_dir() and os.access(session, os.W_OK):
            return Path(session) / "postboat"
    from tempfile import gettempdir

    return Path(gettempdir()) / f"postboat-{os.getuid()}"


def unit_dir() -> Path:
    """Directory of the units that a user adds to systemd's, whether or not it exists."""
    from platformdirs import user_config_dir  # imported late: only `postboat service` needs it

    return Path(user_config_dir("systemd")) / "user"
