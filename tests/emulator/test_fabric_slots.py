"""Deployments come and go in slots, and the slots are exchanged."""

from typing import Any

import pytest

from rollout.emulator import fabric_slots
from rollout.emulator.fabric import Target
from rollout.emulator.fabric_slots import Create
from rollout.emulator.fabric_state import Release
from rollout.emulator.fleet import ROLE, configuration
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import Mode, Slot

PRODUCTION, STAGING = "svc-0001-production", "svc-0001-staging"
IN_STAGING = Target("svc-0001", slot=Slot.STAGING)


def refused(act: Any) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.status, caught.value.message


def create(stage: Any, *, name: str = "fresh", slot: Slot = Slot.STAGING, start: bool = True, roles: int = 1) -> Any:
    counts = tuple((ROLE if n == 0 else f"Worker{n}", 2) for n in range(roles))
    release = Release("web-2.4.1", configuration("svc-0001", "web-2.4.1", 2), counts)
    return fabric_slots.create(stage.fabric, "svc-0001", slot, Create(name, release, start), stage.next_id())


def swap(stage: Any, production: str | None = PRODUCTION, source: str = STAGING) -> Any:
    return fabric_slots.swap(stage.fabric, "svc-0001", production, source, stage.next_id())


def names(stage: Any) -> dict[str, str]:
    return {slot.value: each.name for slot, each in stage.fabric.service("svc-0001").slots.items()}


def test_a_created_deployment_is_deploying_then_runs_with_no_instance_ready(stage: Any) -> None:
    operation = create(stage)
    fresh = stage.fabric.deployment(IN_STAGING)
    assert (fresh.status, fresh.lock) == ("Deploying", operation)
    stage.wait(153).fabric.now()
    assert (fresh.status, fresh.lock, operation.status) == ("Running", None, "Succeeded")
    ready = [each.phases(stage.fabric.now())[0] for each in fresh.instances]
    assert "ReadyRole" not in ready
    stage.wait(153)
    assert {each.phases(stage.fabric.now())[0].value for each in fresh.instances} == {"ReadyRole"}
    assert stage.log() == [("create", None)]


def test_a_new_instance_comes_up_through_the_recorded_phases(stage: Any) -> None:
    instance = stage.deployment.instances[0]
    instance.boot(0.0, 60.0, created=True)
    seen = [tuple(each.value for each in instance.phases(at)) for at in (0, 10, 20, 30, 40, 50, 60)]
    assert seen == [
        ("StoppedVM", "Stopped"),
        ("CreatingVM", "Stopped"),
        ("CreatingVM", "Starting"),
        ("StartingVM", "Starting"),
        ("RoleStateUnknown", "Starting"),
        ("BusyRole", "Started"),
        ("ReadyRole", "Started"),
    ]


def test_a_deployment_that_is_not_started_is_born_suspended(stage: Any) -> None:
    create(stage, start=False)
    stage.wait(153)
    assert stage.fabric.deployment(IN_STAGING).status == "Suspended"


def test_an_occupied_slot_and_a_used_name_are_conflicts(stage: Any) -> None:
    assert refused(lambda: create(stage, slot=Slot.PRODUCTION)) == (
        409,
        "The specified deployment slot Production is occupied.",
    )
    assert refused(lambda: create(stage, name="SVC-0001-PRODUCTION"))[0] == 409
    assert stage.log() == []


def test_a_failed_creation_leaves_the_slot_empty(stage: Any) -> None:
    operation = create(stage.fault(verb="create", effect="fail"))
    stage.wait(65)
    assert names(stage) == {"Production": PRODUCTION}
    assert operation.status == "Failed"


def test_two_created_deployments_of_one_name_have_their_own_addresses_and_ids(make_stage: Any) -> None:
    stage = make_stage()
    create(stage)
    first = stage.fabric.deployment(IN_STAGING)
    stage.wait(200)
    fabric_slots.delete(stage.fabric, IN_STAGING, stage.next_id(), media=False)
    stage.wait(20)
    create(stage)
    second = stage.fabric.deployment(IN_STAGING)
    assert first.private_id != second.private_id
    assert first.instances[0].address != second.instances[0].address


def test_a_deleted_deployment_is_deleting_then_gone(stage: Any) -> None:
    operation = fabric_slots.delete(stage.fabric, stage.target, stage.next_id(), media=False)
    assert (stage.deployment.status, refused(stage.upgrade)[0]) == ("Deleting", 409)
    stage.wait(20)
    assert refused(lambda: stage.deployment) == (404, "No deployments were found.")
    assert operation.status == "Succeeded"


