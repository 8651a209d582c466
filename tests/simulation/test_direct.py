"""The direct platform means by every call, fault and look what the client reads from the emulator's bytes."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from rollout.core.names import Digest, ServiceName, Slot, Target
from rollout.core.operation import (
    ActOnInstance,
    CapturePackage,
    Create,
    ExtensionUse,
    Extras,
    InstanceVerb,
    Operation,
    RollBack,
    SetStatus,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    Walk,
)
from rollout.core.outcome import (
    Accepted,
    Failed,
    Handle,
    Lost,
    Outcome,
    Progress,
    Refused,
    RefusedKind,
    Running,
    Succeeded,
    Unknown,
    Unreachable,
)
from rollout.core.snapshot import Absent, Activity, Observation, Snapshot
from rollout.emulator import refusals, write, write_deployment
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric import Target as FabricTarget
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import ROLE, SUBSCRIPTION, FleetPlan, configuration, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.refusals import Refusal
from rollout.emulator.request_ids import RequestIds
from rollout.platforms.classic.decode import DeploymentRead, OperationRead, decode_deployment, decode_operation
from rollout.platforms.classic.exchange import Reply
from rollout.platforms.classic.faults import observed, submit_outcome
from rollout.platforms.classic.vocabulary import CLIENT_VERSION
from rollout.simulation.direct import DirectPlatform
from rollout.simulation.loop import elapsed, run
from rollout.simulation.wire import CROSSING_S_MAX, CROSSING_S_MIN, SteadyWire, Wire

T = TypeVar("T")

TARGET = Target(SUBSCRIPTION, ServiceName("svc-0001"), Slot.PRODUCTION)
PACKAGE, CONFIGURATION, BROKEN, STRANGE, ONE, OTHER = (Digest(letter * 64) for letter in "abcdef")
NEW = "web-2.4.1 [ro:0123456789ab]"
UPGRADE = StartUpgrade(PACKAGE, CONFIGURATION, NEW, {ROLE: 3})
CREATE = Create("svc-0001-new", PACKAGE, ONE, NEW)
CALLS: list[tuple[str, Operation]] = [
    ("upgrade", UPGRADE),
    ("config", StartConfigure(ONE, key="")),
    ("walk", Walk(0)),
    ("rollback", RollBack()),
    ("swap", SwapSlots(None, "svc-0001-production")),
    ("status", SetStatus(running=False)),
    ("reboot", ActOnInstance(InstanceVerb.REBOOT, f"{ROLE}_IN_0")),
    ("package", CapturePackage(PACKAGE)),
]


class Shelf:
    """What operations name by digest."""

    async def payload(self, digest: Digest) -> bytes:
        return {
            PACKAGE: b"https://relstore.blob.example/web.cspkg",
            CONFIGURATION: configuration("web", "web-2.4.1", 1),
            ONE: configuration("web", "web-2.4.1", 3).replace(b"\n", b"\r\n"),
            OTHER: configuration("web", "web-2.4.2", 3),
            BROKEN: b"<not a configuration/>",
            STRANGE: configuration("web", "web-2.4.1", 1).replace(ROLE.encode(), b"OtherRole"),
        }[digest]


@dataclass
class Asked:
    """A ticket that remembers when it was asked."""

    wanted: bool = True
    key: str = "web/svc-0001#1/1"
    timeout_s: float = 30.0
    asked_at: list[float] = field(default_factory=list)

    def still_wanted(self) -> bool:
        self.asked_at.append(asyncio.get_running_loop().time())
        return self.wanted


@dataclass
class Stage:
    """One direct platform on a fabric whose time is the loop's."""

    fabric: Fabric
    platform: DirectPlatform

    def fault(self, **fault: Any) -> "Stage":
        self.fabric.set_faults(read_faults([fault]))
        return self

    async def submit(self, operation: Operation, ticket: Asked | None = None) -> Outcome:
        return await self.platform.submit(TARGET, operation, ticket or Asked())

    async def accepted(self, operation: Operation) -> Handle:
        outcome = await self.submit(operation)
        assert isinstance(outcome, Accepted), outcome
        return outcome.handle

    async def begun(self) -> "Stage":
        await self.accepted(UPGRADE)
        await asyncio.sleep(40)
        return self

    async def ready_for(self, operation: Operation) -> "Stage":
        return await self.begun() if isinstance(operation, Walk | RollBack) else self

    def log(self) -> list[tuple[str, int | None]]:
        return [(entry.verb.value, entry.domain) for entry in self.fabric.log()]


