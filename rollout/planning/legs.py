"""One service's way through its change, leg by leg: how long each takes and how many calls it makes. Pure."""

from collections.abc import Iterator
from enum import StrEnum
from math import ceil
from typing import Final

import msgspec
from msgspec.structs import replace

from rollout.core.change_plan import (
    Barrier,
    ChangePlan,
    ConfigurePlan,
    InstancePlan,
    StatusPlan,
    SwapPlan,
    UpgradePlan,
    updates,
)
from rollout.core.check_plan import Moment, Scope
from rollout.core.operation import InstanceVerb, Mode
from rollout.core.plan import BY_PREFLIGHT, ServicePlan
from rollout.emulator.durations import Recorded
from rollout.planning.timing import Timings
from rollout.platforms.classic.vocabulary import Verb

SETTLE_S: Final = 0.6
"""Between two looks that must both show a domain done, and the answers to them: the tracker asks young things often."""
SETTLE_READS: Final = 2
LOOK_READS: Final = 1
"""Before each call the deployment is looked at."""

_RENEWALS: Final = {
    InstanceVerb.REBOOT: Verb.REBOOT,
    InstanceVerb.REIMAGE: Verb.REIMAGE,
    InstanceVerb.REBUILD: Verb.REBUILD,
}


class Before(msgspec.Struct, frozen=True):
    """What a leg waits for before it begins, besides the leg before."""

    barrier: Barrier = Barrier.NONE
    last: bool = False
    """It walks the last domain."""
    swap: bool = False


AT_ONCE: Final = Before()


class Seat(StrEnum):
    """What of a service a leg takes down, or may, under the caps that rollouts share."""

    NONE = "none"
    DOMAIN = "domain"
    WHOLE = "whole"


class Leg(msgspec.Struct, frozen=True):
    """A part of the way. `what` is one of begin, copy, domain, update, gate, bake, swap, status, instance."""

    what: str
    seconds: float
    reads: int
    writes: int = 0
    domain: int | None = None
    before: Before = AT_ONCE
    seat: Seat = Seat.NONE
    """Held while it lasts, from leg to leg where the next one has one too and `keeps` says so."""
    keeps: bool = False


def takes_whole(change: ChangePlan) -> bool:
    """Tell the changes that are about all of a service at once, in one of their calls."""
    update = updates(change)
    match change:
        case SwapPlan():
            return True
        case StatusPlan(running=running):
            return not running
        case _:
            return update is not None and update.mode is Mode.SIMULTANEOUS


def legs(plan: ServicePlan, domains: int, timings: Timings, *, empty: bool = False) -> tuple[Leg, ...]:
    """Give the legs of a service with so many domains; `empty` = a staging slot in which nothing runs."""
    return tuple(_Way(plan, domains, timings).legs(empty=empty))


class _Way:
    """The way of one service."""

    def __init__(self, plan: ServicePlan, domains: int, timings: Timings) -> None:
        self._plan = plan
        self._domains = domains
        self._timings = timings

    def legs(self, *, empty: bool) -> Iterator[Leg]:
        match self._plan.change:
            case UpgradePlan() | ConfigurePlan() as update:
                yield from self._update(update)
            case SwapPlan(upgrade=upgrade, barrier=barrier) as swap:
                if upgrade is not None:
                    yield from self._create() if empty else self._update(upgrade)
                yield from self._swap(swap, Barrier.NONE if upgrade is None else barrier)
            case StatusPlan(running=running):
                row = Recorded.STATUS_RUNNING if running else Recorded.STATUS_SUSPENDED
                yield replace(self._call("status", Verb.STATUS, row), seat=Seat.NONE if running else Seat.WHOLE)
                if running:
                    yield self._gate("gate")
            case InstancePlan(verb=verb):
                yield self._call("instance", _RENEWALS[verb], Recorded.REBUILD)

    def _update(self, update: UpgradePlan | ConfigurePlan) -> Iterator[Leg]:
        verb = Verb.UPGRADE if isinstance(update, UpgradePlan) else Verb.CONFIG
        row = Recorded.UPGRADE if isinstance(update, UpgradePlan) else Recorded.CONFIG
        if isinstance(update, UpgradePlan) and self._plan.rollback.capture is not None:
            yield self._call("copy", Verb.PACKAGE, Recorded.PACKAGE)
        begin = self._call("begin", verb, Recorded.SWAP)
        if update.mode is not Mode.MANUAL:
            seat = Seat.DOMAIN if update.mode is Mode.AUTO else Seat.WHOLE
            yield replace(begin, seat=seat, keeps=True)
            times = self._domains if update.mode is Mode.AUTO else 1
            walks = [self._timings.draw(self._plan.service, Verb.WALK, row) for _ in range(times)]
            seconds, polls = sum(each.seconds for each in walks), sum(each.polls for each in walks)
            yield replace(self._with_gate(Leg("update", seconds, polls)), seat=seat)
            return
        yield begin
        for domain in range(self._domains):
            last = domain == self._domains - 1
            if last and self._plan.walk.bake_before_last_s > 0:
                yield self._bake("bake", self._plan.walk.bake_before_last_s, domain)
            walk = self._call("domain", Verb.WALK, row, domain, Before(last=last))
            yield replace(self._with_gate(walk), seat=Seat.DOMAIN)

    def _create(self) -> Iterator[Leg]:
        yield self._with_gate(self._call("update", Verb.CREATE, Recorded.CREATE))

    def _swap(self, swap: SwapPlan, barrier: Barrier) -> Iterator[Leg]:
        bakes = swap.bake_s > 0
        call = self._call("swap", Verb.SWAP, Recorded.SWAP, before=Before(barrier, swap=True))
        yield replace(call, seat=Seat.WHOLE, keeps=bakes)
        if bakes:
            yield replace(self._bake("bake", swap.bake_s, None), seat=Seat.WHOLE)

    def _call(self, what: str, verb: Verb, row: Recorded, domain: int | None = None, before: Before = AT_ONCE) -> Leg:
        took = self._timings.draw(self._plan.service, verb, row)
        settles = what != "begin"
        seconds = took.seconds + (SETTLE_S if settles else 0.0)
        reads = LOOK_READS + took.polls + (SETTLE_READS if settles else 0)
        return Leg(what, seconds, reads, 1, domain, before)

    def _with_gate(self, leg: Leg) -> Leg:
        gate = self._gate("gate")
        return replace(leg, seconds=leg.seconds + gate.seconds, reads=leg.reads + gate.reads)

    def _gate(self, what: str) -> Leg:
        """Give a gate that is green from its first round on."""
        health = self._plan.health
        rounds = 1 + ceil(health.stable_s / health.interval_s)
        return Leg(what, health.wait_s + (rounds - 1) * health.interval_s, rounds * self._looks(Moment.DOMAIN))

    def _bake(self, what: str, lasting_s: float, domain: int | None) -> Leg:
        health = self._plan.health
        rounds = 1 + ceil(max(lasting_s, health.stable_s) / health.interval_s)
        return Leg(what, (rounds - 1) * health.interval_s, rounds * self._looks(Moment.BAKE), domain=domain)

    def _looks(self, moment: Moment) -> int:
        """Count the looks at the deployment in one round: all checks that need one share it."""
        checks = [check for check in self._plan.health.checks if moment in check.moments]
        return int(any(check.kind == BY_PREFLIGHT or check.scope is Scope.DOMAIN for check in checks))
