"""What comes from a token for a while: tickets that are good once, and sessions of browsers. Both live in memory."""

import hashlib
import secrets
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from rollout.daemon.auth.person import Person
from rollout.daemon.auth.tokens import Tokens

SESSION_S: Final = 12 * 3600.0
SESSIONS_MAX: Final = 200
TICKETS_MAX: Final = 200
"""Of both the oldest gives way to a new one."""


class TicketFor(StrEnum):
    """What a ticket opens."""

    EVENTS = "events"
    """The stream of events, for readers that cannot set headers."""
    UI = "ui"
    """A session of the dashboard."""


LASTS_S: Final = {TicketFor.EVENTS: 30.0, TicketFor.UI: 60.0}


class _Issued(msgspec.Struct, frozen=True):
    person: Person
    until_t: float
    opens: TicketFor | None = None


class Sessions:
    """Finds persons by their tokens, sessions and tickets. What comes from a token ends with it."""

    def __init__(self, tokens: Tokens, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tokens = tokens
        self._clock = clock
        self._sessions: dict[str, _Issued] = {}
        self._tickets: dict[str, _Issued] = {}

    def find(self, shown: str) -> Person | None:
        """Give the person who shows this token or session."""
        if shown.startswith("rs_"):
            issued = self._sessions.get(_key(shown))
            return issued.person if issued is not None and self._good(issued) else None
        return self._tokens.find(shown)

    def stands(self, person: Person) -> bool:
        """Tell whether somebody who was let in is still let in."""
        return self._tokens.stands(person.token)

    def ticket(self, person: Person, opens: TicketFor) -> tuple[str, float]:
        """Give a ticket that is good once, and for how many seconds."""
        ticket = f"rt_{secrets.token_urlsafe(32)}"
        self._keep(self._tickets, ticket, _Issued(person, self._clock() + LASTS_S[opens], opens), TICKETS_MAX)
        return ticket, LASTS_S[opens]

    def redeem(self, ticket: str, opens: TicketFor) -> Person | None:
        """Take a ticket; it is gone whatever comes of it."""
        issued = self._tickets.pop(_key(ticket), None)
        return issued.person if issued is not None and issued.opens is opens and self._good(issued) else None

    def open(self, person: Person) -> tuple[str, float]:
        """Begin a session, and say how many seconds it lasts."""
        session = f"rs_{secrets.token_urlsafe(32)}"
        named = msgspec.structs.replace(person, via=_key(session)[:16])
        self._keep(self._sessions, session, _Issued(named, self._clock() + SESSION_S), SESSIONS_MAX)
        return session, SESSION_S

    def _good(self, issued: _Issued) -> bool:
        return self._clock() < issued.until_t and self._tokens.stands(issued.person.token)

    def _keep(self, kept: dict[str, _Issued], secret: str, issued: _Issued, most: int) -> None:
        now = self._clock()
        for key in [key for key, each in kept.items() if each.until_t <= now]:
            del kept[key]
        while len(kept) >= most:
            del kept[next(iter(kept))]
        kept[_key(secret)] = issued


def _key(secret: str) -> str:
    """Look up by the hash: how long that takes tells nothing of the secret."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
