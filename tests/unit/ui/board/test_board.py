"""Rules of the board: what it knows after any events, and that every screen has its size."""

from __future__ import annotations

import json
import time
import unicodedata
from dataclasses import fields, replace
from inspect import get_annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.boards import lines_of, texts, voyage

from postboat import events
from postboat.events import (
    AccountFinished,
    AccountPaused,
    AccountRecovered,
    AccountRests,
    AccountStarted,
    AccountWaits,
    ConfigReloaded,
    ConnectionsSeen,
    Counts,
    FolderCreated,
    FolderFailed,
    FolderFinished,
    FolderPlanned,
    FolderProgressed,
    FolderScanned,
    FoldersListed,
    FolderStarted,
    HookRan,
    Light,
    MessageFailed,
    MessagesArrived,
    PlanDecided,
    PlanHeld,
    RunFinished,
    ServiceStarted,
    ServiceStopping,
    SidesNamed,
    Warned,
)
from postboat.mirrored import NotThere, NotTold
from postboat.status import ServiceStatus
from postboat.status_json import as_json, from_json
from postboat.ui import words
from postboat.ui.board import Board, Focus, Look, draw
from postboat.ui.board import focus as focuses
from postboat.ui.board.accounts import card
from postboat.ui.board.bays import LINGER, RIPE
from postboat.ui.board.board import FRESH
from postboat.ui.board.log import KEPT
from postboat.ui.board.traffic import Traffic, spark
from postboat.ui.link import Happened, Lost, Over, Snapshot
from postboat.ui.words import Manner
from postboat.values import Sides

NOW = 1_772_460_120.0


def board_of(*happened, accounts=("work", "home"), goes_on=True):
    """A board that learnt of these events, a tenth of a second apart."""
    board = Board(Manner(many_accounts=True), goes_on=goes_on)
    begun = (ServiceStarted(accounts),) if accounts else ()
    for nth, event in enumerate((*begun, *happened)):
        board.learn(Happened(event, NOW + nth / 10), NOW + nth / 10)
    return board


def screen(board, now=NOW + 5, columns=80, lines=24, focus=None, **look):
    return texts(draw.screen(board, focus or Focus(), now, columns, lines, Look(**look)))


def snapshot_of(board, **changes):
    """What another process would be sent of the board's status."""
    return Snapshot(replace(from_json(json.loads(json.dumps(as_json(board.status)))), **changes))


SYNC = (AccountStarted("work"), FoldersListed("work", 40))
COPY = (*SYNC, FolderStarted("work", "INBOX"), FolderPlanned("work", "INBOX", Counts(down=10)))


# --- any lines, any size ------------------------------------------------------------------------------------------

NAMES = st.sampled_from(
    ["work", "home", "", "漢字", "a\x1b[2J", "e\u0301", "x" * 200, "\u202eabc", "🦆", "a\nb", "\udcff"]
)
NUMBERS = st.one_of(st.integers(0, 9), st.integers(0, 10**12))
TIMES = st.floats(NOW - 1e6, NOW + 1e6)
COUNTS = st.builds(Counts, *[NUMBERS] * 11)
VALUES = {
    "str": NAMES,
    "SideName": st.sampled_from(["local", "remote"]),
    "int": NUMBERS,
    "float": TIMES,
    "bool": st.booleans(),
    "Counts": COUNTS,
    "float | None": st.none() | TIMES,
    "Sides | None": st.none() | st.builds(Sides, NAMES, NAMES, st.booleans()),
    "int | None": st.none() | st.integers(-9, 9),
    "tuple[str, ...]": st.lists(NAMES, max_size=3).map(tuple),
    "tuple[Light, ...]": st.lists(st.builds(Light, st.sampled_from(["copying", "free", "odd"]), NAMES)).map(tuple),
    "tuple[NotThere, ...]": st.lists(st.builds(NotThere, *[NAMES] * 5, st.none() | TIMES, NUMBERS)).map(tuple),
    "tuple[NotTold, ...]": st.lists(st.builds(NotTold, NAMES, NAMES)).map(tuple),
    "tuple[dict[str, object], ...]": st.just(({"do": "copy", "to": "local", "message": "7"},)),
}
SPECIAL = {"exit_code": st.integers(0, 8), "seconds": st.floats(0, 1e6)}


