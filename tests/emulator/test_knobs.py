"""Every knob, each of its values."""

from typing import Any

import pytest

from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import ErrorCode, Mode


def answer(act: Any) -> tuple[int, ErrorCode, str]:
    """Give the refusal that an act meets."""
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.status, caught.value.code, caught.value.message


CODES = {400: ErrorCode.BAD_REQUEST, 409: ErrorCode.CONFLICT}


@pytest.mark.parametrize("status", [400, 409])
def test_a_walk_out_of_order_is_refused_and_changes_nothing(make_stage: Any, status: int) -> None:
    stage = make_stage(walk_wrong_domain=status).begun()
    for domain in (1, 2, 3, 19):
        assert answer(lambda domain=domain: stage.walk(domain))[:2] == (status, CODES[status])
    assert stage.pointer() == ("Manual", False, 0)
    assert stage.log() == [("upgrade", None)]


@pytest.mark.parametrize("status", [400, 409])
def test_a_walk_without_a_manual_update_is_refused(make_stage: Any, status: int) -> None:
    stage = make_stage(walk_no_update=status)
    assert answer(lambda: stage.walk(0))[:2] == (status, CODES[status])
    stage.begun(Mode.AUTO)
    assert answer(lambda: stage.walk(0))[:2] == (status, CODES[status])


@pytest.mark.parametrize("status", [400, 409])
def test_a_walk_of_a_done_domain_is_refused(make_stage: Any, status: int) -> None:
    stage = make_stage(walk_done_domain=status).begun().walked(0)
    assert answer(lambda: stage.walk(0))[:2] == (status, CODES[status])


def test_a_walk_of_a_done_domain_may_be_accepted_without_effect(make_stage: Any) -> None:
    stage = make_stage(walk_done_domain="accept").begun().walked(0)
    assert stage.walk(0).status == "Succeeded"
    assert stage.pointer() == ("Manual", False, 1)
    assert stage.log() == [("upgrade", None), ("walk", 0)]


@pytest.mark.parametrize("domain", [0, 1])
def test_a_walk_during_a_walk_meets_the_exclusive_access_text(stage: Any, domain: int) -> None:
    first = stage.begun().walk(0)
    status, code, message = answer(lambda: stage.walk(domain))
    assert (status, code) == (409, ErrorCode.CONFLICT)
    assert f"with x-ms-requestid {first.id} " in message


def test_a_walk_during_a_walk_may_be_a_bad_request(make_stage: Any) -> None:
    stage = make_stage(walk_while_during=400).begun()
    stage.walk(0)
    assert answer(lambda: stage.walk(0))[:2] == (400, ErrorCode.BAD_REQUEST)


@pytest.mark.parametrize("status", [400, 409])
def test_a_rollback_with_nothing_to_roll_back_is_refused(make_stage: Any, status: int) -> None:
    stage = make_stage(rollback_denied=status)
    assert answer(stage.rollback)[:2] == (status, CODES[status])


def test_a_manual_rollback_may_cover_the_touched_domains_only(make_stage: Any) -> None:
    stage = make_stage(rollback_pointer="resume").begun().walked(0, 1)
    stage.rollback(Mode.MANUAL)
    stage.wait(40).walked(0)
    assert stage.pointer() == ("Manual", False, 1)
    stage.walked(1)
    assert stage.pointer() is None
    assert stage.labels() == ["web-2.4.0"] * 3


def test_the_exclusive_access_text_may_name_nobody(make_stage: Any) -> None:
    stage = make_stage(conflict_text="without_id")
    stage.upgrade()
    assert answer(stage.upgrade)[2] == (
        "Windows Azure is currently performing an operation on this deployment that requires exclusive access."
    )


def test_the_begin_may_succeed_only_with_the_last_walk(make_stage: Any) -> None:
    stage = make_stage(manual_op_done="last_walk")
    operation = stage.upgrade()
    stage.wait(40).walked(0, 1)
    assert operation.status == "InProgress"
    assert stage.deployment.lock is None
    stage.walked(2)
    stage.fabric.now()
    assert operation.status == "Succeeded"


def test_a_manual_rollback_may_succeed_only_with_its_last_walk(make_stage: Any) -> None:
    stage = make_stage(manual_op_done="last_walk")
    begin = stage.upgrade()
    stage.wait(40).walked(0)
    rollback = stage.rollback(Mode.MANUAL)
    stage.wait(40).walked(0, 1)
    assert (begin.status, rollback.status) == ("Failed", "InProgress")
    stage.walked(2)
    assert rollback.status == "Succeeded"


