"""The list of faults: what it takes, what it refuses, and what each effect on an operation does."""

from typing import Any

import pytest

from rollout.emulator.faults import BadFaults, Effect, Faults, read_faults
from rollout.platforms.classic.vocabulary import Mode


@pytest.mark.parametrize("effect", list(Effect))
def test_every_effect_has_a_name_that_is_read(effect: Effect) -> None:
    extra = {"seconds": 5} if effect in {Effect.SLOW, Effect.LATE} else {}
    assert read_faults([{"effect": effect.value, **extra}])[0].effect is effect


def test_a_status_may_be_written_as_a_number() -> None:
    assert [fault.effect for fault in read_faults([{"effect": 409}, {"effect": 307}])] == [
        Effect.CONFLICT,
        Effect.REDIRECT,
    ]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"effect": "fail"}, "should be a valid list"),
        (["fail"], r"faults\[0\]"),
        ([{}], r"faults\[0.effect\]: Field required"),
        ([{"effect": "explode"}], "unknown effect 'explode'; known effects: fail, lose_before, lose_after, 409"),
        ([{"effect": 418}], "unknown effect '418'"),
        ([{"effect": True}], "unknown effect True"),
        ([{"effect": ["fail"]}], "unknown effect"),
        ([{"effect": "fail", "verb": "destroy"}], "unknown verb 'destroy'; known verbs: upgrade, config, walk"),
        ([{"effect": "fail", "verb": ["walk"]}], "unknown verb"),
        ([{"effect": "fail", "domain": -1}], r"faults\[0.domain\]"),
        ([{"effect": "fail", "domain": "1"}], r"faults\[0.domain\]"),
        ([{"effect": "fail", "times": 0}], r"faults\[0.times\]"),
        ([{"effect": "fail", "serivce": "svc-0001"}], r"faults\[0.serivce\]: Extra inputs"),
        ([{"effect": "fail", "seconds": 1}], "`seconds` belongs to slow and stuck"),
        ([{"effect": "slow"}], "`slow` needs `seconds`"),
        ([{"effect": "late"}], "`late` needs `seconds`"),
        ([{"effect": "late", "seconds": 1, "verb": "get"}], "get is a read"),
        ([{"effect": "data_loss", "verb": "walk"}], "data_loss happens to upgrade, not to walk"),
        ([{"effect": "slow", "seconds": float("nan")}], r"faults\[0.seconds\]"),
        ([{"effect": "slow", "seconds": 1, "verb": "poll"}], "poll is a read"),
        ([{"effect": 409, "verb": "get"}], "get is a read"),
        ([{"effect": "fail"}] * 10_001, "at most 10000"),
    ],
)
def test_a_bad_list_says_which_entry_and_why(document: object, message: str) -> None:
    with pytest.raises(BadFaults, match=message):
        read_faults(document)


def test_an_empty_document_is_an_empty_list() -> None:
    assert read_faults(None) == read_faults([]) == []


def test_a_fault_is_met_as_often_as_it_says_and_only_where_it_is_meant() -> None:
    faults = Faults()
    faults.replace(read_faults([{"service": "svc-0002", "verb": "walk", "domain": 1, "times": 2, "effect": "fail"}]))
    missed = [("svc-0001", "walk", 1), ("svc-0002", "upgrade", 1), ("svc-0002", "walk", 0), ("svc-0002", "walk", None)]
    assert [faults.take({Effect.FAIL}, *each) for each in missed] == [None] * 4
    assert faults.take({Effect.SICK}, "svc-0002", "walk", 1) is None
    met = [faults.take({Effect.FAIL}, "SVC-0002", "walk", 1) is not None for _ in range(3)]
    assert met == [True, True, False]
    assert faults.left() == []


def test_a_fault_for_any_verb_spares_reads() -> None:
    faults = Faults()
    faults.replace(read_faults([{"effect": 503}]))
    assert faults.take({Effect.THROTTLED}, "svc-0001", "poll", None) is None
    assert faults.take({Effect.THROTTLED}, "svc-0001", "walk", 3) is not None


def test_a_failed_walk_leaves_its_domain_as_it_was_and_can_be_walked_again(stage: Any) -> None:
    stage.begun().fault(verb="walk", domain=1, effect="fail").walked(0)
    operation = stage.walk(1)
    assert stage.pointer() == ("Manual", True, 1)
    stage.wait(65)
    assert stage.pointer() == ("Manual", False, 1)
    assert (operation.status, operation.error.code) == ("Failed", "InternalError")
    assert stage.labels() == ["web-2.4.1", "web-2.4.0", "web-2.4.0"]
    assert stage.all_ready()
    assert stage.log() == [("upgrade", None), ("walk", 0)]
    stage.walked(1, 2)
    assert stage.labels() == ["web-2.4.1"] * 3


