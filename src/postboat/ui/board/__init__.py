"""What a dashboard shows, folded from what a link tells and laid out as rows of text. Pure.

START READING in `board`, which learns; `draw` lays a screen out, of which `accounts` says what is in it.
"""

from postboat.ui.board.board import Board as Board
from postboat.ui.board.focus import Focus as Focus
from postboat.ui.board.spans import Look as Look
from postboat.ui.board.spans import Row as Row
from postboat.ui.board.spans import Span as Span
