"""The dashboard in a real browser: what it shows of a rollout that goes on, and what people can do there."""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from bench.clients.parade import ROLLOUT, Parade
from rollout.emulator.faults import read_faults

Open = Callable[..., Any]
FAILS = {"service": "svc-0002", "verb": "walk", "domain": 1, "effect": "fail", "times": 1_000}
NOTHING = {"position": 1, "at": 0.0, "rollouts": [], "services": [], "freeze": None}
HOSTILE = "<img src=x onerror=document.title='harmed'>"


def line(page: Any, service: str, group: str = "") -> Any:
    return page.locator(f".line[data-service='{service}']" + (f"[data-group='{group}']" if group else ""))


def streams(page: Any, *answers: list[tuple[str, Any, int | None]]) -> list[dict[str, str]]:
    """Answer the page's first event streams with these events, and the later ones as the daemon does.

    No events at all = no stream from then on.
    """
    asked: list[dict[str, str]] = []

    def answer(route: Any) -> None:
        asked.append(route.request.headers)
        at = len(asked) - 1
        if at < len(answers) and answers[at]:
            events = (
                f"id: {position}\n" * (position is not None) + f"event: {kind}\ndata: {json.dumps(told)}\n\n"
                for kind, told, position in answers[at]
            )
            route.fulfill(status=200, content_type="text/event-stream", body="".join(events))
        elif [] in answers:
            route.fulfill(status=204)
        else:
            route.continue_()

    page.route("**/v1/events", answer)
    return asked


def paraded(page: Any, *answers: list[tuple[str, Any, int | None]]) -> None:
    """Answer with a fleet that is make-believe, and with one word that is legal for all of it."""
    word = {"verb": "retry", "target": "it", "legal": True, "no_op": False, "allowed": True, "destructive": False}
    items = [word | {"said": "again", "needs": ["reason"], "count": 1}]
    streams(page, *answers)
    page.route(f"**/v1/rollouts/{ROLLOUT}", lambda route: route.fulfill(json={"approvals": [], "plan": ""}))
    page.route("**/actions?*", lambda route: route.fulfill(json={"items": items}))


def unanswered(page: Any, path: str) -> None:
    """Have whatever is only read there fail."""

    def answer(route: Any) -> None:
        if route.request.method == "GET":
            route.fulfill(status=503)
        else:
            route.continue_()

    page.route(path, answer)


def test_the_grid_reaches_the_right_states_while_a_rollout_goes_on_with_a_failure(daemon: Any, open_page: Open) -> None:
    daemon.run(lambda: daemon.fabric.set_faults(read_faults([FAILS])))
    page = open_page()
    bundle = daemon.bundle("seen-1", ("svc-0001", "svc-0002", "svc-0003"))
    bundle["policy"] = bundle["policy"].replace("failure_tolerance: 0", "failure_tolerance: 1")
    assert daemon.ask("POST", "/v1/rollouts", bundle).status == 201
    page.goto(f"{daemon.url}/ui/#/r/seen-1")
    line(page, "svc-0001", "done").wait_for()
    failed = line(page, "svc-0002", "failed")
    failed.wait_for()
    failed.locator(".doing", has_text=re.compile("^rolled_back")).wait_for()
    assert set(line(page, "svc-0001").locator(".domains i").all_inner_texts()) == {"■"}
    page.locator(".line:first-child", has_text="svc-0002").wait_for()  # what failed stands first
    shown = daemon.until("seen-1", lambda found: found["closed"])["sentence"]
    page.locator("#verdict", has_text=re.compile(f"^{re.escape(shown)}$")).wait_for()


