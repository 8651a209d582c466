"""A round asks every check at once, keeps each to its time, and sums up without optimism."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

import pytest

from rollout.core.event import Evidence, Verdict
from rollout.core.names import ServiceName, Slot, Target
from rollout.errors import InvariantBroken
from rollout.gates.probe import Probe
from rollout.simulation.loop import elapsed, run

TARGET = Target("sub", ServiceName("web"), Slot.PRODUCTION)
PASS, FAIL, UNKNOWN = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN


@dataclass(frozen=True)
class Scripted:
    name: str
    verdict: Verdict = Verdict.PASS
    takes_s: float = 0.0
    timeout_s: float = 10.0
    error: Exception | None = None

    async def ask(self, target: Target, domains: Collection[int]) -> Evidence:
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return Evidence(self.name, self.verdict, f"{target.service} domains {tuple(domains)}")


def asked(*checks: Scripted) -> tuple[Verdict, tuple[Evidence, ...], float]:
    async def main() -> tuple[Verdict, tuple[Evidence, ...], float]:
        verdict, evidence = await Probe(checks).round(TARGET, (3,))
        return verdict, evidence, elapsed()

    return run(main())


@pytest.mark.parametrize(
    ("verdicts", "sum_"),
    [
        ([PASS], PASS),
        ([PASS, PASS], PASS),
        ([PASS, UNKNOWN], UNKNOWN),
        ([UNKNOWN, FAIL], FAIL),
        ([PASS, FAIL, UNKNOWN], FAIL),
        ([FAIL, PASS], FAIL),
    ],
)
def test_any_fail_is_a_fail_else_any_unknown_is_unknown(verdicts: list[Verdict], sum_: Verdict) -> None:
    verdict, evidence, _ = asked(*(Scripted(f"check {n}", each) for n, each in enumerate(verdicts)))
    assert verdict is sum_
    assert [each.verdict for each in evidence] == verdicts


def test_checks_are_asked_at_once_and_evidence_keeps_their_order() -> None:
    _, evidence, seconds = asked(Scripted("slow", takes_s=7), Scripted("quick"), Scripted("middling", takes_s=3))
    assert [each.check for each in evidence] == ["slow", "quick", "middling"]
    assert evidence[0].detail == "web domains (3,)"
    assert seconds == 7


def test_a_check_that_does_not_answer_in_its_time_is_unknown_and_holds_up_nobody() -> None:
    verdict, evidence, seconds = asked(Scripted("hangs", takes_s=1e6, timeout_s=4), Scripted("quick"))
    assert (verdict, seconds) == (UNKNOWN, 4)
    assert evidence[0] == Evidence("hangs", UNKNOWN, "no answer within 4 s")
    assert evidence[1].verdict is PASS


def test_a_gate_without_checks_passes_with_a_note() -> None:
    verdict, evidence, seconds = asked()
    assert (verdict, seconds) == (PASS, 0)
    assert evidence == (Evidence("none", PASS, "the policy asks for no checks"),)


@pytest.mark.parametrize("error", [InvariantBroken("a bug"), TimeoutError("not ours")])
def test_what_a_check_raises_is_our_own_mistake_and_is_not_swallowed(error: Exception) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        asked(Scripted("broken", error=error), Scripted("fine", takes_s=1))
    assert caught.group_contains(type(error), match=str(error))


def test_a_cancelled_round_asks_nobody_any_more() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await Probe([Scripted("slow", takes_s=1e6, timeout_s=1e6)]).round(TARGET, (0,))
        assert len(asyncio.all_tasks()) == 1
        return elapsed()

    assert run(main()) == 2
