"""Clocks while nobody can look: they stand still, and go on where they stood once somebody can.

A limit would otherwise end in the dark what may have been well all along (design.md §3, "no deadline on stale
evidence").
"""

from msgspec.structs import replace

from rollout.core.phase import doing, step_of, within
from rollout.core.service import ServiceRollout


def lit(state: ServiceRollout, now_t: float) -> ServiceRollout:
    """Give the state as its clocks stand once somebody can look at `now_t`."""
    if state.blind is None or state.blind_since_t is None:
        return state
    return replace(without(state, now_t - state.blind_since_t), blind=None, blind_since_t=None)


def without(state: ServiceRollout, dark_s: float) -> ServiceRollout:
    """Take `dark_s` seconds out of every clock that runs."""
    after = replace(state, paused_s=state.paused_s + dark_s)
    limits = step_of(state.phase)
    if limits is None:
        return after
    step = replace(doing(state.phase), step=replace(limits, began_t=limits.began_t + dark_s))
    return replace(after, phase=within(state.phase, step))
