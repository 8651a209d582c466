"""What a look means to a word about a whole deployment, or about one of its instances.

It is for whatever state the deployment is in: who reboots a sick instance, or suspends what is stuck in an update, has
no other state to offer.
"""

from rollout.core.change_plan import ChangePlan, InstancePlan, StatusPlan
from rollout.core.event import Finding, Observed, ServiceFact
from rollout.core.shows import suspended
from rollout.core.snapshot import Activity, Snapshot, sighting


def listens(seen: Snapshot) -> bool:
    """Tell whether nothing has exclusive access, and the deployment is not between two states."""
    return not seen.locked and seen.activity is not Activity.OTHER


def word_heard(change: ChangePlan, settling: bool, earlier: Snapshot | None, seen: Snapshot) -> ServiceFact | None:
    """Judge a look before the word, and once it was answered; its effect has to show twice."""
    if not settling:
        return Observed(Finding.CLEAR, f"the deployment shows {seen.status}", sighting(seen)) if listens(seen) else None
    if earlier is None or not (_done(change, earlier) and _done(change, seen)):
        return None
    return Observed(Finding.SETTLED, f"the deployment shows {seen.status}", sighting(seen))


def _done(change: ChangePlan, seen: Snapshot) -> bool:
    """Tell whether the effect shows. Whether what was started is healthy too is for the gate to say."""
    match change:
        case StatusPlan(running=False):
            return suspended(seen)
        case InstancePlan(instance=name):
            return listens(seen) and any(each.ready for each in seen.instances if each.name == name)
        case _:
            return listens(seen) and seen.activity in {Activity.RUNNING, Activity.CHANGING}
