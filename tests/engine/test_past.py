"""A start learns from what the journal holds: how long operations took, and no more of it than it needs."""

from collections.abc import Callable

import pytest

from rollout.core.compile import Compiled
from rollout.core.event import Entry
from rollout.engine import past
from rollout.engine.past import durations, learn_past
from rollout.engine.timetable import Learning, interval
from rollout.simulation import loop
from rollout.simulation.world import World, carry_out


@pytest.fixture
def lived(make_world: Callable[..., World], compiled: Callable[..., Compiled]) -> World:
    """Give a world in which five services of three domains have been upgraded."""
    world, plan = make_world(5, 3), compiled(5, 3)
    world.live(lambda parts: carry_out(parts, plan))
    return world


class Heard(Learning):
    """Keeps what it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: list[str] = []

    def learn(self, kind: str, low_s: float, high_s: float) -> None:
        assert 0 <= low_s < high_s
        self.kinds.append(kind)
        super().learn(kind, low_s, high_s)


def test_each_operation_followed_to_its_end_gives_two_bounds_of_its_duration(
    lived: World, recorded: Callable[..., list[Entry]]
) -> None:
    entries = recorded(lived, "svc-0001")
    known = list(durations(entries))
    assert [kind for kind, _, _ in known] == ["walk"] * 3  # a look showed the begin done before a poll did
    for _, low_s, high_s in known:
        assert low_s == pytest.approx(max(0.0, high_s - interval(high_s)))
    walked = [high_s for kind, _, high_s in known if kind == "walk"]
    assert all(300 < high_s < 700 for high_s in walked)  # the recorded upgrades took 393 to 546 seconds
    assert list(durations(entries[:-5])) == known[:2]


def test_a_start_knows_what_an_engine_before_it_learned(lived: World) -> None:
    heard = Heard()
    loop.run(learn_past(lived.journal, heard))
    assert heard.kinds.count("walk") == 15
    assert heard.interval_s("walk", 50.0) != interval(50.0)
    assert heard.interval_s("rollback", 50.0) == interval(50.0)


def test_only_the_latest_attempts_are_read(lived: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "STREAMS_MAX", 2)
    heard = Heard()
    loop.run(learn_past(lived.journal, heard))
    assert heard.kinds.count("walk") == 6
