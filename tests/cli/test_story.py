"""The demo's story, and how its verdict finds a log or a state that tells another one."""

from typing import Any

import pytest

from rollout.cli.story import DOMAINS, differences, names, story_of, told

STORY = story_of(0)


def a_log() -> list[dict[str, Any]]:
    return [
        {"service": service, "verb": verb, "domain": domain}
        for service in names()
        for verb, domain in STORY.steps(service)
    ]


def a_state() -> dict[str, Any]:
    def deployment(service: str) -> dict[str, Any]:
        label = f"{STORY.release(service)} [ro:0123456789ab]"
        return {"change": None, "instances": [{"label": label} for _ in range(DOMAINS)]}

    return {"services": [{"service": each, "deployments": [deployment(each)]} for each in names()]}


def test_a_log_and_a_state_as_told_have_no_differences() -> None:
    assert differences(STORY, a_log(), a_state()) == []


def test_a_walk_out_of_order_is_a_difference() -> None:
    log = a_log()
    place = next(n for n, each in enumerate(log) if each["service"] != STORY.service and each["domain"] == 1)
    log[place], log[place + 1] = log[place + 1], log[place]
    found = differences(STORY, log, a_state())
    assert len(found) == 1
    assert "the log shows upgrade, walk 0, walk 2, walk 1" in found[0]


def test_a_missing_rollback_is_a_difference() -> None:
    log = [each for each in a_log() if each["verb"] != "rollback"]
    assert [each.partition(":")[0] for each in differences(STORY, log, a_state())] == [STORY.service]


def test_an_instance_on_the_wrong_release_is_a_difference() -> None:
    state = a_state()
    state["services"][0]["deployments"][0]["instances"][3]["label"] = "web-2.3.9"
    assert "runs web-2.3.9, web-2.4.1" in differences(STORY, a_log(), state)[0]


def test_a_change_still_under_way_is_a_difference() -> None:
    state = a_state()
    state["services"][5]["deployments"][0]["change"] = {"verb": "upgrade"}
    assert differences(STORY, a_log(), state) == [f"{names()[5]}: a change is still under way"]


@pytest.mark.parametrize("seed", range(50))
def test_every_seed_fails_in_the_middle_and_always_the_same_way(seed: int) -> None:
    story = story_of(seed)
    assert story == story_of(seed)
    assert story.service in names()
    assert 1 <= story.domain <= DOMAINS - 2


def test_seeds_choose_different_services() -> None:
    assert len({story_of(seed).service for seed in range(50)}) > 5


def test_the_story_names_who_failed_and_what_agrees() -> None:
    text = told(STORY, 17.6)
    assert f"{STORY.service} failed in domain {STORY.domain}" in text
    assert "in 18 s" in text
    assert "one rolled back" in text
