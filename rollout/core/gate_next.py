"""What a gate or a bake needs next: when its checks are asked, and what its clocks end."""

from rollout.core.action import ProbeHealth, Watch
from rollout.core.check_plan import Moment
from rollout.core.event import Evidence, Verdict
from rollout.core.health import asked_in, dark_limit
from rollout.core.names import Now
from rollout.core.next import Next, watch
from rollout.core.phase import Baking, Checking, SwapBaking
from rollout.core.service import ServiceRollout
from rollout.core.stages import bake_s, judged


def next_of_gate(state: ServiceRollout, phase: Checking, now: Now) -> Next:
    """Ask about the walked domain: after the wait, until it has been healthy for long enough."""
    health, domain, gate = state.plan.health, phase.domain, phase.gate
    first_t = gate.began_t + health.wait_s
    source = ProbeHealth(judged(state), health.interval_s, first_t, asked_in(state, phase))
    if gate.blind_since_t is not None:
        return _blind(state, now, f"the gate of domain {domain}", source, gate.blind_since_t)
    match gate.verdict:
        case None:
            return watch(state, now, f"waits for the first checks of domain {domain}", source, due_t=first_t)
        case Verdict.PASS:
            opens_t = gate.since_t + health.stable_s
            doing = f"domain {domain} is healthy and has to stay so"
            return watch(state, now, doing, source, due_t=opens_t, then="the gate opens")
        case Verdict.WAIT:
            return watch(state, now, f"domain {domain} is asked to wait: {_waiting(gate.evidence)}", source)
        case _:
            fails_t = gate.since_t + health.retry_s
            return watch(state, now, f"domain {domain} is not healthy", source, due_t=fails_t, then="the gate fails")


def next_of_bake(state: ServiceRollout, phase: Baking | SwapBaking, now: Now) -> Next:
    """Ask about every walked domain while the service bakes: before the last one, or after a swap."""
    health, domain, gate = state.plan.health, phase.domain, phase.gate
    source = ProbeHealth(judged(state), health.interval_s, gate.began_t, asked_in(state, phase), Moment.BAKE)
    swapped = isinstance(phase, SwapBaking)
    what = "the bake after the swap" if swapped else "the bake before the last domain"
    if gate.blind_since_t is not None:
        return _blind(state, now, what, source, gate.blind_since_t)
    ends_t = gate.began_t + bake_s(state)
    if gate.verdict is Verdict.FAIL:
        fails_t = gate.since_t + health.retry_s
        return watch(state, now, f"is not healthy in {what}", source, due_t=fails_t, then="the bake fails")
    if gate.verdict is Verdict.WAIT:
        return watch(state, now, f"is asked to wait during the bake: {_waiting(gate.evidence)}", source)
    if gate.verdict is Verdict.PASS:
        ends_t = max(ends_t, gate.since_t + health.stable_s)
    doing = "bakes after the swap" if swapped else f"bakes before domain {domain}, the point of no return"
    return watch(state, now, doing, source, due_t=ends_t, then="the bake ends")


def _waiting(evidence: tuple[Evidence, ...]) -> str:
    return "; ".join(f"{each.check}: {each.detail}" for each in evidence if each.verdict is Verdict.WAIT)


def _blind(state: ServiceRollout, now: Now, what: str, source: ProbeHealth, since_t: float) -> Next:
    """Go on asking: evidence that returns lifts this by itself, and a person is asked where it does not."""
    limit_s, name = dark_limit(state)
    doing = f"no evidence: {what} stands still until its checks answer"
    asks_t = since_t + limit_s
    return Next(Watch((source,), min(now.t + source.interval_s, asks_t)), doing, asks_t, f"asks a person ({name})")
