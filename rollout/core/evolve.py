"""What is true after a fact: the one function that changes a service rollout's state.

Live running and recovery both go through `evolve`, so a journal that does not fit is noticed instead of believed.
"""

from msgspec.structs import replace

from rollout.core import event, sight_event
from rollout.core.dark import lit, without
from rollout.core.event import Entry, Finding
from rollout.core.health import after_gate, probed
from rollout.core.operation import RollBack, StartUpgrade, Walk, describe, token_of
from rollout.core.outcome import RefusedKind
from rollout.core.phase import (
    Baking,
    Beginning,
    Call,
    Checking,
    Ended,
    ForeignChange,
    Forward,
    Gate,
    HeldForPerson,
    NeedsOperator,
    Phase,
    Preflight,
    Queued,
    Ready,
    Reconciling,
    RollingBack,
    Settling,
    Step,
    Walking,
    call_of,
    domain_of,
)
from rollout.core.service import ServiceRollout
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
    dark = isinstance(entry.fact, sight_event.Blinded | Word)
    after = _turn(state, _apply(state if dark else lit(state, entry.now.t), entry), entry.now.t)
    moved = type(after.phase) is not type(state.phase) or domain_of(after.phase) != domain_of(state.phase)
    since_t = entry.now.t if moved else after.phase_since_t
    # Whatever else is recorded, somebody could look, or another limit counts now.
    after = after if dark and not moved else replace(after, blind=None, blind_since_t=None)
    resolution = None if moved else after.resolution
    return replace(after, version=entry.version, phase_since_t=since_t, resolution=resolution)


def _open(entry: Entry) -> ServiceRollout:
    if not isinstance(entry.fact, event.Opened) or entry.version != 1:
        message = f"{entry.stream} begins with {type(entry.fact).__name__} version {entry.version}, not with Opened"
        raise IllegalFact(message)
    return ServiceRollout(
        stream=entry.stream,
        version=1,
        plan=entry.fact.plan,
        attempt=entry.fact.attempt,
        phase=Queued(),
        phase_since_t=entry.now.t,
    )


def _illegal(state: ServiceRollout, entry: Entry) -> IllegalFact:
    fact, phase = type(entry.fact).__name__, type(state.phase).__name__
    return IllegalFact(f"{entry.stream} version {entry.version}: {fact} cannot happen while {phase}")


def _apply(state: ServiceRollout, entry: Entry) -> ServiceRollout:  # noqa: C901, PLR0911, PLR0912 - the table itself
    t = entry.now.t
    match entry.fact, state.phase:
        case event.Admitted(), Queued():
            return replace(state, phase=Preflight(Step(began_t=t)), started_t=t)
        case event.Preflighted(before=before), Preflight():
            return replace(state, phase=Beginning(Step(began_t=t), cleared_t=t), before=before)
        case event.Unfit(reason=reason), Preflight():
            return replace(state, failure=reason)
        case event.Intended() as fact, _:
            return _intended(state, fact, entry)
        case (event.Accepted() | event.Refused() | event.Lost() | event.Untracked()) as fact, _:
            return _answered(state, fact, entry)
        case (event.Succeeded() | event.Failed()) as fact, _:
            return _operation_ended(state, fact, entry)
        case sight_event.Sighted(), _:
            return state
        case event.Observed() as fact, _:
            return _observed(_label_seen(state, fact), fact, entry)
        case event.Probed() as fact, (Checking() | Baking()) if fact.domain == state.phase.domain:
            return probed(state, state.phase, fact, t)[0]
        case event.GatePassed(domain=domain), Checking() if domain == state.phase.domain:
            return replace(state, phase=after_gate(state, domain + 1, t))
        case event.GateFailed() as fact, (Checking() | Baking()) if fact.domain == state.phase.domain:
            return replace(state, failure=fact.reason)
        case event.Baked(domain=domain), Baking() if domain == state.phase.domain:
            return replace(state, phase=Ready(domain, Step(began_t=t)))
        case event.Closed(outcome=outcome, who=who, reason=reason), _ if call_of(state.phase) is None:
            return replace(state, phase=Ended(outcome, who, reason))
        case (sight_event.Blinded() | event.HeldOnFailure() | event.TakenOver() | event.Escalated()) as fact, _:
            return _given_up(state, fact, entry)
        case fact, _ if isinstance(fact, Word) and (after := spoken(state, fact, t)) is not None:
            return after
        case _:
            raise _illegal(state, entry)


