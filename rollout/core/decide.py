"""What is needed next: the ONE action, and why, from the state alone.

Actions are derived, never stored: a crash loses nothing, because recovery is fold, then decide. Precedence: a person's
stop, a dangling intent, going back, failure, holds, then the way forward. `explain` speaks from the same branches.
"""

from rollout.core import event
from rollout.core.action import Action, LookAtDeployment, PollOperation, Record, Submit, Wait
from rollout.core.claim import pending
from rollout.core.ending import Outcome
from rollout.core.event import ServiceFact
from rollout.core.gate_next import next_of_bake, next_of_gate
from rollout.core.names import ENGINE, POLICY, Now, parse_service_stream
from rollout.core.next import Next, watch
from rollout.core.operation import RollBack, StartUpgrade, Walk, attempt_token, describe
from rollout.core.phase import (
    Baking,
    Beginning,
    Call,
    Checking,
    Ended,
    ForeignChange,
    Forward,
    HeldForPerson,
    NeedsOperator,
    Preflight,
    Queued,
    Ready,
    Reconciling,
    RollingBack,
    Settling,
    Walking,
    call_of,
)
from rollout.core.plan import OnFailure
from rollout.core.service import Resolution, ServiceRollout

FRESH_S = 30.0
"""Before a call the last look is no older than this."""
LOST_REPEATS_MAX = 3
"""A call whose answer was lost, and which was then seen not to be applied, is repeated this often."""


def decide(state: ServiceRollout, now: Now) -> Action | None:
    """Give the one action needed next; None = this attempt has ended."""
    return consider(state, now).action


def consider(state: ServiceRollout, now: Now) -> Next:
    """Give the one action needed next together with the words for it."""
    phase = state.phase
    if isinstance(phase, Ended):
        return Next(None, f"ended as {phase.outcome}: {phase.reason}")
    call = call_of(phase)
    if call is not None and call.handle is None:
        lost = event.Lost(call.number, "the engine ended before an answer was recorded")
        return Next(Record(lost), f"the answer to the {describe(call.operation)} is missing")
    if (claimed := pending(state, now.t)) is not None:
        return _resolve(state, claimed, now)
    doubt = f"; {state.doubt}" if state.doubt is not None else ""
    match phase:
        case HeldForPerson(reason=reason):
            return _for_person(f"held: {reason}{doubt}")
        case ForeignChange(detail=detail):
            return _for_person(f"taken over by somebody else's change: {detail}{doubt}")
        case NeedsOperator(reason=reason):
            return _for_person(f"needs an operator: {reason}{doubt}")
        case Reconciling():
            return _reconcile(state, phase, now)
        case RollingBack():
            return _go_back(state, phase, now)
        case _:
            return _failed(state, state.failure) if state.failure is not None else _forward(state, phase, now)


def _for_person(doing: str) -> Next:
    return Next(Wait(None), f"{doing}; waits for a person")


def _record(fact: ServiceFact, doing: str) -> Next:
    return Next(Record(fact), doing)


def _failed(state: ServiceRollout, failure: str) -> Next:
    if isinstance(state.phase, Preflight):
        return _record(event.Closed(Outcome.SKIPPED, ENGINE, failure), f"skipped, nothing was touched: {failure}")
    if state.token is None:
        return _record(event.Closed(Outcome.FAILED, POLICY, failure), f"failed, nothing was changed: {failure}")
    if state.plan.on_failure is OnFailure.ROLLBACK:
        return _record(event.TurnedBack(failure), f"goes back: {failure}")
    return _record(event.HeldOnFailure(failure), f"holds where it is: {failure}")


def _resolve(state: ServiceRollout, claimed: Resolution, now: Now) -> Next:
    said = f"{claimed.who} says it is {claimed.claim} ({claimed.note})"
    if claimed.seen is None:
        return watch(state, now, f"looks at the deployment, for {said}", LookAtDeployment())
    reason = f"{said}; seen: {claimed.seen}"
    return _record(event.Closed(Outcome.RESOLVED, claimed.who, reason), f"resolved: {reason}")


# --- after a lost or unclear answer ---


def _reconcile(state: ServiceRollout, phase: Reconciling, now: Now) -> Next:
    what = describe(phase.call.operation)
    if now.t < phase.quarantine_until_t:
        doing = f"waits until the {what} whose answer was lost can no longer be in flight ({phase.step.last_error})"
        return Next(Wait(phase.quarantine_until_t), doing, phase.quarantine_until_t, "looks at the deployment")
    said = f"it was refused: {phase.rejected}" if phase.rejected is not None else "its answer was lost"
    return watch(state, now, f"looks whether the {what} took effect, for {said}", LookAtDeployment())


# --- going back ---


