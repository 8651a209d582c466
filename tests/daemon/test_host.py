"""The host in virtual time: rollouts come while it runs, people speak once, nobody's mistake stops the others."""

import asyncio
import dataclasses
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest

from rollout.assembly import Admitted
from rollout.core import event
from rollout.core.around import ALONE
from rollout.core.command import Ask, Command, Verb
from rollout.core.freeze_event import TriedAgain
from rollout.core.names import ENGINE_STREAM, RolloutId, ServiceName
from rollout.core.plan import ServicePlan
from rollout.core.reply import Kind
from rollout.core.result import ExitCode
from rollout.daemon.host import Host
from rollout.daemon.knowledge import CLOSED_KEPT_MAX
from rollout.daemon.status import operations_of, status_of
from rollout.engine.kit import Kit
from rollout.errors import CommandRefused, InvariantBroken, RolloutError, Stopping
from rollout.gates.probe import Probe
from rollout.policy.bundle import Bundle
from rollout.simulation import loop
from rollout.simulation.world import Parts, World
from rollout.views.head import head_of
from rollout.views.reading import Read

ONE, TWO = RolloutId("web-1"), RolloutId("web-2")
SERVICE = ServiceName("svc-0001")
HOLDS = "on_failure: {service: hold}\n"
FAULT = {"service": "svc-0001", "verb": "walk", "domain": 1, "effect": "fail", "times": 1}

Bundles = Callable[..., Bundle]
Worlds = Callable[..., World]
Hosts = Callable[[Parts], AbstractAsyncContextManager[Host]]


def word(
    verb: Verb, *, key: str = "k1", rollout: RolloutId = ONE, service: ServiceName | None = None, **flags: Any
) -> Ask:
    return Ask(rollout, service, Command(key, verb, "ann", "because", **flags))


