"""What the fleet sees of one service: a pure projection of its state."""

from rollout.core.action import Wait
from rollout.core.change_plan import SwapPlan
from rollout.core.decide import decide
from rollout.core.ending import Outcome
from rollout.core.event import HoldReason
from rollout.core.fleet_state import FAILED, Summary
from rollout.core.names import ENGINE, POLICY, Now
from rollout.core.phase import Beginning, Ended, ForeignChange, HeldForPerson, NeedsOperator, Queued, Ready, Swapping
from rollout.core.service import ServiceRollout
from rollout.core.stages import waits_at
from rollout.core.wave_plan import Moment
from rollout.core.way_back import past_return, undo_gone


def summarize(state: ServiceRollout, now: Now) -> Summary:
    """Project one service rollout."""
    ended = state.ended
    failed = state.turned_back or isinstance(state.phase, HeldForPerson | NeedsOperator)
    return Summary(
        service=state.plan.service,
        admitted=not isinstance(state.phase, Queued),
        outcome=ended.outcome if ended else None,
        failed=ended.outcome in FAILED if ended else failed,
        for_person=_for_person(state, now),
        by_person=ended is not None and ended.who not in {ENGINE, POLICY},
        goes_back=state.turned_back,
        can_go_back=_can_go_back(state),
        holds=frozenset(hold.reason for hold in state.holds),
        took_s=_took_s(state),
        barrier=waits_at(state),
        let_through=state.barrier_open,
        swapped=state.swapped,
        together=isinstance(state.plan.change, SwapPlan) and state.plan.change.together,
        keeps_previous=_keeps_previous(state, now),
        undoable=_undoable(state, now),
        stands_at=Moment.SWAP if isinstance(state.phase, Swapping) else Moment.LAST,
    )


def _for_person(state: ServiceRollout, now: Now) -> bool:
    if isinstance(state.phase, Queued):
        return bool(state.holds) or state.stop is not None
    if waits_at(state) is not None:
        return bool(state.holds) or state.stop is not None
    return decide(state, now) == Wait(None) and not _held_for_a_while(state)


def _keeps_previous(state: ServiceRollout, now: Now) -> bool:
    change = state.plan.change
    if not isinstance(change, SwapPlan) or state.ended is None:
        return False
    return now.t <= state.phase_since_t + change.keep_previous_s


def _undoable(state: ServiceRollout, now: Now) -> bool:
    """Tell whether the policy may take back what an attempt ended well with; a swap only while it keeps what was."""
    if state.ended is None or state.ended.outcome is not Outcome.SUCCEEDED or undo_gone(state) is not None:
        return False
    return not isinstance(state.plan.change, SwapPlan) or (state.swapped and _keeps_previous(state, now))


def _held_for_a_while(state: ServiceRollout) -> bool:
    """Tell whether only holds keep it that end by themselves."""
    if state.stop is not None or state.failure is not None or not isinstance(state.phase, Ready | Beginning):
        return False
    by_itself = [hold.until_wall is not None or hold.reason is HoldReason.ENVIRONMENT for hold in state.holds]
    return bool(by_itself) and all(by_itself)


def _can_go_back(state: ServiceRollout) -> bool:
    """Tell whether the policy may turn it back: a person's stop and somebody else's change are beyond its word."""
    if isinstance(state.phase, Queued | ForeignChange | Ended) or state.stop is not None:
        return False
    return not state.turned_back and past_return(state) is None


def _took_s(state: ServiceRollout) -> float | None:
    if state.ended is None or state.ended.outcome is not Outcome.SUCCEEDED or state.started_t is None:
        return None
    return state.phase_since_t - state.started_t - state.paused_s
