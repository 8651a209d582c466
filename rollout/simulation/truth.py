"""What is true of the emulated services, read from the fabric itself and from nobody's memory."""

from dataclasses import dataclass, field
from math import inf
from typing import Final

from rollout.core.names import Target
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import Deployment, Instance

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
    _crashes: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def now(self) -> float:
        """Seconds of the emulated service, without letting anything happen."""
        return self.fabric.world.now

    def deployment(self, target: Target) -> Deployment | None:
        """Find a deployment by service and slot."""
        service = self.fabric.world.services.get(target.service.lower())
        if service is None:
            return None
        return next((each for slot, each in service.slots.items() if slot.lower() == target.slot), None)

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

    def down_through_us(self, deployment: Deployment) -> set[int]:
        """Give the domains that a walk took down, or a rollback after it, and that will come back."""
        since = self.turned.get(deployment.service, -inf)
        return {
            each.domain
            for each in deployment.instances
            if self.now < each.ready_at < inf and each.restarted_at > since and self.crashed_at(deployment, each) == inf
        }

    def down(self, deployment: Deployment) -> list[Instance]:
        """List the instances that do not serve, whatever the reason."""
        return [each for each in deployment.instances if not self.up(deployment, each)]

    def unfit(self, deployment: Deployment, domain: int, token: str, *, known_at: float) -> str | None:
        """Say why a domain does not run the release with `token` in good health, as far as was known at `known_at`."""
        for each in deployment.instances:
            if each.domain != domain:
                continue
            if not each.release.label.endswith(token):
                return f"{each.name} of domain {domain} runs {each.release.label!r}"
            if not self.up(deployment, each) and self.crashed_at(deployment, each) <= known_at - OWN_CRASH_GRACE_S:
                return f"{each.name} of domain {domain} is down since {each.restarted_at:.0f} s, by itself"
            if not self.up(deployment, each) and self.crashed_at(deployment, each) == inf:
                return f"{each.name} of domain {domain} is down since {each.restarted_at:.0f} s"
        return None

    def ready_since(self, deployment: Deployment, domain: int) -> float:
        """Give when the last instance of a domain came up after its walk; crashes by themselves do not count."""
        walked = [
            each.ready_at
            for each in deployment.instances
            if each.domain == domain and self.crashed_at(deployment, each) == inf
        ]
        return max(walked, default=-inf)
