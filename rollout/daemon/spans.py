"""Entries as OpenTelemetry spans: one for each call and one for each attempt, in one trace for each rollout.

A span is written when it ends, from the entries' own times, so a restart loses only the spans that were open; their
trace is the same in the next life. Without the extra `otel`, or without an SDK that somebody configured (as
`opentelemetry-instrument rollout daemon` does), nothing happens.
"""

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rollout.core import event
from rollout.core.event import Entry
from rollout.core.names import StreamName, is_service_stream, parse_service_stream
from rollout.core.operation import describe
from rollout.journal.journal import Recorded

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

OPEN_MAX: Final = 50_000
"""Spans that may be open; later ones are not told."""
NS: Final = 1_000_000_000
LIBRARY: Final = "rollout"


class _Open(msgspec.Struct, frozen=True):
    name: str
    began_ns: int
    attributes: dict[str, str | int]


class Spans:
    """Give it to a ledger as a listener: `ledger.listen(spans.record)`."""

    def __init__(self, tracer: "Tracer") -> None:
        self._tracer = tracer
        self._attempts: dict[StreamName, _Open] = {}
        self._calls: dict[StreamName, _Open] = {}

    def record(self, records: Sequence[Recorded]) -> None:
        """Open and end spans by what has just become durable."""
        for recorded in records:
            if is_service_stream(recorded.entry.stream):
                self._entry(recorded.entry)

    def _entry(self, entry: Entry) -> None:
        match entry.fact:
            case event.Admitted(wave=wave):
                self._open(self._attempts, entry, "attempt", {"rollout.wave": wave})
            case event.Intended(number=number, operation=operation):
                self._open(self._calls, entry, describe(operation), {"rollout.call": number})
            case event.Accepted(handle=handle) if entry.stream in self._calls:
                self._calls[entry.stream].attributes["rollout.operation_id"] = handle.id
            case event.Succeeded():
                self._end(self._calls, entry, {"rollout.answer": "succeeded"})
            case event.Failed(code=code):
                self._end(self._calls, entry, {"rollout.answer": "failed"}, error=code)
            case event.Refused(kind=kind):
                self._end(self._calls, entry, {"rollout.answer": kind.value}, error=kind.value)
            case event.Lost() | event.Untracked():
                self._end(self._calls, entry, {"rollout.answer": "lost"}, error="lost")
            case event.Closed(outcome=outcome, who=who):
                self._end(self._calls, entry, {})
                self._end(self._attempts, entry, {"rollout.outcome": outcome.value, "rollout.ended_by": who})
            case _:
                pass

    def _open(self, spans: dict[StreamName, _Open], entry: Entry, name: str, attributes: dict[str, str | int]) -> None:
        if len(spans) < OPEN_MAX:
            rollout, service, attempt = parse_service_stream(entry.stream)
            own: dict[str, str | int] = {"rollout.id": rollout, "rollout.service": service, "rollout.attempt": attempt}
            spans[entry.stream] = _Open(name, int(entry.now.wall * NS), own | attributes)

    def _end(
        self, spans: dict[StreamName, _Open], entry: Entry, attributes: Mapping[str, str], error: str = ""
    ) -> None:
        from opentelemetry.trace import Status, StatusCode

        opened = spans.pop(entry.stream, None)
        if opened is None:
            return
        rollout = parse_service_stream(entry.stream)[0]
        span = self._tracer.start_span(
            opened.name,
            context=trace_of(rollout),
            start_time=opened.began_ns,
            attributes={**opened.attributes, **attributes},
        )
        if error:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(end_time=int(entry.now.wall * NS))


def trace_of(rollout: str) -> "Context":
    """Give the trace of a rollout: the same in every life of a daemon."""
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    digest = hashlib.sha256(rollout.encode()).digest()
    trace, span = int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:24]) or 1
    return set_span_in_context(
        NonRecordingSpan(SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED)))
    )


def spans() -> Spans | None:
    """Make them where OpenTelemetry is installed; whether anybody hears them is the SDK's business."""
    if importlib.util.find_spec("opentelemetry") is None:
        return None
    trace: Any = importlib.import_module("opentelemetry.trace")
    return Spans(trace.get_tracer(LIBRARY))
