"""What the dashboard shows behind a state: when waves are expected, every gate, and what was sent and answered."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from bench.clients.parade import ROLLOUT, Parade
from tests.daemon.http.browser.test_dashboard import HOSTILE, line, paraded

Open = Callable[..., Any]
HEX, DASHED = "0f" * 16, "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"


def test_a_wave_that_is_not_open_says_when_it_is_expected_and_one_nobody_can_tell_of_says_nothing(
    open_page: Open,
) -> None:
    snapshot = msgspec.to_builtins(Parade(40, 5, at=0.0).snapshot())
    canary, rest, last = snapshot["rollouts"][0]["waves"]
    last |= {"opens_at": 4_102_448_400.0, "ends_at": 4_102_455_600.0, "state": "not open"}
    rest |= {"opens_at": None, "ends_at": 1_795_773_600.0}
    canary |= {"opens_at": None, "ends_at": None}
    snapshot["rollouts"][0]["ends_at"] = None
    page = open_page(f"#/r/{ROLLOUT}", before=lambda page: paraded(page, [("snapshot", snapshot, 1)], []))
    said = page.locator("[data-wave='last'] .expected")
    assert said.inner_text() == " · opens about 2100-01-01 01:00Z"
    assert said.get_attribute("title") == "done about 2100-01-01 03:00Z"
    assert page.locator("[data-wave='rest'] .expected").inner_text().startswith(" · was to end about ")
    assert page.locator("[data-wave='canary'] .expected").count() == 0
    assert "all of it" not in page.locator(".why").inner_text()


def detail(snapshot: Any) -> dict[str, Any]:
    """Give a service with two gates and two calls, one of which was answered by somebody with bad intentions."""
    checks = [{"check": "front", "verdict": "fail", "detail": HOSTILE}]
    gate = {"at": 1.0, "domain": 0, "said": "probed", "verdict": "fail", "reason": None, "checks": checks}
    call = {"at": 1.0, "number": 1, "what": "walk of domain 0", "method": "POST", "path": "/x?comp=walk", "sent": True}
    call |= {"status": 202, "request": "<Walk>\n  <UpgradeDomain>0</UpgradeDomain>", "answer": HOSTILE, "cut": True}
    call |= {"request_id": HEX, "request_id_dashed": DASHED}
    lost = call | {"number": 2, "status": None, "what": "rollback", "answer": "the connection was reset"}
    operation = {"id": HEX, "dashed": DASHED}
    row = next(each for each in snapshot["services"] if each["attention"])
    gates = [gate | {"at": float(at), "domain": at} for at in range(5)] + [gate | {"domain": None, "said": "baselined"}]
    return {**row, "gates": gates, "exchanges": [call, lost], "operation": operation, "error": None, "words": {}}


def test_gates_requests_and_answers_are_folded_and_stay_text(open_page: Open) -> None:
    snapshot = msgspec.to_builtins(Parade(12, 5, at=0.0).snapshot())
    found = detail(snapshot)
    name = found["service"]

    def before(page: Any) -> None:
        paraded(page, [("snapshot", snapshot, 1)], [])
        page.route(f"**/services/{name}", lambda route: route.fulfill(json=found))
        page.route("**/timeline?*", lambda route: route.fulfill(json={"items": []}))

    page = open_page(f"#/r/{ROLLOUT}/s/{name}", before=before)
    first = page.locator(".exchanges details").first
    first.locator("summary", has_text=re.compile("rollback no whole answer$")).wait_for()
    assert not first.locator("pre").first.is_visible()
    second = page.locator(".exchanges details").nth(1)
    second.locator("summary").click()
    assert second.locator("pre").nth(1).inner_text() == HOSTILE
    assert second.locator(".ids").inner_text().split() == [HEX, DASHED]
    assert "too long to be kept" in second.inner_text()
    assert page.locator(".sample:visible").count() == 3
    assert "before the change baselined" in page.locator(".sample").first.inner_text()
    page.locator("[data-fold='older-gates'] summary").click()
    assert page.locator(".sample:visible").count() == 6
    assert page.locator("img[src=x]").count() == 0
    assert "harmed" not in page.title()
    line(page, name).click()
    assert page.locator("dd", has_text=HEX).inner_text().split() == [HEX, DASHED]


def test_the_daemons_own_requests_and_answers_are_there_for_each_call(daemon: Any, open_page: Open) -> None:
    assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("seen-9", ("svc-0012",))).status == 201
    daemon.until("seen-9", lambda found: found["closed"])
    known = daemon.ask("GET", "/v1/rollouts/seen-9/services/svc-0012").json
    page = open_page("#/r/seen-9/s/svc-0012")
    newest = page.locator(".exchanges details").first
    newest.locator("summary", has_text=known["exchanges"][-1]["what"]).click()
    assert newest.locator("pre").first.inner_text().strip() == known["exchanges"][-1]["request"].strip()
    assert newest.locator(".ids").inner_text().split() == [
        known["exchanges"][-1]["request_id"],
        known["exchanges"][-1]["request_id_dashed"],
    ]
    assert page.locator(".exchanges details").count() == len(known["exchanges"])
    assert page.locator(".gate h3").inner_text() == f"Gates ({len(known['gates'])})"
