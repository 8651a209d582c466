"""Checks of a rehearsal: there is nobody to ask, so every check says what the emulated instances show."""

from collections.abc import Awaitable, Callable, Sequence

from rollout.core.check_plan import CheckPlan, InstancesSource
from rollout.core.names import Target
from rollout.core.snapshot import Observation
from rollout.gates.instances import PLAIN, InstancesCheck, Restarts
from rollout.gates.probe import Probe


class Rehearsal:
    """An honest check turns red where an instance does, whatever it asks; so here that is what each one sees."""

    def __init__(self) -> None:
        self._restarts = Restarts()

    def probe(self, plans: Sequence[CheckPlan], look: Callable[[Target], Awaitable[Observation]]) -> Probe:
        """Give the probe that asks these checks."""
        checks = [
            InstancesCheck(plan, plan.source if isinstance(plan.source, InstancesSource) else PLAIN, self._restarts)
            for plan in plans
        ]
        return Probe(checks, look)
