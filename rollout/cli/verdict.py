"""How a rollout came out, service by service, for the build systems that started it. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from rollout.core.ending import Outcome
from rollout.core.explain import explain
from rollout.core.names import Now, ServiceName
from rollout.core.phase import Queued
from rollout.core.result import ExitCode, Result
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize
from rollout.views.view import phase_name

QUEUED: Final = phase_name(Queued())


class Came(StrEnum):
    """How it came out for one service, in the words that build systems share."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    """Left out, not begun, or taken over by a person's claim."""
    UNFINISHED = "unfinished"
    """Under way, or waiting for a person."""


class Case(msgspec.Struct, frozen=True):
    """One service."""

    service: str
    wave: str
    came: Came
    state: str
    """The outcome, or the phase of what has not ended."""
    reason: str
    took_s: float = 0.0


class Verdict(msgspec.Struct, frozen=True):
    """The whole rollout; `code` is the exit code, `outcome` and `reason` what `run` says."""

    rollout: str
    code: int
    outcome: str
    reason: str
    cases: tuple[Case, ...]

    def count(self, came: Came) -> int:
        """Count the services that came out so."""
        return sum(case.came is came for case in self.cases)


_CAME: Final = {
    Outcome.SUCCEEDED: Came.PASSED,
    Outcome.UNCHANGED: Came.PASSED,
    Outcome.ROLLED_BACK: Came.FAILED,
    Outcome.SUSPENDED: Came.FAILED,
    Outcome.FAILED: Came.FAILED,
    Outcome.SKIPPED: Came.FAILED,
    Outcome.EXCLUDED: Came.SKIPPED,
    Outcome.CANCELLED: Came.SKIPPED,
    Outcome.RESOLVED: Came.SKIPPED,
}
"""A service whose preflight found that it cannot work did not get the release, and nobody wanted it so: failed."""


def came(outcome: str | None, *, queued: bool) -> Came:
    """Judge one service by its outcome; None = it has not ended."""
    if outcome is None:
        return Came.SKIPPED if queued else Came.UNFINISHED
    return _CAME[Outcome(outcome)]


def verdict_of(
    rollout: str,
    result: Result,
    services: Mapping[ServiceName, ServiceRollout],
    waves: Mapping[ServiceName, str],
    now: Now,
) -> Verdict:
    """Judge a rollout whose states are at hand."""
    cases = tuple(_case(state, waves.get(name, ""), now) for name, state in services.items())
    return Verdict(rollout, result.code, result.outcome, result.reason, cases)


def judged(result: Result, document: Mapping[str, Any]) -> Verdict:
    """Judge a rollout by the document that a state directory or a daemon gives of it."""
    cases = tuple(_case_of(row) for row in document["services"])
    return Verdict(document["id"], result.code, result.outcome, result.reason, cases)


def strictly(verdict: Verdict) -> Verdict:
    """Judge failures that the policy tolerated as failures."""
    tolerated = verdict.code == ExitCode.AS_ALLOWED and verdict.count(Came.FAILED)
    return replace(verdict, code=ExitCode.WENT_BACK) if tolerated else verdict


def _case_of(row: Mapping[str, Any]) -> Case:
    queued = row["phase"] == QUEUED and row["attention"] is None
    return Case(
        service=row["service"],
        wave=row["wave"],
        came=came(row["outcome"], queued=queued),
        state=row["outcome"] or row["phase"],
        reason=row["doing"] if row["outcome"] else row["sentence"],
    )


def _case(state: ServiceRollout, wave: str, now: Now) -> Case:
    queued = isinstance(state.phase, Queued) and not summarize(state, now).for_person
    ended = state.ended
    until_t = state.phase_since_t if ended else now.t
    return Case(
        service=state.plan.service,
        wave=wave,
        came=came(ended.outcome.value if ended else None, queued=queued),
        state=ended.outcome.value if ended else phase_name(state.phase),
        reason=ended.reason if ended else explain(state, now),
        took_s=0.0 if state.started_t is None else max(until_t - state.started_t, 0.0),
    )
