"""URLs of packages: people see no secret of them, and the end of a signature is read however it is written."""

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollout.core.package_url import expires_wall, without_secrets

PACKAGE = "https://relstore.blob.example/packages/web-2.4.1.cspkg"
SIGNED = f"{PACKAGE}?sv=2024&sig=CANARY%2Bsecret"
NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (SIGNED, PACKAGE),
        ("https://ann:pw@store.example/a/b.cspkg#part", "https://store.example/a/b.cspkg"),
        ("https://store.example/user@2.cspkg", "https://store.example/user@2.cspkg"),
        ("https://store.example", "https://store.example"),
        ("store.example/b.cspkg?sig=CANARY", "store.example/b.cspkg"),
        ("/a?next=https://b?sig=CANARY", "/a"),
        ("https://h/p?u=://x@y", "https://h/p"),
    ],
)
def test_what_people_see_of_a_url_has_no_query_and_no_user(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


@pytest.mark.parametrize(
    "end",
    [
        "2026-11-27T12:00:00Z",
        "2026-11-27T12%3A00%3A00Z",
        "2026-11-27T12:00Z",
        "2026-11-27T12:00:00",
        "2026-11-27T12:00:00.0000000Z",
        "2026-11-27T13:00:00%2B01:00",
        "2026-11-27T13:00:00+01:00",
        "2026-11-27T07:30:00-04:30",
        "%202026-11-27T12:00:00Z%20",
    ],
)
def test_the_end_of_a_signature_is_read_however_it_is_written(end: str) -> None:
    assert expires_wall(f"{PACKAGE}?sv=2014-02-14&se={end}&sr=b&sig=x") == NOON


def test_a_date_alone_is_its_first_moment_and_the_earliest_of_several_ends_counts() -> None:
    midnight = NOON - 12 * 3600
    assert expires_wall(f"{PACKAGE}?se=2026-11-27&sig=x") == midnight
    assert expires_wall(f"{PACKAGE}?se=2026-11-28&sig=x&se=2026-11-27&se=soon") == midnight


@pytest.mark.parametrize(
    "url",
    [
        PACKAGE,
        SIGNED,
        f"{PACKAGE}?se=2026-11-27",
        f"{PACKAGE}?se=&sig=x",
        f"{PACKAGE}?se=tomorrow&sig=x",
        f"{PACKAGE}?se=2026-13-27&sig=x",
        f"{PACKAGE}?se=0001-01-01T00:00:00%2B14:00x&sig=x",
        f"{PACKAGE}?si=policy&sig=x",
        "https://[broken?se=2026-11-27&sig=x",
        "",
    ],
)
def test_without_an_end_that_can_be_read_nobody_knows_one(url: str) -> None:
    assert expires_wall(url) is None


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60), st.booleans())
def test_every_moment_is_read_back(moment: datetime, minutes: int, escaped: bool) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = aware.isoformat()
    found = expires_wall(f"{PACKAGE}?se={quote(text, safe='') if escaped else text}&sig=x")
    assert found == pytest.approx(aware.timestamp(), abs=1e-3)


@given(st.text(max_size=60))
def test_no_text_is_too_strange(text: str) -> None:
    for url in (text, f"{PACKAGE}?{text}&sig=x", f"{PACKAGE}?se={text}&sig=x"):
        found = expires_wall(url)
        assert found is None or isinstance(found, float)
