"""One change outside of any policy, and the rollouts that it must not get in the way of."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from rollout.core.change_plan import ConfigurePlan, InstancePlan, StatusPlan, SwapPlan
from rollout.core.compile_change import digest_of
from rollout.core.ending import Outcome
from rollout.core.event import HoldReason
from rollout.core.names import Now, RolloutId, ServiceName, Slot, Target, service_stream
from rollout.core.operation import InstanceVerb, SetStatus, Walk
from rollout.core.outcome import Handle
from rollout.core.ownership import objection, stands_still
from rollout.core.phase import (
    Applying,
    Call,
    Checking,
    Ended,
    ForeignChange,
    Gate,
    HeldForPerson,
    NeedsOperator,
    Phase,
    Preflight,
    Queued,
    Ready,
    Reconciling,
    RollingBack,
    Settling,
    Step,
    Walking,
)
from rollout.core.plan import OnFailure
from rollout.core.service import Hold, ServiceRollout, Stop
from rollout.core.single import Single, compile_single

TARGET = Target("sub", ServiceName("svc-0001"), Slot.PRODUCTION)
SUSPEND = Single(RolloutId("suspend-1"), TARGET, StatusPlan(running=False), "ann", "OPS-311")
NOW = Now(70.0, 1_700_000_000.0)
STEP = Step(began_t=10.0)
CALL = Call(1, Walk(0), 10.0, 120.0, Handle("sub", "f" * 32))
PAUSED = {"holds": (Hold(HoldReason.PAUSE, "ann", "lunch", 5.0),)}
STOPPED = {"stop": Stop("ann", "wait", 5.0)}


# --- the plan ---


@pytest.mark.parametrize(
    "change", [StatusPlan(running=True), SwapPlan(0.0, 0.0), InstancePlan(InstanceVerb.REBOOT, "Web_IN_0")]
)
def test_it_is_a_rollout_of_one_wave_and_one_service_that_holds_on_failure(change: Any) -> None:
    found = compile_single(replace(SUSPEND, change=change))
    (service,) = found.services
    assert (service.target, service.change, service.on_failure) == (TARGET, change, OnFailure.HOLD)
    assert [wave.services for wave in found.plan.waves] == [("svc-0001",)]
    assert service.rollout == found.plan.rollout == "suspend-1"
    assert [check.kind for check in service.health.checks] == ["instances"]


def test_who_asked_and_why_is_written_down() -> None:
    found = compile_single(SUSPEND)
    (written,) = found.payloads
    assert found.plan.policy == digest_of(written)
    assert found.policy_text == written.decode()
    document = msgspec.json.decode(written.partition(b"\n")[2])
    assert (document["who"], document["reason"]) == ("ann", "OPS-311")
    assert document["change"] == {"type": "status", "running": False}


def test_the_same_change_is_the_same_rollout_whoever_asks_and_another_is_another() -> None:
    same = compile_single(replace(SUSPEND, who="bob", reason="again"))
    assert same.plan.documents == compile_single(SUSPEND).plan.documents
    for other in (replace(SUSPEND, change=StatusPlan(running=True)), replace(SUSPEND, rollout=RolloutId("suspend-2"))):
        assert compile_single(other).plan.documents != same.plan.documents


# --- whose a service is ---


def state(phase: Phase, **changes: Any) -> ServiceRollout:
    change = StatusPlan(running=False) if isinstance(phase, Applying) else ConfigurePlan()
    plan = replace(compile_single(SUSPEND).services[0], rollout=RolloutId("web-1"), change=change)
    made = ServiceRollout(service_stream(plan.rollout, plan.service, 1), 1, plan, 1, phase, 10.0, started_t=0.0)
    return replace(made, **changes)


STILL = [
    state(Queued()),
    state(HeldForPerson("red", Queued())),
    state(NeedsOperator("unclear", Queued())),
    state(ForeignChange("theirs", Queued())),
    state(Ready(1, STEP), **PAUSED),
    state(Ready(1, STEP), **STOPPED),
    state(Checking(1, STEP, Gate(10.0)), **PAUSED),
    state(RollingBack(STEP), turned_back=True, **STOPPED),
]
AT_WORK = [
    state(Preflight(STEP)),
    state(Ready(1, STEP)),
    state(Settling(1, STEP)),
    state(Walking(0, STEP, CALL), **PAUSED),
    state(Walking(0, STEP, CALL), **STOPPED),
    state(Applying(STEP, replace(CALL, operation=SetStatus(running=True))), **PAUSED),
    state(Reconciling(STEP, CALL, 130.0, Ready(0, STEP)), **STOPPED),
    state(RollingBack(STEP), turned_back=True, **PAUSED),
]


@pytest.mark.parametrize("owner", STILL + AT_WORK)
def test_a_service_of_an_open_rollout_is_left_to_it_unless_it_is_named_with_it(owner: ServiceRollout) -> None:
    for named in (None, RolloutId("web-2")):
        why = objection(owner, named, NOW)
        assert why is not None
        assert why.startswith("svc-0001 belongs to rollout web-1, which is open: svc-0001 ")
        assert why.endswith("Where it stands still, name it as web-1/svc-0001")


@pytest.mark.parametrize("owner", STILL)
def test_where_it_stands_still_who_knows_of_the_rollout_may_act(owner: ServiceRollout) -> None:
    assert stands_still(owner)
    assert objection(owner, RolloutId("web-1"), NOW) is None


@pytest.mark.parametrize("owner", AT_WORK)
def test_where_it_is_at_work_nobody_may_and_the_word_that_ends_it_is_told(owner: ServiceRollout) -> None:
    assert not stands_still(owner)
    why = objection(owner, RolloutId("web-1"), NOW)
    assert why is not None
    assert why.startswith("rollout web-1 is at work on svc-0001: ")
    verb = "stop" if owner.turned_back else "pause"
    assert why.endswith(f"First: rollout {verb} web-1/svc-0001")


def test_what_has_ended_owns_nothing() -> None:
    assert objection(state(Ended(Outcome.SUCCEEDED, "policy", "done")), None, NOW) is None
