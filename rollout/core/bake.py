"""Watching services that are done: when a bake is over, and when it has failed. Pure; the shell asks round by round."""

from collections.abc import Iterator, Mapping

import msgspec

from rollout.core import fleet_event
from rollout.core.fleet_event import FleetFact
from rollout.core.fleet_state import Bake, RolloutState
from rollout.core.names import Now, ServiceName
from rollout.core.wave_plan import BakePlan


class Answer(msgspec.Struct, frozen=True):
    """What the checks of one watched service said; `well` None = nobody could tell."""

    well: bool | None
    detail: str


def bake_due_t(bake: Bake, plan: BakePlan) -> float:
    """Give the engine second at which a bake is over if nothing is red, and nothing was that is too short ago."""
    lasting_s = plan.first_s if bake.first else plan.all_s
    calm = [mark.since_t + plan.stable_s for mark in bake.marks.values() if mark.well]
    return max(bake.began_t + lasting_s + bake.dark_s, *calm, bake.began_t)


def interpret_round(
    state: RolloutState, bake: Bake, answers: Mapping[ServiceName, Answer], began_t: float, now: Now
) -> Iterator[FleetFact]:
    """Give what a round of questions means that began at engine second `began_t`.

    A bake ends by a round that began after its time: what was seen before says nothing of that moment.
    """
    plan = state.wave(bake.wave).bake
    if plan is None:
        return
    for service, answer in answers.items():
        mark = bake.marks.get(service)
        if mark is None or mark.well is not answer.well:
            yield fleet_event.BakeProbed(bake.wave, service, answer.well, answer.detail)
        elif mark.well is False and now.t >= mark.since_t + plan.retry_s:
            yield fleet_event.BakeFailed(bake.wave, f"{service} was not healthy while it was watched: {answer.detail}")
            return
    unchanged = all(mark.well for mark in bake.marks.values()) and len(bake.marks) == len(bake.services)
    well = all(answer.well for answer in answers.values()) and len(answers) == len(bake.services)
    if unchanged and well and began_t >= bake_due_t(bake, plan):
        yield fleet_event.BakeEnded(bake.wave)
