"""The plan as a picture: services over time, their legs, waves, bakes and windows; for twelve services and for 500."""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from rollout.core.explain import spell
from rollout.planning.document import PlanDocument, PlannedService, PlannedWave
from rollout.planning.spans import Span

WIDTH: Final = 1200
LEFT: Final = 210
RIGHT: Final = 24
TOP: Final = 96
BODY: Final = 1400
"""How high all rows together may be before they grow thin."""
ROW_MIN: Final = 2.0
ROW_MAX: Final = 18.0
NAMED_FROM: Final = 10.0
"""Rows as high as this have their names beside them."""
GAP: Final = 26
"""Above each wave, for its name."""
TICKS_MAX: Final = 9
STEPS_S: Final = (60, 300, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000)
DAY_S: Final = 86_400
NAME_CHARS_MAX: Final = 26
BEGIN: Final = "#8a94a6"
DOMAINS: Final = ("#2f6fb0", "#6ba3d6")
"""Domain after domain in turn, so that each can be told from the next."""
COLOURS: Final = {
    "begin": BEGIN,
    "copy": BEGIN,
    "update": "#2f6fb0",
    "swap": "#7d4fa3",
    "status": "#2f6fb0",
    "instance": "#2f6fb0",
    "gate": "#6ba3d6",
    "bake": "#e0a030",
    "first bake": "#e0a030",
}
IDLE_SHARE: Final = 0.3
MARGIN: Final = 0.02
NAME_EVERY: Final = 42.0
"""Thin rows have the name of one of them beside them, so many units apart."""
LEGEND: Final = (
    ("begin", BEGIN),
    ("domain and its gate", DOMAINS[0]),
    ("bake", COLOURS["bake"]),
    ("swap", COLOURS["swap"]),
    ("window open", "#dcefdc"),
    ("expected end", "#1d7a46"),
    ("latest end", "#b3261e"),
)


def picture(document: PlanDocument) -> str:
    """Draw the document as an SVG that stands alone: no script, no font, nothing from outside."""
    return "\n".join(_Picture(document).lines()) + "\n"


