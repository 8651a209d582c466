"""The check `instances`: role instances are ready, as the platform itself says, enough of them and for good."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rollout.core.check_plan import CheckPlan, InstancesSource, Scope
from rollout.core.event import Evidence, Verdict
from rollout.core.names import Target
from rollout.core.outcome import Unreachable
from rollout.core.snapshot import NOT_READY_SHOWN_MAX, Absent, Instance, Snapshot
from rollout.gates.check import Question, evidence, unknown

GATES_MAX: Final = 20_000
"""Gates whose restarts are remembered; beyond that the oldest start again at none."""


PLAIN: Final = InstancesSource()
"""Every one of them is ready, however often it fell."""


@dataclass(slots=True)
class Restarts:
    """How often each instance stopped being ready, counted anew for each gate.

    It lives as long as the process: an engine that starts again counts from there.
    """

    _gates: dict[tuple[Target, float], dict[str, tuple[bool, int]]] = field(default_factory=dict)

    def count(self, target: Target, since_t: float, instances: Sequence[Instance]) -> dict[str, int]:
        """Take one look in, and give the count of each instance that has stopped being ready since the gate began."""
        seen = self._gates.pop((target, since_t), {})
        for each in instances:
            was_ready, count = seen.get(each.name, (False, 0))
            seen[each.name] = (each.ready, count + (was_ready and not each.ready))
        self._gates[target, since_t] = seen
        while len(self._gates) > GATES_MAX:
            del self._gates[next(iter(self._gates))]
        return {name: count for name, (_, count) in seen.items() if count}


@dataclass(frozen=True, slots=True)
class InstancesCheck:
    """Judges the instances that the round's look shows."""

    plan: CheckPlan
    source: InstancesSource = PLAIN
    restarts: Restarts = field(default_factory=Restarts)
    hook: str = ""
    looks: bool = True

    async def ask(self, question: Question) -> Evidence:
        """Judge what is in scope. Domains without instances pass: nothing of them can be unhealthy."""
        match await question.look():
            case Snapshot(instances=instances):
                return self._judge(question.instances(self.plan.scope, instances), question)
            case Absent(detail=detail):
                return evidence(self.plan, Verdict.FAIL, f"there is no deployment: {detail}")
            case Unreachable(detail=detail):
                return unknown(self.plan, f"nobody can look: {detail}")

    def _judge(self, instances: Sequence[Instance], question: Question) -> Evidence:
        where = _named(question.domains if self.plan.scope is Scope.DOMAIN else ())
        if not instances:
            return evidence(self.plan, Verdict.PASS, f"{where}: no instances")
        if fallen := self._fallen(instances, question):
            return evidence(self.plan, Verdict.FAIL, f"{where}: {fallen}", threshold=f"{self.source.restarts_max}")
        waiting = [instance for instance in instances if not instance.ready]
        ready, total = len(instances) - len(waiting), len(instances)
        value, threshold = f"{ready}/{total}", "" if self.source.share >= 1 else f">= {self.source.share:.0%}"
        if not waiting:
            detail = f"{where}: all {total} instances are ready"
            return evidence(self.plan, Verdict.PASS, detail, value=value, threshold=threshold)
        named = ", ".join(f"{each.name} ({each.status})" for each in waiting[:NOT_READY_SHOWN_MAX])
        beyond = len(waiting) - NOT_READY_SHOWN_MAX
        more = f" and {beyond} more" if beyond > 0 else ""
        detail = f"{where}: {len(waiting)} of {total} instances are not ready: {named}{more}"
        verdict = Verdict.PASS if ready >= self.source.share * total else Verdict.FAIL
        return evidence(self.plan, verdict, detail, value=value, threshold=threshold)

    def _fallen(self, instances: Sequence[Instance], question: Question) -> str:
        """Say which instance has restarted too often; empty = none, or nobody counts."""
        if self.source.restarts_max is None:
            return ""
        counts = self.restarts.count(question.target, question.since_t, instances)
        often = {name: count for name, count in counts.items() if count > self.source.restarts_max}
        return ", ".join(f"{name} has stopped being ready {count} times" for name, count in sorted(often.items()))


def _named(domains: Sequence[int]) -> str:
    if not domains:
        return "the service"
    numbers = ", ".join(map(str, sorted(domains)))
    return f"domain {numbers}" if len(domains) == 1 else f"domains {numbers}"
