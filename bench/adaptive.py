"""When to ask: requests that learned intervals save against the fixed interval of the same mean delay, simulated.

The timetables are the product's own, and what is learned is learned as the tracker does it, from bounds: the operation
had not ended at one question, and had at the next. Crowds are followed by the product's tracker, on virtual time.
"""

import math
from collections.abc import Iterator
from typing import Final

from bench.child import measured
from bench.report import Column, Report, Row
from bench.setting import SMOKE, Setting
from bench.shapes import Cost, Interval, Shape, best_product, fixed_with_delay, followed
from rollout.engine.hazard import LogNormal, Walk
from rollout.engine.timetable import INTERVAL_S_MAX, LEARNED_S_MIN, PRICE_S, Learning, interval

TITLE: Final = "When to ask: requests saved at equal mean delay (simulated with the product's timetables)"
COLUMNS: Final = [
    Column("polls", "polls/op", better="less"),
    Column("delay_s", "mean delay", "s", better="less"),
    Column("product", "product", better="less"),
    Column("fixed_polls", "fixed, same delay: polls/op"),
    Column("saved", "saved", "%", 100.0, "more"),
    Column("of_bound", "x best possible product", better="less"),
    Column("times_fewer", "x fewer than each 5 s", better="more"),
    Column("requests_per_s", "requests/s"),
]
SHAPES: Final = (
    Shape("walk-like, sigma 0.35, mean 191 s", 191.0, 0.35),
    Shape("configuration-like, sigma 0.6, mean 72 s", 72.0, 0.6),
    Shape("wide, sigma 1.0, mean 198 s", 198.0, 1.0),
)
PRICES_S: Final = (PRICE_S, 1.0)
LEARNED_FROM: Final = 50
KIND: Final = "walk"
FIXED_S: Final = 5.0
CROWD: Final = "{:,} at once in one subscription, walk-like"
CROWDS: Final[dict[str, dict[str, float]]] = {
    "each 5 s": {"fixed_s": FIXED_S},
    "learned": {},
    "learned, 7.5 reads/s": {"reads_per_s": 7.5},
    "listing each 5 s, 100 a page": {"listing_s": 5.0},
    "listing each 5 s, 100 a page, 7.5 reads/s": {"listing_s": 5.0, "reads_per_s": 7.5},
}
"""By what the product's tracker follows a crowd on virtual time, and what the subscription passes."""
_STRIDE: Final = 997
"""Prime to the number of durations, so that learning meets short and long ones in no order."""


def run(setting: Setting, report: Report) -> None:
    """Follow each shape by each timetable."""
    setting.steps.expect(len(SHAPES) + len(CROWDS))
    report.notes.append("fixed = one interval for all, with the same mean delay; its polls follow from it")
    for shape in SHAPES:
        setting.steps.begin(shape.name)
        bound, durations = best_product(shape), shape.durations(setting.size.scaled(4_000, least=400))
        for name, timetable in timetables(shape):
            cost = followed(durations, timetable)
            report.rows.append(Row(f"{shape.name}: {name}", readings=[_reading(cost, durations, bound)]))
        setting.steps.done()

    for name, words in CROWDS.items():
        setting.steps.begin(name)
        row = Row(f"{CROWD.format(setting.size.scaled(1_000, least=60))}: {name}")
        row.readings.append(_crowd(setting, words))
        report.rows.append(row)
        setting.steps.done()


def _crowd(setting: Setting, words: dict[str, float]) -> dict[str, float]:
    """Let the product's tracker follow a crowd on virtual time."""
    shape, seconds = SHAPES[0], 600.0 if setting.size is not SMOKE else 100.0
    order = {"operations": setting.size.scaled(1_000, least=60), "mean_s": shape.mean_s, "sigma": shape.sigma}
    order |= {"warm_s": seconds, "window_s": seconds, **words}
    reading = measured(setting.cores, "bench.clients.crowd", order)
    if "polls" in reading:
        fixed = shape.mean_s / FIXED_S + 1.0
        reading |= {"product": reading["polls"] * reading["delay_s"], "times_fewer": fixed / reading["polls"]}
    return reading


def timetables(shape: Shape) -> Iterator[tuple[str, Interval]]:
    """Give the timetables by name: with no idea, and at each price learned, known, and believed wrongly."""
    yield "nothing learned", interval
    for price_s in PRICES_S:
        name = f"price {price_s:g} s"
        yield f"{name}, learned from {LEARNED_FROM}", learned(shape, price_s)
        yield f"{name}, known shape", believed(shape, price_s, 1.0)
        yield f"{name}, median believed x2", believed(shape, price_s, 2.0)
        yield f"{name}, median believed x1/2", believed(shape, price_s, 0.5)


def believed(shape: Shape, price_s: float, median_times: float) -> Interval:
    """Give the timetable of one who takes the median for so many times what it is."""
    model = LogNormal(shape.mu + math.log(median_times), shape.sigma)
    return Walk(model, price_s, LEARNED_S_MIN, INTERVAL_S_MAX).interval_s


def learned(shape: Shape, price_s: float) -> Interval:
    """Give the timetable of one who has followed some operations, beginning with no idea of them."""
    durations = shape.durations()
    learning = Learning(price_s)
    for number in range(LEARNED_FROM):
        duration_s = durations[number * _STRIDE % len(durations)]
        before_s, at_s = 0.0, learning.interval_s(KIND, 0.0)
        while at_s < duration_s:
            before_s, at_s = at_s, at_s + learning.interval_s(KIND, at_s)
        learning.learn(KIND, before_s, at_s)
    return lambda age_s: learning.interval_s(KIND, age_s)


def _reading(cost: Cost, durations: list[float], bound: float) -> dict[str, float]:
    fixed = fixed_with_delay(durations, cost.delay_s)
    return {
        "polls": cost.polls,
        "delay_s": cost.delay_s,
        "product": cost.product,
        "fixed_polls": fixed.polls,
        "saved": 1.0 - cost.polls / fixed.polls,
        "of_bound": cost.product / bound,
    }
