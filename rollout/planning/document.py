"""The plan as people and programs read it: one frozen document. Its fields are only ever added to."""

from enum import StrEnum

import msgspec

from rollout.planning.spans import Span


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """As written it cannot be carried out."""
    WARNING = "warning"
    INFO = "info"


class Finding(msgspec.Struct, frozen=True):
    """One thing that somebody should know before the run."""

    severity: Severity
    about: str
    """A service, a wave, or empty for the whole rollout."""
    said: str


class Moments(msgspec.Struct, frozen=True):
    """When something is done in each case; None = never by itself."""

    best: str | None
    """ISO 8601, UTC."""
    expected: str | None
    latest: str | None
    best_s: float | None
    """Seconds from the opening."""
    expected_s: float | None
    latest_s: float | None


class Calls(msgspec.Struct, frozen=True):
    """Calls to the API, about so many, against the subscription's pace."""

    reads: int
    writes: int
    reads_per_s: float
    """At which the pace begins."""
    writes_per_s: float
    at_pace_s: float
    """How long they take at that pace alone, as it rises while nothing throttles: no rollout is done sooner."""


class Known(msgspec.Struct, frozen=True):
    """How long one kind of call takes, and who says so."""

    verb: str
    best_s: float
    expected_s: float
    latest_s: float
    services: dict[str, int]
    """How many services' times come from `service`, `fleet` or `recorded`."""


class PlannedService(msgspec.Struct, frozen=True):
    """One service, in the order in which services begin."""

    service: str
    wave: str
    order: int | None
    """From 1; None = it never begins."""
    standing: str
    """changes, unchanged or blocked."""
    why: str
    domains: int
    looked: bool
    """Whether the number of domains was seen, or is assumed."""
    instances: int | None
    release: str
    counts: dict[str, tuple[int, int]]
    needs: tuple[str, ...]
    paired: tuple[str, ...]
    no_return: str
    way_back: str
    way_back_after: str
    begins_s: float | None
    ends_s: float | None
    begins: str | None
    ends: str | None
    latest_ends: str | None
    spans: tuple[Span, ...]


class PlannedWave(msgspec.Struct, frozen=True):
    """One wave, in the order of the policy. `effective` services at most change at once, and `bound_by` says why."""

    wave: str
    services: tuple[str, ...]
    needs: tuple[str, ...]
    max_parallel: int
    effective: int
    bound_by: str
    failure_tolerance: int
    strict: bool
    on_failure: str
    bake_s: float
    bake_first_s: float
    approve: str
    """Who has to say yes before what; empty = nobody."""
    windows: tuple[str, ...]
    opens_s: float | None
    ends_s: float | None
    opens: str | None
    ends: str | None
    bakes: tuple[Span, ...]


class PlanDocument(msgspec.Struct, frozen=True):
    """What a rollout would do."""

    rollout: str
    change: str
    slot: str
    subscription: str
    plan: str
    """The digest that people approve."""
    documents: str
    """The digest of everything the plan was made from."""
    begins: str
    """When the forecast begins; everything in seconds counts from here."""
    begins_wall: float
    looked: bool
    """Whether the deployments were looked at."""
    summary: str
    changes: int
    """Services that something would be done to."""
    finish: Moments
    deadline: str | None
    waves: tuple[PlannedWave, ...]
    services: tuple[PlannedService, ...]
    open_windows: dict[str, tuple[tuple[float, float], ...]]
    """By wave: from and to in seconds, as far as the picture goes."""
    calls: Calls
    durations: tuple[Known, ...]
    findings: tuple[Finding, ...]
    at_once: int
    """The most services in flight together."""

    @property
    def blocked(self) -> bool:
        """Whether a run could not do what the policy says."""
        return any(each.severity is Severity.ERROR for each in self.findings)
