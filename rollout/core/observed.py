"""What a finding changes: where a look at the deployment leaves the step that is being done."""

from msgspec.structs import replace

from rollout.core import found
from rollout.core.calls import timed_anew
from rollout.core.event import Finding, Observed
from rollout.core.phase import (
    Applying,
    Back,
    Beginning,
    Call,
    Capturing,
    Checking,
    Errand,
    Gate,
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
from rollout.core.stages import after_errand, first_back

_UNDER_WAY = Capturing | Beginning | Ready | Walking | Settling | Applying | Swapping


def observed(state: ServiceRollout, fact: Observed, t: float) -> ServiceRollout | None:
    """Give the state after a finding; None = it cannot be found here."""
    if fact.finding is Finding.CLEAR:
        state = timed_anew(state, t)
    match fact.finding, state.phase:
        case Finding.APPLIED, Reconciling() as phase:
            return found.applied(state, phase, t)
        case Finding.NOT_APPLIED, Reconciling() as phase:
            return found.not_applied(state, phase)
        case Finding.RESTORED, (RollingBack() | Reverting() | SwappingBack() | Suspending()) as phase:
            return _restored(state, phase)
        case Finding.NO_WAY_BACK, RollingBack(call=None, settling=False, restored=False):
            return replace(state, no_way_back=fact.detail, complete=True)
        case Finding.NO_WAY_BACK, Reconciling(of=RollingBack()) as phase:
            after = found.undone(replace(state, phase=phase.of), phase.call, phase.step)
            return replace(after, no_way_back=fact.detail, complete=True)
        case Finding.TURNED, RollingBack(leg=None, settling=True, restored=False) if (
            fact.saw is not None and fact.saw.pointer is not None
        ):
            return replace(state, phase=replace(state.phase, leg=Ready(fact.saw.pointer, Step(began_t=t))))
        case Finding.OVERDUE, phase if isinstance(phase, _UNDER_WAY) and not _unanswered(phase):
            if isinstance(phase, Capturing):  # nothing is changed by a copy, so nobody waits for it
                return replace(state, phase=Capturing(phase.step), failure=fact.detail)
            # Going back, which waited for the end of a call, has waited long enough.
            return (
                replace(state, phase=first_back(state, t)) if state.turned_back else replace(state, failure=fact.detail)
            )
        case _:
            return _stepped(state, fact, t)


def _restored(state: ServiceRollout, phase: Back) -> ServiceRollout | None:
    if phase.restored or call_of(phase) is not None:
        return None
    return replace(state, phase=replace(phase, restored=True))


def _stepped(state: ServiceRollout, fact: Observed, t: float) -> ServiceRollout | None:
    """Move the step that is being done, forward or on the way back."""
    match fact.finding, doing(state.phase):
        case Finding.BEGUN, Beginning(call=Call() as call):
            step: Phase = found.begun(state, call, t)
        case Finding.WHOLE, Swapping(call=None, settling=False) as step:
            step = replace(step, whole_t=t, production_next=True)
        case Finding.CLEAR, Swapping(call=None, settling=False) as step:
            step = replace(step, cleared_t=t, production_next=False)
        case Finding.CLEAR, (Beginning(call=None) | Errand(call=None, settling=False)) as step:
            step = replace(step, cleared_t=t)
        case Finding.CLEAR, Ready() as ready:
            step = replace(ready, cleared_t=t, domain=_next_domain(state, ready, fact))
        case Finding.SETTLED, Settling(domain=domain, step=limits):
            back = isinstance(state.phase, Back)
            step = Ready(domain + 1, Step(began_t=t)) if back else Checking(domain, limits, Gate(began_t=t))
        case Finding.SETTLED, (Applying(settling=True) | Swapping(settling=True)) if (
            state.before is not None and not isinstance(state.phase, Back)
        ):
            return after_errand(state, t)
        case _:
            return None
    return replace(state, phase=within(state.phase, step))


def _next_domain(state: ServiceRollout, ready: Ready, fact: Observed) -> int:
    """Give the domain to walk: back by the platform's own pointer, which may begin anew or only where it must."""
    shown = fact.saw.pointer if fact.saw is not None else None
    return shown if isinstance(state.phase, RollingBack) and shown is not None else ready.domain


def _unanswered(phase: Phase) -> bool:
    call = call_of(phase)
    return call is not None and call.handle is None