def any_of(kind):
    types = {name: of for base in reversed(kind.__mro__) for name, of in get_annotations(base).items()}
    facts = {
        each.name: SPECIAL[each.name] if each.name in SPECIAL else VALUES[types[each.name]] for each in fields(kind)
    }
    return st.builds(kind, **facts)


KINDS = [
    kind
    for kind in vars(events).values()
    if isinstance(kind, type)
    and issubclass(kind, events.Event)
    and kind not in (events.Event, events.AccountEvent, events.FolderEvent)
]
LINES = st.lists(
    st.one_of(
        st.builds(Happened, st.one_of([any_of(kind) for kind in KINDS]), TIMES),
        st.builds(Happened, st.one_of([any_of(kind) for kind in KINDS]), st.floats(NOW, NOW + 9)),
        st.builds(Lost, NAMES),
        st.builds(Over),
        st.builds(Snapshot, st.builds(ServiceStatus, NUMBERS, NAMES, TIMES, NAMES), st.integers(0, 99)),
    ),
    max_size=25,
)
FOCUS = st.builds(
    Focus, st.sampled_from(focuses.PANELS), NAMES, st.integers(0, 50), st.sampled_from(["", "o", "漢"]), st.booleans()
)


@settings(max_examples=150, deadline=None)
@given(LINES, FOCUS, st.integers(0, 130), st.integers(0, 40), st.booleans(), st.booleans())
def test_any_lines_fill_any_screen_exactly(lines, focus, columns, high, unicode, goes_on):
    board = Board(Manner(many_accounts=True), goes_on=goes_on)
    for line in lines:
        board.learn(line, NOW)
        drawn = draw.screen(board, focus, NOW, columns, high, Look(unicode=unicode))
        assert len(drawn) == high
    for text in texts(draw.screen(board, focus, NOW + 3, columns, high, Look(unicode=unicode))):
        assert words.width(text) == columns
        assert unicode or text.isascii()
        assert not any(unicodedata.category(char) in {"Cc", "Zl", "Zp", "Cs"} for char in text)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (20, 5), (5, 20), (200, 2), (500, 100)])
def test_every_recording_fits_a_screen_of_any_size(size):
    for name in ("hostile", "folders_300", "ten_accounts"):
        board, now = voyage(name)
        for panel in focuses.PANELS:
            drawn = texts(draw.screen(board, Focus(panel), now, *size, Look()))
            assert [words.width(text) for text in drawn] == [size[0]] * size[1]


# --- accounts -----------------------------------------------------------------------------------------------------


def test_a_folder_keeps_its_line_when_another_begins_or_ends():
    both = (FolderStarted("work", "Sent"), FolderPlanned("work", "Sent", Counts(down=50)))
    board = board_of(*COPY, *both)
    before = screen(board)
    board.learn(Happened(FolderFinished("work", "INBOX", Counts(down=10)), NOW + 5), NOW + 5)
    after = screen(board)
    assert [line[5:10] for line in before[3:5]] == [line[5:10] for line in after[3:5]] == ["INBOX", "Sent "]
    assert "✓" in after[3]
    board.learn(Happened(FolderPlanned("work", "Drafts", Counts(down=3)), NOW + 5), NOW + 5)
    assert [line[5:11] for line in screen(board)[3:5]] == ["Drafts", "Sent  "]


def test_a_folder_that_is_done_at_once_gets_no_line():
    board = board_of(*COPY)
    assert "INBOX" not in "".join(screen(board, now=NOW + 0.4 + RIPE / 2)[:4])
    assert "INBOX" in screen(board, now=NOW + 0.5 + RIPE)[3]


