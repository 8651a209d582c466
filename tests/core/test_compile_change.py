"""Every kind of change, from the words of a policy to the plan of a service, with its way back and its payloads."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rollout.core.change_plan import (
    Barrier,
    ConfigurePlan,
    ForeignPlan,
    Reaction,
    RollbackPlan,
    StatusPlan,
    SwapPlan,
    UpgradePlan,
)
from rollout.core.compile_change import change_of, digest_of, foreign_of, payloads_of, rollback_of
from rollout.core.operation import NO_EXTRAS, ExtensionUse, Extras, Mode, RollbackMode
from rollout.errors import InvariantBroken
from rollout.policy.bundle import Bundle
from rollout.policy.load import load_policy

FLEET = "fleet: {subscription: 00000000-0000-4000-8000-000000000001, services: {web-01: {tags: {region: weu}}}}\n"
CSCFG = (
    '<ServiceConfiguration xmlns="http://schemas.microsoft.com/ServiceHosting/2008/10/ServiceConfiguration">'
    '<Role name="Web"><Instances count="%d"/></Role></ServiceConfiguration>'
)
NEW, OLD = (CSCFG % count for count in (5, 3))
STORE = "https://relstore.blob.example"
SIGNATURE = "sv=1&se=2026-11-27T12:00:00Z&sig=CANARY"
ENDS = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
UPGRADE = f'upgrade: {{package: "{STORE}/{{tag.region}}/web-1.cspkg?{SIGNATURE}", configuration: "{{service}}.cscfg"'
EXTENSIONS = "extensions: {all_roles: [Diagnostics], roles: {Web: [{id: RDP, state: disable}]}}"
EXTRAS = Extras({"Ticket": "OPS-311"}, (ExtensionUse("Diagnostics", "enable"), ExtensionUse("RDP", "disable", "Web")))


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Write a policy with this change beside its configurations, and load it."""
    (tmp_path / "web-01.cscfg").write_text(NEW)
    (tmp_path / "old.cscfg").write_text(OLD)

    def load(change: str, more: str = "") -> Bundle:
        file = tmp_path / "policy.yaml"
        file.write_text(f"rollout: web-1\n{FLEET}change: {{{change}}}\n{more}")
        return load_policy(file)

    return load


def change(bundle: Bundle, **options: Any) -> Any:
    return change_of(bundle.policy.change, bundle.services[0], **options)


def back(bundle: Bundle) -> RollbackPlan:
    return rollback_of(bundle.policy.rollback, bundle.services[0])


