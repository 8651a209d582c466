"""A rehearsed seed as a timeline for people: what was recorded, what took effect, who died when. Pure."""

from typing import Final

import msgspec

from rollout.cli.text import one_line
from rollout.core import event, fleet_event, sight_event
from rollout.core.event import Entry
from rollout.core.gate_event import Baselined
from rollout.core.names import is_service_stream, parse_service_stream
from rollout.core.operation import describe
from rollout.simulation.play import Played

SERVICE_WIDTH: Final = 14


def timeline(played: Played) -> list[str]:
    """Give one line for each thing that happened, in order of time."""
    rows = [(at, 1, f"{'':{SERVICE_WIDTH}}  → {text}") for at, text in played.effects]
    rows += [(at, 2, f"{'':{SERVICE_WIDTH}}  ✝ the engine dies {how}") for at, how in played.deaths]
    if played.book is not None:
        rows += [(page.at, 0, _line(page.entry)) for page in played.book.pages]
    rows.sort(key=lambda row: row[:2])
    return [f"{clock(at)}  {text}" for at, _, text in rows]


def ending(played: Played) -> list[str]:
    """Give the last lines: how it ended, what had struck, and the number that identifies the run."""
    struck = ", ".join(f"{fault} {times}" for fault, times in played.hits.most_common()) or "nothing"
    lines = ["", f"faults that struck: {struck}"]
    if played.result is not None:
        lines.append(one_line(f"{played.result.outcome}: {played.result.reason}"))
    if played.violation is not None:
        lines.append(one_line(f"A PROMISE WAS BROKEN: {played.violation.invariant}: {played.violation.said}"))
    return [*lines, f"seed {played.seed}, trace {played.trace}, {played.steps} steps"]


def clock(seconds: float) -> str:
    """Write seconds of the world as h:mm:ss.t."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02}:{rest:04.1f}"


def _line(entry: Entry) -> str:
    whose = parse_service_stream(entry.stream)[1] if is_service_stream(entry.stream) else entry.stream
    return f"{whose:{SERVICE_WIDTH}}  {one_line(_said(entry))}"


def _said(entry: Entry) -> str:  # noqa: C901, PLR0911, PLR0912 - one sentence for each fact
    match entry.fact:
        case event.Intended(number=number, operation=operation):
            return f"intends call {number}: {describe(operation)}"
        case event.Accepted(number=number):
            return f"call {number} accepted"
        case event.Refused(number=number, kind=kind, error=error):
            return f"call {number} refused ({kind}): {error}"
        case event.Lost(number=number, detail=detail):
            return f"call {number} lost: {detail}"
        case event.Succeeded(number=number):
            return f"operation of call {number} succeeded"
        case event.Failed(number=number, code=code):
            return f"operation of call {number} failed: {code}"
        case event.Untracked(number=number):
            return f"operation of call {number} is not known any more"
        case event.Observed(finding=finding, detail=detail):
            return f"sees {finding}: {detail}"
        case Baselined(evidence=evidence, hold=hold, refused=refused):
            said = refused or hold or "; ".join(each.detail for each in evidence)
            return f"health before the change: {said}"
        case event.Probed(domain=domain, verdict=verdict, evidence=evidence):
            return f"health of domain {domain}: {verdict} ({'; '.join(each.detail for each in evidence)})"
        case event.GatePassed(domain=domain):
            return f"gate of domain {domain} passed"
        case event.GateFailed(domain=domain, reason=reason):
            return f"gate of domain {domain} failed: {reason}"
        case event.Baked(domain=domain):
            return f"bake before domain {domain} passed"
        case event.Closed(outcome=outcome, reason=reason):
            return f"ENDS as {outcome}: {reason}"
        case event.TurnedBack(reason=reason):
            return f"goes back: {reason}"
        case event.HeldOnFailure(reason=reason) | event.Escalated(reason=reason):
            return f"waits for a person: {reason}"
        case event.TakenOver(detail=detail) | sight_event.Blinded(detail=detail):
            return detail
        case fleet_event.Halted(reason=reason) | fleet_event.RolloutClosed(reason=reason):
            return f"{_name(entry)}: {reason}"
        case _:
            return _name(entry)


def _name(entry: Entry) -> str:
    fields = msgspec.to_builtins(entry.fact)
    shown = [str(value) for name, value in fields.items() if name != "type" and isinstance(value, str | int | float)]
    return " ".join([str(fields["type"]).replace("_", " "), *shown])
