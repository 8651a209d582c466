"""What a look at a deployment says: missing, Locked, one domain, foreign, at its target, counts that change."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from rollout.core.change_event import Installed
from rollout.core.change_plan import UpgradePlan
from rollout.core.compile import Compiled
from rollout.core.names import Now, ServiceName
from rollout.core.snapshot import Absent, Activity, ChangeInFlight, Instance, Snapshot
from rollout.planning.make import Wanted, plan_document
from rollout.planning.sighted import Sight, Sighted, Standing, sighted

Compile = Callable[..., Compiled]
TWO = tuple(Instance(f"WebRole1_IN_{n}", "WebRole1", n % 2, ready=True, status="ReadyRole") for n in range(4))
RUNNING = Snapshot(
    "d", "web-1", Activity.RUNNING, "Running", 2, TWO, None, locked=False, rollback_allowed=None, digest="", key="old"
)
KEEP_NOT = (
    '{upgrade: {package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, instance_counts: file}}'
)


def looked(rollout: Compiled, seen: Snapshot | Absent, **more: object) -> Sighted:
    return sighted(rollout.services[0], Sight(seen, **more), {"WebRole1": 5}, Now(0.0, 1.76e9))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "standing", "why"),
    [
        (Absent("HTTP 404 ResourceNotFound"), Standing.BLOCKED, "there is no deployment in production"),
        (replace(RUNNING, domain_count=1), Standing.BLOCKED, "one upgrade domain"),
        (replace(RUNNING, change=ChangeInFlight(manual=True, domain=0, during=False)), Standing.BLOCKED, "not ours"),
        (replace(RUNNING, activity=Activity.SUSPENDED, status="Suspended"), Standing.BLOCKED, "suspended"),
        (RUNNING, Standing.CHANGES, ""),
    ],
)
def test_a_run_would_refuse_what_a_look_shows_to_be_unfit(
    compiled: Compile, seen: Snapshot | Absent, standing: Standing, why: str
) -> None:
    found = looked(compiled(), seen)
    assert found.standing is standing
    assert why in found.why


def test_a_locked_deployment_is_said_to_be_waited_for(compiled: Compile) -> None:
    found = looked(compiled(), replace(RUNNING, locked=True))
    assert found.standing is Standing.CHANGES
    assert "Locked" in found.warnings[0]


def test_what_runs_already_by_our_own_records_is_unchanged(compiled: Compile) -> None:
    rollout = compiled()
    change = rollout.services[0].change
    assert isinstance(change, UpgradePlan)
    known = Installed(" [ro:0123456789ab]", change.package, "web", change.configuration)
    seen = replace(RUNNING, release="web-2 [ro:0123456789ab]")
    assert looked(rollout, seen, known=known).standing is Standing.UNCHANGED
    assert looked(rollout, replace(seen, release="web-2"), known=known).standing is Standing.CHANGES


def test_a_configuration_that_is_there_already_is_unchanged(compiled: Compile) -> None:
    rollout = compiled(change="{configure: {configuration: web.cscfg}}")
    assert looked(rollout, RUNNING, key="old").standing is Standing.UNCHANGED
    assert looked(rollout, RUNNING, key="new").standing is Standing.CHANGES


def test_counts_that_would_change_are_told_unless_they_are_kept(compiled: Compile) -> None:
    assert looked(compiled(), RUNNING).counts == {}
    assert looked(compiled(change=KEEP_NOT), RUNNING).counts == {"WebRole1": (4, 5)}


def test_what_is_blocked_or_at_its_target_takes_no_time_and_is_told_once_for_all(compiled: Compile) -> None:
    rollout = compiled(4, more="waves: [{name: all, select: rest, max_parallel: 4, strict: false}]")
    names = [each.service for each in rollout.services]
    sights = {name: Sight(Absent("gone")) for name in names[:3]} | {names[3]: Sight(RUNNING)}
    told = plan_document(Wanted(rollout.plan, rollout.services), 1.76e9, sights=sights)
    assert told.changes == 1
    assert told.blocked
    errors = [(each.about, each.said) for each in told.findings if each.severity == "error"]
    assert errors == [("svc-0001, svc-0002, svc-0003", "there is no deployment in production: gone")]
    spans = {each.service: len(each.spans) for each in told.services}
    assert spans == {ServiceName("svc-0001"): 0, "svc-0002": 0, "svc-0003": 0, "svc-0004": 4}
