"""What every runner works with: the shell's parts, handed over once."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rollout.core.event import Held
from rollout.core.names import Now
from rollout.core.operation import Operation
from rollout.core.plan import ServicePlan
from rollout.core.service import ServiceRollout
from rollout.engine.bucket import Lane
from rollout.engine.clock import Clock
from rollout.engine.pacer import Pacer
from rollout.engine.room import CapPlan, Room
from rollout.engine.streams import RolloutLedger
from rollout.engine.tracker import Tracker
from rollout.gates.probe import Probe
from rollout.platforms.platform import Platform

QUARANTINE_PER_TIMEOUT = 4.0
"""A request can be in flight for longer than its timeout: network, front-end queues, slack (reliability.md §5.5)."""


def nothing_holds(state: ServiceRollout, operation: Operation, now: Now) -> Held | None:  # noqa: ARG001 - a rule's signature
    """Hold nothing: the rule of a service without a fleet."""
    return None


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
    hold_before: Callable[[ServiceRollout, Operation, Now], Held | None] = nothing_holds
    """The hold that has to come before a forward call, by the rules of the fleet."""
    room: Room = field(default_factory=lambda: Room(CapPlan()))
    """Seats for walks and rollbacks, under the caps that rollouts share."""
    forward: Lane = Lane.FORWARD
    """The lane of forward calls and looks."""

    @property
    def quarantine_s(self) -> float:
        """How long a request whose answer is lost may still reach the platform."""
        return QUARANTINE_PER_TIMEOUT * self.request_timeout_s
