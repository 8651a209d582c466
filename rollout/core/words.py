"""What people's words change: holds and stops, which lie beside the phase and never replace it."""

from msgspec.structs import replace

from rollout.core import event
from rollout.core.service import Hold, ServiceRollout, Stop

Word = event.Held | event.Released | event.Stopped | event.Resumed


def spoken(state: ServiceRollout, fact: Word, t: float) -> ServiceRollout:
    """Give the state after a word; time under holds is kept out of progress time."""
    match fact:
        case event.Held(reason=reason, who=who, note=note, until_wall=until_wall):
            others = tuple(hold for hold in state.holds if hold.reason is not reason)
            return replace(state, holds=(*others, Hold(reason, who, note, t, until_wall)))
        case event.Released(reason=reason):
            left = tuple(hold for hold in state.holds if hold.reason is not reason)
            if state.holds and not left:
                paused_s = state.paused_s + t - min(hold.since_t for hold in state.holds)
                return replace(state, holds=left, paused_s=paused_s)
            return replace(state, holds=left)
        case event.Stopped(who=who, note=note):
            return replace(state, stop=Stop(who, note, t))
        case event.Resumed():
            return replace(state, stop=None)
