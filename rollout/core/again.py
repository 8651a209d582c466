"""What a retry takes up: the phase that was given up, with its whole time before it and nothing done twice."""

from msgspec.structs import replace

from rollout.core.operation import Walk
from rollout.core.phase import (
    Baking,
    Beginning,
    Call,
    Checking,
    Forward,
    Gate,
    Preflight,
    Queued,
    Ready,
    Reconciling,
    RollingBack,
    Settling,
    Step,
    Walking,
)
from rollout.core.service import ServiceRollout


def again(
    state: ServiceRollout, was: Forward | Reconciling | RollingBack, t: float
) -> Forward | Reconciling | RollingBack:
    """Give the phase to go on with.

    Whatever the platform accepted is asked about once more and not made again; only health is asked from the start.
    """
    fresh = Step(began_t=t)
    match was:
        case Queued():
            return was
        case Beginning(call=call):
            return Beginning(fresh, call=call)
        case Ready(domain=domain) if domain in state.walked:
            # That walk was accepted and then failed: only a look can say whether anything of it took effect.
            call = Call(state.calls, Walk(domain), intended_t=t, quarantine_s=0.0)
            return Reconciling(fresh, call, quarantine_until_t=t)
        case Ready(domain=domain):
            return Ready(domain, fresh)
        case Walking(domain=domain, call=call):
            return Walking(domain, fresh, call)
        case Preflight() | Settling() | Reconciling():
            return replace(was, step=fresh)
        case Checking(domain=domain):
            return Checking(domain, fresh, Gate(began_t=t))
        case Baking(domain=domain):
            return Baking(domain, Gate(began_t=t))
        case RollingBack():
            return replace(was, step=fresh, cleared_t=None)
