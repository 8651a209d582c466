"""Goals are held against rows that exist; what was not measured is said, and never counts as reached."""

import math

import pytest

from bench import track
from bench.goals import GOALS, Goal, found, judged
from bench.machine import Machine
from bench.report import Report, Row


@pytest.mark.parametrize(
    ("value", "verdict"), [(3.1, "missed"), (3.0, "must"), (2.0, "aim"), (1.0, "best"), (math.nan, "not measured")]
)
def test_the_highest_mark_that_is_reached_counts(value: float, verdict: str) -> None:
    assert Goal("", lambda _: value, 3, 2, 1.5, less=True).verdict(value) == verdict
    assert Goal("", lambda _: value, -3, -2, -1.5).verdict(-value) == verdict


def test_a_figure_without_marks_is_only_told() -> None:
    assert Goal("", lambda _: 1.0).verdict(1.0) == ""


def test_nothing_measured_reaches_nothing() -> None:
    assert {goal.verdict(found(goal, {})) for goal in GOALS} == {"not measured"}
    assert judged({}).row_count == len(GOALS)


def test_cost_by_n_is_judged_by_its_largest_n(machine: Machine) -> None:
    rows = [Row(f"{track.BY_COUNT}{count}", readings=[{"us_per_poll": cost}]) for count, cost in ((1, 9.0), (2, 6.0))]
    report = Report("track", "", "", quick=False, machine=machine, columns=[], rows=rows)
    (goal,) = [goal for goal in GOALS if goal.name.startswith("CPU per poll at the largest N")]
    assert found(goal, {"track": report}) == pytest.approx(6 / 9)
