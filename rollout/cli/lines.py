"""Data for programs on stdout: one JSON line for each recorded entry, or one JSON document for a whole run."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from rollout.core.event import Entry
from rollout.core.explain import explain
from rollout.core.names import Now, RolloutId, ServiceName
from rollout.core.result import Result
from rollout.core.service import ServiceRollout
from rollout.journal.journal import Recorded
from rollout.views.view import phase_name


def entry_line(recorded: Recorded) -> str:
    """Give one entry as a line of JSON, without its line feed.

    `position, stream, version, t` (engine seconds)`, time` (ISO 8601, UTC)`, actor, kind` (the fact's tag) and `fact`,
    the fact's own fields. Facts hold digests and redacted URLs, so there is no secret to leave out.
    """
    entry = recorded.entry
    fields = msgspec.to_builtins(entry.fact)
    kind = fields.pop("type")
    return _json(
        {
            "position": recorded.position,
            "stream": entry.stream,
            "version": entry.version,
            "t": round(entry.now.t, 6),
            "time": _iso(entry),
            "actor": entry.actor,
            "kind": kind,
            "fact": fields,
        }
    )


def document(
    rollout: RolloutId, result: Result | None, code: int, services: Mapping[ServiceName, ServiceRollout], now: Now
) -> str:
    """Give a whole run as one JSON document; `result` None = stopped before its end."""
    return _json(
        {
            "rollout": rollout,
            "outcome": result.outcome if result else "interrupted",
            "code": code,
            "reason": result.reason if result else "stopped by a signal; the same command goes on",
            "services": [_service(state, now) for state in services.values()],
        },
        indent=2,
    )


def _service(state: ServiceRollout, now: Now) -> dict[str, Any]:
    ended = state.ended
    return {
        "service": state.plan.service,
        "outcome": ended.outcome.value if ended else None,
        "phase": phase_name(state.phase),
        "reason": ended.reason if ended else explain(state, now),
        "failure": state.failure,
        "attempt": state.attempt,
        "domains": state.domain_count,
        "walked": list(state.walked),
    }


def _iso(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.now.wall, UTC).isoformat(timespec="milliseconds")


def _json(document: Any, *, indent: int = 0) -> str:
    encoded = msgspec.json.encode(document)
    return (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()
