"""What was expected, taken out of the document of a plan: `rollout plan -o json`, kept from before the run."""

import msgspec

from rollout.core.names import ServiceName
from rollout.errors import UsageError
from rollout.views.report import Forecast


class _Service(msgspec.Struct, frozen=True):
    service: ServiceName
    begins_s: float | None = None
    ends_s: float | None = None


class _Finish(msgspec.Struct, frozen=True):
    expected_s: float | None = None


class _Plan(msgspec.Struct, frozen=True):
    """The part of a plan's document that is read; seconds count from the opening."""

    rollout: str
    services: tuple[_Service, ...]
    finish: _Finish


def forecast_in(document: bytes, rollout: str) -> Forecast:
    """Read a forecast. Raises UsageError for what is no plan, or one of another rollout."""
    try:
        plan = msgspec.json.decode(document, type=_Plan)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise UsageError(f"this is no plan as `rollout plan -o json` writes it: {error}") from error
    if plan.rollout != rollout:
        raise UsageError(f"this is the plan of {plan.rollout}, and not of {rollout}")
    spans = {each.service: (each.begins_s, each.ends_s) for each in plan.services}
    known = {name: (begins, ends) for name, (begins, ends) in spans.items() if begins is not None and ends is not None}
    return Forecast(known, plan.finish.expected_s)
