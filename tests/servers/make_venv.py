"""Make `.venv` with pip in it, also on a Debian that lacks python3-venv, and without root.

Run by the Makefile as `python3 -m tests.servers.make_venv`; needs only the Python standard library.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.servers.install import SERVERS, Apt, InstallFailed, run

VENV = SERVERS.parent / ".venv"


def main() -> int:
    """Make the environment and return an exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this is the file that finds out
        print(f"Postboat needs Python 3.11 or newer as python3; this is {sys.version.split()[0]}", file=sys.stderr)
        return 1
    try:
        make()
    except InstallFailed as error:
        print(f"no virtual environment: {error}\ninstalling python3-venv helps", file=sys.stderr)
        return 1
    return 0


def make() -> None:
    """Make the environment the usual way, or else with pip from the package that Debian keeps apart."""
    made = subprocess.run((sys.executable, "-m", "venv", "--clear", VENV), capture_output=True, check=False)
    if made.returncode != 0:
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV))
        add_pip_from_debian()


def add_pip_from_debian() -> None:
    """Install pip into the environment from the wheel inside python3-pip-whl, unpacked but not installed."""
    SERVERS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pip-", dir=SERVERS) as scratch:
        Apt(SERVERS / "apt").download_here(("python3-pip-whl",), Path(scratch))
        run("dpkg", "-x", *map(str, Path(scratch).glob("*.deb")), scratch)
        wheel = next(Path(scratch).rglob("pip-*.whl"))
        run(str(VENV / "bin/python"), str(wheel / "pip"), "install", "--no-index", "--no-deps", str(wheel))


if __name__ == "__main__":
    sys.exit(main())
