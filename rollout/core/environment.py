"""When the environment is to blame and not the change: checks that turn red where nothing was changed. Pure.

A few services that nothing was done to are asked the same questions as those that are changed. If the same check turns
red on two of them at about the same time, or several changes turn red at once, no change did that.
"""

from collections.abc import Mapping, Sequence

import msgspec

from rollout.core import event, fleet_event
from rollout.core.check_plan import Moment
from rollout.core.drafts import Draft
from rollout.core.environment_event import EnvironmentHeld, EnvironmentLifted
from rollout.core.event import HoldReason
from rollout.core.fleet_state import RolloutState
from rollout.core.names import POLICY, RolloutId, ServiceName, StreamName, rollout_stream
from rollout.core.phase import Baking, Checking, Queued, SwapBaking
from rollout.core.plan import HealthPlan
from rollout.core.service import ServiceRollout
from rollout.core.verdict import Evidence, Verdict

CONTROLS_MAX = 3
"""Untouched services that are asked, whatever the size of the fleet."""
ALIKE_MIN = 2
INTERVALS = 2.0
"""What turns red within so many intervals turned red at once."""

Services = Mapping[ServiceName, ServiceRollout]


class Seen(msgspec.Struct, frozen=True):
    """What one check last said of one untouched service. `red_since_t` = since when it is red, having passed before."""

    verdict: Verdict
    red_since_t: float | None = None


Memory = Mapping[tuple[ServiceName, str], Seen]


def controls(services: Services) -> list[ServiceRollout]:
    """Choose the untouched services that are asked: the last in line, which stay untouched for longest."""
    untouched = [state for state in services.values() if isinstance(state.phase, Queued) and not state.walked]
    return untouched[-CONTROLS_MAX:]


def under_watch(services: Services) -> bool:
    """Tell whether some service stands in a gate or a bake, so that it matters whom a red check is blamed on."""
    return any(isinstance(state.phase, Checking | Baking | SwapBaking) for state in services.values())


def asked(health: HealthPlan) -> tuple[str, ...]:
    """Give the checks that untouched services are asked: what counts after a walk, but for the platform's own word."""
    return tuple(
        check.name
        for check in health.checks
        if not check.advisory and check.kind != "instances" and check.name in health.names(Moment.DOMAIN)
    )


def noticed(memory: Memory, service: ServiceName, evidence: Sequence[Evidence], t: float) -> Memory:
    """Give the memory after one round about one untouched service. Missing evidence changes nothing."""
    after = dict(memory)
    for each in evidence:
        before = after.get((service, each.check))
        if each.verdict is Verdict.PASS:
            after[service, each.check] = Seen(Verdict.PASS)
        elif each.verdict in {Verdict.FAIL, Verdict.ABORT}:
            newly = before is not None and before.verdict is Verdict.PASS
            since_t = t if newly else before.red_since_t if before is not None else None
            after[service, each.check] = Seen(Verdict.FAIL, since_t)
    return after


def blamed(memory: Memory, changes: Mapping[RolloutId, float], interval_s: float) -> str | None:
    """Say why the environment is to blame; None = it is not.

    `changes` says when each rollout turned red, if it did.
    """
    by_check: dict[str, list[tuple[float, ServiceName]]] = {}
    for (service, check), seen in memory.items():
        if seen.red_since_t is not None:
            by_check.setdefault(check, []).append((seen.red_since_t, service))
    for check, reds in by_check.items():
        if names := _at_once(reds, interval_s):
            return f"{check} turned red on {' and '.join(names)}, where nothing was changed"
    if names := _at_once([(t, rollout) for rollout, t in changes.items()], interval_s):
        return f"several changes turned red at once: {' and '.join(names)}"
    return None


def clear(memory: Memory) -> bool:
    """Tell whether every untouched service that was asked passes."""
    return bool(memory) and all(seen.verdict is Verdict.PASS for seen in memory.values())


def is_red(services: Services) -> bool:
    """Tell whether this change has a red gate or bake."""
    return any(
        isinstance(state.phase, Checking | Baking | SwapBaking) and state.phase.gate.verdict is Verdict.FAIL
        for state in services.values()
    )


def holding(state: RolloutState, services: Services, reason: str) -> list[Draft]:
    """Hold the rollout: nothing begins, and what is in flight neither goes on nor back for a red check."""
    held = event.Held(HoldReason.ENVIRONMENT, POLICY, reason)
    return [(_own(state), EnvironmentHeld(reason)), *((each.stream, held) for each in _moving(services))]


def lifting(state: RolloutState, services: Services, note: str) -> list[Draft]:
    """Let it go on."""
    released = event.Released(HoldReason.ENVIRONMENT, POLICY)
    return [(_own(state), EnvironmentLifted(POLICY, note)), *((each.stream, released) for each in _held(services))]


def handing_over(state: RolloutState, services: Services, reason: str) -> list[Draft]:
    """Leave it to a person, for it has lasted too long."""
    wave = state.open_wave
    halted = fleet_event.Halted(wave.name if wave is not None else "", reason)
    held = event.Held(HoldReason.HALT, POLICY, reason)
    first: list[Draft] = [] if state.halted is not None else [(_own(state), halted)]
    kept: list[Draft] = [(each.stream, held) for each in _held(services)]
    return [*first, *kept, *lifting(state, services, reason)]


def _own(state: RolloutState) -> StreamName:
    return rollout_stream(state.plan.rollout)


def _moving(services: Services) -> list[ServiceRollout]:
    return [
        each
        for each in services.values()
        if each.ended is None and not each.turned_back and not isinstance(each.phase, Queued)
    ]


def _held(services: Services) -> list[ServiceRollout]:
    return [
        each
        for each in services.values()
        if each.ended is None and any(hold.reason is HoldReason.ENVIRONMENT for hold in each.holds)
    ]


def _at_once(reds: Sequence[tuple[float, str]], interval_s: float) -> list[str]:
    """Give who turned red within `INTERVALS` intervals of each other, if they are enough."""
    ordered = sorted(reds)
    for start, (since_t, _) in enumerate(ordered):
        near = [name for t, name in ordered[start:] if t <= since_t + INTERVALS * interval_s]
        if len(near) >= ALIKE_MIN:
            return near
    return []
