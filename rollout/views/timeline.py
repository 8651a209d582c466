"""One recorded entry as people are shown it, and which kind of thing it was."""

from typing import Any

import msgspec

from rollout.core.event import Entry
from rollout.core.names import ENGINE_STREAM, is_service_stream, parse_service_stream
from rollout.journal.journal import Recorded
from rollout.views.facts import said
from rollout.views.text import one_line
from rollout.views.words import milestone


class TimelineEntry(msgspec.Struct, frozen=True):
    """One entry. `at` is POSIX seconds, `t` engine seconds; `milestone` = one that people wait for."""

    position: int
    at: float
    t: float
    stream: str
    rollout: str | None
    service: str | None
    version: int
    actor: str
    kind: str
    sentence: str
    milestone: bool
    evidence: tuple[dict[str, str], ...] = ()
    """`check`, `verdict` and `detail` of each check that was asked."""


def timeline_entry(recorded: Recorded) -> TimelineEntry:
    """Tell of an entry; nothing that is secret is ever recorded, so there is nothing to leave out."""
    entry = recorded.entry
    mile = milestone(recorded)
    evidence: Any = getattr(entry.fact, "evidence", ())
    rollout, service = whose(entry)
    return TimelineEntry(
        position=recorded.position,
        at=round(entry.now.wall, 3),
        t=round(entry.now.t, 3),
        stream=entry.stream,
        rollout=rollout,
        service=service,
        version=entry.version,
        actor=entry.actor,
        kind=str(entry.fact.__struct_config__.tag),
        sentence=mile if mile is not None else one_line(f"{service or entry.stream}: {said(entry)}"),
        milestone=mile is not None,
        evidence=tuple(
            {"check": each.check, "verdict": each.verdict.value, "detail": one_line(each.detail)} for each in evidence
        ),
    )


def whose(entry: Entry) -> tuple[str | None, str | None]:
    """Give the rollout and the service an entry is about; (None, None) for a word to the whole engine."""
    if is_service_stream(entry.stream):
        rollout, service, _ = parse_service_stream(entry.stream)
        return rollout, service
    return (None, None) if entry.stream == ENGINE_STREAM else (entry.stream, None)
