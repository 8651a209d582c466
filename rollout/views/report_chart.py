"""The picture of a report: services by time, what each stretch was spent on, waves, the plan and the deadline. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

import msgspec

from rollout.core.names import ServiceName
from rollout.policy.duration import format_duration
from rollout.views.html import Markup, tag
from rollout.views.report import PlannedWave, Report
from rollout.views.report_lines import Bar, Line

WIDTH: Final = 1180.0
LABELS: Final = 190.0
"""Room for names on the left."""
AXIS: Final = 50.0
HEAD: Final = 26.0
"""Above the lines of each wave."""
DENSE: Final = 10.0
"""Lower rows have no room for names, but of those that did not end well."""
TICKS_MAX: Final = 9
THIN: Final = 0.6
"""A narrower bar is part of the one before: nobody could see it."""
PLANNED_MAX: Final = 3.0
"""Once it is over, the plan is shown as far as so many times what it really took."""
LABEL_GAP: Final = 10.0
LABEL_ROOM: Final = 60.0
LABEL_CHARS: Final = 28
_STEPS_S: Final = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200),
    *(86_400, 172_800, 604_800, 2_592_000, 31_536_000),
)
_ROWS: Final = ((40, 20.0), (120, 12.0), (250, 6.0), (1_000, 3.5))
"""So high are rows where there are at most so many."""
_GOOD: Final = frozenset({"succeeded", "unchanged"})


class _Scale(msgspec.Struct, frozen=True):
    """From moments to places."""

    from_at: float
    to_at: float
    row: float

    def x(self, at: float) -> float:
        """Give the place of a moment, kept inside the picture."""
        share = (at - self.from_at) / (self.to_at - self.from_at)
        return LABELS + min(max(share, 0.0), 1.0) * (WIDTH - LABELS - 14.0)


def chart(report: Report) -> Markup:
    """Draw the picture; its rows are as high as their number allows."""
    waves = [(name, list(lines)) for name, lines in groupby(report.services, key=lambda line: line.wave)]
    scale = _scale(report, len(report.services))
    height = AXIS + sum(HEAD + scale.row * len(lines) + 6.0 for _, lines in waves) + 12.0
    parts = [_axis(scale, height), *_dates(report, scale, height)]
    top = AXIS
    for number, (name, lines) in enumerate(waves):
        parts.append(_wave(report, name, lines, scale, (top, number)))
        top += HEAD + scale.row * len(lines) + 6.0
    said = f"{len(report.services)} lines over {format_duration(round(scale.to_at - scale.from_at))}"
    label = f"Timeline of {report.rollout.id}: {said}"
    return tag("svg", parts, viewBox=f"0 0 {WIDTH:g} {height:g}", role="img", aria_label=label, class_="chart")


def _scale(report: Report, lines: int) -> _Scale:
    from_at, to_at = report.rollout.opened_at, report.ended_at or report.written_at
    planned = [each.to_at for each in report.expected.values()]
    planned += [at for at in (report.expected_finish_at,) if at is not None]
    longest_at = max([to_at, *planned])
    if report.ended_at is not None:
        # A plan made for a fleet that is hundreds of times slower must not leave what happened without room.
        longest_at = min(longest_at, from_at + PLANNED_MAX * (to_at - from_at))
    to_at = max(to_at, longest_at)
    row = next((height for most, height in _ROWS if lines <= most), 2.0)
    return _Scale(from_at, max(to_at, from_at + 0.1), row)


def _axis(scale: _Scale, height: float) -> Markup:
    span_s = scale.to_at - scale.from_at
    step_s = next((step for step in _STEPS_S if span_s / step <= TICKS_MAX), _STEPS_S[-1])
    marks: list[Markup] = []
    number = 0
    while number * step_s <= span_s * 1.0001:
        x = scale.x(scale.from_at + number * step_s)
        elapsed = "start" if number == 0 else f"+{format_duration(round(number * step_s, 1))}"
        clock = datetime.fromtimestamp(scale.from_at + number * step_s, UTC)
        shown = clock.strftime("%H:%M:%S" if step_s < 60 else "%H:%M")  # noqa: PLR2004 - a minute
        if x > WIDTH - LABEL_ROOM:
            break
        marks += [
            tag("line", x1=x, x2=x, y1=AXIS - 6, y2=height - 12, class_="grid"),
            tag("text", elapsed, x=x + 2, y=14.0, class_="tick"),
            tag("text", f"{shown}Z", x=x + 2, y=28.0, class_="tick dim"),
        ]
        number += 1
    return tag("g", marks)


def _dates(report: Report, scale: _Scale, height: float) -> Iterator[Markup]:
    """Draw the moments that the plan named."""
    dates = [
        (report.expected_finish_at, "expected finish", "planned"),
        (report.rollout.deadline_at, "deadline", "late"),
    ]
    for at, what, kind in dates:
        if at is not None and scale.from_at <= at <= scale.to_at:
            x = scale.x(at)
            yield tag("line", x1=x, x2=x, y1=AXIS - 16, y2=height - 12, class_=f"date {kind}")
            yield tag("text", what, x=x - 4, y=AXIS - 7, text_anchor="end", class_=f"tick {kind}")


def _wave(report: Report, name: str, lines: Sequence[Line], scale: _Scale, place: tuple[float, int]) -> Markup:
    top, number = place
    height = HEAD + scale.row * len(lines) + 4.0
    planned = next(wave for wave in report.waves if wave.name == name)
    well = sum(line.outcome in _GOOD for line in lines)
    head = f"wave {_cut(name)}: {well} of {planned.services} well, at most {planned.max_parallel} at a time"
    parts = [
        tag("rect", x=0, y=top, width=WIDTH, height=height, class_=f"band{number % 2}"),
        tag("text", head, x=6.0, y=top + 14.0, class_="wave"),
        *_strips(planned, scale, top + 18.0),
    ]
    last_label = -LABEL_GAP
    for at, line in enumerate(lines):
        y = top + HEAD + at * scale.row
        labelled = y - last_label >= LABEL_GAP and (scale.row >= DENSE or line.outcome not in _GOOD)
        last_label = y if labelled else last_label
        parts.append(_line(report, line, scale, y, labelled=labelled))
    return tag("g", parts)


def _strips(wave: PlannedWave, scale: _Scale, y: float) -> Iterator[Markup]:
    """Draw what a wave as a whole waited for: people's approval, and being watched at its end."""
    for kind, stretches, what in (("person", wave.asked, "an approval"), ("gate", wave.watched, "its bake")):
        for from_at, to_at in stretches:
            x1, x2 = scale.x(from_at), scale.x(to_at)
            told = tag("title", f"wave {wave.name}: {what}, {_spell(to_at - from_at)}")
            yield tag("g", told, tag("rect", x=x1, y=y, width=max(x2 - x1, 2.0), height=5, class_=f"bar {kind}"))


