"""What a call changes: intended, answered, ended, found to have been applied or not; forward and back alike.

Everything here moves the step that is being done and puts it back where it belongs; which call is next, `decide` says.
"""

from msgspec.structs import replace

from rollout.core import event
from rollout.core.mark import Mark
from rollout.core.operation import (
    ActOnInstance,
    CapturePackage,
    Create,
    Mode,
    Operation,
    RollBack,
    SetStatus,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    Walk,
    describe,
    token_of,
)
from rollout.core.outcome import RefusedKind
from rollout.core.phase import (
    AnyErrand,
    Applying,
    Back,
    Beginning,
    Call,
    Capturing,
    Errand,
    Forward,
    Phase,
    Ready,
    Reconciling,
    Reverting,
    RollingBack,
    Settling,
    Step,
    Suspending,
    Swapping,
    SwappingBack,
    Walking,
    call_of,
    doing,
    within,
)
from rollout.core.service import ServiceRollout
from rollout.errors import InvariantBroken

Answer = event.Accepted | event.Refused | event.Lost | event.Untracked
Calling = Beginning | Walking | AnyErrand


def intended(state: ServiceRollout, fact: event.Intended, t: float) -> ServiceRollout | None:
    """Note that a call is about to be made; None = it is not the one that can be made here."""
    beyond = isinstance(fact.operation, Walk) and fact.operation.domain >= state.domain_count
    if fact.number != state.calls + 1 or beyond:
        return None
    call = Call(fact.number, fact.operation, intended_t=t, quarantine_s=fact.quarantine_s)
    step = _calling(fact.operation, doing(state.phase), call)
    if step is None:
        return None
    return _noted(replace(state, calls=fact.number, phase=within(state.phase, step)), fact.operation)


def _calling(operation: Operation, step: Phase, call: Call) -> Phase | None:
    match operation, step:
        case ((StartUpgrade() | StartConfigure()), Beginning(call=None)):
            return replace(step, call=call)
        case Walk(domain=domain), Ready() if domain == step.domain:
            return Walking(domain, step.step, call)
        case (
            (RollBack(), RollingBack(call=None, settling=False))
            | (SwapSlots(), Swapping(call=None, settling=False) | SwappingBack(call=None, settling=False))
            | (SetStatus(), Applying(call=None, settling=False) | Suspending(call=None, settling=False))
            | (Create() | ActOnInstance(), Applying(call=None, settling=False))
            | (CapturePackage(), Capturing(call=None, settling=False))
        ):
            return replace(step, call=call)
        case _:
            return None


def _noted(state: ServiceRollout, operation: Operation) -> ServiceRollout:
    """Note what an operation that may take effect means for the way back."""
    if isinstance(state.phase, Reverting):
        return _marked_back(state, operation)
    if not isinstance(state.phase, Forward):
        return state
    match operation:
        case StartUpgrade(label=label, mode=mode):
            return replace(_walks_all(state, mode), mark=Mark(token=token_of(label)))
        case StartConfigure(key=key, mode=mode):
            return replace(_walks_all(state, mode), mark=Mark(key=key))
        case Create(label=label):
            return replace(state, mark=Mark(token=token_of(label)))
        case Walk(domain=domain):
            return replace(state, walked=(*state.walked, domain))
        case SwapSlots() | SetStatus() | ActOnInstance():
            return replace(state, acted=True)
        case RollBack() | CapturePackage():
            return state


def _walks_all(state: ServiceRollout, mode: Mode) -> ServiceRollout:
    """Count every domain as touched where the platform walks by itself."""
    return state if mode is Mode.MANUAL else replace(state, walked=tuple(range(state.domain_count)))


def _marked_back(state: ServiceRollout, operation: Operation) -> ServiceRollout:
    former = state.former if state.former is not None else state.mark
    match operation:
        case StartUpgrade(label=label):
            return replace(state, mark=Mark(token=token_of(label)), former=former, mark_seen=False)
        case StartConfigure(key=key):
            return replace(state, mark=Mark(key=key), former=former, mark_seen=False)
        case _:
            return state


def answered(state: ServiceRollout, fact: Answer, t: float) -> ServiceRollout | None:
    """Give the state after the answer to a call; None = no such call waits for one."""
    step, call = doing(state.phase), call_of(state.phase)
    if not isinstance(step, Beginning | Walking | AnyErrand) or call is None or fact.number != call.number:
        return None
    if isinstance(fact, event.Untracked) is (call.handle is None):
        return None
    match fact:
        case event.Untracked(detail=detail):
            return _untracked(state, step, call, detail, t)
        case event.Accepted(handle=handle):
            # What came before the call was taken was waiting; the limit is for the work. Going back has one for both.
            lasts = isinstance(state.phase, Back) and isinstance(step, Errand)
            taken = replace(call, handle=handle, accepted_t=t)
            timed = step.step if lasts else replace(step.step, began_t=t)
            return _put(state, replace(step, step=timed, call=taken))
        case event.Lost(detail=detail):
            lost = replace(step.step, losses=step.step.losses + 1, last_error=detail)
            return replace(state, phase=_reconciling(state, lost, call, t + call.quarantine_s))
        case event.Refused(kind=RefusedKind.REJECTED, error=error):
            refused = replace(step.step, last_error=error)
            return replace(state, phase=_reconciling(state, refused, call, t, error))
        case event.Refused(kind=kind, error=error, retry_in_s=retry_in_s):
            waiting = replace(
                step.step,
                refusals=step.step.refusals + 1,
                throttled=step.step.throttled + (kind is RefusedKind.THROTTLED),
                last_error=error,
                not_before_t=t + retry_in_s,
            )
            return undone(state, call, waiting)


