"""Mailboxes that show only their newest messages: an older one that is out of sight is not gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.server_kind import message_limit

if TYPE_CHECKING:
    from collections.abc import Collection

GMAIL_LIMITS = frozenset({1000, 2000, 5000, 10_000})
"""What users of Gmail can choose as the size of a folder in IMAP."""
_USUAL = 1000


def may_hide_older(capabilities: Collection[str], shown: int) -> bool:
    """Whether a mailbox that shows so many messages may hold others with lower UIDs than all of these.

    Gmail does when a folder is larger than its user's setting "Limit IMAP folders to contain no more than this many
    messages". Yahoo does with large folders, unless UIDONLY (RFC 9586) is enabled, which Postboat does not speak.
    """
    if "X-GM-EXT-1" in capabilities:
        return shown in GMAIL_LIMITS
    return "UIDONLY" in capabilities and shown >= (message_limit(capabilities) or _USUAL)
