"""Approvals: which are owed at what moment, how each stands, and in which words. Pure.

An approval is bound to the plan it was asked for: a plan that was amended has to be approved anew.
"""

import hashlib
from enum import Enum, auto
from typing import Final

import msgspec

from rollout.core.explain import clock_text
from rollout.core.fleet_state import Approval, RolloutState
from rollout.core.names import Digest, Now, ServiceName
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.wave_plan import ApprovalPlan, Moment

DIGEST_CHARS_MIN: Final = 12
"""So much of a plan's digest names it."""


class Standing(Enum):
    """How an approval stands."""

    UNASKED = auto()
    PENDING = auto()
    EXPIRED = auto()
    REJECTED = auto()
    GIVEN = auto()


class Owed(msgspec.Struct, frozen=True):
    """An approval that something waits for; `scope` is a wave's name, empty for the whole rollout."""

    scope: str
    plan: ApprovalPlan


def approvers(plan: RolloutPlan) -> tuple[str, ...]:
    """Name the groups that have to approve something."""
    owed = [plan.approval, *(wave.approval for wave in plan.waves)]
    return tuple(dict.fromkeys(each.by for each in owed if each is not None))


def asked(state: RolloutState) -> list[Owed]:
    """Give every approval that was asked for, answered or not."""
    plans = {"": state.plan.approval} | {wave.name: wave.approval for wave in state.plan.waves}
    return [Owed(scope, plan) for scope, plan in plans.items() if plan is not None and scope in state.approvals]


def plan_digest(plan: RolloutPlan) -> Digest:
    """Give the digest people approve: it changes with everything the plan promises, and with nothing else."""
    return Digest(hashlib.sha256(msgspec.json.encode(plan, order="deterministic")).hexdigest())


def owed_at_start(state: RolloutState, wave: WavePlan) -> list[Owed]:
    """Give the approvals a wave waits for before it opens; the rollout's own comes before its first wave."""
    owed = []
    if not state.opened and state.plan.approval is not None and state.plan.approval.before is Moment.START:
        owed.append(Owed("", state.plan.approval))
    if wave.approval is not None and wave.approval.before is Moment.START:
        owed.append(Owed(wave.name, wave.approval))
    return owed


def owed_at(state: RolloutState, service: ServiceName, moment: Moment) -> Owed | None:
    """Give the approval a service waits for before its swap or its last domain: its wave's, else the rollout's."""
    wave = state.wave_of(service)
    for scope, plan in ((wave.name, wave.approval), ("", state.plan.approval)):
        if plan is not None and plan.before is moment:
            return Owed(scope, plan)
    return None


def standing(state: RolloutState, owed: Owed, now: Now) -> Standing:
    """Tell how an approval stands now; one that was asked for another plan was never asked for this."""
    asked = state.approvals.get(owed.scope)
    if asked is None:
        return Standing.UNASKED
    if asked.given is not None:
        return Standing.GIVEN if asked.given else Standing.REJECTED
    return Standing.PENDING if now.wall < asked.until_wall else Standing.EXPIRED


def said(state: RolloutState, owed: Owed, now: Now) -> str:
    """Say what is waited for, as the continuation of "waits "."""
    what = f"for {owed.plan.by} to approve {'the rollout' if not owed.scope else f'wave {owed.scope}'}"
    asked = state.approvals.get(owed.scope)
    match standing(state, owed, now), asked:
        case Standing.PENDING, Approval(until_wall=until_wall):
            return f"{what}, until {clock_text(until_wall)}"
        case Standing.EXPIRED, Approval(until_wall=until_wall):
            return f"{what}: nobody did until {clock_text(until_wall)}; resume asks again"
        case Standing.REJECTED, Approval(who=who, note=note):
            return f"{what}: {who} rejected it: {note}; resume asks again"
        case _:
            return what