def _reconciling(
    state: ServiceRollout, step: Step, call: Call, until_t: float, rejected: str | None = None
) -> Reconciling | Capturing:
    phase = state.phase
    if isinstance(phase, Capturing):
        # A copy over a copy changes nothing: it is simply asked for again.
        return Capturing(replace(step, losses=step.losses + (rejected is not None)))
    if not isinstance(phase, Forward | Back):
        message = f"no call is made while {type(phase).__name__}"
        raise InvariantBroken(message)
    return Reconciling(step, call, quarantine_until_t=until_t, of=phase, rejected=rejected)


def _untracked(state: ServiceRollout, step: Calling, call: Call, detail: str, t: float) -> ServiceRollout:
    match step:
        case Beginning():
            return replace(state, phase=_reconciling(state, step.step, call, t))
        case Walking(domain=domain):
            return _put(state, Settling(domain, step.step))
        case Capturing():
            again = replace(step.step, losses=step.step.losses + 1, last_error=detail)
            return replace(state, phase=Capturing(again))
        case _:
            return _put(state, replace(step, call=None, settling=True))


def ended(state: ServiceRollout, fact: event.Succeeded | event.Failed, t: float) -> ServiceRollout | None:
    """Give the state after the end of an operation; None = no such operation is followed."""
    step, call = doing(state.phase), call_of(state.phase)
    if not isinstance(step, Beginning | Walking | AnyErrand) or call is None or call.handle is None:
        return None
    if call.number != fact.number:
        return None
    if isinstance(fact, event.Failed):
        return _failed(state, step, call, f"{fact.code}: {fact.message}", t)
    match step:
        case Beginning():
            return _put(state, begun(state, call, t))
        case Walking(domain=domain):
            return _put(state, Settling(domain, step.step))
        case Capturing():
            return replace(state, captured=True, phase=Beginning(Step(began_t=t)))
        case _:
            return _put(state, replace(step, call=None, settling=True))


def begun(state: ServiceRollout, call: Call, t: float) -> Ready | Settling:
    """Give what follows a begin: the first walk, or the wait until the platform's own is done."""
    match call.operation:
        case StartUpgrade(mode=mode) | StartConfigure(mode=mode) if mode is not Mode.MANUAL:
            return Settling(max(state.domain_count - 1, 0), Step(began_t=t))
        case _:
            return Ready(0, Step(began_t=t))


def _failed(state: ServiceRollout, step: Calling, call: Call, said: str, t: float) -> ServiceRollout:
    if isinstance(step, Capturing):
        why = f"the copy of the old package failed, and nothing was touched: {said}"
        return replace(state, phase=Capturing(step.step), failure=why)
    if not isinstance(step, Walking):
        return replace(state, phase=_reconciling(state, step.step, call, t, said))
    if isinstance(state.phase, Back):
        again = replace(step.step, losses=step.step.losses + 1, last_error=said)
        return _put(state, Ready(step.domain, again))
    failure = f"walk of domain {step.domain} failed: {said}"
    return replace(state, phase=Ready(step.domain, step.step), failure=failure)


# --- what a look showed of a call whose answer was lost or refused ---


def applied(state: ServiceRollout, phase: Reconciling, t: float) -> ServiceRollout:
    """Go on where the call has taken effect."""
    match phase.call.operation:
        case StartUpgrade() | StartConfigure():
            step: Phase = begun(state, phase.call, t)
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
    said = f"the platform refused the {describe(phase.call.operation)}: {phase.rejected}"
    if isinstance(phase.of, Back) and isinstance(phase.call.operation, Walk):
        return _put(after, Ready(phase.call.operation.domain, replace(phase.step, losses=phase.step.losses + 1)))
    if isinstance(phase.of, Back):
        return replace(after, no_way_back=said)
    return replace(after, failure=said)


def undone(state: ServiceRollout, call: Call, step: Step) -> ServiceRollout:
    """Go back to where `call` had not been made: it is known not to have been applied."""
    forward = isinstance(state.phase, Forward)
    match call.operation:
        case StartUpgrade() | StartConfigure():
            after = _put(state, Beginning(step))
            if not forward:
                return replace(after, mark=state.former, former=None)
            return replace(after, mark=None, walked=())
        case Walk(domain=domain):
            after = _put(state, Ready(domain, step))
            walked = tuple(each for each in state.walked if each != domain) if forward else state.walked
            return replace(after, walked=walked)
        case Create():
            return replace(_put(state, _errand(doing(state.phase), step)), mark=None)
        case _:
            after = _put(state, _errand(doing(state.phase), step))
            return replace(after, acted=False) if forward else after


def _errand(phase: Phase, step: Step) -> Phase:
    if not isinstance(phase, AnyErrand):
        message = f"no call without domains is made while {type(phase).__name__}"
        raise InvariantBroken(message)
    return replace(phase, step=step, call=None, cleared_t=None, settling=False)


def _put(state: ServiceRollout, step: Phase) -> ServiceRollout:
    return replace(state, phase=within(state.phase, step))
