"""`-l` and `-d`: the log file, and details on request, with what must stay secret taken out."""

from __future__ import annotations

import logging
import sys
from base64 import b64encode
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self, TextIO

from postboat.config.schema import ServerConfig
from postboat.errors import ConfigError

if TYPE_CHECKING:
    from types import TracebackType

    from postboat.cli.arguments import Usage
    from postboat.config.schema import Config

FORMAT = "%(asctime)s %(name)s: %(message)s"


class Redacting(logging.Formatter):
    """Writes log lines with known secrets replaced: the last line of defence behind departments that hide their own."""

    def __init__(self) -> None:
        super().__init__(FORMAT)
        self._secrets: set[str] = set()

    def hide(self, secret: str) -> None:
        """Never write `secret`, plain or in base64."""
        self._secrets |= {secret, b64encode(secret.encode()).decode()} - {""}

    def format(self, record: logging.LogRecord) -> str:
        """Format as usual, then redact, tracebacks included."""
        text = super().format(record)
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


class Debug:
    """Where details go for the length of a run: nowhere, to stderr, or to the log file."""

    def __init__(self, logfile: TextIO | None = None, topics: tuple[str, ...] = ()) -> None:
        self.logfile, self.topics = logfile, topics
        self._formatter = Redacting()
        self._undo = ExitStack()

    @classmethod
    def from_usage(cls, usage: Usage) -> Debug:
        """Open the log file. Raises `ConfigError` when it cannot be written."""
        if usage.logfile is None:
            return cls(None, usage.debug)
        try:
            return cls(usage.logfile.expanduser().open("a", encoding="utf-8", errors="replace"), usage.debug)
        except OSError as error:
            raise ConfigError([f"-l: {usage.logfile} cannot be written: {error.strerror}"]) from error

    @property
    def on_stderr(self) -> bool:
        """Whether details are written to stderr, where a live display would be in their way."""
        return bool(self.topics) and self.logfile is None

    @property
    def hint(self) -> str:
        """Where the traceback of an internal error is, or how to get it."""
        if self.logfile is not None:
            return f" (see {self.logfile.name})"
        return "" if self.topics else " (-d all shows where)"

    def __enter__(self) -> Self:
        wanted = bool(self.topics or self.logfile)
        handler = logging.StreamHandler(self.logfile or sys.stderr) if wanted else logging.NullHandler()
        handler.setFormatter(self._formatter)
        root = logging.getLogger()
        root.addHandler(handler)
        self._undo.callback(root.removeHandler, handler)
        for topic in self.topics:
            logger = logging.getLogger("postboat" if topic == "all" else f"postboat.{topic}")
            self._undo.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.DEBUG)
        if self.logfile is not None:
            self._undo.callback(self.logfile.close)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._undo.close()

    def hide_secrets_of(self, config: Config) -> None:
        """Let no line show a password of the configuration."""
        for account in config.accounts:
            for repository in (account.remote, account.local):
                if isinstance(repository, ServerConfig) and (secret := repository.password.remotepass):
                    self._formatter.hide(secret.reveal())

    def tell_traceback(self, error: BaseException) -> None:
        """Write where an unforeseen error came from, if details were asked for or there is a log file."""
        logging.getLogger("postboat").error("internal error", exc_info=error)
