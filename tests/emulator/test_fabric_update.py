"""The life of an update, rule by rule, on a clock moved by hand."""

from dataclasses import replace
from typing import Any

import pytest

from rollout.emulator import write_deployment
from rollout.emulator.fabric import Target
from rollout.emulator.fabric_state import Extension
from rollout.emulator.fabric_update import Begin
from rollout.emulator.refusals import Refusal
from rollout.platforms.classic.vocabulary import ErrorCode, Mode, Slot, Verb


def refused(status: int, text: str = "") -> Any:
    """Expect a refusal with this status and text."""
    return pytest.raises(Refusal, match=f"{status} .*{text}")


def test_a_manual_upgrade_is_locked_until_accepted_and_then_waits_at_domain_0(stage: Any) -> None:
    operation = stage.upgrade()
    before = stage.deployment
    assert (before.lock, before.status, before.change, before.shown.label) == (operation, "Running", None, "web-2.4.0")
    stage.wait(31)
    after = stage.deployment
    assert (after.lock, after.status, after.shown.label) == (None, "RunningTransitioning", "web-2.4.1")
    assert stage.pointer() == ("Manual", False, 0)
    assert after.rollback_possible
    assert operation.status == "Succeeded"
    assert stage.labels() == ["web-2.4.0"] * 3


def test_walks_update_one_domain_after_another_and_the_last_one_ends_the_update(stage: Any) -> None:
    stage.begun()
    for domain in range(3):
        operation = stage.walk(domain)
        assert stage.pointer() == ("Manual", True, domain)
        assert operation.status == "InProgress"
        stage.wait(1000)
        stage.fabric.now()
        assert operation.status == "Succeeded"
    deployment = stage.deployment
    assert (deployment.change, deployment.status, deployment.rollback_possible) == (None, "Running", False)
    assert deployment.release.label == deployment.shown.label == "web-2.4.1"
    assert stage.labels() == ["web-2.4.1"] * 3
    assert stage.all_ready()


def test_only_the_instances_of_the_walked_domain_restart(stage: Any) -> None:
    stage.begun().walk(0)
    assert stage.statuses() == ["StoppingRole", "ReadyRole", "ReadyRole"]
    assert stage.labels() == ["web-2.4.1", "web-2.4.0", "web-2.4.0"]


def test_an_instance_goes_down_and_up_through_its_recorded_states(stage: Any) -> None:
    stage.begun().walk(0)
    seen = []
    for _ in range(60):
        seen.append(tuple(each.value for each in stage.deployment.instances[0].phases(stage.fabric.now())))
        stage.wait(10)
    assert list(dict.fromkeys(seen)) == [
        ("StoppingRole", "Stopping"),
        ("BusyRole", "Starting"),
        ("StartingRole", "Starting"),
        ("ReadyRole", "Started"),
    ]


def test_the_last_walk_is_the_point_of_no_return(stage: Any) -> None:
    stage.begun().walked(0, 1)
    assert stage.deployment.rollback_possible
    stage.walk(2)
    assert not stage.deployment.rollback_possible
    with refused(400):
        stage.rollback()


def test_an_automatic_rollback_restores_touched_domains_and_leaves_the_rest_alone(stage: Any) -> None:
    stage.begun().walked(0)
    untouched = stage.deployment.instances[1].restarted_at
    operation = stage.rollback()
    stage.wait(35)
    assert stage.pointer() == ("Auto", True, 0)
    assert not stage.deployment.rollback_possible
    assert stage.deployment.shown.label == "web-2.4.0"
    assert operation.status == "InProgress"
    stage.wait(1000)
    assert stage.pointer() is None
    assert operation.status == "Succeeded"
    assert stage.labels() == ["web-2.4.0"] * 3
    assert stage.deployment.instances[1].restarted_at == untouched


def test_a_rollback_before_any_walk_ends_as_soon_as_it_is_accepted(stage: Any) -> None:
    operation = stage.begun().rollback()
    stage.wait(31)
    assert stage.pointer() is None
    assert (operation.status, stage.deployment.status) == ("Succeeded", "Running")


