"""What each command does in each phase: the whole table, as data. Every pair is accepted, a no-op, or refused with why.

Precedence: stop over abort over rollback over pause. A pause never keeps anything from going back; a stop keeps
everything, until a resume or a rollback lifts it.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from rollout.core import caring, cells
from rollout.core.command import Answer, Command, NoOp, Refused, Verb
from rollout.core.names import Now
from rollout.core.phase import (
    Applying,
    Baking,
    Beginning,
    Capturing,
    Checking,
    Ended,
    ForeignChange,
    HeldForPerson,
    NeedsOperator,
    Phase,
    Preflight,
    Queued,
    Ready,
    Reconciling,
    Reverting,
    RollingBack,
    Settling,
    Suspending,
    SwapBaking,
    Swapping,
    SwappingBack,
    Walking,
)
from rollout.core.service import ServiceRollout


class Column(StrEnum):
    """Phases in which the same commands do the same."""

    WAITING = "waiting"
    ACTING = "acting"
    BETWEEN = "between"
    HELD = "held"
    GOING_BACK = "going_back"
    TAKEN_OVER = "taken_over"
    NEEDS_OPERATOR = "needs_operator"
    ENDED = "ended"


COLUMNS: Final[Mapping[type[Phase], Column]] = MappingProxyType(
    {
        Queued: Column.WAITING,
        Preflight: Column.WAITING,
        Capturing: Column.ACTING,
        Beginning: Column.ACTING,
        Walking: Column.ACTING,
        Settling: Column.ACTING,
        Applying: Column.ACTING,
        Swapping: Column.ACTING,
        Reconciling: Column.ACTING,
        Ready: Column.BETWEEN,
        Checking: Column.BETWEEN,
        Baking: Column.BETWEEN,
        SwapBaking: Column.BETWEEN,
        HeldForPerson: Column.HELD,
        RollingBack: Column.GOING_BACK,
        Reverting: Column.GOING_BACK,
        SwappingBack: Column.GOING_BACK,
        Suspending: Column.GOING_BACK,
        ForeignChange: Column.TAKEN_OVER,
        NeedsOperator: Column.NEEDS_OPERATOR,
        Ended: Column.ENDED,
    }
)


def answer(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Answer a command to one service. The facts of a Told are legal where it stands, one after the other."""
    cell = TABLE[COLUMNS[type(state.phase)]][command.verb]
    return cell(state, command, now) if callable(cell) else cell


# --- the table ---

Cell = Callable[[ServiceRollout, Command, Now], Answer] | NoOp | Refused

_NOT_FAILED: Final = Refused("it has not failed", "wait; resume lifts what keeps it")
_TAKE_BACK: Final = Refused("it was touched, and would be left between two releases", "rollback")
_OVER: Final = Refused("this attempt has ended", "retry begins another one")

TABLE: Final[Mapping[Column, Mapping[Verb, Cell]]] = MappingProxyType(
    {
        Column.WAITING: {
            Verb.PAUSE: cells.pause,
            Verb.RESUME: cells.resume,
            Verb.STOP: cells.stop,
            Verb.ADVANCE: Refused("nothing was begun, so there is no wait to end", "resume lifts what keeps it"),
            Verb.RETRY: _NOT_FAILED,
            Verb.EXCLUDE: cells.exclude,
            Verb.ROLLBACK: cells.cancel,
            Verb.RESOLVE: Refused("nothing was touched, so nothing is unclear", "exclude, or rollback"),
            Verb.CLAIM: caring.claim,
        },
        Column.ACTING: {
            Verb.PAUSE: cells.pause,
            Verb.RESUME: cells.resume,
            Verb.STOP: cells.stop,
            Verb.ADVANCE: Refused("a call is under way, and no wait", "the same during a gate or a bake"),
            Verb.RETRY: _NOT_FAILED,
            Verb.EXCLUDE: _TAKE_BACK,
            Verb.ROLLBACK: cells.rollback,
            Verb.RESOLVE: cells.resolve_acting,
            Verb.CLAIM: caring.claim,
        },
        Column.BETWEEN: {
            Verb.PAUSE: cells.pause,
            Verb.RESUME: cells.resume,
            Verb.STOP: cells.stop,
            Verb.ADVANCE: cells.advance,
            Verb.RETRY: _NOT_FAILED,
            Verb.EXCLUDE: _TAKE_BACK,
            Verb.ROLLBACK: cells.rollback,
            Verb.RESOLVE: Refused("the engine knows what is true of it", "advance or rollback"),
            Verb.CLAIM: caring.claim,
        },
        Column.HELD: {
            Verb.PAUSE: cells.pause,
            Verb.RESUME: cells.resume_held,
            Verb.STOP: cells.stop,
            Verb.ADVANCE: cells.advance,
            Verb.RETRY: cells.retry,
            Verb.EXCLUDE: Refused("it was touched, and would be left between two releases", "rollback or resolve"),
            Verb.ROLLBACK: cells.rollback_held,
            Verb.RESOLVE: cells.resolve,
            Verb.CLAIM: caring.claim,
        },
        Column.GOING_BACK: {
            Verb.PAUSE: cells.PAUSE_LATE,
            Verb.RESUME: cells.resume,
            Verb.STOP: cells.stop,
            Verb.ADVANCE: Refused("it goes back", "retry, once it has ended"),
            Verb.RETRY: Refused("it goes back", "the same, once it has ended"),
            Verb.EXCLUDE: Refused("it goes back, and ends by that", "wait; stop"),
            Verb.ROLLBACK: cells.rollback,
            Verb.RESOLVE: Refused("it goes back, and what that comes to is seen", "wait; stop"),
            Verb.CLAIM: caring.claim,
        },
        Column.TAKEN_OVER: {
            Verb.PAUSE: NoOp("nothing of ours moves there"),
            Verb.RESUME: cells.resume,
            Verb.STOP: cells.stop,
            Verb.ADVANCE: Refused("somebody else's change is on the deployment", "retry looks again; exclude; resolve"),
            Verb.RETRY: cells.retry,
            Verb.EXCLUDE: cells.exclude,
            Verb.ROLLBACK: cells.take_over,
            Verb.RESOLVE: cells.resolve,
            Verb.CLAIM: caring.claim,
        },
        Column.NEEDS_OPERATOR: {
            Verb.PAUSE: cells.pause,
            Verb.RESUME: cells.resume,
            Verb.STOP: cells.stop,
            Verb.ADVANCE: Refused("nobody knows what is true of it", "retry asks again; rollback; resolve"),
            Verb.RETRY: cells.retry,
            Verb.EXCLUDE: Refused("nobody knows what is true of it", "rollback or resolve"),
            Verb.ROLLBACK: cells.rollback_unclear,
            Verb.RESOLVE: cells.resolve,
            Verb.CLAIM: caring.claim,
        },
        Column.ENDED: {
            Verb.PAUSE: _OVER,
            Verb.RESUME: _OVER,
            Verb.STOP: _OVER,
            Verb.ADVANCE: _OVER,
            Verb.RETRY: cells.new_attempt,
            Verb.EXCLUDE: _OVER,
            Verb.ROLLBACK: cells.swap_back_ended,
            Verb.RESOLVE: _OVER,
            Verb.CLAIM: Refused("it has ended, and needs nobody", "nothing"),
        },
    }
)
