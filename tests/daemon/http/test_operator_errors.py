"""What a person can do by mistake, and what keeps them from it (security.md, T20), against the daemon itself."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rollout.emulator.fleet import SUBSCRIPTION
from rollout.settings.model import Allow, Limits

SERVICES = ("svc-0001", "svc-0002", "svc-0003")
WAITS = "approve: {by: leads, within: 1h}"
ACTIONS = "/v1/rollouts/web-1/actions"


@pytest.fixture
def waiting(own_daemon: Callable[..., Any]) -> Iterator[Any]:
    """Give a daemon with a rollout that waits for an approval."""
    with own_daemon() as daemon:
        assert (
            daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", SERVICES, WAITS), role="operator").status == 201
        )
        daemon.until("web-1", lambda found: found["approvals"])
        yield daemon


def test_t20_abort_all_is_taken_only_from_who_says_how_many(waiting: Any) -> None:
    before = waiting.truth()
    body: dict[str, Any] = {"verb": "abort", "reason": "x"}
    for wrong in ({}, {"confirm_count": 2}, {"confirm_count": 4}):
        answer = waiting.ask("POST", ACTIONS, body | wrong)
        assert (answer.status, answer.json["count"]) == (409, 3)
        assert answer.json["instead"] == "confirm_count: 3"
    assert waiting.truth() == before
    assert waiting.ask("POST", ACTIONS, body | {"confirm_count": 3, "key": "k"}).status == 202
    waiting.until("web-1", lambda found: found["closed"])
    assert waiting.ask("POST", ACTIONS, body | {"confirm_count": 3, "key": "k"}).status == 202


@pytest.mark.parametrize("verb", ["rollback", "exclude"])
def test_t20_what_cannot_be_undone_for_several_is_counted_and_for_one_is_not(waiting: Any, verb: str) -> None:
    assert waiting.ask("POST", ACTIONS, {"verb": verb, "reason": "x", "wave": "all"}).status == 409
    assert waiting.ask("POST", ACTIONS, {"verb": verb, "reason": "x", "service": "svc-0001"}).status == 202
    assert waiting.ask("POST", ACTIONS, {"verb": "pause", "reason": "x"}).status == 202


def test_t20_the_plan_can_be_looked_at_before_anything_starts(waiting: Any) -> None:
    before = waiting.truth()
    told = waiting.ask("POST", "/v1/rollouts?dry_run=1", waiting.bundle("web-1", SERVICES[:2], WAITS)).json
    assert told["known"]
    assert "svc-0003" in told["diff"]
    weighed = waiting.ask("POST", f"{ACTIONS}?dry_run=1", {"verb": "abort", "reason": "x"}).json
    assert (weighed["count"], weighed["services"]) == (3, list(SERVICES))
    assert waiting.truth() == before


def test_t20_nobody_approves_what_is_their_own_nor_a_plan_they_did_not_look_at(waiting: Any) -> None:
    plan = waiting.ask("GET", "/v1/rollouts/web-1").json["plan"]
    waiting.token("approver", "outsider")
    body = {"verb": "approve", "reason": "x", "plan": plan}
    before = waiting.truth()
    assert waiting.ask("POST", ACTIONS, body, role="outsider").status == 409
    blind = waiting.ask("POST", ACTIONS, {"verb": "approve", "reason": "x"}, role="approver")
    assert blind.status == 409
    other = waiting.ask("POST", ACTIONS, body | {"plan": "0" * 64}, role="approver")
    assert other.status == 409
    assert waiting.truth() == before
    assert waiting.ask("POST", ACTIONS, body, role="approver").status == 202


def test_t20_the_submitter_does_not_approve_even_with_every_role(own_daemon: Callable[..., Any]) -> None:
    with own_daemon() as daemon:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", SERVICES, WAITS)).status == 201
        plan = daemon.until("web-1", lambda found: found["approvals"])["plan"]
        answer = daemon.ask("POST", ACTIONS, {"verb": "approve", "reason": "x", "plan": plan})
        assert answer.status == 409
        assert "submitted it" in answer.json["detail"]


def test_t20_only_subscriptions_of_the_allow_list_are_touched(own_daemon: Callable[..., Any]) -> None:
    other = SUBSCRIPTION[:-1] + "9"
    with own_daemon(run={"allow": Allow(subscriptions=(other,))}) as daemon:
        before = daemon.truth()
        answer = daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1"))
        assert answer.status == 409
        assert SUBSCRIPTION in answer.json["detail"]
        assert daemon.truth() == before


def test_t20_a_wave_larger_than_the_cap_is_refused(own_daemon: Callable[..., Any]) -> None:
    with own_daemon(run={"limits": Limits(services_per_wave=2)}) as daemon:
        before = daemon.truth()
        answer = daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", SERVICES))
        assert answer.status == 409
        assert "2" in answer.json["detail"]
        assert daemon.truth() == before


def test_t20_nothing_is_begun_while_it_is_frozen(own_daemon: Callable[..., Any]) -> None:
    with own_daemon() as daemon:
        assert daemon.ask("POST", "/v1/freeze", {"on": True, "reason": "quarter end"}).status == 202
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1")).status == 201
        row = daemon.until("web-1", lambda found: "freeze" in found["services"][0]["sentence"])["services"][0]
        assert "quarter end" in row["sentence"]
        assert daemon.truth()[1] == 0