def test_a_delete_ends_the_update_in_progress(stage: Any) -> None:
    begin = stage.upgrade()
    stage.wait(40).walked(0)
    walk = stage.walk(1)
    fabric_slots.delete(stage.fabric, stage.target, stage.next_id(), media=False)
    assert (begin.status, walk.status, stage.pointer()) == ("Succeeded", "Failed", None)
    stage.wait(2000).fabric.now()
    assert names(stage) == {}


def test_a_failed_delete_changes_nothing(stage: Any) -> None:
    stage.fault(verb="delete", effect="fail")
    operation = fabric_slots.delete(stage.fabric, stage.target, stage.next_id(), media=True)
    stage.wait(65)
    assert (stage.deployment.status, stage.deployment.lock, operation.status) == ("Running", None, "Failed")


def test_a_swap_exchanges_slots_and_virtual_addresses_but_no_instances(make_stage: Any) -> None:
    stage = make_stage(staging=True)
    before = {slot: each.vip_key for slot, each in stage.fabric.service("svc-0001").slots.items()}
    inner = [each.address for each in stage.deployment.instances]
    operation = swap(stage)
    assert refused(stage.upgrade)[0] == 409
    stage.wait(31)
    assert names(stage) == {"Production": STAGING, "Staging": PRODUCTION}
    assert {slot: each.vip_key for slot, each in stage.fabric.service("svc-0001").slots.items()} == before
    assert [each.address for each in stage.fabric.deployment(IN_STAGING).instances] == inner
    assert (operation.status, stage.log()) == ("Succeeded", [("swap", None)])


def test_a_repeated_swap_names_the_wrong_slots_and_is_a_conflict(make_stage: Any) -> None:
    stage = make_stage(staging=True)
    swap(stage)
    stage.wait(31)
    assert refused(lambda: swap(stage))[0] == 409
    assert names(stage)["Production"] == STAGING


@pytest.mark.parametrize(("production", "source"), [(STAGING, PRODUCTION), (PRODUCTION, "other"), ("other", STAGING)])
def test_a_swap_of_other_names_is_a_conflict(make_stage: Any, production: str, source: str) -> None:
    assert refused(lambda: swap(make_stage(staging=True), production, source))[0] == 409


@pytest.mark.parametrize("status", [409, 400])
def test_a_swap_with_production_unnamed_though_occupied_is_refused(make_stage: Any, status: int) -> None:
    stage = make_stage(staging=True, swap_unnamed=status)
    assert refused(lambda: swap(stage, None))[0] == status


@pytest.mark.parametrize("status", [409, 400])
def test_a_swap_that_names_an_empty_production_is_refused(make_stage: Any, status: int) -> None:
    stage = make_stage(staging=True, swap_unnamed=status)
    fabric_slots.delete(stage.fabric, stage.target, stage.next_id(), media=False)
    stage.wait(20)
    assert refused(lambda: swap(stage))[0] == status
    swap(stage, None)
    stage.wait(31)
    assert names(stage) == {"Production": STAGING}


def test_an_unnamed_swap_of_one_deployment_goes_back_when_it_is_repeated(stage: Any) -> None:
    for slot in ("Staging", "Production"):
        swap(stage, None, PRODUCTION)
        stage.wait(31).fabric.now()
        assert names(stage) == {slot: PRODUCTION}


def test_a_swap_of_an_empty_service_finds_nothing(stage: Any) -> None:
    fabric_slots.delete(stage.fabric, stage.target, stage.next_id(), media=False)
    stage.wait(20)
    assert refused(lambda: swap(stage))[0] == 404


def test_a_swap_during_an_update_or_with_other_endpoints_is_refused(make_stage: Any) -> None:
    stage = make_stage(staging=True).begun()
    assert refused(lambda: swap(stage)) == (409, "A deployment that is being updated cannot be swapped.")
    stage = make_stage()
    create(stage, roles=2)
    stage.wait(200)
    assert refused(lambda: swap(stage, source="fresh"))[0] == 400


def test_a_failed_swap_leaves_the_slots_as_they_were(make_stage: Any) -> None:
    stage = make_stage(staging=True).fault(verb="swap", effect="fail")
    operation = swap(stage)
    stage.wait(65)
    assert (names(stage)["Production"], stage.deployment.lock) == (PRODUCTION, None)
    assert (operation.status, stage.log()) == ("Failed", [])


def test_a_created_deployment_is_upgraded_like_any_other(stage: Any) -> None:
    create(stage)
    stage.wait(400)
    stage.target = IN_STAGING
    stage.begun(Mode.MANUAL).walked(0, 1)
    assert stage.labels() == ["web-2.4.1"] * 2
