"""Who is told that somebody has it: everybody once, and then nobody is paged until it is handed back."""

import asyncio

from rollout.core.command import Ask, Command, Verb
from rollout.core.names import ServiceName
from rollout.core.news import REPAGE_S
from rollout.core.result import Result
from rollout.gates.webhook import Pen
from rollout.simulation.world import Parts, carry_out
from tests.notify.conftest import MemoryOutbox, Receiver
from tests.notify.test_notifier import OWN, Compile, MakeWorld, say, told


async def claim(parts: Parts, *, release: bool = False) -> None:
    word = Command(f"claim-{release}", Verb.CLAIM, "bob", "on it", release=release)
    await parts.engine.say(Ask(OWN, ServiceName("svc-0001"), word))


def test_a_claimed_stop_pages_nobody_for_hours_even_past_a_restart_until_it_is_handed_back(
    make_world: MakeWorld, compiled: Compile, outbox: MemoryOutbox, receiver: Receiver, pen: Pen
) -> None:
    world, plan = make_world(1), compiled(1)

    async def claimed(parts: Parts) -> None:
        async with told(parts, outbox, receiver, pen), asyncio.TaskGroup() as group:
            running = group.create_task(carry_out(parts, plan), name="run")
            await asyncio.sleep(20)
            await say(parts, Verb.STOP, "svc-0001")
            await asyncio.sleep(REPAGE_S + 60)
            await claim(parts)
            await asyncio.sleep(4 * REPAGE_S)
            running.cancel()

    async def handed_back(parts: Parts) -> Result | None:
        async with told(parts, outbox, receiver, pen):
            await asyncio.sleep(4 * REPAGE_S)
            await claim(parts, release=True)
            await asyncio.sleep(REPAGE_S + 60)
            await say(parts, Verb.RESUME, "svc-0001")
            return await carry_out(parts, plan)

    world.live(claimed)
    result = world.live(handed_back).result
    assert result is not None
    assert result.outcome == "succeeded"
    stops = [each for each in receiver.notices if each["event"] == "needs_attention"]
    states = [each["state"] for each in stops]
    assert states[:3] == ["raised", "again", "claimed"]
    assert states[3:] == ["again"] * (len(states) - 4) + ["resolved"]
    # Told that it was handed back, once for all that was not told meanwhile, and a quarter of an hour later.
    assert len(states) == 7
    assert stops[2]["sentence"].startswith("bob has it: svc-0001 was stopped by ann")
    assert stops[3]["sentence"].startswith("handed back: ") or stops[4]["sentence"].startswith("handed back: ")
    assert len({each["key"] for each in stops}) == len(stops)
