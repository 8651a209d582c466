"""Two rollouts that want one deployment: who has it, who is refused, and how it changes hands. Pure.

A target belongs to one rollout at a time. It changes hands as its service rollout ends, and never under way.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from rollout.core import event, fleet_event
from rollout.core.around import Taken
from rollout.core.drafts import Draft, with_companions
from rollout.core.ending import Outcome
from rollout.core.fleet_state import RolloutState
from rollout.core.names import RolloutId, ServiceName, Slot, Target, rollout_stream
from rollout.core.phase import Queued
from rollout.core.plan import RolloutPlan, ServicePlan
from rollout.core.service import ServiceRollout
from rollout.core.wave_plan import OnConflict

SHOWN_MAX = 5

TargetKey = tuple[str, ServiceName, Slot]
"""A deployment's place, whatever stands in it."""


class Claim(msgspec.Struct, frozen=True):
    """One open rollout and its newest attempts."""

    rollout: RolloutState
    services: Mapping[ServiceName, ServiceRollout]


def target_key(target: Target) -> TargetKey:
    """Name the place a target means."""
    return target.subscription.lower(), target.service, target.slot


def has_it(theirs: ServiceRollout, *, earlier: bool) -> bool:
    """Tell whether another rollout has a deployment: it is under way there, or was wanted there first."""
    if theirs.ended is not None:
        return False
    return earlier or not isinstance(theirs.phase, Queued)


def taken_by_others(own: RolloutId, claims: Sequence[Claim]) -> dict[ServiceName, Taken]:
    """Give which services of a rollout others have; `claims` are all open rollouts, in the order of their opening."""
    mine = next((claim for claim in claims if claim.rollout.plan.rollout == own), None)
    if mine is None:
        return {}
    keys = {target_key(state.plan.target): name for name, state in mine.services.items()}
    found: dict[ServiceName, Taken] = {}
    earlier = True
    for claim in claims:
        if claim is mine:
            earlier = False
            continue
        if claim.rollout.plan.rollout == mine.rollout.plan.beside:
            continue
        for state in claim.services.values():
            name = keys.get(target_key(state.plan.target))
            if name is not None and has_it(state, earlier=earlier):
                found.setdefault(name, Taken(claim.rollout.plan.rollout, driven=True))
    return found


def conflicts(services: Iterable[ServicePlan], claims: Sequence[Claim]) -> Iterator[tuple[Claim, ServiceRollout]]:
    """Give every service rollout, not ended, that has or wants what these plans want."""
    wanted = {target_key(plan.target) for plan in services}
    for claim in claims:
        for state in claim.services.values():
            if state.ended is None and target_key(state.plan.target) in wanted:
                yield claim, state


def refusal(plan: RolloutPlan, services: Iterable[ServicePlan], claims: Sequence[Claim]) -> str | None:
    """Say why a rollout cannot be opened beside the others; None = it can."""
    if plan.on_conflict is not OnConflict.REFUSE:
        return None
    theirs: dict[RolloutId, list[str]] = {}
    for claim, state in conflicts(services, claims):
        if claim.rollout.plan.rollout == plan.beside:
            continue
        theirs.setdefault(claim.rollout.plan.rollout, []).append(state.plan.service)
    if not theirs:
        return None
    told = [f"{other}, which is not over, has {_some(names)}" for other, names in theirs.items()]
    first = next(iter(theirs))
    return (
        f"{plan.rollout} wants what another rollout has: {'; '.join(told)}. Let that one end, `rollout abort {first}`, "
        "or say in the policy what should happen: on_conflict: queue waits for it, supersede takes its place"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
    return ", ".join(names[:SHOWN_MAX]) + more


def handover(
    plan: RolloutPlan, services: Iterable[ServicePlan], claims: Sequence[Claim], who: str
) -> tuple[Draft, ...]:
    """Give what a superseding rollout writes to the others: what they have not begun is not theirs any more."""
    if plan.on_conflict is not OnConflict.SUPERSEDE:
        return ()
    lost: dict[RolloutId, list[ServiceName]] = {}
    closed: list[Draft] = []
    for claim, state in conflicts(services, claims):
        lost.setdefault(claim.rollout.plan.rollout, []).append(state.plan.service)
        if isinstance(state.phase, Queued):
            fact = event.Closed(Outcome.EXCLUDED, who, f"superseded by {plan.rollout}")
            closed += with_companions(state, fact)
    told = [
        (rollout_stream(other), fleet_event.Superseded(plan.rollout, who, tuple(names)))
        for other, names in lost.items()
    ]
    return (*told, *closed)
