"""The check `instances: ready`: every role instance of the walked domains is ready, as the platform itself says."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from rollout.core.event import Evidence, Verdict
from rollout.core.names import Target
from rollout.core.outcome import Unreachable
from rollout.core.snapshot import NOT_READY_SHOWN_MAX, Absent, Instance, Observation, Snapshot


@dataclass(frozen=True, slots=True)
class InstancesCheck:
    """Looks at the deployment with `look` and judges the instances of the domains it is asked about."""

    name: str
    look: Callable[[Target], Awaitable[Observation]]
    timeout_s: float

    async def ask(self, target: Target, domains: Collection[int]) -> Evidence:
        """Judge `domains` now. Those without instances pass: nothing of them can be unhealthy."""
        match await self.look(target):
            case Snapshot(instances=instances):
                return self._judge([instance for instance in instances if instance.domain in domains], domains)
            case Absent(detail=detail):
                return Evidence(self.name, Verdict.FAIL, f"there is no deployment: {detail}")
            case Unreachable(detail=detail):
                return Evidence(self.name, Verdict.UNKNOWN, f"nobody can look: {detail}")

    def _judge(self, instances: Sequence[Instance], domains: Collection[int]) -> Evidence:
        where = _named(domains)
        if not instances:
            return Evidence(self.name, Verdict.PASS, f"{where}: no instances")
        waiting = [instance for instance in instances if not instance.ready]
        if not waiting:
            return Evidence(self.name, Verdict.PASS, f"{where}: all {len(instances)} instances are ready")
        named = ", ".join(f"{each.name} ({each.status})" for each in waiting[:NOT_READY_SHOWN_MAX])
        beyond = len(waiting) - NOT_READY_SHOWN_MAX
        more = f" and {beyond} more" if beyond > 0 else ""
        detail = f"{where}: {len(waiting)} of {len(instances)} instances are not ready: {named}{more}"
        return Evidence(self.name, Verdict.FAIL, detail)


def _named(domains: Collection[int]) -> str:
    numbers = ", ".join(map(str, sorted(domains)))
    return f"domain {numbers}" if len(domains) == 1 else f"domains {numbers}"