def named(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


# --- upgrades ---


def test_an_upgrade_is_walked_by_rollout_and_keeps_the_counts_unless_it_says_otherwise(load: Any) -> None:
    bundle = load(f"{UPGRADE}}}")
    assert bundle.slot == "production"
    assert change(bundle) == UpgradePlan(
        package=digest_of(f"{STORE}/weu/web-1.cspkg?{SIGNATURE}".encode()),
        package_shown=f"{STORE}/weu/web-1.cspkg",
        configuration=digest_of(NEW.encode()),
        label="web-1",
        package_expires_wall=ENDS,
    )


def test_everything_an_upgrade_can_say_reaches_the_plan(load: Any) -> None:
    words = "force: true, role: Web, mode: simultaneous, instance_counts: file, label: 'v {service}'"
    found = change(load(f"{UPGRADE}, {words}, properties: {{Ticket: OPS-311}}, {EXTENSIONS}}}"), check_packages=True)
    assert (found.label, found.force, found.role, found.mode) == ("v web-01", True, "Web", Mode.SIMULTANEOUS)
    assert found.extras == EXTRAS
    assert (found.keep_counts, found.check_package) == (False, True)


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_has_its_word(load: Any, mode: Mode) -> None:
    assert change(load(f"{UPGRADE}, mode: {mode}}}")).mode is mode
    assert change(load(f"configure: {{settings: {{Web/A: b}}, mode: {mode}}}")).mode is mode


def test_extensions_that_are_named_as_none_are_not_those_that_are_not_named(load: Any) -> None:
    assert change(load(f"{UPGRADE}}}")).extras == NO_EXTRAS
    assert change(load(f"{UPGRADE}, extensions: {{}}}}")).extras == Extras(extensions=())


# --- configurations ---


def test_a_configuration_comes_from_a_file(load: Any) -> None:
    bundle = load("configure: {slot: staging, configuration: '{service}.cscfg', treat_warnings_as_error: true}")
    assert bundle.slot == "staging"
    assert change(bundle) == ConfigurePlan(digest_of(NEW.encode()), treat_warnings_as_error=True)


def test_settings_are_patched_into_what_is_deployed(load: Any) -> None:
    words = f"settings: {{Web/Level: debug, Web/A: 'b c'}}, properties: {{Ticket: OPS-311}}, {EXTENSIONS}"
    found = change(load(f"configure: {{{words}, instance_counts: file}}"))
    assert found == ConfigurePlan(settings={"Web/Level": "debug", "Web/A": "b c"}, extras=EXTRAS, keep_counts=False)


# --- swaps and status ---


def test_a_swap_alone_is_about_the_deployment_in_staging(load: Any) -> None:
    bundle = load("swap: {}", "")
    assert bundle.slot == "staging"
    assert change(bundle) == SwapPlan(1800.0, 86_400.0)


def test_an_upgrade_of_staging_is_followed_by_its_swap(load: Any) -> None:
    swap = "swap: {bake: 1m, keep_previous: 2h, barrier: rollout, together: true}"
    bundle = load(f"{UPGRADE}, slot: staging}}, {swap}")
    assert bundle.slot == "staging"
    found = change(bundle)
    assert found == SwapPlan(60.0, 7200.0, found.upgrade, Barrier.ROLLOUT, together=True)
    assert found.upgrade.configuration == named(NEW)


@pytest.mark.parametrize("barrier", Barrier)
def test_every_barrier_has_its_word(load: Any, barrier: Barrier) -> None:
    assert change(load(f"swap: {{barrier: {barrier}}}")).barrier is barrier


def test_a_status_is_that_of_the_fleets_slot(load: Any) -> None:
    assert change(load("status: running")) == StatusPlan(running=True)
    bundle = load("status: suspended")
    assert change(bundle) == StatusPlan(running=False)
    assert bundle.slot == "production"


# --- the way back ---


def test_without_a_word_the_platform_walks_back_and_nothing_is_kept_for_a_revert(load: Any) -> None:
    assert back(load(f"{UPGRADE}}}")) == RollbackPlan()


def test_everything_said_of_the_way_back_reaches_the_plan(load: Any) -> None:
    given = f'package: "{STORE}/{{service}}/old.cspkg?{SIGNATURE}", configuration: old.cscfg'
    found = back(load(f"{UPGRADE}}}", f"rollback: {{mode: manual, timeout: 1m, {given}}}\n"))
    assert found == RollbackPlan(
        RollbackMode.MANUAL,
        60.0,
        digest_of(f"{STORE}/web-01/old.cspkg?{SIGNATURE}".encode()),
        f"{STORE}/web-01/old.cspkg",
        digest_of(OLD.encode()),
        package_expires_wall=ENDS,
    )


def test_a_container_lends_its_signature_to_what_is_copied_there(load: Any) -> None:
    found = back(load(f"{UPGRADE}}}", f'rollback: {{capture_container: "{STORE}/{{tag.region}}?{SIGNATURE}"}}\n'))
    assert (found.capture, found.capture_shown) == (named(f"{STORE}/weu?{SIGNATURE}"), f"{STORE}/weu")
    assert found.package_expires_wall == ENDS


def test_what_others_do_means_what_the_policy_says(load: Any) -> None:
    assert foreign_of(load("status: running").policy.foreign) == ForeignPlan()
    found = foreign_of(
        load("status: running", "foreign: {scale: hold, reboot: hold, upgrade: tolerate}\n").policy.foreign
    )
    assert found == ForeignPlan(Reaction.HOLD, Reaction.HOLD, Reaction.TOLERATE)


# --- payloads ---


def test_every_digest_has_a_payload_and_no_signature_is_in_a_plan(load: Any) -> None:
    given = f'package: "{STORE}/old.cspkg?{SIGNATURE}", configuration: old.cscfg'
    bundle = load(f"{UPGRADE}}}", f'rollback: {{{given}, capture_container: "{STORE}/c?{SIGNATURE}"}}\n')
    payloads = {digest_of(payload) for payload in payloads_of(bundle.services[0])}
    plan, way_back = change(bundle), back(bundle)
    assert payloads == {plan.package, plan.configuration, way_back.package, way_back.configuration, way_back.capture}
    assert b"CANARY" not in msgspec.json.encode((plan, way_back))


def test_a_change_without_files_has_no_payloads(load: Any) -> None:
    assert payloads_of(load("status: running").services[0]) == []


def test_a_configuration_that_was_not_read_is_our_own_mistake(load: Any) -> None:
    bundle = load("configure: {configuration: old.cscfg}")
    files = replace(bundle.services[0], configuration=None)
    with pytest.raises(InvariantBroken, match="neither configuration nor settings for web-01"):
        change_of(bundle.policy.change, files)
