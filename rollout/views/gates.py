"""What the gates of a service have seen: every sample that was recorded, of every gate and bake. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from rollout.core import event
from rollout.core.gate_event import Baselined
from rollout.core.verdict import Evidence, Verdict
from rollout.journal.journal import Recorded
from rollout.views.text import one_line

SHOWN_MAX: Final = 200
"""The newest samples that are shown; one is recorded with the first verdict, each flip and each end."""
BASELINED: Final = "baselined"


class GateSample(msgspec.Struct, frozen=True):
    """One sample. `at` is POSIX seconds."""

    at: float
    domain: int | None
    """None = before the change was begun."""
    said: str
    """`baselined`, `probed`, `gate_passed`, `gate_failed` or `baked`."""
    verdict: Verdict | None
    """None where nothing was judged: before the change."""
    reason: str | None
    checks: tuple[dict[str, str], ...]
    """`check`, `verdict` and `detail` of each check that was asked."""


def gate_samples(records: Sequence[Recorded]) -> list[GateSample]:
    """Find the samples among a service's entries, oldest first; at most the newest `SHOWN_MAX`."""
    found = [sample for recorded in records if (sample := _sample(recorded)) is not None]
    return found[-SHOWN_MAX:]


def _sample(recorded: Recorded) -> GateSample | None:
    at = round(recorded.entry.now.wall, 3)
    match recorded.entry.fact:
        case Baselined(evidence=evidence, refused=refused, hold=hold):
            return GateSample(at, None, BASELINED, None, refused or hold, _checks(evidence))
        case event.Probed(domain=domain, verdict=verdict, evidence=evidence):
            return GateSample(at, domain, "probed", verdict, None, _checks(evidence))
        case event.GatePassed(domain=domain, evidence=evidence):
            return GateSample(at, domain, "gate_passed", Verdict.PASS, None, _checks(evidence))
        case event.GateFailed(domain=domain, reason=reason, evidence=evidence):
            return GateSample(at, domain, "gate_failed", Verdict.FAIL, reason, _checks(evidence))
        case event.Baked(domain=domain, evidence=evidence):
            return GateSample(at, domain, "baked", Verdict.PASS, None, _checks(evidence))
        case _:
            return None


def _checks(evidence: Sequence[Evidence]) -> tuple[dict[str, str], ...]:
    return tuple(
        {"check": each.check, "verdict": each.verdict.value, "detail": one_line(each.detail)} for each in evidence
    )
