"""Single instances are restarted or taken away, and Get Package remembers what it would write."""

from typing import Any

import pytest

from rollout.emulator import fabric_instances, fabric_package, read_configuration
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import Verb

RESTARTS = [Verb.REBOOT, Verb.REIMAGE, Verb.REBUILD]
FIRST, SECOND, THIRD = (f"WebRole1_IN_{n}" for n in range(3))
CONTAINER = "https://store.example/packages?sv=1&sig=secret"


def restart(stage: Any, name: str = SECOND, verb: Verb = Verb.REBOOT) -> Any:
    return fabric_instances.restart(stage.fabric, stage.target, name, verb, stage.next_id())


def delete(stage: Any, *names: str) -> Any:
    return fabric_instances.delete(stage.fabric, stage.target, names, stage.next_id())


def package(stage: Any, container: str = CONTAINER, *, overwrite: bool = False) -> Any:
    return fabric_package.get(stage.fabric, stage.target, container, stage.next_id(), overwrite=overwrite)


def refused(act: Any) -> int:
    with pytest.raises(Refusal) as caught:
        act()
    return caught.value.status


@pytest.mark.parametrize("verb", RESTARTS)
def test_a_restarted_instance_goes_down_alone_and_comes_back_with_what_it_ran(stage: Any, verb: Verb) -> None:
    operation = restart(stage, verb=verb)
    assert stage.statuses() == ["ReadyRole", "StoppingRole", "ReadyRole"]
    assert operation.status == "InProgress"
    stage.wait(151)
    assert stage.all_ready()
    assert (operation.status, stage.log()) == ("Succeeded", [(verb.value, 1)])
    assert stage.labels() == ["web-2.4.0"] * 3


def test_a_restart_heals_a_sick_instance(stage: Any) -> None:
    stage.begun().fault(verb="walk", effect="sick").walked(0)
    assert not stage.all_ready()
    restart(stage, FIRST)
    stage.wait(151)
    assert stage.all_ready()


def test_an_instance_that_is_not_there_cannot_be_restarted(stage: Any) -> None:
    assert refused(lambda: restart(stage, "WebRole1_IN_9")) == 404


def test_a_restart_can_fail_or_stay_stuck(stage: Any) -> None:
    failed = restart(stage.fault(verb="reboot", effect="fail"))
    stage.wait(65).fabric.now()
    assert (failed.status, stage.all_ready()) == ("Failed", True)
    stuck = restart(stage.fault(verb="reboot", effect="stuck", seconds=500))
    stage.wait(499).fabric.now()
    assert stuck.status == "InProgress"
    stage.wait(2).fabric.now()
    assert (stuck.status, stage.statuses()[1]) == ("Succeeded", "BusyRole")
    for_ever = restart(stage.fault(verb="reboot", effect="stuck"))
    stage.wait(1_000_000).fabric.now()
    assert for_ever.status == "InProgress"


def test_deleted_instances_are_counted_no_more(stage: Any) -> None:
    operation = delete(stage, SECOND)
    assert refused(stage.upgrade) == 409
    stage.wait(213)
    assert [each.name for each in stage.deployment.instances] == [FIRST, THIRD]
    assert b'<Instances count="2"/>' in stage.deployment.shown.configuration
    assert stage.deployment.release.counts == (("WebRole1", 2),)
    assert (operation.status, stage.log()) == ("Succeeded", [("delete_instances", None)])


def test_a_role_keeps_one_instance_and_an_update_keeps_them_all(stage: Any) -> None:
    assert refused(lambda: delete(stage, FIRST, SECOND, THIRD)) == 400
    assert refused(lambda: delete(stage, "gone")) == 404
    stage.begun()
    assert refused(lambda: delete(stage, FIRST)) == 409


def test_a_failed_deletion_keeps_the_instances(stage: Any) -> None:
    operation = delete(stage.fault(verb="delete_instances", effect="fail"), FIRST)
    stage.wait(300)
    assert len(stage.deployment.instances) == 3
    assert (operation.status, stage.deployment.lock) == ("Failed", None)


def test_a_count_is_changed_in_the_right_role_only() -> None:
    configuration = (
        b'<ServiceConfiguration xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">'
        b"<Role name='A'><Instances count='3'/></Role><Role name='B'><Instances count='4'/></Role>"
        b"</ServiceConfiguration>"
    )
    scaled = read_configuration.with_count(configuration, "B", 7)
    assert read_configuration.role_counts(scaled) == (("A", 3), ("B", 7))


def test_a_package_is_remembered_without_any_signature(stage: Any) -> None:
    operation = package(stage)
    assert stage.fabric.world.packages == {}
    stage.wait(33).fabric.now()
    place = f"https://store.example/packages/{stage.deployment.private_id}"
    assert stage.fabric.world.packages == {
        f"{place}.cspkg": b"web-2.4.0",
        f"{place}.cscfg": stage.deployment.release.configuration,
    }
    assert operation.status == "Succeeded"


def test_a_package_is_overwritten_only_when_that_is_said(stage: Any) -> None:
    package(stage)
    stage.wait(33)
    assert refused(lambda: package(stage)) == 409
    assert package(stage, overwrite=True).status == "InProgress"


def test_a_failed_package_is_not_there(stage: Any) -> None:
    operation = package(stage.fault(verb="package", effect="fail"))
    stage.wait(65).fabric.now()
    assert (operation.status, stage.fabric.world.packages) == ("Failed", {})
