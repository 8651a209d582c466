"""What a round of checks means where a service rollout stands: the gate's judgement, whatever is being changed.

None = nothing worth recording yet: ask again.
"""

from rollout.core import event
from rollout.core.deadline import deadline
from rollout.core.event import Evidence, ServiceFact, Verdict
from rollout.core.health import probed
from rollout.core.names import Now
from rollout.core.phase import Baking, Checking, SwapBaking
from rollout.core.service import ServiceRollout
from rollout.core.slow import slow
from rollout.core.stages import bake_s


def interpret_probe(
    state: ServiceRollout, verdict: Verdict, evidence: tuple[Evidence, ...], now: Now
) -> ServiceFact | None:
    """Judge a round of checks by the gate's clocks (Service Fabric's HealthCheck wait, stable and retry)."""
    phase = state.phase
    if not isinstance(phase, Checking | Baking | SwapBaking):
        return None
    gate, health, domain = phase.gate, state.plan.health, phase.domain
    news = event.Probed(domain, verdict, evidence)
    if verdict is Verdict.UNKNOWN:
        return None if gate.blind_since_t is not None else news
    # The clocks are judged as this verdict leaves them; one that flips with every round must not outrun the limit.
    after, marks = probed(state, phase, news, now.t)
    same_for_s = now.t - marks.since_t
    if verdict is Verdict.FAIL and same_for_s >= health.retry_s:
        return event.GateFailed(domain, f"unhealthy for {same_for_s:.0f} s: {_failing(evidence)}", evidence)
    if verdict is Verdict.PASS and same_for_s >= health.stable_s:
        if isinstance(phase, Checking):
            return event.GatePassed(domain, evidence)
        if now.t >= marks.began_t + bake_s(state):
            return event.Baked(domain, evidence)
    limit = deadline(after, now.t)
    if now.t >= limit.t:
        return event.GateFailed(domain, f"not healthy for long enough within {limit.name}", evidence)
    return news if gate.blind_since_t is not None or verdict is not gate.verdict else slow(state, now)


def _failing(evidence: tuple[Evidence, ...]) -> str:
    return "; ".join(f"{each.check}: {each.detail}" for each in evidence if each.verdict is Verdict.FAIL)
