"""The state of one service rollout: where it is, what it knows, and what holds it. Only `evolve` makes new states."""

import msgspec

from rollout.core.care import Care
from rollout.core.change_event import Installed, Prepared
from rollout.core.ending import Claim
from rollout.core.event import HoldReason
from rollout.core.mark import Mark
from rollout.core.names import POLICY, StreamName, Target
from rollout.core.phase import Ended, Phase
from rollout.core.plan import ServicePlan
from rollout.core.snapshot import Before


class Hold(msgspec.Struct, frozen=True):
    """A named reason not to go forward."""

    reason: HoldReason
    who: str
    note: str
    since_t: float
    until_wall: float | None = None


class Stop(msgspec.Struct, frozen=True):
    """A person's word: no new call in either direction."""

    who: str
    note: str
    since_t: float


class Resolution(msgspec.Struct, frozen=True):
    """What a person says the service has come to. `seen` is what the deployment showed, once that lets it count."""

    claim: Claim
    who: str
    note: str
    force: bool
    since_t: float
    seen: str | None = None


class ServiceRollout(msgspec.Struct, frozen=True):
    """Everything that is known about one attempt at one service."""

    stream: StreamName
    version: int
    plan: ServicePlan
    attempt: int
    phase: Phase
    phase_since_t: float
    calls: int = 0
    """Intents so far; the last one's number."""
    known: Installed | None = None
    """What our own records say of the release that ran before."""
    before: Before | None = None
    """The deployment that is changed; in a swap the one that comes from staging."""
    surveyed: bool = False
    production: Before | None = None
    """What stood in production before a swap, once that was surveyed; None = nothing."""
    vacant: bool = False
    """Staging is empty: its deployment is created."""
    prepared: Prepared | None = None
    captured: bool = False
    """The old package has been copied."""
    mark: Mark | None = None
    """What our update is known by, once its begin has been intended."""
    mark_seen: bool = False
    """The deployment has shown that mark; from then on the old one means that the change is being taken back."""
    complete: bool = False
    """Our update was seen to be complete, so that a new one may begin."""
    former: Mark | None = None
    """While a revert is under way: what the update that it takes back is known by."""
    acted: bool = False
    """A call of the way forward that leaves no mark (swap, status, instance) may have taken effect."""
    barrier_open: bool = False
    swapped: bool = False
    slow: bool = False
    """Half of the phase's limit has passed, and that was said."""
    walked: tuple[int, ...] = ()
    """Domains whose walk was accepted or may have been."""
    red_accepted: tuple[int, ...] = ()
    """Walked domains that a person went past although a check was red; they hold nobody up any more."""
    started_t: float | None = None
    """Since when progress time counts: admission."""
    paused_s: float = 0.0
    """Time spent under words, over and done, which progress time leaves out."""
    withheld_since_t: float | None = None
    """Since when a hold or a stop, of whatever name, has kept the way forward closed without a break."""
    holds: tuple[Hold, ...] = ()
    stop: Stop | None = None
    failure: str | None = None
    """What went wrong, once something did; from then on the way forward is closed."""
    turned_back: bool = False
    turned_by: str = POLICY
    """Who wanted it to go back."""
    suspends: bool = False
    """It is suspended instead of going back."""
    taking_over: bool = False
    """A person wants even somebody else's change taken back."""
    resolution: Resolution | None = None
    doubt: str | None = None
    """What spoke against a person's claim."""
    no_way_back: str | None = None
    """Why the platform's Rollback cannot be used any more."""
    blind: str | None = None
    blind_since_t: float | None = None
    """Why nobody can look, while a limit waits for a look."""
    baselined: bool = False
    """The checks have been asked before the change."""
    excused: tuple[str, ...] = ()
    """Checks that were red before the change and have not passed since: they do not count."""
    care: Care | None = None
    """Who took up what needed somebody; it counts for as long as that is open."""

    @property
    def target(self) -> Target:
        """The deployment, by name as soon as the name is known."""
        if self.before is None:
            return self.plan.target
        return msgspec.structs.replace(self.plan.target, deployment=self.before.deployment)

    @property
    def begun(self) -> bool:
        """Something of the change may be on the deployment."""
        return self.mark is not None or self.acted

    @property
    def token(self) -> str | None:
        """The mark our update carries in the Label, if it is one that has a Label."""
        return None if self.mark is None else self.mark.token

    @property
    def domain_count(self) -> int:
        """How many upgrade domains there are; 0 before the first look."""
        return self.before.domain_count if self.before else 0

    @property
    def ended(self) -> Ended | None:
        """The ending, if there is one."""
        return self.phase if isinstance(self.phase, Ended) else None
