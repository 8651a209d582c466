"""What people said about one service, as facts: the words that do more than hold or stop it."""

import msgspec

from rollout.core.ending import Claim
from rollout.core.plan import HealthPlan, WalkPlan
from rollout.core.snapshot import Sighting


class Advanced(msgspec.Struct, frozen=True, tag="advanced"):
    """A person ended the wait after `domain` (or the bake before it).

    `accepted_red` names the checks that had not passed and that the person takes as they are.
    """

    domain: int
    who: str
    note: str
    accepted_red: tuple[str, ...] = ()


class Retried(msgspec.Struct, frozen=True, tag="retried"):
    """A person had the step repeated that was given up: health, look, or call. It has its whole time again."""

    who: str
    note: str


class Claimed(msgspec.Struct, frozen=True, tag="claimed"):
    """A person said what the service has come to; the deployment is looked at before that counts."""

    claim: Claim
    who: str
    note: str
    force: bool = False


class Witnessed(msgspec.Struct, frozen=True, tag="witnessed"):
    """What the deployment showed when a person's claim was held against it."""

    agrees: bool
    detail: str
    saw: Sighting | None = None
    blind: bool = False
    """Nobody could look in time, so nothing counts."""


class TermsChanged(msgspec.Struct, frozen=True, tag="terms_changed"):
    """A person amended the rollout: from here on these clocks and checks count."""

    health: HealthPlan
    walk: WalkPlan
    begin_timeout_s: float
    timeout_s: float
    who: str
    note: str


WordFact = Advanced | Retried | Claimed | Witnessed | TermsChanged
