"""What happened to a rollout as a whole: the facts of its own stream."""

import msgspec

from rollout.core.ending import Outcome
from rollout.core.names import ServiceName
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
    reason: str


class RolloutClosed(msgspec.Struct, frozen=True, tag="rollout_closed"):
    """Every service has ended. `failures` = how many did not succeed."""

    failures: int
    reason: str


FleetFact = RolloutOpened | WaveOpened | ServiceAdmitted | ServiceEnded | Halted | RolloutClosed
