"""What a round of checks means where a service rollout stands: the gate's judgement, whatever is being changed.

None = nothing worth recording yet: ask again.
"""

from rollout.core import event
from rollout.core.baseline import interpret_baseline
from rollout.core.deadline import deadline
from rollout.core.event import Evidence, HoldReason, ServiceFact, Verdict
from rollout.core.health import dark_limit, probed
from rollout.core.names import Now
from rollout.core.phase import Baking, Checking, Gate, Preflight, SwapBaking
from rollout.core.service import ServiceRollout
from rollout.core.slow import slow
from rollout.core.stages import bake_s


def interpret_probe(state: ServiceRollout, evidence: tuple[Evidence, ...], now: Now) -> ServiceFact | None:
    """Judge a round of checks by the gate's clocks (Service Fabric's HealthCheck wait, stable and retry)."""
    phase = state.phase
    if isinstance(phase, Preflight):
        return interpret_baseline(state, evidence, now)
    if not isinstance(phase, Checking | Baking | SwapBaking):
        return None
    gate, health, domain = phase.gate, state.plan.health, phase.domain
    verdict = sum_up(state, evidence)
    news = event.Probed(domain, verdict, evidence)
    if verdict is Verdict.UNKNOWN:
        return _in_the_dark(state, gate, news, now)
    if verdict is Verdict.ABORT:
        return event.GateFailed(domain, _saying(state, evidence), evidence)
    # The clocks are judged as this verdict leaves them; one that flips with every round must not outrun the limit.
    after, marks = probed(state, phase, news, now.t)
    same_for_s = now.t - marks.since_t
    if verdict is Verdict.FAIL and same_for_s >= health.retry_s:
        return event.GateFailed(domain, f"unhealthy for {same_for_s:.0f} s: {_saying(state, evidence)}", evidence)
    if verdict is Verdict.PASS and same_for_s >= health.stable_s:
        if isinstance(phase, Checking):
            return event.GatePassed(domain, evidence)
        if now.t >= marks.began_t + bake_s(state):
            return event.Baked(domain, evidence)
    limit = deadline(after, now.t)
    if now.t >= limit.t:
        return event.GateFailed(domain, f"not healthy for long enough within {limit.name}", evidence)
    changed = gate.blind_since_t is not None or verdict is not gate.verdict
    return news if changed or after.excused != state.excused else slow(state, now)


def sum_up(state: ServiceRollout, evidence: tuple[Evidence, ...]) -> Verdict:
    """Give the verdict of a round: the worst of the checks that count. Where none counts, it passes.

    Advisory checks never count, nor does what was red before the change until it first passes; a `final` one that
    fails is an abort. While the environment is to blame, a fail says nothing about the change.
    """
    heard = {_as_heard(state, each) for each in evidence}
    for verdict in (Verdict.ABORT, Verdict.FAIL, Verdict.UNKNOWN, Verdict.WAIT):
        if verdict in heard:
            return verdict
    return Verdict.PASS


def _as_heard(state: ServiceRollout, each: Evidence) -> Verdict | None:
    """Give what one check's word counts as; None = nothing."""
    plan = next((check for check in state.plan.health.checks if check.name == each.check), None)
    if plan is not None and plan.advisory:
        return None
    if each.verdict is Verdict.ABORT:
        return Verdict.ABORT
    if each.check in state.excused and each.verdict is not Verdict.PASS:
        return None
    if each.verdict is not Verdict.FAIL:
        return each.verdict
    if any(hold.reason is HoldReason.ENVIRONMENT for hold in state.holds):
        return Verdict.UNKNOWN
    return Verdict.ABORT if plan is not None and plan.final else Verdict.FAIL


def _in_the_dark(state: ServiceRollout, gate: Gate, news: event.Probed, now: Now) -> ServiceFact | None:
    """Stand still; where that lasts too long, a person is asked. Going back on no evidence is out of the question."""
    since_t = gate.blind_since_t
    if since_t is None:
        return news
    limit_s, name = dark_limit(state)
    if now.t < since_t + limit_s:
        return None
    missing = "; ".join(f"{each.check}: {each.detail}" for each in news.evidence if each.verdict is Verdict.UNKNOWN)
    return event.HeldOnFailure(f"no evidence within {name}: {missing or 'the environment is to blame'}")


def _saying(state: ServiceRollout, evidence: tuple[Evidence, ...]) -> str:
    bad = [each for each in evidence if _as_heard(state, each) in {Verdict.FAIL, Verdict.ABORT}]
    return "; ".join(f"{each.check}: {each.detail}" for each in bad)
