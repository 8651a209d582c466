"""What became of a call whose answer is lost or unclear: the table, row by row."""

from typing import Any, NamedTuple, cast

import pytest

from rollout.core import event
from rollout.core.action import LookAtDeployment, Wait, Watch
from rollout.core.event import Finding
from rollout.core.operation import RollBack, Walk
from rollout.core.outcome import RefusedKind
from rollout.core.snapshot import Absent, Observation

OLD, STRANGE, OURS = "web-2.4.0", "web-9", "ours"
APPLIED, NOT_APPLIED, COMPLETE = Finding.APPLIED, Finding.NOT_APPLIED, Finding.NO_WAY_BACK
FOREIGN, ESCALATED, AGAIN = event.TakenOver, event.Escalated, None


class Shows(NamedTuple):
    """What a look shows, before the label of the story is known. `pointer` None = no update in progress."""

    release: str
    pointer: int | None
    changed: dict[str, Any]

    def draw(self, told: Any) -> Observation:
        if self == GONE:
            return Absent("404")
        release = told.ours if self.release == OURS else self.release
        changed = {name: value for name, value in self.changed.items() if name != "sick"}
        looks = told.looks
        if self.pointer is not None:
            return cast("Observation", looks.mid(self.pointer, release, **changed))
        plain = looks.running(release, **changed)
        return cast("Observation", looks.sick(plain, self.changed["sick"]) if "sick" in self.changed else plain)


def mid(pointer: int, release: str, **changed: Any) -> Shows:
    return Shows(release, pointer, changed)


def running(release: str, **changed: Any) -> Shows:
    return Shows(release, None, changed)


GONE = Shows("gone", None, {})
Table = dict[str, tuple[Shows, Finding | type[event.ServiceFact] | None]]

# What the deployment shows -> what it means. The call is the first one of its kind, in 3 domains.
BEGIN: Table = {
    "our label waits for walk 0": (mid(0, OURS), APPLIED),
    "our label and already complete": (running(OURS), APPLIED),
    "our label, locked": (mid(0, OURS, locked=True), AGAIN),
    "as before": (running(OLD), NOT_APPLIED),
    "another release, nothing under way": (running(STRANGE), NOT_APPLIED),
    "as before, locked": (running(OLD, locked=True), AGAIN),
    "an update under the old label": (mid(0, OLD), ESCALATED),
    "an update under a strange label": (mid(0, STRANGE), ESCALATED),
    "an update under a strange label, locked": (mid(0, STRANGE, locked=True), AGAIN),
    "gone": (GONE, FOREIGN),
}
WALK_0: Table = {
    "the pointer moved": (mid(1, OURS), APPLIED),
    "the pointer moved, label late": (mid(1, OLD), APPLIED),
    "the domain is being walked": (mid(0, OURS, during=True), APPLIED),
    "the domain is being walked, locked": (mid(0, OURS, during=True, locked=True), APPLIED),
    "still to be walked": (mid(0, OURS), NOT_APPLIED),
    "still to be walked, locked": (mid(0, OURS, locked=True), AGAIN),
    "no update, our label": (running(OURS), FOREIGN),
    "no update, old label": (running(OLD), FOREIGN),
    "a strange label": (mid(0, STRANGE), FOREIGN),
    "walked by the platform": (mid(1, OURS, manual=False), FOREIGN),
    "gone": (GONE, FOREIGN),
}
LAST_WALK: Table = {
    "complete": (running(OURS), APPLIED),
    "complete, not settled": (running(OURS, activity="changing"), AGAIN),
    "complete, an instance is down": (running(OURS, sick=0), AGAIN),
    "no update, old label": (running(OLD), FOREIGN),
    "no update, strange label": (running(STRANGE), FOREIGN),
    "being walked": (mid(2, OURS, during=True), APPLIED),
    "still to be walked": (mid(2, OURS), NOT_APPLIED),
    "the pointer is back": (mid(1, OURS), ESCALATED),
}
ROLLBACK: Table = {
    "no update, old label": (running(OLD), APPLIED),
    "no update, old label, locked": (running(OLD, locked=True), AGAIN),
    "no update, our label": (running(OURS), COMPLETE),
    "no update, our label, locked": (running(OURS, locked=True), AGAIN),
    "no update, strange label": (running(STRANGE), FOREIGN),
    "our update": (mid(1, OURS), NOT_APPLIED),
    "our update, the pointer restarted": (mid(0, OURS), NOT_APPLIED),
    "our update, locked": (mid(1, OURS, locked=True), AGAIN),
    "an update under the old label, ours never seen": (mid(1, OLD), NOT_APPLIED),
    "a strange update": (mid(0, STRANGE), FOREIGN),
    "gone": (GONE, FOREIGN),
}
ROLLBACK_LABEL_SEEN: Table = ROLLBACK | {
    "an update under the old label, ours once seen": (mid(1, OLD), APPLIED),
}
del ROLLBACK_LABEL_SEEN["an update under the old label, ours never seen"]
TABLES: dict[str, Table] = {
    "begin": BEGIN,
    "walk": WALK_0,
    "last walk": LAST_WALK,
    "rollback": ROLLBACK,
    "rollback, label seen": ROLLBACK_LABEL_SEEN,
}
ROWS = [(call, row) for call, table in TABLES.items() for row in table]


