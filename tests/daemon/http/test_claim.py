"""Who has what needs somebody, over HTTP: actions, documents, live events and the timeline say the same."""

import http.client
import json
from typing import Any


def stopped(daemon: Any, rollout: str, service: str) -> None:
    """Have a rollout whose one service waits for a person."""
    assert daemon.ask("POST", "/v1/rollouts", daemon.bundle(rollout, (service,))).status == 201
    assert say(daemon, rollout, "stop", service=service).status == 202


def say(daemon: Any, rollout: str, verb: str, role: str = "admin", **more: Any) -> Any:
    body = {"verb": verb, "reason": "on it", **more}
    return daemon.ask("POST", f"/v1/rollouts/{rollout}/actions", body, role=role)


def word(daemon: Any, path: str, role: str = "admin") -> Any:
    items = daemon.ask("GET", path, role=role).json["items"]
    return next(each for each in items if each["verb"] == "claim")


def test_a_claim_is_shown_wherever_the_alert_is_and_changes_nothing_else(daemon: Any) -> None:
    assert daemon.ask("POST", "/v1/freeze", {"on": True, "reason": "a look at claims"}).status == 202
    try:
        stopped(daemon, "claim-1", "svc-0001")
        path = "/v1/rollouts/claim-1/services/svc-0001"
        before = daemon.ask("GET", path).json
        assert before["attention"]["claim"] is None
        assert word(daemon, "/v1/rollouts/claim-1/actions?service=svc-0001")["legal"]
        assert say(daemon, "claim-1", "claim", service="svc-0001", role="operator").status == 202
        row = daemon.ask("GET", path).json
        assert row["attention"]["claim"]["who"] == "operator"
        assert row["attention"]["claim"]["text"] == "on it"
        unlike = {name for name, value in row.items() if value != before[name]}
        assert unlike <= {"attention", "sentence", "version", "since_s", "words"}
        assert "operator has it since" in row["sentence"]

        assert word(daemon, "/v1/rollouts/claim-1/actions?service=svc-0001", "operator")["no_op"]
        refused = say(daemon, "claim-1", "claim", service="svc-0001", release=True)
        assert (refused.status, refused.json["instead"]) == (409, "claim takes it over from them")
        taken = say(daemon, "claim-1", "claim", service="svc-0001").json
        assert "until now operator has it" in taken["said"][0]["text"]
        assert say(daemon, "claim-1", "claim", release=True).status == 202
        assert daemon.ask("GET", path).json["attention"]["claim"] is None

        told = daemon.ask("GET", "/v1/rollouts/claim-1/timeline?service=svc-0001").json["items"]
        assert [(each["kind"], each["actor"]) for each in told][-3:] == [
            ("taken_up", "operator"),
            ("taken_up", "admin"),
            ("handed_back", "admin"),
        ]
    finally:
        assert daemon.ask("POST", "/v1/freeze", {"on": False, "reason": "seen"}).status == 202
        assert say(daemon, "claim-1", "abort").status == 202


def test_a_live_event_carries_who_has_it_and_a_halt_is_claimed_in_the_head(daemon: Any) -> None:
    assert daemon.ask("POST", "/v1/freeze", {"on": True, "reason": "a look at claims"}).status == 202
    try:
        stopped(daemon, "claim-2", "svc-0002")
        assert say(daemon, "claim-2", "halt").status == 202
        position = daemon.ask("GET", "/v1/rollouts").json["position"]
        assert say(daemon, "claim-2", "claim", role="operator").json["counts"]["accepted"] == 2
        row, head = events(daemon, position)
        assert row["attention"]["claim"]["who"] == "operator"
        assert head["claim"]["who"] == "operator"
        assert "operator has it" in head["sentence"]
        assert say(daemon, "claim-2", "resume").status == 202
        daemon.until("claim-2", lambda found: found["claim"] is None and found["halted"] is None)
    finally:
        assert daemon.ask("POST", "/v1/freeze", {"on": False, "reason": "seen"}).status == 202
        assert say(daemon, "claim-2", "abort").status in {202, 409}


def test_only_whoever_may_act_claims_and_release_goes_with_no_other_word(daemon: Any) -> None:
    stopped(daemon, "claim-3", "svc-0003")
    assert say(daemon, "claim-3", "claim", role="viewer").status == 403
    assert say(daemon, "claim-3", "pause", release=True).status == 400
    assert word(daemon, "/v1/rollouts/claim-3/actions", "viewer")["allowed"] is False
    assert word(daemon, "/v1/rollouts/claim-3/actions")["count"] == 1
    assert say(daemon, "claim-3", "abort").status == 202


def events(daemon: Any, after: int) -> tuple[Any, Any]:
    """Give the row of the claimed service and the head that follows, as the stream sends them."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=20)
    headers = {"Authorization": f"Bearer {daemon.token()}", "Last-Event-ID": str(after)}
    connection.request("GET", "/v1/events?rollout=claim-2", headers=headers)
    answer, kind, row = connection.getresponse(), b"", None
    try:
        while line := answer.readline():
            if line.startswith(b"event: "):
                kind = line[7:].strip()
            elif line.startswith(b"data: "):
                document = json.loads(line[6:])
                if kind == b"entry" and document["kind"] == "taken_up" and document["row"]:
                    row = document["row"]
                if kind == b"head" and row is not None and document["claim"]:
                    return row, document
    finally:
        connection.close()
    raise AssertionError("the stream ended before it told of the claim")
