"""Crash everywhere: every moment of a rollout is died at, and the end is the one without any death."""

import os
from collections.abc import Callable

import pytest

from rollout.engine import kit
from rollout.simulation.everywhere import CrashEverywhere, deaths
from rollout.simulation.stage import LaneName, Stage

LONG = os.environ.get("ROLLOUT_LONG") == "1"
"""Otherwise only a part of the moments is died at, of each kind some."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("lane", LaneName)
def test_no_death_at_any_moment_makes_a_difference(stage_of: Callable[..., Stage], lane: LaneName) -> None:
    every = 1 if LONG else {LaneName.DIRECT: 5, LaneName.HTTP: 23}[lane]
    everywhere = CrashEverywhere(stage_of("one", domains=2, lane=lane), every=every)
    assert [each for each in everywhere if each is not None] == []
    told = everywhere.told
    appends = {"not yet written", "written, not synced", "within the sync", "durable, nobody told"}
    calls = {"not yet sent", "in flight", "answered, not recorded"}
    bytes_too = {"half sent", "half answered"} if lane is LaneName.HTTP else set()
    assert set(told.points) == appends | calls | bytes_too
    assert told.lives >= 2 * len(everywhere)
    assert min(told.points.values()) >= 6


@pytest.mark.timeout(300)
def test_a_difference_is_told_with_its_moment(stage_of: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "QUARANTINE_PER_TIMEOUT", 0.0)
    found = [each for each in CrashEverywhere(stage_of("one", domains=2), every=3) if each is not None]
    assert found
    where = {each.about.partition(":")[0] for each in found}
    assert where <= {"in flight", "not yet sent", "written, not synced", "within the sync", "durable, nobody told"}


def test_each_moment_is_died_at_alone_with_the_machine_and_twice() -> None:
    planned = list(deaths(range(3)))
    assert [moment for moment, _ in planned] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [len(each) for _, each in planned] == [1, 1, 2] * 3
    assert [each[0].power_lost for _, each in planned] == [False, True, False] * 3