def _turn(before: ServiceRollout, after: ServiceRollout, t: float) -> ServiceRollout:
    """Leave the way forward once going back is wanted and no call hangs in the air.

    Where a person is waited for, only a fresh word turns: going back may be what led there.
    """
    if not after.turned_back:
        return after
    forward = isinstance(after.phase, Forward) and not _unanswered(after.phase)
    fresh = not before.turned_back and isinstance(after.phase, HeldForPerson | NeedsOperator)
    return replace(after, phase=RollingBack(Step(began_t=t))) if forward or fresh else after


def _unanswered(phase: Phase) -> bool:
    call = call_of(phase)
    return call is not None and call.handle is None


_GivenUp = sight_event.Blinded | event.HeldOnFailure | event.TakenOver | event.Escalated


def _given_up(state: ServiceRollout, fact: _GivenUp, entry: Entry) -> ServiceRollout:
    """Wait for evidence or for a person: legal wherever something is being done and no call hangs in the air."""
    phase = state.phase
    if isinstance(phase, Queued | HeldForPerson | ForeignChange | NeedsOperator | Ended) or _unanswered(phase):
        raise _illegal(state, entry)
    match fact:
        case sight_event.Blinded(detail=detail, dark_s=dark_s):
            return replace(without(state, dark_s), blind=detail, blind_since_t=entry.now.t)
        case event.HeldOnFailure(reason=reason):
            return replace(state, phase=HeldForPerson(reason, phase), failure=state.failure or reason)
        case event.TakenOver(detail=detail):
            return replace(state, phase=ForeignChange(detail, phase))
        case event.Escalated(reason=reason):
            return replace(state, phase=NeedsOperator(reason, phase), failure=state.failure or reason)


def _intended(state: ServiceRollout, fact: event.Intended, entry: Entry) -> ServiceRollout:
    if fact.number != state.calls + 1:
        raise _illegal(state, entry)
    call = Call(fact.number, fact.operation, intended_t=entry.now.t, quarantine_s=fact.quarantine_s)
    after = replace(state, calls=fact.number)
    match fact.operation, state.phase:
        case StartUpgrade(label=label), Beginning(call=None):
            return replace(after, phase=replace(state.phase, call=call), token=token_of(label))
        case Walk(domain=domain), Ready() if domain == state.phase.domain:
            walked = (*state.walked, domain)
            return replace(after, phase=Walking(domain, state.phase.step, call), walked=walked)
        case RollBack(), RollingBack(call=None, settling=False):
            return replace(after, phase=replace(state.phase, call=call))
        case _:
            raise _illegal(state, entry)


_Answer = event.Accepted | event.Refused | event.Lost | event.Untracked


def _answered(state: ServiceRollout, fact: _Answer, entry: Entry) -> ServiceRollout:
    phase, call, t = state.phase, call_of(state.phase), entry.now.t
    if not isinstance(phase, Beginning | Walking | RollingBack) or call is None or fact.number != call.number:
        raise _illegal(state, entry)
    if isinstance(fact, event.Untracked):
        if call.handle is None:
            raise _illegal(state, entry)
        return replace(state, phase=_untracked(phase, call, t))
    if call.handle is not None:
        raise _illegal(state, entry)
    match fact:
        case event.Accepted(handle=handle):
            # What came before the call was taken was waiting; the limit is for the work.
            step = phase.step if isinstance(phase, RollingBack) else replace(phase.step, began_t=t)
            return replace(state, phase=replace(phase, step=step, call=replace(call, handle=handle, accepted_t=t)))
        case event.Lost(detail=detail):
            step = replace(phase.step, losses=phase.step.losses + 1, last_error=detail)
            return replace(state, phase=Reconciling(step, call, quarantine_until_t=t + call.quarantine_s))
        case event.Refused(kind=RefusedKind.REJECTED, error=error):
            step = replace(phase.step, last_error=error)
            return replace(state, phase=Reconciling(step, call, quarantine_until_t=t, rejected=error))
        case event.Refused(kind=kind, error=error, retry_in_s=retry_in_s):
            step = replace(
                phase.step,
                refusals=phase.step.refusals + 1,
                throttled=phase.step.throttled + (kind is RefusedKind.THROTTLED),
                last_error=error,
                not_before_t=t + retry_in_s,
            )
            return _undone(state, call, step)


