"""What every runner works with: the shell's parts, handed over once."""

from collections.abc import Callable
from dataclasses import dataclass

from rollout.core.plan import ServicePlan
from rollout.engine.clock import Clock
from rollout.engine.pacer import Pacer
from rollout.engine.streams import RolloutLedger
from rollout.engine.tracker import Tracker
from rollout.gates.probe import Probe
from rollout.platforms.platform import Platform

QUARANTINE_PER_TIMEOUT = 4.0
"""A request can be in flight for longer than its timeout: network, front-end queues, slack (reliability.md §5.5)."""


@dataclass(frozen=True, slots=True)
class Kit:
    """The parts one engine shares among its runners."""

    ledger: RolloutLedger
    platform: Platform
    tracker: Tracker
    pacer: Pacer
    clock: Clock
    probe_of: Callable[[ServicePlan], Probe]
    draw: Callable[[], float]
    """A random number from [0, 1), for jitter."""
    request_timeout_s: float

    @property
    def quarantine_s(self) -> float:
        """How long a request whose answer is lost may still reach the platform."""
        return QUARANTINE_PER_TIMEOUT * self.request_timeout_s
