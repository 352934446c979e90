"""Decides what the window shows of a board. Pure: knows nothing of Tk, and the time comes in as an argument."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, cast

from postboat.account_status import IDLE, SYNCING
from postboat.errors import SignInRefused
from postboat.ui import times
from postboat.ui import words as sentences
from postboat.ui.board import words as told
from postboat.ui.board.lights import UNKNOWN, of_account, of_connection
from postboat.ui.board.spans import Look
from postboat.ui.board.traffic import QUIET
from postboat.ui.link import Snapshot
from postboat.ui.sentences import waiting
from postboat.ui.window import words
from postboat.ui.window.folders import folder_rows
from postboat.ui.window.picture import Card, Line, Mark, Note, Picture, Plan, Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from postboat.account_status import AccountStatus
    from postboat.ui.board.board import Board
    from postboat.ui.board.errors import Error
    from postboat.ui.board.log import LogLine
    from postboat.ui.link import Line as Heard
    from postboat.ui.link import Link, Recorded

SECONDS = 45
"""How far back the picture of an account's traffic goes."""
NOTES = 4
"""How many notes of an account there are room for; the page of troubles has them all."""
STILL = Look(motion=False)
SHAPES = {
    "in step": "ok",
    "not all in step": "attention",
    "syncing": "busy",
    "waits, and is tried again by itself": "away",
    "needs you": "attention",
    "failed": "error",
    "paused": "paused",
    "starting": "starting",
}
"""The mark of an account by what it means."""


class Presenter:
    """Makes pictures of a board, filtered as the user wants."""

    def __init__(self, board: Board, link: Link) -> None:
        self._board, self._link = board, link
        self._filter = ""
        self._refused = ""
        self._stopping = False
        self._last: LogLine | None = None
        self._anew = False
        self._plans: list[told.Held] = []

    # ---- what is noted ----------------------------------------------------------------------------------------

    def note(self, line: Heard) -> None:
        """Take note of a line that the board has learnt."""
        if isinstance(line, Snapshot):
            self._stopping = False

    def filter(self, text: str) -> None:
        """Show only what has this in it, in whatever case."""
        self._filter, self._anew = text.strip().casefold(), True

    def refused(self, reason: str) -> None:
        """Show, until something else is asked for, that something was not done; "" shows nothing."""
        self._refused, self._stopping = reason, False

    def stopping(self) -> None:
        """Show that the run was asked to end."""
        self._stopping = True

    # ---- the log ----------------------------------------------------------------------------------------------

    def new_lines(self) -> tuple[list[Line], bool]:
        """Give what the log has got since the last time, and whether that replaces all that was there."""
        log, anew = self._board.log, self._anew
        start = 0 if anew or self._last is None else _after(log, self._last)
        self._last, self._anew = (log[-1] if log else None), False
        fresh = (line for line in islice(log, start, None) if self._wanted(line.account, *line.lines))
        return [each for line in fresh for each in _lines(line, self._board)], anew

    def _wanted(self, *texts: str) -> bool:
        return not self._filter or any(self._filter in text.casefold() for text in texts)

    # ---- the picture ------------------------------------------------------------------------------------------

    def picture(self, now: float) -> Picture:
        """Everything but the log as it is at this moment."""
        board = self._board
        accounts = list(board.status.accounts.values())
        self._plans = board.plans()
        cards = [
            self._card(nth, account, now)
            for nth, account in enumerate(accounts)
            if self._wanted(account.name, *account.troubles, *account.working)
        ]
        headline, style = words.headline(accounts, stopping=self._stopping or board.status.stopping)
        if board.lost is not None:
            style = "dim"
        elif board.exit_code is not None:
            headline, style = told.finished(board.exit_code).capitalize(), "title"
        down, up = board.traffic.rates(now)
        missed = words.missed(lately) if (lately := board.missed_lately(now)) else ""
        hidden = words.hidden(len(accounts) - len(cards)) if len(cards) < len(accounts) else ""
        traffic = words.traffic(down, up, board.arrived, goes_on=board.goes_on)
        return Picture(
            title=words.TITLE if style in ("ok", "title", "dim") else f"{headline} – {words.TITLE}",
            headline=headline,
            style=style,
            traffic="   ".join(part for part in (hidden, traffic, missed) if part),
            banner=self._banner(),
            cards=tuple(cards),
            plans=tuple(_plan(plan, self._board.manner) for plan in self._plans),
            troubles=tuple(_trouble(each, now) for each in board.errors.listed() if each.over is None),
            paused=bool(accounts) and all(account.paused for account in accounts),
        )

    def _banner(self) -> str:
        if self._board.lost is not None:
            return words.lost(self._board.lost)
        if self._refused:
            return words.refused(self._refused)
        if self._link.replay:
            played = cast("Recorded", self._link)
            return words.speed(played.speed, halted=played.halted, ended=played.ended)
        return "; ".join(map(sentences.clean, self._board.status.problems))

    def _card(self, nth: int, account: AccountStatus, now: float) -> Card:
        board = self._board
        mark = of_account(account, now, STILL, goes_on=board.goes_on)
        style = "dim" if board.lost is not None else mark.style
        folders = folder_rows(board, account, now, self._wanted)
        return Card(
            account=account.name,
            title=sentences.clean(account.name),
            key=str((nth + 1) % 10) if nth < 10 else "",
            mark=Mark(SHAPES.get(mark.meaning, "starting"), style, words.meaning(mark.meaning)),
            lights=() if board.lost is not None else self._lights(account.name),
            state=_state(account, board),
            style=style,
            facts=self._facts(account, now),
            spark=_shares(board.desk(account.name).traffic.samples(now, SECONDS)),
            folders=folders,
            notes=tuple(islice(self._notes(account), NOTES)),
            paused=account.paused,
        )

    def _lights(self, account: str) -> tuple[Mark, ...]:
        marks = []
        for light in self._board.desk(account).lights:
            mark = of_connection(light)
            shape = "starting" if mark is UNKNOWN else light.doing
            marks.append(Mark(shape, mark.style, words.meaning(mark.meaning, light)))
        return tuple(marks)

    def _facts(self, account: AccountStatus, now: float) -> str:
        """What is told beside the state: when something happens next, and how the last sync left it."""
        board = self._board
        parts = [told.countdown(account, now, goes_on=board.goes_on)]
        if account.state == SYNCING:
            parts += [" ".join(told.signs(board.done(account.name)))]
        elif account.state == IDLE:
            parts += [words.in_step(account.folders - len(account.troubles)) if account.folders else ""]
            parts += [f"synced {times.ago(account.last_sync, now)}" if account.last_sync is not None else ""]
        if account.arrived and account.state != SYNCING:
            parts.append(f"{sentences.number(account.arrived)} new")
        return " · ".join(part for part in parts if part)

    def _notes(self, account: AccountStatus) -> list[Note]:
        notes = []
        if account.reason:
            first, *more = told.failure(account.reason)
            style = "error" if account.exit_code in (2, SignInRefused.exit_code) else "attention"
            advice = told.advice(account.name, account.exit_code, self._board.manner)
            notes.append(Note("\n".join((first, *(line.strip() for line in more[:2]))), advice, style))
        for index, plan in enumerate(self._plans):
            if plan.account == account.name:
                advice = "" if self._board.goes_on else "\n".join(waiting.choices(plan, self._board.manner))
                text = f"{told.held_in(plan)}: {waiting.doubt(plan, self._board.manner)}"
                notes.append(Note(text, advice, "error", plan=index))
        for name, trouble in account.troubles.items():
            if trouble.reason:
                advice = told.TRIED_AGAIN if self._board.goes_on else ""
                notes.append(Note(f"{sentences.clean(name)}: {sentences.clean(trouble.reason)}", advice, "error"))
        messages = [text for text in told.lacks(account) if not text.endswith("failed") or "message" in text]
        if messages:
            notes.append(Note(", ".join(messages), told.retry(account.name, self._board.manner), "attention"))
        notes += [Note(told.hook(name, failure), "", "attention") for name, failure in account.hooks.items()]
        return notes


