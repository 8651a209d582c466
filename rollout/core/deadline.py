"""When a phase has taken too long: the nearest limit of a service rollout, in engine seconds, with its name.

A limit only ends something together with a look made after it (`interpret`); alone it is just a date.
"""

import msgspec

from rollout.core.operation import RollBack, StartUpgrade, Walk
from rollout.core.phase import (
    Baking,
    Beginning,
    Checking,
    Phase,
    Preflight,
    Ready,
    Reconciling,
    RollingBack,
    Settling,
    Walking,
)
from rollout.core.service import ServiceRollout


class Deadline(msgspec.Struct, frozen=True):
    """A limit: when it falls, and its name as people know it from the policy."""

    t: float
    name: str


RESOLVE_LOOK_S_MAX = 300.0
"""How long a person's claim waits for somebody to be able to look."""

NEVER = Deadline(float("inf"), "no limit")


def deadline(state: ServiceRollout, now_t: float) -> Deadline:
    """Give the nearest limit of what `state` is doing; `NEVER` where only a person or the fleet moves it on."""
    if state.resolution is not None:
        return Deadline(state.resolution.since_t + RESOLVE_LOOK_S_MAX, "the look before a resolve")
    step = _step_deadline(state, state.phase)
    if step is NEVER or state.started_t is None or state.turned_back or isinstance(state.phase, Reconciling):
        # What became of a call has to be found out whatever the time; the next look before a call sees the timeout.
        return step
    whole = _service_deadline(state, state.started_t, now_t)
    return min(step, whole, key=lambda each: each.t)


def call_limit(state: ServiceRollout, now_t: float) -> Deadline:
    """Give the date by which a call has to be made that nothing on the deployment speaks against.

    Forward that is the step's limit only once the platform has refused or lost this very call. Until then it waits
    for its turn, which says nothing about the service: the whole `timeout` bounds that.
    """
    match state.phase:
        case Beginning(step=step) | Ready(step=step) if state.started_t is not None:
            if step.refusals == step.throttled and step.losses == 0:
                return _service_deadline(state, state.started_t, now_t)
    return deadline(state, now_t)


def _service_deadline(state: ServiceRollout, started_t: float, now_t: float) -> Deadline:
    withheld_s = 0.0 if state.withheld_since_t is None else now_t - state.withheld_since_t
    return Deadline(started_t + state.paused_s + withheld_s + state.plan.timeout_s, "timeout")


def _step_deadline(state: ServiceRollout, phase: Phase) -> Deadline:
    plan = state.plan
    match phase:
        case Preflight(step=step) | Beginning(step=step):
            return Deadline(step.began_t + plan.begin_timeout_s, "operation_timeout.begin")
        case Ready(step=step) | Walking(step=step) | Settling(step=step) | Checking(step=step):
            return Deadline(step.began_t + plan.walk.domain_timeout_s, "walk.domain_timeout")
        case Baking(gate=gate):
            # A bake that keeps flipping between pass and fail ends like a gate that does.
            allowed_s = plan.walk.bake_before_last_s + plan.walk.domain_timeout_s
            return Deadline(gate.began_t + allowed_s, "walk.domain_timeout")
        case RollingBack(step=step):
            return Deadline(step.began_t + plan.rollback.bound_s(len(state.walked)), "rollback.timeout")
        case Reconciling(step=step, call=call):
            allowed = {
                StartUpgrade: (plan.begin_timeout_s, "operation_timeout.begin"),
                Walk: (plan.walk.domain_timeout_s, "walk.domain_timeout"),
                RollBack: (plan.rollback.bound_s(len(state.walked)), "rollback.timeout"),
            }
            allowed_s, name = allowed[type(call.operation)]
            # A quarantine longer than the step still deserves one look after it.
            return Deadline(max(step.began_t + allowed_s, phase.quarantine_until_t), name)
        case _:
            return NEVER
