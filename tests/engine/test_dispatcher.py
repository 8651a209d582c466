"""Services are begun in fleet order and within the caps, at every moment of the journal."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest

from rollout.core import event, fleet_event
from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.event import Entry
from rollout.core.names import ServiceName
from rollout.core.result import ExitCode, Result
from rollout.simulation.world import World, carry_out


def fails(*services: str) -> list[dict[str, Any]]:
    return [{"service": each, "verb": "walk", "domain": 1, "effect": "fail", "times": 1000} for each in services]


def ran(world: World, plan: Compiled) -> Result:
    result = world.live(lambda parts: carry_out(parts, plan)).result
    assert result is not None
    return result


def in_flight(entries: Sequence[Entry]) -> list[tuple[int, int]]:
    """Give, after each entry, how many services are in flight and how many have failed."""
    moving: set[str] = set()
    failed: set[str] = set()
    seen = []
    for entry in entries:
        match entry.fact:
            case event.Admitted():
                moving.add(entry.stream)
            case event.TurnedBack():
                failed.add(entry.stream)
            case event.Closed(outcome=outcome):
                moving.remove(entry.stream)
                failed |= {entry.stream} if outcome is Outcome.FAILED else set()
            case _:
                pass
        seen.append((len(moving), len(failed)))
    return seen


def admitted(entries: Sequence[Entry]) -> list[str]:
    return [entry.stream[-6:-2] for entry in entries if isinstance(entry.fact, event.Admitted)]


@pytest.mark.parametrize("parallel", [1, 2, 3, 6])
def test_never_more_services_than_allowed_are_in_flight_and_the_cap_is_used(
    make_world: Callable[..., World],
    compiled: Callable[..., Compiled],
    recorded: Callable[..., list[Entry]],
    parallel: int,
) -> None:
    world = make_world(6, 2)
    ran(world, compiled(6, 2, parallel=parallel))
    assert max(moving for moving, _ in in_flight(recorded(world))) == parallel
    assert admitted(recorded(world)) == ["0001", "0002", "0003", "0004", "0005", "0006"]


def test_the_order_of_the_fleet_file_is_the_order_of_the_rollout(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(3, 2)
    ran(world, compiled(["svc-0003", "svc-0001", "svc-0002"], 2, parallel=1))
    assert admitted(recorded(world)) == ["0003", "0001", "0002"]


def test_strict_counts_who_could_still_fail(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(6, 2, faults=fails("svc-0001"))
    result = ran(world, compiled(6, 2, parallel=2, tolerance=1, strict=True))
    assert result.outcome == "succeeded with failures"
    seen = in_flight(recorded(world))
    assert max(moving for moving, failed in seen if failed == 0) == 2
    # Of those in flight one goes back; one more may fail, so one more may be begun.
    assert max(moving for moving, failed in seen if failed == 1) == 2
    assert all(moving - failed <= 1 for moving, failed in seen[[failed for _, failed in seen].index(1) + 1 :])


def test_not_strict_fills_the_cap_whatever_could_fail(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(6, 2)
    ran(world, compiled(6, 2, parallel=5, tolerance=0, strict=False))
    assert max(moving for moving, _ in in_flight(recorded(world))) == 5


def test_with_strict_the_failures_never_exceed_the_tolerance_by_more_than_one(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(8, 2, faults=fails(*(f"svc-{number:04}" for number in range(1, 9))))
    result = ran(world, compiled(8, 2, parallel=3, tolerance=2, strict=True))
    assert result.code is ExitCode.WENT_BACK
    assert in_flight(recorded(world))[-1] == (0, 3)
    assert admitted(recorded(world)) == ["0001", "0002", "0003"]


def test_a_failure_to_begin_counts_and_a_skipped_service_does_not(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    faults = [{"service": "svc-0001", "verb": "upgrade", "effect": "fail"}]
    world = make_world(3, 2, faults=faults)
    assert ran(world, compiled(3, 2, parallel=1)).outcome == "halted"
    assert admitted(recorded(world)) == ["0001"]

    world = make_world(2, 2)
    skipped = ran(world, compiled(["svc-9999", "svc-0001", "svc-0002"], 2, parallel=1))
    assert skipped.outcome == "succeeded with failures"
    assert admitted(recorded(world)) == ["9999", "0001", "0002"]


def test_a_service_waiting_for_a_person_takes_no_place_of_the_cap(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(3, 2, faults=fails("svc-0001"))
    result = ran(world, compiled(3, 2, parallel=1, tolerance=1, more="on_failure: {service: hold}\n"))
    assert result.code is ExitCode.FOR_PERSON
    assert admitted(recorded(world)) == ["0001", "0002", "0003"]


def test_an_ending_is_written_to_the_service_and_to_the_rollout_together(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(4, 2, faults=fails("svc-0002"))
    ran(world, compiled(4, 2, tolerance=1))
    pairs = [(one, other) for one, other in pairwise(recorded(world)) if isinstance(one.fact, event.Closed)]
    assert len(pairs) == 4
    for closed, ended in pairs:
        assert isinstance(closed.fact, event.Closed)
        assert ended.fact == fleet_event.ServiceEnded(ServiceName(closed.stream[-10:-2]), closed.fact.outcome)
        assert (ended.stream, ended.now) == ("web-2.4.1", closed.now)


def test_an_admission_is_in_both_streams_or_in_none_wherever_the_engine_dies(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    plan = compiled(3, 2, parallel=2)
    moments = make_world(3, 2).live(lambda parts: carry_out(parts, plan)).moments
    admissions = [number for number, moment in enumerate(moments) if "Admitted" in moment]
    assert len(admissions) >= 4
    for number in admissions:
        world = make_world(3, 2)
        world.live(lambda parts: carry_out(parts, plan), dies_at=number)
        both = [entry for entry in recorded(world) if "Admitted" in type(entry.fact).__name__]
        assert len(both) % 2 == 0
        assert ran(world, plan).outcome == "succeeded"
        assert max(moving for moving, _ in in_flight(recorded(world))) == 2
        assert len(world.log()) == 3 * 3
