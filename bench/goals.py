"""The goals, row by row, against what was measured: `must` holds everywhere, `aim` is the ambition, `best` the dream.

Everything is a ratio within one run, a bound of the engine's own, or a count. Where a subject was not measured, its
goals say so.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from rich.table import Table

from bench import adaptive, track, ui
from bench.report import Report, Row, number

Reports = Mapping[str, Report]
Value = Callable[[Reports], float]
NAN: Final = math.nan


class Goal(msgspec.Struct, frozen=True):
    """One figure and its marks; without a mark the figure is only told."""

    name: str
    value: Value
    must: float = NAN
    aim: float = NAN
    best: float = NAN
    less: bool = False
    """Less is better."""

    def verdict(self, value: float) -> str:
        """Give the highest mark that is reached; `missed` where a mark of its own kind is not."""
        if math.isnan(value):
            return "not measured"
        marks = [(name, getattr(self, name)) for name in ("best", "aim", "must")]
        known = [(name, mark) for name, mark in marks if not math.isnan(mark)]
        reached = (name for name, mark in known if (value <= mark if self.less else value >= mark))
        return next(reached, "missed" if known else "")


def judged(reports: Reports) -> Table:
    """Show every goal with its figure."""
    quick = any(report.quick for report in reports.values())
    title = "Goals (of a quick run: its counts are a fifth of those named)" if quick else "Goals"
    shown = Table(title=title, title_justify="left")
    for title in ("", "measured", "must", "aim", "best", ""):
        shown.add_column(title, justify="left" if not title else "right", no_wrap=not title)
    for goal in GOALS:
        value = found(goal, reports)
        marks = [number(mark) for mark in (goal.must, goal.aim, goal.best)]
        shown.add_row(goal.name, number(value), *marks, goal.verdict(value))
    return shown


def found(goal: Goal, reports: Reports) -> float:
    """Give a goal's figure; NaN where its subject or row was not measured."""
    try:
        return goal.value(reports)
    except (KeyError, ZeroDivisionError):
        return NAN


def _median(row: Row, key: str) -> float:
    figure = row.figure(key)
    return NAN if figure is None else figure.median


def _of(subject: str, name: str, key: str) -> Value:
    """Give the median of a row by the beginning of its name, which ends with the counts of the run's size."""
    return lambda reports: _median(_row(reports[subject], name), key)


def _row(report: Report, name: str) -> Row:
    found_row = next((row for row in report.rows if row.name == name), None)
    return found_row or next((row for row in report.rows if row.name.startswith(name)), None) or report.row(name)


def _times_n(ours: str) -> Value:
    """Give the largest N of one of ours as a multiple of plain aiohttp's."""

    def value(reports: Reports) -> float:
        held, plain = (
            _median(reports["track"].row(track.SEARCHED + name), "operations")
            for name in (ours, "plain aiohttp, a task each, uvloop")
        )
        return held / plain

    return value


def _above_floor(reports: Reports) -> float:
    """Give the 99th percentile of detection above the floor of a fixed period, as a share of it."""
    row = _row(reports["track"], f"{track.PIPELINED.name}: ")
    period_s = _median(row, "period_s")
    return (_median(row, "detection_p99_s") - 0.99 * period_s) / period_s


def _over_tls(reports: Reports) -> float:
    report = reports["peers"]
    plain, secured = (report.row(f"ours, depth 1, uvloop{more}") for more in ("", ", mutual TLS"))
    return _median(secured, "us_per_poll") / _median(plain, "us_per_poll")


def _ahead(reports: Reports) -> float:
    """Count the peers that make more of a CPU second than ours at depth 1 on the stock loop."""
    report = reports["peers"]
    ours = _median(report.row("ours, depth 1, asyncio"), "polls_per_cpu_s")
    others = [row for row in report.rows if not row.name.startswith(("ours", "wrk")) and row.readings]
    return sum(_median(row, "polls_per_cpu_s") > ours for row in others)


def _growth(reports: Reports) -> float:
    """Give CPU per poll at the largest N against the least at any smaller one."""
    costs = [_median(row, "us_per_poll") for row in reports["track"].rows if row.name.startswith(track.BY_COUNT)]
    known = [cost for cost in costs if not math.isnan(cost)]
    return known[-1] / min(known[:-1]) if len(known) > 1 else NAN


def _untold(reports: Reports) -> float:
    return sum(sum(row.values("untold")) for row in reports["track"].rows)


def _worst_saving(reports: Reports) -> float:
    rows = [row for row in reports["adaptive"].rows if "price" in row.name]
    return 100 * min(_median(row, "saved") for row in rows)


def _saving(shape: int, timetable: str) -> Value:
    name = f"{adaptive.SHAPES[shape].name}: price {adaptive.PRICES_S[0]:g} s, {timetable}"
    return lambda reports: 100 * _median(reports["adaptive"].row(name), "saved")


def _crowd(name: str, key: str) -> Value:
    return lambda reports: _median(
        next(row for row in reports["adaptive"].rows if row.name.endswith(f"walk-like: {name}")), key
    )


