"""How a round of checks moves a gate's marks: Service Fabric's clocks, standing still while there is no evidence."""

from msgspec.structs import replace

from rollout.core import event
from rollout.core.event import Verdict
from rollout.core.phase import Baking, Checking, Gate, SwapBaking
from rollout.core.service import ServiceRollout


def probed(
    state: ServiceRollout, phase: Checking | Baking | SwapBaking, fact: event.Probed, t: float
) -> tuple[ServiceRollout, Gate]:
    """Give the state after a verdict, and its gate.

    Time without evidence is added to every mark; a flip starts the clocks afresh.
    """
    gate = replace(phase.gate, evidence=fact.evidence)
    if fact.verdict is Verdict.UNKNOWN:
        blind_since_t = t if gate.blind_since_t is None else gate.blind_since_t
        gate = replace(gate, blind_since_t=blind_since_t)
        return replace(state, phase=replace(phase, gate=gate)), gate
    stood_still_s = 0.0 if gate.blind_since_t is None else t - gate.blind_since_t
    same = fact.verdict is gate.verdict
    gate = replace(
        gate,
        began_t=gate.began_t + stood_still_s,
        verdict=fact.verdict,
        since_t=gate.since_t + stood_still_s if same else t,
        blind_since_t=None,
    )
    if isinstance(phase, Checking):
        step = replace(phase.step, began_t=phase.step.began_t + stood_still_s)
        return replace(state, phase=replace(phase, gate=gate, step=step)), gate
    return replace(state, phase=replace(phase, gate=gate)), gate
