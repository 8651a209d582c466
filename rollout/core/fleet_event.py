"""What happened to a rollout as a whole: the facts of its own stream."""

import msgspec

from rollout.core.ending import Outcome
from rollout.core.environment_event import EnvironmentFact
from rollout.core.names import POLICY, ServiceName
from rollout.core.plan import RolloutPlan


class RolloutOpened(msgspec.Struct, frozen=True, tag="rollout_opened"):
    """The rollout exists. Its services' streams are opened in the same transaction."""

    plan: RolloutPlan


class WaveOpened(msgspec.Struct, frozen=True, tag="wave_opened"):
    """Services of this wave may be admitted."""

    wave: str


class ServiceAdmitted(msgspec.Struct, frozen=True, tag="service_admitted"):
    """Written with the service's own `Admitted`."""

    service: ServiceName


class ServiceEnded(msgspec.Struct, frozen=True, tag="service_ended"):
    """Written with the service's own `Closed`."""

    service: ServiceName
    outcome: Outcome


class Halted(msgspec.Struct, frozen=True, tag="halted"):
    """Nothing new starts; what is in flight finishes its domain's gate and then holds."""

    wave: str
    """The open wave; empty before the first."""
    reason: str
    who: str = POLICY


class HaltLifted(msgspec.Struct, frozen=True, tag="halt_lifted"):
    """A person lets the rollout go on. What has failed by then (`forgiven`) counts no more against the tolerance."""

    who: str
    note: str
    forgiven: tuple[ServiceName, ...] = ()


class Aborted(msgspec.Struct, frozen=True, tag="aborted"):
    """A person wants all of it back: nothing starts any more, and whatever has not ended goes back."""

    who: str
    note: str


class ServiceReopened(msgspec.Struct, frozen=True, tag="service_reopened"):
    """A new attempt at a service that had ended; written with its own `Opened`. It waits for its wave again."""

    service: ServiceName
    attempt: int


class RolloutClosed(msgspec.Struct, frozen=True, tag="rollout_closed"):
    """Every service has ended. `failures` = how many did not succeed."""

    failures: int
    reason: str


FleetFact = (
    RolloutOpened
    | WaveOpened
    | ServiceAdmitted
    | ServiceEnded
    | Halted
    | HaltLifted
    | Aborted
    | ServiceReopened
    | RolloutClosed
    | EnvironmentFact
)
