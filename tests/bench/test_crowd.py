"""A crowd on virtual time: what the tracker asks for agrees with arithmetic, and listings spare what they should."""

import pytest

from bench.child import Reading
from bench.clients.crowd import measure

CROWD = {"operations": 60, "mean_s": 60.0, "sigma": 0.3, "warm_s": 120.0, "window_s": 300.0}


def crowd(**words: float) -> Reading:
    return measure({**CROWD, **words})


def test_a_fixed_interval_costs_age_over_interval_and_half_of_it_as_delay() -> None:
    reading = crowd(fixed_s=5.0)
    assert reading["polls"] == pytest.approx(60 / 5 + 1, rel=0.05)
    assert reading["delay_s"] == pytest.approx(2.5 + 0.08, rel=0.1)
    assert reading["requests_per_s"] == pytest.approx(60 / 5, rel=0.1)
    assert reading["ended"] == pytest.approx(300, rel=0.1)


def test_what_is_learned_takes_fewer_requests_for_the_same_delay() -> None:
    learned = crowd()
    assert learned["polls"] < 60 / (2 * learned["delay_s"]) + 1


def test_a_listing_takes_a_page_instead_of_a_question_for_each() -> None:
    reading = crowd(listing_s=5.0)
    assert reading["polls"] < (60 / 5 + 1) / 4


def test_a_subscription_passes_no_more_than_it_is_told_to() -> None:
    assert crowd(fixed_s=5.0, reads_per_s=7.5)["requests_per_s"] <= 7.51


def test_the_same_crowd_takes_the_same_course_again() -> None:
    assert crowd(fixed_s=10.0) == crowd(fixed_s=10.0)