@pytest.fixture
def on_stage() -> Callable[..., Any]:
    """Play an async scene on virtual time, with a fabric of one service and three domains."""

    def play(scene: Callable[[Stage], Any], wire: Wire | None = None, **knobs: Any) -> Any:
        async def main() -> Any:
            fabric = Fabric(asyncio.get_running_loop().time, Knobs(**knobs))
            populate(fabric, FleetPlan(1, 3))
            platform = DirectPlatform(fabric, Shelf(), wire or SteadyWire(lambda: 0.5), RequestIds(0))
            return await scene(Stage(fabric, platform))

        return run(main())

    return play


# --- looks ---


def bytes_say(fabric: Fabric) -> Snapshot:
    """Give what the client reads from the emulator's own reply, at this moment."""
    found = fabric.deployment(FabricTarget("svc-0001", name="svc-0001-production"))
    read = decode_deployment(write_deployment.deployment(found, fabric, CLIENT_VERSION))
    assert isinstance(read, DeploymentRead)
    assert read.unknown == ()
    return read.snapshot


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"rollback_flag": "absent"},
        {"rollback_flag": False},
        {"label_flip": "first_walk", "settle_lag_s": 50.0},
        {"label_flip": "end", "manual_op_done": "last_walk"},
    ],
)
def test_a_look_shows_at_every_moment_what_the_client_reads_from_the_reply(
    on_stage: Callable[..., Any], knobs: dict[str, Any]
) -> None:
    async def scene(stage: Stage) -> list[Snapshot]:
        seen = []

        async def watch(seconds: float) -> None:
            for _ in range(20):
                await asyncio.sleep(seconds / 20)
                looked = await stage.platform.observe(TARGET)
                assert isinstance(looked, Snapshot)
                seen.append(looked)
                direct = await SteadyLook(stage).now()
                assert replace(direct, digest="") == replace(bytes_say(stage.fabric), digest="")

        stage.fault(verb="walk", domain=1, effect="sick")
        await watch(5)
        await stage.accepted(UPGRADE)
        await watch(60)
        for domain in range(2):
            await stage.accepted(Walk(domain))
            await watch(700)
        await stage.accepted(RollBack())
        await watch(1500)
        return seen

    seen = on_stage(scene, **knobs)
    assert {look.activity for look in seen} == {Activity.RUNNING, Activity.CHANGING}
    assert {look.locked for look in seen} == {True, False}
    assert {look.change is not None and look.change.during for look in seen} == {True, False}
    assert len({instance.status for look in seen for instance in look.instances}) >= 4


class SteadyLook:
    """A look that takes no time, to be compared with the truth of the very same moment."""

    def __init__(self, stage: Stage) -> None:
        self._platform = DirectPlatform(
            stage.fabric, Shelf(), SteadyWire(lambda: 0.0, low_s=0.0, high_s=0.0), RequestIds(1)
        )

    async def progress(self, handle: Handle) -> Progress:
        return await self._platform.poll(handle)

    async def now(self, target: Target = TARGET) -> Snapshot:
        looked = await self._platform.observe(target)
        assert isinstance(looked, Snapshot)
        return looked


def test_a_suspended_deployment_and_one_on_its_way_there_look_as_the_client_reads_them(
    on_stage: Callable[..., Any],
) -> None:
    async def scene(stage: Stage) -> set[Activity]:
        seen = set()
        for running in (False, True):
            stage.fabric.set_running(FabricTarget("svc-0001", name="svc-0001-production"), "f" * 32, running=running)
            for _ in range(10):
                direct = await SteadyLook(stage).now()
                assert replace(direct, digest="") == replace(bytes_say(stage.fabric), digest="")
                seen.add(direct.activity)
                await asyncio.sleep(10)
        return seen

    assert on_stage(scene) == {Activity.RUNNING, Activity.SUSPENDED, Activity.OTHER}


