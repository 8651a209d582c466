"""What a policy would do, asked of a daemon; and what was expected of a rollout, kept since its submission."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from rollout.core.names import ServiceName
from rollout.daemon.http.limits import HttpLimits
from rollout.planning.ask import plan_of
from rollout.planning.document import PlanDocument
from rollout.policy.load import load_sent
from rollout.settings.model import Limits, PaceLimit
from rollout.views.report import Report

SERVICES = ("svc-0001", "svc-0002")
DRY = "/v1/rollouts?dry_run=1"
LONG_S = 60.0
"""A machine with much else to do may need some of it."""
SHUT = "approve: {by: leads, within: 1h}"


def plan_in(answer: Any) -> PlanDocument:
    assert answer.status == 200, answer.json
    return msgspec.json.decode(answer.body, type=PlanDocument)


def timeless(plan: PlanDocument) -> dict[str, Any]:
    """Leave out when it was made."""
    fields: dict[str, Any] = msgspec.to_builtins(plan)
    services = [{k: v for k, v in each.items() if not str(v).startswith("20")} for each in fields["services"]]
    waves = [{k: v for k, v in each.items() if not str(v).startswith("20")} for each in fields["waves"]]
    finish = {k: v for k, v in fields["finish"].items() if k.endswith("_s")}
    left = {k: v for k, v in fields.items() if k not in {"begins", "begins_wall", "services", "waves", "finish"}}
    return left | {"services": services, "waves": waves, "finish": finish}


@pytest.mark.parametrize("offline", [False, True])
def test_a_dry_run_is_the_plan_that_the_command_line_makes(unharmed: Any, offline: bool) -> None:
    body = unharmed.bundle("web-plan", SERVICES)
    answer = unharmed.ask("POST", DRY + ("&offline=1" if offline else ""), body)
    files = {"policy.yaml": body["policy"].encode(), **{k: v.encode() for k, v in body["files"].items()}}
    settings, bundle = unharmed.site.host.works.settings, load_sent("policy.yaml", files, sets=())
    here = unharmed.run(lambda: plan_of(bundle, settings, offline=offline))
    assert plan_in(answer).looked is not offline
    assert timeless(plan_in(answer)) == timeless(here)
    assert (answer.json["known"], answer.json["diff"], answer.json["about"]["ticket"]) == (False, "", "OPS-311")


def test_a_dry_run_says_what_could_not_be_done(unharmed: Any) -> None:
    plan = plan_in(unharmed.ask("POST", DRY, unharmed.bundle("web-plan", ("svc-0001", "nobody"))))
    assert plan.blocked
    assert "there is no deployment in production" in plan.findings[0].said


def test_offline_goes_with_a_dry_run_only(unharmed: Any) -> None:
    answer = unharmed.ask("POST", "/v1/rollouts?offline=1", unharmed.bundle("web-plan", SERVICES))
    assert (answer.status, "goes with `dry_run=1`" in answer.json["detail"]) == (400, True)


def test_a_plan_that_takes_too_long_is_given_up_and_says_how_far_it_came(
    own_daemon: Callable[..., Any], unhurried: HttpLimits
) -> None:
    slow = Limits(reads=PaceLimit(start=0.5, ceiling=0.5))
    with own_daemon(msgspec.structs.replace(unhurried, plan_s=0.4), run={"limits": slow}) as daemon:
        twelve = tuple(f"svc-{number:04}" for number in range(1, 13))
        answer = daemon.ask("POST", DRY, daemon.bundle("web-1", twelve))
        assert answer.status == 503
        assert "the plan was not made within 0.4 s" in answer.json["detail"]
        assert "of 12 deployments were looked at" in answer.json["detail"]
        assert answer.json["instead"] == "offline=1, or `rollout plan`"
        assert daemon.ask("POST", f"{DRY}&offline=1", daemon.bundle("web-1", twelve)).status == 200


def test_the_plan_of_the_submission_is_kept_through_words_a_restart_and_the_end(own_daemon: Callable[..., Any]) -> None:
    with own_daemon() as daemon:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", SERVICES, SHUT)).status == 201
        kept = daemon.ask("GET", "/v1/rollouts/web-1/plan")
        plan = plan_in(kept)
        assert (plan.looked, plan.changes, [each.domains for each in plan.services]) == (True, 2, [3, 3])
        head = daemon.ask("GET", "/v1/rollouts/web-1").json
        wave = head["waves"][0]
        assert wave["opens_at"] >= head["opened_at"] - 0.1  # moments to come are told to a tenth
        assert head["ends_at"] == wave["ends_at"] == pytest.approx(wave["opens_at"] + plan.finish.expected_s, abs=1.0)
    with own_daemon() as daemon:
        again = daemon.ask("GET", "/v1/rollouts/web-1/plan")
        assert again.body == kept.body
        assert (
            daemon.ask("GET", "/v1/rollouts/web-1/plan", headers={"If-None-Match": again.headers["etag"]}).status == 304
        )
        digest = daemon.ask("GET", "/v1/rollouts/web-1").json["plan"]
        body = {"verb": "approve", "reason": "fine", "plan": digest}
        assert daemon.ask("POST", "/v1/rollouts/web-1/actions", body, role="approver").status == 202
        daemon.until("web-1", lambda found: found["closed"], LONG_S)
        assert daemon.ask("GET", "/v1/rollouts/web-1/plan").body == kept.body
        answer = daemon.ask("GET", "/v1/rollouts/web-1/report")
        report = msgspec.json.decode(answer.body, type=Report)
        opened_at, first = report.rollout.opened_at, plan.services[0]
        assert first.begins_s is not None
        assert plan.finish.expected_s is not None
        assert sorted(report.expected) == list(SERVICES)
        assert report.expected[ServiceName(first.service)].from_at == pytest.approx(opened_at + first.begins_s)
        assert report.expected_finish_at == pytest.approx(opened_at + plan.finish.expected_s)
        assert b"expected" in daemon.ask("GET", "/v1/rollouts/web-1/report?format=html").body
        assert daemon.ask("GET", "/v1/rollouts/web-1").json["ends_at"] is None


def test_a_rollout_without_a_forecast_answers_with_what_it_promised(own_daemon: Callable[..., Any]) -> None:
    source = "rollback: {package: https://relstore.blob.example/web-old.cspkg}"
    with own_daemon() as daemon:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", SERVICES, source)).status == 201
        daemon.until("web-1", lambda found: found["closed"], LONG_S)
        back = {"verb": "revert", "reason": "worse", "confirm_count": 2}
        assert daemon.ask("POST", "/v1/rollouts/web-1/actions", back).status == 202
        plan = plan_in(daemon.ask("GET", "/v1/rollouts/web-1-revert/plan"))
        assert (plan.looked, len(plan.services)) == (False, 2)
        assert "no forecast was kept" in " ".join(each.said for each in plan.findings)
        assert daemon.ask("GET", "/v1/rollouts/nobody/plan").status == 404
