"""What the emulator's tests share: a clock moved by hand, fabrics on it, and golden documents."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from lxml import etree

from rollout.emulator.fabric import Fabric, Target
from rollout.emulator.fabric_state import Deployment, LogEntry, Operation, Release
from rollout.emulator.fabric_update import Begin
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import ROLE, SUBSCRIPTION, FleetPlan, configuration, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.server import serve
from rollout.platforms.classic.vocabulary import InstanceStatus, Mode, Slot, Verb

PRODUCTION = Target("svc-0001", slot=Slot.PRODUCTION)
SERVICE_PATH = f"/{SUBSCRIPTION}/services/hostedservices/svc-0001"
PRODUCTION_PATH = f"{SERVICE_PATH}/deploymentslots/production"
WIRE = "{http://schemas.microsoft.com/windowsazure}"
VERSION = {"x-ms-version": "2015-09-01"}
GOLDEN = Path(__file__).parent.parent / "golden"


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Stage:
    """One fabric on a hand-moved clock, played through its first service's production slot."""

    fabric: Fabric
    clock: Clock
    target: Target = PRODUCTION
    given: int = 0

    def wait(self, seconds: float) -> "Stage":
        """Let seconds of the clock pass, without anyone looking."""
        self.clock.at += seconds
        return self

    def next_id(self) -> str:
        self.given += 1
        return f"{self.given:032x}"

    @property
    def deployment(self) -> Deployment:
        return self.fabric.deployment(self.target)

    def upgrade(
        self,
        mode: Mode = Mode.MANUAL,
        label: str = "web-2.4.1",
        count: int | None = None,
        verb: Verb = Verb.UPGRADE,
    ) -> Operation:
        number = len(self.deployment.instances) if count is None else count
        release = Release(label, configuration("svc-0001", label, number), ((ROLE, number),))
        return self.fabric.begin(self.target, Begin(mode, release), verb, self.next_id())

    def walk(self, domain: int) -> Operation:
        return self.fabric.walk(self.target, domain, self.next_id())

    def rollback(self, mode: Mode = Mode.AUTO) -> Operation:
        return self.fabric.roll_back(self.target, mode, self.next_id())

    def begun(self, mode: Mode = Mode.MANUAL) -> "Stage":
        """Begin an upgrade and wait until it is accepted."""
        self.upgrade(mode)
        return self.wait(40)

    def walked(self, *domains: int) -> "Stage":
        """Walk domains, each to its end."""
        for domain in domains:
            self.walk(domain)
            self.wait(1000)
        return self

    def pointer(self) -> tuple[str, bool, int] | None:
        """Give what UpgradeStatus says: type, whether During, domain; none when it is absent."""
        change = self.deployment.change
        return None if change is None else (change.mode.value, change.during, change.pointer)

    def statuses(self) -> list[str]:
        now = self.fabric.now()
        return [self.deployment.instance_phases(each, now)[0].value for each in self.deployment.instances]

    def labels(self) -> list[str]:
        """Give the release that each instance runs."""
        return [each.release.label for each in self.deployment.instances]

    def all_ready(self) -> bool:
        return set(self.statuses()) == {InstanceStatus.READY.value}

    def log(self) -> list[tuple[str, int | None]]:
        return [(entry.verb.value, entry.domain) for entry in self.fabric.log()]

    def fault(self, **fault: Any) -> "Stage":
        self.fabric.set_faults(read_faults([fault]))
        return self


@pytest.fixture
def make_stage() -> Callable[..., Stage]:
    """Build a stage: fleet size, seed and knobs by name."""

    def make(
        *,
        services: int = 1,
        domains: int = 3,
        instances: int | None = None,
        staging: bool = False,
        seed: int = 0,
        on_effect: Callable[[LogEntry], None] | None = None,
        **knobs: Any,
    ) -> Stage:
        clock = Clock()
        fabric = Fabric(clock, Knobs(**knobs), seed, on_effect=on_effect)
        populate(fabric, FleetPlan(services, domains, instances, staging=staging))
        return Stage(fabric, clock)

    return make


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    """Three domains, three instances, every knob at its default."""
    return make_stage()


@pytest.fixture
def golden() -> Callable[[str], bytes]:
    """Read a golden document."""
    return lambda name: (GOLDEN / name).read_bytes()


@dataclass
class Wire:
    """A client of one served fabric."""

    stage: Any
    session: ClientSession
    url: str
    golden: Callable[[str], bytes]

    async def send(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        given = {**VERSION, **{name.replace("_", "-"): value for name, value in headers.items()}}
        async with self.session.request(
            method,
            self.url + path,
            data=BytesIO(body) if body else None,
            headers=given,
            allow_redirects=False,
        ) as reply:
            return reply.status, dict(reply.headers), await reply.read()

    async def post(self, comp: str, request: str, path: str = PRODUCTION_PATH) -> tuple[int, str]:
        status, headers, body = await self.send("POST", f"{path}/?comp={comp}", self.golden(request))
        assert body == b"" or status >= 400
        return status, headers["x-ms-request-id"]

    async def walk(self, domain: int, path: str = PRODUCTION_PATH) -> tuple[int, str]:
        body = self.golden("walk.request.xml").replace(b">0<", f">{domain}<".encode())
        status, headers, _ = await self.send("POST", f"{path}/?comp=walkupgradedomain", body)
        return status, headers["x-ms-request-id"]

    async def deployment(self, path: str = PRODUCTION_PATH) -> etree._Element:
        status, _, body = await self.send("GET", path)
        assert status == 200
        return etree.fromstring(body)

    async def operation(self, request_id: str) -> tuple[int, str | None]:
        status, _, body = await self.send("GET", f"/{SUBSCRIPTION}/operations/{request_id}")
        return status, etree.fromstring(body).findtext(f"{WIRE}Status")

    async def control(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.url}/_emulator/{path}", json=document) as reply:
            return reply.status, json.loads(await reply.read())


@pytest.fixture
def connect(make_stage: Any, golden: Callable[[str], bytes]) -> Any:
    """Give a function that serves a stage with some knobs and connects to it."""

    @asynccontextmanager
    async def open_wire(**knobs: Any) -> AsyncIterator[Wire]:
        options = {name: knobs.pop(name) for name in ("access", "redirect_port") if name in knobs}
        stage = make_stage(**{"domains": 2, **knobs})
        async with serve(stage.fabric, **options) as url, ClientSession() as session:
            yield Wire(stage, session, url, golden)

    return open_wire
