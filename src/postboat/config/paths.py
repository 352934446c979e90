"""Where things are on this platform. The only importer of platformdirs."""

from __future__ import annotations

import os
from pathlib import Path


def config_file() -> Path:
    """Postboat's own configuration, whether or not it exists."""
    from platformdirs import user_config_dir  # imported late: a run with `-c` does not need it

    return Path(user_config_dir("postboat")) / "config.toml"


def offlineimap_files() -> list[Path]:
    """Places where OfflineIMAP looks for its configuration, in its order."""
    xdg = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    places = (Path(xdg) / "offlineimap" / "config", Path("~/.offlineimaprc"))
    return [Path(os.path.expanduser(place)) for place in places]  # noqa: PTH111 - Path's own raises without a home


def state_dir() -> Path:
    """Directory for ledgers and locks."""
    from platformdirs import user_state_dir  # imported late: `metadata` makes it needless

    return Path(user_state_dir("postboat"))
