"""What a call changes: intended, answered, ended; forward and back alike.

Everything here moves the step that is being done and puts it back where it belongs; which call is next, `decide` says.
"""

from typing import NamedTuple

from msgspec.structs import replace

from rollout.core import event, found
from rollout.core.found import put
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
from rollout.core.stages import never_asked

Answer = event.Accepted | event.Refused | event.Lost | event.Untracked
Calling = Beginning | Walking | AnyErrand


def intended(state: ServiceRollout, fact: event.Intended, t: float) -> ServiceRollout | None:
    """Note that a call is about to be made; None = it is not the one that can be made here."""
    beyond = isinstance(fact.operation, Walk) and fact.operation.domain >= state.domain_count
    if fact.number != state.calls + 1 or beyond:
        return None
    call = Call(fact.number, fact.operation, intended_t=t, quarantine_s=fact.quarantine_s)
    state = timed_anew(state, t)
    step = _calling(fact.operation, doing(state.phase), call)
    if step is None:
        return None
    return _noted(replace(state, calls=fact.number, phase=within(state.phase, step)), fact.operation)


def timed_anew(state: ServiceRollout, t: float) -> ServiceRollout:
    """Let the limit of a call back begin now, if that was never asked for: until now it waited for room or its turn."""
    step = doing(state.phase)
    if not isinstance(state.phase, Back) or not never_asked(state.phase):
        return state
    if not isinstance(step, Beginning | Ready | Errand):
        return state
    return replace(state, phase=within(state.phase, replace(step, step=replace(step.step, began_t=t))))


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
    if (asked := _asked(state, fact.number)) is None:
        return None
    _, step, call = asked
    if isinstance(fact, event.Untracked) is (call.handle is None):
        return None
    match fact:
        case event.Untracked(detail=detail):
            return _untracked(state, asked, detail, t)
        case event.Accepted(handle=handle):
            # What came before the call was taken was waiting; the limit is for the work. Going back has one for all
            # its tries and the work, which began with the first of them.
            lasts = isinstance(state.phase, Back) and isinstance(step, Errand)
            taken = replace(call, handle=handle, accepted_t=t)
            timed = step.step if lasts else replace(step.step, began_t=t)
            return put(state, replace(step, step=timed, call=taken))
        case event.Lost(detail=detail):
            lost = replace(step.step, losses=step.step.losses + 1, last_error=_clause(detail))
            return _unclear(state, asked, lost, t + call.quarantine_s)
        case event.Refused(kind=RefusedKind.REJECTED, error=error):
            said = _clause(error)
            return _unclear(state, asked, replace(step.step, last_error=said), t, said)
        case event.Refused(kind=kind, error=error, retry_in_s=retry_in_s):
            waiting = replace(
                step.step,
                refusals=step.step.refusals + 1,
                throttled=step.step.throttled + (kind is RefusedKind.THROTTLED),
                last_error=_clause(error),
                not_before_t=t + retry_in_s,
            )
            return found.undone(state, call, waiting)


class _Asked(NamedTuple):
    """What waits for news of a call: the phase, what is done in it, and the call."""

    phase: Forward | Back
    step: Calling
    call: Call


def _asked(state: ServiceRollout, number: int) -> _Asked | None:
    phase, step, call = state.phase, doing(state.phase), call_of(state.phase)
    if not isinstance(phase, Forward | Back) or not isinstance(step, Beginning | Walking | AnyErrand):
        return None
    return _Asked(phase, step, call) if call is not None and call.number == number else None


def _clause(text: str) -> str:
    """Give the platform's own words as a part of our sentences, which have their own full stop."""
    return text.rstrip(". ")


def _unclear(
    state: ServiceRollout, asked: _Asked, step: Step, until_t: float, rejected: str | None = None
) -> ServiceRollout:
    """Have it found out what became of a call. A copy over a copy changes nothing: it is asked for again, or failed."""
    phase, _, call = asked
    if isinstance(phase, Capturing):
        failure = None if rejected is None else f"{found.refusal(call, rejected)}; nothing was touched"
        return replace(state, phase=Capturing(step), failure=state.failure or failure)
    return replace(state, phase=Reconciling(step, call, quarantine_until_t=until_t, of=phase, rejected=rejected))


def _untracked(state: ServiceRollout, asked: _Asked, detail: str, t: float) -> ServiceRollout:
    step = asked.step
    match step:
        case Beginning():
            return _unclear(state, asked, step.step, t)
        case Walking(domain=domain):
            return put(state, Settling(domain, step.step))
        case Capturing():
            again = replace(step.step, losses=step.step.losses + 1, last_error=detail)
            return replace(state, phase=Capturing(again))
        case _:
            return put(state, replace(step, call=None, settling=True))


def ended(state: ServiceRollout, fact: event.Succeeded | event.Failed, t: float) -> ServiceRollout | None:
    """Give the state after the end of an operation; None = no such operation is followed."""
    asked = _asked(state, fact.number)
    if asked is None or asked.call.handle is None:
        return None
    _, step, call = asked
    if isinstance(fact, event.Failed):
        return _failed(state, asked, f"{fact.code}: {_clause(fact.message)}", t)
    match step:
        case Beginning():
            return put(state, found.begun(state, call, t))
        case Walking(domain=domain):
            return put(state, Settling(domain, step.step))
        case Capturing():
            return replace(state, captured=True, phase=Beginning(Step(began_t=t)))
        case _:
            return put(state, replace(step, call=None, settling=True))


def _failed(state: ServiceRollout, asked: _Asked, said: str, t: float) -> ServiceRollout:
    phase, step, _ = asked
    if not isinstance(step, Walking):
        return _unclear(state, asked, step.step, t, said)
    if isinstance(phase, Back):
        again = replace(step.step, losses=step.step.losses + 1, last_error=said)
        return put(state, Ready(step.domain, again))
    failure = f"walk of domain {step.domain} failed: {said}"
    return replace(state, phase=Ready(step.domain, step.step), failure=failure)
