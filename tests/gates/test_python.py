"""Functions that are registered: by the embedding program, or by an entry point of an installed package."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from rollout.core.check_plan import CheckPlan, PythonSource
from rollout.core.event import Verdict
from rollout.core.names import RolloutId, ServiceName, Slot, Target
from rollout.core.snapshot import Absent, Observation
from rollout.gates import python
from rollout.gates.fetch import Fetcher
from rollout.gates.guard import Guard
from rollout.gates.prometheus import Prometheus
from rollout.gates.python import GROUP, Subject
from rollout.gates.sources import Sources
from rollout.simulation.loop import elapsed, run


async def from_a_package(subject: Subject) -> tuple[str, str]:
    return "pass", f"{subject.service} in {subject.slot}, domains {subject.domains}"


async def given_by_the_program(_: Subject) -> Verdict:
    return Verdict.WAIT


async def absent(_: Target) -> Observation:
    return Absent("nobody looks")


def asked(call: str, **functions: Any) -> tuple[Verdict, str]:
    plan = CheckPlan("gate", "python", 5.0, source=PythonSource(call))
    fetcher = Fetcher(Guard())
    found = Sources(fetcher, Prometheus({}, fetcher, elapsed, elapsed), functions=functions)
    target = Target("sub", ServiceName("web"), Slot.PRODUCTION)
    (evidence,) = run(found.probe([plan], absent).round(RolloutId("web-1"), target, (1,), ["gate"]))
    return evidence.verdict, evidence.detail


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register this module's function as an installed package would."""
    point = EntryPoint("web-gate", f"{__name__}:from_a_package", GROUP)
    monkeypatch.setattr(python, "entry_points", lambda *, group: [point] if group == GROUP else [])
    monkeypatch.setattr(EntryPoint, "load", lambda _: from_a_package)
    return point.value


def test_an_entry_point_is_found_by_its_name_and_by_its_place(package: str) -> None:
    said = (Verdict.PASS, "web in production, domains (1,)")
    assert asked("web-gate") == said
    assert asked(package) == said


def test_what_the_program_gives_comes_first(package: str) -> None:
    assert asked("web-gate", **{"web-gate": given_by_the_program}) == (Verdict.WAIT, "it gave no reason")
    assert package in python.registered()


def test_nothing_that_was_not_registered_is_ever_imported() -> None:
    assert asked("os:system") == (Verdict.UNKNOWN, "no function os:system is registered")
