"""How calls were sent and answered, as people are shown it. Pure."""

from collections.abc import Iterable
from typing import Any

import msgspec

from rollout.core.names import parse_service_stream
from rollout.core.witnessed import Witnessed
from rollout.views.operation import spellings


class ExchangeLine(msgspec.Struct, frozen=True):
    """A call in a report, and how it went; the fields behind `attempt` are those of core/witnessed.py."""

    service: str
    attempt: int
    at: float
    number: int
    what: str
    method: str
    path: str
    status: int | None
    request: str
    answer: str
    request_id: str
    cut: bool


def exchange_fields(seen: Witnessed) -> dict[str, Any]:
    """Give one as data; the platform's id of the request in both of its spellings."""
    fields: dict[str, Any] = msgspec.to_builtins(seen)
    del fields["stream"]
    plain, dashed = spellings(seen.request_id)
    return fields | {"request_id": plain, "request_id_dashed": dashed}


def exchange_lines(exchanges: Iterable[Witnessed]) -> tuple[ExchangeLine, ...]:
    """Give them as lines of a report."""
    return tuple(_line(each) for each in exchanges)


def _line(seen: Witnessed) -> ExchangeLine:
    _, service, attempt = parse_service_stream(seen.stream)
    names = ExchangeLine.__struct_fields__[2:]
    return ExchangeLine(service, attempt, *(getattr(seen, name) for name in names))
