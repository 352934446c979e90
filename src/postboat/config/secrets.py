"""Gives the password of an account's server: from the configuration, systemd, netrc, or by asking; never shows it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self
from weakref import WeakKeyDictionary, WeakSet

from postboat.config.netrc import find_login
from postboat.config.schema import Secret
from postboat.errors import SignInRefused
from postboat.model import Side

if TYPE_CHECKING:
    from postboat.config.schema import ServerConfig

Prompter = Callable[[str], Awaitable[Secret | None]]
"""Asks the user without echo; None when there is nobody to ask, or no answer."""


class Question(str):
    """What a person is asked for a password, with its parts for a face that words it in its own way."""

    __slots__ = ("account", "refusal", "user")
    account: str
    user: str
    refusal: str

    def __new__(cls, account: str, user: str, host: str, refusal: str, repository: str = "") -> Self:
        """Word the question; `refusal` is what the server said to the password before, or "".

        `repository` is named where the account has another server, too.
        """
        which = f"account {account}, repository {repository}" if repository else f"account {account}"
        asked = f"Password for {user} on {host} ({which}): "
        self = super().__new__(cls, f"{refusal}\n{asked}" if refusal else asked)
        self.account, self.user, self.refusal = account, user, refusal
        return self


EVAL_SECONDS = 60.0
"""How long `remotepasseval` may take."""

Credentials = tuple[str, Secret]


class PasswordGiver:
    """Called for user name and password before each sign-in; called again with the server's words after a refusal.

    The first password is kept for all connections to the server. After a refusal its source is asked once more, in
    case it has another one by now; the prompt is repeated with the refusal. When there is nothing else to try, the
    answer is None. Raises `SignInRefused` when there is no password at all. `side` is which of its account's servers it
    is, where both sides are one; None where there is only this one.
    """

    def __init__(
        self,
        account: str,
        server: ServerConfig,
        prompter: Prompter | None = None,
        prompting: asyncio.Lock | None = None,
        *,
        side: Side | None = None,
        eval_seconds: float = EVAL_SECONDS,
        netrc: tuple[Path, ...] | None = None,
    ) -> None:
        self._account, self._server, self._prompter = account, server, prompter
        self._side, self._prompting = side, prompting or asyncio.Lock()
        self._eval_seconds, self._netrc = eval_seconds, netrc
        self._finding = asyncio.Lock()
        self._current: Credentials | None = None
        self._typed = False
        self._looked_again: WeakSet[asyncio.Task[object]] = WeakSet()
        self._given: WeakKeyDictionary[asyncio.Task[object], Credentials] = WeakKeyDictionary()

    async def __call__(self, refusal: str | None) -> Credentials | None:
        """User name and password to try; None when nothing is left to try."""
        task = asyncio.current_task()
        assert task is not None
        async with self._finding:
            if refusal is None:
                self._looked_again.discard(task)
                self._current = self._current or await self._first()
            elif self._given.get(task) == self._current:  # else another connection has found a newer one meanwhile
                self._current = await self._next(refusal, task)
            if self._current is not None:
                self._given[task] = self._current
            return self._current

    def forget(self) -> None:
        """Look for the password anew at the next sign-in, as its source may have another one. What was typed stays."""
        if not self._typed:
            self._current = None

    async def _first(self) -> Credentials:
        user = self._user()
        secret = await self._find(user)
        self._typed = secret is None
        if secret is None:
            secret = await self._ask(user, "")
        if secret is not None:
            return user, secret
        how = "run it on a terminal, with a user interface that asks (tty, blinkenlights, tk)"
        if "INVOCATION_ID" in os.environ:  # systemd's mark on a service, which has none
            how = f"give the service a credential postboat.{self._credentials[0]} (LoadCredential=)"
        how = f"set remotepass, remotepassfile or remotepasseval, add an entry to ~/.netrc, or {how}"
        none = "no password" if self._prompter is None else "no password was given"
        raise SignInRefused(f"{none} for {user} on {self._host}: {how}")

    async def _next(self, refusal: str, task: asyncio.Task[object]) -> Credentials | None:
        """What to try after a refusal. Each sign-in looks again once, so that it ends whatever the source gives."""
        if self._current is None or task in self._looked_again:
            return None
        user, old = self._current
        secret = await self._find(user)
        self._typed = secret is None
        if secret is None:
            answer = await self._ask(user, refusal)
            return (user, answer) if answer is not None else None
        self._looked_again.add(task)
        return (user, secret) if secret != old else None

    async def _find(self, user: str) -> Secret | None:
        """Look where no person is needed."""
        sources = self._server.password
        if sources.remotepasseval is not None:
            return await self._evaluate()
        if sources.remotepass is not None:
            return sources.remotepass
        if sources.remotepassfile is not None:
            return await asyncio.to_thread(_first_line, "remotepassfile", sources.remotepassfile)
        if (credential := next(filter(None, map(credential_of, self._credentials)), None)) is not None:
            return await asyncio.to_thread(_first_line, "credential", credential)
        return self._from_netrc(user)

    @property
    def _credentials(self) -> tuple[str, ...]:
        """Names of systemd's credentials, the likeliest first. The account's own is never told to its local server."""
        named = f"{self._account}.{self._server.name}"
        return {None: (self._account,), Side.REMOTE: (named, self._account), Side.LOCAL: (named,)}[self._side]

    @property
    def _host(self) -> str:
        return self._server.remotehost or self._server.name

    def _user(self) -> str:
        if self._server.remoteuser:
            return self._server.remoteuser
        login = find_login(self._server.remotehost, files=self._netrc)
        if login is None:
            raise SignInRefused(f"no user name for {self._host}: set remoteuser, or add an entry to ~/.netrc")
        return login.user

    def _from_netrc(self, user: str) -> Secret | None:
        login = find_login(self._server.remotehost, user, files=self._netrc)
        return login.password if login is not None else None

    async def _ask(self, user: str, refusal: str) -> Secret | None:
        if self._prompter is None:
            return None
        repository = self._server.name if self._side is not None else ""
        question = Question(self._account, user, self._host, _printable(refusal), repository)
        async with self._prompting:
            answer = await self._prompter(question)
        return answer if answer is not None and answer.reveal() else None

    async def _evaluate(self) -> Secret:
        evaluate = self._server.password.remotepasseval
        assert evaluate is not None
        from postboat.config.own_thread import in_own_thread  # here, since few passwords are found by Python

        try:
            async with asyncio.timeout(self._eval_seconds):
                value = await in_own_thread(evaluate, "remotepasseval")
        except TimeoutError:
            raise self._eval_failed(f"gave no answer within {self._eval_seconds:g} seconds") from None
        except Exception as error:
            raise self._eval_failed(_safely_described(error)) from None
        text = _decoded(value) if isinstance(value, bytes) else value
        if not isinstance(text, str):
            kind = "octets that are no UTF-8" if isinstance(value, bytes) else type(value).__name__
            raise self._eval_failed(f"must give a text, not {kind}")
        if not text:
            raise self._eval_failed("gave an empty text")
        return Secret(text)

    def _eval_failed(self, what: str) -> SignInRefused:
        return SignInRefused(f"remotepasseval of {self._server.name}: {what}")


def credential_of(name: str) -> Path | None:
    """Find the password that systemd hands to a service as `postboat.NAME` (LoadCredential=, systemd.exec(5))."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory or "/" in name or "\0" in name:
        return None
    path = Path(directory) / f"postboat.{name}"
    return path if path.is_file() else None


def _first_line(source: str, path: Path) -> Secret:
    try:
        with path.open(encoding="utf-8") as file:
            line = file.readline().strip()
    except OSError as error:
        raise SignInRefused(f"{source} {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SignInRefused(f"{source} {path} is not UTF-8") from None
    if not line:
        raise SignInRefused(f"{source} {path} has an empty first line, where the password should be")
    return Secret(line)


def _safely_described(error: Exception) -> str:
    """An exception, with its text only where that cannot hold the password."""
    text = ""
    if isinstance(error, (OSError, ImportError)):
        text = str(error)
    elif isinstance(error, subprocess.CalledProcessError):
        text = f"exit status {error.returncode}"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _decoded(octets: bytes) -> str | None:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return None


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:200].strip()