def test_a_failed_begin_changes_nothing(stage: Any) -> None:
    operation = stage.fault(verb="upgrade", effect="fail").upgrade()
    stage.wait(65)
    assert (stage.pointer(), stage.deployment.lock, stage.deployment.status) == (None, None, "Running")
    assert operation.status == "Failed"
    assert stage.log() == []


def test_a_failed_rollback_leaves_the_update_going_forward(stage: Any) -> None:
    stage.begun().walked(0).fault(verb="rollback", effect="fail")
    operation = stage.rollback()
    stage.wait(65)
    assert stage.pointer() == ("Manual", False, 1)
    assert operation.status == "Failed"
    assert stage.deployment.rollback_possible


def test_a_failed_status_change_changes_nothing(stage: Any) -> None:
    stage.fault(verb="status", effect="fail")
    operation = stage.fabric.set_running(stage.target, stage.next_id(), running=False)
    stage.wait(65)
    assert (stage.deployment.status, operation.status, stage.deployment.lock) == ("Running", "Failed", None)
    assert stage.log() == []


def test_an_automatic_upgrade_that_fails_at_a_domain_stands_still_and_can_be_rolled_back(stage: Any) -> None:
    stage.fault(verb="upgrade", domain=1, effect="fail")
    operation = stage.upgrade(Mode.AUTO)
    stage.wait(5000)
    assert stage.pointer() == ("Auto", False, 1)
    assert operation.status == "Failed"
    stage.rollback()
    stage.wait(1000)
    assert stage.pointer() is None
    assert stage.labels() == ["web-2.4.0"] * 3


def test_a_slow_walk_takes_that_much_longer(stage: Any) -> None:
    stage.begun().fault(verb="walk", effect="slow", seconds=10_000).walk(0)
    stage.wait(10_392)
    assert stage.pointer() == ("Manual", True, 0)
    stage.wait(155)
    assert stage.pointer() == ("Manual", False, 1)


def test_a_slow_begin_stays_locked_longer(stage: Any) -> None:
    stage.fault(verb="upgrade", effect="slow", seconds=100).upgrade()
    assert stage.wait(128).deployment.lock is not None
    assert stage.wait(3).deployment.lock is None


def test_a_stuck_domain_is_never_done_and_a_rollback_frees_it(stage: Any) -> None:
    stage.begun().fault(verb="walk", domain=0, effect="stuck")
    operation = stage.walk(0)
    stage.wait(1_000_000)
    assert stage.pointer() == ("Manual", True, 0)
    assert operation.status == "InProgress"
    assert stage.statuses() == ["BusyRole", "ReadyRole", "ReadyRole"]
    stage.rollback()
    stage.wait(1000)
    assert stage.pointer() is None
    assert stage.all_ready()
    assert stage.labels() == ["web-2.4.0"] * 3


def test_a_domain_stuck_for_a_while_is_passed_over_unready(stage: Any) -> None:
    stage.begun().fault(verb="walk", domain=0, effect="stuck", seconds=1800)
    operation = stage.walk(0)
    stage.wait(1799).fabric.now()
    assert operation.status == "InProgress"
    stage.wait(2)
    assert stage.pointer() == ("Manual", False, 1)
    assert operation.status == "Succeeded"
    assert stage.statuses()[0] == "BusyRole"


def test_a_sick_domain_succeeds_with_one_instance_unready_until_rolled_back(make_stage: Any) -> None:
    stage = make_stage(domains=2, instances=4).begun().fault(verb="walk", domain=0, effect="sick")
    operation = stage.walk(0)
    stage.wait(1000)
    assert stage.statuses() == ["BusyRole", "ReadyRole", "ReadyRole", "ReadyRole"]
    assert operation.status == "Succeeded"
    stage.rollback()
    stage.wait(1000)
    assert stage.all_ready()


def test_sickness_waits_for_a_domain_and_is_not_spent_on_the_begin(stage: Any) -> None:
    stage.fault(effect="sick").begun().walked(0)
    assert stage.statuses() == ["BusyRole", "ReadyRole", "ReadyRole"]
