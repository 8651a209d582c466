"""Clocks while nobody can look: they stand still, and go on where they stood once somebody can.

A limit would otherwise end in the dark what may have been well all along (design.md §3, "no deadline on stale
evidence").
"""

from msgspec.structs import replace

from rollout.core.phase import Beginning, Checking, Preflight, Ready, Reconciling, RollingBack, Settling, Walking
from rollout.core.service import ServiceRollout


def lit(state: ServiceRollout, now_t: float) -> ServiceRollout:
    """Give the state as its clocks stand once somebody can look at `now_t`."""
    if state.blind is None or state.blind_since_t is None:
        return state
    return replace(without(state, now_t - state.blind_since_t), blind=None, blind_since_t=None)


def without(state: ServiceRollout, dark_s: float) -> ServiceRollout:
    """Take `dark_s` seconds out of every clock that runs."""
    paused_s = state.paused_s + dark_s
    match state.phase:
        case (
            Preflight() | Beginning() | Ready() | Walking() | Settling() | Checking() | Reconciling() | RollingBack()
        ) as phase:
            step = replace(phase.step, began_t=phase.step.began_t + dark_s)
            return replace(state, phase=replace(phase, step=step), paused_s=paused_s)
        case _:
            return replace(state, paused_s=paused_s)