def test_a_rollback_during_a_walk_overtakes_it(stage: Any) -> None:
    walk = stage.begun().walk(0)
    stage.rollback()
    assert walk.status == "Failed"
    stage.wait(1100)
    assert stage.pointer() is None
    assert stage.labels() == ["web-2.4.0"] * 3
    assert stage.all_ready()


def test_a_manual_rollback_is_walked_and_untouched_domains_complete_at_once(stage: Any) -> None:
    operation = stage.begun().walked(0, 1).rollback(Mode.MANUAL)
    stage.wait(31)
    assert stage.pointer() == ("Manual", False, 0)
    assert operation.status == "Succeeded"
    stage.walked(0, 1)
    walk = stage.walk(2)
    assert walk.status == "Succeeded"
    assert stage.pointer() is None
    assert stage.labels() == ["web-2.4.0"] * 3


def test_a_rollback_of_a_rollback_is_refused(stage: Any) -> None:
    stage.begun().walked(0).rollback(Mode.MANUAL)
    stage.wait(31)
    with refused(400):
        stage.rollback()


def test_an_automatic_upgrade_goes_over_the_domains_by_itself_while_nobody_looks(stage: Any) -> None:
    operation = stage.upgrade(Mode.AUTO)
    stage.wait(40 + 3 * 546)
    assert stage.pointer() is None
    assert operation.status == "Succeeded"
    assert 3 * 393 <= operation.completed_at - operation.started_at <= 30 + 3 * 546
    assert stage.labels() == ["web-2.4.1"] * 3


def test_a_simultaneous_upgrade_takes_everything_down_at_once(stage: Any) -> None:
    stage.begun(Mode.SIMULTANEOUS)
    assert "ReadyRole" not in stage.statuses()
    with refused(400):
        stage.rollback()
    stage.wait(600)
    assert stage.pointer() is None
    assert stage.all_ready()


def test_one_domain_has_no_rollback(make_stage: Any) -> None:
    stage = make_stage(domains=1).begun()
    assert stage.pointer() == ("Manual", False, 0)
    assert not stage.deployment.rollback_possible
    with refused(400):
        stage.rollback()
    stage.walked(0)
    assert stage.labels() == ["web-2.4.1"]


def test_a_second_upgrade_while_locked_is_refused_with_the_id_of_the_first(stage: Any) -> None:
    first = stage.upgrade()
    with refused(409, f"with x-ms-requestid {first.id} on this deployment that requires exclusive access"):
        stage.upgrade(label="web-2.4.2")
    with refused(409, first.id):
        stage.walk(0)
    with refused(409, first.id):
        stage.rollback()
    assert stage.log() == [("upgrade", None)]


def test_an_upgrade_over_a_running_one_is_applied_on_top_and_takes_touched_domains_down_together(stage: Any) -> None:
    stage.begun().walked(0, 1)
    stage.upgrade(label="web-2.4.2")
    stage.wait(31)
    assert stage.pointer() == ("Manual", False, 0)
    assert stage.statuses().count("ReadyRole") == 1
    assert stage.labels() == ["web-2.4.0"] * 3
    assert stage.deployment.shown.label == "web-2.4.2"
    stage.wait(600).walked(0, 1, 2)
    assert stage.labels() == ["web-2.4.2"] * 3
    assert [entry.label for entry in stage.fabric.log()][:4] == ["web-2.4.1"] * 3 + ["web-2.4.2"]


def test_an_automatic_upgrade_over_a_running_walk_overtakes_it(stage: Any) -> None:
    walk = stage.begun().walk(0)
    stage.upgrade(Mode.AUTO, label="web-2.4.2")
    stage.wait(31)
    assert walk.status == "InProgress"  # nobody has looked since
    assert stage.pointer() == ("Auto", True, 0)
    assert walk.status == "Failed"
    stage.wait(2000)
    assert stage.labels() == ["web-2.4.2"] * 3


