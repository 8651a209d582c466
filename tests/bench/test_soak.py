"""The soak, short: a daemon at work holds no more of the machine at its end than in its middle."""

import os
from pathlib import Path

import pytest

from bench.soak import soak
from bench.soak_figures import Sample, draw, judged, slope

LONG = bool(os.environ.get("ROLLOUT_LONG"))
SECONDS = 1_800.0 if LONG else 10.0
RSS_PER_ROLLOUT_MAX = 24 * (1 << 10)
"""Of one closed rollout of twenty services. Measured over 30 minutes and 1,602 rollouts: 17.0 KB (48 MiB an hour at
3,200 rollouts an hour), and no other growth: descriptors and tasks were flat. Bounded by rollout and not by hour:
how many close within an hour depends on the machine. About 9 KB of it are what the ledger knows of every rollout and
stream for ever (plans, versions, names); the rest is what the allocator does not give back. A leak of something of a
kilobyte at each of the 124 entries of such a rollout would be five times as much."""


def sample(at_s: float, rss_bytes: int) -> Sample:
    return Sample(at_s, rss_bytes, descriptors=10, tasks=20, loop_lag_s=0.0, position=1, rollouts=int(at_s))


def test_the_slope_is_that_of_the_line_of_least_squares() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == 2.0
    assert slope([(1.0, 7.0)]) == 0.0


def test_the_first_part_in_which_caches_fill_is_not_counted() -> None:
    found = judged([sample(0.0, 0), sample(50.0, 100), sample(100.0, 100)], 100.0, 1, 1)
    assert found.slopes_per_hour == {"rss_bytes": 0.0, "descriptors": 0.0, "tasks": 0.0, "loop_lag_s": 0.0}


@pytest.mark.timeout(2_400 if LONG else 90)
async def test_a_daemon_at_work_neither_grows_nor_lags(tmp_path: Path) -> None:
    found = await soak(SECONDS, tmp_path)
    first, last = found.samples[len(found.samples) // 2], found.samples[-1]
    assert last.position > 100
    assert found.events >= last.position * 0.8
    assert last.descriptors <= first.descriptors + 10
    assert max(each.loop_lag_s for each in found.samples) < 5.0
    if LONG:
        assert last.rollouts >= 100
        assert found.slope_per_rollout_bytes < RSS_PER_ROLLOUT_MAX
        assert found.slopes_per_hour["tasks"] < first.tasks


def test_the_plot_shows_every_quantity_with_its_slope(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed, so nothing is drawn")
    draw(judged([sample(float(n), 1 << 26) for n in range(10)], 10.0, 1, 1), tmp_path / "soak.svg", of="rollouts")
    text = (tmp_path / "soak.svg").read_text(encoding="utf-8")
    for quantity in ("resident, MiB", "descriptors", "tasks", "worst loop lag"):
        assert f"<!-- {quantity}" in text
