"""From the example policy to its plan: values, payloads, secrets, and what makes two submissions the same."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rollout.core import compile_checks
from rollout.core.change_plan import RollbackPlan, UpgradePlan
from rollout.core.check_plan import (
    CheckPlan,
    CommandSource,
    HttpSource,
    InstancesSource,
    MetricSource,
    Moment,
    PythonSource,
    WebhookSource,
)
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.names import Slot, Target
from rollout.core.operation import RollbackMode
from rollout.core.plan import HealthPlan, OnFailure, ServicePlan, WalkPlan, WavePlan
from rollout.core.wave_plan import (
    ApprovalPlan,
    BakePlan,
    OnConflict,
    WaveFailure,
    WindowPlan,
    WindowsPlan,
)
from rollout.core.wave_plan import Moment as Before
from rollout.errors import InvariantBroken, NotSupportedYet
from rollout.policy.load import load_policy
from rollout.policy.model.check import Check

POLICIES = Path(__file__).parents[2] / "policies"
PACKAGE = "https://relstore.blob.example/packages/web-2.4.1.cspkg"
SIGNED = f"{PACKAGE}?sv=2024&sig=CANARY%2Bsecret"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the examples that a test may change."""
    return Path(shutil.copytree(POLICIES, tmp_path / "policies"))


def compiled(folder: Path = POLICIES, *sets: str) -> Compiled:
    return compile_bundle(load_policy(folder / "web.yaml", sets=sets))


def upgrade_of(plan: ServicePlan) -> UpgradePlan:
    assert isinstance(plan.change, UpgradePlan)
    return plan.change


def test_the_example_becomes_this_plan() -> None:
    found = compiled(POLICIES, "waves[0].max_parallel=2", "waves[0].failure_tolerance=1")
    first = found.services[0]
    assert first.rollout == found.plan.rollout == "web-2.4.1"
    assert first.target == Target("00000000-0000-4000-8000-000000000001", first.service, Slot.PRODUCTION)
    assert [each.service for each in found.services] == [f"svc-{number:04d}" for number in range(1, 13)]
    assert found.plan.waves == (WavePlan("rest", tuple(each.service for each in found.services), 2, 1, strict=True),)
    assert first.health == HealthPlan(
        0.1, 0.3, 10.0, 0.1, (CheckPlan("instances", "instances", 10.0, source=InstancesSource()),)
    )
    assert first.walk == WalkPlan(0.5, 60.0, allow_no_rollback=False)
    assert (first.begin_timeout_s, first.timeout_s) == (30.0, 600.0)
    assert first.on_failure is OnFailure.ROLLBACK
    assert first.rollback == RollbackPlan(RollbackMode.AUTO, 120.0)
    change = upgrade_of(first)
    assert (change.label, change.package_shown, change.force) == ("web-2.4.1", PACKAGE, False)


def test_every_digest_of_the_plan_names_a_payload_and_no_payload_is_idle() -> None:
    found = compiled()
    payloads = {hashlib.sha256(payload).hexdigest(): payload for payload in found.payloads}
    named = {found.plan.policy}
    for service in found.services:
        change = upgrade_of(service)
        named |= {change.package, change.configuration}
        assert payloads[change.package] == PACKAGE.encode()
        assert payloads[change.configuration] == (POLICIES / f"configs/{service.service}.cscfg").read_bytes()
    assert named == set(payloads)
    assert payloads[found.plan.policy].decode() == found.policy_text
    assert len(payloads) == len(found.payloads)


def test_the_written_text_holds_the_documents_and_the_digests_of_the_files() -> None:
    text = compiled().policy_text
    assert (POLICIES / "web.yaml").read_text() in text
    assert (POLICIES / "fleets/emulator-12.yaml").read_text() in text
    digest = hashlib.sha256((POLICIES / "configs/svc-0001.cscfg").read_bytes()).hexdigest()
    assert f"svc-0001.cscfg sha256:{digest}" in text


def test_a_signature_reaches_the_payload_and_never_the_plan() -> None:
    found = compiled(POLICIES, f"change.upgrade.package={SIGNED}")
    assert SIGNED.encode() in found.payloads
    records = msgspec.json.encode((found.plan, found.services))
    assert b"CANARY" not in records
    assert b"sig" not in records
    assert upgrade_of(found.services[0]).package_shown == PACKAGE


