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
from rollout.core.outcome import Failed, Progress, Running, Succeeded, Unknown, Unreachable
from rollout.core.phase import Beginning, Preflight, Ready, Reconciling, RollingBack, Settling, Walking, call_of
from rollout.core.reconcile import reconcile
from rollout.core.restore import restore
from rollout.core.service import ServiceRollout
from rollout.core.shows import as_before, foreign, may_be_ours, ours, settled
from rollout.core.snapshot import Absent, Before, Look, Snapshot, sighting

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
    return _sighted(state) if fact is None else fact


def _judged(
    state: ServiceRollout, previous: Look | None, latest: Look, observation: Snapshot | Absent
) -> ServiceFact | None:
    earlier = previous.observation if previous is not None else None
    fact = _look(state, earlier if isinstance(earlier, Snapshot) else None, observation)
    if isinstance(fact, Observed) and fact.finding is Finding.CLEAR:
        # A call that is refused again and again stands clear before each try: its limit is judged here.
        late = latest.now.t >= call_limit(state, latest.now.t).t
        return (_overdue(state, observation, latest.now) if late else None) or fact
    if fact is None and isinstance(earlier, Snapshot | Absent):
        # What must show twice gets its second look, even when the first one after an outage comes too late.
        return _overdue(state, observation, latest.now)
    return fact


def _look(state: ServiceRollout, earlier: Snapshot | None, seen: Snapshot | Absent) -> ServiceFact | None:
    phase = state.phase
    if isinstance(phase, Preflight):
        return _preflight(state, seen)
    if isinstance(seen, Absent):
        return event.TakenOver(f"the deployment is gone: {seen.detail}")
    match phase:
        case Beginning(call=None):
            return _still_untouched(state, seen)
        case Beginning():
            return _begun(state, seen)
        case Ready(domain=domain):
            return _clear_to_walk(state, seen, domain)
        case Settling(domain=domain):
            return _settled(state, earlier, seen, domain)
        case Reconciling():
            return reconcile(state, phase, seen)
        case RollingBack(call=None):
            return restore(state, phase, earlier, seen)
        case _:
            return None


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
            return _overdue(lit(state, now.t), None, now) or _sighted(state)


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
    match state.phase:
        case Preflight():
            return event.Unfit(detail)
        case Beginning() | Ready() | Walking() | Settling():
            return Observed(Finding.OVERDUE, detail, saw)
        case Reconciling() | RollingBack():
            return event.Escalated(detail, saw)
        case _:
            return None


def _what(state: ServiceRollout) -> str:
    match state.phase:
        case Preflight():
            return "becoming fit for the change"
        case Beginning():
            return "beginning the upgrade"
        case Ready(domain=domain):
            return f"getting to walk domain {domain}"
        case Walking(domain=domain):
            return f"the walk of domain {domain}"
        case Settling(domain=domain):
            return f"settling after the walk of domain {domain}"
        case Reconciling(call=call):
            return f"finding out what became of the {describe(call.operation)}"
        case _:
            return "going back"


def _taught(state: ServiceRollout) -> str:
    match state.phase:
        case Beginning(step=step) | Ready(step=step) | Reconciling(step=step) | RollingBack(step=step):
            return f"; the last call said: {step.last_error}" if step.last_error else ""
        case _:
            return ""


def _showing(seen: Snapshot | Absent | None) -> str:
    if not isinstance(seen, Snapshot):
        return ""
    saw = sighting(seen)
    if saw.not_ready:
        return f"; not ready: {', '.join(saw.not_ready)}"
    return "; the deployment is locked" if saw.locked else f"; the deployment shows {saw.status}"


# --- what each phase looks for ---


def _preflight(state: ServiceRollout, seen: Snapshot | Absent) -> ServiceFact | None:
    if isinstance(seen, Absent):
        return event.Unfit(f"there is no deployment in {state.plan.target.slot}: {seen.detail}")
    if seen.change is not None:
        return event.Unfit("an update that is not ours is in progress on the deployment")
    if seen.domain_count < 1:
        return None
    if seen.domain_count == 1 and not state.plan.walk.allow_no_rollback:
        return event.Unfit("it has one upgrade domain, so no way back; walk.allow_no_rollback permits that")
    if seen.locked or not settled(seen):
        return None
    before = Before(seen.deployment, seen.release, seen.domain_count, seen.instance_counts())
    return event.Preflighted(before, sighting(seen))


def _still_untouched(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    if seen.change is not None or not as_before(state, seen):
        return foreign(seen, "somebody began another change before ours")
    if seen.locked:
        return None
    return Observed(Finding.CLEAR, "untouched since preflight", sighting(seen))


def _begun(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    change = seen.change
    if change is None or not ours(state, seen) or seen.locked:
        return None
    if change.manual and change.domain == 0 and not change.during:
        return Observed(Finding.BEGUN, "the deployment waits for its first walk", sighting(seen))
    return None


def _clear_to_walk(state: ServiceRollout, seen: Snapshot, domain: int) -> ServiceFact | None:
    change = seen.change
    if change is None:
        return foreign(seen, f"our change is gone before domain {domain} was walked")
    if not may_be_ours(state, seen) or not change.manual:
        return foreign(seen, "another change has taken the place of ours")
    if change.domain > domain:
        return foreign(seen, f"somebody walked domain {domain}")
    if change.domain < domain or change.during or seen.locked:
        return None
    if not all(seen.domain_ready(each) for each in state.walked if each not in state.red_accepted):
        return None  # one domain down at a time: a walked one that fell since its gate has to come back first
    return Observed(Finding.CLEAR, f"domain {domain} is next and nothing is under way", sighting(seen))


def _settled(state: ServiceRollout, earlier: Snapshot | None, seen: Snapshot, domain: int) -> ServiceFact | None:
    last = domain == state.domain_count - 1
    if seen.change is None and not last:
        return foreign(seen, f"our change is gone after domain {domain}, before it was complete")
    if seen.change is None and not ours(state, seen):
        return foreign(seen, "another release has taken the place of ours")
    if seen.change is not None and not may_be_ours(state, seen):
        return foreign(seen, "another change has taken the place of ours")
    if earlier is None or not (_walk_shows(earlier, domain, last=last) and _walk_shows(seen, domain, last=last)):
        return None
    return Observed(Finding.SETTLED, f"domain {domain} runs the new release", sighting(seen))


def _walk_shows(seen: Snapshot, domain: int, *, last: bool) -> bool:
    if seen.locked:
        return False
    if last:
        return seen.change is None and settled(seen)
    return seen.change is not None and seen.change.domain > domain and seen.domain_ready(domain)
