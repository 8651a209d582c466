"""What a retry takes up: the phase that was given up, with its whole time before it and nothing done twice."""

from msgspec.structs import replace

from rollout.core.operation import Walk
from rollout.core.phase import (
    Back,
    Baking,
    Call,
    Checking,
    Errand,
    Forward,
    Gate,
    Phase,
    Queued,
    Ready,
    Reconciling,
    Step,
    SwapBaking,
    doing,
    within,
)
from rollout.core.service import ServiceRollout


def again(state: ServiceRollout, was: Forward | Reconciling | Back, t: float) -> Phase:
    """Give the phase to go on with.

    Whatever the platform accepted is asked about once more and not made again; only health is asked from the start.
    """
    fresh = Step(began_t=t)
    match was:
        case Queued():
            return was
        case Ready(domain=domain) if domain in state.walked:
            # That walk was accepted and then failed: only a look can say whether anything of it took effect.
            call = Call(state.calls, Walk(domain), intended_t=t, quarantine_s=0.0)
            return Reconciling(fresh, call, quarantine_until_t=t, of=was)
        case Checking(domain=domain):
            return Checking(domain, fresh, Gate(began_t=t))
        case Baking(domain=domain):
            return Baking(domain, Gate(began_t=t))
        case SwapBaking(domain=domain):
            return SwapBaking(domain, Gate(began_t=t))
        case _:
            return within(was, _timed_anew(doing(was), fresh))


def _timed_anew(step: Phase, fresh: Step) -> Phase:
    match step:
        case Errand():
            return replace(step, step=fresh, cleared_t=None)
        case Ready(domain=domain):
            return Ready(domain, fresh)
        case _:
            return replace(step, step=fresh)
