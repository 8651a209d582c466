"""Crash everywhere: every moment of a rollout is died at, and the end is the one without any death."""

import os
from collections.abc import Callable

import pytest

from rollout.engine import kit
from rollout.simulation.everywhere import CrashEverywhere, deaths, scenes
from rollout.simulation.play import play
from rollout.simulation.stage import LaneName, Stage

LONG = os.environ.get("ROLLOUT_LONG") == "1"
"""Otherwise only a part of the moments is died at, of each kind some."""


PLACES = [
    ("one", LaneName.DIRECT, 11),
    ("one", LaneName.HTTP, 37),
    ("configure", LaneName.DIRECT, 97),
    ("configure", LaneName.HTTP, 307),
    ("swap", LaneName.DIRECT, 47),
    ("swap", LaneName.HTTP, 113),
    ("staged", LaneName.DIRECT, 113),
    ("revert", LaneName.DIRECT, 113),
    ("status", LaneName.DIRECT, 13),
    ("start", LaneName.DIRECT, 17),
]
"""Each policy with its lane, and which part of its moments is died at in an ordinary run."""


@pytest.mark.timeout(3_600 if LONG else 300)
@pytest.mark.parametrize(("policy", "lane", "every"), PLACES, ids=str)
def test_no_death_at_any_moment_makes_a_difference(
    stage_of: Callable[..., Stage], policy: str, lane: LaneName, every: int
) -> None:
    everywhere = CrashEverywhere(stage_of(policy, domains=2, lane=lane), every=1 if LONG else every)
    assert [each for each in everywhere if each is not None] == []
    told = everywhere.told
    appends = {"not yet written", "written, not synced", "within the sync", "durable, nobody told"}
    calls = {"not yet sent", "in flight", "answered, not recorded"}
    bytes_too = {"half sent", "half answered"} if lane is LaneName.HTTP else set()
    assert set(told.points) == appends | calls | bytes_too
    assert told.lives >= 2 * len(everywhere)
    assert min(told.points.values()) >= 4


SCENES = {
    "one": ["succeeded", "rolled_back"],
    "configure": ["succeeded", "rolled_back"],
    "swap": ["succeeded", "rolled_back"],
    "staged": ["succeeded", "rolled_back", "rolled_back"],
    "revert": ["succeeded", "rolled_back", "rolled_back"],
    "status": ["succeeded", "failed"],
    "start": ["succeeded", "failed"],
}


@pytest.mark.parametrize("policy", SCENES)
def test_each_scene_goes_the_way_it_is_called_after(stage_of: Callable[..., Stage], policy: str) -> None:
    stage = stage_of(policy, profile="none", domains=2)
    ends = []
    for scene in scenes(stage):
        played = play(stage, 0, scene.script())
        assert played.violation is None, played.violation
        assert played.book is not None
        first = next(iter(played.book.services.values()))
        ends.append("" if first.ended is None else first.ended.outcome.value)
    assert ends == SCENES[policy]


@pytest.mark.timeout(300)
def test_a_difference_is_told_with_its_moment(stage_of: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit, "QUARANTINE_PER_TIMEOUT", 0.0)
    stage = stage_of("one", domains=2)
    found = [each for each in CrashEverywhere(stage, kinds={"in flight", "answered, not recorded"}) if each is not None]
    assert {each.about.partition(":")[0] for each in found} == {"in flight"}


def test_each_moment_is_died_at_alone_with_the_machine_and_twice() -> None:
    planned = list(deaths(range(3)))
    assert [moment for moment, _ in planned] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert [len(each) for _, each in planned] == [1, 1, 2] * 3
    assert [each[0].power_lost for _, each in planned] == [False, True, False] * 3
