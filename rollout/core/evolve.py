"""What is true after a fact: the one function that changes a service rollout's state.

Live running and recovery both go through `evolve`, so a journal that does not fit is noticed instead of believed.
"""

from msgspec.structs import replace

from rollout.core import calls, change_event, event, gate_event, sight_event
from rollout.core.baseline import baselined
from rollout.core.care import cared, may_follow
from rollout.core.care_event import CareFact
from rollout.core.change_plan import may_create
from rollout.core.dark import lit, without
from rollout.core.event import Entry
from rollout.core.health import probed
from rollout.core.mark import was_seen
from rollout.core.observed import observed
from rollout.core.phase import (
    Applying,
    Baking,
    Beginning,
    Capturing,
    Checking,
    Ended,
    ForeignChange,
    Forward,
    Gate,
    HeldForPerson,
    NeedsOperator,
    Preflight,
    Queued,
    Ready,
    Reverting,
    RollingBack,
    Step,
    SwapBaking,
    Swapping,
    call_of,
    domain_of,
)
from rollout.core.service import ServiceRollout
from rollout.core.stages import after_gate, after_preflight, first_back, needs_baseline, needs_preparing, needs_survey
from rollout.core.words import Word, spoken


class IllegalFact(Exception):
    """A fact that cannot follow what is recorded. The state is as it was."""


def evolve(state: ServiceRollout | None, entry: Entry) -> ServiceRollout:
    """Give the state after `entry`. Raises IllegalFact, naming fact, phase and version, and then nothing changed."""
    if state is None:
        return _open(entry)
    if entry.stream != state.stream or entry.version != state.version + 1:
        message = f"{entry.stream} version {entry.version} cannot follow {state.stream} version {state.version}"
        raise IllegalFact(message)
    if isinstance(state.phase, Ended) or (isinstance(entry.fact, sight_event.Sighted) and state.blind is None):
        raise _illegal(state, entry)
    dark = isinstance(entry.fact, sight_event.Blinded | Word | CareFact)
    after = _turn(state, _applied(state if dark else lit(state, entry.now.t), entry), entry.now.t)
    moved = type(after.phase) is not type(state.phase) or domain_of(after.phase) != domain_of(state.phase)
    since_t = entry.now.t if moved else after.phase_since_t
    # Whatever else is recorded, somebody could look, or another limit counts now.
    after = after if dark and not moved else replace(after, blind=None, blind_since_t=None)
    resolution, slow = (None, False) if moved else (after.resolution, after.slow)
    return replace(after, version=entry.version, phase_since_t=since_t, resolution=resolution, slow=slow)


def _open(entry: Entry) -> ServiceRollout:
    if not isinstance(entry.fact, event.Opened) or entry.version != 1:
        message = f"{entry.stream} begins with {type(entry.fact).__name__} version {entry.version}, not with Opened"
        raise IllegalFact(message)
    opened = ServiceRollout(
        stream=entry.stream,
        version=1,
        plan=entry.fact.plan,
        attempt=entry.fact.attempt,
        phase=Queued(),
        phase_since_t=entry.now.t,
        known=entry.fact.known,
    )
    return opened if entry.fact.undoing is None else _undoing(opened, entry.fact.undoing, entry.now.t)


def _undoing(opened: ServiceRollout, of: change_event.Undoing, t: float) -> ServiceRollout:
    """Begin on the way back from what an ended attempt had done."""
    after = replace(
        opened,
        known=of.known,
        before=of.before,
        surveyed=of.swapped,
        production=of.production,
        prepared=of.prepared,
        captured=of.captured,
        walked=of.walked,
        mark=of.mark,
        mark_seen=True,
        acted=of.acted,
        swapped=of.swapped,
        started_t=t,
        turned_back=True,
        turned_by=of.who,
        failure=of.note,
    )
    return replace(after, phase=first_back(after, t))


