"""What operators see of every entry: one log event and a few metrics; of polls, nothing."""

import math
from collections.abc import Sequence
from enum import Enum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge
from structlog.typing import FilteringBoundLogger

from rollout.core import event, fleet_event, sight_event
from rollout.core.environment_event import EnvironmentHeld
from rollout.core.event import Entry, Evidence, Fact
from rollout.core.names import StreamName, is_service_stream, parse_service_stream
from rollout.core.operation import RollBack, StartUpgrade, Walk, describe
from rollout.core.outcome import Handle
from rollout.engine.gauges import PacingCollector
from rollout.engine.pacer import Pacer
from rollout.engine.tracker import Tracker
from rollout.journal.journal import Recorded

TEXT_CHARS_MAX: Final = 300
"""Longer texts are cut in logs; the journal has them whole."""
EVIDENCE_SHOWN_MAX: Final = 16

NEEDS_A_LOOK: Final = (
    event.Failed
    | event.Lost
    | sight_event.Blinded
    | event.GateFailed
    | event.TurnedBack
    | event.HeldOnFailure
    | event.TakenOver
    | event.Escalated
    | fleet_event.Halted
    | EnvironmentHeld
)
"""Facts that are logged as warnings."""


class Telemetry:
    """Logs and counts entries. Logger and registry are the caller's; nothing global is touched."""

    def __init__(self, logger: FilteringBoundLogger, registry: CollectorRegistry) -> None:
        self._logger = logger
        self._registry = registry
        self._operations: dict[StreamName, str] = {}
        """The last intent of each open stream: answers name their call by number only."""
        self._entries = Counter("rolloutd_entries", "Entries recorded, by kind of fact.", ["kind"], registry=registry)
        self._calls = Counter(
            "rolloutd_calls",
            "Answers to calls, by operation and answer.",
            ["operation", "answer"],
            registry=registry,
        )
        self._verdicts = Counter(
            "rolloutd_gate_verdicts", "Changes of a gate's verdict.", ["verdict"], registry=registry
        )
        self._ended = Counter(
            "rolloutd_service_rollouts_ended", "Attempts that ended, by outcome.", ["outcome"], registry=registry
        )
        self._position = Gauge("rolloutd_journal_position", "Position of the last entry.", registry=registry)

    def watch(self, pacer: Pacer, tracker: Tracker) -> None:
        """Show how these two stand whenever the registry is scraped. Once for each registry."""
        self._registry.register(PacingCollector(pacer, tracker))

    def record(self, records: Sequence[Recorded]) -> None:
        """Log and count entries that have just become durable, each exactly once."""
        for recorded in records:
            self._log(recorded)
            self._count(recorded)

    def _log(self, recorded: Recorded) -> None:
        entry = recorded.entry
        words = fields(entry.fact) | identity(entry) | {"position": recorded.position}
        log = self._logger.warning if isinstance(entry.fact, NEEDS_A_LOOK) else self._logger.info
        log(kind(entry.fact), **words)

    def _count(self, recorded: Recorded) -> None:
        stream, fact = recorded.entry.stream, recorded.entry.fact
        self._position.set(recorded.position)
        self._entries.labels(kind(fact)).inc()
        match fact:
            case event.Intended(operation=operation):
                self._operations[stream] = str(operation.__struct_config__.tag)
            case event.Accepted() | event.Lost():
                self._count_answer(stream, kind(fact))
            case event.Refused(kind=refused):
                self._count_answer(stream, refused.value)
            case event.Probed(verdict=verdict):
                self._verdicts.labels(verdict.value).inc()
            case event.Closed(outcome=outcome):
                self._operations.pop(stream, None)
                self._ended.labels(outcome.value).inc()
            case _:
                pass

    def _count_answer(self, stream: StreamName, answer: str) -> None:
        # The intent may have been recorded by an engine before this one.
        self._calls.labels(self._operations.get(stream, "unknown"), answer).inc()


def kind(fact: Fact) -> str:
    """Give the name under which a fact is logged and counted: its tag in the journal."""
    return str(fact.__struct_config__.tag)


def identity(entry: Entry) -> dict[str, object]:
    """Say whose entry it is: rollout, for a service's stream also service and attempt, then version, t and actor."""
    rest: dict[str, object] = {"version": entry.version, "t": round(entry.now.t, 3), "actor": _cut(entry.actor)}
    if not is_service_stream(entry.stream):
        return {"rollout": str(entry.stream), **rest}
    rollout, service, attempt = parse_service_stream(entry.stream)
    return {"rollout": rollout, "service": service, "attempt": attempt, **rest}


def fields(fact: Fact) -> dict[str, object]:
    """Give the small fields of a fact as plain values; plans and sightings stay in the journal."""
    values = {name: _plain(getattr(fact, name)) for name in fact.__struct_fields__}
    return {name: value for name, value in values.items() if value is not None}


def _plain(value: object) -> object:
    """Give a value fit for a log, or None for one that is too large."""
    match value:
        case Enum():
            return str(value.value)
        case float():
            return round(value, 3) if math.isfinite(value) else str(value)
        case bool() | int():
            return value
        case str():
            return _cut(value)
        case Handle(id=handle):
            return _cut(handle)
        case StartUpgrade() | Walk() | RollBack():
            return describe(value)
        case tuple() if value and all(isinstance(each, Evidence) for each in value):
            return [_cut(f"{each.check}: {each.verdict.value}: {each.detail}") for each in value[:EVIDENCE_SHOWN_MAX]]
        case _:
            return None


def _cut(text: str) -> str:
    return text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"
