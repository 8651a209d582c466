"""What the tests of notices share: an outbox in memory, a receiver with planned answers, and a rollout to tell of."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rollout.assembly import make_kit
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.names import RolloutId
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.gates.fetch import Answer, NoAnswer, Request
from rollout.gates.webhook import Pen
from rollout.journal.outbox import Letter, Posted, Standing
from rollout.policy.load import load_policy
from rollout.settings import RunSettings, Secret
from rollout.simulation.world import World

POLICY = """
rollout: web-2.4.1
about: {{ticket: OPS-311, runbook: "https://wiki.example/web"}}
change:
  upgrade: {{package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: web-2.4.1}}
fleet: {{subscription: {subscription}, services: {{{services}}}}}
waves: {waves}
health: {{stable_duration: 10s, retry_timeout: 30s, interval: 5s}}
walk: {{bake_before_last: 0s}}
{more}
"""
EVENTS = "started, wave_finished, service_failed, needs_attention, approval_needed, finished"
NOTIFY = f"notify: [{{webhook: 'https://chat.example/{{rollout}}', events: [{EVENTS}]}}]"
SECRET = "s3cret-of-webhooks"  # noqa: S105 - of a test


class MemoryOutbox:
    """The outbox without a disk; each write takes a turn of the loop, as a sync does. `before` is told of each step."""

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self.lines: list[Posted] = []
        self.before: Callable[[str], Awaitable[None]] = _nothing

    async def drawn_to(self) -> int:
        return self.position

    async def put_letters(self, letters: Sequence[Letter], position: int) -> None:
        await self.before("put")
        known = {(line.key, line.target) for line in self.lines}
        for letter in letters:
            if (letter.key, letter.target) not in known:
                number = len(self.lines) + 1
                whole = (letter.key, letter.target, letter.rollout, letter.body, letter.made)
                self.lines.append(Posted(number, *whole, Standing.WAITS, 0, None, ""))
        self.position = max(self.position, position)
        await self.before("put done")

    async def waiting_targets(self) -> Sequence[str]:
        return sorted({line.target for line in self.lines if line.state is Standing.WAITS})

    async def waiting_letters(self, target: str, limit: int) -> Sequence[Posted]:
        await self.before("read")
        return [line for line in self.lines if line.state is Standing.WAITS and line.target == target][:limit]

    async def wait_again(self, rollout: RolloutId | None) -> int:
        dead = [line for line in self.lines if line.state is Standing.GIVEN_UP and rollout in {None, line.rollout}]
        for line in dead:
            self.lines[line.number - 1] = replace(line, state=Standing.WAITS, attempts=0)
        return len(dead)

    async def tried_letters(self, numbers: Sequence[int], state: Standing, wall: float, said: str) -> None:
        await self.before("note")
        for number in numbers:
            line = self.lines[number - 1]
            self.lines[number - 1] = replace(line, state=state, attempts=line.attempts + 1, tried=wall, said=said)
        await self.before("note done")


async def _nothing(_: str) -> None:
    await asyncio.sleep(0)


@dataclass
class Receiver:
    """Somebody who is posted to: answers 200 once `answers` are used up."""

    answers: list[Answer | NoAnswer | float] = field(default_factory=list)
    """A number is how many seconds nothing is said at all."""
    requests: list[tuple[float, Request]] = field(default_factory=list)
    before: Callable[[str], Awaitable[None]] = _nothing

    async def fetch(self, request: Request) -> Answer | NoAnswer:
        await self.before("fetch")
        self.requests.append((asyncio.get_running_loop().time(), request))
        await self.before("fetch done")
        answer = self.answers.pop(0) if self.answers else Answer(200, b"", 0.0)
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return NoAnswer("it woke up late")
        return answer

    @property
    def notices(self) -> list[dict[str, Any]]:
        """Everything that was ever said to it in our own JSON, in order, repeated where it was."""
        return [each for _, request in self.requests for each in json.loads(request.body or b"")["notices"]]

    def keys(self) -> list[str]:
        return [each["key"] for each in self.notices]


@pytest.fixture
def pen() -> Pen:
    numbers = iter(range(10_000))
    return Pen("k1", Secret(SECRET), lambda: f"id-{next(numbers):08}", lambda: 0.0)


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Compiled]:
    """Compile a policy over services of two domains."""

    def make(services: int = 2, *, waves: str = "", notify: str = NOTIFY, more: str = "") -> Compiled:
        (tmp_path / "web.cscfg").write_bytes(configuration("web", "web-2.4.1", 2))
        names: Iterable[str] = (f"svc-{n:04}: {{}}" for n in range(1, services + 1))
        every = f"[{{name: all, select: rest, max_parallel: {services}, strict: false}}]"
        text = POLICY.format(
            subscription=SUBSCRIPTION, services=", ".join(names), waves=waves or every, more=f"{notify}\n{more}"
        )
        (tmp_path / "policy.yaml").write_text(text)
        return compile_bundle(load_policy(tmp_path / "policy.yaml"))

    return make


@pytest.fixture
def make_world(tmp_path: Path) -> Callable[..., World]:
    def make(services: int = 2) -> World:
        return World(partial(make_kit, RunSettings("http://127.0.0.1:1", tmp_path)), FleetPlan(services, 2))

    return make