def _go_back(state: ServiceRollout, phase: RollingBack, now: Now) -> Next:
    why, who = state.failure or "asked for", state.turned_by
    if phase.restored:
        return _record(event.Closed(Outcome.ROLLED_BACK, who, why), f"rolled back: {why}")
    if state.token is None and not state.taking_over:
        return _record(event.Closed(Outcome.FAILED, who, why), f"nothing was changed: {why}")
    if state.no_way_back is not None:
        reason = f"{why}; it cannot go back: {state.no_way_back}"
        return _record(event.HeldOnFailure(reason), f"holds where it is: {reason}")
    if poll := _poll(phase.call):
        return watch(state, now, f"rolls back ({why})", *poll)
    if phase.settling:
        return watch(state, now, f"waits until the old release runs everywhere again ({why})", LookAtDeployment())
    if state.stop is not None:
        return _withheld(state, "the rollback")
    if phase.step.losses > LOST_REPEATS_MAX:
        return _escalate(f"the rollback was lost {phase.step.losses} times")
    if now.t < phase.step.not_before_t:
        return _later(phase.step.not_before_t, "rollback", phase.step.last_error)
    if not _fresh(phase.cleared_t, now):
        return watch(state, now, f"looks before it rolls back ({why})", LookAtDeployment())
    operation = RollBack(state.plan.rollback.mode)
    return Next(Submit(operation, going_back=True), f"asks for the rollback ({why})")


def _escalate(reason: str) -> Next:
    return _record(event.Escalated(reason), f"needs an operator: {reason}")


def _later(until_t: float, what: str, error: str) -> Next:
    return Next(Wait(until_t), f"the {what} was not taken ({error})", until_t, "asks again")


# --- the way forward ---


def _forward(state: ServiceRollout, phase: Forward, now: Now) -> Next:
    match phase:
        case Queued():
            if state.holds or state.stop is not None:
                return _withheld(state, "its wave")
            return Next(Wait(None), "queued until its wave has room")
        case Preflight():
            return watch(state, now, "is looked at before anything is touched", LookAtDeployment())
        case Beginning():
            return _begin(state, phase, now)
        case Ready():
            return _ready(state, phase, now)
        case Walking(domain=domain, call=call):
            return watch(state, now, f"walks domain {domain}", *_poll(call))
        case Settling(domain=domain):
            return watch(state, now, f"waits for domain {domain} to settle", LookAtDeployment())
        case Checking(domain=domain, gate=gate):
            return next_of_gate(state, domain, gate, now)
        case Baking(domain=domain, gate=gate):
            return next_of_bake(state, domain, gate, now)


def _poll(call: Call | None) -> tuple[PollOperation, ...]:
    return () if call is None or call.handle is None else (PollOperation(call.number, call.handle),)


def _begin(state: ServiceRollout, phase: Beginning, now: Now) -> Next:
    if poll := _poll(phase.call):
        return watch(state, now, "begins the upgrade", *poll, LookAtDeployment())
    if state.holds or state.stop is not None:
        return _withheld(state, "beginning")
    if phase.step.losses > LOST_REPEATS_MAX:
        return _escalate(f"the upgrade was lost {phase.step.losses} times")
    if now.t < phase.step.not_before_t:
        return _later(phase.step.not_before_t, "upgrade", phase.step.last_error)
    if not _fresh(phase.cleared_t, now):
        return watch(state, now, "looks before it begins", LookAtDeployment())
    return Next(Submit(_upgrade(state), going_back=False), "begins the upgrade")


def _upgrade(state: ServiceRollout) -> StartUpgrade:
    plan = state.plan.change
    _, service, attempt = parse_service_stream(state.stream)
    token = attempt_token(state.plan.rollout, service, attempt, state.calls + 1)
    counts = state.before.instance_counts if state.before is not None else {}
    return StartUpgrade(plan.package, plan.configuration, f"{plan.label} {token}", counts, plan.force)


def _ready(state: ServiceRollout, phase: Ready, now: Now) -> Next:
    domain = phase.domain
    if domain >= state.domain_count:
        reason = f"all {state.domain_count} domains run the new release"
        return _record(event.Closed(Outcome.SUCCEEDED, POLICY, reason), f"succeeded: {reason}")
    if state.holds or state.stop is not None:
        return _withheld(state, f"domain {domain}")
    if phase.step.losses > LOST_REPEATS_MAX:
        return _escalate(f"the walk of domain {domain} was lost {phase.step.losses} times")
    if now.t < phase.step.not_before_t:
        return _later(phase.step.not_before_t, f"walk of domain {domain}", phase.step.last_error)
    if not _fresh(phase.cleared_t, now):
        return watch(state, now, f"looks before it walks domain {domain}", LookAtDeployment())
    return Next(Submit(Walk(domain), going_back=False), f"walks domain {domain}")


def _fresh(cleared_t: float | None, now: Now) -> bool:
    return cleared_t is not None and now.t <= cleared_t + FRESH_S


def _withheld(state: ServiceRollout, before_what: str) -> Next:
    if state.stop is not None:
        return _for_person(f"stopped before {before_what} by {state.stop.who}: {state.stop.note}")
    said = "; ".join(f"{hold.reason} by {hold.who}: {hold.note}" for hold in state.holds)
    return Next(Wait(None), f"held before {before_what} ({said})")
