"""Fetch real IMAP servers and unpack them under `.servers/`, without installing anything on the machine.

The Debian packages of the three servers conflict with each other and start services, so none is installed: each server
gets its packages, and the shared libraries this machine lacks, from `apt-get download`, unpacked with `dpkg -x` into a
directory of its own. Nothing here needs root, and nothing outside the repository is touched. Run by `make servers`;
needs only the Python standard library, because it runs before the virtual environment exists.

`python3 -m tests.servers.install peers` fetches the programs that `make bench` runs beside Postboat, and only those.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SERVERS = Path(__file__).resolve().parents[2] / ".servers"

# apt run by root would download as the user _apt, who need not be able to reach the repository.
SANDBOX = ("-o", "APT::Sandbox::User=root")


@dataclass(frozen=True)
class Recipe:
    """One server: its packages, the programs the tests run, and paths compiled into them that have to change.

    Libraries named by `without` are not fetched, nor what they need.
    """

    packages: tuple[str, ...]
    programs: tuple[str, ...]
    rewritten: tuple[tuple[bytes, bytes], ...] = ()
    without: tuple[str, ...] = ()


# Dovecot looks for its modules and for doveconf at compiled-in paths. They become paths of the same length below the
# working directory of the process, which Dovecot makes its base_dir: dovecot.py puts symbolic links of these names there.
DOVECOT_PATHS = (
    (b"/usr/lib/dovecot", b"/proc/self/cwd/m"),
    (b"/usr/bin/doveconf", b"/proc/self/cwd/dc"),
)

# Xvfb runs xkbcomp from a compiled-in directory, which becomes one below its working directory: see display.py.
XKBCOMP_PATH = ((b"\0/usr/bin\0", b"\0./xkbbin\0"),)

RECIPES = {
    "dovecot": Recipe(
        packages=("dovecot-core", "dovecot-imapd"),
        programs=(
            "usr/sbin/dovecot",
            "usr/bin/doveadm",
            "usr/bin/doveconf",
            *(f"usr/lib/dovecot/{name}" for name in ("anvil", "auth", "config", "imap", "imap-login", "log", "stats")),
        ),
        rewritten=DOVECOT_PATHS,
    ),
    "cyrus": Recipe(
        packages=(
            "cyrus-imapd",
            "cyrus-common",
            "sasl2-bin",
            "libsasl2-modules",
            "libsasl2-modules-db",
            "libeatmydata1",
        ),
        programs=(
            "usr/sbin/saslpasswd2",
            *(f"usr/lib/cyrus/bin/{name}" for name in ("master", "imapd", "ctl_cyrusdb")),
        ),
    ),
    "courier": Recipe(
        packages=("courier-imap", "courier-authlib", "gamin"),
        programs=("usr/bin/imapd", "usr/libexec/gam_server"),
    ),
    "dbus": Recipe(  # the bus over which machines announce that they go to sleep
        packages=("dbus-daemon",),
        programs=("usr/bin/dbus-daemon",),
    ),
    "groff": Recipe(  # no server: renders the man pages
        packages=("groff-base",),
        programs=("usr/bin/groff", "usr/bin/troff", "usr/bin/grotty"),
    ),
    "tmux": Recipe(  # a terminal to look at
        packages=("tmux",),
        programs=("usr/bin/tmux",),
    ),
    "display": Recipe(  # a screen in memory, and hands for its mouse and keyboard
        packages=("xvfb", "x11-xkb-utils", "xkb-data", "xdotool", "fonts-dejavu-core"),
        programs=("usr/bin/Xvfb", "usr/bin/xkbcomp", "usr/bin/xdotool"),
        rewritten=XKBCOMP_PATH,
        without=("libglx-mesa0",),  # 50 MB that draw in three dimensions
    ),
}

PEERS = {
    "peers": Recipe(
        packages=("isync", "offlineimap3", "python3-imaplib2", "python3-distro"),
        programs=("usr/bin/mbsync",),
    ),
    "interimap": Recipe(  # in Perl, whose own modules a small machine lacks too
        packages=("interimap", "libdbi-perl", "libperl5.36", "perl-modules-5.36"),
        programs=("usr/bin/interimap",),
    ),
}


class InstallFailed(Exception):
    """A server could not be fetched or unpacked; the text says which step and what the tool said."""


def main(words: list[str]) -> int:
    """Install every missing server, or the peers if these are asked for, and return an exit status."""
    failed = False
    for name, recipe in (PEERS if words == ["peers"] else RECIPES).items():
        try:
            fresh = install(name, recipe)
        except InstallFailed as error:
            failed = True
            print(f"servers: {name}: {error}", file=sys.stderr)
        else:
            print(f"servers: {name} {'unpacked in' if fresh else 'is in'} {SERVERS / name}")
    return 1 if failed else 0


def install(name: str, recipe: Recipe) -> bool:
    """Unpack one server unless this very recipe was unpacked before; say whether anything was done."""
    home, stamp = SERVERS / name, hashlib.sha256(repr(recipe).encode()).hexdigest()
    marker = home / "installed"
    if marker.is_file() and marker.read_text() == stamp:
        return False
    for tool in ("apt-get", "apt-cache", "dpkg", "ldd"):
        if shutil.which(tool) is None:
            raise InstallFailed(f"needs {tool}: the servers of the tests are Debian 12 packages")
    SERVERS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=SERVERS) as scratch:
        unpacked = Path(scratch) / "root"
        fetch_and_unpack(recipe, Path(scratch), unpacked)
        keep_programs_only(unpacked)
        rewrite_paths(unpacked, recipe.rewritten)
        check_libraries(unpacked, recipe)
        (unpacked / "installed").write_text(stamp)
        unpacked.chmod(0o755)
        shutil.rmtree(home, ignore_errors=True)
        unpacked.rename(home)
    return True


def fetch_and_unpack(recipe: Recipe, scratch: Path, unpacked: Path) -> None:
    """Download the packages and the libraries they lack here, and unpack all of them into one tree."""
    debs = scratch / "debs"
    debs.mkdir()
    Apt(SERVERS / "apt", recipe.without).download_here(recipe.packages, debs)
    for deb in sorted(debs.glob("*.deb")):
        run("dpkg", "-x", str(deb), str(unpacked))


class Apt:
    """Asks apt about packages, with package lists of our own once the machine's prove useless."""

    def __init__(self, own: Path, without: tuple[str, ...] = ()) -> None:
        self._own, self._without = own, without
        self._options: tuple[str, ...] = SANDBOX
        if (own / "lists").is_dir():
            self._use_own_lists()

    def _use_own_lists(self) -> None:
        lists, cache = self._own / "lists", self._own / "cache"
        for directory in (lists / "partial", cache / "archives" / "partial"):
            directory.mkdir(parents=True, exist_ok=True)
        self._options = (*SANDBOX, "-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={cache}")

    def download_here(self, packages: tuple[str, ...], directory: Path) -> None:
        """Download the archives of `packages`, and of the libraries they lack on this machine, into `directory`."""
        try:
            self._download(packages, directory)
        except InstallFailed:
            self._use_own_lists()  # the machine has no package lists, or they are too old for the mirror
            run("apt-get", "-q", *self._options, "update")
            self._download(packages, directory)

    def _download(self, packages: tuple[str, ...], directory: Path) -> None:
        wanted = (*packages, *self._missing_libraries(packages))
        run("apt-get", "-q", *self._options, "download", *wanted, cwd=directory)

    def _missing_libraries(self, packages: tuple[str, ...]) -> tuple[str, ...]:
        """Name the library packages that `packages` need, directly or not, and that are not installed here."""
        found: set[str] = set()
        asked: tuple[str, ...] = packages
        while asked:
            depends = run("apt-cache", *self._options, "depends", "--important", *asked)
            named = set(re.findall(r"Depends: (lib[^\s:<>]+)", depends)) - found - {*packages, *self._without}
            asked = tuple(sorted(package for package in named if not is_installed(package)))
            found.update(asked)
        return tuple(sorted(found))


