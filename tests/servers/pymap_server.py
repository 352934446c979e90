"""pymap, an IMAP server in Python that keeps mail in memory: OBJECTID, but neither CONDSTORE nor ESEARCH.

    with PymapServer() as server:
        account = server.account()          # an empty mailbox nobody used before

Run as a program (`python -m tests.servers.pymap_server --port N ...`) this file is pymap itself, with one change: every
user name exists, and `PASSWORD` opens it. Needs nothing but pymap.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from tests.servers.install import SERVERS
from tests.servers.process import HOST, PASSWORD, Account, AccountNames, Daemon, ServerFailed, free_port

if TYPE_CHECKING:
    from argparse import Namespace

REPOSITORY = SERVERS.parent


class PymapServer:
    """A running pymap, without TLS. Raises ServerFailed."""

    preauth = False
    tls_port = None

    def __init__(self) -> None:
        self.host, self.port = HOST, free_port()
        self._names = AccountNames()
        command = (sys.executable, "-m", "tests.servers.pymap_server")
        options = ("--host", self.host, "--port", str(self.port), "--no-tls", "--no-service", "admin", "dict")
        self._daemon = Daemon(["setpriv", "--pdeathsig", "TERM", *command, *options], cwd=REPOSITORY)
        self._daemon.wait_for_greeting(self.port)

    def account(self, user: str | None = None) -> Account:
        """Return the account of `user`, or an empty one that no test had before."""
        return Account(self.host, self.port, user or self._names.next(), PASSWORD)

    def log(self) -> str:
        """Return what the server wrote to its standard error."""
        return self._daemon.console()

    def stop(self) -> None:
        """End the server; its mail is gone."""
        self._daemon.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve() -> None:
    """Run pymap with our backend in place of its own for memory."""
    try:
        from pymap.backend import backends
        from pymap.backend.dict import Config, DictBackend, Login
        from pymap.main import main
        from pymap.user import UserMetadata
        from pysasl.hashing import Cleartext
    except ImportError as error:
        raise ServerFailed(f"pymap is not installed: run `make install` ({error})") from error

    class OpenLogin(Login):
        """Accepts any user name with the one password."""

        async def authenticate(self, credentials: Any) -> Any:
            user = credentials.authcid
            self.users_dict.setdefault(user, UserMetadata(self.config, user, password=PASSWORD))
            return await super().authenticate(credentials)

    class OpenBackend(DictBackend):
        """Keeps the mail of any number of users."""

        @classmethod
        async def init(cls, args: Namespace, **overrides: Any) -> tuple[DictBackend, Config]:
            config = Config.from_args(args, hash_context=Cleartext(), **overrides)
            return cls(OpenLogin(config), config), config

    backends.add("dict", OpenBackend)
    main()


if __name__ == "__main__":
    serve()