def test_buttons_follow_what_the_daemon_says_is_legal(daemon: Any, open_page: Open) -> None:
    assert daemon.ask("POST", "/v1/freeze", {"on": True, "reason": "a look at buttons"}).status == 202
    try:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("seen-2", ("svc-0004",))).status == 201
        page = open_page("#/r/seen-2/s/svc-0004")
        page.locator(".drawer button[data-verb='exclude']").wait_for()
        items = daemon.ask("GET", "/v1/rollouts/seen-2/actions?service=svc-0004").json["items"]
        legal = {each["verb"] for each in items if each["legal"] and not each["no_op"]}
        enabled = page.locator(".drawer button[data-verb]:enabled")
        assert {each.get_attribute("data-verb") for each in enabled.all()} == legal
        refused = next(each for each in items if not each["legal"])
        title = page.locator(f".drawer button[data-verb='{refused['verb']}']").get_attribute("title")
        assert refused["why_not"] in title
    finally:
        assert daemon.ask("POST", "/v1/freeze", {"on": False, "reason": "seen"}).status == 202


def test_keys_move_and_open_and_an_address_leads_back(daemon: Any, open_page: Open) -> None:
    assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("seen-3", ("svc-0005", "svc-0006"))).status == 201
    page = open_page("#/r/seen-3")
    line(page, "svc-0006").wait_for()
    for key in ("j", "j", "Enter"):
        page.keyboard.press(key)
    page.locator(".drawer h2").wait_for()
    name = page.locator(".drawer h2").inner_text()
    assert page.url.endswith(f"#/r/seen-3/s/{name}")
    page.reload()
    page.locator(".drawer h2", has_text=name).wait_for()
    page.keyboard.press("Escape")
    page.locator(".drawer").wait_for(state="hidden")
    page.keyboard.press("/")
    page.keyboard.type("svc-0006")
    line(page, "svc-0005").wait_for(state="hidden")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    page.locator(".matrix tbody tr").first.wait_for()


def test_an_approval_is_given_on_a_phone(daemon: Any, open_page: Open) -> None:
    more = "approve: {by: leads, before: start, within: 1h}"
    assert (
        daemon.ask("POST", "/v1/rollouts", daemon.bundle("seen-4", ("svc-0007",), more), role="operator").status == 201
    )
    page = open_page("#/r/seen-4", "approver", viewport={"width": 390, "height": 844})
    page.locator("[data-approval] button[data-verb='approve']:enabled").click()
    page.fill("#reason", "the numbers are good")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("dialog button[type='submit']")
    page.locator("[data-approval]").wait_for(state="hidden")
    assert daemon.until("seen-4", lambda found: found["closed"])["outcome"] == "succeeded"


def test_what_nothing_undoes_wants_the_count_typed(daemon: Any, open_page: Open) -> None:
    assert daemon.ask("POST", "/v1/freeze", {"on": True, "reason": "a look at counts"}).status == 202
    try:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("seen-5", ("svc-0008", "svc-0009"))).status == 201
        page = open_page("#/r/seen-5")
        page.click(".all summary")
        page.click(".all button[data-verb='abort']")
        page.fill("#reason", "it was the wrong day")
        page.fill("#count", "3")
        page.click("dialog button[type='submit']")
        page.locator("dialog .problem", has_text="2 services").wait_for()
        assert not daemon.ask("GET", "/v1/rollouts/seen-5").json["aborted"]
        page.fill("#count", "2")
        page.click("dialog button[type='submit']")
        page.locator("dialog").wait_for(state="detached")
        assert daemon.until("seen-5", lambda found: found["closed"])["aborted"]
    finally:
        assert daemon.ask("POST", "/v1/freeze", {"on": False, "reason": "seen"}).status == 202


def test_a_broken_stream_is_resumed_after_the_last_event(open_page: Open) -> None:
    heard: list[dict[str, str]] = []

    def fake(page: Any) -> None:
        nonlocal heard
        heard = streams(page, [("snapshot", NOTHING, 1)])

    page = open_page(before=fake)
    page.locator("[data-field='stream'][data-state='good']").wait_for()
    page.locator("[data-field='stream']", has_text="live").wait_for()
    while len(heard) < 2:
        page.wait_for_timeout(50)
    assert [each.get("last-event-id") for each in heard[:2]] == [None, "1"]


def test_a_stream_that_has_gone_is_said_loudly(open_page: Open) -> None:
    page = open_page(before=lambda page: streams(page, [("snapshot", NOTHING, 1)], []))
    page.locator(".stale[role='alert']", has_text="what you see may be old").wait_for()


