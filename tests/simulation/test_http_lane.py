"""The real client and the real emulator, with every byte between them under a network model, in virtual time."""

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from rollout.assembly import make_kit
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.names import ServiceName, Slot, Target
from rollout.core.operation import Walk
from rollout.core.outcome import Lost, Outcome, RefusedKind, Unreachable
from rollout.core.snapshot import Snapshot
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan
from rollout.emulator.knobs import Knobs
from rollout.policy.load import load_policy
from rollout.settings import RunSettings
from rollout.simulation.cast import cast
from rollout.simulation.http_lane import HttpLane, PipeConnector
from rollout.simulation.mortal import LATE_PER_TIMEOUT
from rollout.simulation.network import About, Crossing, NetworkModel, SteadyNetwork, Verdict, about_of
from rollout.simulation.outside import OutOfReach
from rollout.simulation.stage import LaneName, staged
from rollout.simulation.weather import Profile
from rollout.simulation.world import Parts, World, carry_out

CASES = Path(__file__).parent / "cases"
TARGET = Target(SUBSCRIPTION, ServiceName("svc-a"), Slot.PRODUCTION)
CALLS = ["upgrade", "walkupgradedomain", "walkupgradedomain"]


class Fated:
    """A steady network on which the first change, or the first question, meets one fate."""

    def __init__(self, *, request: Crossing | None = None, answer: Crossing | None = None, reach: Any = None) -> None:
        self._request = request
        self._answer = answer
        self._reach = reach

    async def reach(self, about: About) -> None:
        if about.mutates and self._reach is not None:
            await self._reach()

    def request(self, about: About) -> Crossing:
        fate, self._request = (self._request, None) if about.mutates else (None, self._request)
        return fate or Crossing(0.1)

    def answer(self, about: About) -> Crossing:
        fate, self._answer = (self._answer, None) if about.mutates else (None, self._answer)
        return fate or Crossing(0.1)


class Asked:
    """A ticket."""

    key, timeout_s = "held/svc-a#1/1", 30.0

    def still_wanted(self) -> bool:
        return True


@pytest.fixture
def compiled() -> Compiled:
    return compile_bundle(load_policy(CASES / "held.yaml", sets=["fleet.services={svc-a: {}}"]))


@pytest.fixture
def world_of(compiled: Compiled) -> Callable[..., World]:
    """Make a world of one service of two domains behind a network."""

    def make(model: NetworkModel | None = None, *, sync_s: float = 0.0) -> World:
        kit = partial(make_kit, RunSettings("https://rehearsal.invalid", CASES))
        stage = staged(
            load_policy(CASES / "held.yaml", sets=["fleet.services={svc-a: {}}"]),
            kit,
            Profile.NONE,
            domains=2,
            instances=2,
            lane=LaneName.HTTP,
        )
        world = World(kit, FleetPlan(0), Knobs(), sync_s=sync_s)
        cast(world.fabric, compiled, stage.configurations, 2, 2)
        world.lane = HttpLane(
            world.fabric,
            model or SteadyNetwork(lambda: 0.5),
            time=world.time,
            at=world.at,
            late_s=LATE_PER_TIMEOUT * world.request_timeout_s,
        )
        return world

    return make


def walked(world: World) -> list[str]:
    """List what took effect."""
    return [f"{entry.verb}{'' if entry.domain is None else entry.domain}" for entry in world.log()]


def test_a_rollout_over_http_in_memory_succeeds_without_a_socket(
    world_of: Callable[..., World], compiled: Compiled
) -> None:
    world = world_of()
    life = world.live(lambda parts: carry_out(parts, compiled))
    world.close()
    assert life.result is not None
    assert life.result.outcome == "succeeded"
    assert walked(world) == ["upgrade", "walk0", "walk1"]
    sent = [each for each in life.moments if each.startswith("in flight")]
    assert sent == [f"in flight: {what} svc-a" for what in CALLS]


