from types import SimpleNamespace

import pytest
from aioimaplib import aioimaplib

from postboat.errors import CommandFailed
from postboat.imap import standing as module
from postboat.imap.standing import AUTH, LOGOUT, NONAUTH, SELECTED, Standing
from postboat.imap.wire import commands
from postboat.imap.wire.responses import Condition

LEGAL_IN = {"SELECT": (AUTH, SELECTED), "UID": (SELECTED,)}
FETCH = commands.uid_fetch("1", "FLAGS")


def standing(state):
    return Standing(SimpleNamespace(state=state), LEGAL_IN)


@pytest.mark.parametrize("name", ["NONAUTH", "AUTH", "SELECTED", "LOGOUT"])
def test_the_states_are_those_of_aioimaplib(name):
    assert getattr(module, name) == getattr(aioimaplib, name)


@pytest.mark.parametrize(("preauthenticated", "state"), [(True, AUTH), (False, NONAUTH)])
def test_the_greeting_tells_where_it_begins(preauthenticated, state):
    now = standing("CONNECTED")
    now.greeted(preauthenticated=preauthenticated)
    assert now.now == state


def test_a_command_may_rely_on_those_before_it_but_changes_nothing_yet():
    now = standing(AUTH)
    now.send(commands.select("a"), first=True)
    now.send(FETCH, first=False)
    assert now.now == AUTH


def test_what_was_expected_is_forgotten_once_nothing_is_under_way():
    now = standing(AUTH)
    now.send(commands.select("a"), first=True)
    with pytest.raises(CommandFailed, match="AUTH"):
        now.send(FETCH, first=True)


def test_a_command_may_rely_on_a_sign_in_that_is_not_answered_yet():
    now = standing(NONAUTH)
    now.send(commands.authenticate("PLAIN"), first=True)
    now.send(commands.select("a"), first=False)
    assert now.now == NONAUTH


def test_a_refused_sign_in_may_be_followed_by_another_while_what_was_sent_behind_it_is_unanswered():
    now = Standing(SimpleNamespace(state=NONAUTH), LEGAL_IN | {"AUTHENTICATE": (NONAUTH,)})
    now.send(commands.authenticate("PLAIN"), first=True)
    now.send(commands.select("a"), first=False)
    now.concluded("AUTHENTICATE", Condition("NO"))
    now.send(commands.authenticate("CRAM-MD5"), first=False)


def test_a_command_that_is_in_no_table_may_always_be_sent():
    standing(LOGOUT).send(commands.noop(), first=True)


@pytest.mark.parametrize(
    ("before", "name", "status", "after"),
    [
        (NONAUTH, "LOGIN", "OK", AUTH),
        (NONAUTH, "LOGIN", "NO", NONAUTH),
        (AUTH, "EXAMINE", "OK", SELECTED),
        (SELECTED, "SELECT", "NO", AUTH),
        (SELECTED, "SELECT", "BAD", SELECTED),
        (SELECTED, "UID FETCH", "NO", SELECTED),
        (SELECTED, "CLOSE", "OK", AUTH),
        (AUTH, "LOGOUT", "OK", LOGOUT),
    ],
)
def test_the_end_of_a_command_moves_the_state(before, name, status, after):
    now = standing(before)
    now.concluded(name, Condition(status))
    assert now.now == after


def test_the_end_of_the_connection_is_a_state():
    now = standing(SELECTED)
    now.ended()
    assert now.now == LOGOUT
