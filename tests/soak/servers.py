"""Servers that die, come back, change passwords and throw people out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tests.servers.cyrus import CyrusServer
from tests.servers.dovecot import DovecotServer
from tests.servers.process import PASSWORD, ServerFailed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.process import Account

STATIC = f"driver = static\n  args = password={PASSWORD}"
BY_FILE = "driver = passwd-file\n  args = scheme=PLAIN username_format=%u {path}"


class FrailServer(Protocol):
    """What can be done to a server."""

    host: str
    port: int
    lacks: frozenset[str]
    """Faults that it cannot have."""

    def account(self) -> Account: ...
    def stop(self) -> None: ...

    def let_in(self, user: str, password: str | None) -> None:
        """Accept only this password of `user`; None: nobody."""
        ...

    def die(self) -> None:
        """End at once, with all sessions."""
        ...

    def rise(self) -> None:
        """Start again at the same ports with the same mail."""
        ...

    def kick(self, user: str) -> None:
        """End all sessions of `user`, as an administrator does."""
        ...

    def rebuild(self, user: str, folder: str, validity: int) -> None:
        """Give a mailbox another UIDVALIDITY."""
        ...

    def connections(self, user: str) -> int:
        """Count the sessions that `user` has; 0 if that is not known."""
        ...


class FrailDovecot(DovecotServer):
    """A Dovecot that can be hurt."""

    lacks: frozenset[str] = frozenset()

    def _configure(self, capability: str | None, most: int, extra: str) -> Path:
        self._passwords = self._home.write("passwords", "")
        path = super()._configure(capability, most, extra)
        text = path.read_text()
        assert STATIC in text
        return self._home.write(path.name, text.replace(STATIC, BY_FILE.format(path=self._passwords)))

    def let_in(self, user: str, password: str | None) -> None:
        """Accept only this password of `user`; None: nobody."""
        self._home.write(self._passwords.name, f"{user}:{{PLAIN}}{password}\n" if password else "")

    def die(self) -> None:
        """End at once, with all sessions."""
        self._daemon.kill()

    def rise(self) -> None:
        """Start again at the same ports with the same mail."""
        self._daemon = self._start()

    def kick(self, user: str) -> None:
        """End all sessions of `user`, as an administrator does."""
        self.doveadm("kick", user)

    def rebuild(self, user: str, folder: str, validity: int) -> None:
        """Give a mailbox another UIDVALIDITY, if it is there."""
        try:
            self.doveadm("mailbox", "update", "-u", user, "--uid-validity", str(validity), folder)
        except ServerFailed as failure:
            assert "exist" in str(failure)


class FrailCyrus(CyrusServer):
    """A Cyrus that can be hurt."""

    lacks = frozenset({"sessions_ended", "mailbox_rebuilt"})

    def let_in(self, user: str, password: str | None) -> None:
        """Accept only this password of `user`; None: nobody."""
        self._give(user, password or "nobody knows this one")

    def _give(self, user: str, password: str) -> None:
        options = ("-p", "-c", "-f", self._home.path / "sasldb2", "-u", "localhost")
        self._home.run(self._home.programs / "usr/sbin/saslpasswd2", *options, user, stdin=password.encode())

    def die(self) -> None:
        """End at once, with all sessions."""
        self._daemon.kill()

    def rise(self) -> None:
        """Start again at the same port with the same mail."""
        self._daemon = self._start()

    def kick(self, user: str) -> None:
        """Nobody can."""
        raise NotImplementedError

    def rebuild(self, user: str, folder: str, validity: int) -> None:
        """Nobody can."""
        raise NotImplementedError

    def connections(self, user: str) -> int:
        """Not known."""
        return 0
