import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.policy.duration import LONGEST_S, checked_seconds, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("90s", 90.0),
        ("1m30s", 90.0),
        ("24h", 86_400.0),
        ("2d", 172_800.0),
        ("0s", 0.0),
        ("1h5ms", 3600.005),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(90.0, "1m30s"), (0.0, "0s"), (0.25, "250ms"), (86_400.0, "1d"), (93_784.5, "1d2h3m4s500ms")]
)
def test_seconds_are_written_as_a_duration(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(min_value=0, max_value=int(LONGEST_S * 1000)))
def test_what_is_written_is_read_back_to_the_millisecond(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.text(max_size=30))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= LONGEST_S


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("90", "`90` has no unit"),
        ("1.5", "has no unit"),
        ("-5s", "is negative"),
        ("1:30", "is a time of day"),
        ("5 s", "is not a duration"),
        ("1s1m", "is not a duration"),
        ("soon", "is not a duration"),
        ("inf", "is not a duration"),
        ("9" * 5000 + "s", "9…` is not a duration"),
        ("400d", "is longer than the limit of 365d"),
    ],
)
def test_a_bad_duration_says_what_is_wrong_and_how_to_write_it(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_duration(text)
    assert words in str(caught.value)
    assert "limit" in words or "write it like `90s`" in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("seconds", [float("inf"), float("nan"), -1.0])
def test_seconds_are_finite_and_not_negative(seconds: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        checked_seconds(seconds)
