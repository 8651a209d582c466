"""What is learned of each kind of operation, and what is done until then."""

from collections.abc import Sequence

import pytest

from rollout.engine import timetable
from rollout.engine.hazard import LogNormal, fit
from rollout.engine.timetable import Learning, interval


def test_until_a_kind_is_known_and_without_a_kind_intervals_grow_with_age() -> None:
    learning = Learning()
    for number in range(timetable.DURATIONS_MIN - 1):
        learning.learn("walk", 180.0 + number, 190.0 + number)
    for number in range(100):
        learning.learn("", 180.0 + number, 190.0 + number)
    assert [learning.interval_s(kind, age) for kind in ("walk", "", "other") for age in (1.0, 100.0)] == [
        interval(1.0),
        interval(100.0),
    ] * 3


def test_a_kind_that_always_takes_as_long_is_asked_rarely_before_and_often_about_then() -> None:
    learning = Learning()
    for number in range(60):
        learning.learn("walk", 180.0 + number % 10, 185.0 + number % 10)
    assert learning.interval_s("walk", 30.0) == timetable.INTERVAL_S_MAX
    assert learning.interval_s("walk", 185.0) < 4.0
    assert learning.interval_s("rollback", 185.0) == interval(185.0)


def test_a_kind_that_changes_is_learned_anew() -> None:
    learning = Learning()
    for _ in range(50):
        learning.learn("walk", 20.0, 25.0)
    for _ in range(timetable.LEARNS_EVERY_MAX):
        learning.learn("walk", 500.0, 520.0)
    assert learning.interval_s("walk", 22.0) > 20.0
    assert learning.interval_s("walk", 510.0) < 7.0


def test_nonsense_is_not_learned_and_kinds_are_bounded() -> None:
    learning = Learning()
    for number in range(200):
        learning.learn("walk", 10.0, 10.0)
        learning.learn("walk", -1.0, 10.0)
        learning.learn("walk", 20.0, 10.0)
        learning.learn(f"kind-{number}", 1.0, 2.0)
    assert learning.interval_s("walk", 10.0) == interval(10.0)
    assert len(learning._durations) == timetable.KINDS_MAX


def test_the_more_is_known_the_more_rarely_it_is_learned_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    fits = 0

    def counted(durations: Sequence[tuple[float, float]]) -> LogNormal:
        nonlocal fits
        fits += 1
        return fit(durations)

    monkeypatch.setattr(timetable, "fit", counted)
    learning = Learning()
    for number in range(10_000):
        learning.learn("walk", 180.0 + number % 10, 190.0 + number % 10)
    assert 10_000 / timetable.LEARNS_EVERY_MAX <= fits < 70