def test_lines_of_folders_go_a_moment_after_the_sync():
    board = board_of(*COPY)
    board.learn(Happened(AccountFinished("work", Counts(down=10), 40, 0, 3.0), NOW + 5), NOW + 5)
    assert card(board, "work", NOW + 5 + LINGER / 2, Look()).folders
    assert not card(board, "work", NOW + 5 + LINGER, Look()).folders


def test_a_folder_that_is_only_looked_at_is_counted():
    board = board_of(*COPY, *(FolderStarted("work", f"Old/{n}") for n in range(3)))
    told = card(board, "work", NOW + 5, Look())
    assert [each.folder for each in told.folders] == ["INBOX"]
    assert told.rest == "3 being looked at, 36 to come"


def test_a_long_look_is_shown_with_its_share():
    board = board_of(*SYNC, FolderStarted("work", "Big"), FolderScanned("work", "Big", "local", 25, 100))
    (shown,) = card(board, "work", NOW + 5, Look()).folders
    assert (shown.fraction, shown.count, shown.left) == (0.25, "25 of 100", "looking")


def test_rate_and_time_to_go_follow_progress():
    board = board_of(*COPY)
    for second in range(1, 5):
        done = Counts(down=second)
        board.learn(Happened(FolderProgressed("work", "INBOX", done), NOW + second), NOW + second)
    (shown,) = card(board, "work", NOW + 4, Look()).folders
    assert (shown.count, shown.rate, shown.left) == ("4 of 10", "1.1/s", "0:06 left")


def test_the_countdown_runs_to_the_next_sync():
    done = AccountFinished("work", Counts(), 1, 0, 0.1)
    board = board_of(AccountStarted("work"), done, AccountRests("work", NOW + 252))
    assert card(board, "work", NOW, Look()).countdown == "next 4:12"
    assert card(board, "work", NOW + 300, Look()).countdown == "next 0:00"


def test_an_account_that_waits_counts_down_to_its_next_attempt():
    board = board_of(AccountWaits("work", "no route to host", 4, NOW + 40))
    told = card(board, "work", NOW, Look())
    assert (told.state, told.countdown, told.mark.style) == ("offline", "again 0:40", "attention")
    assert [span.text for span in told.notes] == ["no route to host"]


def test_an_account_without_sign_in_says_what_to_do():
    told = card(board_of(AccountWaits("home", "refused", 5, None)), "home", NOW, Look())
    assert (told.state, told.mark.style) == ("sign-in needed", "error")
    assert told.notes[1].text.startswith("Check remoteuser and the password")
    assert "2 tries it again" in told.notes[2].text


def test_what_was_done_outlasts_a_sync():
    one = (
        AccountStarted("work"),
        FolderFinished("work", "A", Counts(down=2)),
        AccountFinished("work", Counts(), 1, 0, 1),
    )
    board = board_of(*one, *one)
    assert card(board, "work", NOW, Look()).signs == ["↓4"]


def test_only_what_came_after_the_first_sync_is_new():
    board = board_of(
        MessagesArrived("work", "INBOX", ("a", "b"), first=True),
        MessagesArrived("work", "INBOX", ("c",)),
        MessagesArrived("work", "Junk", ("d",), unwanted=True),
    )
    assert "1 new" in screen(board)[0]


def test_the_tenth_account_has_the_key_nought_and_further_ones_none():
    board = board_of(accounts=tuple(f"a{n}" for n in range(12)))
    assert [card(board, name, NOW, Look()).key for name in board.accounts[8:]] == ["9", "0", "", ""]


def test_accounts_of_another_configuration_take_its_order():
    board = board_of(AccountStarted("work"), ConfigReloaded(accounts=("new", "work")))
    assert board.accounts == ["new", "work"]
    assert card(board, "work", NOW, Look()).mark.style == "busy"


# --- many accounts, many folders ----------------------------------------------------------------------------------