def test_a_stream_that_never_came_is_no_calm(open_page: Open) -> None:
    page = open_page(before=lambda page: unanswered(page, "**/v1/events"), excused="503")
    page.locator(".stale", has_text="No news yet").wait_for()
    page.locator("#verdict", has_text="not known yet").wait_for()


def test_stop_asks_for_its_reason_whatever_else_cannot_be_read(daemon: Any, open_page: Open) -> None:
    assert daemon.ask("POST", "/v1/freeze", {"on": True, "reason": "a look at stop"}).status == 202
    try:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("stopped-1", ("svc-0011",))).status == 201
        page = open_page("#/r/stopped-1", before=lambda page: unanswered(page, "**/actions"), excused="503")
        line(page, "svc-0011").wait_for()
        page.click(".all summary")
        page.locator(".all .problem").wait_for()
        page.click("#stop")
        page.fill("#reason", "it smells")
        page.click("dialog button[type='submit']")
        page.locator("dialog").wait_for(state="detached")
        assert daemon.ask("GET", "/v1/rollouts/stopped-1/services/svc-0011").json["stop"] is not None
    finally:
        assert daemon.ask("POST", "/v1/freeze", {"on": False, "reason": "seen"}).status == 202
        assert daemon.ask("POST", "/v1/rollouts/stopped-1/actions", {"verb": "abort", "reason": "seen"}).status == 202


def test_a_refused_word_can_be_said_again_with_another_reason(daemon: Any, open_page: Open) -> None:
    assert daemon.ask("POST", "/v1/freeze", {"on": True, "reason": "a look at refusals"}).status == 202
    try:
        assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("refused-1", ("svc-0012",))).status == 201
        page = open_page("#/r/refused-1/s/svc-0012", excused="409")
        page.locator(".drawer button[data-verb='pause']:enabled").click()
        assert daemon.ask("POST", "/v1/rollouts/refused-1/actions", {"verb": "abort", "reason": "over"}).status == 202
        daemon.until("refused-1", lambda found: found["closed"])
        for reason in ("lunch", "a long lunch"):
            page.fill("#reason", reason)
            with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
                page.click("dialog button[type='submit']")
            assert answered.value.status == 409
            assert "used for another command" not in answered.value.text()
            page.locator("dialog button[type='submit']:enabled").wait_for()
    finally:
        assert daemon.ask("POST", "/v1/freeze", {"on": False, "reason": "seen"}).status == 202


def test_an_address_that_cannot_be_read_shows_what_there_is(open_page: Open) -> None:
    page = open_page("#/r/50%")
    page.locator("[data-field='stream'][data-state='good']").wait_for()
    assert page.locator("#verdict").inner_text()


def test_another_rollout_that_needs_somebody_is_named_beside_the_one_that_is_shown(open_page: Open) -> None:
    shown = msgspec.to_builtins(Parade(2, 3, at=0.0).snapshot())
    other = shown["rollouts"][0] | {"id": "hotfix-9", "attention": True}
    calm = shown["rollouts"][0] | {"attention": False}
    snapshot = shown | {"rollouts": [calm, other]}
    page = open_page(f"#/r/{ROLLOUT}", before=lambda page: paraded(page, [("snapshot", snapshot, 1)], []))
    page.locator(".top .danger", has_text="hotfix-9 needs you").wait_for()
    assert page.title().startswith("(!)")


def test_a_token_is_kept_while_the_daemon_is_away(open_page: Open) -> None:
    asked: list[Any] = []

    def away_once(route: Any) -> None:
        asked.append(route)
        if len(asked) == 1:
            route.fulfill(status=503, json={"detail": "it is starting"})
        else:
            route.continue_()

    page = open_page(before=lambda page: page.route("**/v1/me", away_once), excused="503")
    page.locator(".login", has_text="it is starting: asking again").wait_for()
    page.locator("[data-field='stream'][data-state='good']").wait_for()
    assert len(asked) == 2


def test_a_link_to_a_rollout_that_is_over_shows_its_grid(daemon: Any, open_page: Open) -> None:
    assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("seen-7", ("svc-0011",))).status == 201
    daemon.until("seen-7", lambda found: found["closed"])
    line(open_page("#/r/seen-7"), "svc-0011", "done").wait_for()


