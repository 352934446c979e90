"""The program as its user starts it: a process of its own, with a configuration file."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.real.voyage import Voyage

PATIENCE = 60
MODULE = ("-m", "postboat")
OBEDIENT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Runs a program so that permissions mean something to it even if it is root's."""


def configure(voyage: Voyage) -> Path:
    """Write the configuration of a voyage's account as a file."""
    remote = voyage.config.remote
    text = f"""
        [general]
        accounts = ["{voyage.name}"]
        metadata = "{voyage.state}"
        socktimeout = {remote.timeout:g}

        [account.{voyage.name}]
        localrepository = "{voyage.name}Local"
        remoterepository = "{voyage.name}Remote"

        [repository.{voyage.name}Local]
        type = "Maildir"
        localfolders = "{voyage.mail}"

        [repository.{voyage.name}Remote]
        type = "IMAP"
        remotehost = "{remote.remotehost}"
        remoteport = {remote.remoteport}
        remoteuser = "{remote.remoteuser}"
        remotepass = "{voyage.account.password}"
        ssl = false
        starttls = false
        maxconnections = {remote.maxconnections}
    """
    path = voyage.mail.with_name(f"config-{voyage.name}.toml")
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def start(
    voyage: Voyage, *options: str, program: Sequence[str] = MODULE, under: Sequence[str] = ()
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
    voyage: Voyage, *options: str, program: Sequence[str] = MODULE, under: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end."""
    return finished(start(voyage, *options, program=program, under=under))