def test_a_deployment_coming_up_and_one_that_is_configured_look_as_the_client_reads_them(
    on_stage: Callable[..., Any],
) -> None:
    def bytes_say_of(fabric: Fabric) -> Snapshot:
        found = fabric.deployment(FabricTarget("svc-0001", name=CREATE.name))
        read = decode_deployment(write_deployment.deployment(found, fabric, CLIENT_VERSION))
        assert isinstance(read, DeploymentRead)
        return read.snapshot

    async def scene(stage: Stage) -> list[Snapshot]:
        target, seen = replace(TARGET, slot=Slot.STAGING), []
        extras = Extras({"Ticket": "OPS-311"}, (ExtensionUse("RDP", "disable", ROLE), ExtensionUse("Logs", "enable")))
        for operation in (replace(CREATE, extras=extras), StartConfigure(OTHER, "", extras=extras)):
            assert isinstance(await stage.platform.submit(target, operation, Asked()), Accepted)
            for _ in range(20):
                looked = await SteadyLook(stage).now(target)
                assert replace(looked, digest="") == replace(bytes_say_of(stage.fabric), digest="")
                seen.append(looked)
                await asyncio.sleep(10)
        return seen

    seen = on_stage(scene)
    assert {look.domain_count for look in seen} == {0, 3}
    assert len({look.key for look in seen}) == 3
    assert any(look.change is not None for look in seen)


def test_the_digest_changes_with_the_deployment_and_only_then(on_stage: Callable[..., Any]) -> None:
    async def scene(stage: Stage) -> list[str]:
        digests = [(await SteadyLook(stage).now()).digest for _ in range(2)]
        await stage.begun()
        return [*digests, (await SteadyLook(stage).now()).digest]

    first, again, later = on_stage(scene)
    assert first == again != later


@pytest.mark.parametrize("changes", [{"service": "svc-9999"}, {"deployment": "other"}, {"slot": Slot.STAGING}])
def test_what_is_not_there_is_absent_in_the_words_of_the_client(
    on_stage: Callable[..., Any], changes: dict[str, Any]
) -> None:
    async def scene(stage: Stage) -> Observation:
        return await stage.platform.observe(replace(TARGET, **changes))

    assert isinstance(on_stage(scene), Absent)
    error = refusals.no_such_service()
    assert observed(_reply(error)).observation == Absent(f"HTTP {error}")


@pytest.mark.parametrize(
    ("effect", "throttled"),
    [("lose_before", False), ("lose_after", False), ("500", False), ("503", True), ("307", False)],
)
@pytest.mark.parametrize("verb", ["get", "poll"])
def test_a_question_that_goes_wrong_is_no_evidence(
    on_stage: Callable[..., Any], verb: str, effect: str, throttled: bool
) -> None:
    async def scene(stage: Stage) -> Observation | Progress:
        handle = await stage.accepted(UPGRADE)
        stage.fault(verb=verb, effect=effect)
        return await (stage.platform.observe(TARGET) if verb == "get" else stage.platform.poll(handle))

    answer = on_stage(scene)
    assert isinstance(answer, Unreachable)
    assert answer.throttled is throttled


# --- operations ---


def test_an_operation_is_followed_as_the_client_reads_its_status(on_stage: Callable[..., Any]) -> None:
    def bytes_say_of(stage: Stage, handle: Handle) -> Progress:
        operation = stage.fabric.operation(handle.id)
        assert operation is not None
        read = decode_operation(write.operation(operation))
        assert isinstance(read, OperationRead)
        return read.progress

    async def scene(stage: Stage) -> list[Progress]:
        await stage.begun()
        stage.fault(verb="walk", domain=1, effect="fail")
        steady, seen = SteadyLook(stage), list[Progress]()
        for domain in range(2):
            handle = await stage.accepted(Walk(domain))
            for _ in range(30):
                seen.append(await steady.progress(handle))
                assert seen[-1] == bytes_say_of(stage, handle)
                await asyncio.sleep(25)
        return seen

    seen = on_stage(scene)
    assert {type(progress) for progress in seen} == {Running, Succeeded, Failed}
    assert seen[-1] == Failed("InternalError", refusals.internal_error().message)


