"""Whether an ending is true of the service: S6 and S8."""

from typing import Final

from rollout.core.change_plan import InstancePlan, StatusPlan, SwapPlan
from rollout.core.ending import Outcome
from rollout.core.service import ServiceRollout
from rollout.emulator.fabric_state import Deployment
from rollout.platforms.classic.vocabulary import Slot
from rollout.simulation.marks import Mark, Marks
from rollout.simulation.truth import OWN_CRASH_GRACE_S, Truth

WORD_OF_A_PERSON: Final = frozenset({Outcome.RESOLVED, Outcome.EXCLUDED})
"""What was seen stands beside the claim; what somebody took over is left to them."""


def false_ending(
    truth: Truth, state: ServiceRollout, marks: Marks, outcome: Outcome, known_at: float
) -> tuple[str, str] | None:
    """Give the rule and the sentence if `outcome` is not what the service shows.

    `known_at` is when the engine could last know: an
    instance that crashed by itself after that is excused.
    """
    if outcome in WORD_OF_A_PERSON or isinstance(state.plan.change, InstancePlan):
        return None
    rule = "S8" if outcome is Outcome.SUCCEEDED else "S6"
    deployment = truth.subject(state.plan)
    if rule == "S8":
        why = _succeeded(truth, deployment, state, marks.running, known_at)
    elif outcome is Outcome.SUSPENDED:
        why = _stands_still(deployment)
    else:
        why = _as_before(truth, deployment, state, marks, outcome)
    if why is None and outcome is Outcome.ROLLED_BACK:
        why = _whole(truth, state, known_at)
    return None if why is None else (rule, f"{state.stream} ended as {outcome}, but {why}")


def _succeeded(
    truth: Truth, deployment: Deployment | None, state: ServiceRollout, running: Mark | None, known_at: float
) -> str | None:
    if deployment is None:
        return "there is no deployment"
    every = range(deployment.domain_count)
    match state.plan.change:
        case StatusPlan(running=False):
            return _stands_still(deployment)
        case StatusPlan():
            return _busy(deployment) or truth.unfit(deployment, every, None, known_at=known_at)
        case SwapPlan(upgrade=upgrade):
            if deployment.slot is not Slot.PRODUCTION:
                return f"{deployment.name} does not stand in production"
            mark = running if upgrade is not None else None
            if upgrade is not None and mark is None:
                return "nothing of its upgrade took effect"
            return truth.unfit(deployment, every, mark, known_at=known_at) or _busy(deployment)
        case _ if running is None:
            return "nothing of it took effect"
        case _:
            return truth.unfit(deployment, every, running, known_at=known_at) or _busy(deployment)


def _as_before(
    truth: Truth, deployment: Deployment | None, state: ServiceRollout, marks: Marks, outcome: Outcome
) -> str | None:
    """Nothing of ours is left; of a swap, nothing in production: staging may keep an upgrade that is complete."""
    change = state.plan.change
    if isinstance(change, SwapPlan):
        production, before = truth.production(state.plan), truth.produced.get(state.plan.service)
        if (None if production is None else production.name) != before:
            return f"{'nobody' if production is None else production.name} stands in production, and not {before}"
        if outcome is Outcome.ROLLED_BACK and deployment is not None:
            return None if state.vacant else _busy(deployment)  # where nothing stood, nothing is taken away again
    elif deployment is None:
        return None if outcome is Outcome.SKIPPED else "there is no deployment"
    if isinstance(change, StatusPlan) and deployment is not None:
        wanted = change.running if outcome is Outcome.UNCHANGED else not change.running
        return None if deployment.running is wanted else f"the deployment shows {deployment.status}"
    return None if deployment is None else _unmarked(truth, deployment, marks)


def _unmarked(truth: Truth, deployment: Deployment, marks: Marks) -> str | None:
    for each in deployment.instances:
        if (mark := marks.new(each.release)) is not None and mark.concerns(each):
            return f"{each.name} runs {each.release.label!r} with {mark}"
    change = deployment.change
    if change is not None and marks.new(change.new) is not None:
        return f"our change {change.new.label!r} is still in place at {truth.now:.0f} s"
    return None


def _whole(truth: Truth, state: ServiceRollout, known_at: float) -> str | None:
    """Give what is not in order after going back, where people are served."""
    swap = isinstance(state.plan.change, SwapPlan)
    deployment = truth.production(state.plan) if swap else truth.subject(state.plan)
    if deployment is None:
        return None
    if isinstance(state.plan.change, StatusPlan) and state.plan.change.running:
        return _stands_still(deployment)
    return _busy(deployment) or _ill(truth, deployment, known_at)


def _busy(deployment: Deployment) -> str | None:
    if deployment.change is not None:
        return f"the change {deployment.change.new.label!r} is still in progress"
    return "something holds the deployment" if deployment.lock is not None else None


def _stands_still(deployment: Deployment | None) -> str | None:
    if deployment is None:
        return "there is no deployment"
    if deployment.lock is not None:
        return "something holds the deployment"
    return f"the deployment shows {deployment.status}" if deployment.running else None


def _ill(truth: Truth, deployment: Deployment, known_at: float) -> str | None:
    for each in truth.down(deployment):
        crashed_at = truth.crashed_at(deployment, each)
        if crashed_at == float("inf") or crashed_at <= known_at - OWN_CRASH_GRACE_S:
            return f"{each.name} is down since {each.restarted_at:.0f} s"
    return None