KINDS = ["not yet sent", "half sent", "in flight", "half answered", "answered, not recorded"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_that_dies_at_any_byte_of_any_call_doubles_and_loses_none(
    world_of: Callable[..., World], compiled: Compiled, kind: str
) -> None:
    undisturbed = world_of().live(lambda parts: carry_out(parts, compiled)).moments
    places = [number for number, each in enumerate(undisturbed) if each.startswith(kind)]
    assert len(places) == len(CALLS)
    for place in places:
        world = world_of()
        with capture_logs() as said:
            assert world.live(lambda parts: carry_out(parts, compiled), dies_at=place).killed
            world.pass_by(1.0)
            life = world.live(lambda parts: carry_out(parts, compiled))
        world.close()
        assert life.result is not None
        assert life.result.outcome == "succeeded"
        assert walked(world) == ["upgrade", "walk0", "walk1"]
        assert [each for each in said if each["log_level"] == "error"] == []


def test_a_request_that_was_written_arrives_after_its_sender_has_died_and_while_nobody_lives(
    world_of: Callable[..., World], compiled: Compiled
) -> None:
    world = world_of()
    undisturbed = world_of().live(lambda parts: carry_out(parts, compiled)).moments
    place = next(number for number, each in enumerate(undisturbed) if each.startswith("in flight"))
    world.live(lambda parts: carry_out(parts, compiled), dies_at=place)
    assert walked(world) == []
    world.pass_by(LATE_PER_TIMEOUT * world.request_timeout_s)
    assert walked(world) == ["upgrade"]
    world.close()


def submitted(world: World) -> Outcome:
    """Ask for a walk that nobody began, which is refused where it arrives, and see what the caller hears."""

    async def script(parts: Parts) -> Outcome:
        return await parts.kit.platform.submit(TARGET, Walk(0), Asked())

    outcome = world.live(script).result
    world.close()
    assert outcome is not None
    return outcome


async def refuse() -> None:
    raise ConnectionRefusedError(111, "refused")


async def hang() -> None:
    await asyncio.sleep(1e6)


@pytest.mark.parametrize(
    ("model", "kind", "took_s"),
    [
        (Fated(request=Crossing(0.1, Verdict.VANISH)), Lost, 30.0),
        (Fated(request=Crossing(0.1, Verdict.RESET)), Lost, 0.1),
        (Fated(request=Crossing(0.1, Verdict.DELIVER_THEN_RESET)), Lost, 0.1),
        (Fated(request=Crossing(0.1, Verdict.DELIVER_INTO_SILENCE)), Lost, 30.0),
        (Fated(request=Crossing(0.1, Verdict.HALF_THEN_RESET)), Lost, 0.1),
        (Fated(request=Crossing(100.0)), Lost, 30.0),
        (Fated(answer=Crossing(0.1, Verdict.HALF_THEN_RESET)), Lost, 0.2),
        (Fated(answer=Crossing(0.1, Verdict.VANISH)), Lost, 30.0),
        (Fated(reach=refuse), RefusedKind.NOT_SENT, 0.0),
        (Fated(reach=hang), RefusedKind.NOT_SENT, 10.0),
        (Fated(), RefusedKind.REJECTED, 0.2),
    ],
)
def test_each_fate_of_a_call_means_what_it_means_on_a_socket(
    world_of: Callable[..., World], model: NetworkModel, kind: object, took_s: float
) -> None:
    world = world_of(model)
    outcome = submitted(world)
    assert world.time() == pytest.approx(took_s, abs=1.0 if took_s == 10.0 else 0.01)
    assert getattr(outcome, "kind", type(outcome)) is kind, outcome


def test_a_question_over_a_kept_connection_is_asked_once_more_by_itself_when_that_is_reset(
    world_of: Callable[..., World],
) -> None:
    class Second(Fated):
        asked = 0

        def request(self, _: About) -> Crossing:
            self.asked += 1
            return Crossing(0.1, Verdict.RESET if self.asked == 2 else Verdict.DELIVER)

    model = Second()
    world = world_of(model)

    async def script(parts: Parts) -> list[object]:
        return [await parts.kit.platform.observe(TARGET) for _ in range(2)]

    looks = world.live(script).result
    world.close()
    assert looks is not None
    assert all(isinstance(each, Snapshot) for each in looks), looks
    assert model.asked == 3


def test_a_network_that_nothing_crosses_makes_every_question_unreachable(world_of: Callable[..., World]) -> None:
    class Void(Fated):
        def request(self, _: About) -> Crossing:
            return Crossing(0.1, Verdict.VANISH)

    world = world_of(Void())

    async def script(parts: Parts) -> object:
        return await parts.kit.platform.observe(TARGET)

    seen = world.live(script).result
    world.close()
    assert isinstance(seen, Unreachable)
    assert world.time() == pytest.approx(30.0)


def test_whoever_connects_by_the_loop_itself_meets_the_same_network(world_of: Callable[..., World]) -> None:
    world = world_of()

    async def script(_: Parts) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", 8080)
        writer.write(b"GET /_emulator/log HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer

    answer = world.live(script).result
    world.close()
    assert answer is not None
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"[]")
    assert world.time() > 0.2


def test_there_is_no_tls_in_memory(world_of: Callable[..., World]) -> None:
    world = world_of()

    async def script(_: Parts) -> None:
        with pytest.raises(OutOfReach, match="no TLS in memory"):
            await asyncio.open_connection("127.0.0.1", 8080, ssl=True)

    world.live(script)
    world.close()


def test_a_request_is_known_by_method_service_and_what_is_asked() -> None:
    path = f"/{SUBSCRIPTION}/services/hostedservices/svc-a/deploymentslots/production/?comp=walkupgradedomain"
    assert about_of("POST", path) == About("POST", "svc-a", "walkupgradedomain")
    assert about_of("GET", f"/{SUBSCRIPTION}/operations/{'0' * 32}") == About("GET", "", "get")
    assert [about_of(method, path).mutates for method in ("GET", "HEAD", "POST", "DELETE")] == [
        False,
        False,
        True,
        True,
    ]


def test_what_the_connector_takes_over_from_the_library_still_looks_the_same() -> None:
    parameters = list(inspect.signature(aiohttp.BaseConnector._create_connection).parameters)
    assert parameters == ["self", "req", "traces", "timeout"]

    async def main() -> None:
        connector = PipeConnector(hang, 3, keep=True)
        assert (connector._closed, dict(connector._conns), connector._acquired) == (False, {}, set())
        assert callable(connector._factory)
        assert connector._keepalive_timeout is None
        connector.forget()
        assert connector.closed

    asyncio.run(main())
