"""What is true of a rollout after a fact of its own stream."""

from msgspec.structs import replace

from rollout.core import fleet_event
from rollout.core.care import cared, may_follow
from rollout.core.care_event import CareFact
from rollout.core.environment_event import EnvironmentHeld, EnvironmentLifted
from rollout.core.event import Entry
from rollout.core.evolve import IllegalFact
from rollout.core.fleet_state import UNTOUCHED, Approval, Bake, Mark, PolicyGiven, RolloutState, needed_waves
from rollout.core.names import POLICY
from rollout.core.plan import RolloutPlan
from rollout.core.terms import amended
from rollout.core.wave_plan import ApprovalPlan, Moment


def evolve_fleet(state: RolloutState | None, entry: Entry) -> RolloutState:
    """Give the rollout's state after `entry`. Raises IllegalFact, and then nothing changed."""
    if state is None:
        if not isinstance(entry.fact, fleet_event.RolloutOpened) or entry.version != 1:
            message = f"{entry.stream} begins with {type(entry.fact).__name__}, not with RolloutOpened"
            raise IllegalFact(message)
        plan = entry.fact.plan
        deadline_wall = None if plan.deadline_s is None else entry.now.wall + plan.deadline_s
        return RolloutState(
            plan,
            version=1,
            opened_wall=entry.now.wall,
            deadline_wall=deadline_wall,
            foreseen=entry.fact.foreseen,
            policies=(PolicyGiven(plan.policy, entry.now.wall, plan.submitter or entry.actor),),
        )
    if entry.version != state.version + 1 or state.closed is not None:
        raise _illegal(state, entry)
    return replace(_apply(state, entry), version=entry.version)


def _illegal(state: RolloutState, entry: Entry) -> IllegalFact:
    return IllegalFact(f"{entry.stream} version {entry.version}: {entry.fact!r} cannot follow version {state.version}")


def _apply(state: RolloutState, entry: Entry) -> RolloutState:
    after: RolloutState | None
    match entry.fact:
        case fleet_event.WaveOpened(wave=name):
            after = _wave_opened(state, name, entry.now.wall)
        case (fleet_event.ServiceAdmitted() | fleet_event.ServiceEnded() | fleet_event.ServiceReopened()) as fact:
            after = _service(state, fact)
        case (
            fleet_event.BakeBegan() | fleet_event.BakeProbed() | fleet_event.BakeEnded() | fleet_event.BakeFailed()
        ) as fact:
            after = _bake(state, fact, entry.now.t)
        case (fleet_event.ApprovalAsked() | fleet_event.Approved() | fleet_event.Rejected()) as fact:
            after = _approval(state, fact)
        case fleet_event.Amended() as fact:
            after = _amended(state, fact, entry.now.wall)
        case fleet_event.Superseded(by=by, services=services):
            after = replace(state, handed_over=state.handed_over | dict.fromkeys(services, by))
        case EnvironmentHeld(reason=reason) if state.environment is None:
            after = replace(state, environment=reason)
        case EnvironmentLifted() if state.environment is not None:
            after = replace(state, environment=None)
        case fact if isinstance(fact, CareFact):
            after = replace(state, care=cared(fact, entry.now.wall)) if may_follow(state.care, fact) else None
        case fleet_event.RolloutClosed() as closed:
            after = replace(state, closed=closed)
        case fact:
            after = _halt(state, fact, entry)
    if after is None:
        raise _illegal(state, entry)
    return after


def _amended(state: RolloutState, fact: fleet_event.Amended, wall: float) -> RolloutState:
    amendment = fact.amendment
    kept = {} if fact.voids_approvals else state.approvals
    given = (PolicyGiven(amendment.policy, wall, fact.who, fact.note),) if amendment.policy else ()
    return replace(
        _due(state, amended(state.plan, amendment)),
        approvals=kept | _used(state),
        terms=state.terms | {each.wave: each.service for each in amendment.waves},
        policies=(*state.policies, *given),
    )


def _used(state: RolloutState) -> dict[str, Approval]:
    """Give the approvals for a start that has been made; these are history."""
    started = {wave.name for wave in state.opened_waves if _at_start(wave.approval)}
    started |= {""} if state.opened and _at_start(state.plan.approval) else set()
    return {scope: each for scope, each in state.approvals.items() if scope in started}


def _at_start(approval: ApprovalPlan | None) -> bool:
    return approval is not None and approval.before is Moment.START


def _wave_opened(state: RolloutState, name: str, wall: float) -> RolloutState | None:
    wave = next((each for each in state.plan.waves if each.name == name), None)
    if wave is None or name in state.opened:
        return None
    if any(each.name not in state.opened for each in needed_waves(state.plan, wave)):
        return None
    return replace(state, opened=state.opened | {name: wall})


_OfService = fleet_event.ServiceAdmitted | fleet_event.ServiceEnded | fleet_event.ServiceReopened