def test_an_id_nobody_was_given_is_unknown(on_stage: Callable[..., Any]) -> None:
    async def scene(stage: Stage) -> Progress:
        return await stage.platform.poll(Handle(SUBSCRIPTION, "f" * 32))

    assert isinstance(on_stage(scene), Unknown)


# --- calls ---


def _reply(refusal: Refusal) -> Reply:
    return Reply(refusal.status, (), write.error(refusal))


def test_calls_reach_the_fabric_with_label_mode_and_running_instance_counts(on_stage: Callable[..., Any]) -> None:
    async def scene(stage: Stage) -> Stage:
        await stage.begun()
        await stage.accepted(Walk(0))
        await asyncio.sleep(1000)
        await stage.accepted(RollBack())
        return stage

    stage = on_stage(scene)
    assert stage.log() == [("upgrade", None), ("walk", 0), ("rollback", None)]
    assert {entry.label for entry in stage.fabric.log()} == {NEW}
    change = stage.fabric.world.services["svc-0001"].slots["Production"].change
    assert change.new.counts == ((ROLE, 3),)
    assert change.new.package_url == "https://relstore.blob.example/web.cspkg"


@pytest.mark.parametrize(("verb", "operation"), CALLS)
@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ("409", RefusedKind.BUSY),
        ("503", RefusedKind.THROTTLED),
        ("307", RefusedKind.REJECTED),
        ("500", None),
        ("lose_before", None),
    ],
)
def test_a_fault_before_the_effect_is_refused_or_lost_and_changes_nothing(
    on_stage: Callable[..., Any], verb: str, operation: Operation, effect: str, expected: RefusedKind | None
) -> None:
    async def scene(stage: Stage) -> tuple[Outcome, bool]:
        await stage.ready_for(operation)
        before = stage.log()
        outcome = await stage.fault(verb=verb, effect=effect).submit(operation)
        return outcome, stage.log() == before

    outcome, unchanged = on_stage(scene)
    assert unchanged
    assert outcome.kind is expected if isinstance(outcome, Refused) else isinstance(outcome, Lost) and expected is None


@pytest.mark.parametrize(("verb", "operation"), CALLS)
def test_a_fault_after_the_effect_is_lost_and_the_effect_is_there(
    on_stage: Callable[..., Any], verb: str, operation: Operation
) -> None:
    async def scene(stage: Stage) -> tuple[Outcome, list[tuple[str, int | None]]]:
        await stage.ready_for(operation)
        return await stage.fault(verb=verb, effect="lose_after").submit(operation), stage.log()

    outcome, log = on_stage(scene)
    assert isinstance(outcome, Lost)
    assert log[-1][0] == verb


