"""One service as people are shown it: the row of a grid, the same in a list, in a document and in a live event."""

from typing import Final

import msgspec

from rollout.core.admission import Scene
from rollout.core.care import Care
from rollout.core.caring import care_of_service
from rollout.core.change_plan import SwapPlan, UpgradePlan
from rollout.core.decide import consider
from rollout.core.mark import without_token
from rollout.core.names import ServiceName
from rollout.core.next import Next
from rollout.core.phase import Queued, domain_of
from rollout.core.plan import RolloutPlan
from rollout.core.service import ServiceRollout
from rollout.core.waiting import waits_for
from rollout.core.way_back import way_back
from rollout.views.reading import Read
from rollout.views.tell import sentence, since_wall, with_care
from rollout.views.text import one_line
from rollout.views.view import domains_of, group_of, phase_name

CHARS_MAX: Final = 2_000
"""No sentence is longer; the timeline has what was recorded whole."""


class HoldView(msgspec.Struct, frozen=True):
    """Why a service does not go forward: whose word, since when, and until when if it has a date (POSIX seconds)."""

    reason: str
    who: str
    text: str
    since_at: float
    until_at: float | None = None


class ClaimView(msgspec.Struct, frozen=True):
    """Who has what needs somebody, since a POSIX second."""

    who: str
    since_at: float
    text: str = ""


class Attention(msgspec.Struct, frozen=True):
    """Only a person moves it on."""

    sentence: str
    since_at: float
    runbook: str = ""
    ticket: str = ""
    claim: ClaimView | None = None
    """None = nobody has it."""


class ServiceView(msgspec.Struct, frozen=True):
    """One service. Moments are POSIX seconds; `since_s` is how long it has been in its phase, 0 once it has ended."""

    service: str
    rollout: str
    attempt: int
    wave: str
    phase: str
    group: str
    """`failed`, `in flight`, `queued` or `done`."""
    domains: tuple[str, ...]
    """Of each upgrade domain `to do`, `in work`, `done`, `failed` or `going back`; empty before the first look."""
    domain: int | None
    """Which of them it is about."""
    doing: str
    sentence: str
    since_s: float
    since_at: float
    until_at: float | None
    """When something happens by itself at the latest."""
    then: str
    """What that is."""
    holds: tuple[HoldView, ...]
    stop: HoldView | None
    attention: Attention | None
    way_back: str
    failure: str | None
    outcome: str | None
    slot: str
    tags: dict[str, str]
    release_before: str | None
    release_after: str | None
    version: int
    """Goes up with everything that is recorded of it."""


def service_view(read: Read, name: ServiceName, scene: Scene, wave: str | None = None) -> ServiceView:
    """Make the row of a service that the rollout knows; whoever makes many makes the scene once, and knows its wave."""
    state, plan = read.services[name], read.rollout.plan
    following = consider(state, read.now)
    said, since_at = sentence(read, state, scene), since_wall(read, state)
    until_at, then = _until(read, state, scene, following)
    summary = read.summary(name)
    care = care_of_service(state, read.now) if state.care is not None else None
    return ServiceView(
        service=name,
        rollout=plan.rollout,
        attempt=state.attempt,
        wave=read.rollout.wave_of(name).name if wave is None else wave,
        phase=phase_name(state.phase),
        group=group_of(state, read.now, summary).value,
        domains=tuple(domain.value for domain in domains_of(state)),
        domain=domain_of(state.phase),
        doing=_cut(state.ended.reason if state.ended else following.doing),
        sentence=_cut(with_care(said, care)),
        since_s=0.0 if state.ended else round(max(read.now.t - state.phase_since_t, 0.0), 3),
        since_at=round(since_at, 3),
        until_at=until_at,
        then=then,
        holds=tuple(
            HoldView(hold.reason.value, hold.who, _cut(hold.note), _at(read, hold.since_t), hold.until_wall)
            for hold in state.holds
        ),
        stop=None if state.stop is None else _stop(read, state),
        attention=_attention(plan, said, since_at, care) if state.ended is None and summary.for_person else None,
        way_back=way_back(state),
        failure=None if state.failure is None else _cut(state.failure),
        outcome=state.ended.outcome.value if state.ended else None,
        slot=state.plan.target.slot.value,
        tags=plan.tags.get(name, {}),
        release_before=without_token(state.before.release) if state.before else None,
        release_after=release_after(state),
        version=state.version,
    )


def _attention(plan: RolloutPlan, said: str, since_at: float, care: Care | None) -> Attention:
    return Attention(
        sentence=_cut(said),
        since_at=round(since_at, 3),
        runbook=plan.about.get("runbook", ""),
        ticket=plan.about.get("ticket", ""),
        claim=claim_view(care),
    )


def claim_view(care: Care | None) -> ClaimView | None:
    """Show who has it."""
    return None if care is None else ClaimView(care.who, round(care.since_wall, 3), _cut(care.note))


def release_after(state: ServiceRollout) -> str | None:
    """Name what the service is to run; None where the change brings no other release."""
    match state.plan.change:
        case UpgradePlan(label=label) | SwapPlan(upgrade=UpgradePlan(label=label)):
            return label
        case SwapPlan():
            return without_token(state.before.release) if state.before else None
        case _:
            return None


def _until(read: Read, state: ServiceRollout, scene: Scene, following: Next) -> tuple[float | None, str]:
    """Give when something happens by itself, and what; of a date only if somebody is there to keep it."""
    if state.ended is not None or not read.running:
        return None, ""
    if isinstance(state.phase, Queued):
        until_wall = waits_for(scene, state.plan.service).until_wall
        return until_wall, "" if until_wall is None else "that ends"
    if following.until_t is None or not following.then:
        return None, ""
    return round(read.wall_at(following.until_t), 3), following.then


def _stop(read: Read, state: ServiceRollout) -> HoldView | None:
    stop = state.stop
    return None if stop is None else HoldView("stop", stop.who, _cut(stop.note), _at(read, stop.since_t))


def _at(read: Read, t: float) -> float:
    return round(read.wall_at(t), 3)


def _cut(text: str) -> str:
    said = one_line(text)
    return said if len(said) <= CHARS_MAX else said[: CHARS_MAX - 1] + "…"
