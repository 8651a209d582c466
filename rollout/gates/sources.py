"""Everything checks ask of, put together once for a process: from a check's plan to the check."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from rollout.core.check_plan import (
    CheckPlan,
    CommandSource,
    HttpSource,
    InstancesSource,
    MetricSource,
    PythonSource,
    WebhookSource,
)
from rollout.core.names import Target
from rollout.core.snapshot import Observation
from rollout.gates.check import Check
from rollout.gates.command import CommandCheck
from rollout.gates.fetch import Fetcher
from rollout.gates.http import HttpCheck
from rollout.gates.instances import InstancesCheck, Restarts
from rollout.gates.metric import MetricCheck
from rollout.gates.probe import Probe
from rollout.gates.prometheus import Prometheus
from rollout.gates.python import CheckFunction, PythonCheck, registered
from rollout.gates.webhook import Pen, WebhookCheck
from rollout.gates.workers import WORKERS, Workers


class Probing(Protocol):
    """Makes the probe that asks a service's checks."""

    def probe(self, plans: Sequence[CheckPlan], look: Callable[[Target], Awaitable[Observation]]) -> Probe:
        """Give it; `look` looks at a deployment, permits taken before."""
        ...


def _workers() -> dict[str, Workers]:
    return {kind: Workers(limit) for kind, limit in WORKERS.items()}


@dataclass(frozen=True, slots=True)
class Sources:
    """What the settings and the embedding program let checks ask."""

    fetcher: Fetcher
    servers: Prometheus
    pen: Pen | None = None
    commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    functions: Mapping[str, CheckFunction] = field(default_factory=dict)
    """Given by the embedding program; they come before entry points of the same name."""
    restarts: Restarts = field(default_factory=Restarts)
    workers: Mapping[str, Workers] = field(default_factory=_workers)

    def probe(self, plans: Sequence[CheckPlan], look: Callable[[Target], Awaitable[Observation]]) -> Probe:
        """Give the probe that asks these checks."""
        return Probe([self._check(each) for each in plans], look, self.workers)

    async def close(self) -> None:
        """Ask nothing more, and give every connection back."""
        await self.servers.close()
        await self.fetcher.close()

    def _check(self, plan: CheckPlan) -> Check:
        match plan.source:
            case None:
                return InstancesCheck(plan, restarts=self.restarts)
            case InstancesSource() as source:
                return InstancesCheck(plan, source, self.restarts)
            case HttpSource() as source:
                return HttpCheck(plan, source, self.fetcher)
            case CommandSource() as source:
                return CommandCheck(plan, source, self.commands)
            case MetricSource() as source:
                return MetricCheck(plan, source, self.servers)
            case WebhookSource() as source:
                return WebhookCheck(plan, source, self.fetcher, self.pen)
            case PythonSource() as source:
                return PythonCheck(plan, source, self._functions(source.call))

    def _functions(self, call: str) -> Mapping[str, CheckFunction]:
        if call in self.functions:
            return self.functions
        point = registered().get(call)
        loaded: dict[str, Any] = {} if point is None else {call: point.load()}
        return loaded
