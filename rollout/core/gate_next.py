"""What a gate or a bake needs next: when its checks are asked, and what its clocks end."""

from rollout.core.action import ProbeHealth, Watch
from rollout.core.event import Verdict
from rollout.core.names import Now
from rollout.core.next import Next, watch
from rollout.core.phase import Gate, SwapBaking
from rollout.core.service import ServiceRollout
from rollout.core.stages import bake_s, judged


def next_of_gate(state: ServiceRollout, domain: int, gate: Gate, now: Now) -> Next:
    """Ask about the walked domain: after the wait, until it has been healthy for long enough."""
    health = state.plan.health
    first_t = gate.began_t + health.wait_s
    source = ProbeHealth(judged(state), health.interval_s, first_t)
    if gate.blind_since_t is not None:
        return _blind(state, now, f"the gate of domain {domain}", source)
    if gate.verdict is None:
        return watch(state, now, f"waits for the first checks of domain {domain}", source, due_t=first_t)
    if gate.verdict is Verdict.PASS:
        opens_t = gate.since_t + health.stable_s
        doing = f"domain {domain} is healthy and has to stay so"
        return watch(state, now, doing, source, due_t=opens_t, then="the gate opens")
    fails_t = gate.since_t + health.retry_s
    return watch(state, now, f"domain {domain} is not healthy", source, due_t=fails_t, then="the gate fails")


def next_of_bake(state: ServiceRollout, domain: int, gate: Gate, now: Now) -> Next:
    """Ask about every walked domain while the service bakes: before `domain`, the last one, or after a swap."""
    health = state.plan.health
    source = ProbeHealth(judged(state), health.interval_s, gate.began_t)
    swapped = isinstance(state.phase, SwapBaking)
    what = "the bake after the swap" if swapped else "the bake before the last domain"
    if gate.blind_since_t is not None:
        return _blind(state, now, what, source)
    ends_t = gate.began_t + bake_s(state)
    if gate.verdict is Verdict.FAIL:
        fails_t = gate.since_t + health.retry_s
        return watch(state, now, "unhealthy during the bake", source, due_t=fails_t, then="the bake fails")
    if gate.verdict is Verdict.PASS:
        ends_t = max(ends_t, gate.since_t + health.stable_s)
    doing = "bakes after the swap" if swapped else f"bakes before domain {domain}, the point of no return"
    return watch(state, now, doing, source, due_t=ends_t, then="the bake ends")


def _blind(state: ServiceRollout, now: Now, what: str, source: ProbeHealth) -> Next:
    doing = f"no evidence: {what} stands still until its checks answer"
    return Next(Watch((source,), now.t + state.plan.health.interval_s), doing, None, "")
