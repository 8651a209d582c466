"""A rollout's report as one document: its plan, what became of each service when, verdicts, words, calls, the chain."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from rollout.core.approvals import plan_digest
from rollout.core.names import ServiceName
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.witnessed import Witnessed
from rollout.journal.journal import Recorded
from rollout.policy.duration import format_duration
from rollout.views.exchanges import ExchangeLine, exchange_lines
from rollout.views.head import RolloutHead, head_of
from rollout.views.policies import PolicyText
from rollout.views.reading import Read
from rollout.views.report_lines import Line, lines_of
from rollout.views.report_lists import (
    ApprovalLine,
    CallLine,
    VerdictLine,
    WordLine,
    approvals_of,
    calls_of,
    verdicts_of,
    words_of,
)
from rollout.views.report_moments import moments_of

VERSION = 1
"""Of the document; fields are only ever added to one version."""


class Expected(msgspec.Struct, frozen=True):
    """When a service was expected to be under way, in POSIX seconds."""

    from_at: float
    to_at: float


class PlannedWave(msgspec.Struct, frozen=True):
    """What a wave promised, and when it was opened; the moments are None where that did not happen."""

    name: str
    services: int
    max_parallel: int
    failure_tolerance: int
    strict: bool
    promises: tuple[str, ...]
    """Bakes, windows, approvals and what a failure does, in words."""
    opened_at: float | None
    ended_at: float | None
    asked: tuple[tuple[float, float], ...] = ()
    """When it waited for an approval: from, to."""
    watched: tuple[tuple[float, float], ...] = ()
    """When its services were watched together."""


class Chain(msgspec.Struct, frozen=True):
    """The last entry of the rollout: its link vouches for every entry before it (`rollout audit verify`)."""

    position: int
    chain: str
    entries: int


class Report(msgspec.Struct, frozen=True):
    """Everything. Moments are POSIX seconds."""

    rollout: RolloutHead
    plan: str
    """The digest that people approve."""
    documents: str
    written_at: float
    ended_at: float | None
    waves: tuple[PlannedWave, ...]
    services: tuple[Line, ...]
    """In the order of the waves; each attempt is a line of its own."""
    expected: Mapping[ServiceName, Expected]
    """What was planned, where a forecast was put beside it (`beside`): the one kept at the submission, or another."""
    expected_finish_at: float | None
    approvals: tuple[ApprovalLine, ...]
    words: tuple[WordLine, ...]
    calls: tuple[CallLine, ...]
    verdicts: tuple[VerdictLine, ...]
    chain: Chain
    version: int = VERSION
    policies: tuple[PolicyText, ...] = ()
    """The submission's and each amendment's, as far as their texts are at hand."""
    exchanges: tuple[ExchangeLine, ...] = ()
    """How calls were sent and answered that did not go well, as far as it is still kept."""


class Forecast(msgspec.Struct, frozen=True):
    """What was expected of a rollout, in seconds from its opening."""

    services: Mapping[ServiceName, tuple[float, float]] = {}
    finish_s: float | None = None


def report(read: Read, records: Sequence[Recorded], wrong: Sequence[Witnessed] = ()) -> Report:
    """Make the report of a rollout from all entries of its own stream and of every attempt at its services, in order.

    It is read off the journal, so the same entries give the same report at any time but for `written_at`, and for
    `wrong`: how calls were sent and answered that did not go well, which is evidence that is kept for a while only.
    """
    plan = read.rollout.plan
    ended_at = records[-1].entry.now.wall if read.rollout.closed is not None else None
    return Report(
        rollout=head_of(read),
        plan=plan_digest(plan),
        documents=plan.documents,
        written_at=round(read.now.wall, 3),
        ended_at=ended_at,
        waves=tuple(_waves(plan, records, ended_at or read.now.wall)),
        services=lines_of(plan, records, ended_at or read.now.wall),
        expected={},
        expected_finish_at=None,
        approvals=approvals_of(records),
        words=words_of(records),
        calls=calls_of(records),
        verdicts=verdicts_of(records),
        chain=Chain(records[-1].position, records[-1].chain, len(records)),
        exchanges=exchange_lines(wrong),
    )


def beside(report: Report, forecast: Forecast) -> Report:
    """Put a forecast beside what happened."""
    opened_at = report.rollout.opened_at
    return msgspec.structs.replace(
        report,
        expected={name: Expected(opened_at + a, opened_at + b) for name, (a, b) in forecast.services.items()},
        expected_finish_at=None if forecast.finish_s is None else opened_at + forecast.finish_s,
    )


def _waves(plan: RolloutPlan, records: Sequence[Recorded], until_at: float) -> Iterable[PlannedWave]:
    moments = moments_of(plan, records, until_at)
    for wave in plan.waves:
        known = moments[wave.name]
        yield PlannedWave(
            name=wave.name,
            services=len(wave.services),
            max_parallel=wave.max_parallel,
            failure_tolerance=wave.failure_tolerance,
            strict=wave.strict,
            promises=tuple(_promises(wave)),
            opened_at=known.opened_at,
            ended_at=known.ended_at if not known.left else None,
            asked=tuple(known.asked),
            watched=tuple(known.watched),
        )


def _promises(wave: WavePlan) -> Iterable[str]:
    if wave.needs is not None:
        yield f"needs {', '.join(wave.needs) or 'no other wave'}"
    if wave.bake is not None and wave.bake.first_s > 0:
        yield f"its first service is watched for {format_duration(wave.bake.first_s)}"
    if wave.bake is not None and wave.bake.all_s > 0:
        yield f"watched for {format_duration(wave.bake.all_s)} at its end"
    if wave.approval is not None:
        moment = {"start": "its start", "swap": "a swap", "last": "a last domain"}[wave.approval.before]
        yield f"{wave.approval.by} approves before {moment}"
    if wave.windows is not None:
        yield "begins services in its windows only"
    for cap in wave.caps:
        yield f"at most {cap.max_parallel} with {cap.tag}={cap.value}"
    yield f"more failures than tolerated: {wave.on_failure.replace('_', ' ')}"
