"""What an answer means where a service rollout stands: pure judgement, from looks, polls and checks to facts.

None = nothing worth recording yet: ask again. A limit is judged here and nowhere else, because it takes a look made
after it to end anything; without one the limit waits (`Blinded`).
"""

from rollout.core import event, sight_event
from rollout.core.claim import pending, witness
from rollout.core.dark import lit
from rollout.core.deadline import call_limit, deadline
from rollout.core.event import Finding, Observed, ServiceFact
from rollout.core.names import Now
from rollout.core.operation import describe
from rollout.core.operations import call_of_change, start_of
from rollout.core.outcome import Failed, Progress, Running, Succeeded, Unknown, Unreachable
from rollout.core.phase import (
    Applying,
    Back,
    Beginning,
    Capturing,
    Errand,
    Preflight,
    Ready,
    Reconciling,
    Settling,
    Swapping,
    Walking,
    call_of,
    step_of,
)
from rollout.core.service import ServiceRollout
from rollout.core.sight import judge
from rollout.core.slow import slow
from rollout.core.snapshot import Absent, Look, Snapshot, sighting
from rollout.core.stages import walks_itself

YOUNG_OPERATION_S = 60.0
"""An unknown id this young is taken for one that is not visible yet."""


def interpret_look(
    state: ServiceRollout, previous: Look | None, latest: Look, *, dark_s: float = 0.0
) -> ServiceFact | None:
    """Judge a look at the deployment; `previous` is the one before it in the same watch, for what must show twice.

    `dark_s` is for how long no answer before this one showed anything, where that was long.
    """
    observation = latest.observation
    if (claimed := pending(state, latest.now.t)) is not None:
        return witness(state, claimed, latest)
    if isinstance(observation, Unreachable) or (dark_s and state.blind is None):
        return _blinded(state, observation, latest.now, dark_s)
    fact = _judged(lit(state, latest.now.t), previous, latest, observation)
    return fact or _sighted(state) or slow(state, latest.now)


def _judged(
    state: ServiceRollout, previous: Look | None, latest: Look, observation: Snapshot | Absent
) -> ServiceFact | None:
    earlier = previous.observation if previous is not None else None
    fact = judge(state, earlier if isinstance(earlier, Snapshot | Absent) else None, observation, latest.now)
    if isinstance(fact, Observed) and fact.finding is Finding.CLEAR:
        # A call that is refused again and again stands clear before each try: its limit is judged here.
        late = latest.now.t >= call_limit(state, latest.now.t).t
        return (_overdue(state, observation, latest.now) if late else None) or fact
    if fact is None and isinstance(earlier, Snapshot | Absent):
        # What must show twice gets its second look, even when the first one after an outage comes too late.
        return _overdue(state, observation, latest.now)
    return fact


def interpret_poll(
    state: ServiceRollout, number: int, progress: Progress, now: Now, *, dark_s: float = 0.0
) -> ServiceFact | None:
    """Judge what the platform said about the operation of call `number`; `dark_s` as for a look."""
    call = call_of(state.phase)
    if call is None or call.handle is None or call.number != number:
        return None
    match progress:
        case Succeeded():
            return event.Succeeded(number)
        case Failed(code=code, message=message):
            return event.Failed(number, code, message)
        case Unknown(detail=detail):
            young = now.t < call.accepted_t + YOUNG_OPERATION_S
            return None if young else event.Untracked(number, detail)
        case Unreachable():
            return _blinded(state, progress, now, dark_s)
        case Running() if dark_s and state.blind is None:
            return _blinded(state, progress, now, dark_s)
        case Running():
            return _overdue(lit(state, now.t), None, now) or _sighted(state) or slow(state, now)


def _blinded(state: ServiceRollout, answer: object, now: Now, dark_s: float) -> ServiceFact | None:
    if state.blind is None and (dark_s or now.t >= deadline(state, now.t).t):
        detail = answer.detail if isinstance(answer, Unreachable) else f"nobody had a turn to look for {dark_s:.0f} s"
        return sight_event.Blinded(detail, dark_s)
    return None


def _sighted(state: ServiceRollout) -> ServiceFact | None:
    return None if state.blind is None else sight_event.Sighted()


def _overdue(state: ServiceRollout, seen: Snapshot | Absent | None, now: Now) -> ServiceFact | None:
    limit = deadline(state, now.t)
    if now.t < limit.t:
        return None
    saw = sighting(seen) if isinstance(seen, Snapshot) else None
    detail = f"{_what(state)} took longer than {limit.name}{_taught(state)}{_showing(seen)}"
    phase = state.phase
    if isinstance(phase, Preflight):
        return event.Unfit(detail)
    if isinstance(phase, Reconciling | Back):
        return event.Escalated(detail, saw)
    if isinstance(phase, Beginning | Ready | Walking | Settling | Errand):
        return Observed(Finding.OVERDUE, detail, saw)
    return None


def _what(state: ServiceRollout) -> str:
    match state.phase:
        case Preflight():
            return "becoming fit for the change"
        case Capturing():
            return "the copy of the old package"
        case Beginning():
            return f"beginning the {describe(start_of(state))}"
        case Ready(domain=domain):
            return f"getting to walk domain {domain}"
        case Walking(domain=domain):
            return f"the walk of domain {domain}"
        case Settling(domain=domain):
            whole = f"the {describe(start_of(state))} of all domains"
            return whole if walks_itself(state) else f"settling after the walk of domain {domain}"
        case Swapping():
            return "the swap"
        case Applying():
            return f"the {describe(call_of_change(state))}"
        case Reconciling(call=call):
            return f"finding out what became of the {describe(call.operation)}"
        case _:
            return "going back"


def _taught(state: ServiceRollout) -> str:
    step = step_of(state.phase)
    return f"; the last call said: {step.last_error}" if step is not None and step.last_error else ""


def _showing(seen: Snapshot | Absent | None) -> str:
    if not isinstance(seen, Snapshot):
        return ""
    saw = sighting(seen)
    if saw.not_ready:
        return f"; not ready: {', '.join(saw.not_ready)}"
    return "; the deployment is locked" if saw.locked else f"; the deployment shows {saw.status}"