def test_fifty_accounts_scroll_with_the_cursor_and_tell_how_many_are_hidden():
    board = board_of(AccountWaits("a49", "refused", 5, None), accounts=tuple(f"a{n:02}" for n in range(50)))
    top = screen(board)
    assert "▸1 a00" in top[2]
    assert any("below, 1 needs you" in line for line in top)
    names = draw.names(board, Focus())
    down = screen(board, focus=focuses.moved(Focus(), names, +40))
    assert any("▸  a40" in line for line in down)
    assert focuses.moved(Focus(account="a40"), names, +99).account == "a49"


def test_lines_that_have_no_room_are_counted():
    busy = [FolderPlanned("work", f"f{n}", Counts(down=9)) for n in range(60)]
    shown = screen(board_of(*SYNC, *busy), now=NOW + 20)
    assert any(line.startswith(" +") and "f1" in line for line in shown)


def test_the_filter_narrows_accounts_folders_and_the_log():
    board = board_of(*COPY, Warned("odd things", "home"), FolderStarted("home", "Sent"))
    only_home = "\n".join(screen(board, focus=Focus(filter="HOME"))[:-1])
    assert "home" in only_home
    assert "INBOX" not in only_home
    by_folder = screen(board, focus=Focus(filter="inbox"))
    assert "work" in by_folder[2]
    assert "INBOX" in by_folder[3]
    assert "No account matches" in screen(board, focus=Focus(filter="zzz"))[2]


# --- errors, plans ------------------------------------------------------------------------------------------------


def test_the_same_error_is_counted_and_is_over_when_the_folder_is_in_step():
    failed = FolderFailed("work", "INBOX", "the server said NO")
    board = board_of(failed, AccountStarted("work"), failed)
    (error,) = board.errors.listed()
    assert (error.count, error.over, error.first < error.last) == (2, None, True)
    board.learn(Happened(FolderFinished("work", "INBOX", Counts()), NOW + 9), NOW + 9)
    assert error.over == NOW + 9
    assert board.errors.lasting == 0


@pytest.mark.parametrize(
    ("wrong", "well"),
    [
        (AccountWaits("work", "away", 4, NOW), AccountRecovered("work")),
        (HookRan("work", "presynchook", 1, 0.1), HookRan("work", "presynchook", 0, 0.1)),
        (ConfigReloaded(problems=("odd",)), ConfigReloaded()),
        (MessageFailed("work", "INBOX", "copy", "why"), FolderFinished("work", "INBOX", Counts())),
    ],
)
def test_what_is_well_again_is_over(wrong, well):
    board = board_of(wrong)
    assert board.errors.lasting == 1
    board.learn(Happened(well, NOW + 9), NOW + 9)
    assert board.errors.lasting == 0


def test_a_folder_that_a_sync_of_all_has_nothing_to_tell_of_is_well_again():
    one, other = FolderFailed("work", "Lists", "error at 12:00"), FolderFailed("work", "Lists", "error at 12:01")
    failed, well = AccountFinished("work", Counts(), 40, 1, 1.0), AccountFinished("work", Counts(), 40, 0, 1.0)
    listed = FoldersListed("work", 40)
    board = board_of(AccountStarted("work"), listed, one, failed, AccountStarted("work"), listed, other, failed)
    assert board.errors.lasting == 1
    for event in (AccountStarted("work"), listed, well):
        board.learn(Happened(event, NOW + 9), NOW + 9)
    assert board.errors.lasting == 0


def test_a_held_plan_is_shown_while_its_folder_is_looked_at_again():
    held = PlanHeld("work", "INBOX", "remote", "emptied", 7, 7, ("Hello",))
    board = board_of(AccountStarted("work"), FolderStarted("work", "INBOX"), held)
    board.learn(Happened(FolderFinished("work", "INBOX", Counts()), NOW + 1), NOW + 1)
    board.learn(Happened(FolderStarted("work", "INBOX"), NOW + 2), NOW + 2)
    assert [plan.count for plan in board.plans()] == [7]
    board.learn(Happened(held, NOW + 3), NOW + 3)
    assert [plan.count for plan in board.plans()] == [7]
    board.learn(Happened(PlanDecided("work", "INBOX", "remote", "confirmed", 7), NOW + 4), NOW + 4)
    assert not board.plans()


