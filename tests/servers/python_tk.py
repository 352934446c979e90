"""Give `.venv` the tkinter that Debian keeps apart from its Python, without installing anything on the machine.

Run by `make servers` as `python3 -m tests.servers.python_tk`; needs only the Python standard library. Does nothing where
Python has a tkinter. Otherwise the package is unpacked in `.servers/tk`, and a directory of it is put on the path of
`.venv`; what finds the libraries there is a module named `_tkinter` beside it, so that it costs nothing until asked for.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig

from tests.servers.install import SERVERS, InstallFailed, Recipe, install

VENV = SERVERS.parent / ".venv"
HOME = SERVERS / "tk"
OTHERWISE = "install Python with Tk (Debian: apt install python3-tk), remove .venv, and run make again"

# libBLT is in a package that is not named as a library.
RECIPE = Recipe(
    packages=("python3-tk", "tk8.6-blt2.5"),
    programs=(f"usr/lib/python3.11/lib-dynload/_tkinter.{sysconfig.get_config_var('SOABI')}.so",),
)

LOADER = '''\
"""Stands in for the extension module of this name: loads it with the libraries that lie beside it."""

import ctypes, importlib.machinery, importlib.util, os, sys
from pathlib import Path

root = Path({home!r})
scripts = root / "usr/share/tcltk"
for variable, name in (("TCL_LIBRARY", "tcl8.6"), ("TK_LIBRARY", "tk8.6")):
    if (scripts / name).is_dir():
        os.environ.setdefault(variable, str(scripts / name))

lost = [path for place in (root / "usr/lib", *root.glob("usr/lib/*-linux-gnu")) for path in place.glob("*.so.*")]
for _ in tuple(lost):  # each may need others first
    for library in tuple(lost):
        try:
            ctypes.CDLL(str(library), ctypes.RTLD_GLOBAL)
            lost.remove(library)
        except OSError:
            pass

loader = importlib.machinery.ExtensionFileLoader(__name__, str(root / {module!r}))
module = importlib.util.module_from_spec(importlib.util.spec_from_loader(__name__, loader))
loader.exec_module(module)
sys.modules[__name__] = module
'''


def main() -> int:
    """Make `import tkinter` work in the environment of the tests, and return an exit status."""
    python = next((str(path) for path in [VENV / "bin/python"] if path.exists()), sys.executable)
    if has_tkinter(python):
        return 0
    try:
        unpack()
    except InstallFailed as error:
        print(f"servers: {python} has no tkinter: {error}\n{OTHERWISE}", file=sys.stderr)
        return 1
    for packages in VENV.glob("lib/python*/site-packages"):
        (packages / "debian-tk.pth").write_text(f"{HOME / 'path'}\n")
    if VENV.is_dir() and not has_tkinter(python):
        print(f"servers: the tkinter unpacked in {HOME} does not work with {python}\n{OTHERWISE}", file=sys.stderr)
        return 1
    print(f"servers: tk unpacked in {HOME}")
    return 0


def unpack() -> None:
    """Unpack the package, and make the directory that is put on the path; raise InstallFailed."""
    if sys.version_info[:2] != (3, 11):
        raise InstallFailed(f"that of Debian 12 is for Python 3.11, not {sys.version.split()[0]}")
    install("tk", RECIPE)
    path = HOME / "path"
    path.mkdir(exist_ok=True)
    (path / "_tkinter.py").write_text(LOADER.format(home=str(HOME), module=RECIPE.programs[0]))
    if not (path / "tkinter").is_symlink():
        (path / "tkinter").symlink_to("../usr/lib/python3.11/tkinter")


def has_tkinter(python: str) -> bool:
    """Say whether a Python can import it."""
    return subprocess.run((python, "-c", "import tkinter"), capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
