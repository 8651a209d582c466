"""What a journal recorded of these very services stands in the place of what was recorded of others."""

from collections.abc import Callable
from dataclasses import replace

from rollout.core import event
from rollout.core.event import Entry, Finding
from rollout.core.names import ENGINE, Now, StreamName
from rollout.core.operation import RollBack, Walk
from rollout.core.outcome import Handle
from rollout.emulator.durations import Durations, Recorded
from rollout.simulation.history import ENOUGH, History, Remembered, history_of
from rollout.simulation.play import play
from rollout.simulation.stage import Stage

STREAM = StreamName("web/svc-a#1")


def told(*facts: tuple[float, event.ServiceFact], stream: StreamName = STREAM) -> list[Entry]:
    return [Entry(stream, version, Now(t, 0.0), ENGINE, fact) for version, (t, fact) in enumerate(facts, 1)]


def walk(domain: int, at: float, took_s: float) -> list[tuple[float, event.ServiceFact]]:
    return [
        (at, event.Intended(domain + 1, Walk(domain), 120.0)),
        (at + 1, event.Accepted(domain + 1, Handle("sub", "0" * 32))),
        (at + took_s / 2, event.Succeeded(domain + 1)),
        (at + 1 + took_s, event.Observed(Finding.SETTLED, "settled")),
    ]


def test_a_walk_took_from_its_acceptance_until_its_domain_had_settled() -> None:
    entries = told(*walk(0, 100.0, 60.0), *walk(1, 900.0, 30.0))
    assert history_of(entries).took_s == {("svc-a", "walk"): (30.0, 60.0)}


def test_a_rollback_took_until_it_succeeded_and_what_was_lost_or_failed_says_nothing() -> None:
    handle = Handle("sub", "0" * 32)
    asked = (0.0, event.Intended(1, RollBack(), 120.0)), (1.0, event.Accepted(1, handle))
    assert history_of(told(*asked, (41.0, event.Succeeded(1)))).took_s == {("svc-a", "rollback"): (40.0,)}
    assert history_of(told(*asked, (41.0, event.Failed(1, "Oops", "no")))).took_s == {}
    assert history_of(told(*asked, stream=StreamName("web"))).took_s == {}


def test_too_little_history_says_nothing_and_enough_bounds_the_draws() -> None:
    few = History({("svc-a", "walk"): (1.0,) * (ENOUGH - 1)})
    assert few.at(("svc-a", "walk"), 0.5) is None
    known = History({("svc-a", "walk"): (10.0, 20.0, 40.0)})
    assert [known.at(("svc-a", "walk"), quantile) for quantile in (0.0, 0.25, 0.5, 1.0)] == [10.0, 15.0, 20.0, 40.0]
    durations, plain = Remembered(3, history=known), Durations(3)
    drawn = [durations.draw(Recorded.UPGRADE, "svc-a/Production", "walk", 0) for _ in range(50)]
    assert 10.0 <= min(drawn) < max(drawn) <= 40.0
    assert durations.draw(Recorded.SWAP, "svc-b/Production", "swap") == plain.draw(
        Recorded.SWAP, "svc-b/Production", "swap"
    )


def test_a_rehearsal_over_a_history_takes_as_long_as_the_services_did(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of("one", "none", domains=2)
    usual = play(stage, 0)
    quick = play(replace(stage, history=History({("svc-a", "walk"): (5.0, 5.0, 5.0)})), 0)
    assert quick.violation is None
    assert quick.took_s < usual.took_s - 2 * (Recorded.UPGRADE.at(0.0) - 60.0)
    assert quick.book is not None
    entries = [page.entry for page in quick.book.pages]
    slowest = max(max(values) for (_, verb), values in history_of(entries).took_s.items() if verb == "walk")
    assert slowest < 60.0