def _line(report: Report, line: Line, scale: _Scale, y: float, *, labelled: bool) -> Markup:
    height = max(scale.row - 4.0, scale.row * 0.75)
    parts = [tag("title", _told(line))]
    if labelled:
        name = line.service if line.attempt == 1 else f"{line.service} #{line.attempt}"
        bad = line.outcome is not None and line.outcome not in _GOOD
        size = min(max(scale.row * 0.6, 9.0), 12.0)
        kind = "name bad" if bad else "name"
        parts.append(
            tag("text", _cut(name), x=LABELS - 8, y=y + height * 0.5 + size * 0.35, font_size=size, class_=kind)
        )
    dense = scale.row < DENSE
    if line.attempt == 1 and (expected := report.expected.get(ServiceName(line.service))) is not None:
        x1, x2 = scale.x(expected.from_at), scale.x(expected.to_at)
        shape = {"y": y, "height": scale.row} if dense else {"y": y + height + 0.5, "height": 1.5}
        parts.append(tag("rect", x=x1, width=max(x2 - x1, 1.0), class_="shade" if dense else "expected", **shape))
    parts += [
        tag("rect", x=scale.x(bar.from_at), y=y, width=_width(bar, scale), height=height, class_=f"bar {bar.kind}")
        for bar in _visible(line.bars, scale)
    ]
    well = line.outcome in _GOOD
    if line.ended_at is not None and line.begun_at is not None and not (dense and well):
        kind, radius = "end well" if well else "end bad", 3.5 if dense else 4.5
        parts.append(tag("circle", cx=scale.x(line.ended_at), cy=y + height / 2, r=radius, class_=kind))
    return tag("g", parts)


def _visible(bars: Sequence[Bar], scale: _Scale) -> list[Bar]:
    """Join what touches and is alike, and give what is too narrow to be seen to its neighbour."""
    found: list[Bar] = []
    for bar in bars:
        last = found[-1] if found else None
        touches = last is not None and last.to_at == bar.from_at
        if last is not None and touches and (last.kind is bar.kind or _width(bar, scale) < THIN):
            found[-1] = msgspec.structs.replace(last, to_at=bar.to_at)
        else:
            found.append(bar)
    return found


def _width(bar: Bar, scale: _Scale) -> float:
    return max(scale.x(bar.to_at) - scale.x(bar.from_at), THIN)


def _told(line: Line) -> str:
    took = "" if line.begun_at is None or line.ended_at is None else f" in {_spell(line.ended_at - line.begun_at)}"
    stands = line.outcome or line.phase.replace("_", " ")
    return f"{line.service} (wave {line.wave}): {stands}{took}{f'; {line.reason}' if line.reason else ''}"


def legend() -> Markup:
    """Say what the colours mean."""
    kinds = {
        "work": "the platform at work",
        "gate": "checks and bakes",
        "waits": "held by a rule or a word",
        "back": "going back",
        "person": "waits for a person",
    }
    kinds |= {"well": "ended well", "bad": "ended otherwise", "plan": "as planned"}
    return tag(
        "p", [tag("span", tag("i", class_=f"key {kind}"), words) for kind, words in kinds.items()], class_="legend"
    )


def _spell(seconds: float) -> str:
    return format_duration(round(max(seconds, 0.0), 1 if seconds < LABEL_GAP else 0))


def _cut(text: str) -> str:
    return text if len(text) <= LABEL_CHARS else f"{text[: LABEL_CHARS - 1]}…"
