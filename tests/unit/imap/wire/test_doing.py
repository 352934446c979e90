"""Every command is for something that a light can show."""

from __future__ import annotations

from inspect import getmembers, isfunction

import pytest

from postboat.imap.wire import commands, doing
from postboat.imap.wire.commands import Literal
from postboat.imap.wire.doing import doing as told
from postboat.imap.wire.uid_set import UidSet

MANY = UidSet.of(range(1, 20_000, 2))


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (commands.login("me", "secret"), "connecting"),
        (commands.authenticate("PLAIN", b"x"), "connecting"),
        (commands.capability(), "connecting"),
        (commands.id_(), "connecting"),
        (commands.enable("QRESYNC"), "connecting"),
        (commands.compress(), "connecting"),
        (commands.idle(), "waiting"),
        (commands.notify("NONE"), "waiting"),
        (commands.noop(), "free"),
        (commands.logout(), "free"),
        (commands.list_("", "*", "SUBSCRIBED"), "folders"),
        (commands.status("x", ["MESSAGES"]), "folders"),
        (commands.create("x"), "folders"),
        (commands.delete("x"), "folders"),
        (commands.select("x"), "opening"),
        (commands.examine("x"), "opening"),
        (commands.uid_search("ALL"), "listing"),
        (commands.uid_fetch("1:*", "UID FLAGS"), "listing"),
        (commands.uid_fetch("1:*", "UID FLAGS", changed_since=5), "listing"),
        (commands.uid_fetch("1:9", "UID BODY.PEEK[HEADER]"), "listing"),
        (commands.uid_fetch(MANY, "UID FLAGS INTERNALDATE BODY.PEEK[]"), "copying"),
        (commands.append("x", [], None, Literal.of(b"BODY.PEEK[]")), "sending"),
        (commands.uid_move("1", "x"), "sending"),
        (commands.uid_store("1", "+", ["\\Seen"]), "flagging"),
        (commands.uid_store("1", "+", ["\\Deleted"]), "deleting"),
        (commands.uid_expunge("1"), "deleting"),
        (commands.expunge(), "deleting"),
    ],
)
def test_a_command_is_for_something(command: commands.Command, word: str) -> None:
    assert told(command) == word


def test_no_command_is_forgotten() -> None:
    made = [each for name, each in getmembers(commands, isfunction) if each.__module__ == commands.__name__]
    names = {const for each in made for const in each.__code__.co_consts if isinstance(const, str) and const.isupper()}
    named = {name for name in names if name.replace(" ", "").isalpha() and name not in ("NIL",)}
    assert named - {"UID FETCH", "UID STORE", "DEFLATE"} <= doing._DOING.keys()