_LEARNED: Final = f"learned from {adaptive.LEARNED_FROM}"
_LISTED: Final = "listing each 5 s, 100 a page"
GOALS: Final = (
    Goal("polls per core, depth 1, uvloop, x plain aiohttp", _of("peers", "ours, depth 1, uvloop", "of_plain"), 5, 8),
    Goal("polls per core, depth 1, asyncio, x plain aiohttp", _of("peers", "ours, depth 1, asyncio", "of_plain"), 2, 4),
    Goal("polls per core, depth 1, uvloop, x SDK", _of("peers", "ours, depth 1, uvloop", "of_sdk"), 30, 50),
    Goal(
        "CPU per request, depth 1, uvloop, x wrk", _of("peers", "ours, depth 1, uvloop", "of_wrk"), 3, 2, 1.5, less=True
    ),
    Goal("the same with httptools", _of("peers", "ours, depth 1, uvloop, httptools", "of_wrk"), 3, 2, 1.5, less=True),
    Goal(
        "polls per core, pipelined, uvloop, x plain aiohttp",
        _of("peers", "ours, pipelined x16, uvloop", "of_plain"),
        NAN,
        15,
    ),
    Goal("CPU per poll over mutual TLS, depth 1, x plain", _over_tls, NAN, 1.5, less=True),
    Goal("peers ahead of ours at depth 1 on the stock loop", _ahead, 0, less=True),
    Goal("largest N at 1 s, depth 1, x plain aiohttp", _times_n("ours, depth 1, uvloop"), 5, 12),
    Goal("the same with httptools", _times_n("ours, depth 1, uvloop, httptools"), 5, 12),
    Goal(
        "depth 1, 50,000 at 1 s: p99 late, share of P",
        _of("track", f"{track.DEPTH_1.name}: ", "late_p99_s"),
        0.1,
        less=True,
    ),
    Goal(
        "pipelined, 100,000 at 1 s: p99 late, ms",
        lambda r: 1e3 * _of("track", f"{track.PIPELINED.name}: ", "late_p99_s")(r),
        20,
        less=True,
    ),
    Goal("told p99 above the floor of a fixed period, share of P", _above_floor, 0.1, less=True),
    Goal(
        "bytes per operation at 100,000, at the peak",
        _of("track", f"{track.PIPELINED.name}: ", "peak_bytes_per_op"),
        1000,
        400,
        256,
        less=True,
    ),
    Goal(
        "1,000,000 at 5 s: p99 late, ms",
        lambda r: 1e3 * _of("track", f"{track.PIPELINED.name}, a million: ", "late_p99_s")(r),
        500,
        50,
        less=True,
    ),
    Goal(
        "1,000,000 at 5 s: bytes per operation, at the peak",
        _of("track", f"{track.PIPELINED.name}, a million: ", "peak_bytes_per_op"),
        NAN,
        NAN,
        256,
        less=True,
    ),
    Goal("1,000,000 at 30 s by listing: held", _of("track", "by listing", "held"), 1),
    Goal("CPU per poll at the largest N, x the least at a smaller one", _growth, 1.1, less=True),
    Goal("endings nobody was told of, over all rows", _untold, 0, less=True),
    Goal("learned intervals: worst saving on any shape and model, %", _worst_saving, -5),
    Goal("saved at sigma 0.35, known shape, %", _saving(0, "known shape"), NAN, 30),
    Goal("saved at sigma 0.35, learned, %", _saving(0, _LEARNED), NAN, 30),
    Goal("saved at sigma 0.6, known shape, %", _saving(1, "known shape"), NAN, 15),
    Goal("saved at sigma 0.6, learned, %", _saving(1, _LEARNED), NAN, 15),
    Goal(
        "x best possible product at sigma 0.35, learned",
        _of("adaptive", f"{adaptive.SHAPES[0].name}: price 0.25 s, {_LEARNED}", "of_bound"),
        NAN,
        NAN,
        1.1,
        less=True,
    ),
    Goal("listing, 1,000 at once: x fewer requests than each 5 s", _crowd(_LISTED, "times_fewer"), NAN, 10, 20),
    Goal("the same: mean delay, s", _crowd(_LISTED, "delay_s")),
    Goal("1,000 in one subscription at 7.5 reads/s: mean delay, s", _crowd(f"{_LISTED}, 7.5 reads/s", "delay_s")),
    Goal("10,000 services on the direct lane: services/s", _of("fleet", "direct lane, 10,000", "services_per_s")),
    Goal("the same: CPU-ms per service", _of("fleet", "direct lane, 10,000", "cpu_ms_per_service")),
    Goal("the same: peak RSS, MB", lambda r: 1e-6 * _of("fleet", "direct lane, 10,000", "rss")(r), NAN, 150, less=True),
    Goal(
        "recovery of 10,000 in flight: full round after, s",
        _of("recover", "10,000 in flight", "round_s"),
        NAN,
        2,
        less=True,
    ),
    Goal(
        "dashboard, 1,000 x 5 at 1,800 changes/s: frame p50, ms",
        lambda r: 1e3 * _of("ui", ui.LOADED, "frame_p50_s")(r),
        NAN,
        20,
        less=True,
    ),
)
