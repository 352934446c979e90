from pathlib import PurePosixPath

import pytest

from postboat.maildir.mounts import remote_kind

TABLE = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home/me/far\040away rw,nosuid shared:2 master:1 - nfs4 host:/mail rw,vers=4.2
31 22 0:41 / /home/me/ssh rw - fuse.sshfs me@host:/ rw
32 22 0:42 / /home/me/vault rw - fuse.gocryptfs /home/me/cipher rw
33 30 8:2 / /home/me/far\040away/disk rw - btrfs /dev/sdb rw
34 22 0:43 / /mnt/auto rw - autofs systemd-1 rw
35 22 0:44 / /mnt/auto rw - cifs //host/share rw
36 22 0:45 / /mnt/hidden rw - nfs host:/x rw
37 22 8:3 / /mnt/hidden rw - xfs /dev/sdc rw
38 22 0:46 / /mnt/usb rw - fuseblk /dev/sdd rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/Mail", ""),
        ("/home/me/far away", "nfs4"),
        ("/home/me/far away/Mail/INBOX", "nfs4"),
        ("/home/me/far away/disk/Mail", ""),
        ("/home/me/far awayfrom", ""),
        ("/home/me/ssh/Mail", "fuse.sshfs"),
        ("/home/me/vault/Mail", ""),
        ("/mnt/auto/Mail", "cifs"),
        ("/mnt/hidden/Mail", ""),
        ("/mnt/usb", ""),
    ],
)
def test_the_mount_that_lies_nearest_above_decides(path, kind):
    assert remote_kind(PurePosixPath(path), TABLE) == kind


def test_a_table_that_cannot_be_read_says_nothing():
    assert remote_kind(PurePosixPath("/home"), "") == remote_kind(PurePosixPath("/home"), "rubbish - \n- -\n") == ""
    assert remote_kind(PurePosixPath("/home"), "1 2 0:3 / / rw - nfs host:/ rw") == "nfs"
