"""What the rules of the fleet keep a service under way from: a hold before its next call, and when that is lifted.

Nothing here concerns going back. A hold keeps a service's clocks still; whoever makes the calls asks before each.
"""

import msgspec

from rollout.core import event
from rollout.core.admission import Scene
from rollout.core.approvals import Standing, owed_at, said, standing
from rollout.core.around import Around
from rollout.core.event import HoldReason
from rollout.core.fleet_state import RolloutState
from rollout.core.names import POLICY, Now, ServiceName
from rollout.core.operation import Operation, SwapSlots, Walk
from rollout.core.service import ServiceRollout
from rollout.core.wave_plan import Moment
from rollout.core.windows import fits_at

RULED = frozenset({HoldReason.WINDOW, HoldReason.APPROVAL, HoldReason.FREEZE})
"""Holds that the rules put on and lift; a person's resume does not."""


class Kept(msgspec.Struct, frozen=True):
    """Why a service under way goes no further, whose word that is, and until when if it has a date."""

    reason: HoldReason
    who: str
    note: str
    until_wall: float | None = None


def hold_before(
    fleet: RolloutState, state: ServiceRollout, operation: Operation, now: Now, around: Around
) -> event.Held | None:
    """Give the hold that has to come before a forward call, if one has to."""
    moment = _moment(state, operation)
    for reason in (HoldReason.FREEZE, HoldReason.WINDOW, *((HoldReason.APPROVAL,) if moment is not None else ())):
        if (kept := keeps(fleet, state.plan.service, reason, now, around, moment=moment or Moment.LAST)) is not None:
            return event.Held(kept.reason, kept.who, kept.note, kept.until_wall)
    return None


def _moment(state: ServiceRollout, operation: Operation) -> Moment | None:
    """Give the moment before which a call may have to be approved."""
    match operation:
        case SwapSlots():
            return Moment.SWAP
        case Walk(domain=domain) if domain == state.domain_count - 1:
            return Moment.LAST
        case _:
            return None


def keeps(
    fleet: RolloutState,
    service: ServiceName,
    reason: HoldReason,
    now: Now,
    around: Around,
    *,
    moment: Moment = Moment.LAST,
) -> Kept | None:
    """Tell whether that reason keeps a service under way now; None = it does not, or not any more.

    `moment` is what an approval is waited for at.
    """
    match reason:
        case HoldReason.FREEZE:
            freeze = around.freeze
            if freeze is None or not freeze.domains:
                return None
            return Kept(reason, freeze.who, freeze.note, freeze.until_wall)
        case HoldReason.WINDOW:
            windows = fleet.wave_of(service).windows
            if windows is None or not windows.hold_mid_service:
                return None
            opens = fits_at(windows, now.wall)
            if opens == now.wall:
                return None
            return Kept(reason, POLICY, "no window is open, and windows.mid_service is hold", opens)
        case HoldReason.APPROVAL:
            owed = owed_at(fleet, service, moment)
            if owed is None or standing(fleet, owed, now) is Standing.GIVEN:
                return None
            before = "the swap" if moment is Moment.SWAP else "the last domain"
            return Kept(reason, POLICY, f"waits {said(fleet, owed, now)}, before {before}")
        case _:
            return None


def lifted(scene: Scene) -> tuple[tuple[ServiceName, HoldReason], ...]:
    """Give the holds whose reasons are gone."""
    return tuple(
        (name, reason)
        for name, member in scene.summaries.items()
        if member.in_flight
        for reason in sorted(member.holds & RULED)
        if keeps(scene.state, name, reason, scene.now, scene.around, moment=member.stands_at) is None
    )


def next_date(scene: Scene) -> float | None:
    """Give the wall second at which the first of the holds may end by itself."""
    dates = [
        kept.until_wall
        for name, member in scene.summaries.items()
        if member.in_flight
        for reason in member.holds & RULED
        if (kept := keeps(scene.state, name, reason, scene.now, scene.around, moment=member.stands_at)) is not None
        and kept.until_wall is not None
    ]
    return min(dates, default=None)