def test_the_same_documents_are_the_same_rollout() -> None:
    assert compiled().plan.documents == compiled().plan.documents


@pytest.mark.parametrize(
    "change",
    [
        f"change.upgrade.package={PACKAGE}2",
        "change.upgrade.label=web-2.4.2",
        "change.upgrade.force=true",
        "waves[0].max_parallel=1",
        "waves[0].failure_tolerance=4",
        "health.stable_duration=301ms",
        "walk.domain_timeout=61s",
        "operation_timeout.begin=31s",
        "timeout=11m",
        "on_failure.service=hold",
        "rollback.timeout=3m",
    ],
)
def test_every_value_that_changes_the_plan_changes_its_documents(change: str) -> None:
    assert compiled(POLICIES, change).plan.documents != compiled().plan.documents


def test_a_changed_configuration_file_changes_the_documents(policies: Path) -> None:
    before = compiled(policies)
    file = policies / "configs/svc-0007.cscfg"
    file.write_bytes(file.read_bytes() + b"<!-- changed -->")
    after = compiled(policies)
    assert before.plan.documents != after.plan.documents
    changed = [a.service for a, b in zip(after.services, before.services, strict=True) if a != b]
    assert changed == ["svc-0007"]


def test_a_comment_changes_the_text_and_not_the_rollout(policies: Path) -> None:
    before = compiled(policies)
    file = policies / "web.yaml"
    file.write_text(file.read_text() + "# a word for colleagues\n")
    after = compiled(policies)
    assert before.plan.documents == after.plan.documents
    assert before.plan.policy != after.plan.policy


def test_what_a_run_cannot_do_is_refused_with_its_place(policies: Path) -> None:
    file = policies / "web.yaml"
    file.write_text(file.read_text().replace("checks:\n    - instances: ready", "checks: []"))
    with pytest.raises(NotSupportedYet, match=r"web\.yaml:\d+:\d+ health\.checks: a policy without any check"):
        compiled(policies)


@pytest.mark.parametrize("field", ["package", "configuration"])
def test_a_service_without_a_payload_is_our_own_mistake(field: str) -> None:
    from dataclasses import replace

    bundle = load_policy(POLICIES / "web.yaml")
    broken: dict[str, Any] = {field: None}
    spoilt = replace(bundle, services=(replace(bundle.services[0], **broken),))
    with pytest.raises(InvariantBroken, match=f"no {field} for svc-0001"):
        compile_bundle(spoilt)


def test_a_bundle_without_a_change_is_our_own_mistake() -> None:
    from dataclasses import replace

    bundle = load_policy(POLICIES / "web.yaml")
    policy = bundle.policy.model_copy(update={"change": type(bundle.policy.change).model_construct()})
    with pytest.raises(InvariantBroken, match="changes nothing"):
        compile_bundle(replace(bundle, policy=policy))


def test_a_check_of_no_kind_is_our_own_mistake() -> None:
    with pytest.raises(InvariantBroken, match="a check of no kind"):
        compile_checks._source(Check.model_construct(), {})


