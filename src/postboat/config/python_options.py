"""Options that are Python: the pythonfile, executed once, and expressions that see its names.

As in OfflineIMAP: an expression sees Python's builtins, every name of the pythonfile, and what its option adds. It may
go on over several lines, since it is read as if it stood in parentheses.
"""

from __future__ import annotations

import builtins
import re
import sys
import types
import warnings
from typing import TYPE_CHECKING, Any

from postboat.config.document import Place, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import CodeType

    from postboat.config.options import Options


def cmp(one: Any, other: Any) -> int:
    """Compare as Python 2 did, for `foldersort` as OfflineIMAP documents it."""
    return int(one > other) - int(one < other)


WITH_RE: Mapping[str, object] = {"re": re}
FOR_SORTING: Mapping[str, object] = {"re": re, "cmp": cmp}
FAILED = object()
_NOT_CLOSED = re.compile(r"does not match opening parenthesis ('.')")
_LINES = re.compile(r" (?:on line \d+|\(detected at line \d+\))$")
NOTHING_ADDED: Mapping[str, object] = {}


class PythonNames:
    """The names of the pythonfile, shared by all expressions."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._names = names

    @classmethod
    def from_file(cls, options: Options) -> PythonNames:
        """Execute `pythonfile` once, if there is one."""
        path = options.readable_file("pythonfile")
        return cls(_execute(path, options) if path else {})

    def evaluate(self, options: Options, option: str, added: Mapping[str, object] = NOTHING_ADDED) -> object:
        """The value of an expression; `FAILED` after noting what is wrong with it."""
        code = compiled(options, option)
        if code is None:
            return FAILED
        try:
            return eval(code, {**self._names, **added})
        except (Exception, SystemExit) as error:
            options.wrong(option, f"cannot be evaluated: {described(error)}")
            return FAILED

    def function(
        self, options: Options, option: str, added: Mapping[str, object], example: str
    ) -> Callable[..., Any] | None:
        """The value of an expression that must be something to call."""
        if not options.has(option):
            return None
        value = self.evaluate(options, option, added)
        if callable(value):
            return value
        if value is not FAILED:
            options.wrong(option, f"must be a function such as {example}, not {shown(value)}")
        return None

    def function_or_command(self, options: Options, option: str, example: str) -> Callable[[], Any] | str | None:
        """Something to call, or a text for the shell: what is an expression all of whose names are known is Python."""
        text = options.text(option)
        if not text or not self._is_python(text):
            return text or None
        return self.function(options, option, NOTHING_ADDED, example)

    def _is_python(self, text: str) -> bool:
        import ast  # here, since few have an option that may be either

        if re.match(r"lambda\b", text):
            return True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                nodes = [node for node in ast.walk(ast.parse(f"({text}\n)", mode="eval")) if isinstance(node, ast.Name)]
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return False
        bound = {node.id for node in nodes if isinstance(node.ctx, ast.Store)}
        free = {node.id for node in nodes} - bound
        return bool(free) and all(name in self._names or hasattr(builtins, name) for name in free)

    def listing(self, options: Options, option: str, added: Mapping[str, object]) -> tuple[str, ...] | None:
        """A list of texts, written as an expression or as the format's own list."""
        entry = options.entry(option)
        if entry is None:
            return None
        value = self.evaluate(options, option, added) if isinstance(entry.value, str) else entry.value
        if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(word, str) for word in value):
            return tuple(value)
        if value is not FAILED:
            options.wrong(option, f"must be a list of texts such as ['INBOX', 'Sent'], not {shown(value)}")
        return None

    def later(self, options: Options, option: str) -> Callable[[], Any] | None:
        """A call that evaluates the expression when its value is needed; only its grammar is checked now."""
        if not options.has(option):
            return None
        code = compiled(options, option)
        names = self._names
        return None if code is None else lambda: eval(code, dict(names))


def compiled(options: Options, option: str) -> CodeType | None:
    """Compile an expression; None, after noting what is wrong, if it is none."""
    text = options.text(option)
    if not text:
        return None
    place = options.place(option)
    try:
        return _compile(f"({text}\n)", f"<{place}: {options.name(option)}>", "eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = f": {_grammar(error, text) if isinstance(error, SyntaxError) else described(error)}"
        if option == "remotepasseval":
            reason = ""  # it may quote what was meant to be the password itself
        options.wrong(option, f"is not a Python expression{reason}")
        return None


def _grammar(error: SyntaxError, text: str) -> str:
    """What Python finds wrong, without its lines, which are not the file's, and without the parentheses put around."""
    opened = _NOT_CLOSED.search(error.msg)
    if opened and (error.lineno or 0) > text.count("\n") + 1:
        return f"{opened[1]} was never closed"
    if opened and opened[1] == "'('":
        try:
            _compile(text, "", "eval")
        except SyntaxError as bare:
            error = bare if bare.msg.startswith("unmatched") else error
    return _LINES.sub("", error.msg)


def described(error: BaseException) -> str:
    """An exception on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _compile(source: str, filename: str, mode: str) -> CodeType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # '\.' in a plain string is how regular expressions are written there
        return compile(source, filename, mode)


def _execute(path: Path, options: Options) -> dict[str, object]:
    module = types.ModuleType("postboat_pythonfile")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickle look a class's module up
    try:
        exec(_compile(path.read_text("utf-8"), str(path), "exec"), module.__dict__)
    except OSError:
        return {}  # told by readable_file
    except SyntaxError as error:
        _tell(options, Place(str(path), error.lineno or 0), f"is not Python: {error.msg}")
    except (Exception, SystemExit) as error:
        _tell(options, Place(str(path), _line_in(path, error)), described(error))
    return module.__dict__


def _tell(options: Options, place: Place, what: str) -> None:
    options.wrong("pythonfile", f"{place}: {what}")


def _line_in(path: Path, error: BaseException) -> int:
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