def _illegal(state: ServiceRollout, entry: Entry) -> IllegalFact:
    fact, phase = type(entry.fact).__name__, type(state.phase).__name__
    return IllegalFact(f"{entry.stream} version {entry.version}: {fact} cannot happen while {phase}")


def _applied(state: ServiceRollout, entry: Entry) -> ServiceRollout:
    """Give the state after a fact that belongs where it stands; anything else is illegal."""
    t = entry.now.t
    match entry.fact:
        case event.Intended() as fact:
            after = calls.intended(state, fact, t)
        case (event.Accepted() | event.Refused() | event.Lost() | event.Untracked()) as fact:
            after = calls.answered(state, fact, t)
        case (event.Succeeded() | event.Failed()) as fact:
            after = calls.ended(state, fact, t)
        case event.Observed() as fact:
            after = observed(_mark_seen(state, fact), fact, t)
        case gate_event.Baselined() as fact if isinstance(state.phase, Preflight) and needs_baseline(state):
            after = baselined(state, fact, t)
        case sight_event.Sighted():
            after = state
        case (sight_event.Blinded() | event.HeldOnFailure() | event.TakenOver() | event.Escalated()) as fact:
            after = _given_up(state, fact, t)
        case fact if isinstance(fact, CareFact):
            after = replace(state, care=cared(fact, entry.now.wall)) if may_follow(state.care, fact) else None
        case fact if isinstance(fact, Word):
            after = spoken(state, fact, t)
        case fact if isinstance(fact, change_event.ChangeFact):
            after = _changed(state, fact, t)
        case _:
            after = _onward(state, entry)
    if after is None:
        raise _illegal(state, entry)
    return after


def _onward(state: ServiceRollout, entry: Entry) -> ServiceRollout | None:
    """Admission, preflight, gates and the end: the facts of the plain way forward."""
    t = entry.now.t
    match entry.fact, state.phase:
        case event.Admitted(), Queued():
            return replace(state, phase=Preflight(Step(began_t=t)), started_t=t)
        case event.Preflighted(before=before), Preflight() if state.before is None and not needs_survey(state):
            return after_preflight(replace(state, before=before), t)
        case event.Unfit(reason=reason), Preflight():
            return replace(state, failure=reason)
        case event.Probed() as fact, (Checking() | Baking() | SwapBaking()) if fact.domain == state.phase.domain:
            return probed(state, state.phase, fact, t)[0]
        case event.GatePassed(domain=domain), Checking() if domain == state.phase.domain:
            return replace(state, phase=after_gate(state, domain + 1, t))
        case event.GateFailed() as fact, (Checking() | Baking() | SwapBaking()) if fact.domain == state.phase.domain:
            return replace(state, failure=fact.reason)
        case event.Baked(domain=domain), Baking() if domain == state.phase.domain:
            return replace(state, phase=Ready(domain, Step(began_t=t)))
        case event.Baked(domain=domain), SwapBaking() if domain == state.phase.domain:
            return replace(state, phase=Ready(state.domain_count, Step(began_t=t)))
        case event.Closed(outcome=outcome, who=who, reason=reason), _ if call_of(state.phase) is None:
            return replace(state, phase=Ended(outcome, who, reason))
        case _:
            return None


