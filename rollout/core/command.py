"""A person's command, whom it is for, and its answer: accepted, nothing to do, or refused with what would work."""

from enum import StrEnum

import msgspec

from rollout.core.ending import Claim
from rollout.core.event import ServiceFact
from rollout.core.names import RolloutId, ServiceName
from rollout.core.terms import Amendment


class Verb(StrEnum):
    """What people can say."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    ADVANCE = "advance"
    RETRY = "retry"
    EXCLUDE = "exclude"
    ROLLBACK = "rollback"
    RESOLVE = "resolve"
    CLAIM = "claim"
    HALT = "halt"
    ABORT = "abort"
    APPROVE = "approve"
    REJECT = "reject"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    AMEND = "amend"


FOR_ROLLOUTS = frozenset({Verb.HALT, Verb.ABORT, Verb.APPROVE, Verb.REJECT, Verb.AMEND})
"""Words for a rollout as a whole; the others speak to one service, or to each of a rollout's."""


FOR_ENGINES = frozenset({Verb.FREEZE, Verb.UNFREEZE})
"""Words for all rollouts at once."""
FOR_SERVICES = frozenset(Verb) - FOR_ROLLOUTS - FOR_ENGINES


class Command(msgspec.Struct, frozen=True):
    """One command. The same `key` is answered once, however often it arrives."""

    key: str
    verb: Verb
    actor: str
    reason: str
    accept_red: tuple[str, ...] = ()
    """Checks that have not passed and are taken as they are (advance)."""
    past_no_return: bool = False
    """The last domain may be walked, after which Rollback is gone (advance)."""
    resolve_as: Claim | None = None
    force: bool = False
    """The claim counts even where the deployment shows something else (resolve)."""
    take_over: bool = False
    """Somebody else's change is taken back, too (rollback)."""
    including_finished: bool = False
    """What has ended well is taken back as well, by new attempts (abort)."""
    wave: str | None = None
    """Only that wave's approval; None = every one that is waited for (approve, reject)."""
    domains: bool = False
    """Services under way go no further either (freeze)."""
    until_wall: float | None = None
    """POSIX seconds at which it ends by itself (freeze)."""
    amendment: Amendment | None = None
    """The new terms (amend)."""
    release: bool = False
    """It is handed back (claim)."""
    plan: str = ""
    """The digest of the plan that was looked at, or its beginning (approve, amend)."""


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command and whom it is for; `service` None = the rollout, or each of its services."""

    rollout: RolloutId
    service: ServiceName | None
    command: Command
    services: tuple[ServiceName, ...] = ()
    """These of the rollout's services, and no other; answered all in one transaction."""


class Told(msgspec.Struct, frozen=True):
    """Accepted: these facts make it so. `said` is what follows, as the continuation of "<service>: "."""

    facts: tuple[ServiceFact, ...]
    said: str


class NoOp(msgspec.Struct, frozen=True):
    """There is nothing to do, and why."""

    said: str


class Refused(msgspec.Struct, frozen=True):
    """Not now: why, and what would work instead."""

    why: str
    instead: str


Answer = Told | NoOp | Refused