@pytest.mark.parametrize(
    ("flip", "shown"),
    [
        ("accept", ["web-2.4.1", "web-2.4.1", "web-2.4.1", "web-2.4.1"]),
        ("first_walk", ["web-2.4.0", "web-2.4.1", "web-2.4.1", "web-2.4.1"]),
        ("end", ["web-2.4.0", "web-2.4.0", "web-2.4.0", "web-2.4.1"]),
    ],
)
def test_the_label_flips_when_the_knob_says(make_stage: Any, flip: str, shown: list[str]) -> None:
    stage = make_stage(label_flip=flip).begun()
    seen = [stage.deployment.shown.label]
    for domain in range(3):
        stage.walked(domain)
        seen.append(stage.deployment.shown.label)
    assert seen == shown


@pytest.mark.parametrize("flip", ["accept", "first_walk", "end"])
def test_the_label_is_the_old_one_again_after_a_rollback(make_stage: Any, flip: str) -> None:
    stage = make_stage(label_flip=flip).begun().walked(0)
    stage.rollback()
    stage.wait(1000)
    assert stage.deployment.shown.label == stage.deployment.release.label == "web-2.4.0"


def test_the_signs_of_a_walk_linger_after_its_operation_succeeded(make_stage: Any) -> None:
    stage = make_stage(settle_lag_s=100).begun()
    operation = stage.walk(0)
    while operation.status == "InProgress":
        stage.wait(1).fabric.now()
    assert stage.all_ready()
    assert stage.pointer() == ("Manual", True, 0)
    assert answer(lambda: stage.walk(1))[0] == 409
    stage.wait(100)
    assert stage.pointer() == ("Manual", False, 1)


def test_the_signs_of_an_update_linger_after_its_last_walk(make_stage: Any) -> None:
    stage = make_stage(settle_lag_s=2000).begun()
    for domain in range(3):
        stage.walk(domain)
        stage.wait(547)
        if domain < 2:
            stage.wait(2000)
    deployment = stage.deployment
    assert (deployment.status, stage.pointer()) == ("RunningTransitioning", ("Manual", True, 2))
    assert not deployment.rollback_possible
    assert answer(stage.rollback)[0] == 400
    assert answer(lambda: stage.walk(2))[0] == 400
    stage.wait(2000)
    assert (stage.deployment.status, stage.pointer()) == ("Running", None)


def test_an_upgrade_over_lingering_signs_begins_from_the_new_release(make_stage: Any) -> None:
    stage = make_stage(settle_lag_s=5000, domains=1).begun()
    stage.walk(0)
    stage.wait(600)
    stage.upgrade(label="web-2.4.2")
    stage.wait(40)
    assert stage.deployment.release.label == "web-2.4.1"
    assert stage.all_ready()


def test_the_locked_phase_lasts_as_long_as_the_knob_says(make_stage: Any) -> None:
    stage = make_stage(accept_delay_s=7)
    stage.upgrade()
    assert stage.wait(6.9).deployment.lock is not None
    assert stage.wait(0.2).deployment.lock is None


def test_an_accept_delay_of_nothing_is_over_at_the_next_look(make_stage: Any) -> None:
    stage = make_stage(accept_delay_s=0)
    stage.upgrade()
    assert stage.pointer() == ("Manual", False, 0)


@pytest.mark.parametrize(
    ("spread", "domains"),
    [("mod", [0, 1, 2, 0, 1, 2, 0]), ("blocks", [0, 0, 0, 1, 1, 2, 2])],
)
def test_instances_spread_over_the_domains_as_the_knob_says(make_stage: Any, spread: str, domains: list[int]) -> None:
    stage = make_stage(domains=3, instances=7, domain_spread=spread)
    assert [each.domain for each in stage.deployment.instances] == domains


def test_a_rollback_while_signs_linger_takes_the_walked_domain_back(make_stage: Any) -> None:
    stage = make_stage(settle_lag_s=100).begun()
    walk = stage.walk(0)
    stage.wait(547)
    stage.rollback()
    stage.wait(2000)
    assert walk.status == "Succeeded"
    assert stage.pointer() is None
    assert stage.labels() == ["web-2.4.0"] * 3


def test_a_walk_stands_still_from_the_moment_its_rollback_is_sent(make_stage: Any) -> None:
    stage = make_stage().begun()
    stage.walk(0)
    stage.fault(verb="rollback", effect="slow", seconds=5000)
    stage.rollback()
    stage.wait(1000)
    assert stage.pointer() == ("Manual", True, 0)
    stage.wait(6000)
    assert stage.pointer() is None


def test_an_upgrade_over_a_rollback_spares_the_domains_already_taken_back(stage: Any) -> None:
    stage.begun().walked(0, 1)
    stage.rollback(Mode.MANUAL)
    stage.wait(40).walked(0)
    stage.upgrade(label="web-2.4.2")
    stage.wait(31)
    assert stage.statuses() == ["ReadyRole", "StoppingRole", "ReadyRole"]
