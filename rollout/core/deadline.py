"""When a phase has taken too long: the nearest limit of a service rollout, in engine seconds, with its name.

A limit only ends something together with a look made after it (`interpret`); alone it is just a date.
"""

import msgspec

from rollout.core.operation import (
    CapturePackage,
    Create,
    Mode,
    Operation,
    RollBack,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    Walk,
)
from rollout.core.phase import (
    Back,
    Baking,
    Beginning,
    Capturing,
    Checking,
    Errand,
    Phase,
    Preflight,
    Ready,
    Reconciling,
    Reverting,
    RollingBack,
    Settling,
    SwapBaking,
    Swapping,
    SwappingBack,
    Walking,
    doing,
)
from rollout.core.service import ServiceRollout
from rollout.core.stages import bake_s, never_asked, walks_itself


class Deadline(msgspec.Struct, frozen=True):
    """A limit: when it falls, since when it counts, and its name as people know it from the policy."""

    t: float
    name: str
    since_t: float = float("-inf")


RESOLVE_LOOK_S_MAX = 300.0
"""How long a person's claim waits for somebody to be able to look."""

NEVER = Deadline(float("inf"), "no limit")


def deadline(state: ServiceRollout, now_t: float) -> Deadline:
    """Give the nearest limit of what `state` is doing; `NEVER` where only a person or the fleet moves it on."""
    if state.resolution is not None:
        since_t = state.resolution.since_t
        return Deadline(since_t + RESOLVE_LOOK_S_MAX, "the look before a resolve", since_t)
    step = _step_deadline(state, state.phase)
    if step is NEVER or state.started_t is None or state.turned_back or isinstance(state.phase, Reconciling):
        # What became of a call has to be found out whatever the time; the next look before a call sees the timeout.
        return step
    whole = _service_deadline(state, state.started_t, now_t)
    return min(step, whole, key=lambda each: each.t)


def call_limit(state: ServiceRollout, now_t: float) -> Deadline:
    """Give the date by which a call has to be made that nothing on the deployment speaks against.

    Forward that is the step's limit only once the platform has refused or lost this very call. Until then it waits
    for its turn, which says nothing about the service: the whole `timeout` bounds that. On the way back a call that was
    never asked for waits for room or for a permit, which others give back by limits of their own: no limit of this
    service counts, for one would only keep it from going back.
    """
    phase = state.phase
    if isinstance(phase, Back) and never_asked(phase):
        return NEVER
    if isinstance(phase, Beginning | Ready | Errand) and not isinstance(phase, Back) and state.started_t is not None:
        step = phase.step
        if step.refusals == step.throttled and step.losses == 0:
            return _service_deadline(state, state.started_t, now_t)
    return deadline(state, now_t)


def _service_deadline(state: ServiceRollout, started_t: float, now_t: float) -> Deadline:
    withheld_s = 0.0 if state.withheld_since_t is None else now_t - state.withheld_since_t
    return Deadline(started_t + state.paused_s + withheld_s + state.plan.timeout_s, "timeout", started_t)


def _step_deadline(state: ServiceRollout, phase: Phase) -> Deadline:
    match phase:
        case Reconciling(step=step, call=call):
            allowed_s, name = _allowed(state, call.operation)
            # A quarantine longer than the step still deserves one look after it.
            return Deadline(max(step.began_t + allowed_s, phase.quarantine_until_t), name, step.began_t)
        case Baking(gate=gate) | SwapBaking(gate=gate):
            # A bake that keeps flipping between pass and fail ends like a gate that does.
            allowed_s = bake_s(state) + state.plan.walk.domain_timeout_s
            return Deadline(gate.began_t + allowed_s, "walk.domain_timeout", gate.began_t)
        case _:
            return _timed(state, phase)


def _timed(state: ServiceRollout, phase: Phase) -> Deadline:
    match doing(phase):
        case (
            Preflight() | Capturing() | Beginning() | Ready() | Walking() | Settling() | Checking() | Errand()
        ) as step:
            allowed_s, name = _bound(state, phase, step)
            return Deadline(step.step.began_t + allowed_s, name, step.step.began_t)
        case _:
            return NEVER


def _bound(state: ServiceRollout, phase: Phase, step: Phase) -> tuple[float, str]:
    """Give how long a step may take, and whose word that is."""
    plan = state.plan
    match step:
        case RollingBack():
            return plan.rollback.bound_s(len(state.walked)), "rollback.timeout"
        case Swapping() | SwappingBack():
            return plan.swap_timeout_s, "operation_timeout.swap"
        case Preflight() | Capturing():
            return plan.begin_timeout_s, "operation_timeout.begin"
        case Beginning(call=call) if call is not None and walks_itself(state) and not isinstance(phase, Reverting):
            return _all_domains_s(state), "walk.domain_timeout for each domain"
        case Beginning():
            return plan.begin_timeout_s, "operation_timeout.begin"
        case Settling() | Checking() if walks_itself(state) and not isinstance(phase, Back):
            return _all_domains_s(state), "walk.domain_timeout for each domain"
        case Ready() | Walking() | Settling() | Checking():
            return plan.walk.domain_timeout_s, "walk.domain_timeout"
        case _ if state.vacant:
            return plan.begin_timeout_s, "operation_timeout.begin"
        case _:
            return plan.status_timeout_s, "operation_timeout.status"


def _all_domains_s(state: ServiceRollout) -> float:
    return state.plan.begin_timeout_s + state.plan.walk.domain_timeout_s * max(state.domain_count, 1)


def _allowed(state: ServiceRollout, operation: Operation) -> tuple[float, str]:
    """Give how long a call whose answer was lost may take in all, the finding out included."""
    plan = state.plan
    match operation:
        case StartUpgrade(mode=mode) | StartConfigure(mode=mode) if mode is not Mode.MANUAL:
            return _all_domains_s(state), "walk.domain_timeout for each domain"
        case StartUpgrade() | StartConfigure() | Create() | CapturePackage():
            return plan.begin_timeout_s, "operation_timeout.begin"
        case Walk():
            return plan.walk.domain_timeout_s, "walk.domain_timeout"
        case RollBack():
            return plan.rollback.bound_s(len(state.walked)), "rollback.timeout"
        case SwapSlots():
            return plan.swap_timeout_s, "operation_timeout.swap"
        case _:
            return plan.status_timeout_s, "operation_timeout.status"
