"""What a connection shows of itself to who looks now and then: what it is used for, and how much it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postboat.imap.wire.doing import FREE, doing

if TYPE_CHECKING:
    from postboat.imap.carrier import Carrier
    from postboat.imap.pipeline import Pipeline


class Glow:
    """Costs nothing until it is looked at."""

    def __init__(self, carrier: Carrier, pipeline: Pipeline) -> None:
        self._carrier, self._pipeline = carrier, pipeline
        self._seen = (0, 0)

    @property
    def octets(self) -> tuple[int, int]:
        """Octets received and sent, as they were on the wire but for TLS."""
        return self._carrier.received, self._carrier.sent

    def doing(self) -> str:
        """In one word, as in `events.Light`, what it is used for: by what is in flight, or was since the last look."""
        before, self._seen = self._seen, self.octets
        oldest = self._pipeline.oldest
        command = oldest.command if oldest is not None else self._pipeline.latest
        return FREE if command is None or (oldest is None and self._seen == before) else doing(command)
