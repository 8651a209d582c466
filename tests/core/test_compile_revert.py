"""Taking an ended rollout back: what each kind of change goes back to, in which order, and what cannot."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core.change_event import Prepared
from rollout.core.change_plan import (
    ChangePlan,
    ConfigurePlan,
    InstancePlan,
    RollbackPlan,
    StatusPlan,
    SwapPlan,
    UpgradePlan,
)
from rollout.core.compile_change import digest_of
from rollout.core.compile_revert import compile_revert, packages_wanted, undo
from rollout.core.ending import Outcome
from rollout.core.fleet_state import RolloutState
from rollout.core.names import Digest, RolloutId, ServiceName, Slot, Target, service_stream
from rollout.core.operation import ExtensionUse, Extras, InstanceVerb, Mode
from rollout.core.phase import Ended, Phase, Queued
from rollout.core.plan import HealthPlan, OnFailure, RolloutPlan, ServicePlan, WalkPlan, WavePlan
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Before

NEW, OLD, CSCFG, OLD_CSCFG, COPIED = (Digest(letter * 64) for letter in "abcde")
UPGRADE = UpgradePlan(NEW, "https://s.example/new.cspkg", CSCFG, "web-2", package_expires_wall=5.0)
BEFORE = Before("dep", "web-1 [ro:0123456789ab]", 3, {"Web": 3}, OLD_CSCFG, "key")
OLD_URL = "https://s.example/old.cspkg?se=2026-11-27T12:00:00Z&sig=CANARY"
ENDS = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
PACKAGES = {OLD: OLD_URL, COPIED: "https://s.example/c/1.cspkg"}
GIVEN = RollbackPlan(package=OLD, package_shown="https://s.example/old.cspkg")
WELL = Ended(Outcome.SUCCEEDED, "policy", "done")


def service(name: str, change: ChangePlan, phase: Phase = WELL, **changes: Any) -> ServiceRollout:
    plan = ServicePlan(
        rollout=RolloutId("web-2"),
        target=Target("sub", ServiceName(name), Slot.PRODUCTION),
        change=change,
        health=HealthPlan(0.0, 60.0, 600.0, 15.0, ()),
        walk=WalkPlan(300.0, 2700.0, allow_no_rollback=False),
        begin_timeout_s=1800.0,
        timeout_s=86_400.0,
        on_failure=OnFailure.ROLLBACK,
        rollback=changes.pop("rollback", GIVEN),
    )
    made = ServiceRollout(service_stream(plan.rollout, plan.service, 1), 9, plan, 1, phase, 10.0, before=BEFORE)
    return replace(made, **changes)


def rollout(*waves: tuple[str, ...]) -> RolloutState:
    plans = tuple(
        WavePlan(f"wave-{number}", tuple(map(ServiceName, names)), 2, 1, strict=True)
        for number, names in enumerate(waves)
    )
    return RolloutState(RolloutPlan(RolloutId("web-2"), CSCFG, CSCFG, plans), 9)


def taken_back(state: ServiceRollout) -> Any:
    """Give what one service goes back to; None = nothing, a text = why it cannot."""
    undone = undo(rollout(("a",)), {ServiceName("a"): state}, PACKAGES)
    return undone.refused.get(ServiceName("a")) or (undone.plans[0].change if undone.plans else None)


# --- each kind of change ---


def test_an_upgrade_goes_back_to_the_package_the_policy_gave() -> None:
    assert taken_back(service("a", UPGRADE)) == UpgradePlan(
        OLD, "https://s.example/old.cspkg", OLD_CSCFG, "web-1", package_expires_wall=ENDS
    )


def test_it_goes_back_as_it_was_done_but_for_what_nobody_captured() -> None:
    extras = Extras({"Ticket": "OPS-311"}, (ExtensionUse("RDP", "enable"),))
    done = replace(
        UPGRADE, role="Web", mode=Mode.AUTO, keep_counts=False, check_package=True, force=True, extras=extras
    )
    found = taken_back(service("a", done))
    assert (found.role, found.mode, found.keep_counts, found.check_package) == ("Web", Mode.AUTO, False, True)
    assert (found.force, found.extras) == (False, Extras())


def test_a_package_that_was_copied_before_the_change_serves_as_well() -> None:
    prepared = Prepared(CSCFG, "key", COPIED)
    found = taken_back(service("a", UPGRADE, rollback=RollbackPlan(capture=OLD), prepared=prepared, captured=True))
    assert (found.package, found.package_shown) == (COPIED, "https://s.example/c/1.cspkg")


def test_an_upgrade_without_its_old_package_cannot_be_taken_back() -> None:
    assert "nothing is at hand for a revert" in taken_back(service("a", UPGRADE, rollback=RollbackPlan()))


def test_a_configuration_goes_back_to_what_was_deployed() -> None:
    change = ConfigurePlan(CSCFG, mode=Mode.AUTO, keep_counts=False)
    assert taken_back(service("a", change)) == ConfigurePlan(OLD_CSCFG, mode=Mode.AUTO, keep_counts=False)
    unseen = replace(BEFORE, configuration=None)
    assert "nothing is at hand" in taken_back(service("a", change, before=unseen))


def test_a_swap_is_swapped_back_unless_production_was_empty() -> None:
    change = SwapPlan(60.0, 3600.0, UPGRADE)
    assert taken_back(service("a", change, production=BEFORE)) == SwapPlan(60.0, 3600.0)
    assert "production was empty" in taken_back(service("a", change))


@pytest.mark.parametrize(("was", "running", "change"), [(True, False, StatusPlan(running=True)), (True, True, None)])
def test_a_status_goes_back_to_what_it_was(was: bool, running: bool, change: ChangePlan | None) -> None:
    assert taken_back(service("a", StatusPlan(running), before=replace(BEFORE, running=was))) == change


def test_a_word_to_an_instance_cannot_be_taken_back() -> None:
    assert "cannot be taken back" in taken_back(service("a", InstancePlan(InstanceVerb.REBOOT, "Web_IN_0")))


@pytest.mark.parametrize(
    "phase", [Queued(), Ended(Outcome.UNCHANGED, "policy", "so"), Ended(Outcome.FAILED, "p", "no")]
)
def test_what_did_not_go_well_has_nothing_to_be_taken_back(phase: Phase) -> None:
    assert taken_back(service("a", UPGRADE, phase)) is None
    assert packages_wanted({ServiceName("a"): service("a", UPGRADE, phase)}) == frozenset()


# --- the whole rollout ---


def test_the_last_ones_go_back_first_and_empty_waves_are_left_out() -> None:
    names = ("a", "b", "c", "d", "e")
    services = {ServiceName(name): service(name, UPGRADE) for name in names}
    services[ServiceName("c")] = service("c", UPGRADE, Queued())
    services[ServiceName("e")] = service("e", UPGRADE, rollback=RollbackPlan())
    state = rollout(("a", "left-out", "b"), ("c",), ("d", "e"))
    undone = undo(state, services, PACKAGES)
    assert [plan.service for plan in undone.plans] == ["d", "b", "a"]
    assert list(undone.refused) == ["e"]
    compiled = compile_revert(state, undone, "ann", "OPS-311")
    assert [(wave.name, wave.services) for wave in compiled.plan.waves] == [("wave-2", ("d",)), ("wave-0", ("b", "a"))]
    assert {wave.max_parallel for wave in compiled.plan.waves} == {2}
    assert {plan.rollout for plan in compiled.services} == {compiled.plan.rollout} == {"web-2-revert"}
    assert packages_wanted(services) == {OLD}


def test_the_way_back_of_the_way_back_is_the_way_forward() -> None:
    undone = undo(rollout(("a",)), {ServiceName("a"): service("a", UPGRADE)}, PACKAGES)
    assert undone.plans[0].rollback == RollbackPlan(
        package=NEW, package_shown="https://s.example/new.cspkg", configuration=CSCFG, package_expires_wall=5.0
    )
    swapped = undo(rollout(("a",)), {ServiceName("a"): service("a", SwapPlan(0, 0), production=BEFORE)}, {})
    assert swapped.plans[0].rollback == RollbackPlan()


def test_who_asked_and_why_is_written_down_and_changes_nothing() -> None:
    state, services = rollout(("a",)), {ServiceName("a"): service("a", UPGRADE)}
    undone = undo(state, services, PACKAGES)
    first, second = (compile_revert(state, undone, who, why) for who, why in (("ann", "OPS-311"), ("bob", "again")))
    assert first.plan.documents == second.plan.documents != state.plan.documents
    (written,) = first.payloads
    assert first.plan.policy == digest_of(written)
    assert b"OPS-311" in written
    assert b"CANARY" not in written
