"""A round asks every check at once, keeps each to its time, and shares one look among them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from rollout.core.check_plan import CheckPlan
from rollout.core.event import Evidence, Verdict
from rollout.core.names import RolloutId, ServiceName, Slot, Target
from rollout.core.snapshot import Absent, Observation
from rollout.errors import InvariantBroken
from rollout.gates.check import Question
from rollout.gates.probe import Probe
from rollout.gates.workers import Workers
from rollout.simulation.loop import elapsed, run

ROLLOUT = RolloutId("web-1")
TARGET = Target("sub", ServiceName("web"), Slot.PRODUCTION)
PASS, UNKNOWN = Verdict.PASS, Verdict.UNKNOWN


@dataclass(frozen=True)
class Scripted:
    name: str
    verdict: Verdict = Verdict.PASS
    takes_s: float = 0.0
    timeout_s: float = 10.0
    error: Exception | None = None
    hook: str = ""
    looks: bool = False

    @property
    def plan(self) -> CheckPlan:
        return CheckPlan(self.name, "http", self.timeout_s)

    async def ask(self, question: Question) -> Evidence:
        if self.looks:
            await question.look()
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return Evidence(self.name, self.verdict, f"{question.target.service} domains {question.domains}")


def names(checks: Sequence[Scripted]) -> list[str]:
    return [check.name for check in checks]


async def absent(_: Target) -> Observation:
    return Absent("gone")


def asked(*checks: Scripted) -> tuple[tuple[Evidence, ...], float]:
    async def main() -> tuple[tuple[Evidence, ...], float]:
        evidence = await Probe(checks, absent).round(ROLLOUT, TARGET, (3,), names(checks))
        return evidence, elapsed()

    return run(main())


def test_checks_are_asked_at_once_and_evidence_keeps_their_order() -> None:
    evidence, seconds = asked(Scripted("slow", takes_s=7), Scripted("quick"), Scripted("middling", takes_s=3))
    assert [each.check for each in evidence] == ["slow", "quick", "middling"]
    assert evidence[0].detail == "web domains (3,)"
    assert seconds == 7


def test_only_the_named_checks_are_asked() -> None:
    probe = Probe([Scripted("a"), Scripted("b"), Scripted("c")], absent)
    evidence = run(probe.round(ROLLOUT, TARGET, (0,), ("a", "c")))
    assert [each.check for each in evidence] == ["a", "c"]
    assert run(probe.round(ROLLOUT, TARGET, (0,), ())) == ()


def test_a_check_that_does_not_answer_in_its_time_is_unknown_and_holds_up_nobody() -> None:
    evidence, seconds = asked(Scripted("hangs", takes_s=1e6, timeout_s=4), Scripted("quick"))
    assert seconds == 4
    assert evidence[0] == Evidence("hangs", UNKNOWN, "no answer within 4 s")
    assert evidence[1].verdict is PASS


def test_one_look_serves_the_whole_round_and_ends_with_it() -> None:
    looks: list[Target] = []

    async def hanging(target: Target) -> Observation:
        looks.append(target)
        await asyncio.sleep(1e6)
        return Absent("")

    checks = [Scripted(name, looks=name != "c", timeout_s=4) for name in "abc"]
    probe = Probe(checks, hanging)

    async def main() -> float:
        evidence = await probe.round(ROLLOUT, TARGET, (0,), "abc")
        assert [each.verdict for each in evidence] == [UNKNOWN, UNKNOWN, PASS]
        assert len(asyncio.all_tasks()) == 1
        return elapsed()

    assert run(main()) == 4
    assert looks == [TARGET]
    assert (probe.looks("abc"), probe.looks("c")) == (1, 0)


@pytest.mark.parametrize("error", [InvariantBroken("a bug"), TimeoutError("not ours")])
@pytest.mark.parametrize("hook", ["", "gate.example"])
def test_what_a_check_raises_is_our_own_mistake_and_is_not_swallowed(error: Exception, hook: str) -> None:
    checks = [Scripted("broken", error=error, hook=hook), Scripted("fine", takes_s=1)]
    probe = Probe(checks, absent, {"http": Workers(4)})
    with pytest.raises(ExceptionGroup) as caught:
        run(probe.round(ROLLOUT, TARGET, (0,), names(checks)))
    assert caught.group_contains(type(error), match=str(error))


def test_a_cancelled_round_asks_nobody_any_more() -> None:
    async def main() -> float:
        checks = [Scripted("slow", takes_s=1e6, timeout_s=1e6, looks=True)]
        asking = Probe(checks, absent).round(ROLLOUT, TARGET, (0,), names(checks))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asking, 2)
        assert len(asyncio.all_tasks()) == 1
        return elapsed()

    assert run(main()) == 2


# --- workers ---


def rounds(workers: Workers, *checks: Scripted) -> dict[str, tuple[Verdict, float]]:
    """Let each check be asked by a service of its own, all at the same time; name -> verdict and when it came."""
    found: dict[str, tuple[Verdict, float]] = {}

    async def one(check: Scripted) -> None:
        probe = Probe([check], absent, {"http": workers})
        (evidence,) = await probe.round(ROLLOUT, TARGET, (0,), [check.name])
        found[check.name] = evidence.verdict, elapsed()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for check in checks:
                group.create_task(one(check))

    run(main())
    return found


def test_a_hook_that_hangs_never_takes_the_last_worker_from_another_hook() -> None:
    hanging = [Scripted(f"hanging {n}", takes_s=1e6, hook="sick.example") for n in range(100)]
    found = rounds(Workers(8), *hanging, Scripted("well", takes_s=1, hook="well.example"))
    assert found["well"] == (PASS, 1.0)
    assert {verdict for name, (verdict, _) in found.items() if name != "well"} == {UNKNOWN}


def test_who_waits_in_vain_for_a_worker_has_no_evidence_and_takes_no_longer_than_that() -> None:
    hanging = [Scripted(f"hanging {n}", takes_s=1e6, hook="sick.example") for n in range(10)]
    found = rounds(Workers(2), *hanging)
    assert {seconds for _, seconds in found.values()} == {10.0}


def test_a_worker_that_is_free_again_goes_to_who_has_waited_longest() -> None:
    line = [Scripted(f"{n}", takes_s=3, hook="gate.example") for n in range(5)]
    found = rounds(Workers(1), *line)
    expected = [(PASS, 3.0), (PASS, 6.0), (PASS, 9.0), (PASS, 12.0), (UNKNOWN, 10.0)]
    assert [found[str(n)] for n in range(5)] == expected


def test_every_worker_comes_back_whatever_became_of_who_had_it() -> None:
    workers = Workers(4)
    mixed: list[dict[str, Any]] = [{"takes_s": 1e6}, {"takes_s": 2}, {"takes_s": 0}, {"takes_s": 9}]
    make: Callable[..., Scripted] = Scripted
    rounds(workers, *(make(f"{n}", hook=f"{n % 3}", **mixed[n % 4]) for n in range(40)))
    assert (workers._idle, workers._busy, workers._waiting) == (4, {}, {})
