"""Whether an ending is true of the service: S6 and S8."""

from rollout.core.ending import Outcome
from rollout.core.service import ServiceRollout
from rollout.emulator.fabric_state import Deployment
from rollout.simulation.truth import OWN_CRASH_GRACE_S, Truth


def false_ending(
    truth: Truth, state: ServiceRollout, tokens: frozenset[str], outcome: Outcome, known_at: float
) -> tuple[str, str] | None:
    """Give the rule and the sentence if `outcome` is not what the deployment shows; `tokens` mark our upgrades.

    `known_at` is when the engine could last know: an instance that crashed by itself after that is excused.
    """
    deployment = truth.deployment(state.plan.target)
    if deployment is None:
        return None if outcome is Outcome.SKIPPED else ("S6", f"{state.stream} ended as {outcome} without a deployment")
    rule = "S8" if outcome is Outcome.SUCCEEDED else "S6"
    why = _succeeded(truth, deployment, state, known_at) if rule == "S8" else _as_before(truth, deployment, tokens)
    if why is None and outcome is Outcome.ROLLED_BACK:
        why = _busy(deployment) or _ill(truth, deployment, known_at)
    return None if why is None else (rule, f"{state.stream} ended as {outcome}, but {why}")


def _succeeded(truth: Truth, deployment: Deployment, state: ServiceRollout, known_at: float) -> str | None:
    for domain in range(deployment.domain_count):
        why = truth.unfit(deployment, domain, state.token or "?", known_at=known_at)
        if why is not None:
            return why
    return _busy(deployment)


def _as_before(truth: Truth, deployment: Deployment, tokens: frozenset[str]) -> str | None:
    for each in deployment.instances:
        if any(each.release.label.endswith(token) for token in tokens):
            return f"{each.name} runs {each.release.label!r}"
    change = deployment.change
    if change is not None and any(change.new.label.endswith(token) for token in tokens):
        return f"our change {change.new.label!r} is still in place at {truth.now:.0f} s"
    return None


def _busy(deployment: Deployment) -> str | None:
    if deployment.change is not None:
        return f"the change {deployment.change.new.label!r} is still in progress"
    return "something holds the deployment" if deployment.lock is not None else None


def _ill(truth: Truth, deployment: Deployment, known_at: float) -> str | None:
    for each in truth.down(deployment):
        crashed_at = truth.crashed_at(deployment, each)
        if crashed_at == float("inf") or crashed_at <= known_at - OWN_CRASH_GRACE_S:
            return f"{each.name} is down since {each.restarted_at:.0f} s"
    return None
