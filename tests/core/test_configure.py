"""A change of configuration: what is made ready for it, how it is recognised without a Label, and how it goes back."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core import change_event, event
from rollout.core.action import Prepare, Record, Submit
from rollout.core.change_plan import ConfigurePlan
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Finding
from rollout.core.names import Digest
from rollout.core.operation import Mode, StartConfigure, Walk
from rollout.core.outcome import Running
from rollout.core.prepare import Order
from rollout.core.way_back import way_back

OLD, NEW_KEY = "web-2.4.0", "key-new"


def test_settings_are_patched_into_what_is_deployed_with_its_instance_counts(story: Any) -> None:
    told = story.of("configure:looked_at")
    deployed = told.state.before.configuration
    assert told.action == Prepare(Order(deployed=deployed, counts={"Web": 6}, settings={"Web/Size": "2"}))
    assert "has its documents made ready" in told.why
    told.tell(told.prepared)
    assert told.action == Submit(StartConfigure(Digest("e" * 64), NEW_KEY), going_back=False)


def test_a_whole_document_is_sent_with_the_counts_it_has_where_the_policy_says_so(story: Any) -> None:
    change = ConfigurePlan(Digest("9" * 64), mode=Mode.AUTO, treat_warnings_as_error=True, keep_counts=False)
    told = story(kind="configure", change=change).go("looked_at")
    assert told.action == Prepare(Order(deployed=told.state.before.configuration, wanted=Digest("9" * 64)))
    told.tell(told.prepared)
    sent = StartConfigure(Digest("e" * 64), NEW_KEY, Mode.AUTO, treat_warnings_as_error=True)
    assert told.action == Submit(sent, going_back=False)


def test_what_cannot_be_made_is_skipped_untouched(story: Any) -> None:
    told = story.of("configure:looked_at").tell(event.Unfit("there is no setting Web/Size"))
    assert told.obey().state.ended.outcome is Outcome.SKIPPED


def test_a_configuration_that_is_there_already_changes_nothing(story: Any) -> None:
    told = story.of("configure:looked_at")
    told.tell(replace(told.prepared, key="key-old"))
    reason = "the deployment has that configuration"
    assert told.action == Record(event.Closed(Outcome.UNCHANGED, "policy", reason))
    assert told.why == f"web-01 unchanged: {reason}, for 0s."


def test_a_configuration_changed_by_somebody_before_ours_is_left_to_them(story: Any) -> None:
    told = story.of("configure:beginning")
    fact = told.look(told.looks.running(key="key-theirs"))
    assert isinstance(fact, event.TakenOver)
    assert fact.detail.startswith("somebody changed the configuration before our change began")


def test_a_change_of_configuration_is_walked_like_an_upgrade_and_known_by_its_key(story: Any) -> None:
    told = story.of("configure:beginning asked").tell(story.of("configure:beginning asked").accepted())
    looks = told.looks
    assert told.look(looks.mid(0, OLD)) is None
    assert told.look(looks.mid(0, OLD, key=NEW_KEY)).finding is Finding.BEGUN
    assert told.state.mark_seen
    assert told.state.token is None
    assert told.look(looks.mid(0, OLD, key=NEW_KEY)).finding is Finding.CLEAR
    for domain in range(3):
        told.tell(told.intended(Walk(domain)), told.accepted, told.succeeded)
        last = domain == 2
        shows = looks.running(key=NEW_KEY) if last else looks.mid(domain + 1, OLD, key=NEW_KEY)
        assert told.look(shows) is None
        assert told.look(shows).finding is Finding.SETTLED
        told.tell(event.GatePassed(domain, ()))
        if told.phase == "Baking":
            told.tell(event.Baked(domain + 1, ()))
    assert told.action == Record(event.Closed(Outcome.SUCCEEDED, "policy", "all 3 domains run the new configuration"))


def test_the_old_configuration_under_an_update_is_somebody_elses_once_ours_was_seen(story: Any) -> None:
    told = story.of("configure:ready")
    assert told.look(told.looks.mid(0, OLD)).finding is Finding.CLEAR
    told.look(told.looks.mid(0, OLD, key=NEW_KEY))
    assert isinstance(told.look(told.looks.mid(0, OLD)), event.TakenOver)


ROWS: dict[str, tuple[Any, Any]] = {
    "ours, waits for walk 0": (lambda looks: looks.mid(0, OLD, key=NEW_KEY), Finding.APPLIED),
    "ours, complete": (lambda looks: looks.running(key=NEW_KEY), Finding.APPLIED),
    "ours, locked": (lambda looks: looks.running(key=NEW_KEY, locked=True), None),
    "as before": (lambda looks: looks.running(), Finding.NOT_APPLIED),
    "as before, locked": (lambda looks: looks.running(locked=True), None),
    "an update that shows the old one": (lambda looks: looks.mid(0, OLD), event.Escalated),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_lost_change_of_configuration_is_known_by_what_it_sent(story: Any, row: str) -> None:
    told = story.of("configure:beginning asked")
    told.tell(told.lost).later(40.0)
    seen, means = ROWS[row]
    fact = told.look(seen(told.looks))
    if means is Finding.APPLIED:
        assert fact.detail == "it has the configuration that we sent"
    assert (type(fact) if means is event.Escalated else fact and fact.finding) is means


def test_what_is_back_is_told_by_the_key_and_not_by_the_label_alone(story: Any) -> None:
    told = story.of("configure:rolling_back settling")
    looks = told.looks
    shows = (looks.running(key=NEW_KEY), looks.running(), looks.running())
    assert [told.look(seen) and told.state.phase.restored for seen in shows] == [None, None, True]


def test_another_configuration_over_our_update_is_somebody_elses(story: Any) -> None:
    told = story.of("ready")
    told.look(told.looks.mid(0, told.ours))
    told.tell(event.TurnedBack("sick"))
    fact = told.look(told.looks.mid(0, OLD, key="key-theirs"))
    assert isinstance(fact, event.TakenOver)
    assert fact.detail.startswith("somebody changed the configuration over our update")


def test_a_complete_change_of_configuration_is_reverted_by_the_document_that_was_there(story: Any) -> None:
    told = story.of("configure:rolling_back")
    assert told.look(told.looks.running(key=NEW_KEY)).finding is Finding.NO_WAY_BACK
    begun = told.action.fact
    assert begun == change_event.RevertBegun(
        "a domain is sick; the update is complete, so its Rollback is gone", "the configuration of web-2.4.0"
    )
    told.obey()
    assert told.look(told.looks.running(key=NEW_KEY)).finding is Finding.CLEAR
    before = told.state.before
    assert told.action == Submit(StartConfigure(before.configuration, before.key), going_back=True)


def test_without_the_old_document_there_is_no_revert(story: Any) -> None:
    told = story.of("configure:preflight")
    told.look(told.looks.running(configuration=b""))
    told.tell(told.prepared)
    assert way_back(told.state) == "rollback while in progress, none after the last domain"


@pytest.mark.parametrize(
    ("domains", "said"),
    [
        (3, "rollback → revert to the configuration of web-2.4.0"),
        (1, "revert to the configuration of web-2.4.0"),
    ],
)
def test_the_way_back_of_a_configuration_is_said(story: Any, domains: int, said: str) -> None:
    assert way_back(story(domains, kind="configure").go("ready").state) == said


def test_one_domain_needs_the_policys_word_here_too(story: Any) -> None:
    told = story(1, kind="configure").go("preflight")
    assert told.look(told.looks.running()).reason.startswith("it has one upgrade domain")


@pytest.mark.parametrize(
    ("claim", "key", "agrees"),
    [
        (Claim.SUCCEEDED, NEW_KEY, True),
        (Claim.SUCCEEDED, "key-old", False),
        (Claim.ROLLED_BACK, "key-old", True),
        (Claim.FAILED, NEW_KEY, False),
    ],
)
def test_a_claim_is_held_against_the_configuration(story: Any, claim: Claim, key: str, agrees: bool) -> None:
    told = story.of("configure:held")
    told.granted("resolve", resolve_as=claim)
    assert told.look(told.looks.running(key=key)).agrees is agrees


def test_a_begin_that_takes_too_long_is_named_after_what_it_begins(story: Any) -> None:
    told = story.of("configure:beginning accepted").later(300.0)
    assert told.poll(Running()).detail == (
        "beginning the change of configuration took longer than operation_timeout.begin"
    )
