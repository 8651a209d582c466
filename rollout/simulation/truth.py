"""What is true of the emulated services, read from the fabric itself and from nobody's memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Final

from rollout.core.change_plan import StatusPlan, SwapPlan, updates
from rollout.core.names import Target
from rollout.core.operation import Mode
from rollout.core.plan import ServicePlan
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Deployment, Instance
from rollout.platforms.classic.vocabulary import Slot
from rollout.simulation.marks import Mark

OWN_CRASH_GRACE_S: Final = 120.0
"""A crash of an instance by itself may have happened between the last look and what followed from it."""


@dataclass(slots=True)
class Truth:
    """Judges deployments. It knows which instances crashed by themselves, and where strangers have been."""

    fabric: Fabric
    strangers: dict[str, float] = field(default_factory=dict)
    """Service -> when a stranger first changed something there."""
    turned: dict[str, float] = field(default_factory=dict)
    """Service -> when a rollback took effect there: what was down by then comes back in the platform's own order."""
    staged: dict[str, str] = field(default_factory=dict)
    """Service -> the deployment that a swap brings to production, wherever it stands by now."""
    produced: dict[str, str | None] = field(default_factory=dict)
    """Service -> the deployment that stood in production before a swap; None = nobody."""
    _crashes: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def now(self) -> float:
        """Seconds of the emulated service, without letting anything happen."""
        return self.fabric.world.now

    # --- which deployment ---

    def remember(self, plans: Iterable[ServicePlan]) -> None:
        """Note who stands where before anything happens: a swap is judged by it."""
        for plan in plans:
            if isinstance(plan.change, SwapPlan):
                staged, production = (self._in(plan.service, slot) for slot in (Slot.STAGING, Slot.PRODUCTION))
                self.produced[plan.service] = None if production is None else production.name
                if staged is not None:
                    self.staged[plan.service] = staged.name

    def subject(self, plan: ServicePlan) -> Deployment | None:
        """Find the deployment that a plan changes; in a swap the one from staging, wherever it stands."""
        if not isinstance(plan.change, SwapPlan):
            return self.deployment(plan.target)
        name = self.staged.get(plan.service)
        return next((each for each in self._slots(plan.service) if each.name == name), None)

    def production(self, plan: ServicePlan) -> Deployment | None:
        """Find what stands in production."""
        return self._in(plan.service, Slot.PRODUCTION)

    def deployment(self, target: Target) -> Deployment | None:
        """Find a deployment by service and slot."""
        return next((each for each in self._slots(target.service) if each.slot.lower() == target.slot), None)

    def _in(self, service: str, slot: Slot) -> Deployment | None:
        return next((each for each in self._slots(service) if each.slot is slot), None)

    def _slots(self, service: str) -> Iterable[Deployment]:
        found = self.fabric.world.services.get(service.lower())
        return () if found is None else found.slots.values()

    # --- who serves ---

    def crash(self, deployment: Deployment, instance: Instance, takes_s: float) -> None:
        """Let an instance fail by itself for a while."""
        instance.restart(self.now, takes_s, sick=False, release=instance.release)
        self._crashes[deployment.service, instance.name] = self.now

    def up(self, deployment: Deployment, instance: Instance) -> bool:
        """Tell whether an instance serves."""
        return deployment.running and self.now >= instance.ready_at

    def crashed_at(self, deployment: Deployment, instance: Instance) -> float:
        """Give when an instance that is down, or was last, crashed by itself; infinite if something else did it."""
        at = self._crashes.get((deployment.service, instance.name), -inf)
        return at if at == instance.restarted_at else inf

    def down_through_us(self, plan: ServicePlan, deployment: Deployment) -> set[int]:
        """Give the domains that a walk took down, or a rollback after it, and that will come back.

        Where all of them go down by design, as with a status or with Mode=Simultaneous, none is counted.
        """
        update = updates(plan.change)
        if isinstance(plan.change, StatusPlan) or (update is not None and update.mode is Mode.SIMULTANEOUS):
            return set()
        since = self.turned.get(deployment.service, -inf)
        return {
            each.domain
            for each in deployment.instances
            if self.now < each.ready_at < inf
            and not each.created
            and each.restarted_at > since
            and self.crashed_at(deployment, each) == inf
        }

    def down(self, deployment: Deployment) -> list[Instance]:
        """List the instances that do not serve, whatever the reason."""
        return [each for each in deployment.instances if not self.up(deployment, each)]

    def unfit(
        self, deployment: Deployment, domains: Iterable[int], mark: Mark | None, *, known_at: float
    ) -> str | None:
        """Say why domains do not run what bears `mark` in good health, as far as was known at `known_at`.

        `mark` None = whatever they run.
        """
        for each in self.of_domains(deployment, domains):
            where = f"{each.name} of domain {each.domain}"
            if mark is not None and mark.concerns(each) and not mark.borne_by(each.release):
                return f"{where} runs {each.release.label!r} and not {mark}"
            if self.up(deployment, each):
                continue
            if self.crashed_at(deployment, each) <= known_at - OWN_CRASH_GRACE_S:
                return f"{where} is down since {each.restarted_at:.0f} s, by itself"
            if self.crashed_at(deployment, each) == inf:
                return f"{where} is down since {each.restarted_at:.0f} s"
        return None

    def ready_since(self, deployment: Deployment, domains: Iterable[int]) -> float:
        """Give when the last instance of domains came up after its walk; crashes by themselves do not count."""
        walked = [
            each.ready_at for each in self.of_domains(deployment, domains) if self.crashed_at(deployment, each) == inf
        ]
        return max(walked, default=-inf)

    def of_domains(self, deployment: Deployment, domains: Iterable[int]) -> Iterator[Instance]:
        """Give the instances of domains."""
        wanted = set(domains)
        return (each for each in deployment.instances if each.domain in wanted)