def test_the_key_for_held_plans_is_told_while_there_are_any():
    assert not any("c held" in line for line in screen(board_of()))
    board = board_of(PlanHeld("work", "INBOX", "remote", "emptied", 7, 7))
    assert "c held" in screen(board)[-1]
    assert "! 1 needs you" in screen(board)[0]


# --- the run ------------------------------------------------------------------------------------------------------


def test_a_snapshot_shows_the_work_that_is_under_way():
    before = board_of(*COPY, PlanHeld("home", "Old", "local", "emptied", 3, 3), FolderFailed("home", "Odd", "why"))
    before.learn(Happened(FolderProgressed("work", "INBOX", Counts(down=4)), NOW + 2), NOW + 2)
    board = Board(Manner(many_accounts=True))
    board.learn(snapshot_of(before), NOW + 5)
    shown = "\n".join(screen(board, now=NOW + 6))
    assert "4 of 10" in shown
    assert "HELD Old" in shown
    assert "Odd: could not be synced: why" in shown
    assert board.errors.lasting == 1


def test_a_lost_service_is_told_and_so_is_its_return():
    board = board_of(AccountPaused("work"))
    board.learn(Lost("gone"), NOW + 1)
    board.learn(Lost("still gone"), NOW + 3)
    assert "no connection to the service, trying again" in screen(board)[1]
    assert len([line for line in board.log if "no connection" in line.lines[0]]) == 1
    board.learn(snapshot_of(board, pid=2), NOW + 4)
    assert "no connection" not in screen(board)[1]
    assert board.log[-1].lines == ("connected to the service again",)


def test_a_service_that_is_gone_is_not_said_to_be_stopping():
    board = board_of(AccountPaused("work"), ServiceStopping())
    assert "stopping" in screen(board)[1]
    board.learn(Lost("the run that went on has ended"), NOW + 1)
    assert "stopping" not in screen(board)[1]


def test_missed_events_are_counted():
    board = board_of()
    board.learn(replace(snapshot_of(board), dropped=100), NOW)
    board.learn(replace(snapshot_of(board), dropped=120), NOW)
    assert "120 events were not shown" in screen(board)[1]
    assert [line.lines[0] for line in board.log][-1] == "20 events were not shown"


def test_missed_events_are_told_for_a_minute_and_later_ones_counted_anew():
    board = board_of()
    board.learn(replace(snapshot_of(board), dropped=100), NOW)
    assert board.missed_lately(NOW + FRESH - 1) == 100
    assert board.missed_lately(NOW + FRESH) == 0
    board.learn(replace(snapshot_of(board), dropped=105), NOW + 2 * FRESH)
    assert board.missed_lately(NOW + 2 * FRESH) == 5


def test_nothing_is_counted_down_that_cannot_be_known():
    board = board_of(*SYNC, AccountFinished("work", Counts(), 40, 0, 1.0), AccountRests("work", NOW + 60))
    assert "next 0:55" in screen(board)[2]
    board.learn(Lost("gone"), NOW)
    assert "next" not in screen(board)[2]


def test_the_log_proposes_no_command_for_what_a_key_does():
    board = board_of(AccountPaused("work"))
    assert board.log[-1].lines == ("work: paused",)


def test_a_snapshot_is_not_changed_by_what_happens_later():
    given = snapshot_of(board_of())
    board = Board(Manner())
    board.learn(given, NOW)
    board.learn(Happened(AccountPaused("work"), NOW), NOW)
    assert not given.status.accounts["work"].paused


def test_a_single_run_tells_how_it_ended_and_offers_no_syncs():
    board = board_of(*SYNC, AccountFinished("work", Counts(), 40, 0, 1.0), RunFinished(0), accounts=(), goes_on=False)
    shown = screen(board)
    assert "finished" in shown[1]
    assert "sync" not in shown[-1]


