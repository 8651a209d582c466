"""A rehearsed seed as a timeline for people: what was recorded, what took effect, who died when. Pure."""

from typing import Final

from rollout.core.event import Entry
from rollout.core.names import is_service_stream, parse_service_stream
from rollout.simulation.play import Played
from rollout.views.facts import said
from rollout.views.text import one_line

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
    return f"{whose:{SERVICE_WIDTH}}  {one_line(said(entry))}"
