"""What a wave has promised besides its services and caps: watching, windows, approvals, and what a failure does.

All durations are seconds.
"""

from enum import StrEnum

import msgspec

from rollout.core.names import ServiceName


class WaveFailure(StrEnum):
    """What more failures than tolerated do to the wave; nothing new starts in any case."""

    HALT = "halt"
    ROLLBACK_WAVE = "rollback_wave"
    ROLLBACK_ALL = "rollback_all"


class Moment(StrEnum):
    """What waits for an approval."""

    START = "start"
    SWAP = "swap"
    """Each service's swap, which shows the new release to everybody."""
    LAST = "last"
    """Each service's last domain, the point of no return."""


class OnConflict(StrEnum):
    """What a rollout does whose targets another one has."""

    REFUSE = "refuse"
    QUEUE = "queue"
    SUPERSEDE = "supersede"


class BakePlan(msgspec.Struct, frozen=True):
    """How long services that are done are watched: all of a wave at its end, its first one before the others begin.

    They are asked each `interval_s`; a bake ends after passes of `stable_s`, and fails after a red of `retry_s`.
    """

    all_s: float
    first_s: float
    interval_s: float
    stable_s: float
    retry_s: float


class ApprovalPlan(msgspec.Struct, frozen=True):
    """A word of a person from group `by`, who is not the one who submitted; waited for so long."""

    by: str
    before: Moment
    within_s: float


class WindowPlan(msgspec.Struct, frozen=True):
    """Opens on `days` (0 = Monday) at a minute of the day, closes at another; `end <= start` is the next day."""

    days: tuple[int, ...]
    start_min: int
    end_min: int
    zone: str


class WindowsPlan(msgspec.Struct, frozen=True, omit_defaults=True):
    """When services may be begun. `closed` are dates, first and last included, on which no window is open."""

    open: tuple[WindowPlan, ...]
    closed: tuple[tuple[str, str], ...] = ()
    """As `YYYY-MM-DD`; each window reads them in its own zone."""
    hold_mid_service: bool = False
    """A service under way goes no further while no window is open."""


class TagCap(msgspec.Struct, frozen=True):
    """At most so many of these services in flight: those with one value of one tag."""

    tag: str
    value: str
    services: tuple[ServiceName, ...]
    max_parallel: int