def test_the_log_names_times_and_stays_bounded():
    board = board_of()
    for nth in range(KEPT + 500):
        board.learn(Happened(Warned(f"thing {nth}", "work"), NOW), NOW)
    assert len(board.log) == KEPT
    assert len(board.errors.listed()) <= 200
    assert f"work: thing {KEPT + 499}" in screen(board)[-2]


# --- traffic ------------------------------------------------------------------------------------------------------


def test_what_went_over_the_wire_is_told_by_the_second():
    traffic = Traffic()
    for second, received in enumerate((1000, 4000, 10_000)):
        traffic.learn(received, 0, NOW + second)
    assert traffic.samples(NOW + 3, 4) == [0, 0, 3000, 6000]
    assert traffic.rates(NOW + 3) == (3000, 0)
    traffic.learn(500, 0, NOW + 3)
    assert traffic.samples(NOW + 4, 1) == [500], "connections that were made anew count from nothing"


def test_a_sparkline_is_as_high_as_its_highest_sample():
    assert spark([0, 1, 50_000, 100_000]) == "▁▂▅█"
    assert spark([]) == ""


def test_without_lights_the_sizes_of_messages_stand_for_traffic():
    board = board_of(*COPY)
    board.learn(Happened(FolderProgressed("work", "INBOX", Counts(down=1, bytes_down=9000)), NOW + 2), NOW + 2)
    assert board.traffic.rates(NOW + 3) == (3000, 0)
    seen = ConnectionsSeen("work", (Light("copying", "INBOX"),), 100, 0)
    board.learn(Happened(seen, NOW + 3), NOW + 3)
    assert card(board, "work", NOW, Look()).lights[0].style == "copying"


# --- two servers --------------------------------------------------------------------------------------------------


TWO = (
    SidesNamed("work", Sides("Old", "New")),
    *SYNC,
    ConnectionsSeen(
        "work",
        (Light("waiting", "", "New"), Light("copying", "INBOX", "Old"), Light("connecting"), Light("free", "", "New")),
        1,
        2,
    ),
    PlanHeld("work", "INBOX", "remote", "emptied", 5, 5),
)


def test_the_connections_to_one_server_stand_apart_from_those_to_the_other():
    board = board_of(*TWO)
    shapes = "".join(mark.shape for mark in card(board, "work", NOW, Look()).lights)
    assert shapes == "▼ ○·◌"
    assert board.most_lights == 5
    detail = screen(board, columns=100, lines=40, focus=Focus(panel="detail", account="work"))
    assert any("connection 1" in line and "▼ Old: copying from the server  INBOX" in line for line in detail)
    assert any("connection 2" in line and "○ New: waiting for the server to tell" in line for line in detail)


def test_what_sides_are_called_is_known_to_one_who_comes_later():
    board, late = board_of(*TWO), Board(Manner(many_accounts=True))
    late.learn(snapshot_of(board), NOW)
    late.learn(Happened(FolderCreated("work", "x", "local", "x"), NOW), NOW)
    assert late.log[-1].lines == ("work: x: created on New",)
    held = "all 5 messages would be deleted on Old, because the folder was emptied on New"
    for each in (board, late):
        assert any(held in line for line in screen(each, columns=120, lines=40))


# --- cost ---------------------------------------------------------------------------------------------------------


def test_learning_and_drawing_cost_next_to_nothing():
    def seconds(work):
        began = time.process_time()
        work()
        return time.process_time() - began

    lines = [
        Happened(event, NOW + nth / 100)
        for nth in range(2_500)
        for event in (
            FolderProgressed("work", "INBOX", Counts(down=nth)),
            MessageFailed("work", "INBOX", f"copy message {nth}", "odd"),
        )
    ]
    board = board_of(*COPY)
    assert seconds(lambda: [board.learn(line, NOW) for line in lines]) < 0.5  # 0.03 s on a quiet machine
    board, now = voyage("folders_300")
    draw.screen(board, Focus(), now, 200, 60, Look())
    assert seconds(lambda: draw.screen(board, Focus(), now, 200, 60, Look())) < 0.05  # 0.003 s
    assert len(lines_of("folders_300")) > 500
