"""Processes die without a word, and the world they lived in goes on: its time, its journal, its calls in flight."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollout.assembly import make_kit
from rollout.core.names import ServiceName, Slot, Target
from rollout.core.operation import StartUpgrade, Walk
from rollout.core.outcome import Accepted, Outcome
from rollout.emulator.fleet import ROLE, SUBSCRIPTION, FleetPlan, configuration
from rollout.errors import InvariantBroken
from rollout.settings import RunSettings
from rollout.simulation.mortal import LATE_PER_TIMEOUT, MortalJournal, MortalWire
from rollout.simulation.process import LeftBehind, Process, ReachedFromTheGrave
from rollout.simulation.wire import SteadyWire
from rollout.simulation.world import Parts, World

TARGET = Target(SUBSCRIPTION, ServiceName("svc-0001"), Slot.PRODUCTION)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """One service of three domains."""
    return World(partial(make_kit, RunSettings("http://127.0.0.1:1", tmp_path)), FleetPlan(1, 3))


# --- processes ---


def test_a_process_gives_its_result_and_the_moments_it_passed() -> None:
    process = Process(start=100.0)

    async def main() -> float:
        await process.moment("first")
        await asyncio.sleep(5)
        await process.moment("second")
        return process.time

    assert process.run(main()) == 105.0
    assert (process.moments, process.killed) == (["first", "second"], False)
    assert process.steps > 0


@pytest.mark.parametrize("dies_at", [0, 1, 2])
def test_a_killed_process_runs_no_except_no_finally_and_no_other_task(dies_at: int) -> None:
    process = Process(dies_at=dies_at)
    done: list[str] = []

    async def neighbour() -> None:
        try:
            while True:
                await asyncio.sleep(1)
                done.append("neighbour")
        finally:
            done.append("neighbour's finally") if not process.killed else None

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(neighbour())
            for number in range(3):
                await asyncio.sleep(2.5)
                done.append(f"before {number}")
                await process.moment(f"moment {number}")
                done.append(f"after {number}")

    assert process.run(main()) is None
    assert process.killed
    assert [each for each in done if each != "neighbour"][-1] == f"before {dies_at}"
    assert done.count("neighbour") == (2, 4, 7)[dies_at]
    assert process.time == 2.5 * (dies_at + 1)


def test_the_dead_leave_nothing_to_complain_about_however_they_were_nested() -> None:
    process = Process(dies_at=0)

    async def stubborn(depth: int) -> None:
        try:
            await (stubborn(depth - 1) if depth else asyncio.sleep(1000))
        finally:
            await asyncio.sleep(1)
            await asyncio.sleep(1)

    async def main() -> None:
        async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as inner, asyncio.timeout(50):
            for group in (outer, inner):
                for depth in range(4):
                    group.create_task(stubborn(depth))
            await asyncio.sleep(1)
            group.create_task(stubborn(1))
            await process.moment("the end")

    assert process.run(main()) is None  # warnings are errors: nothing was destroyed pending or never awaited


def test_death_at_a_time_needs_no_moment() -> None:
    process = Process()
    process.call_at(7.0, process.kill)

    async def main() -> None:
        await asyncio.sleep(1000)

    assert process.run(main()) is None
    assert (process.killed, process.time) == (True, 7.0)


def test_a_process_that_leaves_tasks_behind_is_told_so() -> None:
    process = Process()
    kept = []

    async def main() -> None:
        kept.append(asyncio.get_running_loop().create_task(asyncio.sleep(1000), name="forgotten"))

    with pytest.raises(LeftBehind, match="left 1 tasks behind: forgotten"):
        process.run(main())


def test_an_error_nobody_looked_at_comes_out() -> None:
    process = Process()

    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: 1 / 0)
        await asyncio.sleep(1)

    with pytest.raises(ExceptionGroup, match="nobody looked at"):
        process.run(main())


@pytest.mark.parametrize("error", [ValueError("bad"), RuntimeError("bad")])
def test_an_error_of_the_program_is_raised_as_it_is(error: Exception) -> None:
    async def main() -> None:
        raise error

    with pytest.raises(type(error), match="bad"):
        Process().run(main())


def test_the_dead_cannot_touch_the_world(world: World) -> None:
    process = Process(dies_at=0)
    process.run(process.moment("the end"))
    journal = MortalJournal(process, world.journal)
    wire = MortalWire(process, SteadyWire(lambda: 0.5), lambda *_: None, 1.0)
    attempts: list[Any] = [
        lambda: journal.append([]),
        lambda: journal.put(b"x"),
        lambda: wire.reach("svc-0001", None),
        lambda: wire.exchange("svc-0001", Walk(0), lambda: None),
        lambda: process.moment("too late"),
    ]
    for attempt in attempts:
        with pytest.raises(ReachedFromTheGrave):
            attempt().send(None)


# --- the world ---


class Asked:
    """A ticket."""

    key = "web/svc-0001#1/1"
    timeout_s = 30.0

    def still_wanted(self) -> bool:
        return True


async def upgrade(parts: Parts) -> Outcome:
    """Send one call, as nobody's rollout."""
    package = await parts.journal.put(b"https://relstore.blob.example/web.cspkg")
    configured = await parts.journal.put(configuration("web", "web-2.4.1", 3))
    operation = StartUpgrade(package, configured, "web-2.4.1", {ROLE: 3})
    return await parts.kit.platform.submit(TARGET, operation, Asked())


