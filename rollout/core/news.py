"""What an entry has to tell people: the state before it, the state after it, and the difference as notices. Pure.

Nothing is remembered besides the states, so the same journal gives the same notices whenever and however often it is
read: a sender that dies draws them again, and their keys say that they are the same.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from rollout.core import fleet_event
from rollout.core.attention import Alert, alerts_of_rollout, alerts_of_service
from rollout.core.ending import Outcome
from rollout.core.event import Entry
from rollout.core.explain import clock_text
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import FAILED, WELL, RolloutState
from rollout.core.names import RolloutId, ServiceName
from rollout.core.notice import Notice, NoticeEvent, NoticeState
from rollout.core.phase import HeldForPerson, NeedsOperator
from rollout.core.plan import WavePlan
from rollout.core.service import ServiceRollout

REPAGE_S = 900.0
"""How often a stop that nobody has claimed is told again (design.md §6)."""
_LAPSED: Final = NoticeEvent.NEEDS_ATTENTION
"""An approval that lapsed is told to whoever is told what needs attention."""


class Progress(msgspec.Struct, frozen=True):
    """A rollout's state, and who of it has ended well: enough to tell when a wave is over."""

    state: RolloutState
    well: frozenset[ServiceName] = frozenset()


class Open(msgspec.Struct, frozen=True):
    """An alert that is open, whose it is, and since when by people's clock."""

    alert: Alert
    rollout: RolloutId
    service: ServiceName | None
    since_wall: float
    position: int


def progressed(before: Progress | None, entry: Entry) -> Progress:
    """Give what is true after an entry of a rollout's own stream. Raises IllegalFact."""
    state = evolve_fleet(None if before is None else before.state, entry)
    well = frozenset[ServiceName]() if before is None else before.well
    match entry.fact:
        case fleet_event.ServiceEnded(service=service, outcome=outcome) if outcome in WELL:
            well |= {service}
        case fleet_event.ServiceReopened(service=service):
            well -= {service}
        case _:
            pass
    return Progress(state, well)


def news_of_rollout(before: Progress | None, after: Progress, entry: Entry, position: int) -> list[Notice]:
    """Tell what an entry of a rollout's own stream means to people."""
    own, at = after.state.plan.rollout, entry.now.wall
    plain = Notice("", "", NoticeEvent.STARTED, NoticeState.TOLD, own, "", at, position)
    found = []
    match entry.fact:
        case fleet_event.RolloutOpened(plan=plan):
            count = sum(len(wave.services) for wave in plan.waves)
            by = f" by {plan.submitter}" if plan.submitter else ""
            waves = f"{len(plan.waves)} wave{'s' if len(plan.waves) > 1 else ''}"
            said = f"{own} was started{by}: {count} services in {waves}"
            found.append(_told(plain, f"{own}:started", NoticeEvent.STARTED, said))
        case fleet_event.RolloutClosed(reason=reason):
            found.append(_told(plain, f"{own}:finished", NoticeEvent.FINISHED, f"{own} is finished: {reason}"))
        case fleet_event.ServiceEnded() | fleet_event.BakeEnded():
            found += [_wave_over(plain, after, wave, entry.version) for wave in _waves_over(before, after)]
        case _:
            pass
    was = () if before is None else alerts_of_rollout(before.state)
    return found + _changed(plain, was, alerts_of_rollout(after.state))


def news_of_service(before: ServiceRollout | None, after: ServiceRollout, entry: Entry, position: int) -> list[Notice]:
    """Tell what an entry of a service's stream means to people."""
    plan, at = after.plan, entry.now.wall
    plain = Notice("", "", NoticeEvent.SERVICE_FAILED, NoticeState.TOLD, plan.rollout, "", at, position, plan.service)
    found = []
    if before is not None and not _has_failed(before) and _has_failed(after):
        said = f"{plan.service} failed: {_why(after)}"
        notice = _told(plain, f"{after.stream}:failed@{entry.version}", NoticeEvent.SERVICE_FAILED, said)
        found.append(replace(notice, instead=f"rollout why {plan.rollout}/{plan.service}"))
    was = () if before is None else alerts_of_service(before, entry.now)
    return found + _changed(plain, was, alerts_of_service(after, entry.now))


def due(open_alerts: Iterable[Open], wall: float) -> list[Notice]:
    """Tell what became due by itself: stops that last, and approvals that lapsed. The same call gives the same keys."""
    return [notice for each in open_alerts for notice in _due(each, wall)]


def due_at(each: Open, wall: float) -> float | None:
    """Give the next wall second at which an open alert has something to tell; None = never by itself."""
    if each.alert.repeats and not each.alert.taken_by:
        return each.since_wall + (int(max(wall - each.since_wall, 0.0) / REPAGE_S) + 1) * REPAGE_S
    until_wall = each.alert.until_wall
    return until_wall if until_wall is not None and wall < until_wall else None


