"""What the routes answer, over sockets, from a daemon with an emulated fleet."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rollout.emulator.faults import read_faults

SERVICES = ("svc-0001", "svc-0002", "svc-0003")


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, serving: Any) -> Iterator[Any]:
    """Give a daemon with one rollout that waits for an approval, so that it stands still while it is looked at."""
    folder = tmp_path_factory.mktemp("busy")
    policies = folder / "policies"
    policies.mkdir()
    with serving(folder / "state", policies=policies, policies_every=0.1) as daemon:
        more = "approve: {by: leads, within: 1h}"
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", SERVICES, more)).status == 201
        daemon.until("web-1", lambda found: found["approvals"])
        daemon.folder = policies
        yield daemon


def test_who_the_caller_is_with_groups_of_the_settings(busy: Any) -> None:
    assert busy.ask("GET", "/v1/me", role="approver").json == {
        "name": "approver",
        "roles": ["approver"],
        "groups": ["leads"],
    }


def test_a_head_needs_a_person_where_an_approval_is_owed(busy: Any) -> None:
    (head,) = busy.ask("GET", "/v1/rollouts?attention=1").json["items"]
    assert head["id"] == "web-1"
    assert head["counts"] == {"failed": 0, "in flight": 0, "queued": 3, "done": 0}
    assert (head["ticket"], head["submitter"]) == ("OPS-311", "admin")
    assert head["result"]["code"] == 4


def test_the_same_documents_again_are_the_same_rollout_and_changed_ones_are_refused_with_the_difference(
    busy: Any,
) -> None:
    same = busy.ask("POST", "/v1/rollouts", busy.bundle("web-1", SERVICES, "approve: {by: leads, within: 1h}"))
    assert (same.status, same.json) == (200, {"id": "web-1", "created": False})
    other = busy.ask("POST", "/v1/rollouts", busy.bundle("web-1", SERVICES, "approve: {by: leads, within: 2h}"))
    assert other.status == 409
    assert "+approve: {by: leads, within: 2h}" in other.json["diff"]


def test_every_mistake_of_a_bundle_is_told_at_its_place_under_the_name_that_was_sent(busy: Any) -> None:
    body = busy.bundle("web-2", SERVICES)
    body["policy"] = body["policy"].replace("retry_timeout: 5s", "retry_timeout: soon").replace("max_parallel", "max")
    errors = busy.ask("POST", "/v1/rollouts", body | {"policy_name": "web.yaml"}).json["errors"]
    assert {error["file"] for error in errors} == {"web.yaml"}
    assert {error["path"] for error in errors} == {"health.retry_timeout", "waves[0].max"}
    assert all(error["line"] > 0 and error["col"] > 0 for error in errors)


def test_a_file_that_was_not_sent_is_a_mistake_and_no_file_of_the_daemon_is_read(busy: Any) -> None:
    body = busy.bundle("web-2", SERVICES)
    answer = busy.ask("POST", "/v1/rollouts", body | {"files": {}})
    assert "was not sent with the policy" in answer.json["errors"][0]["message"]
    body["policy"] = body["policy"].replace("configs/web.cscfg", "/etc/hostname")
    assert "relative path" in busy.ask("POST", "/v1/rollouts", body).json["errors"][0]["message"]


def test_a_file_may_come_as_base64(busy: Any) -> None:
    body = busy.bundle("web-2", SERVICES)
    (name, text), *_ = body["files"].items()
    body["files"] = {name: {"base64": base64.b64encode(text.encode()).decode()}}
    answer = busy.ask("POST", "/v1/rollouts?dry_run=1", body)
    assert (answer.status, [each["service"] for each in answer.json["services"]]) == (200, list(SERVICES))
    body["files"] = {name: {"base64": "*"}}
    assert busy.ask("POST", "/v1/rollouts?dry_run=1", body).status == 400


def test_a_dry_run_tells_the_plan_and_does_nothing(busy: Any) -> None:
    before = busy.truth()
    told = busy.ask("POST", "/v1/rollouts?dry_run=1", busy.bundle("web-9", SERVICES[:1])).json
    assert (told["id"], told["known"], told["looked"]) == ("web-9", False, True)
    assert [each["service"] for each in told["services"]] == ["svc-0001"]
    assert told["waves"][0]["max_parallel"] == 1
    assert busy.truth() == before
    assert busy.ask("GET", "/v1/rollouts/web-9").status == 404


def test_services_are_chosen_by_wave_tag_name_and_phase(busy: Any) -> None:
    def names(query: str) -> list[str]:
        return [row["service"] for row in busy.ask("GET", f"/v1/rollouts/web-1?{query}").json["services"]]

    assert names("wave=all") == list(SERVICES)
    assert names("select=tag:number%3Dn02") == ["svc-0002"]
    assert names("select=svc-0003") == ["svc-0003"]
    assert names("phase=queued") == list(SERVICES)
    assert names("phase=walking") == []
    for wrong in ("wave=none", "phase=none", "select=10%25", "select=svc-9999", "select=%26%26", "colour=red"):
        assert busy.ask("GET", f"/v1/rollouts/web-1?{wrong}").status == 400


def test_an_equal_answer_is_not_sent_again(busy: Any) -> None:
    first = busy.ask("GET", "/v1/freeze")
    again = busy.ask("GET", "/v1/freeze", headers={"If-None-Match": f'"x", {first.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")
    assert busy.ask("GET", "/v1/freeze", headers={"If-None-Match": 'W/"x"'}).status == 200


def test_a_service_is_told_with_what_each_word_would_be_answered(busy: Any) -> None:
    found = busy.ask("GET", "/v1/rollouts/web-1/services/svc-0001").json
    assert "waits for leads to approve" in found["sentence"]
    assert found["words"]["pause"]["answer"] == "accepted"
    assert busy.ask("GET", "/v1/rollouts/web-1/services/svc-9999").status == 404


def test_the_timeline_comes_in_pages_that_leave_nothing_out(busy: Any) -> None:
    whole = busy.ask("GET", "/v1/rollouts/web-1/timeline?limit=500").json["items"]
    pages, cursor = [], ""
    while True:
        page = busy.ask("GET", f"/v1/rollouts/web-1/timeline?limit=2{cursor}").json
        pages += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [each["position"] for each in pages] == [each["position"] for each in whole]
    one = busy.ask("GET", "/v1/rollouts/web-1/timeline?service=svc-0002").json["items"]
    assert {each["service"] for each in one} == {"svc-0002"}
    assert busy.ask("GET", "/v1/rollouts/web-1/timeline?cursor=zzz").status == 400
    assert busy.ask("GET", "/v1/rollouts/web-1/timeline?service=nobody").status == 404


def test_lists_are_cut_by_limit_and_go_on_behind_the_cursor(busy: Any) -> None:
    first = busy.ask("GET", "/v1/services?limit=2").json
    rest = busy.ask("GET", f"/v1/services?limit=2&cursor={first['next']}").json
    assert [row["service"] for row in first["items"] + rest["items"]] == list(SERVICES)
    assert rest["next"] is None
    assert busy.ask("GET", "/v1/services?cursor=YQ").status == 400


def test_words_that_are_legal_now_and_why_the_others_are_not(busy: Any) -> None:
    own = {each["verb"]: each for each in busy.ask("GET", "/v1/rollouts/web-1/actions", role="operator").json["items"]}
    assert (own["approve"]["legal"], own["approve"]["allowed"], own["approve"]["role"]) == (False, False, "approver")
    assert "leads" in own["approve"]["why_not"]
    assert (own["abort"]["destructive"], own["abort"]["count"]) == (True, 3)
    assert "confirm_count" in own["abort"]["needs"]
    one = busy.ask("GET", "/v1/rollouts/web-1/actions?service=svc-0001").json["items"]
    words = {each["verb"]: each for each in one}
    assert words["exclude"]["legal"]
    assert (words["advance"]["legal"], words["advance"]["instead"]) == (False, "resume lifts what keeps it")
    by = {each["verb"]: each for each in busy.ask("GET", "/v1/rollouts/web-1/actions", role="approver").json["items"]}
    assert by["approve"]["legal"]


def test_the_report_is_a_document_or_a_page_that_may_load_nothing(busy: Any) -> None:
    told = busy.ask("GET", "/v1/rollouts/web-1/report", role="viewer")
    assert [line["service"] for line in told.json["services"]] == list(SERVICES)
    assert told.json["approvals"][0]["by"] == "leads"
    html = busy.ask("GET", "/v1/rollouts/web-1/report?format=html", role="viewer")
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    assert html.body.startswith(b"<!doctype html>")
    policy = html.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy.endswith("; frame-ancestors 'none'")
    assert busy.ask("GET", "/v1/rollouts/web-1/report?format=pdf").status == 400
    assert busy.ask("GET", "/v1/rollouts/web-9/report").status == 404


def test_a_word_is_answered_once_for_each_key_and_signed_with_the_persons_name(busy: Any) -> None:
    body = {"verb": "pause", "reason": "lunch", "service": "svc-0003", "key": "key-1"}
    first = busy.ask("POST", "/v1/rollouts/web-1/actions", body, role="operator")
    assert (first.status, first.json["kind"]) == (202, "accepted")
    before = busy.truth()
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", body, role="operator").json == first.json
    assert busy.truth() == before
    other = busy.ask("POST", "/v1/rollouts/web-1/actions", body | {"reason": "dinner"}, role="operator")
    assert other.status == 409
    headers = {"Idempotency-Key": "key-2"}
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", body, headers=headers).status == 400
    entry = busy.ask("GET", "/v1/rollouts/web-1/timeline?service=svc-0003").json["items"][-1]
    assert (entry["actor"], entry["sentence"]) == ("operator", "svc-0003: paused by operator: lunch")


def test_a_word_for_some_services_is_one_and_its_dry_run_names_them(busy: Any) -> None:
    body = {"verb": "pause", "reason": "x", "select": "tag:number=n01", "key": "some"}
    weighed = busy.ask("POST", "/v1/rollouts/web-1/actions?dry_run=1", body).json
    assert (weighed["count"], weighed["services"]) == (1, ["svc-0001"])
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", body).json["counts"]["accepted"] == 1
    resumed = {"verb": "resume", "reason": "x", "select": "svc-0001"}
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", resumed).status == 202
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", body).json["counts"]["accepted"] == 1
    assert busy.ask("GET", "/v1/rollouts/web-1/services/svc-0001").json["holds"] == []
    nobody = {"verb": "pause", "reason": "x", "phase": "walking"}
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", nobody).status == 409


def test_a_word_holds_only_while_what_was_looked_at_is_so(busy: Any) -> None:
    body = {"verb": "resume", "reason": "x", "service": "svc-0003"}
    etag = busy.ask("GET", "/v1/rollouts/web-1").json["etag"]
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", body, headers={"If-Match": '"0.0.0"'}).status == 412
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", body, headers={"If-Match": f'"x", W/"{etag}"'}).status == 202
    again = {**body, "verb": "pause"}
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", again, headers={"If-Match": f'"{etag}"'}).status == 412


def test_the_bare_address_leads_to_the_dashboard(busy: Any) -> None:
    answer = busy.ask("GET", "/", role=None)
    assert (answer.status, answer.headers["location"]) == (308, "/ui/")


def test_a_refusal_says_what_would_work(busy: Any) -> None:
    body = {"verb": "advance", "reason": "x", "service": "svc-0001"}
    answer = busy.ask("POST", "/v1/rollouts/web-1/actions", body)
    assert answer.status == 409
    assert answer.json["said"][0]["instead"] == "resume lifts what keeps it"


@pytest.mark.parametrize(
    "more",
    [
        {"verb": "pause", "force": True},
        {"verb": "resolve"},
        {"verb": "amend"},
        {"verb": "abort", "select": "svc-0001"},
        {"verb": "pause", "service": "svc-0001", "wave": "all"},
        {"verb": "dance"},
        {"verb": "pause", "reason": "  "},
        {"verb": "pause", "reason": "a\nb"},
    ],
)
def test_words_that_make_no_sense_are_no_words(busy: Any, more: dict[str, Any]) -> None:
    before = busy.truth()
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", {"reason": "x", **more}).status == 400
    assert busy.truth() == before


def test_terms_are_amended_after_a_look_at_what_differs(busy: Any) -> None:
    bundle = busy.bundle("web-1", SERVICES, "approve: {by: leads, within: 1h}")
    bundle["policy"] = bundle["policy"].replace("retry_timeout: 5s", "retry_timeout: 7s")
    body = {"verb": "amend", "reason": "patience", "bundle": bundle}
    weighed = busy.ask("POST", "/v1/rollouts/web-1/actions?dry_run=1", body).json
    assert any("retry" in line for line in weighed["told"])
    assert busy.ask("POST", "/v1/rollouts/web-1/actions", body).status == 202
    bundle["policy"] = bundle["policy"].replace("relstore", "elsewhere")
    beyond = busy.ask("POST", "/v1/rollouts/web-1/actions", body)
    assert beyond.status == 409
    assert "timing, health and caps only" in beyond.json["detail"]


def test_a_freeze_is_told_set_and_lifted_once(busy: Any) -> None:
    on = {"on": True, "reason": "quarter end", "for_s": 3600, "key": "freeze-1"}
    assert busy.ask("POST", "/v1/freeze", on, role="operator").status == 202
    assert busy.ask("POST", "/v1/freeze", on, role="operator").status == 202
    held = busy.ask("GET", "/v1/freeze").json
    assert (held["frozen"], held["who"], held["why"], held["scope"]) == (True, "operator", "quarter end", "admissions")
    assert busy.ask("GET", "/v1/rollouts").json["items"][0]["frozen"]
    assert busy.ask("POST", "/v1/freeze", {"on": False, "reason": "over"}, role="operator").status == 202
    assert busy.ask("GET", "/v1/freeze").json == {"frozen": False}


def test_lifting_a_freeze_of_services_under_way_is_for_an_admin(busy: Any) -> None:
    assert busy.ask("POST", "/v1/freeze", {"on": True, "reason": "stop all", "domains": True}).status == 202
    assert busy.ask("POST", "/v1/freeze", {"on": False, "reason": "x"}, role="operator").status == 403
    assert busy.ask("POST", "/v1/freeze", {"on": False, "reason": "x"}).status == 202


def test_policies_of_the_folder_are_offered_and_submitted(busy: Any) -> None:
    bundle = busy.bundle("web-5", ("svc-0009",), "approve: {by: leads, within: 1h}")
    folder = busy.folder
    (folder / "configs").mkdir()
    (folder / "configs" / "web.cscfg").write_text(bundle["files"]["configs/web.cscfg"], encoding="utf-8")
    (folder / "web.yaml").write_text(bundle["policy"], encoding="utf-8")

    def offered() -> Any:
        return busy.ask("GET", "/v1/policies").json["items"]

    busy.wait(lambda: offered() and offered()[0]["state"] == "offered")
    assert busy.ask("POST", "/v1/policies/other.yaml", {}).status == 404
    made = busy.ask("POST", "/v1/policies/web.yaml", {}, role="operator")
    assert (made.status, made.json["id"], made.headers["location"]) == (201, "web-5", "/v1/rollouts/web-5")
    assert offered()[0]["state"] == "running"


def test_a_link_lets_one_browser_in_once(busy: Any) -> None:
    ticket = busy.ask("POST", "/v1/tickets", {"for": "ui"}, role="operator").json
    assert ticket["expires_s"] == 60
    session = busy.ask("POST", "/v1/session", {"ticket": ticket["ticket"]}, role=None)
    assert (session.status, session.json["name"], session.json["roles"]) == (201, "operator", ["operator"])
    shown = {"Authorization": f"Bearer {session.json['token']}"}
    assert busy.ask("GET", "/v1/me", role=None, headers=shown).json["name"] == "operator"
    again = busy.ask("POST", "/v1/session", {"ticket": ticket["ticket"]}, role=None)
    assert again.status == 401
    assert busy.ask("GET", f"/v1/events?ticket={ticket['ticket']}", role=None).status == 401


def test_status_operations_metrics_and_readiness_answer(busy: Any) -> None:
    status = busy.ask("GET", "/v1/status").json
    assert status["journal"]["position"] == busy.truth()[0]
    assert status["trouble"] is None
    assert busy.ask("GET", "/v1/operations").json["items"] == []
    assert b"rolloutd_journal_position" in busy.ask("GET", "/metrics").body
    assert busy.ask("GET", "/metrics", role=None).status == 401
    assert busy.ask("GET", "/readyz", role=None).json == {"status": "ready"}


def test_every_answer_forbids_frames_and_sniffing(busy: Any) -> None:
    for path in ("/healthz", "/v1/me", "/nothing", "/openapi.json"):
        headers = busy.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["server"] == "rollout"


def test_a_head_request_has_no_body(busy: Any) -> None:
    answer = busy.ask("HEAD", "/v1/rollouts")
    assert (answer.status, answer.body) == (200, b"")


def test_a_rollout_that_a_mistake_of_ours_stopped_is_loud_and_taken_up_again_by_one_word(busy: Any) -> None:
    busy.run(lambda: busy.site.host.failed.update({"web-1": "InvariantBroken: seven of six"}))
    try:
        assert busy.ask("GET", "/readyz", role=None).status == 503
        assert "seven of six" in busy.ask("GET", "/v1/status").json["trouble"]
        assert b"rolloutd_rollouts_stopped 1.0" in busy.ask("GET", "/metrics").body
        head = busy.until("web-1", lambda found: found["trouble"])
        assert (head["attention"], head["result"]["code"]) == (True, 4)
        assert head["sentence"].startswith("web-1 STANDS STILL")
        actions = busy.ask("GET", "/v1/rollouts/web-1/actions").json["items"]
        assert [row["verb"] for row in actions if row["legal"]] == ["retry"]
        refused = busy.ask("POST", "/v1/rollouts/web-1/actions", {"verb": "pause", "reason": "wait", "key": "loud-1"})
        assert (refused.status, refused.json["said"][0]["instead"].split(",")[0]) == (409, "retry of the whole rollout")
        word = {"verb": "retry", "reason": "the log was read", "key": "loud-2"}
        assert [busy.ask("POST", "/v1/rollouts/web-1/actions", word).status for _ in range(2)] == [202, 202]
        assert busy.ask("GET", "/readyz", role=None).status == 200
        busy.until("web-1", lambda found: found["trouble"] is None)
    finally:
        busy.run(busy.site.host.failed.clear)


def test_the_history_of_a_service_and_calls_in_flight_while_it_runs(own_daemon: Callable[..., Any]) -> None:
    with own_daemon() as daemon:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1")).status == 201
        calls: list[Any] = []

        def flying() -> bool:
            calls.extend(daemon.ask("GET", "/v1/operations").json["items"])
            return bool(calls)

        daemon.wait(flying)
        assert calls[0]["rollout"] == "web-1"
        assert len(calls[0]["request_id_dashed"]) == len(calls[0]["request_id"]) + 4
        done = daemon.until("web-1", lambda found: found["closed"])
        assert done["result"]["code"] == 0
        (row,) = daemon.ask("GET", "/v1/services/svc-0001").json["items"]
        assert (row["release"], row["outcome"], row["until"] >= row["since"]) == ("web-1", "succeeded", True)
        assert daemon.ask("GET", "/v1/services/nobody").status == 404
        found = daemon.ask("GET", "/v1/rollouts/web-1/services/svc-0001").json
        assert found["gate"]["checks"][0]["verdict"] == "pass"
        plan = daemon.ask("GET", "/v1/rollouts/web-1/plan").json
        assert "relstore.blob.example" in json.dumps(plan)
        back = daemon.ask("POST", "/v1/rollouts/web-1/actions", {"verb": "revert", "reason": "worse than before"})
        assert back.status == 409
        assert "nothing is at hand for a revert" in back.json["detail"]


def test_an_ended_rollout_is_taken_back_by_a_new_one_that_asking_again_finds(own_daemon: Callable[..., Any]) -> None:
    source = "rollback: {package: https://relstore.blob.example/web-old.cspkg}"
    with own_daemon() as daemon:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", SERVICES[:2], source)).status == 201
        body = {"verb": "revert", "reason": "worse than before"}
        early = daemon.ask("POST", "/v1/rollouts/web-1/actions", body)
        assert (early.status, early.json["detail"]) == (409, "web-1 is still open")
        daemon.until("web-1", lambda found: found["closed"])
        legal = {each["verb"]: each for each in daemon.ask("GET", "/v1/rollouts/web-1/actions").json["items"]}
        assert (legal["revert"]["legal"], legal["revert"]["count"]) == (True, 2)
        assert daemon.ask("POST", "/v1/rollouts/web-1/actions?dry_run=1", body).json["count"] == 2
        assert daemon.ask("POST", "/v1/rollouts/web-1/actions", body).json["count"] == 2
        assert daemon.ask("POST", "/v1/rollouts/web-1/actions", body | {"wave": "all"}).status == 400
        begun = daemon.ask("POST", "/v1/rollouts/web-1/actions", body | {"confirm_count": 2}, role="operator")
        assert (begun.status, begun.json["rollout"], begun.json["kind"]) == (202, "web-1-revert", "accepted")
        again = daemon.ask("POST", "/v1/rollouts/web-1/actions", body | {"confirm_count": 2}, role="operator")
        assert (again.status, again.json["kind"]) == (202, "no_op")
        opened = daemon.ask("GET", "/v1/rollouts/web-1-revert/timeline").json["items"][0]
        assert (opened["kind"], opened["actor"]) == ("rollout_opened", "operator")


def test_looking_for_what_is_newer_than_a_revert_keeps_nothing_of_it_in_memory(
    own_daemon: Callable[..., Any],
) -> None:
    source = "rollback: {package: https://relstore.blob.example/web-old.cspkg}"
    with own_daemon() as daemon:
        for rollout in ("web-1", "web-2"):
            assert daemon.ask("POST", "/v1/rollouts", daemon.bundle(rollout, more=source)).status == 201
            daemon.until(rollout, lambda found: found["closed"])
    with own_daemon() as daemon:
        back = daemon.ask("POST", "/v1/rollouts/web-1/actions", {"verb": "revert", "reason": "worse"})
        assert (back.status, "by web-2: revert that one first" in back.json["detail"]) == (409, True)
        kept = daemon.run(lambda: [*daemon.site.host.works.kit.ledger.services()])
    assert kept == ["web-1/svc-0001#1"]


def test_what_was_sent_and_answered_for_each_call_and_every_gate_s_samples_outlive_a_restart(
    own_daemon: Callable[..., Any],
) -> None:
    fault = {"service": "svc-0001", "verb": "walk", "domain": 1, "effect": "fail", "times": 1}
    place = "/v1/rollouts/web-1/services/svc-0001"
    with own_daemon() as daemon:
        daemon.run(lambda: daemon.fabric.set_faults(read_faults([fault])))
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1")).status == 201
        daemon.until("web-1", lambda found: found["closed"])
        found = daemon.ask("GET", place).json
    calls = {each["what"]: each for each in found["exchanges"]}
    assert list(calls) == [
        "upgrade",
        "walk of domain 0",
        "walk of domain 1",
        "outcome of the walk of domain 1",
        "rollback",
    ]
    begun, failed = calls["upgrade"], calls["outcome of the walk of domain 1"]
    assert (begun["number"], begun["method"], begun["status"], begun["sent"], begun["cut"]) == (
        1,
        "POST",
        202,
        True,
        False,
    )
    assert begun["path"].endswith("/?comp=upgrade")
    assert "<Mode>Manual</Mode>" in begun["request"]
    assert f"x-ms-request-id: {begun['request_id']}" in begun["answer"]
    assert len(begun["request_id_dashed"]) == len(begun["request_id"]) + 4
    assert failed["number"] == calls["walk of domain 1"]["number"]
    assert failed["request_id"] == calls["walk of domain 1"]["request_id"]
    assert "<Status>Failed</Status>" in failed["answer"]
    samples = [(each["domain"], each["said"], each["verdict"]) for each in found["gates"]]
    assert samples == [(0, "probed", "pass"), (0, "gate_passed", "pass")]
    assert found["gates"][0]["checks"][0]["check"] == "instances"
    with own_daemon() as again:
        headers = {"Authorization": f"Bearer {again.token('viewer', 'bob')}"}
        (wrong,) = again.ask("GET", "/v1/rollouts/web-1/report", role=None, headers=headers).json["exchanges"]
        assert (wrong["service"], wrong["what"]) == ("svc-0001", "outcome of the walk of domain 1")
        page = again.ask("GET", "/v1/rollouts/web-1/report?format=html", role=None, headers=headers).body.decode()
        assert "svc-0001: outcome of the walk of domain 1, HTTP 200</summary>" in page
        assert "&lt;Status&gt;Failed&lt;/Status&gt;" in page
        later = again.ask("GET", place, role=None, headers=headers).json
        assert later["exchanges"] == found["exchanges"]
        assert later["gates"] == found["gates"]


def test_the_key_of_a_submission_is_good_for_one_bundle_after_a_restart_too(own_daemon: Callable[..., Any]) -> None:
    with own_daemon() as daemon:
        one, other = daemon.bundle("web-1"), daemon.bundle("web-2", ("svc-0002",))
        key = {"Idempotency-Key": "k" * 200}
        assert daemon.ask("POST", "/v1/rollouts", one, headers=key).status == 201
    with own_daemon() as again:
        headers = key | {"Authorization": f"Bearer {again.token('operator', 'bob')}"}
        assert again.ask("POST", "/v1/rollouts", one, role=None, headers=headers).status == 200
        refused = again.ask("POST", "/v1/rollouts", other, role=None, headers=headers)
        assert refused.status == 409
        assert "was used for another bundle" in refused.json["detail"]
        assert again.ask("GET", "/v1/rollouts/web-2", role=None, headers=headers).status == 404
