"""The checks before the change: what is red then was not our doing, and where all is red nothing could be judged."""

from msgspec.structs import replace

from rollout.core import event
from rollout.core.action import ProbeHealth
from rollout.core.check_plan import Moment
from rollout.core.deadline import deadline
from rollout.core.gate_event import Baselined
from rollout.core.names import POLICY, Now
from rollout.core.next import Next, watch
from rollout.core.service import ServiceRollout
from rollout.core.stages import after_preflight, needs_baseline
from rollout.core.verdict import Evidence, Verdict
from rollout.core.words import spoken

_TOLD = frozenset({Verdict.PASS, Verdict.FAIL, Verdict.ABORT})


def next_of_baseline(state: ServiceRollout, now: Now) -> Next:
    """Ask before anything is touched."""
    health = state.plan.health
    source = ProbeHealth((), health.interval_s, now.t, health.asked_before, Moment.BEFORE)
    return watch(state, now, "has its checks asked before the change", source)


def interpret_baseline(state: ServiceRollout, evidence: tuple[Evidence, ...], now: Now) -> Baselined | None:
    """Judge the checks before the change once all have given evidence, or there is no more time for it."""
    if not needs_baseline(state):
        return None
    required = {check.name for check in state.plan.health.checks if not check.advisory}
    heard = [each for each in evidence if each.check in required]
    open_ = required.intersection(state.plan.health.asked_before)
    open_ -= {each.check for each in heard if each.verdict in _TOLD}
    if aborts := [each for each in heard if each.verdict is Verdict.ABORT]:
        return Baselined((), evidence, refused=f"told to leave it before it was begun: {_said(aborts)}")
    red = [each for each in heard if each.verdict is Verdict.FAIL]
    if red and state.plan.health.baseline == "require":
        return Baselined((), evidence, refused=f"not healthy before the change: {_said(red)}")
    if open_ and now.t < deadline(state, now.t).t:
        return None
    excused = tuple(each.check for each in red)
    if open_:
        silent = [each for each in evidence if each.verdict not in _TOLD]
        return Baselined(excused, evidence, hold=f"no evidence of its health before the change: {_said(silent)}")
    if red and required == set(excused):
        return Baselined(excused, evidence, hold=f"every check is red before the change: {_said(red)}")
    return Baselined(excused, evidence)


def baselined(state: ServiceRollout, fact: Baselined, t: float) -> ServiceRollout:
    """Give the state after the checks before the change. The look of before them is too old to call by."""
    after = replace(state, baselined=True, excused=fact.excused)
    if fact.refused is not None:
        return replace(after, failure=fact.refused)
    after = after_preflight(after, t, looked=False)
    if fact.hold is None:
        return after
    held = event.Held(event.HoldReason.BASELINE, POLICY, fact.hold)
    return spoken(after, held, t) or after


def _said(evidence: list[Evidence]) -> str:
    return "; ".join(f"{each.check}: {each.detail}" for each in evidence)
