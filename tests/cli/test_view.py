"""What a person is shown of each service: groups, bars and the choice of rows."""

from collections.abc import Callable

import pytest

from rollout.core.ending import Outcome
from rollout.core.names import Digest, Now, RolloutId, ServiceName
from rollout.core.operation import StartUpgrade, Walk
from rollout.core.outcome import Handle
from rollout.core.phase import (
    Baking,
    Beginning,
    Call,
    Checking,
    Ended,
    ForeignChange,
    Gate,
    HeldForPerson,
    NeedsOperator,
    Phase,
    Preflight,
    Queued,
    Ready,
    Reconciling,
    RollingBack,
    Settling,
    Step,
    Walking,
)
from rollout.core.service import ServiceRollout
from rollout.views.view import Domain, Group, domains_of, group_of, view

NOW = Now(70.0, 1_700_000_000.0)
STEP = Step(began_t=10.0)
CALL = Call(3, Walk(2), 10.0, 120.0, Handle("sub", "a" * 32))
BEGIN = Call(1, StartUpgrade(Digest("0"), Digest("1"), "web-1", {}), 10.0, 120.0)

LETTERS = {
    Domain.DONE: "D",
    Domain.IN_WORK: "w",
    Domain.TO_DO: ".",
    Domain.FAILED: "X",
    Domain.GOING_BACK: "b",
}

Make = Callable[..., ServiceRollout]


@pytest.mark.parametrize(
    ("phase", "walked", "bar"),
    [
        (Queued(), (), "....."),
        (Preflight(STEP), (), "....."),
        (Ready(0, STEP), (), "....."),
        (Ready(2, STEP), (0, 1), "DD..."),
        (Walking(2, STEP, CALL), (0, 1), "DDw.."),
        (Settling(2, STEP), (0, 1, 2), "DDw.."),
        (Checking(2, STEP, Gate(10.0)), (0, 1, 2), "DDw.."),
        (Baking(4, Gate(10.0)), (0, 1, 2, 3), "DDDD."),
        (Reconciling(STEP, CALL, 130.0, Ready(2, STEP)), (0, 1, 2), "DDw.."),
        (Reconciling(STEP, BEGIN, 130.0, Beginning(STEP)), (), "....."),
        (RollingBack(STEP), (0, 1, 2), "bbb.."),
        (HeldForPerson("red", Queued()), (0, 1, 2), "DDX.."),
        (HeldForPerson("red", Queued()), (), "....."),
        (NeedsOperator("unclear", Queued()), (0,), "X...."),
        (ForeignChange("theirs", Queued()), (0,), "D...."),
        (Ended(Outcome.SUCCEEDED, "policy", "done"), (0, 1, 2, 3, 4), "DDDDD"),
        (Ended(Outcome.ROLLED_BACK, "policy", "red"), (0, 1, 2), "....."),
        (Ended(Outcome.FAILED, "policy", "no"), (), "....."),
    ],
)
def test_the_bar_shows_each_domain(phase: Phase, walked: tuple[int, ...], bar: str, service_in: Make) -> None:
    assert "".join(LETTERS[domain] for domain in domains_of(service_in(phase, walked=walked))) == bar


def test_there_is_no_bar_before_the_first_look(service_in: Make) -> None:
    assert domains_of(service_in(Queued(), before=None)) == ()


@pytest.mark.parametrize(
    ("phase", "changes", "group"),
    [
        (Queued(), {}, Group.QUEUED),
        (Walking(2, STEP, CALL), {}, Group.MOVING),
        (RollingBack(STEP), {"turned_back": True}, Group.FAILED),
        (HeldForPerson("red", Queued()), {}, Group.FAILED),
        (ForeignChange("theirs", Queued()), {}, Group.FAILED),
        (Ended(Outcome.SUCCEEDED, "policy", ""), {}, Group.DONE),
        (Ended(Outcome.UNCHANGED, "policy", ""), {}, Group.DONE),
        (Ended(Outcome.ROLLED_BACK, "policy", ""), {}, Group.FAILED),
        (Ended(Outcome.SKIPPED, "policy", ""), {}, Group.FAILED),
    ],
)
def test_each_service_counts_in_one_group(
    phase: Phase, changes: dict[str, object], group: Group, service_in: Make
) -> None:
    assert group_of(service_in(phase, **changes), NOW) is group


@pytest.fixture
def fleet(service_in: Make, ended: Make) -> dict[ServiceName, ServiceRollout]:
    states = [
        ended(Outcome.SUCCEEDED, "svc-1"),
        service_in(Queued(), "svc-2"),
        service_in(Walking(2, STEP, CALL), "svc-3", walked=(0, 1)),
        ended(Outcome.ROLLED_BACK, "svc-4"),
        service_in(Queued(), "svc-5"),
    ]
    return {state.plan.service: state for state in states}


def test_rows_stand_in_fleet_order_when_all_fit(fleet: dict[ServiceName, ServiceRollout]) -> None:
    seen = view(RolloutId("web-1"), fleet, NOW, rows_max=5)
    assert [row.service for row in seen.rows] == ["svc-1", "svc-2", "svc-3", "svc-4", "svc-5"]
    assert not any(seen.hidden.values())
    assert seen.totals == {Group.FAILED: 1, Group.MOVING: 1, Group.QUEUED: 2, Group.DONE: 1}


def test_what_failed_and_what_moves_have_the_first_rows_when_not_all_fit(
    fleet: dict[ServiceName, ServiceRollout],
) -> None:
    seen = view(RolloutId("web-1"), fleet, NOW, rows_max=2)
    assert [row.service for row in seen.rows] == ["svc-4", "svc-3"]
    assert seen.hidden == {Group.FAILED: 0, Group.MOVING: 0, Group.QUEUED: 2, Group.DONE: 1}


def test_a_row_says_what_is_going_on_and_since_when(fleet: dict[ServiceName, ServiceRollout]) -> None:
    row = view(RolloutId("web-1"), fleet, NOW, rows_max=5).rows[2]
    assert (row.phase, row.doing, row.since_s, row.outcome) == ("walking", "walks domain 2", 60.0, "")


def test_the_time_stands_still_once_all_have_ended(ended: Make) -> None:
    over = {ServiceName("svc-1"): ended(Outcome.SUCCEEDED, "svc-1")}
    assert view(RolloutId("web-1"), over, Now(9_999.0, 0.0), rows_max=5).elapsed_s == 60.0


def test_the_time_begins_with_the_first_admission(service_in: Make) -> None:
    fresh = {ServiceName("svc-1"): service_in(Queued(), started_t=None)}
    assert view(RolloutId("web-1"), fresh, NOW, rows_max=5).elapsed_s == 0.0
