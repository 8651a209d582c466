"""What a soak comes to: samples, slopes, and the plot of both."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

WARM_SHARE: Final = 0.2
"""The first part, in which caches fill, is not counted into slopes."""


class Sample(msgspec.Struct, frozen=True):
    """What the daemon held at one moment."""

    at_s: float
    """Since the soak began."""
    rss_bytes: int
    descriptors: int
    tasks: int
    loop_lag_s: float
    """The worst within the minute before."""
    position: int
    rollouts: int
    """Closed so far."""
    load: float = 0.0
    """The machine's load average of a minute: what else it had to do."""


class Soak(msgspec.Struct, frozen=True):
    """A whole soak."""

    seconds: float
    samples: tuple[Sample, ...]
    slopes_per_hour: dict[str, float]
    """Of `rss_bytes`, `descriptors`, `tasks` and `loop_lag_s`, by least squares, without the first part."""
    slope_per_rollout_bytes: float
    """Resident memory for each rollout that was closed."""
    words: int
    events: int
    """Heard by the reader."""
    asked_again: int = 0
    """Requests that were turned away for a while."""


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Give the slope of the line of least squares; 0 where there is none."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


def judged(samples: Sequence[Sample], seconds: float, words: int, events: int) -> Soak:
    """Sum samples up."""
    warm = [each for each in samples if each.at_s >= WARM_SHARE * seconds] or list(samples)
    of_time = {
        name: 3_600 * slope([(each.at_s, float(getattr(each, name))) for each in warm])
        for name in ("rss_bytes", "descriptors", "tasks", "loop_lag_s")
    }
    each_rollout = slope([(float(each.rollouts), float(each.rss_bytes)) for each in warm])
    return Soak(seconds, tuple(samples), of_time, each_rollout, words, events)


def draw(found: Soak, file: Path, *, of: str) -> None:
    """Draw the four quantities over time."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    minutes = [each.at_s / 60 for each in found.samples]
    figure, axes = plt.subplots(4, 1, sharex=True, figsize=(8.5, 7.5))
    shown = [
        ("rss_bytes", 1 / (1 << 20), "resident, MiB", "MiB"),
        ("descriptors", 1.0, "descriptors", ""),
        ("tasks", 1.0, "tasks", ""),
        ("loop_lag_s", 1_000.0, "worst loop lag of a minute, ms", "ms"),
    ]
    for axis, (name, scale, title, unit) in zip(axes, shown, strict=True):
        axis.plot(minutes, [getattr(each, name) * scale for each in found.samples], color="#1f6f8b", linewidth=1)
        axis.set_ylim(bottom=0)
        axis.set_title(f"{title}: {found.slopes_per_hour[name] * scale:+.3g} {unit} an hour", loc="left", fontsize=9)
    last = found.samples[-1]
    axes[-1].set_xlabel(f"minutes; {last.rollouts} {of}, {last.position} entries, faults on")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
