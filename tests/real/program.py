"""The program as its user starts it: a process of its own, with a configuration file."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from postboat.config.schema import MaildirConfig, ServerConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.real.crossing import Crossing
    from tests.real.voyage import Voyage

    from postboat.config.schema import Repository

PATIENCE = 60
MODULE = ("-m", "postboat")
OBEDIENT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Runs a program so that permissions mean something to it even if it is root's."""


def configure(voyage: Voyage | Crossing) -> Path:
    """Write the configuration of a voyage's account as a file."""
    account = voyage.config
    servers = [side for side in (account.local, account.remote) if isinstance(side, ServerConfig)]
    text = f"""
        [general]
        accounts = ["{voyage.name}"]
        metadata = "{voyage.state}"
        socktimeout = {servers[0].timeout if servers else 60:g}

        [account.{voyage.name}]
        localrepository = "{account.local.name}"
        remoterepository = "{account.remote.name}"
        {_repository(account.local)}
        {_repository(account.remote)}
    """
    path = voyage.home / f"config-{voyage.name}.toml"
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def _repository(repository: Repository) -> str:
    if isinstance(repository, MaildirConfig):
        return f"""
        [repository.{repository.name}]
        type = "Maildir"
        localfolders = "{repository.localfolders}"
        """
    assert repository.password.remotepass is not None
    return f"""
        [repository.{repository.name}]
        type = "IMAP"
        remotehost = "{repository.remotehost}"
        remoteport = {repository.remoteport}
        remoteuser = "{repository.remoteuser}"
        remotepass = "{repository.password.remotepass.reveal()}"
        ssl = false
        starttls = false
        maxconnections = {repository.maxconnections}
    """


def start(
    voyage: Voyage | Crossing, *options: str, program: Sequence[str] = MODULE, under: Sequence[str] = ()
) -> subprocess.Popen[str]:
    """Start the program, or a script that wraps it, for a voyage's account; `under` is a command that runs it."""
    command = (*under, sys.executable, *program, "-c", str(configure(voyage)), *options)
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(process: subprocess.Popen[str], patience: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """Wait for a started program and return its exit code and what it said; one that hangs is ended and fails."""
    try:
        said, complained = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


def run_program(
    voyage: Voyage | Crossing, *options: str, program: Sequence[str] = MODULE, under: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return finished(start(voyage, *options, program=program, under=under))