def test_an_upgrade_by_slot_is_seen_by_name_and_in_any_case(stage: Any) -> None:
    stage.begun()
    by_name = stage.fabric.deployment(Target("SVC-0001", name="Svc-0001-Production"))
    assert by_name is stage.deployment


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Target("svc-0009", slot=Slot.PRODUCTION), "The hosted service does not exist."),
        (Target("svc-0001", slot=Slot.STAGING), "No deployments were found."),
        (Target("svc-0001", name="gone"), "The deployment name 'gone' does not exist."),
    ],
)
def test_what_is_not_there_is_said_in_the_recorded_words(stage: Any, target: Target, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        stage.fabric.deployment(target)
    assert (caught.value.status, caught.value.code, caught.value.message) == (
        404,
        ErrorCode.RESOURCE_NOT_FOUND,
        message,
    )


def test_the_domain_count_is_never_more_than_the_largest_role_has_instances(make_stage: Any) -> None:
    stage = make_stage(domains=3, instances=4)
    stage.upgrade(count=2)
    stage.wait(40).walked(0, 1, 2)
    assert stage.deployment.domain_count == 2
    assert [each.name for each in stage.deployment.instances] == ["WebRole1_IN_0", "WebRole1_IN_1"]
    stage.upgrade(label="web-2.4.2", count=7)
    stage.wait(40).walked(0, 1)
    assert stage.deployment.domain_count == 3
    assert [each.domain for each in stage.deployment.instances] == [0, 1, 2, 0, 1, 2, 0]
    assert stage.all_ready()


def test_a_suspended_deployment_runs_no_instance_and_starts_again(stage: Any) -> None:
    operation = stage.fabric.set_running(stage.target, stage.next_id(), running=False)
    assert stage.deployment.status == "Suspending"
    stage.wait(32)
    assert stage.deployment.status == "Suspended"
    assert operation.status == "Succeeded"
    assert set(stage.statuses()) == {"StoppedVM"}
    stage.fabric.set_running(stage.target, stage.next_id(), running=True)
    while stage.deployment.status != "Running":
        stage.wait(1)
    assert set(stage.statuses()) == {"StartingRole"}
    stage.wait(200)
    assert stage.all_ready()
    assert stage.log() == [("status", None), ("status", None)]


def test_setting_the_status_it_has_succeeds_without_an_effect(stage: Any) -> None:
    operation = stage.fabric.set_running(stage.target, stage.next_id(), running=True)
    stage.wait(32)
    assert stage.deployment.status == "Running"
    assert operation.status == "Succeeded"
    assert stage.log() == []


def test_every_log_entry_of_an_update_carries_its_label_and_its_own_date(stage: Any) -> None:
    stage.begun().walked(0).rollback()
    entries = stage.fabric.log()
    assert [(e.n, e.at, e.verb, e.domain, e.label, e.request_id) for e in entries] == [
        (0, 0.0, "upgrade", None, "web-2.4.1", f"{1:032x}"),
        (1, 40.0, "walk", 0, "web-2.4.1", f"{2:032x}"),
        (2, 1040.0, "rollback", None, "web-2.4.1", f"{3:032x}"),
    ]
    assert {(e.service, e.deployment, e.slot) for e in entries} == {("svc-0001", "svc-0001-production", "production")}


def test_each_effect_is_told_at_the_moment_it_happens(make_stage: Any) -> None:
    told: list[Any] = []
    stage = make_stage(on_effect=told.append)
    stage.upgrade()
    assert [entry.verb for entry in told] == ["upgrade"]


def test_a_configuration_with_other_roles_is_refused(stage: Any) -> None:
    release = replace(stage.deployment.release, counts=(("Worker", 3),))
    with refused(400, "names the roles Worker; the deployment has WebRole1"):
        stage.fabric.begin(stage.target, Begin(Mode.MANUAL, release), Verb.UPGRADE, stage.next_id())
    assert stage.log() == []


def test_the_time_scale_makes_the_service_faster_and_its_dates_no_faster(make_stage: Any) -> None:
    stage = make_stage(time_scale=100)
    stage.upgrade()
    stage.wait(0.4).walk(0)
    stage.wait(5.5)
    assert stage.pointer() == ("Manual", False, 1)
    assert stage.fabric.log()[1].at == pytest.approx(40)
    assert (stage.fabric.date(stage.fabric.now()) - stage.fabric.epoch).total_seconds() == pytest.approx(5.9)


def begin(stage: Any, request: Begin) -> None:
    """Begin with a request of one's own and wait until it is accepted."""
    stage.fabric.begin(stage.target, request, Verb.UPGRADE, stage.next_id())
    stage.wait(40)


def two_roles(stage: Any) -> Any:
    """Give the deployment a second role with one instance, as no command line does."""
    deployment = stage.deployment
    release = replace(deployment.release, counts=(("WebRole1", 3), ("Worker", 1)))
    deployment.instances.append(replace(deployment.instances[0], role="Worker"))
    return release


def test_an_upgrade_of_one_role_leaves_the_others_alone(stage: Any) -> None:
    release = replace(two_roles(stage), label="web-2.4.1")
    begin(stage, Begin(Mode.MANUAL, release, role="Worker"))
    stage.walked(0, 1, 2)
    assert stage.labels() == ["web-2.4.0"] * 3 + ["web-2.4.1"]
    begin(stage, Begin(Mode.SIMULTANEOUS, replace(release, label="web-2.4.2"), role="WebRole1"))
    assert stage.statuses() == ["StoppingRole"] * 3 + ["ReadyRole"]


def test_an_upgrade_of_a_role_that_is_not_there_is_refused(stage: Any) -> None:
    with refused(400, "RoleToUpgrade names no role of the deployment, which has WebRole1"):
        begin(stage, Begin(Mode.MANUAL, stage.deployment.release, role="Worker"))


def test_properties_are_merged_and_a_value_of_none_deletes(stage: Any) -> None:
    release = stage.deployment.release
    begin(stage, Begin(Mode.SIMULTANEOUS, release, properties=(("a", "1"), ("b", "<2>"))))
    stage.wait(600)
    begin(stage, Begin(Mode.MANUAL, release, properties=(("a", None), ("c", "3"))))
    shown = write_deployment.deployment(stage.deployment, stage.fabric, "2015-09-01").decode()
    assert (
        "<ExtendedProperties><ExtendedProperty><Name>b</Name><Value>&lt;2&gt;</Value></ExtendedProperty>"
        "<ExtendedProperty><Name>c</Name><Value>3</Value></ExtendedProperty></ExtendedProperties>"
    ) in shown


def test_a_deployment_never_has_more_than_25_properties(stage: Any) -> None:
    release = replace(stage.deployment.release, label="web-2.4.1")
    begin(stage, Begin(Mode.SIMULTANEOUS, release, properties=tuple((f"a{n}", "1") for n in range(25))))
    stage.wait(600)
    with refused(400, "at most 25"):
        begin(stage, Begin(Mode.MANUAL, release, properties=(("b", "1"),)))


def test_extensions_come_back_as_they_were_given(stage: Any) -> None:
    extensions = (
        Extension(None, "x", "Enable"),
        Extension("WebRole1", "y", None),
        Extension("WebRole1", "z", "disable"),
    )
    begin(stage, Begin(Mode.MANUAL, replace(stage.deployment.release, extensions=extensions)))
    shown = write_deployment.deployment(stage.deployment, stage.fabric, "2015-09-01").decode()
    assert (
        "<ExtendedProperties/><ExtensionConfiguration><AllRoles><Extension><Id>x</Id><State>Enable</State></Extension>"
        "</AllRoles><NamedRoles><Role><RoleName>WebRole1</RoleName><Extensions><Extension><Id>y</Id></Extension>"
        "<Extension><Id>z</Id><State>disable</State></Extension></Extensions></Role></NamedRoles>"
        "</ExtensionConfiguration><VirtualIPs>"
    ) in shown
