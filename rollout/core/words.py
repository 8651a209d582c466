"""What people's words change: holds and stops, which lie beside the phase and never replace it.

While a word keeps a call from being made, the clock of its step stands still; what is in flight has no such excuse.
"""

from msgspec.structs import replace

from rollout.core import event
from rollout.core.service import Beginning, Hold, Ready, RollingBack, ServiceRollout, Stop

Word = event.Held | event.Released | event.Stopped | event.Resumed


def spoken(state: ServiceRollout, fact: Word, t: float) -> ServiceRollout:
    """Give the state after a word; time under words is kept out of progress time."""
    after = _heard(state, fact, t)
    if state.stop is not None and after.stop is None:
        after = _back_excused(after, since_t=state.stop.since_t, t=t)
    if after.holds or after.stop is not None:
        since_t = t if state.withheld_since_t is None else state.withheld_since_t
        return replace(after, withheld_since_t=since_t)
    if state.withheld_since_t is None:
        return after
    paused_s = state.paused_s + t - state.withheld_since_t
    return replace(_excused(after, state.withheld_since_t, t), withheld_since_t=None, paused_s=paused_s)


def _heard(state: ServiceRollout, fact: Word, t: float) -> ServiceRollout:
    """Change holds and stop. A word said again changes its text and keeps its beginning."""
    match fact:
        case event.Held(reason=reason, who=who, note=note, until_wall=until_wall):
            since_t = next((hold.since_t for hold in state.holds if hold.reason is reason), t)
            others = tuple(hold for hold in state.holds if hold.reason is not reason)
            return replace(state, holds=(*others, Hold(reason, who, note, since_t, until_wall)))
        case event.Released(reason=reason):
            return replace(state, holds=tuple(hold for hold in state.holds if hold.reason is not reason))
        case event.Stopped(who=who, note=note):
            return replace(state, stop=Stop(who, note, t if state.stop is None else state.stop.since_t))
        case event.Resumed():
            return replace(state, stop=None)


def _excused(state: ServiceRollout, since_t: float, t: float) -> ServiceRollout:
    """Move the clock of a forward call that was kept from being made."""
    match state.phase:
        case Ready(step=step) | Beginning(step=step, call=None):
            waited_s = t - max(since_t, state.phase_since_t)
            return replace(state, phase=replace(state.phase, step=replace(step, began_t=step.began_t + waited_s)))
        case _:
            return state


def _back_excused(state: ServiceRollout, since_t: float, t: float) -> ServiceRollout:
    """Move the clock of a rollback that was kept from being asked for: only a stop does that."""
    match state.phase:
        case RollingBack(step=step, call=None, settling=False):
            waited_s = t - max(since_t, state.phase_since_t)
            return replace(state, phase=replace(state.phase, step=replace(step, began_t=step.began_t + waited_s)))
        case _:
            return state
