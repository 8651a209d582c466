"""When to ask: never dearer than asking at fixed times, and a third cheaper where durations are much alike."""

import math
import random
from collections.abc import Callable
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.engine.hazard import LogNormal, Walk, fit

SHAPES = {"walk": (191.0, 0.35), "configuration": (72.0, 0.6), "wide": (198.0, 1.0)}
"""Mean in seconds and sigma."""
MIN_S, MAX_S = 0.5, 30.0
QUANTILES = 4_000


def shape(name: str) -> LogNormal:
    mean, sigma = SHAPES[name]
    return LogNormal(math.log(mean) - sigma**2 / 2, sigma)


def durations(model: LogNormal) -> list[float]:
    """Give a whole population, without chance."""
    normal = NormalDist(model.mu, model.sigma)
    return [math.exp(normal.inv_cdf((n + 0.5) / QUANTILES)) for n in range(QUANTILES)]


def price(interval: Callable[[float], float], model: LogNormal) -> float:
    """Give questions for each operation times mean delay: half of it = half the questions at the same delay."""
    ages = [interval(0.0)]
    population = sorted(durations(model))
    while ages[-1] < population[-1]:
        ages.append(ages[-1] + interval(ages[-1]))
    asked, delay, at = 0, 0.0, 0
    for duration in population:
        while ages[at] < duration:
            at += 1
        asked += at + 1
        delay += ages[at] - duration
    return asked * delay / QUANTILES**2


def hazard(model: LogNormal, price_s: float) -> Callable[[float], float]:
    return Walk(model, price_s, MIN_S, MAX_S).interval_s


@pytest.mark.parametrize(("name", "saved"), [("walk", 0.30), ("configuration", 0.15), ("wide", 0.0)])
def test_at_equal_delay_fewer_questions_are_needed_than_at_fixed_times(name: str, saved: float) -> None:
    fixed = price(lambda _: 5.0, shape(name))
    assert price(hazard(shape(name), 0.25), shape(name)) <= (1 - saved) * fixed


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("wrong", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("price_s", [0.25, 1.0])
def test_a_wrong_model_costs_no_more_than_a_twentieth_over_fixed_times(name: str, wrong: float, price_s: float) -> None:
    true = shape(name)
    believed = LogNormal(true.mu + math.log(wrong), true.sigma)
    fixed = price(lambda _: 5.0, true)
    assert price(hazard(believed, price_s), true) <= 1.05 * fixed


@pytest.mark.parametrize(
    ("name", "other"),
    [(name, other) for name in SHAPES for other in SHAPES if SHAPES[other][1] >= 0.6 * SHAPES[name][1]],
)
def test_the_model_of_another_shape_costs_no_more_than_a_twentieth_over_fixed_times(name: str, other: str) -> None:
    fixed = price(lambda _: 5.0, shape(name))
    believed = LogNormal(shape(name).mu, shape(other).sigma)
    assert price(hazard(believed, 0.25), shape(name)) <= 1.05 * fixed


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_fifty_past_durations_known_only_by_when_was_asked_make_a_model_as_good(name: str) -> None:
    true, draw = shape(name), random.Random(7)  # noqa: S311 -- a seed, no secret
    past = [draw.lognormvariate(true.mu, true.sigma) for _ in range(50)]
    every = 30.0
    seen = [(every * math.floor(each / every), every * math.ceil(each / every)) for each in past]
    learned = fit(seen)
    best = price(hazard(true, 0.25), true)
    assert price(hazard(learned, 0.25), true) <= 1.06 * best


@given(
    mu=st.floats(-1, 8),
    sigma=st.floats(0.1, 3),
    price_s=st.floats(0.01, 100),
    age=st.floats(0, 1e7),
)
def test_every_interval_keeps_its_bounds(mu: float, sigma: float, price_s: float, age: float) -> None:
    assert MIN_S <= hazard(LogNormal(mu, sigma), price_s)(age) <= MAX_S


@given(mu=st.floats(0, 8), sigma=st.floats(0.1, 3), age=st.floats(0, 1e4))
def test_a_dearer_question_is_never_asked_sooner(mu: float, sigma: float, age: float) -> None:
    model = LogNormal(mu, sigma)
    assert hazard(model, 0.25)(age) <= hazard(model, 1.0)(age) + 1e-9


@given(mu=st.floats(-1, 8), sigma=st.floats(0.1, 3), age=st.floats(0.01, 1e6))
def test_the_hazard_is_a_number_that_is_never_negative(mu: float, sigma: float, age: float) -> None:
    assert 0 <= LogNormal(mu, sigma).hazard(age) < math.inf


@given(
    st.lists(
        st.tuples(st.floats(0, 1e5), st.floats(0.01, 1e5)).map(lambda pair: (pair[0], pair[0] + pair[1])),
        min_size=1,
        max_size=30,
    )
)
def test_any_bounds_make_a_model_within_reason(bounds: list[tuple[float, float]]) -> None:
    model = fit(bounds)
    assert math.isfinite(model.mu)
    assert 0.1 <= model.sigma <= 3
    assert model.mu <= max(math.log(high) for _, high in bounds) + 1e-6


def test_wide_bounds_do_not_pull_the_model_towards_the_times_of_asking() -> None:
    true, draw = LogNormal(math.log(45), 0.3), random.Random(1)  # noqa: S311 -- a seed, no secret
    past = [draw.lognormvariate(true.mu, true.sigma) for _ in range(400)]
    model = fit([(30.0 * math.floor(each / 30), 30.0 * math.ceil(each / 30)) for each in past])
    assert model.mu == pytest.approx(true.mu, abs=0.05)
    assert model.sigma == pytest.approx(true.sigma, abs=0.08)
