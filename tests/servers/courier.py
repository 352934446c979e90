"""Courier 5.0, one process for each connection, signed in from the greeting: the server without UIDNEXT in SELECT.

    with CourierServer() as server:
        account = server.account()          # an empty mailbox with a port of its own
        command = server.tunnel(account)    # the same mailbox over standard input and output

Courier's own sign-in needs its authentication daemon; here every account listens on a port of its own instead, and
imapd greets with PREAUTH. Folders are below INBOX., delimited by dots.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.servers.process import HOST, PASSWORD, Account, AccountNames, Home, free_port

if TYPE_CHECKING:
    from tests.servers.process import Daemon

CAPABILITY = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE"


class CourierServer:
    """A Courier with any number of accounts. Raises ServerFailed.

    Without a `notifier`, the daemon that watches files for it, Courier puts an `OK [ALERT]` line before its greeting and
    takes seconds to end a session, as many a badly kept installation does.
    """

    preauth = True
    tls_port = None
    host = HOST

    def __init__(self, *, notifier: bool = True) -> None:
        self._names = AccountNames()
        self._home = Home("courier")
        self._listeners: dict[str, Listener] = {}
        self._notifier = self._start_notifier() if notifier else None

    def _start_notifier(self) -> Daemon:
        program = self._home.programs / "usr/libexec/gam_server"
        notifier = self._home.daemon(program, "--notimeout", self._home.path.name)
        socket_name = f"@/tmp/fam-{self._home.owner.user}-{self._home.path.name}"
        notifier.wait_until(lambda: socket_name in Path("/proc/net/unix").read_text(), socket_name)
        return notifier

    def account(self, user: str | None = None) -> Account:
        """Return the account of `user`, or an empty one that no test had before."""
        user = user or self._names.next()
        if user not in self._listeners:
            self._make_maildir(user)
            self._listeners[user] = Listener(self._command(user))
        return Account(
            self.host, self._listeners[user].port, user, PASSWORD, preauth=True, delimiter=".", prefix="INBOX."
        )

    def tunnel(self, account: Account) -> str:
        """Return a shell command that speaks IMAP for `account` on its standard input and output."""
        return shlex.join(self._command(account.user)) + " 2>/dev/null"

    def maildir_path(self, user: str) -> Path:
        """Return the root of the user's Maildir++ on the server."""
        return self._home.path / user / "Maildir"

    def own(self, *paths: Path) -> None:
        """Make files that a test put into the server's mail readable and writable for the server."""
        self._home.owner.take(*paths)

    def connections(self, user: str) -> int:
        """Count the sessions that `user` has open now."""
        return self._listeners[user].connections()

    def _make_maildir(self, user: str) -> None:
        for name in ("cur", "new", "tmp"):
            self._home.directory(f"{user}/Maildir/{name}")
        self.own(self._home.path / user)

    def _command(self, user: str) -> list[str]:
        home = self._home.path / user
        environment = {
            **self._home.environment,
            "AUTHENTICATED": user,
            "GAM_CLIENT_ID": self._home.path.name,
            "HOME": str(home),
            "IMAP_ACL": "0",
            "IMAP_CAPABILITY": CAPABILITY,
            "IMAP_IDLE_TIMEOUT": "1",
            "IMAP_KEYWORDS": "1",
            "PROTOCOL": "IMAP",
            "TCPREMOTEIP": HOST,
        }
        assignments = (f"{name}={value}" for name, value in environment.items())
        return self._home.owner.command(
            "env", "-i", f"--chdir={home}", *assignments, self._home.programs / "usr/bin/imapd", "Maildir"
        )

    def stop(self) -> None:
        """End all sessions and remove the mail."""
        for listener in self._listeners.values():
            listener.stop()
        if self._notifier:
            self._notifier.kill()
        self._home.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Listener:
    """A port where every connection gets a process that has it as standard input and output."""

    def __init__(self, command: list[str]) -> None:
        self.port = free_port()
        self._command = command
        self._sessions: list[subprocess.Popen[bytes]] = []
        self._socket = socket.create_server((HOST, self.port), backlog=64)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed by stop()
                return
            with connection:
                session = subprocess.Popen(
                    self._command, stdin=connection.fileno(), stdout=connection.fileno(), stderr=subprocess.DEVNULL
                )
            self._sessions = [*(known for known in self._sessions if known.poll() is None), session]
            threading.Thread(target=session.wait, daemon=True).start()  # leaves no zombie behind

    def connections(self) -> int:
        """Count the processes that serve a connection now."""
        return sum(session.poll() is None for session in self._sessions)

    def stop(self) -> None:
        """Stop listening and end all sessions."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept(), which close() would not
        self._socket.close()
        self._thread.join()
        for session in self._sessions:
            session.kill()
            session.wait()
