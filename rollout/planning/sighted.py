"""What one look at a deployment says about the plan for it, by the engine's own preflight. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec
from msgspec.structs import replace

from rollout.core import change_event, event
from rollout.core.change_event import Installed, Prepared
from rollout.core.change_plan import SwapPlan, updates
from rollout.core.event import Entry
from rollout.core.evolve import evolve
from rollout.core.mark import without_token
from rollout.core.names import ENGINE, Digest, Now, Slot, service_stream
from rollout.core.operation import Mode
from rollout.core.phase import Preflight, Ready, Step
from rollout.core.plan import ServicePlan
from rollout.core.service import ServiceRollout
from rollout.core.sight_before import before_of, preflight
from rollout.core.snapshot import Absent, Before, Snapshot
from rollout.core.stages import at_target
from rollout.core.way_back import way_back

NOT_SEEN: Final = "the release that runs now"
SOMETHING: Final = Digest("0" * 64)
"""Stands for a payload that a run would have by then."""


class Sight(msgspec.Struct, frozen=True):
    """One look, and what else is at hand about the service."""

    seen: Snapshot | Absent
    key: str = ""
    """Of the configuration that would be sent, in canonical form; empty = none is, or it is not made before."""
    known: Installed | None = None
    """What our own records say runs there."""
    unfeasible: str = ""
    """Why no configuration can be made for it."""


class Standing(StrEnum):
    """What becomes of a service, as far as can be seen."""

    CHANGES = "changes"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"
    """A run would refuse it, or skip it."""


class Sighted(msgspec.Struct, frozen=True):
    """What is known of one service before its change."""

    standing: Standing = Standing.CHANGES
    why: str = ""
    domains: int | None = None
    """None = not looked at, or nothing is there yet."""
    instances: int | None = None
    release: str = ""
    counts: dict[str, tuple[int, int]] = {}
    """Roles whose instance counts would change: now and then."""
    warnings: tuple[str, ...] = ()
    empty: bool = False
    """Nothing stands there, and the change creates it."""


def sighted(plan: ServicePlan, sight: Sight, wanted: Mapping[str, int], now: Now) -> Sighted:
    """Judge one look. `wanted` are the instance counts of the configuration that is sent; empty = none is."""
    seen = sight.seen
    state = replace(_opened(plan, sight.known), phase=Preflight(Step(began_t=0.0)), surveyed=True)
    fact = preflight(state, seen, now)
    if isinstance(seen, Absent):
        if isinstance(fact, change_event.Vacant):
            return Sighted(empty=True)
        return Sighted(Standing.BLOCKED, f"there is no deployment in {plan.target.slot}: {seen.detail}")
    found = Sighted(domains=seen.domain_count, instances=len(seen.instances), release=without_token(seen.release))
    there = at_target(_touched(plan, sight, before_of(seen)))
    if there is not None and seen.change is None:
        return replace(found, standing=Standing.UNCHANGED, why=there)
    if isinstance(fact, event.Unfit) or sight.unfeasible:
        why = fact.reason if isinstance(fact, event.Unfit) else sight.unfeasible
        return replace(found, standing=Standing.BLOCKED, why=why)
    waits = () if fact is not None else (_waits(seen),)
    return replace(found, counts=_counts(plan, seen, wanted), warnings=waits)


def _opened(plan: ServicePlan, known: Installed | None) -> ServiceRollout:
    stream = service_stream(plan.rollout, plan.service, 1)
    return evolve(None, Entry(stream, 1, Now(0.0, 0.0), ENGINE, event.Opened(plan, 1, known)))


def _touched(plan: ServicePlan, sight: Sight | None, before: Before) -> ServiceRollout:
    """Give the state once everything is ready for the change."""
    copied = SOMETHING if plan.rollback.capture is not None else None
    key = "" if sight is None else sight.key
    prepared = Prepared(SOMETHING, key, copied) if key or copied else None
    opened = _opened(plan, None if sight is None else sight.known)
    return replace(opened, before=before, prepared=prepared, captured=copied is not None)


def _waits(seen: Snapshot) -> str:
    """Say what the preflight would wait for."""
    if seen.locked:
        return "it is Locked: an operation is under way on it, and the preflight waits for its end"
    down = [each.name for each in seen.instances if not each.ready]
    if down:
        return f"{len(down)} of {len(seen.instances)} instances are not ready, such as {down[0]}: the preflight waits"
    return f"its deployment is {seen.status}: the preflight waits"


def _counts(plan: ServicePlan, seen: Snapshot, wanted: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    update, now = updates(plan.change), seen.instance_counts()
    if update is None or update.keep_counts:
        return {}
    return {role: (now.get(role, 0), then) for role, then in wanted.items() if now.get(role, 0) != then}


class Ways(msgspec.Struct, frozen=True):
    """The way back of one service, as it is known before the first step."""

    no_return: str
    """Where the platform's own Rollback ends."""
    before: str
    after: str


def ways(plan: ServicePlan, sight: Sight | None, domains: int) -> Ways:
    """Tell the ways back before and after the point of no return, in the words that `rollout get` has for them."""
    before = Before("", NOT_SEEN, domains, {}, SOMETHING)
    if sight is not None and isinstance(sight.seen, Snapshot):
        before = before_of(sight.seen)
    state = _touched(plan, sight, before)
    begun = replace(state, phase=Ready(0, Step(began_t=0.0)))
    done = replace(state, phase=Ready(before.domain_count, Step(began_t=0.0)))
    return Ways(_no_return(plan, before.domain_count), way_back(begun), way_back(done))


def _no_return(plan: ServicePlan, domains: int) -> str:
    update = updates(plan.change)
    if update is None or isinstance(plan.change, SwapPlan) or plan.target.slot is Slot.STAGING:
        return "none"
    if domains == 1 or update.mode is Mode.SIMULTANEOUS:
        return "the begin"
    if update.mode is Mode.AUTO:
        return "when the platform begins the last domain"
    return f"the walk of domain {domains - 1}"
