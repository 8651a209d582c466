"""Bugs planted in the engine's seams: each is found, and by the promise it breaks. ROLLOUT_LONG=1 searches again."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from rollout.core import decide as deciding
from rollout.core import event, interpret, judge
from rollout.core.action import Action, Record
from rollout.core.admission import Scene
from rollout.core.ending import Outcome as Ending
from rollout.core.event import Finding, Observed, Verdict
from rollout.core.names import POLICY, Now, Target
from rollout.core.operation import Operation, StartUpgrade
from rollout.core.outcome import Lost, Outcome, Refused, RefusedKind
from rollout.core.phase import Checking, Reconciling, RollingBack, Settling, call_of
from rollout.core.plan import WavePlan
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Look
from rollout.engine import caller, runner
from rollout.engine.kit import Kit
from rollout.platforms.platform import Platform, Ticket
from rollout.simulation.play import play
from rollout.simulation.stage import Stage

SEEDS_MAX = 2_000
LONG = os.environ.get("ROLLOUT_LONG") == "1"

Plant = Callable[[pytest.MonkeyPatch], None]
Around = Callable[[Kit], Kit]


@dataclass(frozen=True)
class Planted:
    """One bug: how it gets in, the seed that finds it, after how many, and the promises it breaks."""

    seed: int
    rules: str
    plant: Plant | None = None
    around: Around | None = None
    policy: str = "storm"


def another_decision(wrong: Callable[[ServiceRollout, Now], Action | None]) -> Plant:
    """Decide wrongly where `wrong` has an opinion."""
    right = deciding.decide

    def decide(state: ServiceRollout, now: Now) -> Action | None:
        return wrong(state, now) or right(state, now)

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(runner, "decide", decide)
        patch.setattr(caller, "decide", decide)

    return plant


def skip_gate(state: ServiceRollout, _: Now) -> Action | None:
    match state.phase:
        case Checking(domain=domain) if state.failure is None:
            return Record(event.GatePassed(domain, ()))
        case _:
            return None


def believe_success(state: ServiceRollout, _: Now) -> Action | None:
    settling = isinstance(state.phase, Settling) and state.failure is None
    return Record(Observed(Finding.SETTLED, "the operation succeeded")) if settling else None


def believe_rollback(state: ServiceRollout, _: Now) -> Action | None:
    match state.phase:
        case RollingBack(settling=True, restored=False):
            return Record(Observed(Finding.RESTORED, "the operation succeeded"))
        case _:
            return None


def lost_begin_is_untouched(state: ServiceRollout, _: Now) -> Action | None:
    match state.phase:
        case Reconciling(call=call) if isinstance(call.operation, StartUpgrade):
            return Record(event.Closed(Ending.FAILED, POLICY, "nothing was changed"))
        case _:
            return None


def forgotten_call_was_not_sent(state: ServiceRollout, _: Now) -> Action | None:
    call = call_of(state.phase)
    if call is None or call.handle is not None:
        return None
    return Record(event.Refused(call.number, RefusedKind.NOT_SENT, "forgotten", 0.0))


def no_quarantine(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("rollout.engine.kit.QUARANTINE_PER_TIMEOUT", 0.0)


def one_look(patch: pytest.MonkeyPatch) -> None:
    def wrong(state: ServiceRollout, _: Look | None, latest: Look, **more: Any) -> event.ServiceFact | None:
        return interpret.interpret_look(state, latest, latest, **more)

    patch.setattr(runner, "interpret_look", wrong)


def one_probe(patch: pytest.MonkeyPatch) -> None:
    def wrong(state: ServiceRollout, evidence: tuple[event.Evidence, ...], now: Now) -> event.ServiceFact | None:
        if judge.sum_up(state, evidence) is Verdict.PASS and isinstance(state.phase, Checking):
            return event.GatePassed(state.phase.domain, evidence)
        return judge.interpret_probe(state, evidence, now)

    patch.setattr(runner, "interpret_probe", wrong)


def unknown_is(verdict: Verdict) -> Plant:
    right = judge.sum_up

    def wrong(state: ServiceRollout, evidence: tuple[event.Evidence, ...]) -> Verdict:
        found = right(state, evidence)
        return verdict if found is Verdict.UNKNOWN else found

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(judge, "sum_up", wrong)

    return plant


def no_last_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(caller, "still_wanted", lambda _state, _number: True)


def no_cap(patch: pytest.MonkeyPatch) -> None:
    def wrong(scene: Scene, wave: WavePlan) -> tuple[str, ...]:
        return tuple(member.service for member in scene.members(wave) if not member.admitted)

    patch.setattr("rollout.core.fleet.admissible", wrong)
    # Another pair of eyes would stop the engine at once; here the checker is on trial.
    patch.setattr("rollout.engine.dispatcher.refuse_admission", lambda *_: None)


class Meddler:
    """A platform whose calls go wrong in one way."""

    def __init__(self, platform: Platform, *, repeats: bool) -> None:
        self._platform = platform
        self._repeats = repeats

    def __getattr__(self, name: str) -> Any:
        return getattr(self._platform, name)

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        outcome = await self._platform.submit(target, operation, ticket)
        if not isinstance(outcome, Lost):
            return outcome
        if self._repeats:
            return await self._platform.submit(target, operation, ticket)
        return Refused(RefusedKind.NOT_SENT, outcome.detail)


class Hasty:
    """A ledger whose intents nobody waits for."""

    def __init__(self, ledger: Any) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def put(self, drafts: Sequence[Any], **rest: Any) -> Awaitable[object]:
        pending: Awaitable[object] = self._ledger.put(drafts, **rest)
        return asyncio.sleep(0) if isinstance(drafts[0][1], event.Intended) else pending


def meddled(kit: Kit, *, repeats: bool) -> Kit:
    meddler: Any = Meddler(kit.platform, repeats=repeats)
    return replace(kit, platform=meddler)


def hasty(kit: Kit) -> Kit:
    ledger: Any = Hasty(kit.ledger)
    return replace(kit, ledger=ledger)


PLANTED = {
    "no quarantine": Planted(29, "S12 S4 S10 foreign", no_quarantine),
    "gate skipped": Planted(0, "S2 evidence", another_decision(skip_gate)),
    "lost call taken for not sent": Planted(1, "S4 foreign", around=partial(meddled, repeats=False)),
    "lost call repeated blindly": Planted(3, "S4 foreign", around=partial(meddled, repeats=True)),
    "one look instead of two": Planted(0, "looks", one_look),
    "one healthy probe": Planted(0, "S2", one_probe),
    "unknown counts as pass": Planted(12, "evidence S2", unknown_is(Verdict.PASS)),
    "unknown counts as fail": Planted(22, "evidence", unknown_is(Verdict.FAIL)),
    "intent not awaited": Planted(0, "S9", around=hasty),
    "no last look": Planted(29, "S3 S13", no_last_look, policy="wide"),
    "succeeded taken as settled": Planted(0, "looks", another_decision(believe_success)),
    "rollback believed": Planted(5, "looks S6", another_decision(believe_rollback)),
    "lost begin counted as untouched": Planted(8, "S6 S5", another_decision(lost_begin_is_untouched)),
    "forgotten call repeated without looking": Planted(
        7, "S5 S4 S10 foreign", another_decision(forgotten_call_was_not_sent), policy="wide"
    ),
    "no cap": Planted(0, "caps", no_cap, policy="held"),
}
"""Seeds are the first that find each bug, so a seed's number is how many were clean before it."""


def bugged(bug: Planted, stage_of: Callable[..., Stage], patch: pytest.MonkeyPatch) -> Stage:
    if bug.plant is not None:
        bug.plant(patch)
    return stage_of(bug.policy, around=bug.around) if bug.around is not None else stage_of(bug.policy)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found_by_its_recorded_seed(
    stage_of: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bug = PLANTED[name]
    clean = play(stage_of(bug.policy), bug.seed)
    assert clean.violation is None, clean.violation
    played = play(bugged(bug, stage_of, monkeypatch), bug.seed)
    assert played.violation is not None
    assert played.violation.invariant in bug.rules.split(), played.violation


@pytest.mark.long
@pytest.mark.skipif(not LONG, reason="a search that runs only with ROLLOUT_LONG=1")
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", PLANTED)
def test_a_search_finds_a_planted_bug(
    stage_of: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stage = bugged(PLANTED[name], stage_of, monkeypatch)
    found = next((seed for seed in range(SEEDS_MAX) if play(stage, seed).violation is not None), None)
    print(f"{name}: found by seed {found}")  # noqa: T201 - the number is wanted with -s
    assert found is not None
