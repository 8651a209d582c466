"""Services are made, renamed and deleted, and carry extensions; a configuration changes in every mode."""

from typing import Any

import pytest

from rollout.emulator import fabric_services
from rollout.emulator.fabric_services import CreateService, UpdateService
from rollout.emulator.fabric_state import Extension, InstalledExtension
from rollout.emulator.fabric_update import Configure
from rollout.emulator.fleet import configuration
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import Mode

NEW = CreateService("web-new", "new", location="East US", properties=(("A", "1"), ("B", "2")))
PACK = InstalledExtension("Provider", "Type", "RDP", "1.*", "", "", b"")


def refused(act: Any) -> int:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.status


def create(stage: Any, request: CreateService = NEW) -> Any:
    return fabric_services.create(stage.fabric, request, stage.next_id())


def test_a_created_service_is_there_at_once(stage: Any) -> None:
    create(stage)
    found = stage.fabric.service("WEB-NEW")
    assert (found.name, found.slots, dict(found.properties)) == ("web-new", {}, {"A": "1", "B": "2"})
    assert stage.log() == [("create_service", None)]


@pytest.mark.parametrize("name", ["", "-a", "a-", "a.b", "a" * 64, "a b", "ä"])
def test_a_name_that_is_no_part_of_a_dns_name_is_refused(stage: Any, name: str) -> None:
    assert refused(lambda: create(stage, CreateService(name, "l", location="x"))) == 400


def test_a_taken_name_is_a_conflict(stage: Any) -> None:
    assert refused(lambda: create(stage, CreateService("Svc-0001", "l", location="x"))) == 409


def test_an_update_changes_what_it_names_and_removes_properties_without_a_value(stage: Any) -> None:
    create(stage)
    request = UpdateService(description="d", properties=(("A", None), ("C", "3")))
    fabric_services.update(stage.fabric, "web-new", request, stage.next_id())
    found = stage.fabric.service("web-new")
    assert (found.label, found.description, dict(found.properties)) == ("new", "d", {"B": "2", "C": "3"})


def test_a_service_has_at_most_fifty_properties(stage: Any) -> None:
    create(stage)
    many = UpdateService(properties=tuple((f"p{n}", "v") for n in range(49)))
    assert refused(lambda: fabric_services.update(stage.fabric, "web-new", many, stage.next_id())) == 400


def test_a_service_is_deleted_only_without_deployments(stage: Any) -> None:
    create(stage)
    fabric_services.delete(stage.fabric, "web-new", stage.next_id())
    assert refused(lambda: stage.fabric.service("web-new")) == 404
    assert refused(lambda: fabric_services.delete(stage.fabric, "svc-0001", stage.next_id())) == 409


def test_a_service_is_deleted_with_everything_in_it(make_stage: Any) -> None:
    stage = make_stage(staging=True).begun()
    operation = fabric_services.delete_whole(stage.fabric, "svc-0001", stage.next_id())
    assert stage.deployment.status == "Deleting"
    assert refused(lambda: fabric_services.delete_whole(stage.fabric, "svc-0001", stage.next_id())) == 409
    stage.wait(364)
    assert refused(lambda: stage.fabric.service("svc-0001")) == 404
    assert operation.status == "Succeeded"


def test_a_failed_deletion_of_everything_keeps_it(stage: Any) -> None:
    stage.fault(verb="delete_service", effect="fail")
    operation = fabric_services.delete_whole(stage.fabric, "svc-0001", stage.next_id())
    stage.wait(364)
    assert (stage.deployment.status, operation.status) == ("Running", "Failed")


def test_an_extension_is_added_found_and_deleted(stage: Any) -> None:
    added = fabric_services.add_extension(stage.fabric, "svc-0001", PACK, stage.next_id())
    assert fabric_services.extension(stage.fabric, "svc-0001", "rdp") is PACK
    assert refused(lambda: fabric_services.add_extension(stage.fabric, "svc-0001", PACK, stage.next_id())) == 409
    gone = fabric_services.delete_extension(stage.fabric, "svc-0001", "RDP", stage.next_id())
    assert refused(lambda: fabric_services.extension(stage.fabric, "svc-0001", "RDP")) == 404
    stage.wait(36).fabric.now()
    assert (added.status, gone.status) == ("Succeeded", "Succeeded")


def test_a_failed_extension_is_not_there(stage: Any) -> None:
    stage.fault(verb="add_extension", effect="fail")
    operation = fabric_services.add_extension(stage.fabric, "svc-0001", PACK, stage.next_id())
    stage.wait(65).fabric.now()
    assert (operation.status, stage.fabric.service("svc-0001").extensions) == ("Failed", {})


# Change Deployment Configuration


def configure(stage: Any, mode: Mode, count: int = 3, **more: Any) -> Any:
    request = Configure(mode, configuration("svc-0001", "changed", count), **more)
    return stage.fabric.configure(stage.target, request, stage.next_id())


@pytest.mark.parametrize("mode", list(Mode))
def test_a_configuration_changes_in_each_mode_and_code_and_label_stay(stage: Any, mode: Mode) -> None:
    operation = configure(stage, mode)
    stage.wait(40)
    if mode is Mode.MANUAL:
        stage.walked(0, 1, 2)
    stage.wait(3 * 484)
    assert (stage.pointer(), operation.status, stage.all_ready()) == (None, "Succeeded", True)
    assert stage.deployment.release.label == "web-2.4.0"
    assert b"changed" in stage.deployment.release.configuration
    assert stage.log()[0] == ("config", None)


def test_a_configuration_scales_out_and_in(stage: Any) -> None:
    for count in (5, 2):
        configure(stage, Mode.SIMULTANEOUS, count)
        stage.wait(600)
        assert len(stage.deployment.instances) == count


def test_a_configuration_change_is_rolled_back_to_the_old_configuration(stage: Any) -> None:
    old = stage.deployment.release.configuration
    configure(stage, Mode.MANUAL)
    stage.wait(40).walked(0)
    stage.rollback()
    stage.wait(1000)
    assert stage.deployment.shown.configuration == old


def test_extensions_stay_unless_the_change_names_them(stage: Any) -> None:
    named = (Extension(None, "RDP", None),)
    configure(stage, Mode.SIMULTANEOUS, extensions=named)
    stage.wait(600)
    configure(stage, Mode.SIMULTANEOUS)
    stage.wait(600)
    assert stage.deployment.release.extensions == named
    configure(stage, Mode.SIMULTANEOUS, extensions=())
    stage.wait(600)
    assert stage.deployment.release.extensions == ()
