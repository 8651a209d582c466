"""A word in the middle of anything: back as soon as the platform allows it, and not a step under a stop."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from rollout.core.command import Ask, Command, Verb
from rollout.core.names import RolloutId
from rollout.core.phase import call_of, domain_of
from rollout.core.service import ServiceRollout
from rollout.engine.timetable import interval
from rollout.simulation.world import Parts, World, carry_out

ROLLOUT = RolloutId("web-2.4.1")
QUARANTINE_S = 120.0
"""Four request timeouts."""
LOOK_S = 2.0
"""One look and one call, each with its two crossings of the wire."""
LONG_S = 3 * 3600.0
SETTLE_LAG_S = 120.0
WALKS = "walk0 walk1 walk2"


class Moment(NamedTuple):
    """Where a word is spoken, and what the log holds then and in the end."""

    kind: str
    phase: str
    so_far: str
    back: str
    """What going back adds."""
    end: str = "rolled_back"
    faults: tuple[dict[str, Any], ...] = ()
    whole: str = ""
    """The whole way, once a stop is lifted."""


def lost(verb: str, effect: str, domain: int | None = None) -> tuple[dict[str, Any], ...]:
    return ({"verb": verb, "effect": effect} | ({} if domain is None else {"domain": domain}),)


def _moments() -> Iterator[Moment]:
    for kind, begin, swap in (
        ("upgrade", "upgrade", ""),
        ("configure", "config", ""),
        ("staged_swap", "upgrade", " swap"),
    ):
        whole, walked = f"{begin} {WALKS}{swap}", f"{begin} walk0 walk1"
        yield Moment(kind, "Beginning", begin, "rollback", whole=whole)
        for phase in ("Walking 1", "Settling 1", "Checking 1", "Baking 2"):
            yield Moment(kind, phase, walked, "rollback", whole=whole)
        yield Moment(kind, "Reconciling", walked, "rollback", faults=lost("walk", "lose_after", 1), whole=whole)
        before = f"{begin} walk0"
        yield Moment(kind, "Reconciling", before, "rollback", faults=lost("walk", "lose_before", 1), whole=whole)
        yield Moment(kind, "Reconciling", begin, "rollback", faults=lost(begin, "lose_after"), whole=whole)
        yield Moment(kind, "Reconciling", "", "", "failed", faults=lost(begin, "lose_before"), whole=whole)
    config, staged = f"config {WALKS}", f"upgrade {WALKS}"
    for phase in ("Walking 2", "Settling 2", "Checking 2"):
        yield Moment("configure", phase, config, config, whole=config)
    for kind, ready in (("swap", ""), ("staged_swap", f"{staged} ")):
        for phase in ("Swapping", "SwapBaking"):
            yield Moment(kind, phase, f"{ready}swap", "swap", whole=f"{ready}swap")
        swapped = f"{ready}swap"
        yield Moment(kind, "Reconciling", swapped, "swap", faults=lost("swap", "lose_after"), whole=swapped)
        end = "rolled_back" if ready else "failed"
        unswapped = ready.rstrip()
        yield Moment(kind, "Reconciling", unswapped, "", end, faults=lost("swap", "lose_before"), whole=swapped)
    yield Moment("suspend", "Applying", "status", "status", whole="status")
    yield Moment("start", "Checking", "status", "status", whole="status")


MOMENTS = list(_moments())
IDS = [
    "-".join((each.kind, each.phase, *(f"{fault['verb']}_{fault['effect']}" for fault in each.faults))).replace(
        " ", "_"
    )
    for each in MOMENTS
]


@pytest.fixture(scope="module")
def table() -> Iterator[Callable[..., None]]:
    """Collect what was measured, and write it out once for `pytest -s`."""
    rows: list[tuple[str, ...]] = [("change", "in", "answer", "word", "not allowed for", "then back after")]
    yield lambda *cells: rows.append(tuple(str(cell) for cell in cells))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        sys.stdout.write("\n" + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


class Spoken:
    """A rollout to whose service a word is said as soon as it has come to a moment."""

    def __init__(self, world: World, moment: Moment) -> None:
        self.world, self.moment = world, moment
        self.at_t = -1.0
        """When the word was said."""
        self.answer = ""

    async def speak(self, parts: Parts, verb: Verb) -> None:
        """Wait for the moment, which is half a second old then, and say the word."""
        reached = asyncio.Event()

        def hear(_: object) -> None:
            for state in parts.engine.services(ROLLOUT).values():
                if self._is_there(state):
                    reached.set()

        parts.kit.ledger.listen(hear)
        await reached.wait()
        await asyncio.sleep(0.5)
        self.at_t = self.world.time()
        reply = await self.say(parts, verb)
        self.answer = "; ".join(f"{each.kind.value}: {each.text}" for each in reply.said)

    def _is_there(self, state: ServiceRollout) -> bool:
        call = call_of(state.phase)
        if call is not None and call.handle is None:
            return False
        name = type(state.phase).__name__
        if name in {"Beginning", "Swapping", "Applying"} and call is None:
            return False
        return self.moment.phase in {name, f"{name} {domain_of(state.phase)}"}

    async def say(self, parts: Parts, verb: Verb) -> Any:
        services = () if verb is Verb.ABORT else parts.engine.services(ROLLOUT)
        for service in services or (None,):
            reply = await parts.engine.say(Ask(ROLLOUT, service, Command(f"{verb}-{service}", verb, "ann", "enough")))
        return reply

    @property
    def allowed_t(self) -> float:
        """When the platform lets the deployment be changed again, or we may look after an answer was lost."""
        if self.moment.phase == "Reconciling":
            return self.at_t - 0.5 + QUARANTINE_S
        history = self.world.fabric.world.history.values()
        done = [(each.verb.value, each.completed_at or 0.0) for each in history if each.started_at <= self.at_t]
        if self.moment.phase in {"Walking 2", "Settling 2"}:
            # After the last walk there is no Rollback: a revert begins once the update is seen to be gone.
            return max(self.at_t, *(at + SETTLE_LAG_S for verb, at in done if verb == "walk"))
        return max(self.at_t, *(at for verb, at in done if verb != "walk"))


def spelled(log: list[tuple[str, int | None]]) -> str:
    return " ".join(verb if domain is None else f"{verb}{domain}" for verb, domain in log)


@pytest.mark.parametrize("verb", [Verb.ROLLBACK, Verb.ABORT])
@pytest.mark.parametrize("moment", MOMENTS, ids=IDS)
def test_going_back_starts_as_soon_as_the_platform_allows(
    moment: Moment, verb: Verb, lane: Any, table: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    world = lane.world(moment.kind, faults=moment.faults, knobs={"settle_lag_s": SETTLE_LAG_S})
    spoken = Spoken(world, moment)

    async def main(parts: Parts) -> ServiceRollout:
        async with asyncio.TaskGroup() as group:
            group.create_task(spoken.speak(parts, verb), name="speaker")
            await carry_out(parts, lane.compiled([lane.plan_of(moment.kind)]))
        return one_of(parts)

    state = world.live(main).result

    assert spoken.answer.startswith("accepted"), spoken.answer
    assert state is not None
    assert state.ended is not None, state.phase
    assert spelled(lane.truth_of(world.fabric).log) == f"{moment.so_far} {moment.back}".strip()
    assert state.ended.outcome.value == moment.end
    after = [each.at for each in world.log() if each.at > spoken.at_t]
    began_t = after[0] if after else state.phase_since_t
    waited_s = spoken.allowed_t - spoken.at_t
    late_s = began_t - spoken.allowed_t
    missing = " ".join(f"{each['verb']} {each['effect']}" for each in moment.faults)
    table(moment.kind, moment.phase, missing, verb.value, f"{waited_s:.1f} s", f"{late_s:+.1f} s")
    record_property("not allowed for (s)", round(waited_s, 1))
    record_property("then back after (s)", round(late_s, 1))
    assert late_s <= interval(waited_s) + LOOK_S


@pytest.mark.parametrize("moment", MOMENTS, ids=IDS)
def test_under_a_stop_nothing_moves_and_after_it_everything_does(moment: Moment, lane: Any) -> None:
    world = lane.world(moment.kind, faults=moment.faults, knobs={"settle_lag_s": SETTLE_LAG_S})
    spoken, truth = Spoken(world, moment), lane.truth_of(world.fabric)
    rollout = lane.compiled([lane.plan_of(moment.kind)])

    async def stopped(parts: Parts) -> ServiceRollout:
        async with asyncio.TaskGroup() as group:
            group.create_task(spoken.speak(parts, Verb.STOP), name="speaker")
            await carry_out(parts, rollout)
        return one_of(parts)

    async def resumed(parts: Parts) -> ServiceRollout:
        await spoken.say(parts, Verb.RESUME)
        await carry_out(parts, rollout)
        return one_of(parts)

    state = world.live(stopped).result
    world.pass_by(LONG_S)

    assert spoken.answer.startswith("accepted"), spoken.answer
    assert spelled(truth.log) == moment.so_far
    assert state is not None
    # Where no call was to come any more, a stop has nothing to keep back.
    assert (state.ended is not None) is (moment.so_far == moment.whole)

    if state.ended is None:
        state = world.live(resumed).result

    assert state is not None
    assert spelled(truth.log) == moment.whole, state.phase
    assert state.ended is not None
    assert state.ended.outcome.value == "succeeded"


def one_of(parts: Parts) -> ServiceRollout:
    (state,) = parts.engine.services(ROLLOUT).values()
    return state
