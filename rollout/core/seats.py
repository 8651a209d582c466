"""Seats under the caps that rollouts share: who has one, and how much of a service it stands for. Pure.

A service has a seat while some of it is down, or may be, through our doing: from the intent of the call that takes it
down until what follows has passed, and while it goes back. A walk takes one domain. A swap puts every instance behind
the address at once, and a suspension or a simultaneous update stops them all: these take the whole service, a swap
until its bake has passed. What is started, or created in an empty slot, takes nothing down. Nor is a suspension on the
way back counted anew: the policy wants that outage of a service that fails already, and no cap may keep it waiting.
"""

from rollout.core.caps import Load
from rollout.core.change_plan import StatusPlan, SwapPlan, updates
from rollout.core.operation import Mode, Operation, RollBack, SetStatus, StartConfigure, StartUpgrade, SwapSlots, Walk
from rollout.core.phase import (
    Applying,
    Back,
    Beginning,
    Checking,
    ForeignChange,
    HeldForPerson,
    NeedsOperator,
    Phase,
    Reconciling,
    RollingBack,
    Settling,
    SwapBaking,
    Swapping,
    SwappingBack,
    Walking,
    doing,
)
from rollout.core.service import ServiceRollout


def takes_a_seat(operation: Operation, *, going_back: bool) -> bool:
    """Tell the calls that take instances down or put all of them to use at once."""
    match operation:
        case Walk() | RollBack() | SwapSlots():
            return True
        case SetStatus(running=running):
            return not running and not going_back
        case StartUpgrade(mode=mode) | StartConfigure(mode=mode):
            return mode is not Mode.MANUAL
        case _:
            return False


def is_seated(state: ServiceRollout, *, before: bool) -> bool:
    """Tell whether a service has a seat, `before` = it had one: what failed keeps it until it has ended."""
    if state.ended is not None:
        return False
    if _is_down(state, state.phase):
        return True
    return before and (state.failure is not None or state.turned_back)


def _is_down(state: ServiceRollout, phase: Phase) -> bool:
    match doing(phase):
        case Walking() | Settling() | SwapBaking():
            return True
        case Checking():
            return bool(state.walked) and (state.acted or not state.vacant)
        case Beginning(call=call):
            return call is not None and takes_a_seat(call.operation, going_back=isinstance(phase, Back))
        case Reconciling(call=call, of=of):
            return takes_a_seat(call.operation, going_back=isinstance(of, Back))
        case RollingBack(call=call, settling=settling) | Swapping(call=call, settling=settling):
            return call is not None or settling
        case SwappingBack(call=call, settling=settling):
            return call is not None or settling
        case Applying(call=call, settling=settling) if not isinstance(phase, Back):
            return _suspends(state) and (call is not None or settling)
        case HeldForPerson(was=was) | ForeignChange(was=was) | NeedsOperator(was=was):
            return _is_down(state, was)
        case _:
            return False


def _suspends(state: ServiceRollout) -> bool:
    return isinstance(state.plan.change, StatusPlan) and not state.plan.change.running


def seat_of(state: ServiceRollout) -> Load:
    """Give how much a service's seat stands for: the largest domain, or all of it; nothing before its first look."""
    if state.before is None:
        return Load(domains=1)
    domains = max(state.before.domain_count, 1)
    if takes_whole(state):
        return Load(domains=domains, instances=sum(state.before.instance_counts.values()))
    return Load(domains=1, instances=sum(-(-count // domains) for count in state.before.instance_counts.values()))


def takes_whole(state: ServiceRollout) -> bool:
    """Tell whether the call that is next, or what it led to, is about all of a service at once."""
    update = updates(state.plan.change)
    if isinstance(state.plan.change, SwapPlan):
        return state.acted or isinstance(_core(state.phase), Swapping)
    return _suspends(state) or (update is not None and update.mode is Mode.SIMULTANEOUS)


def _core(phase: Phase) -> Phase:
    match phase:
        case HeldForPerson(was=was) | ForeignChange(was=was) | NeedsOperator(was=was):
            return _core(was)
        case Reconciling(of=of):
            return of
        case _:
            return phase