def lost(story: Any, call: str) -> Any:
    """Bring a story to where `call` has been lost and the quarantine is over."""
    told = story(3)
    match call:
        case "begin":
            told.go("beginning asked")
        case "walk":
            told.go("walking asked")
        case "last walk":
            told.go("baking").tell(event.Baked(2, ()))
            told.tell(told.intended(Walk(2)))
        case "rollback":
            told.go("rolling_back asked")
        case _:
            told.go("rolling_back").look(told.looks.mid(1, told.ours))
            told.tell(told.intended(RollBack()))
    return told.tell(told.lost).later(40)


@pytest.mark.parametrize(("call", "row"), ROWS)
def test_a_look_after_the_quarantine_means_what_the_table_says(story: Any, call: str, row: str) -> None:
    told = lost(story, call)
    shows, meaning = TABLES[call][row]
    fact = told.look(shows.draw(told))
    match meaning:
        case None:
            assert fact is None
        case Finding():
            assert isinstance(fact, event.Observed)
            assert fact.finding is meaning
            assert fact.saw is not None
        case _:
            assert isinstance(fact, meaning)


@pytest.mark.parametrize(
    ("call", "finding", "phase"),
    [
        ("begin", APPLIED, "Ready"),
        ("begin", NOT_APPLIED, "Beginning"),
        ("walk", APPLIED, "Settling"),
        ("walk", NOT_APPLIED, "Ready"),
        ("last walk", APPLIED, "Settling"),
        ("rollback", APPLIED, "RollingBack"),
        ("rollback", NOT_APPLIED, "RollingBack"),
    ],
)
def test_a_verdict_leads_on_or_back_to_where_the_call_had_not_been_made(
    story: Any, call: str, finding: Finding, phase: str
) -> None:
    told = lost(story, call)
    told.tell(told.observed(finding))
    assert told.phase == phase
    assert told.state.failure is None or call == "rollback"
    assert (
        told.state.walked == {"walk": (0,), "last walk": (0, 1, 2)}.get(call, ())[: None if finding is APPLIED else 0]
    )


def test_a_begin_not_applied_forgets_its_token(story: Any) -> None:
    told = lost(story, "begin")
    assert told.state.token is not None
    told.look(told.looks.running())
    assert told.state.token is None


@pytest.mark.parametrize("call", ["begin", "walk", "rollback"])
def test_nothing_is_done_before_the_quarantine_is_over(story: Any, call: str) -> None:
    told = lost(story, call).later(-40.0)
    assert told.action == Wait(told.t + 40.0)
    assert "can no longer be in flight (connection reset)" in told.why
    assert "looks at the deployment in 40s" in told.why
    assert told.later(39.9).action == Wait(told.t + 0.1)
    assert told.later(0.1).action.sources == (LookAtDeployment(),)


def test_a_quarantine_longer_than_the_steps_limit_still_earns_two_looks(story: Any) -> None:
    told = story(domain_timeout_s=20.0).go("walking asked")
    told.tell(told.lost).later(40)
    assert told.action == Watch((LookAtDeployment(),), due_t=40.0)
    locked = told.looks.mid(0, told.ours, locked=True)
    assert told.look(locked) is None
    fact = told.look(locked)
    assert isinstance(fact, event.Escalated)
    assert fact.reason.startswith(
        "finding out what became of the walk of domain 0 took longer than walk.domain_timeout; the last call said: "
    )
    assert fact.reason.endswith("the deployment is locked")


@pytest.mark.parametrize(
    ("place", "what"), [("beginning", "upgrade"), ("walking", "walk of domain 0"), ("rolling_back", "rollback")]
)
def test_a_rejected_call_is_looked_at_without_quarantine(story: Any, place: str, what: str) -> None:
    told = story().go(f"{place} asked").at(5.0)
    told.tell(told.refused(RefusedKind.REJECTED))
    assert told.action.sources == (LookAtDeployment(),)
    assert f"looks whether the {what} took effect, for it was refused: said no" in told.why


@pytest.mark.parametrize("place", ["beginning", "walking"])
def test_a_rejected_call_that_took_no_effect_is_a_failure_in_the_platforms_words(story: Any, place: str) -> None:
    told = story().go(f"{place} asked")
    told.tell(told.refused(RefusedKind.REJECTED))
    told.look(told.looks.running() if place == "beginning" else told.looks.mid(0, told.ours))
    what = "upgrade" if place == "beginning" else "walk of domain 0"
    assert told.state.failure == f"the platform refused the {what}: said no"


def test_a_rejected_repeat_that_had_taken_effect_before_is_no_failure(story: Any) -> None:
    told = story().go("walking asked")
    told.tell(told.refused(RefusedKind.REJECTED))
    assert told.look(told.looks.mid(1, told.ours)).finding is APPLIED
    assert told.state.failure is None
    assert told.phase == "Settling"


def test_a_stop_does_not_keep_anybody_from_finding_out(story: Any) -> None:
    told = lost(story, "walk").tell(event.Stopped("ann", "wait"))
    assert told.action.sources == (LookAtDeployment(),)
