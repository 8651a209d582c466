"""What needs a person: the open alerts of a service or a rollout, read from its state alone. Pure.

No phase can forget: whether a service waits for a person is `decide`'s own answer, asked in whatever phase it is.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from rollout.core.action import Wait
from rollout.core.approvals import asked, plan_digest
from rollout.core.care import Care, keeper
from rollout.core.decide import consider
from rollout.core.event import HoldReason
from rollout.core.explain import clock_text
from rollout.core.fleet_state import RolloutState
from rollout.core.names import POLICY, Now
from rollout.core.notice import NoticeEvent
from rollout.core.phase import Forward, Queued
from rollout.core.service import ServiceRollout
from rollout.core.stages import waits_at

KNOWN: Final = frozenset(
    {
        HoldReason.PAUSE,
        HoldReason.HALT,
        HoldReason.WINDOW,
        HoldReason.APPROVAL,
        HoldReason.FREEZE,
        HoldReason.ENVIRONMENT,
        HoldReason.DEPENDENCY,
    }
)
"""Holds that somebody just spoke, that lift themselves, or that the rollout as a whole has an alert for."""
DIGEST_SHOWN: Final = 12


class Alert(msgspec.Struct, frozen=True):
    """Something that stays so until it is resolved. `key` is the same as long as it is the same alert."""

    key: str
    event: NoticeEvent
    sentence: str
    instead: str
    repeats: bool = False
    """It is told again from time to time: a stop, which nobody but a person ends."""
    until_wall: float | None = None
    """When it lapses by itself, as an approval does that nobody gave in time."""
    wave: str | None = None
    taken_by: str = ""
    """Who has it; empty = nobody, and then it pages."""


def alerts_of_service(state: ServiceRollout, now: Now) -> tuple[Alert, ...]:
    """Give the open alerts of a service rollout."""
    return _kept(_of_service(state, now), state.care)


def _kept(alerts: Iterable[Alert], care: Care | None) -> tuple[Alert, ...]:
    return tuple(replace(each, taken_by=keeper(care, each.key)) for each in alerts)


def _of_service(state: ServiceRollout, now: Now) -> tuple[Alert, ...]:
    if state.ended is not None:
        return ()
    service, rollout = state.plan.service, state.plan.rollout
    where = f"rollout why {rollout}/{service}"
    if state.stop is not None:
        said = f"{service} was stopped by {state.stop.who}: {state.stop.note}"
        key = f"{state.stream}:stop@{state.stop.since_t:.3f}"
        return (Alert(key, NoticeEvent.NEEDS_ATTENTION, said, where, repeats=True),)
    reasons = frozenset(hold.reason for hold in state.holds)
    if isinstance(state.phase, Queued) or waits_at(state) is not None:
        return _held(state, reasons, where)
    following = consider(state, now)
    if following.action != Wait(None):
        return ()
    if reasons and isinstance(state.phase, Forward):
        return _held(state, reasons, where)
    kind = type(state.phase).__struct_config__.tag
    key = f"{state.stream}:{kind}@{state.phase_since_t:.3f}"
    return (Alert(key, NoticeEvent.NEEDS_ATTENTION, f"{service} {following.doing}", where),)


def _held(state: ServiceRollout, reasons: frozenset[HoldReason], where: str) -> tuple[Alert, ...]:
    """Give the alerts of holds that nobody spoke and that nothing lifts."""
    return tuple(
        Alert(
            f"{state.stream}:{hold.reason}@{hold.since_t:.3f}",
            NoticeEvent.NEEDS_ATTENTION,
            f"{state.plan.service} is held ({hold.reason}): {hold.note}",
            where,
        )
        for hold in state.holds
        if hold.reason in reasons - KNOWN
    )


def alerts_of_rollout(state: RolloutState) -> tuple[Alert, ...]:
    """Give the open alerts of a rollout as a whole; a halt by a person is that person's own word."""
    if state.closed is not None:
        return ()
    own = state.plan.rollout
    found = []
    if state.halted is not None and state.halted_by == POLICY:
        said = f"{own} is halted: {state.halted}"
        key = halt_key(state)
        found.append(Alert(key, NoticeEvent.NEEDS_ATTENTION, said, f"rollout why {own}"))
    waiting = [(scope, each.until_wall) for scope, each in state.approvals.items() if each.given is None]
    found += [_approval(state, scope, until_wall) for scope, until_wall in waiting]
    return _kept(found, state.care)


def halt_key(state: RolloutState) -> str:
    """Name a halt, whoever spoke it."""
    return f"{state.plan.rollout}:halt@{state.halted_version}"


def approval_key(state: RolloutState, scope: str) -> str:
    """Name an approval that was asked for."""
    return f"{state.plan.rollout}:approval:{scope}@{state.approvals[scope].until_wall:.0f}"


def _approval(state: RolloutState, scope: str, until_wall: float) -> Alert:
    own = state.plan.rollout
    by = next((owed.plan.by for owed in asked(state) if owed.scope == scope), "somebody who may approve")
    what = f"wave {scope} of {own}" if scope else str(own)
    said = f"{what} waits for {by} to approve it, until {clock_text(until_wall)}"
    wave = f" --wave {scope}" if scope else ""
    instead = f"rollout approve {own}{wave} --plan {plan_digest(state.plan)[:DIGEST_SHOWN]} --reason …"
    key = approval_key(state, scope)
    return Alert(key, NoticeEvent.APPROVAL_NEEDED, said, instead, until_wall=until_wall, wave=scope or None)
