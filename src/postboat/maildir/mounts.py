"""File systems on which other machines change files, of which this one's kernel tells nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import PurePath

MOUNTS = Path("/proc/self/mountinfo")

_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "coda", "davfs", "glusterfs", "gfs2", "gpfs"}
_REMOTE |= {"lustre", "ncpfs", "ocfs2", "orangefs", "beegfs", "virtiofs", "vboxsf", "vmhgfs", "prl_fs"}
_LOCAL_FUSE = frozenset(f"fuse.{name}" for name in ("gocryptfs", "encfs", "cryfs", "mergerfs", "bindfs", "securefs"))
"""Those through which all that happens goes on this machine."""
_ESCAPED = re.compile(r"\\([0-7]{3})")


def remote_kind(path: PurePath, mountinfo: str) -> str:
    """The type of the file system that `path` (absolute, without links) lies on if it is a remote one; else "".

    `mountinfo` is the text of /proc/self/mountinfo (proc(5)).
    """
    kind, steps = "", -1
    for point, type_ in _mounts(mountinfo):
        parts = point.split("/") if point != "/" else [""]
        if len(parts) >= steps and str(path).split("/")[: len(parts)] == parts:
            kind, steps = type_, len(parts)  # of several on one point, the last hides the others
    is_remote = kind in _REMOTE or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)
    return kind if is_remote else ""


def _mounts(mountinfo: str) -> Iterator[tuple[str, str]]:
    """Mount points and types."""
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        fields, types = mount.split(" "), source.split(" ")
        if len(fields) > 4 and types[0]:
            yield _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4]), types[0]


def remote_kinds(root: Path, directories: Iterable[str]) -> dict[str, str]:
    """What kind of remote file system each directory below `root` lies on; "" for a local one. Blocks."""
    try:
        real, mounts = root.resolve(), MOUNTS.read_text()
    except OSError:
        return dict.fromkeys(directories, "")
    return {directory: remote_kind(real / directory, mounts) for directory in directories}