def _untracked(phase: Beginning | Walking | RollingBack, call: Call, t: float) -> Phase:
    match phase:
        case Beginning(step=step):
            return Reconciling(step, call, quarantine_until_t=t)
        case Walking(domain=domain, step=step):
            return Settling(domain, step)
        case RollingBack():
            return replace(phase, call=None, settling=True)


def _undone(state: ServiceRollout, call: Call, step: Step) -> ServiceRollout:
    """Go back to where `call` had not been made: it is known not to have been applied."""
    match call.operation:
        case StartUpgrade():
            return replace(state, phase=Beginning(step), token=None)
        case Walk(domain=domain):
            walked = tuple(each for each in state.walked if each != domain)
            return replace(state, phase=Ready(domain, step), walked=walked)
        case RollBack():
            return replace(state, phase=RollingBack(step))


def _operation_ended(state: ServiceRollout, fact: event.Succeeded | event.Failed, entry: Entry) -> ServiceRollout:
    phase, call, t = state.phase, call_of(state.phase), entry.now.t
    if not isinstance(phase, Beginning | Walking | RollingBack) or call is None or call.number != fact.number:
        raise _illegal(state, entry)
    if call.handle is None:
        raise _illegal(state, entry)
    if isinstance(fact, event.Failed):
        said = f"{fact.code}: {fact.message}"
        if not isinstance(phase, Walking):
            return replace(state, phase=Reconciling(phase.step, call, quarantine_until_t=t, rejected=said))
        failure = f"walk of domain {phase.domain} failed: {said}"
        return replace(state, phase=Ready(phase.domain, phase.step), failure=failure)
    match phase:
        case Beginning():
            return replace(state, phase=Ready(0, Step(began_t=t)))
        case Walking(domain=domain, step=step):
            return replace(state, phase=Settling(domain, step))
        case RollingBack():
            return replace(state, phase=replace(phase, call=None, settling=True))


def _label_seen(state: ServiceRollout, fact: event.Observed) -> ServiceRollout:
    shown = state.token is not None and fact.saw is not None and fact.saw.release.endswith(state.token)
    return replace(state, label_seen=state.label_seen or shown)


def _observed(state: ServiceRollout, fact: event.Observed, entry: Entry) -> ServiceRollout:
    t = entry.now.t
    match fact.finding, state.phase:
        case Finding.BEGUN, Beginning(call=Call()):
            return replace(state, phase=Ready(0, Step(began_t=t)))
        case Finding.CLEAR, (Beginning(call=None) | Ready() | RollingBack(call=None, settling=False, restored=False)):
            return replace(state, phase=replace(state.phase, cleared_t=t))
        case Finding.SETTLED, Settling(domain=domain, step=step):
            return replace(state, phase=Checking(domain, step, Gate(began_t=t)))
        case Finding.APPLIED, Reconciling():
            return _applied(state, state.phase, t)
        case Finding.NOT_APPLIED, Reconciling():
            return _not_applied(state, state.phase)
        case Finding.RESTORED, RollingBack(call=None, restored=False):
            return replace(state, phase=replace(state.phase, restored=True))
        case Finding.NO_WAY_BACK, RollingBack(call=None, settling=False, restored=False):
            return replace(state, no_way_back=fact.detail)
        case Finding.OVERDUE, (Beginning() | Ready() | Walking() | Settling()) if not _unanswered(state.phase):
            return replace(state, failure=fact.detail)
        case _:
            raise _illegal(state, entry)


def _applied(state: ServiceRollout, phase: Reconciling, t: float) -> ServiceRollout:
    match phase.call.operation:
        case StartUpgrade():
            return replace(state, phase=Ready(0, Step(began_t=t)))
        case Walk(domain=domain):
            return replace(state, phase=Settling(domain, phase.step))
        case RollBack():
            return replace(state, phase=RollingBack(phase.step, settling=True))


def _not_applied(state: ServiceRollout, phase: Reconciling) -> ServiceRollout:
    after = _undone(state, phase.call, phase.step)
    if phase.rejected is None:
        return after
    said = f"the platform refused the {describe(phase.call.operation)}: {phase.rejected}"
    if isinstance(phase.call.operation, RollBack):
        return replace(after, no_way_back=said)
    return replace(after, failure=said)
