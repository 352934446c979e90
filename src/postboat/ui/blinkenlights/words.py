"""What the dashboard's boxes say. Pure."""

from __future__ import annotations

from postboat.ui.words import clean, plural

Keys = tuple[tuple[str, str], ...]
"""What can be pressed, and what that does."""

SIGN_IN = "Sign in"
ANSWER: Keys = (("enter", "sign in"), ("esc", "not now"))

HELD = "Deletions wait for your word"
LET_PASS = ("y", "yes, delete them")
BRING_BACK = ("r", "no, bring them back")
LATER = ("esc", "decide later")
MEANT = "Was that meant?"

QUIT = "Leave?"
STOP_OR_GO_ON = "The mail is kept in step as long as this runs."
QUIT_OWNED: Keys = (("q", "stop syncing"), ("g", "go on without the dashboard"), ("esc", "stay"))
SERVICE_GOES_ON = "The service keeps the mail in step without the dashboard."
QUIT_ATTACHED: Keys = (("q", "leave, the service goes on"), ("s", "stop the service too"), ("esc", "stay"))

REPLAY_ONLY = "this is a recording: nothing can be asked of it"
NOTHING_HELD = "no deletions wait for your word"
STOPPING = "stopping"
SYNC, SYNC_ALL = "asked to sync {account}", "asked to sync all accounts"
REFUSED = "not done: {reason}"
HALTED = "the recording stands still: space lets it go on"
BROKEN = "postboat: the dashboard broke ({kind}: {text}); POSTBOAT_DEBUG=1 shows where"


def one_of(nth: int, many: int) -> str:
    """Tell which of several held plans is shown."""
    return f"{nth} of {many}: arrow keys show the others"


def decided(account: str, folder: str, verdict: str, more: int) -> str:
    """Tell what was asked for, and how many other held deletions there are."""
    what = "asked to delete what was held in" if verdict == "confirm" else "asked to bring back"
    rest = f"; {plural(more, 'more waits', 'more wait')} for your word: c" if more else ""
    return f"{what} {clean(f'{account}: {folder}' if folder else account)}{rest}"


def speed(factor: float) -> str:
    """Tell how fast a recording plays."""
    return f"plays {factor:g} times as fast" if factor >= 1 else f"plays at 1/{1 / factor:g} of the speed"
