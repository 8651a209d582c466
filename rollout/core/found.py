"""What follows once it is known what became of a call: it has taken effect, or it had never been made.

Everything here moves the step that is being done and puts it back where it belongs.
"""

from msgspec.structs import replace

from rollout.core.operation import Create, Mode, StartConfigure, StartUpgrade, Walk, describe
from rollout.core.phase import (
    AnyErrand,
    Back,
    Beginning,
    Call,
    Forward,
    Phase,
    Ready,
    Reconciling,
    Settling,
    Step,
    doing,
    within,
)
from rollout.core.service import ServiceRollout
from rollout.errors import InvariantBroken


def begun(state: ServiceRollout, call: Call, t: float) -> Ready | Settling:
    """Give what follows a begin: the first walk, or the wait until the platform's own is done."""
    match call.operation:
        case StartUpgrade(mode=mode) | StartConfigure(mode=mode) if mode is not Mode.MANUAL:
            return Settling(max(state.domain_count - 1, 0), Step(began_t=t))
        case _:
            return Ready(0, Step(began_t=t))


def applied(state: ServiceRollout, phase: Reconciling, t: float) -> ServiceRollout:
    """Go on where the call has taken effect; what the platform was to walk and gave up has failed."""
    match phase.call.operation:
        case StartUpgrade() | StartConfigure() as operation:
            step: Phase = begun(state, phase.call, t)
            if phase.rejected is not None and operation.mode is not Mode.MANUAL:
                state = replace(state, failure=state.failure or refusal(phase.call, phase.rejected))
        case Walk(domain=domain):
            step = Settling(domain, phase.step)
        case _:
            step = _settling(doing(phase.of), phase.step)
    return replace(state, phase=within(phase.of, step))


def _settling(step: Phase, limits: Step) -> Phase:
    if not isinstance(step, AnyErrand):
        message = f"no call without domains is made while {type(step).__name__}"
        raise InvariantBroken(message)
    return replace(step, step=limits, call=None, cleared_t=None, settling=True)


def not_applied(state: ServiceRollout, phase: Reconciling) -> ServiceRollout:
    """Go back to before the call; where the platform had said no, that is the end of this way."""
    after = undone(replace(state, phase=phase.of), phase.call, phase.step)
    if phase.rejected is None:
        return after
    said = refusal(phase.call, phase.rejected)
    if isinstance(phase.of, Back) and isinstance(phase.call.operation, Walk):
        return put(after, Ready(phase.call.operation.domain, replace(phase.step, losses=phase.step.losses + 1)))
    if isinstance(phase.of, Back):
        return replace(after, no_way_back=said)
    return replace(after, failure=said)


def refusal(call: Call, said: str) -> str:
    """Say that a call was refused, or that what it had begun failed."""
    what = describe(call.operation)
    return f"the platform refused the {what}: {said}" if call.handle is None else f"the {what} failed: {said}"


def undone(state: ServiceRollout, call: Call, step: Step) -> ServiceRollout:
    """Go back to where `call` had not been made: it is known not to have been applied."""
    forward = isinstance(state.phase, Forward)
    match call.operation:
        case StartUpgrade() | StartConfigure():
            after = put(state, Beginning(step))
            if not forward:
                return replace(after, mark=state.former, former=None)
            return replace(after, mark=None, walked=())
        case Walk(domain=domain):
            after = put(state, Ready(domain, step))
            walked = tuple(each for each in state.walked if each != domain) if forward else state.walked
            return replace(after, walked=walked)
        case Create():
            return replace(put(state, _errand(doing(state.phase), step)), mark=None)
        case _:
            after = put(state, _errand(doing(state.phase), step))
            return replace(after, acted=False) if forward else after


def _errand(phase: Phase, step: Step) -> Phase:
    if not isinstance(phase, AnyErrand):
        message = f"no call without domains is made while {type(phase).__name__}"
        raise InvariantBroken(message)
    return replace(phase, step=step, call=None, cleared_t=None, settling=False)


def put(state: ServiceRollout, step: Phase) -> ServiceRollout:
    """Move the step that is being done, and leave it where it belongs."""
    return replace(state, phase=within(state.phase, step))