def test_a_thousand_services_of_twenty_domains_fit_on_the_screen(open_page: Open) -> None:
    snapshot = msgspec.to_builtins(Parade(1_000, 20, at=0.0).snapshot())
    page = open_page(f"#/r/{ROLLOUT}", before=lambda page: paraded(page, [("snapshot", snapshot, 1)], []))
    page.locator(".line[data-group='in flight']").first.wait_for()
    assert page.locator(".line").count() < 80  # what is not on the screen does not exist
    cells = page.locator(".line:visible .domains")
    assert cells.first.locator("i").count() == 20
    assert cells.evaluate_all("all => all.filter((each) => each.scrollWidth > each.clientWidth).length") == 0


def test_a_button_stays_under_the_hand_while_its_service_changes(open_page: Open) -> None:
    snapshot = msgspec.to_builtins(Parade(12, 5, at=0.0).snapshot())
    row = next(each for each in snapshot["services"] if each["attention"])
    changed = row | {"version": 9, "attention": row["attention"] | {"sentence": "it still waits"}}
    entry = {"position": 2, "rollout": ROLLOUT, "service": row["service"], "row": changed}
    page = open_page(
        f"#/r/{ROLLOUT}", before=lambda page: paraded(page, [("snapshot", snapshot, 1)], [("entry", entry, 2)])
    )
    card = page.locator(f".card[data-service='{row['service']}']")
    card.locator("button[data-verb='retry']").focus()
    card.locator(".said", has_text="it still waits").wait_for()
    assert page.evaluate("document.activeElement.dataset.verb") == "retry"


def test_b1_a_hostile_name_stays_text(daemon: Any, open_page: Open) -> None:
    assert daemon.ask("POST", "/v1/rollouts", daemon.bundle("seen-6", ("svc-0010",))).status == 201
    found = daemon.until("seen-6", lambda found: found["closed"])
    row = found["services"][0] | dict.fromkeys(("service", "doing", "sentence", "way_back", "release_after"), HOSTILE)
    row |= {"attention": {"sentence": HOSTILE, "since_at": 0.0, "runbook": "javascript:alert(1)", "ticket": HOSTILE}}
    head = {name: value for name, value in found.items() if name != "services"} | {"id": "seen-6", "sentence": HOSTILE}
    snapshot = {"position": 1, "at": 0.0, "rollouts": [head | {"closed": False}], "services": [row], "freeze": None}

    def fake(page: Any) -> None:
        streams(page, [("snapshot", snapshot, None)])
        page.route("**/actions?*", lambda route: route.fulfill(json={"items": []}))

    page = open_page(before=fake)
    page.locator("#verdict", has_text="<img").wait_for()
    page.locator(".line .service", has_text="<img").wait_for()
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("a[href^=javascript]").count() == 0
    assert "harmed" not in page.title()


def test_b2_nobody_may_frame_it(daemon: Any, browser: Any) -> None:
    answer = daemon.ask("GET", "/ui/", role=None)
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    context = browser.new_context()
    page = context.new_page()
    page.set_content(f"<iframe src='{daemon.url}/ui/'></iframe>")
    page.wait_for_timeout(500)
    framed = [frame for frame in page.frames if frame is not page.main_frame]
    assert [frame.locator("#app").count() for frame in framed] == [0]
    context.close()


def test_b3_an_inline_script_is_blocked(daemon: Any, browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{daemon.url}/ui/")
    page.locator("#token").wait_for()
    tried = """() => {
        const made = document.createElement('script');
        const tries = [
            () => { made.append('window.harmed = true'); document.body.append(made); },
            () => document.body.setAttribute('onclick', 'window.harmed = true'),
            () => { document.body.innerHTML = '<img src=x onerror="window.harmed = true">'; },
        ];
        for (const each of tries) { try { each(); } catch { /* trusted types */ } }
        document.body.click();
        return window.harmed === true;
    }"""
    assert page.evaluate(tried) is False
    context.close()