def test_every_kind_of_check_becomes_its_source_with_the_service_filled_in(tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "policies")
    file = tmp_path / "policies" / "web.yaml"
    checks = """
    - instances: {state: ready, share: 80%, restarts: 2}
    - {http: {url: "http://{instances}:80/{service}", status: [200, 204], json: {a: b}, latency: 2s}, scope: domain}
    - {http: "https://{service}.example/{slot}"}
    - {command: {name: smoke, arguments: ["{service}", "{rollout}"]}, json: true, name: smoke}
    - {metric: 'a{s="{service}"} >= 1.5e-1', advisory: true}
    - {metric: {query: b, compare: walked|unwalked, range: 5m, min_effect: 20%}, final: true, moments: [bake]}
    - {webhook: "https://gate.example/{domain}", scope: domain}
    - {python: gates.web:verdict, scope: fleet}
"""
    text = file.read_text(encoding="utf-8").replace("\n    - instances: ready\n", checks)
    file.write_text(text, encoding="utf-8")
    first = compile_bundle(load_policy(file)).services[0]
    found = {check.name: check for check in first.health.checks}
    assert list(found) == ["instances", "http", "http-2", "smoke", "metric", "metric-2", "webhook", "python"]
    assert found["instances"].source == InstancesSource(0.8, 2)
    assert found["http"].source == HttpSource(
        "http://{instances}:80/svc-0001", statuses=(200, 204), fields={"a": "b"}, latency_s=2.0
    )
    assert found["http-2"].source == HttpSource("https://svc-0001.example/production")
    assert found["smoke"].source == CommandSource("smoke", ("svc-0001", "web-2.4.1"), prints_json=True)
    assert found["metric"].source == MetricSource('a{s="svc-0001"}', ">=", 0.15, min_effect=0.1)
    assert found["metric-2"].source == MetricSource("b", range_s=300.0, min_effect=0.2)
    assert found["webhook"].source == WebhookSource("https://gate.example/{domain}")
    assert found["python"].source == PythonSource("gates.web:verdict")
    assert [found[name].scope.value for name in ("instances", "http-2", "webhook", "python")] == [
        "domain", "service", "domain", "fleet"
    ]  # fmt: skip
    assert (found["metric"].advisory, found["metric-2"].final, found["metric-2"].moments) == (
        True,
        True,
        (Moment.BAKE,),
    )


def test_waves_become_plans_with_their_caps_bakes_windows_and_approvals(policies: Path) -> None:
    fleet = policies / "fleets/emulator-12.yaml"
    services = "".join(
        f"  svc-{n:04}: {{tags: {{region: {'weu' if n % 2 else 'neu'}}}{', needs: [svc-0001]' if n == 3 else ''}"
        f"{', paired: [svc-0005]' if n == 4 else ''}}}\n"
        for n in range(1, 13)
    )
    fleet.write_text(f"subscription: 00000000-0000-4000-8000-000000000001\nservices:\n{services}")
    file = policies / "web.yaml"
    text = file.read_text()
    waves = (
        "waves:\n"
        "  - {name: canary, select: 1, bake: 30m, approve: {by: leads, within: 1h}}\n"
        "  - {name: rest, select: rest, max_parallel: 4, strict: false, bake_first: 10m,\n"
        "     max_parallel_per: {region: 2},\n"
        "     health: {stable_duration: 30s, interval: 20s}, on_failure: {wave: rollback_all},\n"
        "     windows: {open: ['Fri-Sat 22:00-04:00 UTC'], except: [2026-12-24], mid_service: hold}}\n"
    )
    kept = "\n".join(line for line in text.splitlines() if line != "waves:" and "name: rest" not in line)
    more = "rollback: {max_parallel: 2}\n" if "rollback:" not in kept else ""
    file.write_text(
        f"{kept}\n{waves}{more}on_conflict: supersede\npriority: urgent\napprove: {{by: leads, before: last}}\n"
    )
    found = compiled(policies)
    canary, rest = found.plan.waves
    assert canary.services == (found.services[0].service,)
    assert canary.bake == BakePlan(1800.0, 0.0, 0.1, 0.3, 10.0)
    assert canary.approval == ApprovalPlan("leads", Before.START, 3600.0)
    assert rest.bake == BakePlan(0.0, 600.0, 20.0, 30.0, 10.0)
    assert [(cap.tag, cap.value, len(cap.services), cap.max_parallel) for cap in rest.caps] == [
        ("region", "neu", 6, 2),
        ("region", "weu", 5, 2),
    ]
    assert rest.on_failure is WaveFailure.ROLLBACK_ALL
    assert rest.windows == WindowsPlan(
        (WindowPlan((4, 5), 22 * 60, 4 * 60, "UTC"),), (("2026-12-24", "2026-12-24"),), hold_mid_service=True
    )
    assert rest.expected_s > 5 * 500
    assert canary.expected_s == 0.0
    assert found.plan.needs == {"svc-0003": ("svc-0001",)}
    assert found.plan.paired == {"svc-0004": ("svc-0005",), "svc-0005": ("svc-0004",)}
    assert found.plan.approval == ApprovalPlan("leads", Before.LAST, 86_400.0)
    assert (found.plan.on_conflict, found.plan.urgent) == (OnConflict.SUPERSEDE, True)
    stable = {each.health.stable_s for each in found.services[1:]}
    assert (found.services[0].health.stable_s, stable) == (0.3, {30.0})
