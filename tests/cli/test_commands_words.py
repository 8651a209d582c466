"""People's words as lines of progress, and as the table shows them while what is under way goes on."""

from collections.abc import Callable

import pytest

from rollout.core import event, fleet_event, word_event
from rollout.core.ending import Claim
from rollout.core.event import Entry, HoldReason
from rollout.core.names import Now, RolloutId, ServiceName, StreamName
from rollout.core.phase import Phase, Ready, RollingBack, Settling, Step
from rollout.core.service import Hold, ServiceRollout, Stop
from rollout.journal.journal import Recorded
from rollout.views.view import view
from rollout.views.words import milestone

HOLD = Hold(HoldReason.PAUSE, "ann", "lunch", 5.0)
STOP = Stop("ann", "wait", 5.0)


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        (event.Held(HoldReason.PAUSE, "ann", "lunch"), "paused by ann: lunch"),
        (event.Released(HoldReason.HALT, "ann"), "the halt is lifted by ann"),
        (event.Stopped("ann", "wait"), "stopped by ann: wait"),
        (event.Resumed("ann", "go"), "the stop is lifted by ann: go"),
        (word_event.Advanced(1, "ann", "known"), "advanced by ann: known"),
        (word_event.Retried("ann", "again"), "tried again, says ann: again"),
        (word_event.Claimed(Claim.LEFT, "ann", "fine"), "ann says it is left: fine"),
        (fleet_event.Aborted("ann", "bad"), "aborted by ann, everything goes back: bad"),
        (fleet_event.HaltLifted("ann", "go"), "goes on, says ann: go"),
        (event.Held(HoldReason.HALT, "policy", "too many"), None),
    ],
)
def test_what_people_say_is_a_line_of_progress(fact: event.Fact, line: str | None) -> None:
    entry = Entry(StreamName("web-1/svc-1#1"), 2, Now(1.0, 1.0), "ann", fact)
    told = milestone(Recorded(1, entry, "0" * 64))
    assert told == (None if line is None else f"svc-1: {line}")


@pytest.mark.parametrize(
    ("phase", "stop", "shown"),
    [
        (Settling(1, Step(0.0)), None, "waits for domain 1 to settle (then holds: pause by ann: lunch)"),
        (Settling(1, Step(0.0)), STOP, "waits for domain 1 to settle (stopped by ann)"),
        (Ready(1, Step(0.0)), None, "held before domain 1 (pause by ann: lunch)"),
        (Ready(1, Step(0.0)), STOP, "stopped before domain 1 by ann: wait; waits for a person"),
        (RollingBack(Step(0.0), settling=True), None, "waits until the old release runs everywhere again (asked for)"),
    ],
)
def test_the_table_shows_holds_and_stops_before_they_bite(
    service_in: Callable[..., ServiceRollout], phase: Phase, stop: Stop | None, shown: str
) -> None:
    state = service_in(phase, holds=(HOLD,), stop=stop, turned_back=isinstance(phase, RollingBack))
    frame = view(RolloutId("web-1"), {ServiceName("svc-0001"): state}, Now(20.0, 20.0), 5)
    assert frame.rows[0].doing == shown
