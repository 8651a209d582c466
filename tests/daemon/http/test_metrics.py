"""What is scraped: every number that the issue of operators is about, and a dashboard that names nothing else."""

import json
import re
from typing import Any

from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from rollout.cli.generate import text_of
from rollout.core.event import HoldReason
from rollout.core.names import Now
from rollout.core.service import Hold
from rollout.daemon.metrics import spent_s

_NAME = re.compile(r"rolloutd_[a-z_]+")


def scraped(daemon: Any) -> dict[str, Any]:
    """Give the samples' families by the names that queries use."""
    text = daemon.ask("GET", "/metrics").body.decode()
    found: dict[str, Any] = {}
    for family in text_string_to_metric_families(text):
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        found |= {f"{family.name}{suffix}": family for suffix in suffixes}
    return found


def test_the_dashboard_names_only_metrics_that_there_are(daemon: Any) -> None:
    dashboard = json.loads(text_of("grafana"))
    named = {name for panel in dashboard["panels"] for each in panel["targets"] for name in _NAME.findall(each["expr"])}
    assert len(named) > 20
    assert named - set(scraped(daemon)) == set()


def test_every_panel_has_a_place_of_its_own() -> None:
    dashboard = json.loads(text_of("grafana"))
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places) == len({panel["id"] for panel in dashboard["panels"]})


def test_holds_and_people_are_counted_and_requests_by_the_tables_own_paths(own_daemon: Any) -> None:
    with own_daemon() as daemon:
        waits = "approve: {by: leads, within: 1h}"
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("web-1", more=waits)).status == 201
        daemon.until("web-1", lambda found: found["approvals"])
        word = {"verb": "pause", "reason": "x"}
        assert daemon.ask("POST", "/v1/rollouts/web-1/actions", word).status == 202
        assert daemon.ask("GET", "/v1/nothing/like/it").status == 404
        found = scraped(daemon)
    assert {sample.labels["reason"]: sample.value for sample in found["rolloutd_holds"].samples} == {"pause": 1.0}
    assert found["rolloutd_rollouts_open"].samples[0].value == 1.0
    assert found["rolloutd_journal_sync_seconds"].samples[0].value > 0.0
    routes = {sample.labels["route"] for sample in found["rolloutd_http_requests_total"].samples}
    assert {"/v1/rollouts/{rollout}/actions", "/v1/rollouts", ""} <= routes
    assert not any("web-1" in route or "nothing" in route for route in routes)


def test_time_under_way_is_told_from_time_that_waits_for_people(make_service: Any) -> None:
    state = make_service(started_t=100.0, paused_s=30.0)
    assert spent_s(state, Now(200.0, 0.0)) == (70.0, 30.0)
    hold = Hold(HoldReason.PAUSE, "ann", "lunch", 180.0)
    assert spent_s(replace(state, holds=(hold,), withheld_since_t=180.0), Now(200.0, 0.0)) == (50.0, 50.0)
    assert spent_s(replace(state, started_t=None), Now(200.0, 0.0)) == (0.0, 0.0)
