"""The state of a rollout as a whole, and what it knows of each of its services. Only `evolve_fleet` makes new ones."""

from collections.abc import Mapping
from typing import Final

import msgspec

from rollout.core import fleet_event
from rollout.core.care import Care
from rollout.core.change_plan import Barrier
from rollout.core.ending import Outcome
from rollout.core.event import HoldReason
from rollout.core.foreseen import Foreseen
from rollout.core.names import POLICY, Digest, RolloutId, ServiceName
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.terms import ServiceTerms
from rollout.core.wave_plan import Moment

FAILED: Final = frozenset({Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.SUSPENDED})
"""Endings that count against a wave's tolerance; a skipped service was never begun."""
UNTOUCHED: Final = frozenset({Outcome.EXCLUDED, Outcome.CANCELLED})
"""Endings by a person's word that need no admission before them."""
WELL: Final = frozenset({Outcome.SUCCEEDED, Outcome.UNCHANGED, Outcome.RESOLVED})
"""Endings after which what needs the service may begin: a person who resolves one answers for it."""


class Summary(msgspec.Struct, frozen=True):
    """What the fleet knows of one service rollout."""

    service: ServiceName
    admitted: bool
    outcome: Outcome | None
    failed: bool
    """Counts against the tolerance: from the moment going back or holding on failure begins."""
    for_person: bool
    """Only somebody's word moves it on; for a queued one, lets it be admitted."""
    by_person: bool = False
    """A person's word ended it."""
    goes_back: bool = False
    """It is on its way back, or waits for a person there."""
    can_go_back: bool = False
    """It was begun, and there is a way back."""
    holds: frozenset[HoldReason] = frozenset()
    took_s: float | None = None
    """How long it was under way, once it has succeeded."""
    barrier: Barrier | None = None
    """It is upgraded on staging and waits for others before its swap: which others."""
    let_through: bool = False
    """It was let through that barrier."""
    swapped: bool = False
    together: bool = False
    """Its swap goes back with those of its wave."""
    keeps_previous: bool = False
    """It has ended, and what stood there before its swap is still kept."""
    undoable: bool = False
    """It has ended well, and what it did can be taken back by a new attempt."""
    stands_at: Moment = Moment.LAST
    """What a hold for an approval is about: its swap, else its last domain."""

    @property
    def in_flight(self) -> bool:
        """Whether it was begun and has not ended, whoever it waits for."""
        return self.admitted and self.outcome is None

    @property
    def takes_room(self) -> bool:
        """Whether it is in flight and something of it may move: what waits at a barrier leaves its room to others."""
        return self.in_flight and self.barrier is None


Summaries = Mapping[ServiceName, Summary]


class Mark(msgspec.Struct, frozen=True):
    """What the checks of a watched service have said since engine second `since_t`; `well` None = nobody could tell."""

    well: bool | None
    since_t: float
    detail: str


class Bake(msgspec.Struct, frozen=True):
    """Services of a wave that are done and are watched; `first` = the wave's first one, before the others begin."""

    wave: str
    first: bool
    services: tuple[ServiceName, ...]
    began_t: float
    dark_s: float = 0.0
    """For how long there was no evidence about one of them; the bake is so much longer."""
    dark_since_t: float | None = None
    marks: dict[ServiceName, Mark] = {}


class Approval(msgspec.Struct, frozen=True):
    """A word that was asked for, until a date; `given` None = nobody has said it."""

    until_wall: float
    digest: str
    """Of the plan it is about."""
    given: bool | None = None
    who: str = ""
    note: str = ""


class PolicyGiven(msgspec.Struct, frozen=True):
    """A policy under which a rollout runs, or ran: the submission's, then each amendment's."""

    digest: Digest
    """Of the payload with its text."""
    at_wall: float
    who: str
    note: str = ""


class RolloutState(msgspec.Struct, frozen=True):
    """Everything the rollout's own stream says."""

    plan: RolloutPlan
    version: int
    opened: dict[str, float] = {}
    """Waves that were opened, in that order, and when, in POSIX seconds."""
    admitted_bits: int = 0
    """Services that were admitted, a bit each by its number in the plan: a set of names would be copied for each."""
    ended_bits: int = 0
    halted: str | None = None
    """Why nothing new starts."""
    halted_by: str = POLICY
    halted_version: int = 0
    """Which entry of its stream says so."""
    aborted: bool = False
    """A person wants all of it back; that is not lifted any more."""
    going_back: frozenset[str] = frozenset()
    """Waves that the policy wants back."""
    forgiven: frozenset[ServiceName] = frozenset()
    """Failures that a person let the rollout go on with."""
    bakes: tuple[Bake, ...] = ()
    baked: frozenset[str] = frozenset()
    """Waves whose bake at the end is over."""
    first_baked: frozenset[str] = frozenset()
    """Waves whose first service was watched for long enough."""
    red_bake: tuple[str, str] | None = None
    """The wave whose bake failed, and why."""
    approvals: dict[str, Approval] = {}
    """By wave; the empty name is the whole rollout's."""
    policies: tuple[PolicyGiven, ...] = ()
    """In the order in which they were given; the last one is in force."""
    terms: dict[str, ServiceTerms] = {}
    """By wave, once they were amended: what a new attempt at one of its services runs under."""
    handed_over: dict[ServiceName, RolloutId] = {}
    """Services that another rollout takes, at the end of what is under way."""
    opened_wall: float = 0.0
    foreseen: Foreseen | None = None
    """What was expected of it when it was opened, whatever was amended since."""
    deadline_wall: float | None = None
    """Until when all of it is to be done; None = there is no such date, or a person let it go on past it."""
    overdue: bool = False
    """It is halted because that date has passed."""
    closed: fleet_event.RolloutClosed | None = None
    environment: str | None = None
    """Why nothing begins although no change is to blame; it lifts itself."""
    care: Care | None = None
    """Who took up what needed somebody in the rollout as a whole."""

    @property
    def amended(self) -> bool:
        """Whether a person gave it other terms than those it was submitted with."""
        return bool(self.terms)

    @property
    def open_wave(self) -> WavePlan | None:
        """The wave that was opened last."""
        return self.wave(next(reversed(self.opened))) if self.opened else None

    @property
    def opened_waves(self) -> tuple[WavePlan, ...]:
        """The waves whose services may be admitted, in the order of the policy."""
        return tuple(wave for wave in self.plan.waves if wave.name in self.opened)

    def wave(self, name: str) -> WavePlan:
        """Give a wave that is known to exist."""
        return next(wave for wave in self.plan.waves if wave.name == name)

    def wave_of(self, service: ServiceName) -> WavePlan:
        """Give the wave of a service that is known to be in one."""
        return self.plan.waves[self.plan.places[service].wave]

    def knows(self, service: ServiceName) -> bool:
        """Tell whether the rollout has such a service."""
        return service in self.plan.places

    def has_ended(self, service: ServiceName) -> bool:
        """Tell whether a service that is known to be in a wave has ended."""
        return bool(self.ended_bits >> self.plan.places[service].number & 1)

    def bake_of(self, wave: str) -> Bake | None:
        """Give the bake that a wave is in."""
        return next((bake for bake in self.bakes if bake.wave == wave), None)


def needed_waves(plan: RolloutPlan, wave: WavePlan) -> tuple[WavePlan, ...]:
    """Give the waves that must have ended well before `wave` opens; unset, the one before."""
    if wave.needs is not None:
        return tuple(each for each in plan.waves if each.name in wave.needs)
    at = plan.waves.index(wave)
    return plan.waves[at - 1 : at] if at else ()
