"""What happened on the way through a change beyond one update: facts about slots, documents and ways back."""

import msgspec

from rollout.core.mark import Mark
from rollout.core.names import Digest
from rollout.core.snapshot import Before, Sighting


class Surveyed(msgspec.Struct, frozen=True, tag="surveyed"):
    """Production was looked at before a swap; None = that slot is empty."""

    production: Before | None
    saw: Sighting | None = None


class Vacant(msgspec.Struct, frozen=True, tag="vacant"):
    """The staging slot is empty, so that a deployment is to be created in it."""

    detail: str


class Prepared(msgspec.Struct, frozen=True, tag="prepared"):
    """What the change sends lies ready, whole: `configuration` is the document, `key` its canonical digest."""

    configuration: Digest
    key: str
    captured: Digest | None = None
    """The URL at which the copy of the old package will lie."""


class Deployed(msgspec.Struct, frozen=True, tag="deployed"):
    """The deployment that was created stands, and runs; `before` is how it stands now."""

    before: Before
    saw: Sighting


class Rescaled(msgspec.Struct, frozen=True, tag="rescaled"):
    """Somebody scaled it before our begin, which the policy tolerates; `before` is how it stands."""

    before: Before
    detail: str
    saw: Sighting


class Staged(msgspec.Struct, frozen=True, tag="staged"):
    """Staging runs the new release and was healthy; the swap is next."""

    detail: str


class BarrierOpened(msgspec.Struct, frozen=True, tag="barrier_opened"):
    """Everybody the swap had to wait for is upgraded, or has ended."""

    detail: str


class RevertBegun(msgspec.Struct, frozen=True, tag="revert_begun"):
    """The platform's Rollback is gone (`reason`), so a new change takes back what was done."""

    reason: str
    to: str
    """What it goes back to, for people."""


class Slow(msgspec.Struct, frozen=True, tag="slow"):
    """Half of the limit `limit` has passed in one phase; nothing is wrong yet."""

    doing: str
    limit: str
    ends_in_s: float


ChangeFact = Surveyed | Vacant | Prepared | Deployed | Rescaled | Staged | BarrierOpened | RevertBegun | Slow


class Installed(msgspec.Struct, frozen=True):
    """What our own records say of the release that ran before: the last one that succeeded there."""

    token: str
    package: Digest
    package_shown: str
    configuration: Digest


class Undoing(msgspec.Struct, frozen=True):
    """What a new attempt has to know that takes back what an ended one did; the fields are those of its state."""

    who: str
    note: str
    before: Before
    production: Before | None = None
    prepared: Prepared | None = None
    captured: bool = False
    walked: tuple[int, ...] = ()
    mark: Mark | None = None
    acted: bool = False
    swapped: bool = False
    known: Installed | None = None
