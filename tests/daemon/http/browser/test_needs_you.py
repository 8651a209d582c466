"""What needs somebody on the dashboard: who has it, and what one press does."""

from collections.abc import Callable
from typing import Any

import pytest

Open = Callable[..., Any]


@pytest.fixture
def frozen(daemon: Any) -> Any:
    """Have nothing begin by itself, so that what waits goes on waiting."""
    assert daemon.ask("POST", "/v1/freeze", {"on": True, "reason": "a look at claims"}).status == 202
    yield daemon
    assert daemon.ask("POST", "/v1/freeze", {"on": False, "reason": "seen"}).status == 202


def say(daemon: Any, rollout: str, verb: str, **more: Any) -> None:
    body = {"verb": verb, "reason": "because", **more}
    assert daemon.ask("POST", f"/v1/rollouts/{rollout}/actions", body).status == 202


def test_one_press_claims_others_see_it_at_once_and_may_take_over(frozen: Any, open_page: Open) -> None:
    assert frozen.ask("POST", "/v1/rollouts", frozen.bundle("mine-1", ("svc-0001",))).status == 201
    say(frozen, "mine-1", "stop", service="svc-0001")
    hers, his = open_page("#/r/mine-1", "operator"), open_page("#/r/mine-1")
    button = ".card[data-service='svc-0001'] button[data-verb='claim']"
    hers.locator(button, has_text="claim").click()
    hers.locator(button, has_text="hand back").wait_for()
    his.locator(".card .kept", has_text="operator has it since").wait_for()
    his.locator(".needs h2", has_text="Needs you (1, 1 claimed)").wait_for()
    assert frozen.ask("GET", "/v1/rollouts/mine-1/services/svc-0001").json["stop"] is not None
    his.locator(button, has_text="take over").click()
    hers.locator(".card .kept", has_text="admin has it").wait_for()
    his.locator(button, has_text="hand back").click()
    hers.locator(button, has_text="claim").wait_for()
    assert hers.locator(".card .kept").inner_text() == ""
    say(frozen, "mine-1", "abort")


def test_a_halt_stands_among_what_needs_somebody_with_its_words(frozen: Any, open_page: Open) -> None:
    assert frozen.ask("POST", "/v1/rollouts", frozen.bundle("mine-2", ("svc-0002",))).status == 201
    say(frozen, "mine-2", "halt")
    page = open_page("#/r/mine-2")
    card = page.locator("[data-halt='mine-2']")
    page.locator("#verdict", has_text="halted by admin: because").wait_for()
    assert "halted by" not in page.locator(".why").inner_text()  # no sentence is read twice
    card.locator("button[data-verb='claim']").click()
    card.locator(".kept", has_text="admin has it since").wait_for()
    card.locator("button[data-verb='resume']").click()
    page.fill("#reason", "it was lunch")
    page.click("dialog button[type='submit']")
    card.wait_for(state="hidden")
    say(frozen, "mine-2", "abort")


def test_one_press_claims_all_that_needs_somebody(frozen: Any, open_page: Open) -> None:
    assert frozen.ask("POST", "/v1/rollouts", frozen.bundle("mine-3", ("svc-0003", "svc-0004"))).status == 201
    say(frozen, "mine-3", "stop")
    page = open_page("#/r/mine-3")
    page.locator(".needs header button", has_text="claim all").click()
    page.locator(".needs h2", has_text="Needs you (2, 2 claimed)").wait_for()
    page.locator(".needs header button").wait_for(state="hidden")
    assert [row["attention"]["claim"]["who"] for row in frozen.ask("GET", "/v1/rollouts/mine-3").json["services"]] == [
        "admin",
        "admin",
    ]
    say(frozen, "mine-3", "abort", confirm_count=2)