def _after(log: Sequence[LogLine], last: LogLine) -> int:
    """The index of the first line after one that was seen; 0 when that is forgotten already."""
    for index in range(len(log) - 1, -1, -1):
        if log[index] is last:
            return index + 1
    return 0


def _lines(line: LogLine, board: Board) -> list[Line]:
    first, *more = line.lines or ("",)
    account = sentences.clean(line.account)
    own = not line.account or first.startswith(f"{account}: ")
    begin = first if own else f"{account}: {first}"
    when = board.clock(line.when)
    return [
        Line(when, begin, line.style),
        *(Line(" " * len(when), each, line.style) for each in more),
    ]


def _state(account: AccountStatus, board: Board) -> str:
    text = told.state(account, goes_on=board.goes_on, dry_run=board.manner.dry_run)
    return text[:1].upper() + text[1:]


def _shares(samples: Sequence[int]) -> tuple[float, ...]:
    """Samples as parts of the largest, in steps so coarse that what cannot be seen changes nothing; () for none."""
    if not any(samples):
        return ()
    top = max(2 * QUIET, *samples)
    return tuple(round(each / top, 2) for each in samples)


def _plan(plan: told.Held, manner: sentences.Manner) -> Plan:
    account, folder = sentences.clean(plan.account), told.held_in(plan)
    doubt = waiting.doubt(plan, manner)
    subjects = tuple(map(waiting.subject, plan.subjects))
    return Plan(
        target=f"{plan.account}:{plan.folder}" if plan.folder else plan.account,
        heading=f"{account}: {folder}",
        reason=f"{doubt[:1].upper()}{doubt[1:]}.",
        subjects=subjects,
        more=max(0, plan.count - len(subjects)),
        pass_on=words.let_pass(plan, manner),
        bring_back=words.bring_back(plan, manner),
    )


def _trouble(error: Error, now: float) -> Trouble:
    where = " ".join(f"{sentences.clean(part)}:" for part in (error.account, error.folder) if part)
    text = "\n".join(error.lines)
    age = times.ago(error.last, now)
    return Trouble(age, f"{where} {text}".strip(), error.count, error.advice, error.style)
