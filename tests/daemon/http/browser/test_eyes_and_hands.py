"""The dashboard for tired eyes and hands on a keyboard: contrast, focus, long names, and being let in again."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from bench.clients.parade import ROLLOUT, Parade
from tests.daemon.http.browser.test_dashboard import line, paraded
from tests.daemon.http.browser.test_evidence import detail

Open = Callable[..., Any]
FAINT = """() => {
    const lit = (part) => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    const numbers = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const light = ([r, g, b]) => 0.2126 * lit(r) + 0.7152 * lit(g) + 0.0722 * lit(b);
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const found = numbers(getComputedStyle(at).backgroundColor);
            if (found.length === 3 || found[3] === 1) return found;
        }
        return [255, 255, 255];
    };
    const faint = [];
    for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility() || element.matches(":disabled, option, noscript")) continue;
        const [a, b] = [light(numbers(getComputedStyle(element).color)), light(ground(element))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) faint.push(`${element.className} ${ratio.toFixed(2)}: ${element.textContent}`);
    }
    return faint;
}"""
"""Gives every visible text below WCAG AA: 4.5 to 1 for what is not large."""


def shown(snapshot: Any) -> Callable[[Any], None]:
    """Show a make-believe fleet, one of its services opened with all that can stand behind it."""
    found = detail(snapshot)

    def before(page: Any) -> None:
        paraded(page, [("snapshot", snapshot, 1)], [])
        page.route(f"**/services/{found['service']}", lambda route: route.fulfill(json=found))
        page.route("**/timeline?*", lambda route: route.fulfill(json={"items": []}))
        page.route("**/actions", lambda route: route.fulfill(json={"items": []}))

    return before


def fleet() -> Any:
    return msgspec.to_builtins(Parade(12, 5, at=0.0).snapshot())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_light_and_dark(open_page: Open, scheme: str) -> None:
    snapshot = fleet()
    claim = {"who": "ann", "since_at": 1.0, "text": "looking"}
    row = next(each for each in snapshot["services"] if each["attention"])
    row["attention"] |= {"claim": claim}
    going_back = snapshot["services"][-1]
    going_back |= {"domains": ["going back", "to do", "done", "in work", "failed"]}
    snapshot["rollouts"][0] |= {"halted": "1 of 12 failed", "halted_by": "policy", "claim": claim}
    page = open_page(f"#/r/{ROLLOUT}/s/{row['service']}", before=shown(snapshot), color_scheme=scheme)
    page.locator(".exchanges summary").first.click()
    page.locator(".needs [data-halt] .kept").wait_for()
    assert page.evaluate(FAINT) == []
    page.locator(".needs .card button[data-verb='retry']").first.click()
    page.locator("dialog #reason").wait_for()
    assert page.evaluate(FAINT) == []


def test_the_keyboard_goes_into_the_drawer_and_comes_back_to_the_grid(open_page: Open) -> None:
    snapshot = fleet()
    name = next(each["service"] for each in snapshot["services"] if each["attention"])
    page = open_page(f"#/r/{ROLLOUT}", before=shown(snapshot))
    line(page, name).wait_for()
    for key in ("j", "Enter"):
        page.keyboard.press(key)
    page.locator(".drawer h2", has_text=name).wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.drawer') !== null")
    page.keyboard.press("ArrowDown")  # scrolls what is read, and moves no row
    assert line(page, name).get_attribute("aria-current") == "true"
    page.keyboard.press("Escape")
    page.locator(".drawer").wait_for(state="hidden")
    assert page.evaluate("document.activeElement.className") == "body"


def test_escape_and_a_click_elsewhere_close_the_list_of_words(open_page: Open) -> None:
    page = open_page(f"#/r/{ROLLOUT}", before=shown(fleet()))
    opened = page.locator("details.all[open]")
    page.click(".all summary")
    opened.wait_for()
    page.keyboard.press("Escape")
    opened.wait_for(state="detached")
    page.click(".all summary")
    opened.wait_for()
    page.click("#verdict")
    opened.wait_for(state="detached")


@pytest.mark.parametrize("width", [390, 1280])
def test_names_as_long_as_they_may_be_push_nothing_off_the_page(open_page: Open, width: int) -> None:
    snapshot = fleet()
    for number, row in enumerate(snapshot["services"]):
        row |= {"service": f"{'w' * 120}-{number:07}", "wave": "v" * 128}
    for wave in snapshot["rollouts"][0]["waves"]:
        wave["name"] += "v" * 120
    snapshot["rollouts"][0]["sentence"] = f"{'r' * 128}: 1 failed"
    before = shown(snapshot)
    page = open_page(f"#/r/{ROLLOUT}", before=before, viewport={"width": width, "height": 800})
    page.locator(".needs button[data-verb='retry']").first.wait_for()
    page.locator(".line .service").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#stop").bounding_box()["x"] < width
    assert page.locator(".line .service").first.get_attribute("title").startswith("www")


def test_whoever_is_let_in_no_more_is_told_and_comes_back_to_the_same_place(open_page: Open) -> None:
    def ended(page: Any) -> None:
        paraded(page)
        page.unroute("**/v1/events")
        page.route("**/v1/events", lambda route: route.fulfill(status=401, json={"detail": "no"}))

    page = open_page(f"#/r/{ROLLOUT}", before=ended, excused="401")
    page.locator(".stale", has_text="the token has ended or was revoked").wait_for()
    page.route("**/v1/me", lambda route: route.fulfill(status=401, json={"detail": "no"}))
    page.click(".stale button")
    page.locator(".login", has_text="this token is not known any more").wait_for()
    assert page.url.endswith(f"#/r/{ROLLOUT}")


def test_a_resolve_says_what_its_claims_mean_and_carries_its_force(open_page: Open) -> None:
    snapshot, said = fleet(), []
    word = {"verb": "resolve", "target": "it", "legal": True, "no_op": False, "allowed": True, "destructive": True}
    word |= {"said": "counts once it was looked at", "needs": ["reason", "resolve_as"], "count": 1}

    def answer(route: Any) -> None:
        said.append(route.request.post_data_json)
        route.fulfill(status=202, json={"kind": "accepted", "said": [], "counts": {}})

    def before(page: Any) -> None:
        shown(snapshot)(page)
        page.route("**/actions?*", lambda route: route.fulfill(json={"items": [word]}))
        page.route("**/actions", answer)

    page = open_page(f"#/r/{ROLLOUT}", before=before)
    page.locator(".card button[data-verb='resolve']").click()
    assert page.locator("#as option").all_inner_texts()[2] == "failed: nothing was changed"
    page.select_option("#as", "rolled_back")
    page.check("#force")
    page.fill("#reason", "seen by hand")
    page.click("dialog button[type='submit']")
    page.locator("dialog").wait_for(state="detached")
    assert {name: said[0][name] for name in ("verb", "resolve_as", "force", "reason")} == {
        "verb": "resolve",
        "resolve_as": "rolled_back",
        "force": True,
        "reason": "seen by hand",
    }


def test_a_rollout_that_the_engine_stopped_by_a_mistake_is_taken_up_again_by_one_word(open_page: Open) -> None:
    snapshot, said = fleet(), []
    snapshot["rollouts"][0] |= {"trouble": "InvariantBroken: two walks at once"}

    def before(page: Any) -> None:
        def answer(route: Any) -> None:
            said.append(route.request.post_data_json)
            route.fulfill(status=202, json={"kind": "accepted", "said": [], "counts": {}})

        shown(snapshot)(page)
        page.route("**/actions", answer)

    page = open_page(f"#/r/{ROLLOUT}", before=before)
    card = page.locator("[data-trouble]", has_text="a mistake of its own: InvariantBroken: two walks at once")
    card.locator("button").click()
    page.fill("#reason", "read the log")
    page.click("dialog button[type='submit']")
    page.locator("dialog").wait_for(state="detached")
    assert said[-1] == {"verb": "retry", "reason": "read the log"}
