"""What an errand needs next: one call, with everything that has to be before it, and the looks that come after it."""

from msgspec.structs import replace

from rollout.core.action import LookAtDeployment, Submit
from rollout.core.names import Now
from rollout.core.next import Next, because, before_call, polls, watch, withheld
from rollout.core.operation import describe
from rollout.core.phase import AnyErrand, Swapping, SwappingBack
from rollout.core.service import ServiceRollout
from rollout.core.slots import slot_to_see


def errand(state: ServiceRollout, phase: AnyErrand, submit: Submit, now: Now, before: str) -> Next:
    """Give what an errand needs next, in either direction: a call is withheld by holds only on the way forward."""
    what = describe(submit.operation) + (" back" if isinstance(phase, SwappingBack) else "")
    why = because(state) if submit.going_back else ""
    if poll := polls(phase.call):
        return watch(state, now, f"waits for the {what}, which is under way{why}", *poll)
    if phase.settling:
        look = LookAtDeployment(slot_to_see(phase))
        return watch(state, now, f"waits until the deployment shows the {what}{why}", look)
    if state.stop is not None or (state.holds and not submit.going_back):
        return withheld(state, before)
    if (first := before_call(state, phase.step, _cleared_t(phase), now, what)) is not None:
        return replace(first, doing=f"{first.doing}{why}")
    return Next(submit, f"asks for the {what}{why}")


def _cleared_t(phase: AnyErrand) -> float | None:
    """Give since when all is seen that has to be seen before the call: of a swap both slots."""
    if not isinstance(phase, Swapping):
        return phase.cleared_t
    return None if phase.whole_t is None or phase.cleared_t is None else min(phase.whole_t, phase.cleared_t)
