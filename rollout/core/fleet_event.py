"""What happened to a rollout as a whole: the facts of its own stream."""

import msgspec

from rollout.core.care_event import CareFact
from rollout.core.ending import Outcome
from rollout.core.environment_event import EnvironmentFact
from rollout.core.foreseen import Foreseen
from rollout.core.names import POLICY, RolloutId, ServiceName
from rollout.core.plan import RolloutPlan
from rollout.core.terms import Amendment


class RolloutOpened(msgspec.Struct, frozen=True, omit_defaults=True, tag="rollout_opened"):
    """The rollout exists. Its services' streams are opened in the same transaction."""

    plan: RolloutPlan
    foreseen: Foreseen | None = None
    """What was expected of it then; None = nobody made a forecast."""


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
    back: tuple[str, ...] = ()
    """Waves that go back, as the policy demands."""
    overdue: bool = False
    """The rollout's deadline has passed; whoever lifts the halt lets it go on past that."""


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


class BakeBegan(msgspec.Struct, frozen=True, tag="bake_began"):
    """These services of a wave are done, and are watched; `first` = before the others of the wave begin."""

    wave: str
    first: bool
    services: tuple[ServiceName, ...]


class BakeProbed(msgspec.Struct, frozen=True, tag="bake_probed"):
    """The checks of a service that is watched said something for the first time, or something else than before."""

    wave: str
    service: ServiceName
    well: bool | None
    """None = nobody could tell."""
    detail: str


class BakeEnded(msgspec.Struct, frozen=True, tag="bake_ended"):
    """All that was watched was healthy for long enough."""

    wave: str


class BakeFailed(msgspec.Struct, frozen=True, tag="bake_failed"):
    """A service that was done was not healthy in time."""

    wave: str
    reason: str


class ApprovalAsked(msgspec.Struct, frozen=True, tag="approval_asked"):
    """Something waits for a person of group `by`, until a date; `scope` is a wave, empty for the whole rollout.

    `digest` is of the plan it is about.
    """

    scope: str
    by: str
    until_wall: float
    digest: str


class Approved(msgspec.Struct, frozen=True, tag="approved"):
    """A person said yes."""

    scope: str
    who: str
    note: str


class Rejected(msgspec.Struct, frozen=True, tag="rejected"):
    """A person said no: no later wave starts."""

    scope: str
    who: str
    note: str


class Superseded(msgspec.Struct, frozen=True, tag="superseded"):
    """Another rollout takes these services' place: at once what was not begun, the others as they end."""

    by: RolloutId
    who: str
    services: tuple[ServiceName, ...]


class Amended(msgspec.Struct, frozen=True, tag="amended"):
    """A person gave the rollout other terms; written with `TermsChanged` of each service that feels it.

    `voids_approvals`: what was approved for what has not begun is to be approved anew.
    """

    amendment: Amendment
    who: str
    note: str
    voids_approvals: bool = False


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
    | BakeBegan
    | BakeProbed
    | BakeEnded
    | BakeFailed
    | ApprovalAsked
    | Approved
    | Rejected
    | Superseded
    | Amended
    | RolloutClosed
    | EnvironmentFact
    | CareFact
)