@pytest.mark.parametrize(
    "refusal",
    [
        refusals.bad_request(),
        refusals.conflict("Something else."),
        refusals.locked("a" * 32),
        refusals.locked(None),
        refusals.no_such_service(),
        refusals.internal_error(),
        refusals.too_many_requests(),
        refusals.foreign_subscription(),
    ],
    ids=str,
)
def test_every_refusal_means_what_the_client_reads_from_its_bytes(
    on_stage: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    def refuse(*_: object) -> None:
        raise refusal

    async def scene(stage: Stage) -> Outcome:
        monkeypatch.setattr(Fabric, "walk", refuse)
        return await stage.submit(Walk(0))

    direct, read = on_stage(scene), submit_outcome(_reply(refusal), SUBSCRIPTION)
    assert direct == read


@pytest.mark.parametrize(
    "operation",
    [
        replace(UPGRADE, label="x" * 101),
        replace(UPGRADE, label=""),
        replace(UPGRADE, configuration=BROKEN),
        replace(UPGRADE, configuration=STRANGE),
        replace(UPGRADE, role="NoSuchRole"),
        Walk(0),
        RollBack(),
    ],
    ids=["long label", "no label", "no configuration", "other roles", "unknown role", "early walk", "nothing to undo"],
)
def test_what_the_service_cannot_take_is_rejected_and_changes_nothing(
    on_stage: Callable[..., Any], operation: Operation
) -> None:
    async def scene(stage: Stage) -> tuple[Outcome, list[tuple[str, int | None]]]:
        return await stage.submit(operation), stage.log()

    outcome, log = on_stage(scene)
    assert isinstance(outcome, Refused)
    assert outcome.kind is RefusedKind.REJECTED
    assert log == []


def test_a_call_nobody_wants_any_more_is_not_sent(on_stage: Callable[..., Any]) -> None:
    async def scene(stage: Stage) -> tuple[Outcome, list[tuple[str, int | None]]]:
        return await stage.submit(UPGRADE, Asked(wanted=False)), stage.log()

    outcome, log = on_stage(scene)
    assert isinstance(outcome, Refused)
    assert (outcome.kind, log) == (RefusedKind.NOT_SENT, [])


def test_the_ticket_is_asked_once_and_at_the_very_moment_of_the_effect(on_stage: Callable[..., Any]) -> None:
    async def scene(stage: Stage) -> tuple[list[float], float]:
        ticket = Asked()
        await stage.submit(UPGRADE, ticket)
        return ticket.asked_at, stage.fabric.log()[0].at

    asked_at, effect_at = on_stage(scene)
    assert asked_at == [effect_at]
    assert effect_at > 0


# --- time ---


@pytest.mark.parametrize("drawn", [0.0, 0.5, 0.999])
def test_every_call_crosses_the_wire_twice(on_stage: Callable[..., Any], drawn: float) -> None:
    async def scene(stage: Stage) -> list[float]:
        took = []
        for ask in (stage.platform.observe(TARGET), stage.platform.poll(Handle(SUBSCRIPTION, "f" * 32))):
            began = elapsed()
            await ask
            took.append(elapsed() - began)
        await stage.platform.close()
        return took

    expected = 2 * (CROSSING_S_MIN + drawn * (CROSSING_S_MAX - CROSSING_S_MIN))
    assert on_stage(scene, SteadyWire(lambda: drawn)) == pytest.approx([expected, expected])


class DeadWire(SteadyWire):
    """Hangs for ever, before a connection or with the request on its way."""

    def __init__(self, *, connects: bool) -> None:
        super().__init__(lambda: 0.5)
        self._connects = connects

    async def reach(self, service: str, operation: Operation | None) -> None:
        await (super().reach(service, operation) if self._connects else asyncio.sleep(math.inf))

    async def exchange(self, service: str, operation: Operation | None, deliver: Callable[[], T]) -> T:
        deliver()
        await asyncio.sleep(math.inf)
        raise AssertionError(service, operation)


@pytest.mark.parametrize("connects", [False, True])
def test_a_question_without_an_answer_ends_with_the_request_timeout(
    on_stage: Callable[..., Any], connects: bool
) -> None:
    async def scene(stage: Stage) -> tuple[Observation, float]:
        return await stage.platform.observe(TARGET), elapsed()

    assert on_stage(scene, DeadWire(connects=connects)) == (Unreachable("no answer within 30 s"), 30.0)


def test_a_call_without_a_connection_was_not_sent_and_one_without_an_answer_is_lost(
    on_stage: Callable[..., Any],
) -> None:
    async def scene(stage: Stage) -> tuple[Outcome, float, list[tuple[str, int | None]]]:
        return await stage.submit(UPGRADE, Asked(timeout_s=5.0)), elapsed(), stage.log()

    refused, after_s, log = on_stage(scene, DeadWire(connects=False))
    assert isinstance(refused, Refused)
    assert (refused.kind, after_s, log) == (RefusedKind.NOT_SENT, 5.0, [])
    lost, after_s, log = on_stage(scene, DeadWire(connects=True))
    assert isinstance(lost, Lost)
    assert (after_s, log) == (5.0, [("upgrade", None)])