def is_installed(package: str) -> bool:
    """Say whether dpkg knows `package` as installed."""
    asked = subprocess.run(
        ("dpkg-query", "-W", "-f", "${Status}", package), capture_output=True, text=True, check=False
    )
    return asked.stdout.endswith(" installed")


def keep_programs_only(unpacked: Path) -> None:
    """Drop documentation, debug data and configuration: a third of the bytes, and none of them is run."""
    dropped = ("etc", "var", "usr/lib/debug", *(f"usr/share/{kind}" for kind in ("doc", "info", "locale", "man")))
    for part in dropped:
        shutil.rmtree(unpacked / part, ignore_errors=True)


def rewrite_paths(unpacked: Path, rewritten: tuple[tuple[bytes, bytes], ...]) -> None:
    """Replace compiled-in paths in every ELF file by others of the same length."""
    for path in unpacked.rglob("*") if rewritten else ():
        if path.is_symlink() or not path.is_file():
            continue
        old = new = path.read_bytes()
        if old.startswith(b"\x7fELF"):
            for before, after in rewritten:
                assert len(before) == len(after), "an ELF file cannot grow"
                new = new.replace(before, after)
        if new != old:
            path.write_bytes(new)


def check_libraries(unpacked: Path, recipe: Recipe) -> None:
    """Fail unless every program exists and, if it is no script, finds all its shared libraries."""
    for program in recipe.programs:
        if not (unpacked / program).is_file():
            raise InstallFailed(f"the packages hold no {program}; the tests are written for Debian 12")
        if (unpacked / program).read_bytes().startswith(b"#!"):
            continue
        said = run("ldd", str(unpacked / program), env={**os.environ, "LD_LIBRARY_PATH": library_path(unpacked)})
        lost = sorted(set(re.findall(r"(\S+) => not found", said)))
        if lost:
            raise InstallFailed(f"{program} does not find {', '.join(lost)}")


def library_path(unpacked: Path) -> str:
    """Return the LD_LIBRARY_PATH under which the programs of an unpacked tree run."""
    plain = (*unpacked.glob("usr/lib/*-linux-gnu"), *unpacked.glob("lib/*-linux-gnu"))
    own = (unpacked / "usr/lib" / name for name in (".", "dovecot", "dovecot/modules/old-stats", "cyrus"))
    return ":".join(str(path) for path in (*own, *plain) if path.is_dir())


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a tool and return what it printed; raise InstallFailed with its words when it fails."""
    environment = {**(env or os.environ), "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        words = "\n  ".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise InstallFailed(f"{' '.join(command[:6])} ...: exit status {done.returncode}\n  {words}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
