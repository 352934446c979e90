"""The program as a process: what it imports, closed pipes, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., subprocess.Popen[str]]

PRELUDE = """
import asyncio, sys
from postboat.events import *
import postboat.service.supervisor as supervisor
from postboat.cli.main import main

async def run(config, options, publish, prompter, watch):
{body}

supervisor.run = run
sys.exit(main(sys.argv[1:]))
"""


def python(code: str, *words: str, **more: object) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([sys.executable, "-c", code, *words], text=True, **pipes)  # type: ignore[call-overload,no-any-return]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(f"""
        [general]
        accounts = ["A"]
        metadata = "{tmp_path}/state"
        [account.A]
        localrepository = "L"
        remoterepository = "R"
        [repository.L]
        type = "Maildir"
        localfolders = "{tmp_path}/mail"
        [repository.R]
        type = "IMAP"
        remotehost = "127.0.0.1"
        remoteuser = "me"
    """)
    return path


@pytest.fixture
def started(config: Path) -> Iterator[Start]:
    """Starts the program with a supervisor of the test's."""
    processes: list[subprocess.Popen[str]] = []

    def start(body: str, *words: str, **more: object) -> subprocess.Popen[str]:
        code = PRELUDE.format(body=textwrap.indent(textwrap.dedent(body), "    "))
        processes.append(python(code, "-c", str(config), *words, **more))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def test_asking_for_the_version_imports_almost_nothing() -> None:
    code = """
        import sys
        from postboat.cli.main import main
        assert main(["--version"]) == 0
        heavy = {"asyncio", "ssl", "sqlite3", "uvloop", "aioimaplib", "aiofiles", "argparse", "logging"} & set(sys.modules)
        sys.exit(f"imported {heavy}" if heavy else 0)
    """
    process = python(textwrap.dedent(code))
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("postboat ")


def test_help_needs_no_loop() -> None:
    code = "import sys; sys.argv = ['postboat', '--help']\nfrom postboat.cli.main import main\n"
    check = "try: main()\nexcept SystemExit: pass\nsys.exit(str({'asyncio', 'ssl', 'uvloop'} & set(sys.modules)))"
    process = python(code + check)
    _, err = process.communicate(timeout=30)
    assert err.strip() == "set()"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_help_into_a_closed_pipe_is_no_error(unbuffered: str) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    process = python("import sys\nfrom postboat.cli.main import main\nsys.exit(main(['--help']))", env=environment)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) == 0


MANY_LINES = """
    for n in range(5000):
        publish(FolderFinished("A", f"F{n}", Counts(down=1)))
        await asyncio.sleep(0)
    print("synced to the end", file=sys.stderr)
    return 3
"""


@pytest.mark.parametrize("face", ["basic", "jsonl"])
def test_a_closed_output_stops_no_sync(started: Start, face: str) -> None:
    process = started(MANY_LINES, "-u", face)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "synced to the end\n"
    assert process.wait(timeout=30) == 3


def test_a_reader_who_stands_still_stops_no_sync(started: Start) -> None:
    process = started(MANY_LINES, "-u", "jsonl")
    assert process.stderr.readline() == "synced to the end\n"
    rest = process.stdout.read()
    assert len(rest.splitlines()) == 5000
    assert process.wait(timeout=30) == 3


CLEAN_STOP = """
    publish(AccountStarted("A"))
    publish(FolderFinished("A", "INBOX", Counts(down=7)))
    print("at work", file=sys.stderr, flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("cleaned up", file=sys.stderr, flush=True)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_stops_cleanly(started: Start, number: signal.Signals, code: int) -> None:
    process = started(CLEAN_STOP)
    assert process.stderr.readline() == "at work\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert err == f"cleaned up\npostboat: stopped by {number.name}\n"
    assert out.splitlines() == ["INBOX: 7 new (↓7)", "A: stopped, 7 new (↓7)"]


STUBBORN = """
    print("at work", file=sys.stderr, flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("stubborn", file=sys.stderr, flush=True)
        await asyncio.Event().wait()
"""


HASTE = """
    import postboat.cli.run
    postboat.cli.run.GRACE = 0.3
"""


def test_a_second_signal_stops_at_once(started: Start) -> None:
    process = started(STUBBORN)
    assert process.stderr.readline() == "at work\n"
    process.send_signal(signal.SIGTERM)
    assert process.stderr.readline() == "stubborn\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=3) == -signal.SIGINT


def test_a_stop_that_takes_too_long_is_ended(started: Start) -> None:
    process = started(HASTE + STUBBORN)
    assert process.stderr.readline() == "at work\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=4) == 143


def test_a_stop_does_not_wait_for_a_reader_who_stands_still(started: Start) -> None:
    body = MANY_LINES.replace("return 3", "await asyncio.Event().wait()")
    process = started(body, "-u", "jsonl")
    assert process.stderr.readline() == "synced to the end\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=4) == 143


def test_a_name_that_the_output_cannot_show_is_shown_in_part() -> None:
    body = "import sys\nfrom postboat.cli import main\nmain._run = lambda words: print('Entw\\xfcrfe') or 0\nsys.exit(main.main([]))"
    process = python(body, env={"PYTHONIOENCODING": "ascii"})
    assert process.communicate(timeout=30) == ("Entw?rfe\n", "")
    assert process.returncode == 0


def test_closed_streams_lend_their_numbers_to_nobody(config: Path) -> None:
    check = "import os, sys\nos.fstat(0), os.fstat(1), os.fstat(2)\nsys.exit(0 if sys.stdout.fileno() == 1 else 9)"
    code = f"from postboat.cli import main\ndef run(words):\n  {check.replace(chr(10), chr(10) + '  ')}\nmain._run = run\nmain.main([])"
    done = subprocess.run(["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, code], check=False)
    assert done.returncode == 0
