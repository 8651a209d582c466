"""Every sample of every gate is shown, not only the last one's."""

from typing import Any

from rollout.core import event
from rollout.core.event import Entry
from rollout.core.gate_event import Baselined
from rollout.core.names import ENGINE, Now, StreamName
from rollout.core.verdict import Evidence, Verdict
from rollout.journal.journal import Recorded
from rollout.views.gates import SHOWN_MAX, gate_samples

RED = (Evidence("http", Verdict.FAIL, "answered\n500"),)
GREEN = (Evidence("http", Verdict.PASS, "answered 200"),)


def recorded(*facts: Any) -> list[Recorded]:
    stream = StreamName("web/a#1")
    return [
        Recorded(n, Entry(stream, n, Now(float(n), 1_000.0 + n), ENGINE, fact), "") for n, fact in enumerate(facts, 1)
    ]


def test_every_gate_is_told_with_its_ends_and_the_look_before_the_change() -> None:
    found = gate_samples(
        recorded(
            Baselined(("http",), RED, hold="everything is red"),
            event.Probed(0, Verdict.PASS, GREEN),
            event.GatePassed(0, GREEN),
            event.Succeeded(1),
            event.Probed(1, Verdict.FAIL, RED),
            event.GateFailed(1, "red for 10 s", RED),
            event.Baked(2, GREEN),
        )
    )
    assert [(each.at, each.domain, each.said, each.verdict, each.reason) for each in found] == [
        (1_001.0, None, "baselined", None, "everything is red"),
        (1_002.0, 0, "probed", "pass", None),
        (1_003.0, 0, "gate_passed", "pass", None),
        (1_005.0, 1, "probed", "fail", None),
        (1_006.0, 1, "gate_failed", "fail", "red for 10 s"),
        (1_007.0, 2, "baked", "pass", None),
    ]
    assert found[0].checks == ({"check": "http", "verdict": "fail", "detail": "answered 500"},)


def test_the_newest_are_shown_where_there_are_too_many() -> None:
    found = gate_samples(recorded(*(event.Probed(n, Verdict.PASS, GREEN) for n in range(SHOWN_MAX + 3))))
    assert [each.domain for each in found] == list(range(3, SHOWN_MAX + 3))
