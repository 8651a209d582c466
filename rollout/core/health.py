"""How a round of checks moves a gate's marks: Service Fabric's clocks, standing still while there is no evidence."""

from msgspec.structs import replace

from rollout.core import event
from rollout.core.check_plan import Moment
from rollout.core.event import Evidence, Verdict
from rollout.core.phase import Baking, Checking, Gate, SwapBaking
from rollout.core.service import ServiceRollout
from rollout.core.stages import walks_itself


def probed(
    state: ServiceRollout, phase: Checking | Baking | SwapBaking, fact: event.Probed, t: float
) -> tuple[ServiceRollout, Gate]:
    """Give the state after a verdict, and its gate.

    Time without evidence is added to every mark; a flip starts the clocks afresh.
    """
    gate = replace(phase.gate, evidence=fact.evidence)
    state = replace(state, excused=still_excused(state, fact.evidence))
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


def still_excused(state: ServiceRollout, evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    """Give the checks that stay excused: one that passes counts from then on."""
    passed = {each.check for each in evidence if each.verdict is Verdict.PASS}
    return tuple(name for name in state.excused if name not in passed)


def dark_limit(state: ServiceRollout) -> tuple[float, str]:
    """Give how long a gate stands still without evidence before a person is asked, and the name of that limit."""
    if state.plan.health.on_unknown == "wait":
        return state.plan.timeout_s, "timeout"
    return state.plan.walk.domain_timeout_s, "walk.domain_timeout"


def asked_in(state: ServiceRollout, phase: Checking | Baking | SwapBaking) -> tuple[str, ...]:
    """Give the checks of a gate or bake; the gate after the last domain has those of the end as well."""
    health = state.plan.health
    if not isinstance(phase, Checking):
        return health.names(Moment.BAKE)
    last = phase.domain == state.domain_count - 1 or walks_itself(state)
    return health.names(Moment.DOMAIN, Moment.AFTER) if last else health.names(Moment.DOMAIN)
