"""Notices from start to receiver, in virtual time: none is lost whatever dies, and no rollout waits for anybody."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from rollout.core.command import Ask, Command, Verb
from rollout.core.compile import Compiled
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.names import RolloutId, ServiceName
from rollout.core.result import Result
from rollout.engine.clock import EngineClock
from rollout.errors import StateUnusable
from rollout.gates.fetch import Answer, NoAnswer
from rollout.gates.signature import ReplayCache, verify_signature
from rollout.gates.webhook import Pen
from rollout.journal.ledger import Ledger
from rollout.journal.memory import MemoryJournal
from rollout.journal.outbox import Standing
from rollout.notify.notifier import DRAIN_S, Notifier
from rollout.notify.sender import ATTEMPTS_MAX, Wire
from rollout.notify.targets import Targets
from rollout.simulation import loop
from rollout.simulation.world import WALL_AT_START, Parts, World, carry_out
from tests.notify.conftest import SECRET, MemoryOutbox, Receiver

Compile = Callable[..., Compiled]
MakeWorld = Callable[..., World]
OWN: Final = RolloutId("web-2.4.1")


def told(
    parts: Parts,
    outbox: MemoryOutbox,
    receiver: Receiver,
    pen: Pen | None,
    registry: CollectorRegistry | None = None,
) -> Any:
    """Tell people what happens in a world, for the time of a block."""
    notifier = Notifier(parts.journal, outbox, parts.kit.ledger, parts.kit.clock, registry=registry)
    return notifier.at_work(Targets(), Wire(parts.journal.payload, receiver.fetch, pen), lambda: 1.0)


def ran(world: World, plan: Compiled, outbox: MemoryOutbox, receiver: Receiver, pen: Pen | None) -> Result | None:
    async def script(parts: Parts) -> Result | None:
        async with told(parts, outbox, receiver, pen):
            return await carry_out(parts, plan)

    return world.live(script).result


async def say(parts: Parts, verb: Verb, service: str | None = None) -> None:
    word = Command(f"{verb}-{service}", verb, "ann", "because")
    await parts.engine.say(Ask(OWN, ServiceName(service) if service else None, word))


# --- a whole rollout ---


def test_a_rollout_is_told_from_start_to_end_signed_and_each_notice_once(
    make_world: MakeWorld, compiled: Compile, outbox: MemoryOutbox, receiver: Receiver, pen: Pen
) -> None:
    result = ran(make_world(), compiled(), outbox, receiver, pen)
    assert result is not None
    assert result.outcome == "succeeded"
    said = [(each["event"], each["sentence"]) for each in receiver.notices]
    assert said == [
        ("started", "web-2.4.1 was started: 2 services in 1 wave"),
        ("wave_finished", "wave all of web-2.4.1 is finished: 2 of 2 ended well"),
        ("finished", "web-2.4.1 is finished: 2 of 2 services run the new release"),
    ]
    assert receiver.notices[0]["about"] == {"ticket": "OPS-311", "runbook": "https://wiki.example/web"}
    assert all(line.state is Standing.TAKEN for line in outbox.lines)
    for _, request in receiver.requests:
        sent = float(request.headers["x-rollout-timestamp"])
        headers, body = dict(request.headers), request.body or b""
        assert verify_signature({"k1": SECRET}, headers, body, now=sent, seen=ReplayCache()) == "k1"
        assert (request.url, request.trusted) == ("https://chat.example/web-2.4.1", False)


def test_a_receiver_that_never_answers_delays_no_rollout_and_is_told_by_the_next_start(
    make_world: MakeWorld, compiled: Compile, outbox: MemoryOutbox, receiver: Receiver, pen: Pen
) -> None:
    quiet, world, plan = make_world(), make_world(), compiled()
    quiet.live(lambda parts: carry_out(parts, plan))
    receiver.answers = [1e6] * 100
    ran(world, plan, outbox, receiver, pen)
    assert world.time() <= quiet.time() + DRAIN_S + 0.1
    assert {line.state for line in outbox.lines} == {Standing.WAITS}
    late = Receiver()
    ran(world, plan, outbox, late, pen)
    assert [each["event"] for each in late.notices] == ["started", "wave_finished", "finished"]


def test_what_nobody_is_told_of_is_not_read_twice(
    make_world: MakeWorld, compiled: Compile, outbox: MemoryOutbox, receiver: Receiver, pen: Pen
) -> None:
    world = make_world()
    ran(world, compiled(notify=""), outbox, receiver, pen)
    assert outbox.lines == []
    assert outbox.position == len(loop.run(world.journal.read_after(0, 10_000)))


def test_without_a_key_nothing_is_sent_and_the_line_says_why(
    make_world: MakeWorld, compiled: Compile, outbox: MemoryOutbox, receiver: Receiver
) -> None:
    ran(make_world(), compiled(), outbox, receiver, None)
    assert receiver.requests == []
    assert {line.said for line in outbox.lines} >= {"not sent: the settings have no key to sign with (webhooks.keys)"}


# --- stops are told again ---


def test_a_stop_pages_again_each_quarter_of_an_hour_even_past_a_restart_until_it_is_lifted(
    make_world: MakeWorld, compiled: Compile, outbox: MemoryOutbox, receiver: Receiver, pen: Pen
) -> None:
    world, plan = make_world(1), compiled(1)

    async def stopped(parts: Parts) -> None:
        async with told(parts, outbox, receiver, pen), asyncio.TaskGroup() as group:
            running = group.create_task(carry_out(parts, plan), name="run")
            await asyncio.sleep(20)
            await say(parts, Verb.STOP, "svc-0001")
            await asyncio.sleep(1900)
            running.cancel()

    async def lifted(parts: Parts) -> Result | None:
        async with told(parts, outbox, receiver, pen):
            await asyncio.sleep(1000)
            await say(parts, Verb.RESUME, "svc-0001")
            return await carry_out(parts, plan)

    world.live(stopped)
    world.pass_by(3600)
    result = world.live(lifted).result
    assert result is not None
    assert result.outcome == "succeeded"
    stops = [each for each in receiver.notices if each["event"] == "needs_attention"]
    base = stops[0]["key"]
    # Raised; +1 and +2 while the first engine lived; one for all it slept through, and one more; then it is over.
    assert [each["key"].removeprefix(base) for each in stops] == ["", "+1", "+2", "+6", "+7", ":resolved"]
    assert [each["state"] for each in stops] == ["raised", "again", "again", "again", "again", "resolved"]


# --- a receiver that fails ---


def test_what_is_not_taken_is_tried_again_in_order_after_longer_and_longer_pauses(
    make_world: MakeWorld, compiled: Compile, outbox: MemoryOutbox, receiver: Receiver, pen: Pen
) -> None:
    receiver.answers = [Answer(503, b"", 0.0), NoAnswer("it takes no connection: refused"), Answer(404, b"", 0.0)]
    ran(make_world(), compiled(), outbox, receiver, pen)
    times = [at for at, _ in receiver.requests]
    assert [round(after - before) for before, after in itertools.pairwise(times[:4])] == [2, 4, 8]
    events = [each["event"] for each in receiver.notices]
    assert events == ["started"] * 4 + ["wave_finished", "finished"]
    assert [line.attempts for line in outbox.lines] == [4, 1, 1]


def test_a_notice_is_given_up_after_a_bounded_number_of_tries_and_stays_to_be_seen(
    make_world: MakeWorld, compiled: Compile, outbox: MemoryOutbox, receiver: Receiver, pen: Pen
) -> None:
    world, plan = make_world(1), compiled(1)
    receiver.answers = [Answer(500, b"", 0.0)] * 1000

    registry = CollectorRegistry()

    async def long(parts: Parts) -> None:
        async with told(parts, outbox, receiver, pen, registry):
            await carry_out(parts, plan)
            await asyncio.sleep(3 * 3600)

    world.live(long)
    assert {(line.state, line.attempts, line.said) for line in outbox.lines} == {
        (Standing.GIVEN_UP, ATTEMPTS_MAX, "answered 500")
    }
    counted = {
        name: registry.get_sample_value("rolloutd_notices_total", {"outcome": name}) for name in ("sent", "given_up")
    }
    assert counted == {"sent": None, "given_up": len(outbox.lines)}


def test_what_was_given_up_and_let_wait_anew_is_sent_within_a_minute_by_the_engine_that_runs(
    make_world: MakeWorld, compiled: Compile, outbox: MemoryOutbox, receiver: Receiver, pen: Pen
) -> None:
    world, plan = make_world(1), compiled(1)
    receiver.answers = [Answer(500, b"", 0.0)] * 1000

    async def script(parts: Parts) -> None:
        async with told(parts, outbox, receiver, pen):
            await carry_out(parts, plan)
            await asyncio.sleep(3 * 3600)
            receiver.answers.clear()
            outbox.lines = [replace(line, state=Standing.WAITS, attempts=0) for line in outbox.lines]
            await asyncio.sleep(61)
            assert {line.state for line in outbox.lines} == {Standing.TAKEN}

    world.live(script)
    assert receiver.keys()[-3:] == [line.key for line in outbox.lines]


# --- deaths ---


class Death:
    """Counts steps; from the fatal one on nothing has any effect and nobody gets an answer."""

    def __init__(self, at: int) -> None:
        self.steps = 0
        self.dead = asyncio.Event()
        self._at = at

    async def step(self, _: str) -> None:
        if self.dead.is_set():
            await asyncio.Event().wait()
        self.steps += 1
        if self.steps == self._at:
            self.dead.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


def _history(make_world: MakeWorld, plan: Compiled) -> MemoryJournal:
    """A rollout with a failure, a stop, a hold and an end, told to nobody yet."""
    world = make_world(3)

    async def script(parts: Parts) -> Result | None:
        async with asyncio.TaskGroup() as group:

            async def people() -> None:
                await asyncio.sleep(20)
                await say(parts, Verb.STOP, "svc-0001")
                await asyncio.sleep(5)
                await say(parts, Verb.RESUME, "svc-0001")
                await say(parts, Verb.ROLLBACK, "svc-0002")

            talking = group.create_task(people(), name="people")
            result = await carry_out(parts, plan)
            talking.cancel()
        return result

    world.live(script)
    return world.journal


async def _tell(journal: MemoryJournal, outbox: MemoryOutbox, receiver: Receiver, pen: Pen, death: Death) -> None:
    """One life of the notifier alone, over a journal that is complete."""
    clock = EngineClock.on_running_loop(await journal.last_t(), lambda: WALL_AT_START + 500.0)
    ledger = Ledger(journal, evolve, evolve_fleet)
    outbox.before = receiver.before = death.step
    async with ledger.opened():
        notifier = Notifier(journal, outbox, ledger, clock, handful=1)
        async with notifier.at_work(Targets(), Wire(journal.payload, receiver.fetch, pen), lambda: 1.0):
            try:
                async with asyncio.timeout(60):
                    await death.dead.wait()
            except TimeoutError:
                pass


def test_dead_at_any_step_no_notice_is_lost_and_twice_comes_only_what_has_the_same_key(
    make_world: MakeWorld, compiled: Compile, pen: Pen
) -> None:
    waves = "[{name: a, select: 2, max_parallel: 2, failure_tolerance: 1}, {name: b, select: rest}]"
    plan = compiled(3, waves=waves)
    journal = _history(make_world, plan)

    async def undisturbed() -> tuple[list[str], int]:
        receiver, death = Receiver(), Death(0)
        await _tell(journal, MemoryOutbox(), receiver, pen, death)
        return receiver.keys(), death.steps

    expected, steps = loop.run(undisturbed())
    assert len(expected) == len(set(expected)) == 7
    assert steps >= 20
    repeated = 0
    for at in range(1, steps + 1):

        async def twice(at: int = at) -> tuple[Receiver, MemoryOutbox]:
            outbox, receiver = MemoryOutbox(), Receiver()
            await _tell(journal, outbox, receiver, pen, Death(at))
            await _tell(journal, outbox, receiver, pen, Death(0))
            return receiver, outbox

        receiver, outbox = loop.run(twice())
        keys = receiver.keys()
        assert list(dict.fromkeys(keys)) == expected, f"died at step {at}"
        by_key: dict[str, dict[str, Any]] = {}
        for each in receiver.notices:
            assert by_key.setdefault(each["key"], each) == each
        assert {line.state for line in outbox.lines} == {Standing.TAKEN}
        repeated += len(keys) > len(expected)
    assert repeated  # a post that was taken and not noted comes again


def test_a_mistake_of_ours_stops_the_notices_and_the_heartbeat_and_not_the_rollout(
    make_world: MakeWorld, compiled: Compile, receiver: Receiver, pen: Pen
) -> None:
    class Broken(MemoryOutbox):
        async def put_letters(self, *_: object) -> None:
            raise ZeroDivisionError

    result = ran(make_world(), compiled(), Broken(), receiver, pen)
    assert result is not None
    assert result.outcome == "succeeded"
    assert receiver.requests == []


def test_a_journal_that_cannot_be_used_any_more_ends_the_notices_quietly(
    make_world: MakeWorld, compiled: Compile, receiver: Receiver, pen: Pen
) -> None:
    class Gone(MemoryOutbox):
        async def put_letters(self, *_: object) -> None:
            raise StateUnusable("the disk is gone")

    result = ran(make_world(), compiled(), Gone(), receiver, pen)
    assert result is not None
    assert result.outcome == "succeeded"
