"""Weekly windows: in zones whose clocks are turned, across midnight, on days on which none is open."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.core.wave_plan import WindowPlan, WindowsPlan
from rollout.core.windows import DAY_MIN, SEARCH_DAYS, fits_at
from rollout.policy.model.window import parse_window

LONDON, NEW_YORK = ZoneInfo("Europe/London"), ZoneInfo("America/New_York")
HOUR = 3600.0


def windows(*texts: str, closed: tuple[tuple[str, str], ...] = ()) -> WindowsPlan:
    read = [parse_window(text) for text in texts]
    return WindowsPlan(
        tuple(WindowPlan(tuple(sorted(each.days)), each.start, each.end, each.zone) for each in read), closed
    )


def at(text: str, zone: tzinfo = UTC, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp()


def shown(wall: float | None, zone: ZoneInfo) -> str:
    assert wall is not None
    return datetime.fromtimestamp(wall, zone).isoformat()


WORKING_HOURS = windows("Mon-Thu 09:00-16:00 Europe/London")


@pytest.mark.parametrize(
    ("asked", "lasting_h", "fits"),
    [
        ("2026-11-26T08:59:59", 0, "2026-11-26T09:00:00+00:00"),
        ("2026-11-26T09:00:00", 0, "2026-11-26T09:00:00+00:00"),
        ("2026-11-26T15:59:59", 0, "2026-11-26T15:59:59+00:00"),
        ("2026-11-26T16:00:00", 0, "2026-11-30T09:00:00+00:00"),
        ("2026-11-26T14:00:00", 2, "2026-11-26T14:00:00+00:00"),
        ("2026-11-26T14:00:01", 2, "2026-11-30T09:00:00+00:00"),
        ("2026-07-01T07:00:00", 7, "2026-07-01T09:00:00+01:00"),
    ],
)
def test_something_fits_where_it_would_end_inside_a_window(asked: str, lasting_h: float, fits: str) -> None:
    assert shown(fits_at(WORKING_HOURS, at(asked, LONDON), lasting_h * HOUR), LONDON) == fits


def test_what_is_longer_than_every_window_never_fits() -> None:
    assert fits_at(WORKING_HOURS, at("2026-11-26T09:00:00"), 7 * HOUR + 1) is None


def test_a_window_across_midnight_belongs_to_the_day_it_opens_on() -> None:
    night = windows("Fri 22:00-04:00 Europe/London")
    assert shown(fits_at(night, at("2026-11-28T03:59:59", LONDON)), LONDON) == "2026-11-28T03:59:59+00:00"
    assert shown(fits_at(night, at("2026-11-28T04:00:00", LONDON)), LONDON) == "2026-12-04T22:00:00+00:00"
    assert shown(fits_at(night, at("2026-11-27T21:00:00", LONDON), 6 * HOUR), LONDON) == "2026-11-27T22:00:00+00:00"
    assert shown(fits_at(night, at("2026-11-27T23:00:00", LONDON), 6 * HOUR), LONDON) == "2026-12-04T22:00:00+00:00"


def test_windows_that_touch_are_one() -> None:
    whole = windows("Mon-Sun 00:00-24:00 Europe/London")
    assert fits_at(whole, at("2026-03-28T12:00:00"), 48 * HOUR) == at("2026-03-28T12:00:00")
    parts = windows("Tue 09:00-12:00 Europe/London", "Tue 11:00-13:00 Europe/London")
    assert shown(fits_at(parts, at("2026-11-24T09:30:00"), 3 * HOUR), LONDON) == "2026-11-24T09:30:00+00:00"


@pytest.mark.parametrize(
    ("day", "lasting_h", "fits"),
    [
        # Spring: the clock goes from 01:00 to 02:00, so a night has an hour less.
        ("2026-03-28T22:00:00", 7, "2026-04-04T22:00:00+01:00"),
        ("2026-03-28T22:00:00", 6, "2026-03-28T22:00:00+00:00"),
        # Autumn: it shows the hour from 01:00 to 02:00 twice, so a night has an hour more.
        ("2026-10-24T22:00:00", 8, "2026-10-24T22:00:00+01:00"),
        ("2026-10-31T22:00:00", 8, None),
    ],
)
def test_a_night_in_which_the_clock_is_turned_is_as_long_as_it_is(day: str, lasting_h: float, fits: str | None) -> None:
    found = fits_at(windows("Sat 22:00-05:00 Europe/London"), at(day, LONDON), lasting_h * HOUR)
    if fits is not None:
        assert shown(found, LONDON) == fits
    else:
        assert shown(found, LONDON).startswith("2027-10-30")


def test_an_hour_that_spring_skips_is_met_as_the_clock_jumps_over_it() -> None:
    opens = windows("Sun 02:30-05:00 America/New_York")
    found = fits_at(opens, at("2026-03-08T00:00:00", NEW_YORK))
    assert shown(found, NEW_YORK) == "2026-03-08T03:00:00-04:00"
    closes = windows("Sun 01:00-02:30 America/New_York")
    assert shown(fits_at(closes, at("2026-03-08T00:00:00", NEW_YORK), HOUR), NEW_YORK) == "2026-03-08T01:00:00-05:00"
    later = fits_at(closes, at("2026-03-08T00:00:00", NEW_YORK), HOUR + 1)
    assert shown(later, NEW_YORK) == "2026-03-15T01:00:00-04:00"
    gone = windows("Sun 02:10-02:50 America/New_York")
    assert shown(fits_at(gone, at("2026-03-08T00:00:00", NEW_YORK)), NEW_YORK) == "2026-03-15T02:10:00-04:00"


def test_an_hour_that_autumn_repeats_is_met_the_first_time() -> None:
    opens = windows("Sun 01:30-04:00 America/New_York")
    found = fits_at(opens, at("2026-11-01T00:00:00", NEW_YORK), 3 * HOUR + HOUR / 2)
    assert shown(found, NEW_YORK) == "2026-11-01T01:30:00-04:00"
    closes = windows("Sun 00:00-01:30 America/New_York")
    second = at("2026-11-01T01:10:00", NEW_YORK, fold=1)
    assert shown(fits_at(closes, second), NEW_YORK) == "2026-11-08T00:00:00-05:00"


def test_on_an_exception_no_window_opens_and_one_from_the_day_before_closes_at_midnight() -> None:
    night = windows("Mon-Sun 22:00-04:00 Europe/London", closed=(("2026-12-24", "2026-12-26"),))
    eve = at("2026-12-23T22:00:00", LONDON)
    assert fits_at(night, eve, 2 * HOUR) == eve
    assert shown(fits_at(night, eve, 2 * HOUR + 1), LONDON) == "2026-12-27T22:00:00+00:00"
    assert shown(fits_at(night, at("2026-12-24T00:00:00", LONDON)), LONDON) == "2026-12-27T22:00:00+00:00"


def test_windows_that_are_never_open_in_the_time_that_is_searched_are_none() -> None:
    closed = windows("Mon 09:00-10:00 UTC", closed=(("2026-01-01", "2029-01-01"),))
    assert fits_at(closed, at("2026-06-01T00:00:00")) is None
    assert timedelta(days=SEARCH_DAYS) > timedelta(days=366)


ZONES = st.sampled_from(
    ["Europe/London", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Pago_Pago"]
)
PLANS = st.lists(
    st.builds(
        WindowPlan,
        st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True).map(lambda days: tuple(sorted(days))),
        st.integers(0, DAY_MIN - 1),
        st.integers(0, DAY_MIN),
        ZONES,
    ).filter(lambda each: each.start_min != each.end_min),
    min_size=1,
    max_size=3,
).map(lambda each: WindowsPlan(tuple(each)))
MINUTES = st.integers(int(at("2026-01-01T00:00:00")) // 60, int(at("2027-12-31T00:00:00")) // 60)


@settings(deadline=None)
@given(plan=PLANS, minute=MINUTES)
def test_a_window_is_open_when_the_clock_on_the_wall_says_so(plan: WindowsPlan, minute: int) -> None:
    """Away from the hours at which clocks are turned, the clock's face alone decides."""
    wall = minute * 60.0
    for each in plan.open:
        here = datetime.fromtimestamp(wall, ZoneInfo(each.zone))
        for hours in range(-26, 27):
            if (here + timedelta(hours=hours)).utcoffset() != here.utcoffset():
                return
    assert (fits_at(plan, wall) == wall) == any(_reads_open(each, wall) for each in plan.open)


def _reads_open(window: WindowPlan, wall: float) -> bool:
    here = datetime.fromtimestamp(wall, ZoneInfo(window.zone))
    minute, today, yesterday = here.hour * 60 + here.minute, here.weekday(), (here.weekday() - 1) % 7
    if window.start_min < window.end_min:
        return today in window.days and window.start_min <= minute < window.end_min
    after_midnight = yesterday in window.days and minute < window.end_min
    return after_midnight or (today in window.days and minute >= window.start_min)


@settings(deadline=None)
@given(plan=PLANS, minute=MINUTES, lasting_s=st.integers(0, 40 * 3600))
def test_the_moment_that_is_named_is_the_first_that_fits(plan: WindowsPlan, minute: int, lasting_s: int) -> None:
    wall = minute * 60.0
    found = fits_at(plan, wall, lasting_s)
    if found is None:
        return
    assert fits_at(plan, found, lasting_s) == found
    assert fits_at(plan, found + lasting_s - 1) == found + lasting_s - 1 or lasting_s == 0
    if found > wall:
        assert fits_at(plan, found - 1, lasting_s) == found