def _service(state: RolloutState, fact: _OfService) -> RolloutState | None:
    place = state.plan.places.get(fact.service)
    if place is None:
        return None
    one = 1 << place.number
    admitted, ended = bool(state.admitted_bits & one), bool(state.ended_bits & one)
    match fact:
        case fleet_event.ServiceAdmitted() if not (admitted or ended):
            if state.plan.waves[place.wave].name in state.opened:
                return replace(state, admitted_bits=state.admitted_bits | one)
        case fleet_event.ServiceEnded(outcome=outcome) if not ended:
            # A person can end what was never admitted, in a wave that may not be open yet.
            if admitted or outcome in UNTOUCHED:
                return replace(state, ended_bits=state.ended_bits | one)
        case fleet_event.ServiceReopened(service=service) if ended:
            return replace(
                state,
                ended_bits=state.ended_bits & ~one,
                admitted_bits=state.admitted_bits & ~one,
                forgiven=state.forgiven - {service},
            )
        case _:
            pass
    return None


def _due(state: RolloutState, plan: RolloutPlan) -> RolloutState:
    """Put another plan in force. A deadline counts from the opening; another one holds even where one was lifted."""
    if plan.deadline_s == state.plan.deadline_s:
        return replace(state, plan=plan)
    return replace(state, plan=plan, deadline_wall=plan.deadline_s and state.opened_wall + plan.deadline_s)


def _halt(state: RolloutState, fact: object, entry: Entry) -> RolloutState | None:
    match fact:
        case fleet_event.Halted(reason=reason, who=who, back=back, overdue=overdue) if state.halted is None:
            # What is watched while nothing may follow from it is watched afresh once something may.
            return replace(
                state,
                halted=reason,
                halted_by=who,
                halted_version=entry.version,
                going_back=frozenset(back),
                bakes=(),
                overdue=overdue,
            )
        case fleet_event.HaltLifted(forgiven=forgiven) if state.halted is not None and not state.aborted:
            return replace(
                state,
                halted=None,
                halted_by=POLICY,
                going_back=frozenset(),
                forgiven=state.forgiven.union(forgiven),
                red_bake=None,
                overdue=False,
                deadline_wall=None if _is_past(state, entry.now.wall) else state.deadline_wall,
            )
        case fleet_event.Aborted(who=who, note=note) if not state.aborted:
            return replace(state, aborted=True, halted=note, halted_by=who, halted_version=entry.version, bakes=())
        case _:
            return None


def _is_past(state: RolloutState, wall: float) -> bool:
    return state.overdue or (state.deadline_wall is not None and wall >= state.deadline_wall)


_OfApproval = fleet_event.ApprovalAsked | fleet_event.Approved | fleet_event.Rejected


def _approval(state: RolloutState, fact: _OfApproval) -> RolloutState | None:
    """Note a question or its answer; what was not given, or lapsed, may be asked for again."""
    known = state.approvals.get(fact.scope)
    if isinstance(fact, fleet_event.ApprovalAsked):
        if known is not None and known.given:
            return None
        return replace(state, approvals=state.approvals | {fact.scope: Approval(fact.until_wall, fact.digest)})
    if known is None or known.given is not None:
        return None
    given = isinstance(fact, fleet_event.Approved)
    answered = replace(known, given=given, who=fact.who, note=fact.note)
    return replace(state, approvals=state.approvals | {fact.scope: answered})


# --- bakes ---

_OfBake = fleet_event.BakeBegan | fleet_event.BakeProbed | fleet_event.BakeEnded | fleet_event.BakeFailed


def _bake(state: RolloutState, fact: _OfBake, t: float) -> RolloutState | None:
    bake = state.bake_of(fact.wave)
    if isinstance(fact, fleet_event.BakeBegan):
        if bake is not None or fact.wave not in state.opened or state.halted is not None:
            return None
        return replace(state, bakes=(*state.bakes, Bake(fact.wave, fact.first, fact.services, began_t=t)))
    if bake is None:
        return None
    others = tuple(each for each in state.bakes if each is not bake)
    match fact:
        case fleet_event.BakeProbed(service=service):
            return replace(state, bakes=(*others, _probed(bake, fact, t))) if service in bake.services else None
        case fleet_event.BakeEnded(wave=wave):
            over = frozenset({wave})
            if bake.first:
                return replace(state, bakes=others, first_baked=state.first_baked | over)
            return replace(state, bakes=others, baked=state.baked | over)
        case fleet_event.BakeFailed(wave=wave, reason=reason):
            return replace(state, bakes=others, red_bake=(wave, reason))


def _probed(bake: Bake, fact: fleet_event.BakeProbed, t: float) -> Bake:
    """Note what was said; the clock stands still while one of the services shows nothing."""
    marks = bake.marks | {fact.service: Mark(fact.well, t, fact.detail)}
    if any(mark.well is None for mark in marks.values()):
        return replace(bake, marks=marks, dark_since_t=t if bake.dark_since_t is None else bake.dark_since_t)
    dark_s = bake.dark_s + (0.0 if bake.dark_since_t is None else t - bake.dark_since_t)
    return replace(bake, marks=marks, dark_since_t=None, dark_s=dark_s)
