"""Dovecot 2.3, run as an ordinary user from unpacked packages: the main server of the tests.

    with DovecotServer() as server:
        account = server.account()          # an empty mailbox nobody used before
        server.doveadm("mailbox", "update", "-u", account.user, "--uid-validity", "4242", "INBOX")

Everything about it blocks, for some 0.2 s at the start; it is a process of its own and needs no event loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import trustme
from tests.servers.process import HOST, PASSWORD, Account, AccountNames, Home, ServerFailed, free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.process import Daemon

CONFIGURATION = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
protocols = imap
listen = {host}
import_environment = LD_LIBRARY_PATH TZ
ssl = yes
ssl_cert = <{home}/cert.pem
ssl_key = <{home}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
first_valid_uid = 0
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={home}/mail/%u
}}
mail_location = {location}
mail_fsync = never
mailbox_list_index = yes
mail_attribute_dict = file:%h/dovecot-attributes
mail_max_userip_connections = {most}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Drafts {{
    special_use = \\Drafts
  }}
  mailbox Sent {{
    special_use = \\Sent
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 1
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap {{
  process_limit = 256
  process_min_avail = 2
}}
protocol imap {{
  mail_plugins = $mail_plugins imap_zlib
  imap_metadata = yes
  {capability}
}}
{extra}
"""

LOCATIONS = {"maildir": "maildir:~/Maildir", "sdbox": "sdbox:~/sdbox"}
UNLIMITED = 1000


class DovecotServer:
    """A running Dovecot with TLS and plain ports, where every user name exists and `PASSWORD` opens it.

    `capability` replaces the list the server announces after login (extensions left out are not offered, though still
    obeyed); `max_connections` is the most for one user, beyond which a login gets NO; `extra` is put at the
    end of dovecot.conf. Raises ServerFailed.
    """

    def __init__(
        self,
        *,
        storage: Literal["maildir", "sdbox"] = "maildir",
        capability: str | None = None,
        max_connections: int | None = None,
        extra: str = "",
    ) -> None:
        self.host, self.port, self.tls_port = HOST, free_port(), free_port()
        self.storage = storage
        self.preauth = False
        self._names = AccountNames()
        self._home = Home("dovecot")
        try:
            self.ca = self._certify()
            self._configuration = self._configure(capability, max_connections or UNLIMITED, extra)
            self._daemon = self._start()
        except BaseException:
            self._home.remove()
            raise

    def _certify(self) -> Path:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", HOST)
        self._home.write("cert.pem", b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
        self._home.write("key.pem", certificate.private_key_pem.bytes())
        return self._home.write("ca.pem", authority.cert_pem.bytes())

    def _configure(self, capability: str | None, most: int, extra: str) -> Path:
        run = self._home.directory("run")
        for name in ("state", "mail"):
            self._home.directory(name)
        # The names install.py wrote into the programs, relative to their working directory.
        (run / "m").symlink_to(self._home.programs / "usr/lib/dovecot")
        (run / "dc").symlink_to(self._home.programs / "usr/bin/doveconf")
        text = CONFIGURATION.format(
            home=self._home.path,
            user=self._home.owner.user,
            group=self._home.owner.group,
            host=self.host,
            port=self.port,
            tls_port=self.tls_port,
            password=PASSWORD,
            location=LOCATIONS[self.storage],
            most=most,
            capability=f"imap_capability = {capability}" if capability else "",
            extra=extra,
        )
        return self._home.write("dovecot.conf", text)

    def _start(self) -> Daemon:
        program = self._home.programs / "usr/sbin/dovecot"
        daemon = self._home.daemon(program, "-F", "-c", self._configuration, cwd=self._home.path / "run")
        try:
            daemon.wait_for_greeting(self.port)
        except ServerFailed as error:
            raise ServerFailed(f"{error}\n{self.log()}") from error
        return daemon

    def account(self, user: str | None = None) -> Account:
        """Return the account of `user`, or an empty one that no test had before."""
        return Account(self.host, self.port, user or self._names.next(), PASSWORD, tls_port=self.tls_port, ca=self.ca)

    def doveadm(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run doveadm on this server and return what it printed."""
        program = self._home.programs / "usr/bin/doveadm"
        return self._home.run(program, "-c", self._configuration, *arguments, stdin=stdin, cwd=self._home.path / "run")

    def deliver(self, user: str, message: bytes, folder: str = "INBOX") -> None:
        """Put a message into a folder behind the back of every session."""
        self.doveadm("save", "-u", user, "-m", folder, stdin=message)

    def connections(self, user: str) -> int:
        """Count the sessions that `user` has open now."""
        return sum(line.split()[1] == "imap" for line in self.doveadm("who", "-1", user).splitlines()[1:])

    def mail_of(self, user: str) -> Path:
        """Return the directory that holds all mail of a user."""
        return self._home.path / "mail" / user

    def maildir_path(self, user: str) -> Path:
        """Return the root of the user's Maildir on the server (storage `maildir` only)."""
        assert self.storage == "maildir", "sdbox keeps no Maildir"
        return self.mail_of(user) / "Maildir"

    def own(self, *paths: Path) -> None:
        """Make files that a test put into the server's mail readable and writable for the server."""
        self._home.owner.take(*paths)

    def log(self) -> str:
        """Return everything the server logged."""
        path = self._home.path / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def restart(self) -> None:
        """End the server and all sessions at once, and start it again with the same mail and ports."""
        self._daemon.kill()
        self._daemon = self._start()

    def stop(self) -> None:
        """End the server at once and remove its mail."""
        self._daemon.kill()
        self._home.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
