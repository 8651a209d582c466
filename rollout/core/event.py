"""What happened: facts in the past tense, people's words among them, and the entry that records one.

Facts are only ever added to. A fact that takes on a new shape keeps an upcaster and a stored sample (journal/codec).
"""

from enum import StrEnum

import msgspec

from rollout.core.care_event import CareFact
from rollout.core.change_event import ChangeFact, Installed, Undoing
from rollout.core.ending import Outcome
from rollout.core.finding import Finding as Finding  # noqa: PLC0414 - whoever reads facts finds it here
from rollout.core.fleet_event import FleetFact
from rollout.core.freeze_event import FreezeFact
from rollout.core.gate_event import GateFact
from rollout.core.names import POLICY, Now, StreamName
from rollout.core.operation import Operation
from rollout.core.outcome import Handle, RefusedKind
from rollout.core.plan import ServicePlan
from rollout.core.sight_event import SightFact
from rollout.core.snapshot import Before, Sighting
from rollout.core.verdict import Evidence as Evidence  # noqa: PLC0414 - whoever reads facts finds it here
from rollout.core.verdict import Verdict as Verdict  # noqa: PLC0414 - as above
from rollout.core.word_event import WordFact


class HoldReason(StrEnum):
    """Why not to go forward. A hold never stops going back."""

    PAUSE = "pause"
    HALT = "halt"
    """The wave broke its failure tolerance."""
    BASELINE = "baseline"
    """Nothing that is asked could tell a good change from a bad one."""
    ENVIRONMENT = "environment"
    """Checks turned red where nothing was changed, so the change is not to blame."""
    WINDOW = "window"
    APPROVAL = "approval"
    FREEZE = "freeze"
    DEPENDENCY = "dependency"
    BUDGET = "budget"


# --- facts of one service rollout ---


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """An attempt exists, with its frozen plan."""

    plan: ServicePlan
    attempt: int
    known: Installed | None = None
    """What our records say runs there."""
    undoing: Undoing | None = None
    """This attempt only takes back what an ended one did."""


class Admitted(msgspec.Struct, frozen=True, tag="admitted"):
    """The fleet lets this service begin."""

    wave: str


class Preflighted(msgspec.Struct, frozen=True, tag="preflighted"):
    """The deployment fits the plan."""

    before: Before
    saw: Sighting


class Unfit(msgspec.Struct, frozen=True, tag="unfit"):
    """The plan cannot work on this deployment; nothing was touched."""

    reason: str


class Intended(msgspec.Struct, frozen=True, tag="intended"):
    """This call is about to be made. Durable before its first byte leaves.

    `quarantine_s` is how long the request can still be in flight once its answer is lost.
    """

    number: int
    operation: Operation
    quarantine_s: float


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The platform took call `number`."""

    number: int
    handle: Handle


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """Call `number` is known not to have been applied. `retry_in_s` was drawn with full jitter when it was recorded."""

    number: int
    kind: RefusedKind
    error: str
    retry_in_s: float


class Lost(msgspec.Struct, frozen=True, tag="lost"):
    """Nobody knows whether call `number` was applied."""

    number: int
    detail: str


class Succeeded(msgspec.Struct, frozen=True, tag="succeeded"):
    """The operation of call `number` ended well."""

    number: int


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The operation of call `number` ended badly."""

    number: int
    code: str
    message: str


class Untracked(msgspec.Struct, frozen=True, tag="untracked"):
    """The platform does not know the operation of call `number` any more; the deployment is asked instead."""

    number: int
    detail: str


class Observed(msgspec.Struct, frozen=True, tag="observed"):
    """A look at the deployment, and what it meant."""

    finding: Finding
    detail: str
    saw: Sighting | None = None


class Probed(msgspec.Struct, frozen=True, tag="probed"):
    """A round of checks gave its first verdict, or another one than before."""

    domain: int
    verdict: Verdict
    evidence: tuple[Evidence, ...]


class GatePassed(msgspec.Struct, frozen=True, tag="gate_passed"):
    """The domain was healthy for long enough."""

    domain: int
    evidence: tuple[Evidence, ...]


class GateFailed(msgspec.Struct, frozen=True, tag="gate_failed"):
    """The domain was not healthy in time."""

    domain: int
    reason: str
    evidence: tuple[Evidence, ...]


class Baked(msgspec.Struct, frozen=True, tag="baked"):
    """The longer wait under watch before the point of no return ended well."""

    domain: int
    evidence: tuple[Evidence, ...]


class TurnedBack(msgspec.Struct, frozen=True, tag="turned_back"):
    """From here on only going back is wanted (`take_over`: even of somebody else's change); it counts as failed."""

    reason: str
    who: str = POLICY
    take_over: bool = False
    suspend: bool = False
    """Instead of going back the deployment is suspended: an outage, which the policy asked for."""


class HeldOnFailure(msgspec.Struct, frozen=True, tag="held_on_failure"):
    """The service stays as it is until a person speaks. From here the service counts as failed."""

    reason: str


class Held(msgspec.Struct, frozen=True, tag="held"):
    """A named reason not to go forward came up."""

    reason: HoldReason
    who: str
    note: str
    until_wall: float | None = None


class Released(msgspec.Struct, frozen=True, tag="released"):
    """A hold was lifted."""

    reason: HoldReason
    who: str


class Stopped(msgspec.Struct, frozen=True, tag="stopped"):
    """A person's word: no new call in either direction."""

    who: str
    note: str


class Resumed(msgspec.Struct, frozen=True, tag="resumed"):
    """A person lifted the stop."""

    who: str
    note: str


class TakenOver(msgspec.Struct, frozen=True, tag="taken_over"):
    """Somebody else's change is on the deployment; it is never walked, rolled back or adopted."""

    detail: str
    saw: Sighting | None = None


class Escalated(msgspec.Struct, frozen=True, tag="escalated"):
    """Only a person can tell what is true; the service waits for one."""

    reason: str
    saw: Sighting | None = None


class Closed(msgspec.Struct, frozen=True, tag="closed"):
    """The one ending of this attempt."""

    outcome: Outcome
    who: str
    reason: str


ServiceFact = (
    Opened
    | Admitted
    | Preflighted
    | Unfit
    | Intended
    | Accepted
    | Refused
    | Lost
    | Succeeded
    | Failed
    | Untracked
    | Observed
    | SightFact
    | ChangeFact
    | GateFact
    | Probed
    | GatePassed
    | GateFailed
    | Baked
    | TurnedBack
    | HeldOnFailure
    | Held
    | Released
    | Stopped
    | Resumed
    | WordFact
    | CareFact
    | TakenOver
    | Escalated
    | Closed
)


Fact = ServiceFact | FleetFact | FreezeFact


class Entry(msgspec.Struct, frozen=True):
    """A fact, when it happened, whose word it was, and its place in its stream (versions count from 1)."""

    stream: StreamName
    version: int
    now: Now
    actor: str
    fact: Fact