def _changed(state: ServiceRollout, fact: change_event.ChangeFact, t: float) -> ServiceRollout | None:
    """Slots, documents and stages: the facts of a change that is more than one update."""
    match fact, state.phase:
        case change_event.Surveyed(production=production), Preflight() if needs_survey(state):
            return replace(state, surveyed=True, production=production)
        case change_event.Vacant(), Preflight() if _may_be_vacant(state):
            return after_preflight(replace(state, vacant=True), t)
        case change_event.Prepared() as prepared, Preflight() if needs_preparing(state):
            return after_preflight(replace(state, prepared=prepared), t)
        case change_event.Deployed(before=before), Applying(settling=True) if state.vacant:
            deployed = replace(state, before=before, walked=tuple(range(before.domain_count)))
            return replace(deployed, phase=Checking(max(before.domain_count - 1, 0), Step(began_t=t), Gate(began_t=t)))
        case change_event.Rescaled(before=before), Capturing() | Beginning() if _untouched(state):
            anew = replace(state, before=before, prepared=None, phase=Preflight(Step(began_t=t)))
            return after_preflight(anew, t)
        case change_event.Staged(), Ready(domain=domain) if domain >= state.domain_count and not state.swapped:
            return replace(state, phase=Swapping(Step(began_t=t)))
        case change_event.BarrierOpened(), _ if not state.barrier_open:
            return _past_barrier(replace(state, barrier_open=True), t)
        case change_event.RevertBegun(), RollingBack(call=None, leg=None) if state.no_way_back is not None:
            return replace(state, phase=Reverting(Beginning(Step(began_t=t))), no_way_back=None)
        case change_event.Slow(), _ if not state.slow:
            return replace(state, slow=True)
        case _:
            return None


def _untouched(state: ServiceRollout) -> bool:
    return not state.begun and call_of(state.phase) is None


def _may_be_vacant(state: ServiceRollout) -> bool:
    untold = state.before is None and not state.vacant
    return untold and may_create(state.plan.change) and not needs_survey(state)


def _past_barrier(state: ServiceRollout, t: float) -> ServiceRollout:
    """Give the swap its whole time once it need not wait for others any more."""
    match state.phase:
        case Swapping(step=step, call=None, settling=False):
            waited_s = t - state.phase_since_t
            paused_s = state.paused_s + (waited_s if state.withheld_since_t is None else 0.0)
            return replace(state, phase=Swapping(replace(step, began_t=t)), paused_s=paused_s)
        case _:
            return state


def _turn(before: ServiceRollout, after: ServiceRollout, t: float) -> ServiceRollout:
    """Leave the way forward once going back is wanted and no call hangs in the air.

    Where a person is waited for, only a fresh word turns: going back may be what led there.
    """
    if not after.turned_back:
        return after
    forward = isinstance(after.phase, Forward) and not _unanswered(after) and not _errand_under_way(after)
    fresh = not before.turned_back and isinstance(after.phase, HeldForPerson | NeedsOperator)
    return replace(after, phase=first_back(after, t)) if forward or fresh else after


def _errand_under_way(state: ServiceRollout) -> bool:
    """Tell whether a swap or its like has been accepted and not ended: until then nothing shows what to take back."""
    return isinstance(state.phase, Applying | Swapping) and call_of(state.phase) is not None


def _unanswered(state: ServiceRollout) -> bool:
    call = call_of(state.phase)
    return call is not None and call.handle is None


_GivenUp = sight_event.Blinded | event.HeldOnFailure | event.TakenOver | event.Escalated


def _given_up(state: ServiceRollout, fact: _GivenUp, t: float) -> ServiceRollout | None:
    """Wait for evidence or for a person: legal wherever something is being done and no call hangs in the air."""
    phase = state.phase
    if isinstance(phase, Queued | HeldForPerson | ForeignChange | NeedsOperator | Ended) or _unanswered(state):
        return None
    match fact:
        case sight_event.Blinded(detail=detail, dark_s=dark_s):
            return replace(without(state, dark_s), blind=detail, blind_since_t=t)
        case event.HeldOnFailure(reason=reason):
            return replace(state, phase=HeldForPerson(reason, phase), failure=state.failure or reason)
        case event.TakenOver(detail=detail):
            return replace(state, phase=ForeignChange(detail, phase))
        case event.Escalated(reason=reason):
            return replace(state, phase=NeedsOperator(reason, phase), failure=state.failure or reason)


def _mark_seen(state: ServiceRollout, fact: event.Observed) -> ServiceRollout:
    shown = state.mark is not None and fact.saw is not None and was_seen(fact.saw, state.mark)
    return replace(state, mark_seen=state.mark_seen or shown)