def test_a_bundle_that_comes_while_another_rollout_runs_is_begun_at_once(
    make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    world = make_world()
    first, second = bundle(["svc-0001"]), bundle(["svc-0002"], rollout="web-2")

    async def script(parts: Parts) -> tuple[float, float]:
        async with host_of(parts) as host:
            await host.submit(first, actor="ann")
            await asyncio.sleep(100.0)
            began_t = host.now().t
            assert (await host.submit(second, actor="ann")).created
            results = await asyncio.gather(host.outcome(ONE), host.outcome(TWO))
            assert [each.code for each in results] == [ExitCode.AS_ALLOWED] * 2
            state = host.services(TWO)[ServiceName("svc-0002")]
            assert state.started_t is not None
            return began_t, state.started_t

    began_t, started_t = world.live(script).result or (0.0, 100.0)
    assert started_t - began_t < 1.0
    assert {each.service for each in world.log()} == {"svc-0001", "svc-0002"}


def test_the_same_bundle_is_opened_once_however_often_and_at_once_it_is_given(
    make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    given = bundle(["svc-0001"])

    async def script(parts: Parts) -> list[bool]:
        async with host_of(parts) as host:
            several = await asyncio.gather(*(host.submit(given, actor="ann", key="k") for _ in range(5)))
            return [each.created for each in several]

    assert sorted(make_world().live(script).result or []) == [False] * 4 + [True]


def test_a_key_is_good_for_one_bundle_only(make_world: Worlds, bundle: Bundles, host_of: Hosts) -> None:
    one, other = bundle(["svc-0001"]), bundle(["svc-0002"], rollout="web-2")

    async def script(parts: Parts) -> set[RolloutId]:
        async with host_of(parts) as host:
            await host.submit(one, actor="ann", key="k")
            with pytest.raises(CommandRefused, match="another bundle"):
                await host.submit(other, actor="ann", key="k")
            return set(host.rollouts())

    assert make_world().live(script).result == {ONE}


def test_a_key_stands_for_its_bundle_in_later_lives_too(make_world: Worlds, bundle: Bundles, host_of: Hosts) -> None:
    world, one, other = make_world(), bundle(["svc-0001"]), bundle(["svc-0002"], rollout="web-2")

    async def before(parts: Parts) -> Any:
        async with host_of(parts) as host:
            return await host.submit(one, actor="ann", key="k")

    async def after(parts: Parts) -> Any:
        async with host_of(parts) as host:
            with pytest.raises(CommandRefused, match="the key k was used for another bundle"):
                await host.submit(other, actor="ann", key="k")
            again = await host.submit(one, actor="ann", key="k")
            return again, set(host.rollouts())

    assert world.live(before).result == Admitted(ONE, created=True)
    assert world.live(after).result == (Admitted(ONE, created=False), {ONE})


def test_two_rollouts_that_want_the_same_service_at_once_do_not_both_get_it(
    make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    one, other = bundle(["svc-0001"]), bundle(["svc-0001"], rollout="web-2")

    async def script(parts: Parts) -> list[Any]:
        async with host_of(parts) as host:
            both = host.submit(one, actor="ann"), host.submit(other, actor="bob")
            return list(await asyncio.gather(*both, return_exceptions=True))

    found = make_world().live(script).result or []
    assert sorted(isinstance(each, CommandRefused) for each in found) == [False, True]


def test_a_new_host_goes_on_with_every_open_rollout(make_world: Worlds, bundle: Bundles, host_of: Hosts) -> None:
    world = make_world()
    bundles = bundle(["svc-0001"]), bundle(["svc-0002"], rollout="web-2")

    async def begin(parts: Parts) -> None:
        async with host_of(parts) as host:
            for each in bundles:
                await host.submit(each, actor="ann")
            await asyncio.sleep(60.0)

    async def go_on(parts: Parts) -> list[ExitCode]:
        async with host_of(parts) as host:
            return [each.code for each in await asyncio.gather(host.outcome(ONE), host.outcome(TWO))]

    world.live(begin)
    assert world.live(go_on).result == [ExitCode.AS_ALLOWED] * 2
    walks = [(each.service, each.domain) for each in world.log() if each.verb == "walk"]
    assert len(walks) == len(set(walks)) == 6


def test_a_rollout_that_waits_for_a_person_is_said_to_and_goes_on_at_a_word(
    make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    given = bundle(["svc-0001"], tolerance=1, more=HOLDS)

    async def script(parts: Parts) -> list[ExitCode]:
        async with host_of(parts) as host:
            await host.submit(given, actor="ann")
            held = await host.outcome(ONE)
            assert host.rollout(ONE).closed is None
            assert (await host.say(word(Verb.RETRY, service=SERVICE))).kind is Kind.ACCEPTED
            assert host.result(ONE) is None, "a word has just moved it on"
            return [held.code, (await host.outcome(ONE)).code]

    world = make_world(faults=[FAULT])
    assert world.live(script).result == [ExitCode.FOR_PERSON, ExitCode.AS_ALLOWED]


def test_a_command_given_again_under_its_key_has_one_effect_and_one_answer_even_after_a_death(
    make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    world = make_world()
    given = bundle(["svc-0001"])

    async def before(parts: Parts) -> Any:
        async with host_of(parts) as host:
            await host.submit(given, actor="ann")
            return await host.say(word(Verb.PAUSE))

    async def after(parts: Parts) -> Any:
        async with host_of(parts) as host:
            again = await asyncio.gather(*(host.say(word(Verb.PAUSE)) for _ in range(3)))
            assert (await host.say(word(Verb.PAUSE, key="k2"))).kind is Kind.NO_OP
            with pytest.raises(CommandRefused, match="another command"):
                await host.say(word(Verb.RESUME))
            return again

    first = world.live(before).result
    assert first is not None
    assert first.kind is Kind.ACCEPTED
    assert world.live(after).result == [first] * 3
    records = loop.run(world.journal.read_after(0, 1_000))
    assert sum(isinstance(each.entry.fact, event.Held) for each in records) == 1


def test_weighing_a_command_does_nothing(make_world: Worlds, bundle: Bundles, host_of: Hosts) -> None:
    given = bundle(["svc-0001"])

    async def script(parts: Parts) -> tuple[Kind, int]:
        async with host_of(parts) as host:
            await host.submit(given, actor="ann")
            return host.weigh(word(Verb.PAUSE)).kind, len(host.services(ONE)[SERVICE].holds)

    assert make_world().live(script).result == (Kind.ACCEPTED, 0)


def test_a_mistake_of_ours_stops_its_rollout_alone_is_said_and_a_retry_takes_it_up_again(
    make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    bundles = bundle(["svc-0001"]), bundle(["svc-0002"], rollout="web-2")
    world, broken = make_world(), {ONE}
    sound = world.make_kit

    def planted(*parts: Any) -> Kit:
        kit = sound(*parts)

        def probe_of(plan: ServicePlan) -> Probe:
            if plan.rollout in broken:
                raise InvariantBroken("seven of six are in flight")
            return kit.probe_of(plan)

        return dataclasses.replace(kit, probe_of=probe_of)

    world.make_kit = planted

    async def script(parts: Parts) -> list[Any]:
        async with host_of(parts) as host:
            for each in bundles:
                await host.submit(each, actor="ann")
            assert (await host.outcome(TWO)).code is ExitCode.AS_ALLOWED
            with pytest.raises(RolloutError, match="seven of six"):
                await host.outcome(ONE)
            for ask in (word(Verb.PAUSE), word(Verb.RETRY, key="k2", service=SERVICE)):
                told = await host.say(ask)
                assert (told.kind, "seven of six" in told.said[0].text) == (Kind.REFUSED, True)
                assert told.said[0].instead.startswith("retry of the whole rollout")
            assert status_of(host).failed.keys() == {ONE}
            assert "seven of six" in (host.trouble() or "")
            read = Read(host.rollout(ONE), host.services(ONE), host.now(), host.now(), trouble=host.trouble_of(ONE))
            head = head_of(read)
            assert (head.attention, head.sentence.startswith("web-1 STANDS STILL")) == (True, True)
            assert head.result is not None
            assert head.result.code == ExitCode.FOR_PERSON
            broken.clear()
            told = await host.say(word(Verb.RETRY, key="k3"))
            assert (told.kind, host.trouble()) == (Kind.ACCEPTED, None)
            assert await host.say(word(Verb.RETRY, key="k3")) == told, "a word that is asked again does nothing more"
            done = await host.outcome(ONE)
            said = [each.entry.fact for each in await host.entries(ENGINE_STREAM)]
            return [done.code, said, status_of(host).failed]

    assert world.live(script).result == [ExitCode.AS_ALLOWED, [TriedAgain("ann", "because", ONE)], {}]
    calls = [(each.service, each.verb, each.domain) for each in world.log()]
    assert len(calls) == len(set(calls)) == 2 * (1 + 3), "begin and three walks of each, once"


def test_a_waiter_that_is_cancelled_has_merely_looked_away(make_world: Worlds, bundle: Bundles, host_of: Hosts) -> None:
    given = bundle(["svc-0001"])

    async def script(parts: Parts) -> ExitCode:
        async with host_of(parts) as host:
            await host.submit(given, actor="ann")
            waiting = asyncio.create_task(host.outcome(ONE))
            await asyncio.sleep(5.0)
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
            return (await host.outcome(ONE)).code

    assert make_world().live(script).result is ExitCode.AS_ALLOWED


def test_who_follows_from_a_position_misses_nothing_and_hears_nothing_twice(
    make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    given = bundle(["svc-0001", "svc-0002"])

    async def script(parts: Parts) -> list[int]:
        heard: list[int] = []
        async with host_of(parts) as host:
            await host.submit(given, actor="ann")
            await asyncio.sleep(60.0)

            async def read() -> None:
                heard.extend([recorded.position async for recorded in host.follow(2)])

            reading = asyncio.create_task(read())
            await host.outcome(ONE)
            await host.drained()
            await reading
            assert host.position == heard[-1]
        return heard

    heard = make_world().live(script).result or []
    assert heard == list(range(3, heard[-1] + 1))


def test_whoever_drains_takes_nothing_more_and_says_so(make_world: Worlds, bundle: Bundles, host_of: Hosts) -> None:
    given, late = bundle(["svc-0001"]), bundle(["svc-0002"], rollout="web-2")

    async def script(parts: Parts) -> str | None:
        async with host_of(parts) as host:
            await host.submit(given, actor="ann")
            waiting = asyncio.create_task(host.outcome(ONE))
            await asyncio.sleep(1.0)
            host.drain()
            with pytest.raises(Stopping):
                await host.submit(late, actor="ann")
            with pytest.raises(Stopping):
                await host.say(word(Verb.PAUSE))
            await host.drained()
            with pytest.raises(Stopping):
                await waiting
            return host.trouble()

    assert make_world().live(script).result == "it is stopping"


@pytest.mark.parametrize("faults", [(), (FAULT | {"times": 1_000},)], ids=["succeed", "roll back"])
def test_memory_lets_go_of_old_closed_rollouts_and_the_journal_has_them_back(
    faults: tuple[dict[str, Any], ...], make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    count = CLOSED_KEPT_MAX + 4
    bundles = [bundle(["svc-0001"], rollout=f"web-{n}", tolerance=1) for n in range(1, count + 1)]

    async def script(parts: Parts) -> tuple[int, int]:
        gone: list[RolloutId] = []
        async with host_of(parts) as host:
            host.forgetting.append(gone.append)
            for each in bundles:
                await host.submit(each, actor="ann")
                await host.outcome(RolloutId(each.policy.rollout))
            kept = status_of(host).streams
            assert gone == [f"web-{n}" for n in range(1, count - CLOSED_KEPT_MAX + 1)]
            assert host.services(ONE) == {}
            told = head_of(Read(host.rollout(ONE), host.services(ONE), host.now(), host.now()))
            assert (told.closed, told.waves, told.ends_at) == (True, (), None)
            back = await host.recall(ONE)
            assert back[SERVICE].ended is not None
            assert host.scene(ONE).around == ALONE
            assert (await host.outcome(ONE)).code is ExitCode.AS_ALLOWED
            return kept, status_of(host).streams

    assert make_world(faults=faults).live(script).result == (CLOSED_KEPT_MAX, CLOSED_KEPT_MAX)


def test_the_status_counts_what_is_under_way_and_what_holds_it(
    make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    given = bundle(["svc-0001", "svc-0002"])

    async def script(parts: Parts) -> None:
        async with host_of(parts) as host:
            await host.submit(given, actor="ann")
            await asyncio.sleep(60.0)
            await host.say(word(Verb.PAUSE, service=SERVICE))
            status = status_of(host)
            assert (status.rollouts_open, status.in_flight, status.holds) == (1, 2, {"pause": 1})
            assert status.undecided_s < 1.0
            assert status.loop_lag_worst_s < 1.0
            assert status.journal.position == host.position > 0

    make_world().live(script)


def test_the_calls_that_are_followed_are_listed_with_their_begin(
    make_world: Worlds, bundle: Bundles, host_of: Hosts
) -> None:
    given = bundle(["svc-0001"])

    async def script(parts: Parts) -> None:
        async with host_of(parts) as host:
            await host.submit(given, actor="ann")
            async for recorded in host.follow():
                if isinstance(recorded.entry.fact, event.Accepted):
                    break
            await asyncio.sleep(1.0)
            (only,) = operations_of(host)
            assert (only.rollout, only.service, only.number) == (ONE, SERVICE, 1)
            assert host.now().wall - only.since_wall == pytest.approx(1.0, abs=0.1)

    make_world().live(script)
