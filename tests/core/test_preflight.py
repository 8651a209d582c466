"""What is refused before anything is touched, and what has to be made ready."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import event
from rollout.core.action import Prepare, Record
from rollout.core.change_event import Installed
from rollout.core.change_plan import RollbackPlan
from rollout.core.ending import Outcome
from rollout.core.names import Digest
from rollout.core.operation import NO_EXTRAS, Extras

WALL = 1_700_000_000.0
GIVEN = RollbackPlan(package=Digest("c" * 64), package_shown="https://store.example/old.cspkg")


def upgrade(story: Any, **changed: Any) -> Any:
    return replace(story().plan.change, **changed)


@pytest.mark.parametrize(("left_s", "fits"), [(299.0, False), (302.0, True)])
def test_a_package_is_refused_whose_signature_ends_before_it_is_fetched(story: Any, left_s: float, fits: bool) -> None:
    told = story(change=upgrade(story, package_expires_wall=WALL + left_s)).go("preflight")
    fact = told.look(told.looks.running())
    assert isinstance(fact, event.Preflighted) is fits
    if not fits:
        assert fact.reason == (
            "the signature of https://store.example/web.cspkg ends before the platform is sure to have fetched "
            "the package"
        )


@pytest.mark.parametrize(("left_s", "fits"), [(9_999.0, False), (10_002.0, True)])
def test_the_package_of_the_way_back_has_to_last_as_long_as_the_rollout_may(
    story: Any, left_s: float, fits: bool
) -> None:
    told = story(rollback=replace(GIVEN, package_expires_wall=WALL + left_s)).go("preflight")
    fact = told.look(told.looks.running())
    assert isinstance(fact, event.Preflighted) is fits
    if not fits:
        assert (
            fact.reason
            == "the signature of https://store.example/old.cspkg ends while it may still be needed to go back"
        )


def test_a_staged_package_is_asked_about_as_well(story: Any) -> None:
    plan = story.of("staged:queued").plan.change
    told = story(kind="staged", change=replace(plan, upgrade=upgrade(story, package_expires_wall=WALL))).go("surveyed")
    assert isinstance(told.look(told.looks.running()), event.Unfit)


def test_a_suspended_deployment_is_refused_but_for_a_status(story: Any) -> None:
    assert story.of("preflight").look(story().looks.suspended()) == event.Unfit("it is suspended: start it first")
    assert isinstance(story.of("start:preflight").look(story().looks.suspended()), event.Preflighted)


@pytest.mark.parametrize("given", [True, False])
def test_packages_are_asked_for_where_the_policy_wants_it(story: Any, given: bool) -> None:
    told = story(change=upgrade(story, check_package=True), rollback=GIVEN if given else None).go("looked_at")
    assert isinstance(told.action, Prepare)
    assert told.action.order.packages == (("a" * 64, "c" * 64) if given else ("a" * 64,))
    told.tell(told.prepared)
    assert told.phase == "Beginning"


def test_a_created_deployment_has_its_package_asked_for_as_well(story: Any) -> None:
    plan = story.of("vacant:queued").plan.change
    told = story(kind="vacant", change=replace(plan, upgrade=upgrade(story, check_package=True))).go("looked_at")
    assert told.action.order.packages == ("a" * 64,)
    assert (told.action.order.deployed, told.action.order.counts, told.action.order.container) == (None, {}, None)


@pytest.mark.parametrize(
    ("token", "package", "role", "there"),
    [
        ("[ro:1]", "a" * 64, None, True),
        ("[ro:2]", "a" * 64, None, False),
        ("[ro:1]", "9" * 64, None, False),
        ("[ro:1]", "a" * 64, "Web", False),
    ],
)
def test_it_is_at_its_target_by_what_was_recorded_and_never_by_a_label_alone(
    story: Any, token: str, package: str, role: str | None, there: bool
) -> None:
    told = story(change=upgrade(story, role=role)).go("preflight")
    known = Installed(token, Digest(package), "web.cspkg", Digest("b" * 64))
    told.state = replace(told.state, known=known)
    told.look(told.looks.running("web-2.4.1 [ro:1]"))
    if there:
        reason = "it runs that package with that configuration, as 'web-2.4.1 [ro:1]' recorded"
        assert told.action == Record(event.Closed(Outcome.UNCHANGED, "policy", reason))
    else:
        assert told.phase == "Beginning"


def test_what_an_update_takes_along_is_sent(story: Any) -> None:
    told = story(change=upgrade(story, extras=Extras({"a": "b"}), keep_counts=False)).go("beginning")
    assert told.action.operation.extras == Extras({"a": "b"}) != NO_EXTRAS
    assert told.action.operation.instance_counts == {}
