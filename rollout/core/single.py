"""One change of one service outside of any policy: a rollout of one wave, journaled like every other. Pure."""

import msgspec

from rollout.core.change_plan import ForeignPlan, InstancePlan, Reaction, RollbackPlan, StatusPlan, SwapPlan
from rollout.core.check_plan import CheckPlan
from rollout.core.compile import Compiled
from rollout.core.compile_change import digest_of
from rollout.core.names import RolloutId, Target
from rollout.core.plan import HealthPlan, OnFailure, RolloutPlan, ServicePlan, WalkPlan, WavePlan

TIMEOUT_S = 3600.0
SWAP_TIMEOUT_S = 900.0
STATUS_TIMEOUT_S = 1800.0
READY_TIMEOUT_S = 1800.0
"""How long instances may take to be ready after a start; one was recorded to take about five minutes."""
INTERVAL_S = 2.0
CHECKS = (CheckPlan("instances", "instances", timeout_s=10.0),)
WAVE = "all"


class Single(msgspec.Struct, frozen=True):
    """Who wants what done to which deployment, and why."""

    rollout: RolloutId
    target: Target
    change: StatusPlan | SwapPlan | InstancePlan
    who: str
    reason: str
    beside: RolloutId | None = None
    """As in RolloutPlan."""


def compile_single(single: Single) -> Compiled:
    """Compile it. On failure it holds for a person: what went wrong with one word is not taken back by another."""
    service = ServicePlan(
        rollout=single.rollout,
        target=single.target,
        change=single.change,
        health=HealthPlan(wait_s=0.0, stable_s=0.0, retry_s=READY_TIMEOUT_S, interval_s=INTERVAL_S, checks=CHECKS),
        walk=WalkPlan(0.0, READY_TIMEOUT_S, allow_no_rollback=True),
        begin_timeout_s=STATUS_TIMEOUT_S,
        timeout_s=TIMEOUT_S,
        on_failure=OnFailure.HOLD,
        rollback=RollbackPlan(),
        swap_timeout_s=SWAP_TIMEOUT_S,
        status_timeout_s=STATUS_TIMEOUT_S,
        foreign=ForeignPlan(upgrade=Reaction.TOLERATE),
    )
    waves = (WavePlan(WAVE, (single.target.service,), max_parallel=1, failure_tolerance=0, strict=True),)
    text = _written(single)
    plan = RolloutPlan(
        rollout=single.rollout,
        policy=digest_of(text.encode()),
        documents=digest_of(msgspec.json.encode((service, waves), order="deterministic")),
        waves=waves,
        beside=single.beside,
    )
    return Compiled(plan, (service,), (text.encode(),), text)


def _written(single: Single) -> str:
    """Write down what was asked, for who reads the rollout later."""
    asked = {"who": single.who, "reason": single.reason, "target": single.target, "change": single.change}
    said = msgspec.json.format(msgspec.json.encode(asked, order="deterministic"), indent=1).decode()
    return f"# asked on the command line, outside of any policy\n{said}"