def test_time_goes_on_from_life_to_life(world: World) -> None:
    async def nap(_: Parts) -> float:
        began = world.time()
        await asyncio.sleep(10)
        return began

    assert world.live(nap).result == 0.0
    world.pass_by(90)
    assert world.live(nap).result == 100.0
    assert world.time() == world.fabric.now() == 110.0


def test_what_is_durable_is_there_in_the_next_life(world: World) -> None:
    async def put(parts: Parts) -> object:
        return await parts.journal.put(b"payload")

    async def get(parts: Parts) -> tuple[bytes, float, int, int]:
        journal = parts.journal
        rows = await journal.streams()
        found = len(await journal.read(rows[0].stream)) if rows else 0
        await journal.beat(parts.kit.clock.now())
        await journal.close()
        return await journal.payload(digest), await journal.last_t(), found, await journal.verify()

    digest: Any = world.live(put).result
    assert world.live(get).result == (b"payload", 0.0, 0, 0)
    assert world.live(get).result == (b"payload", 0.0, 0, 0)


@pytest.mark.parametrize(
    ("dies_at", "arrives", "moment"),
    [(0, False, "not yet sent"), (1, True, "in flight"), (2, True, "answered, not recorded")],
)
@pytest.mark.parametrize("an_engine_lives", [False, True])
def test_a_call_that_had_left_at_death_arrives_at_its_time_whoever_lives_then(
    world: World, dies_at: int, arrives: bool, moment: str, an_engine_lives: bool
) -> None:
    life = world.live(upgrade, dies_at=dies_at)
    assert life.killed
    assert life.moments[-1] == f"{moment}: upgrade svc-0001"
    died_at = world.time()
    if an_engine_lives:
        world.live(lambda _: asyncio.sleep(200))
    else:
        world.pass_by(200)
    assert len(world.log()) == arrives
    if dies_at == 1:
        assert world.log()[0].at == pytest.approx(died_at + LATE_PER_TIMEOUT * world.request_timeout_s)
    assert not world._in_flight


def test_calls_in_flight_arrive_in_their_order_and_not_before_their_time(world: World) -> None:
    arrived: list[tuple[str, float]] = []
    for name, seconds in (("late", 30.0), ("early", 10.0), ("far", 1000.0)):
        world.later(seconds, lambda name=name: arrived.append((name, world.time())))  # type: ignore[misc] # bound early
    world.pass_by(5)
    assert arrived == []
    world.pass_by(100)
    assert arrived == [("early", 10.0), ("late", 30.0)]
    assert world.time() == 105.0


def test_lives_draw_different_chance_and_the_same_world_the_same(world: World, tmp_path: Path) -> None:
    async def drawn(parts: Parts) -> list[float]:
        return [parts.kit.draw() for _ in range(3)]

    twin = World(partial(make_kit, RunSettings("http://127.0.0.1:1", tmp_path)), FleetPlan(1, 3))
    first, second = world.live(drawn).result, world.live(drawn).result
    assert first != second
    assert [first, second] == [twin.live(drawn).result, twin.live(drawn).result]


def test_two_engines_at_once_are_refused(world: World) -> None:
    async def nested(_: Parts) -> None:
        world.live(upgrade)

    with pytest.raises(InvariantBroken, match="one engine process at a time"):
        world.live(nested)


def test_an_error_inside_an_engine_comes_out_bare_and_the_world_goes_on(world: World) -> None:
    async def fail(_: Parts) -> None:
        await asyncio.sleep(3)
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        world.live(fail)
    assert world.time() == 3.0
    assert isinstance(world.live(upgrade).result, Accepted)