class _Picture:
    """One drawing under way."""

    def __init__(self, document: PlanDocument) -> None:
        self._document = document
        finish = document.finish
        ends = [span.to_s for each in document.services for span in each.spans]
        ends += [bake.to_s for wave in document.waves for bake in wave.bakes]
        until_s = max([*ends, finish.expected_s or 0.0, finish.latest_s or 0.0, 60.0])
        first_s = min((span.from_s for each in document.services for span in each.spans), default=0.0)
        idle = first_s > IDLE_SHARE * until_s
        self._from_s = first_s - MARGIN * (until_s - first_s) if idle else 0.0
        """Where nothing happens for a long time, such as before the first window, nothing is drawn."""
        self._until_s = until_s + MARGIN * (until_s - self._from_s)
        self._row = min(max(BODY / max(len(document.services), 1), ROW_MIN), ROW_MAX)
        self._by_name = {each.service: each for each in document.services}
        self._height = TOP + sum(GAP + self._row * len(wave.services) for wave in document.waves) + 56

    def lines(self) -> Iterator[str]:
        document = self._document
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self._height:.0f}" '
            f'viewBox="0 0 {WIDTH} {self._height:.0f}" font-family="DejaVu Sans, Verdana, sans-serif" font-size="12">'
        )
        yield f"<title>{escape(f'{document.rollout}: {document.summary}')}</title>"
        yield f'<rect width="{WIDTH}" height="{self._height:.0f}" fill="#ffffff"/>'
        yield _text(16, 28, document.rollout, size=18, weight="bold")
        yield _text(16, 48, _cut(document.summary, 150), fill="#444444")
        yield from self._legend()
        yield from self._axis()
        top = float(TOP)
        for wave in document.waves:
            yield from self._wave(wave, top)
            top += GAP + self._row * len(wave.services)
        yield from self._ends()
        yield "</svg>"

    def _x(self, seconds: float) -> float:
        share = (max(seconds, self._from_s) - self._from_s) / (self._until_s - self._from_s)
        return LEFT + (WIDTH - LEFT - RIGHT) * share

    # --- around ---

    def _legend(self) -> Iterator[str]:
        x = 16.0
        for name, colour in LEGEND:
            yield f'<rect x="{x:.0f}" y="58" width="12" height="12" fill="{colour}"/>'
            yield _text(x + 17, 68, name, size=11, fill="#444444")
            x += 34 + 6.7 * len(name)

    def _axis(self) -> Iterator[str]:
        shown_s = self._until_s - self._from_s
        step_s = next((step for step in STEPS_S if shown_s / step <= TICKS_MAX), STEPS_S[-1])
        begins, bottom = self._document.begins_wall, self._height - 44
        day = ""
        for number in range(ceil(self._from_s / step_s), int(self._until_s // step_s) + 1):
            seconds = number * step_s
            moment = datetime.fromtimestamp(begins + seconds, UTC)
            x, this_day = self._x(seconds), moment.strftime("%d %b")
            yield f'<line x1="{x:.1f}" y1="{TOP - 10}" x2="{x:.1f}" y2="{bottom:.0f}" stroke="#e3e6ea"/>'
            yield _text(x, TOP - 14, f"+{spell(seconds)}" if seconds else "0", size=11, anchor="middle", fill="#444444")
            if step_s < DAY_S:
                yield _text(x, bottom + 14, moment.strftime("%H:%M"), size=11, anchor="middle", fill="#444444")
            if this_day != day:
                yield _text(x, bottom + 29, this_day, size=11, anchor="middle", fill="#444444")
            day = this_day
        yield _text(16, bottom + 14, "clock, UTC", size=11, fill="#444444")

    def _ends(self) -> Iterator[str]:
        finish, bottom = self._document.finish, self._height - 44
        for seconds, colour in ((finish.expected_s, "#1d7a46"), (finish.latest_s, "#b3261e")):
            if seconds is not None:
                x = self._x(seconds)
                yield (
                    f'<line x1="{x:.1f}" y1="{TOP - 10}" x2="{x:.1f}" y2="{bottom:.0f}" stroke="{colour}" '
                    'stroke-width="1.5" stroke-dasharray="5 3"/>'
                )

    # --- waves and services ---

    def _wave(self, wave: PlannedWave, top: float) -> Iterator[str]:
        first, height = top + GAP, self._row * len(wave.services)
        for opens_s, closes_s in self._document.open_windows.get(wave.wave, ()):
            yield self._rect(opens_s, min(closes_s, self._until_s), first, height, "#dcefdc")
        said = f"{wave.wave}: {len(wave.services)} service{'' if len(wave.services) == 1 else 's'}"
        said += f", at most {wave.effective} at a time ({wave.bound_by})"
        said += f", {wave.approve}" if wave.approve else ""
        said += "" if not wave.windows else f", {'; '.join(wave.windows)}"
        yield f'<line x1="16" y1="{first - 3:.1f}" x2="{WIDTH - RIGHT}" y2="{first - 3:.1f}" stroke="#9aa3ad"/>'
        yield _text(16, first - 8, _cut(said, 160), weight="bold")
        for bake in wave.bakes:
            yield self._rect(bake.from_s, bake.to_s, first, height, COLOURS["bake"], opacity=0.35, title=_span(bake))
        for number, name in enumerate(wave.services):
            yield from self._service(self._by_name[name], first + self._row * number)
            if self._row < NAMED_FROM and number % ceil(NAME_EVERY / self._row) == 0:
                y = first + self._row * number
                yield _text(LEFT - 8, y + 8, _cut(name, NAME_CHARS_MAX), size=10, anchor="end", fill="#444444")

    def _service(self, service: PlannedService, top: float) -> Iterator[str]:
        if self._row >= NAMED_FROM:
            fill = "#b3261e" if service.standing == "blocked" else "#222222"
            name = _cut(service.service, NAME_CHARS_MAX)
            yield _text(LEFT - 8, top + self._row * 0.72, name, size=11, anchor="end", fill=fill)
            if not service.spans:
                yield _text(LEFT + 6, top + self._row * 0.72, _cut(f"{service.standing}: {service.why}", 120), size=11)
        inset = 1.5 if self._row >= NAMED_FROM else 0.0
        for span in service.spans:
            colour = COLOURS.get(span.what, BEGIN) if span.what != "domain" else DOMAINS[(span.domain or 0) % 2]
            title = f"{service.service}: {_span(span)}"
            yield self._rect(span.from_s, span.to_s, top + inset, self._row - 2 * inset, colour, title=title)

    def _rect(
        self,
        from_s: float,
        to_s: float,
        top: float,
        height: float,
        colour: str,
        *,
        opacity: float = 1.0,
        title: str = "",
    ) -> str:
        x, width = self._x(from_s), max(self._x(to_s) - self._x(from_s), 0.4)
        seen = "" if opacity == 1.0 else f' fill-opacity="{opacity:g}"'
        place = f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"{seen}'
        return f"{place}><title>{escape(title)}</title></rect>" if title and self._row >= NAMED_FROM else f"{place}/>"


def _span(span: Span) -> str:
    what = span.what if span.domain is None else f"{span.what} {span.domain}"
    return f"{what}, {spell(span.to_s - span.from_s)} from +{spell(span.from_s)}"


def _text(
    x: float,
    y: float,
    said: str,
    *,
    size: int = 12,
    anchor: str = "start",
    weight: str = "normal",
    fill: str = "#222222",
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
        f"fill={quoteattr(fill)}>{escape(said)}</text>"
    )


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else text[: characters - 1] + "…"
