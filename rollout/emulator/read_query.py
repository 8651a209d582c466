"""Reading queries: the parameters of listings and of Get Package, their names in any case."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from rollout.emulator import read_values as values
from rollout.emulator import refusals
from rollout.emulator.fabric_history import Wanted
from rollout.platforms.classic.vocabulary import OperationStatus

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d:\d\d)(\.\d{1,7})?Z?)?\Z", re.ASCII)
_MICROSECOND_DIGITS: Final = 7
"""A point and six digits; a seventh is cut off."""


def operations(query: Mapping[str, str]) -> Wanted:
    """Read what List Subscription Operations asks for. Raises Refusal."""
    return Wanted(
        moment(query, "StartTime"),
        moment(query, "EndTime"),
        query.get("objectidfilter") or None,
        _result(query.get("operationresultfilter")),
        query.get("continuationtoken") or None,
    )


def moment(query: Mapping[str, str], name: str) -> datetime:
    """Read a required date: a day, a second, or up to seven digits of a fraction; always UTC."""
    found = _MOMENT.match(query.get(name.lower(), ""))
    if found is None:
        raise refusals.query_parameter()
    day, second, fraction = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{second or '00:00:00'}{_padded(fraction)}").replace(tzinfo=UTC)
    except ValueError:
        raise refusals.query_parameter() from None


def package(query: Mapping[str, str]) -> tuple[str, bool]:
    """Read where Get Package writes, and whether it may overwrite; it may not unless it is said."""
    container = query.get("containeruri", "")
    if not container:
        raise refusals.query_parameter()
    overwrite = query.get("overwriteexisting", "false").lower()
    if overwrite not in {"true", "false"}:
        raise refusals.query_parameter()
    return values.web_address(container, "containerUri"), overwrite == "true"


def _padded(fraction: str | None) -> str:
    return (fraction or ".0")[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0")


def _result(text: str | None) -> OperationStatus | None:
    if not text:
        return None
    for status in OperationStatus:
        if status.lower() == text.lower():
            return status
    raise refusals.bad_request("OperationResultFilter is Succeeded, Failed or InProgress.")
