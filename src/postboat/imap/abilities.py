"""What the server says that it can do (RFC 3501 section 7.2.1), and for how long that holds."""

from __future__ import annotations

SHORT = 4096
"""Octets of a literal that goes unasked with LITERAL- (RFC 7888 section 5)."""


class Abilities:
    """The capabilities of one connection: those announced last, and whether they are still to be believed."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()
        """In capitals; replaced whenever the server announces them."""
        self.known = False
        """Whether the server announced them since the greeting, STARTTLS or sign-in, whichever came last."""
        self._announced_while_signing_in = False
        self._are_guessed = False

    def announce(self, names: frozenset[str]) -> None:
        """Take what the server announces in place of all before."""
        self.names, self.known, self._are_guessed = names, True, False
        self._announced_while_signing_in = True

    def guess(self, names: frozenset[str]) -> None:
        """Take these until the server announces any: good for trying, never for sending a literal unasked."""
        self.names, self._are_guessed = names, True

    def forget(self) -> None:
        """Take nothing that was said so far for true, since it was said in clear."""
        self.names, self.known = frozenset(), False

    def sign_in_begins(self) -> None:
        """Mark where a sign-in begins: only what comes behind it is about the user."""
        self._announced_while_signing_in = False

    def signed_in(self) -> None:
        """Know from now on only what was announced since the sign-in began; the names stay as a guess."""
        self.known = self._announced_while_signing_in

    def must_ask(self, octets: int) -> bool:
        """Whether a literal has to wait for the server's consent (RFC 7888)."""
        if self._are_guessed:
            return True
        if "LITERAL+" in self.names:
            return False
        return octets > SHORT or self.names.isdisjoint({"LITERAL-", "IMAP4REV2"})
