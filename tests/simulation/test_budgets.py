"""S11 and L2 by hand: calls in flight, repeats in vain, a Retry-After for questions, and a loop without an await."""

import pytest

from rollout.core.names import ServiceName, StreamName
from rollout.core.operation import RollBack, Walk
from rollout.core.outcome import Lost, Refused, RefusedKind, Unreachable
from rollout.simulation.budgets import READS_MAX, VAIN_STOCK, Budgets
from rollout.simulation.watchdog import Spins, armed

ONE, OTHER = StreamName("web/svc-a#1"), StreamName("web/svc-b#1")
SERVICE = ServiceName("svc-a")


def test_two_calls_of_one_service_in_flight_are_one_too_many() -> None:
    budgets = Budgets()
    assert budgets.sent(f"{ONE}/1", ONE, Walk(0), 0.0, back=False) is None
    assert budgets.sent(f"{ONE}/1", ONE, Walk(0), 0.0, back=False) is None
    assert budgets.sent(f"{OTHER}/1", OTHER, Walk(0), 0.0, back=False) is None
    said = budgets.sent(f"{ONE}/2", ONE, RollBack(), 1.0, back=True)
    assert said == f"the rollback of {ONE} was sent while its walk of domain 0 was in flight"
    budgets.died()
    assert budgets.sent(f"{ONE}/2", ONE, RollBack(), 1.0, back=True) is None


def test_repeats_in_vain_are_counted_and_those_that_go_back_are_not() -> None:
    def complaints(*, back: bool) -> list[str]:
        budgets, found = Budgets(), list[str]()
        for number in range(int(VAIN_STOCK) + 5):
            budgets.sent(f"{ONE}/{number}", ONE, Walk(0), 0.0, back=back)
            said = budgets.answered(ONE, Walk(0), Refused(RefusedKind.NOT_SENT, "refused"), 0.0, back=back)
            found += [] if said is None else [said]
        return found

    assert complaints(back=False)[0].startswith("13 repeats came to nothing, after 1 first tries")
    assert complaints(back=True) == []


def test_a_call_is_repeated_after_three_losses_and_no_more() -> None:
    budgets, said = Budgets(), []
    for number in range(5):
        said.append(budgets.sent(f"{ONE}/{number}", ONE, Walk(0), 0.0, back=False))
        budgets.answered(ONE, Walk(0), Lost("gone"), 0.0, back=False)
    assert said == [None] * 4 + [f"the walk of domain 0 of {ONE} was repeated after 4 losses"]
    assert budgets.sent(f"{ONE}/9", ONE, Walk(0), 0.0, back=True) is None


def test_no_question_is_asked_before_a_retry_after_is_over() -> None:
    budgets = Budgets()
    assert budgets.asked(SERVICE, 0.0) is None
    budgets.told(SERVICE, 1.0, Unreachable("HTTP 429", throttled=True, retry_after_s=30.0))
    assert budgets.asked(SERVICE, 1.5) is None
    budgets.told(SERVICE, 1.6, None)
    assert budgets.asked(SERVICE, 20.0) == "a question about svc-a was asked 11 s before the Retry-After was over"
    assert budgets.asked(SERVICE, 31.0) is None


def test_questions_about_one_service_have_a_bound() -> None:
    budgets = Budgets()
    assert [budgets.asked(SERVICE, 0.0) for _ in range(READS_MAX)] == [None] * READS_MAX
    assert budgets.asked(SERVICE, 0.0) == f"{READS_MAX + 1} questions about svc-a are in flight at once"


def test_a_loop_without_an_await_is_broken_off_even_where_the_first_alarm_is_swallowed() -> None:
    alarms: list[Spins] = []

    def spin() -> None:
        with armed(0.05):
            while len(alarms) < 2:
                try:
                    while True:
                        pass
                except Spins as alarm:
                    alarms.append(alarm)
            raise alarms[-1]

    with pytest.raises(Spins, match="turns in a circle without an await"):
        spin()


def test_nothing_is_armed_where_nobody_asked_for_it() -> None:
    with armed(None):
        assert sum(range(100)) == 4950
