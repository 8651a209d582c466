"""Strangers work on the same services: at their times, through the same rules, under their own name."""

from pathlib import Path
from typing import Any

import pytest

from rollout.emulator.callers import STRANGER
from rollout.emulator.files import strangers_from
from rollout.emulator.strangers import Act, BadStrangers, expect, read_strangers
from rollout.errors import UsageError


def visit(stage: Any, effect: str, **more: Any) -> Any:
    expect(stage.fabric, read_strangers([{"service": "svc-0001", "effect": effect, **more}]))
    return stage


def visits(stage: Any) -> list[tuple[str, bool]]:
    stage.fabric.now()
    return [(each.act, each.refused is None) for each in stage.fabric.world.strangers]


def test_a_stranger_upgrades_at_its_time_whether_anyone_looks_or_not(stage: Any) -> None:
    visit(stage, "upgrade", at=100, label="theirs").wait(99)
    assert stage.log() == []
    stage.wait(500)
    (entry,) = stage.fabric.log()
    assert (entry.verb.value, entry.at, entry.label) == ("upgrade", 100.0, "theirs")
    assert stage.fabric.world.history[entry.request_id].caller is STRANGER
    stage.wait(3 * 600)
    assert stage.labels() == ["theirs"] * 3


@pytest.mark.parametrize(
    ("effect", "verb"),
    [("upgrade", "upgrade"), ("configure", "config"), ("scale", "config"), ("reboot", "reboot"), ("suspend", "status")],
)
def test_what_a_stranger_does_is_done(stage: Any, effect: str, verb: str) -> None:
    visit(stage, effect)
    assert [each for each, _ in stage.log()] == [verb]
    assert visits(stage) == [(effect, True)]


def test_a_stranger_adds_an_instance(stage: Any) -> None:
    visit(stage, "scale").wait(3 * 600)
    assert [each.name for each in stage.deployment.instances][-1] == "WebRole1_IN_3"


def test_a_stranger_walks_and_rolls_back_our_update(stage: Any) -> None:
    visit(stage.begun(), "walk").wait(600)
    assert stage.pointer() == ("Manual", False, 1)
    visit(stage, "rollback").wait(1000)
    assert (stage.pointer(), stage.labels()) == (None, ["web-2.4.0"] * 3)


def test_a_stranger_swaps_and_deletes(make_stage: Any) -> None:
    stage = visit(make_stage(staging=True), "swap").wait(40)
    assert stage.deployment.name == "svc-0001-staging"
    visit(stage, "delete", slot="staging").wait(40)
    assert visits(stage) == [("swap", True), ("delete", True)]
    assert len(stage.fabric.service("svc-0001").slots) == 1


def test_maintenance_is_an_event_and_no_operation(stage: Any) -> None:
    visit(stage, "maintenance")
    assert stage.statuses()[0] == "StoppingRole"
    assert len(stage.fabric.world.reboots) == 1
    assert (stage.log(), stage.fabric.world.history) == ([], {})


def test_what_the_service_refuses_a_stranger_does_not_happen(stage: Any) -> None:
    stage.upgrade()
    visit(stage, "upgrade")
    visit(stage, "walk", service="svc-0009")
    assert visits(stage) == [("upgrade", False), ("walk", False)]
    assert len(stage.log()) == 1


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"effect": "upgrade"}, "should be a valid list"),
        ([{"effect": "upgrade"}], r"strangers\[0.service\]: Field required"),
        ([{"service": "a", "effect": "explode"}], "unknown effect 'explode'; known effects: upgrade, configure"),
        ([{"service": "a", "effect": ["upgrade"]}], "unknown effect"),
        ([{"service": "a", "effect": "swap", "slot": "middle"}], "the slot is production or staging"),
        ([{"service": "a", "effect": "swap", "at": -1}], r"strangers\[0.at\]"),
        ([{"service": "a", "effect": "swap", "when": 1}], "Extra inputs"),
        ([{"service": "a", "effect": "upgrade", "label": ""}], r"strangers\[0.label\]"),
    ],
)
def test_a_bad_list_of_strangers_says_which_entry_and_why(document: object, message: str) -> None:
    with pytest.raises(BadStrangers, match=message):
        read_strangers(document)


def test_strangers_are_read_from_yaml(tmp_path: Path) -> None:
    file = tmp_path / "strangers.yaml"
    file.write_text("- {service: svc-0001, slot: Staging, effect: reboot, at: 5}\n", encoding="utf-8")
    (stranger,) = strangers_from(file)
    assert (stranger.effect, stranger.slot.value, stranger.at) == (Act.REBOOT, "Staging", 5)
    file.write_text("", encoding="utf-8")
    assert strangers_from(file) == []
    file.write_text("- {}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"strangers\.yaml: strangers\[0"):
        strangers_from(file)
