"""S10: whose update a call of ours takes effect on, by the fabric's own records."""

from rollout.core.plan import ServicePlan
from rollout.emulator.fabric_state import LogEntry
from rollout.platforms.classic.vocabulary import Verb
from rollout.simulation.marks import Marks
from rollout.simulation.truth import Truth


def not_ours(truth: Truth, plan: ServicePlan, marks: Marks, entry: LogEntry) -> str | None:
    """Say what is wrong where we go on with somebody else's update, or begin our own over one; `marks` are ours."""
    deployment = truth.subject(plan)
    change = deployment.change if deployment is not None else None
    match entry.verb:
        case Verb.WALK | Verb.ROLLBACK if not marks.own(change):
            whose = "nobody's change" if change is None else f"somebody else's change {change.new.label!r}"
            return f"took effect on {whose}"
        case Verb.UPGRADE | Verb.CONFIG if change is not None and not change.finished:
            return f"was begun over an update in progress, {change.new.label!r}"
        case Verb.SWAP if entry.deployment not in {truth.staged.get(plan.service), truth.produced.get(plan.service)}:
            return f"moved {entry.deployment}, which is not ours"
        case _:
            return None