def still_open(before: Mapping[str, Open], notices: Sequence[Notice], alerts: Iterable[Alert]) -> dict[str, Open]:
    """Give the alerts that may have something to tell by themselves, after the notices of one entry."""
    raised = {notice.alert: notice for notice in notices if notice.state is NoticeState.RAISED}
    kept = dict[str, Open]()
    for alert in alerts:
        if not alert.repeats and alert.until_wall is None:
            continue
        if alert.key in before:
            kept[alert.key] = replace(before[alert.key], alert=alert)
        elif (by := raised.get(alert.key)) is not None:
            kept[alert.key] = Open(alert, by.rollout, by.service, by.at_wall, by.position)
    return kept


def _due(each: Open, wall: float) -> Iterator[Notice]:
    alert, since = each.alert, each.since_wall
    plain = Notice(
        "", alert.key, alert.event, NoticeState.AGAIN, each.rollout, "", wall, each.position, each.service, alert.wave
    )
    if alert.repeats and not alert.taken_by and (times := int((wall - since) / REPAGE_S)) > 0:
        said = f"{alert.sentence} (since {clock_text(since)})"
        key = f"{alert.key}+{times}"
        yield replace(plain, key=key, sentence=said, at_wall=since + times * REPAGE_S, instead=alert.instead)
    if alert.until_wall is not None and wall >= alert.until_wall:
        yield replace(
            plain,
            key=f"{alert.key}:lapsed",
            event=_LAPSED,
            sentence=f"{alert.sentence}: nobody did; resume asks again",
            at_wall=alert.until_wall,
            instead=f"rollout resume {each.rollout} --reason …",
        )


def _changed(plain: Notice, was: Sequence[Alert], now: Sequence[Alert]) -> list[Notice]:
    """Raise what is new and resolve what is gone."""
    before, after = {each.key for each in was}, {each.key for each in now}
    raised = [_alerting(plain, each, NoticeState.RAISED) for each in now if each.key not in before]
    gone = [each for each in was if each.key not in after]
    resolved = [_alerting(plain, each, NoticeState.RESOLVED) for each in gone]
    lapsed = [
        replace(_alerting(plain, each, NoticeState.RESOLVED), key=f"{each.key}:lapsed:resolved", event=_LAPSED)
        for each in gone
        if each.until_wall is not None and plain.at_wall >= each.until_wall
    ]
    keepers = {each.key: each.taken_by for each in was}
    passed = [_passed(plain, each) for each in now if keepers.get(each.key, each.taken_by) != each.taken_by]
    return raised + passed + resolved + lapsed


def _passed(plain: Notice, alert: Alert) -> Notice:
    """Tell that somebody has it now, or that nobody has it any more."""
    if alert.taken_by:
        told = _alerting(plain, alert, NoticeState.CLAIMED)
        said = f"{alert.taken_by} has it: {alert.sentence}"
        return replace(told, key=f"{alert.key}:claimed@{plain.position}", sentence=said, instead="")
    told = _alerting(plain, alert, NoticeState.AGAIN)
    return replace(told, key=f"{alert.key}:handed_back@{plain.position}", sentence=f"handed back: {alert.sentence}")


def _alerting(plain: Notice, alert: Alert, state: NoticeState) -> Notice:
    over = state is NoticeState.RESOLVED
    return replace(
        plain,
        key=f"{alert.key}:resolved" if over else alert.key,
        alert=alert.key,
        event=alert.event,
        state=state,
        sentence=f"over: {alert.sentence}" if over else alert.sentence,
        wave=alert.wave,
        instead="" if over else alert.instead,
    )


def _told(plain: Notice, key: str, event: NoticeEvent, said: str) -> Notice:
    return replace(plain, key=key, alert=key, event=event, sentence=said)


# --- waves ---


def _waves_over(before: Progress | None, after: Progress) -> list[WavePlan]:
    return [
        wave
        for wave in after.state.opened_waves
        if _is_over(after, wave) and not (before is not None and _is_over(before, wave))
    ]


def _is_over(progress: Progress, wave: WavePlan) -> bool:
    """Tell whether all of a wave has ended and nothing of it is watched, or will be."""
    state = progress.state
    if wave.name not in state.opened or not all(state.has_ended(service) for service in wave.services):
        return False
    watched = wave.bake is not None and wave.bake.all_s > 0 and wave.name not in state.baked
    return not watched or not any(service in progress.well for service in wave.services)


def _wave_over(plain: Notice, after: Progress, wave: WavePlan, version: int) -> Notice:
    own, total = after.state.plan.rollout, len(wave.services)
    well = sum(service in after.well for service in wave.services)
    said = f"wave {wave.name} of {own} is finished: {well} of {total} ended well"
    notice = _told(plain, f"{own}:wave:{wave.name}@{version}", NoticeEvent.WAVE_FINISHED, said)
    return replace(notice, wave=wave.name)


# --- failures ---


def _has_failed(state: ServiceRollout) -> bool:
    """Tell whether it counts as failed (core/summary.py), or was never begun because it does not fit."""
    if state.ended is not None:
        return state.ended.outcome in FAILED or state.ended.outcome is Outcome.SKIPPED or state.turned_back
    return state.turned_back or isinstance(state.phase, HeldForPerson | NeedsOperator)


def _why(state: ServiceRollout) -> str:
    match state.phase:
        case HeldForPerson(reason=reason) | NeedsOperator(reason=reason):
            return reason
        case _:
            return state.failure or (state.ended.reason if state.ended is not None else "it is asked to go back")
