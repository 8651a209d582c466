"""What the tests of checks share: questions about a deployment that may be looked at, and plans of checks."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rollout.core.check_plan import CheckPlan, Moment, Scope, Source
from rollout.core.names import RolloutId, ServiceName, Slot, Target
from rollout.core.snapshot import Activity, Instance, Observation, Snapshot
from rollout.gates.check import Question

TARGET = Target("sub", ServiceName("web"), Slot.PRODUCTION)


def instance(number: int, domain: int | None, *, ready: bool = True, address: str = "") -> Instance:
    return Instance(f"web_IN_{number}", "web", domain, ready, "ReadyRole" if ready else "BusyRole", address)


def snapshot(*instances: Instance) -> Snapshot:
    return Snapshot("dep", "web", Activity.RUNNING, "Running", 2, instances, None, False, None, "digest")  # noqa: FBT003 -- field order is the record's


def plan(source: Source | None, *, kind: str = "instances", name: str = "", **more: Any) -> CheckPlan:
    return CheckPlan(name or kind, kind, more.pop("timeout_s", 10.0), source=source, **more)


def question(
    look: Callable[[], Awaitable[Observation]] | Observation | None = None,
    *domains: int,
    since_t: float = 0.0,
    moment: Moment = Moment.DOMAIN,
    interval_s: float = 15.0,
    service: str = "web",
) -> Question:
    async def seen() -> Observation:
        assert look is not None
        return await look() if callable(look) else look

    target = Target("sub", ServiceName(service), Slot.PRODUCTION)
    return Question(RolloutId("web-1"), target, domains or (0,), seen, moment, since_t, interval_s)


@pytest.fixture
def ask_about() -> Callable[..., Question]:
    """Make a question: `ask_about(observation, 0, 1)`."""
    return question


@pytest.fixture
def planned() -> Callable[..., CheckPlan]:
    """Make a check's plan."""
    return plan


@pytest.fixture
def seen() -> Callable[..., Snapshot]:
    """Make a deployment of instances."""
    return snapshot


@pytest.fixture
def one() -> Callable[..., Instance]:
    """Make an instance."""
    return instance


@pytest.fixture
def scope() -> type[Scope]:
    return Scope
