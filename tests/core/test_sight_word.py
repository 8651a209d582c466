"""Words about a whole deployment or one instance: said in whatever state it is, and done when their effect shows."""

from typing import Any

import pytest
from msgspec.structs import replace

from rollout.core.change_plan import ChangePlan, ForeignPlan, InstancePlan, StatusPlan
from rollout.core.event import Finding, Observed, Preflighted, Unfit
from rollout.core.names import Now, RolloutId, ServiceName, Slot, Target, service_stream
from rollout.core.operation import InstanceVerb
from rollout.core.phase import Applying, Preflight, Step
from rollout.core.service import ServiceRollout
from rollout.core.sight import judge
from rollout.core.single import Single, compile_single
from rollout.core.snapshot import Activity, ChangeInFlight, Instance, Snapshot

NOW = Now(70.0, 1_700_000_000.0)
REBOOT = InstancePlan(InstanceVerb.REBOOT, "Web_IN_0")
SUSPEND, START = StatusPlan(running=False), StatusPlan(running=True)
IN_FLIGHT = ChangeInFlight(manual=True, domain=1, during=False)


def shown(ready: str, **changes: Any) -> Snapshot:
    """Show a deployment with one instance in each domain: `+` a ready one, `-` a sick one."""
    instances = tuple(Instance(f"Web_IN_{n}", "Web", n, each == "+", "some") for n, each in enumerate(ready))
    plain = Snapshot("dep", "web-1", Activity.RUNNING, "Running", 2, instances, None, False, False, "d")  # noqa: FBT003 - locked, rollback_allowed
    return replace(plain, **changes)


def state(change: Any, phase: Any, **changes: Any) -> ServiceRollout:
    target = Target("sub", ServiceName("svc"), Slot.PRODUCTION)
    plan = replace(compile_single(Single(RolloutId("r"), target, change, "ann", "why")).services[0], **changes)
    return ServiceRollout(service_stream(plan.rollout, plan.service, 1), 1, plan, 1, phase, 0.0, started_t=0.0)


def before_it(change: Any, seen: Snapshot, **changes: Any) -> Any:
    return judge(state(change, Preflight(Step(0.0)), **changes), None, seen, NOW)


def at_it(change: Any, earlier: Snapshot | None, seen: Snapshot, *, settling: bool) -> Any:
    return judge(state(change, Applying(Step(0.0), settling=settling)), earlier, seen, NOW)


@pytest.mark.parametrize("change", [REBOOT, SUSPEND, START])
@pytest.mark.parametrize("seen", [shown("++"), shown("-+"), shown("--", change=IN_FLIGHT)])
def test_a_sick_instance_and_an_update_in_progress_are_no_hindrance(change: Any, seen: Snapshot) -> None:
    assert isinstance(before_it(change, seen), Preflighted)
    assert at_it(change, None, seen, settling=False).finding is Finding.CLEAR


@pytest.mark.parametrize("change", [REBOOT, SUSPEND])
def test_a_policy_leaves_an_update_of_somebody_else_alone(change: Any) -> None:
    found = before_it(change, shown("++", change=IN_FLIGHT), foreign=ForeignPlan())
    assert found == Unfit("an update that is not ours is in progress on the deployment")


@pytest.mark.parametrize("seen", [shown("++", locked=True), shown("++", activity=Activity.OTHER)])
def test_nothing_is_said_to_a_deployment_that_is_locked_or_between_two_states(seen: Snapshot) -> None:
    assert before_it(REBOOT, seen) is None
    assert at_it(REBOOT, None, seen, settling=False) is None


STOPPED = shown("--", activity=Activity.SUSPENDED)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (REBOOT, shown("+-")),
        (REBOOT, shown("++", change=IN_FLIGHT, activity=Activity.CHANGING)),
        (START, shown("--")),
        (START, shown("+-", change=IN_FLIGHT, activity=Activity.CHANGING)),
        (SUSPEND, STOPPED),
        (SUSPEND, shown("--", change=IN_FLIGHT, activity=Activity.SUSPENDED_CHANGING)),
    ],
)
def test_it_is_done_once_its_own_effect_was_seen_twice(change: ChangePlan, seen: Snapshot) -> None:
    assert at_it(change, None, seen, settling=True) is None
    found = at_it(change, seen, seen, settling=True)
    assert isinstance(found, Observed)
    assert found.finding is Finding.SETTLED


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (REBOOT, shown("-+")),
        (REBOOT, shown("++", locked=True)),
        (replace(REBOOT, instance="Web_IN_9"), shown("++")),
        (START, STOPPED),
        (START, shown("++", locked=True)),
        (SUSPEND, shown("++")),
    ],
)
def test_it_is_not_done_before_that(change: ChangePlan, seen: Snapshot) -> None:
    done = STOPPED if change == SUSPEND else shown("++")
    assert at_it(change, seen, seen, settling=True) is None
    assert at_it(change, done, seen, settling=True) is None
    assert at_it(change, seen, done, settling=True) is None
