"""The plots that the README shows, drawn from reports: one file for each picture, SVG that loads nothing."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from bench import track
from bench.report import Report, Row
from bench.skipped import Skipped

OURS: Final = "#1f6f8b"
OTHERS: Final = "#b0b7bd"
FLAGGED: Final = "#c0392b"
_WIDTH_IN: Final = 8.5
_BAR_IN: Final = 0.34
_FOOT_IN: Final = 0.2


def draw(reports: Iterable[Report], folder: Path) -> list[Path]:
    """Draw what there are figures for, and give the files. Raises Skipped without matplotlib."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise Skipped("matplotlib is not installed: pip install 'rollout-engine[bench]'") from None
    mpl.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    drawn = []
    for report in reports:
        for name, paint in _PICTURES.get(report.subject, ()):
            picture = paint(report)
            if picture is not None:
                target = folder / f"{name}.svg"
                picture.savefig(target, metadata={"Date": None}, bbox_inches="tight")
                drawn.append(target)
    return drawn


def _by_client(report: Report) -> Any:
    """Show polls per CPU second, a bar for each client."""
    bars = [(row.name, row) for row in report.rows]
    title = "Polls per CPU second of one core, each client at its own best concurrency"
    return _bars(report, bars, "polls_per_cpu_s", title, "polls per CPU second (log scale)")


def _largest(report: Report) -> Any:
    """Show the largest N held at one second, a bar for each client."""
    rows = [row for row in report.rows if row.name.startswith(track.SEARCHED)]
    bars = [(row.name.removeprefix(track.SEARCHED), row) for row in rows]
    title = "Operations followed in time: each polled every second, p99 late by less than 0.1 s"
    return _bars(report, bars, "operations", title, "operations (log scale)")


def _bars(report: Report, bars: Sequence[tuple[str, Row]], key: str, title: str, label: str) -> Any:
    figures = [(name, found) for name, row in bars if (found := row.figure(key)) is not None]
    if not figures:
        return None
    picture, axes = _paper(report, title, _BAR_IN * len(figures) + 1.2)
    places = range(len(figures))
    medians = [found.median for _, found in figures]
    spread = [[found.median - found.low for _, found in figures], [found.high - found.median for _, found in figures]]
    colours = [OURS if each.startswith("ours") else OTHERS for each, _ in figures]
    axes.barh(places, medians, xerr=spread, color=colours, error_kw={"elinewidth": 0.8})
    axes.set_yticks(places, [each for each, _ in figures])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel(label)
    for place, median in zip(places, medians, strict=True):
        axes.annotate(f" {median:,.0f}", (median, place), va="center", xytext=(8, 0), textcoords="offset points")
    axes.margins(x=0.15)
    return picture


def _cost_by_count(report: Report) -> Any:
    """Show CPU per poll against N: it has to fall or stay level."""
    rows = [row for row in report.rows if row.name.startswith(track.BY_COUNT) and row.readings]
    points = [(row.values("operations")[0], row.figure("us_per_poll")) for row in rows]
    known = [(count, found.median) for count, found in points if found is not None]
    if not known:
        return None
    picture, axes = _paper(report, "CPU per poll against the number of operations (1 s period, pipelined x16)", 3.6)
    axes.plot(*zip(*known, strict=True), marker="o", color=OURS)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations followed (log scale)")
    axes.set_ylabel("CPU per poll, µs (log scale)")
    for count, cost in known:
        axes.annotate(f"{cost:.3g} µs", (count, cost), xytext=(4, 6), textcoords="offset points")
    return picture


def _commits(report: Report) -> Any:
    """Show durable appends against writers that share a commit."""
    rows = [(int(row.name.split()[0]), row.figure("entries_per_s")) for row in report.rows]
    known = [(writers, found) for writers, found in rows if found is not None]
    if not known:
        return None
    picture, axes = _paper(report, "Durable journal entries per second (SQLite, synchronous=FULL)", 3.6)
    writers, rates = zip(*((count, found.median) for count, found in known), strict=True)
    axes.fill_between(writers, [f.low for _, f in known], [f.high for _, f in known], color=OURS, alpha=0.2)
    axes.plot(writers, rates, marker="o", color=OURS)
    axes.set_xscale("log")
    axes.set_xticks(writers, [f"{each}" for each in writers], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_yscale("log")
    axes.set_xlabel("writers that wait at once")
    axes.set_ylabel("entries per second (log scale)")
    return picture


def _paper(report: Report, title: str, height_in: float) -> tuple[Any, Any]:
    """Give a figure with its axes, its title and the machine below."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(_WIDTH_IN, height_in))
    axes = picture.add_subplot()
    axes.set_title(title, loc="left", fontweight="bold")
    axes.grid(visible=True, which="major", axis="both", alpha=0.25)
    axes.set_axisbelow(True)
    machine = report.machine
    said, colour = f"{machine}; load {machine.load_before} before", "#555555"
    if machine.busy:
        said, colour = f"BUSY MACHINE, not to be quoted: {said}", FLAGGED
    picture.text(0.01, -_FOOT_IN / height_in, said, fontsize=7, color=colour)
    return picture, axes


_PICTURES: Final[dict[str, tuple[tuple[str, Callable[[Report], Any]], ...]]] = {
    "peers": (("polls-by-client", _by_client),),
    "track": (("cost-by-count", _cost_by_count), ("operations-by-client", _largest)),
    "journal": (("journal-appends", _commits),),
}
