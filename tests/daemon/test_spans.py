"""Spans out of entries: their own times, one trace for each rollout, errors where calls ended badly."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rollout.core import event
from rollout.core.ending import Outcome
from rollout.core.event import Entry, Fact
from rollout.core.names import Now, StreamName
from rollout.core.operation import Walk
from rollout.core.outcome import Handle
from rollout.daemon.spans import Spans, spans
from rollout.journal.journal import Recorded


def told(*facts: tuple[str, float, Fact]) -> list[Recorded]:
    return [
        Recorded(place, Entry(StreamName(stream), place, Now(wall, wall), "engine", fact), "0" * 64)
        for place, (stream, wall, fact) in enumerate(facts, 1)
    ]


def test_calls_and_attempts_are_spans_of_one_trace_with_the_entries_own_times() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    one, two = "web-1/svc-1#1", "web-2/svc-1#1"
    Spans(provider.get_tracer("t")).record(
        told(
            (one, 10.0, event.Admitted("all")),
            (one, 11.0, event.Intended(1, Walk(2), 1.0)),
            (one, 11.5, event.Accepted(1, Handle("sub", "abc"))),
            (one, 14.0, event.Failed(1, "ResourceStopped", "it stopped")),
            (one, 20.0, event.Closed(Outcome.ROLLED_BACK, "policy", "went back")),
            (two, 30.0, event.Admitted("all")),
            (two, 31.0, event.Closed(Outcome.SUCCEEDED, "policy", "done")),
            (two, 32.0, event.Succeeded(9)),
        )
    )
    walk, attempt, other = exporter.get_finished_spans()
    assert (walk.name, walk.start_time, walk.end_time) == ("walk of domain 2", 11 * 10**9, 14 * 10**9)
    assert walk.attributes is not None
    assert (walk.attributes["rollout.operation_id"], walk.attributes["rollout.answer"]) == ("abc", "failed")
    assert (walk.status.is_ok, walk.status.description) == (False, "ResourceStopped")
    assert attempt.attributes is not None
    assert (attempt.attributes["rollout.outcome"], attempt.attributes["rollout.wave"]) == ("rolled_back", "all")
    traces = [span.context.trace_id for span in (walk, attempt, other) if span.context is not None]
    assert traces[0] == traces[1] != traces[2]


def test_without_an_sdk_nothing_comes_of_them() -> None:
    made = spans()
    assert made is not None
    made.record(told(("web-1/svc-1#1", 1.0, event.Admitted("all"))))
