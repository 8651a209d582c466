"""The policies that a rollout was given stay readable as they were written: the submission's and each amendment's."""

from collections.abc import Callable
from typing import Any

SERVICES = ("svc-0001", "svc-0002")
WAITS = "approve: {by: leads, within: 1h}"
ACTIONS = "/v1/rollouts/web-1/actions"
SECRET = "sv=1&sig=c2VjcmV0c2VjcmV0"  # noqa: S105 - shaped like one
LOUD = "health: {stable_duration: 100ms"


def test_an_amended_policy_is_kept_shown_and_compared_with_and_no_secret_of_it(own_daemon: Callable[..., Any]) -> None:
    with own_daemon() as daemon:
        bundle = daemon.bundle("web-1", SERVICES, WAITS)
        bundle["policy"] = bundle["policy"].replace("/web.cspkg", f"/web.cspkg?{SECRET}")
        assert daemon.ask("POST", "/v1/rollouts", bundle, role="operator").status == 201
        slower = bundle | {"policy": bundle["policy"].replace(LOUD, "health: {stable_duration: 300ms")}
        weighed = daemon.ask("POST", f"{ACTIONS}?dry_run=1", {"verb": "amend", "reason": "x", "bundle": slower})
        assert weighed.status == 200
        assert len(daemon.ask("GET", "/v1/rollouts/web-1/policies").json["items"]) == 1
        amended = daemon.ask("POST", ACTIONS, {"verb": "amend", "reason": "patience", "bundle": slower})
        assert amended.status == 202
        answer = daemon.ask("GET", "/v1/rollouts/web-1/policies", role="viewer")
        first, second = answer.json["items"]
        assert (first["who"], first["note"], first["diff"]) == ("operator", "", "")
        assert (second["who"], second["note"]) == ("admin", "patience")
        assert LOUD in first["text"]
        assert "health: {stable_duration: 300ms" in second["text"]
        assert f"-{LOUD}" in second["diff"]
        assert "/web.cspkg?***" in first["text"]
        told = daemon.ask("GET", "/v1/rollouts/web-1").json["policies"]
        assert [(each["digest"], each["note"]) for each in told] == [
            (first["digest"], ""),
            (second["digest"], "patience"),
        ]
        report = daemon.ask("GET", "/v1/rollouts/web-1/report").json
        assert report["policies"] == answer.json["items"]
        page = daemon.ask("GET", "/v1/rollouts/web-1/report?format=html").body
        assert b"amended: patience" in page
        assert b"stable_duration: 300ms" in page
        other = slower | {"policy": slower["policy"].replace("retry_timeout: 5s", "retry_timeout: 9s")}
        refused = daemon.ask("POST", "/v1/rollouts", other)
        assert refused.status == 409
        assert "stable_duration: 100ms" not in refused.json["diff"], "it is compared with what was submitted first"
        assert daemon.ask("POST", "/v1/rollouts", slower).json["created"] is False
        for body in (answer.body, page, refused.body):
            assert b"c2VjcmV0" not in body


def test_the_policies_are_a_list_in_pages(own_daemon: Callable[..., Any]) -> None:
    with own_daemon() as daemon:
        bundle = daemon.bundle("web-1", SERVICES, WAITS)
        assert daemon.ask("POST", "/v1/rollouts", bundle).status == 201
        for stable in ("200ms", "100ms"):
            text = bundle["policy"].replace(LOUD, f"health: {{stable_duration: {stable}")
            body = {"verb": "amend", "reason": "again", "bundle": bundle | {"policy": text}}
            assert daemon.ask("POST", ACTIONS, body).status == 202
        first = daemon.ask("GET", "/v1/rollouts/web-1/policies?limit=2").json
        rest = daemon.ask("GET", f"/v1/rollouts/web-1/policies?cursor={first['next']}").json
        assert [len(first["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]
        assert rest["items"][0]["digest"] == first["items"][0]["digest"]
        assert daemon.ask("GET", "/v1/rollouts/nobody/policies").status == 404
