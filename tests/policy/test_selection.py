"""Each service is in exactly one wave, the same one every time, and what can never be met is told at its place."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.policy.model.fleet import Fleet
from rollout.policy.model.policy import Policy
from rollout.policy.selection import waves_of

UPGRADE = {"package": "https://a.example/p", "configuration": "c"}


def fleet(*services: str, **tags: str) -> Fleet:
    """Give a fleet; `tags` are `service="region"`."""
    known = {name: {"tags": {"region": tags[name]} if name in tags else {}} for name in services}
    return Fleet.model_validate({"subscription": "00000000-0000-4000-8000-000000000001", "services": known})


def policy(*selects: Any) -> Policy:
    waves = [{"name": f"w{number}", "select": select} for number, select in enumerate(selects)]
    return Policy.model_validate({"rollout": "r", "change": {"upgrade": UPGRADE}, "fleet": "f", "waves": waves})


NINE = tuple("abcdefghi")
REGIONS = dict(zip(NINE, ("weu",) * 6 + ("neu",) * 2 + ("eus",), strict=True))


@pytest.mark.parametrize(
    ("selects", "waves"),
    [
        (("rest",), ("abcdefghi",)),
        (("c, a", "rest"), ("ac", "bdefghi")),
        (("a", "a, b", "rest"), ("a", "b", "cdefghi")),
        (("tag:region=neu", "tag:region", "rest"), ("gh", "abcdefi", "")),
        (("10%", "rest"), ("a", "bcdefghi")),
        (("12%", "50%", "rest"), ("ab", "cdefg", "hi")),
        (("1%", 2, "100%"), ("a", "bc", "defghi")),
        (({"take": "34%", "spread": "region"}, "rest"), ("abgi", "cdefh")),
        (({"take": 3, "spread": "region"}, "rest"), ("agi", "bcdefh")),
        (({"take": 3, "spread": "colour"}, "rest"), ("abc", "defghi")),
    ],
)
def test_a_wave_takes_what_it_selects_of_what_is_left(selects: tuple[Any, ...], waves: tuple[str, ...]) -> None:
    assert waves_of(policy(*selects), fleet(*NINE, **REGIONS)) == tuple(tuple(names) for names in waves)


SELECTS = st.one_of(
    st.lists(st.sampled_from(NINE), min_size=1, max_size=4),
    st.sampled_from(["tag:region", "tag:region=weu", "!tag:region & tag:x", "rest"]),
    st.integers(1, 12),
    st.integers(1, 100).map(lambda percent: f"{percent}%"),
    st.builds(lambda take: {"take": take, "spread": "region"}, st.integers(1, 12)),
)


@settings(deadline=None)
@given(
    names=st.lists(st.sampled_from(NINE), min_size=1, unique=True),
    regions=st.dictionaries(st.sampled_from(NINE), st.sampled_from(["weu", "neu"])),
    selects=st.lists(SELECTS, min_size=1, max_size=4),
)
def test_every_service_is_in_exactly_one_wave_whatever_selects(
    names: list[str], regions: dict[str, str], selects: list[Any]
) -> None:
    of, whom = policy(*selects, "rest"), fleet(*names, **regions)
    waves = waves_of(of, whom)
    assert waves == waves_of(of, whom)
    assert sorted(name for wave in waves for name in wave) == sorted(names)
    for wave in waves:
        assert list(wave) == [name for name in names if name in wave]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("waves: [{name: a, select: web-01}]", "7:1 waves: 1 service is in no wave: web-02; add a wave with"),
        (
            "waves: [{name: a, select: 'tag:x'}, {name: b, select: rest}]",
            "7:27 waves[0].select: takes nothing: earlier waves take all of it, or no service fits",
        ),
        ("waves: [{name: a, select: 100%}, {name: b, select: rest}]", "7:52 waves[1].select: takes nothing"),
    ],
)
def test_waves_that_do_not_fit_their_fleet_are_told_where(folder: Any, more: str, problem: str) -> None:
    (told,) = folder.wrong(more)
    assert told.startswith(f"policy.yaml:{problem}")


def test_a_long_list_of_services_without_a_wave_is_cut(folder: Any) -> None:
    names = "".join(f"  web-{number:02}: {{}}\n" for number in range(1, 9))
    folder.write("fleet.yaml", f"subscription: 00000000-0000-4000-8000-000000000001\nservices:\n{names}")
    (told,) = folder.wrong("waves: [{name: a, select: web-01}]")
    assert "7 services are in no wave: web-02, web-03, web-04, web-05, web-06 and 2 more" in told


def needing(folder: Any, needs: str) -> None:
    text = (
        f"subscription: 00000000-0000-4000-8000-000000000001\nservices:\n  web-01: {{needs: {needs}}}\n  web-02: {{}}\n"
    )
    folder.write("fleet.yaml", text)


@pytest.mark.parametrize(
    ("waves", "circle"),
    [
        (
            "[{name: a, select: web-01}, {name: b, select: rest}]",
            "web-01 -> web-02 -> wave b -> end of wave a -> web-01",
        ),
        (
            "[{name: a, select: web-01}, {name: b, select: rest, needs: [a]}]",
            "web-01 -> web-02 -> wave b -> end of wave a -> web-01",
        ),
    ],
)
def test_a_service_that_needs_a_later_wave_is_a_circle_and_is_printed(folder: Any, waves: str, circle: str) -> None:
    needing(folder, "[web-02]")
    (told,) = folder.wrong(f"waves: {waves}")
    place, _, words = told.partition("needs go in a circle: ")
    assert place == "policy.yaml:7:27 waves[0].select: "
    steps, wanted = words.split(" -> "), circle.split(" -> ")
    # A circle has no first step: it is the same from wherever it is told.
    turned = steps[:-1] * 2
    assert any(turned[at : at + len(steps) - 1] == wanted[:-1] for at in range(len(steps)))


def test_waves_that_need_nothing_of_each_other_may_hold_needs_in_any_order(folder: Any) -> None:
    needing(folder, "[web-02]")
    bundle = folder.load("waves: [{name: a, select: web-01}, {name: b, select: rest, needs: []}]")
    assert waves_of(bundle.policy, bundle.fleet) == (("web-01",), ("web-02",))


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("2026-13-01", "`2026-13-01` is not a date"),
        ("2026-06-31", "`2026-06-31` is not a date"),
        ("24.12.2026", "write `2026-12-24`, or `2026-12-24..2027-01-01` for several"),
        ("2026-12-24..2026-12-23", "ends before it begins"),
        ("2026-12-24..", "is not a date"),
    ],
)
def test_a_wrong_exception_of_windows_says_how_to_write_one(folder: Any, written: str, words: str) -> None:
    (told,) = folder.wrong(f"windows: {{open: [Mon 09:00-10:00 UTC], except: ['{written}']}}")
    assert words in told
    assert "windows.except[0]" in told


def test_exceptions_of_windows_are_days_or_spans_of_days(folder: Any) -> None:
    bundle = folder.load("windows: {open: [Mon 09:00-10:00 UTC], except: [2026-05-01, 2026-12-24..2027-01-01]}")
    assert bundle.policy.windows is not None
    spans = [(str(each.first), str(each.last)) for each in bundle.policy.windows.closed]
    assert spans == [("2026-05-01", "2026-05-01"), ("2026-12-24", "2027-01-01")]
