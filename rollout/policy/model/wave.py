"""Waves: ordered groups of services with their own caps, tolerance, bake and approval."""

from typing import Annotated, Literal

from pydantic import Field

from rollout.policy.model.base import Doc, Word
from rollout.policy.model.change import HOUR
from rollout.policy.model.failure import OnFailure
from rollout.policy.model.health import Health
from rollout.policy.model.scalars import Bound, Count, Flag, Line, Seconds, TagKey, Tolerance, WaveName
from rollout.policy.model.select import Rest, Select
from rollout.policy.model.walk import Walk
from rollout.policy.model.window import WindowsForm


class Approve(Doc):
    """A person's word; never that of the person who submitted."""

    by: Line = Field(description="The group of persons who may approve.")
    before: Literal["start", "swap", "last"] = Field(
        default="start", description="What waits for it: the start, the swap, or the last domain."
    )
    within: Bound = Field(default=24 * HOUR, description="How long an approval is waited for.")


class Wave(Doc):
    """A service is taken by the first wave that selects it."""

    name: WaveName = Field(description="What the wave is called; unique in the policy.")
    select: Select = Field(
        description="The services: names, `tag:x & !tag:y`, `10%` of the whole fleet (rounded up, at least 1), a "
        "count, or `rest`; `{take: 10%, spread: region}` takes in turn from each value of a tag."
    )
    max_parallel: Annotated[Count, Word("StackSets: MaxConcurrentCount")] = Field(
        default=1, description="How many services are in flight at a time."
    )
    failure_tolerance: Annotated[Tolerance, Word("StackSets: FailureToleranceCount")] = Field(
        default=0, description="How many services may fail before `on_failure.wave` acts."
    )
    strict: Annotated[Flag, Word("StackSets: STRICT_FAILURE_TOLERANCE")] = Field(
        default=True,
        description="Never more in flight than may still fail: in flight <= min(max_parallel, failure_tolerance + 1 "
        "- failed).",
    )
    bake: Seconds = Field(default=0.0, description="How long the wave is watched before the next one starts.")
    bake_first: Seconds | None = Field(
        default=None, description="How long the first service of the wave is watched before the others start."
    )
    approve: Approve | None = Field(default=None, description="A person's word before the wave goes on.")
    needs: tuple[WaveName, ...] | None = Field(
        default=None, description="The earlier waves that must have ended well; unset, the one before."
    )
    health: Health | None = Field(
        default=None, description="Fields of `health` that differ for this wave; the others are the policy's."
    )
    walk: Walk | None = Field(default=None, description="Fields of `walk` that differ for this wave.")
    on_failure: OnFailure | None = Field(default=None, description="Fields of `on_failure` that differ for this wave.")
    windows: WindowsForm | None = Field(default=None, description="Windows of this wave, instead of the policy's.")
    max_parallel_per: dict[TagKey, Count] = Field(
        default_factory=dict,
        description="Tag: count. At most so many services in flight for each value of the tag, such as `region: 2`.",
    )


def default_waves() -> tuple[Wave, ...]:
    """Give the one wave that is there when a policy names none."""
    return (Wave(name="rest", select=Rest()),)
