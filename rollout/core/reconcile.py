"""Whether a call took effect whose answer is lost or unclear: the table of design.md §6, row by row.

Each row ends in applied, not applied, somebody else's, or needs a person; None = it cannot be told yet, look again.
"""

from rollout.core.event import Escalated, Finding, Observed, ServiceFact
from rollout.core.operation import RollBack, StartUpgrade, Walk
from rollout.core.phase import Reconciling
from rollout.core.service import ServiceRollout
from rollout.core.shows import as_before, foreign, may_be_ours, ours, settled
from rollout.core.snapshot import Snapshot, sighting


def reconcile(state: ServiceRollout, phase: Reconciling, seen: Snapshot) -> ServiceFact | None:
    """Judge a look made after the quarantine."""
    match phase.call.operation:
        case StartUpgrade():
            return _begin(state, seen)
        case Walk(domain=domain):
            return _walk(state, seen, domain)
        case RollBack():
            return _rollback(state, seen)


def _begin(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    if ours(state, seen):
        return None if seen.locked else Observed(Finding.APPLIED, "the Label carries our token", sighting(seen))
    if seen.locked:
        return None
    if seen.change is not None:
        reason = "an update is in progress that does not carry our token: it may be ours or somebody else's"
        return Escalated(reason, sighting(seen))
    return Observed(Finding.NOT_APPLIED, "no token, no update in progress, not locked", sighting(seen))


def _walk(state: ServiceRollout, seen: Snapshot, domain: int) -> ServiceFact | None:
    change = seen.change
    if change is None:
        last = domain == state.domain_count - 1
        if not last or not ours(state, seen):
            return foreign(seen, f"our change is gone while domain {domain} was being walked")
        return Observed(Finding.APPLIED, "the change is complete", sighting(seen)) if settled(seen) else None
    if not change.manual or not may_be_ours(state, seen):
        return foreign(seen, "another change has taken the place of ours")
    if change.domain > domain or (change.domain == domain and change.during):
        return Observed(Finding.APPLIED, f"the pointer is at domain {change.domain}", sighting(seen))
    if change.domain < domain:
        reason = f"domain {domain} was walked, yet the pointer is back at domain {change.domain}"
        return Escalated(reason, sighting(seen))
    if seen.locked:
        return None
    return Observed(Finding.NOT_APPLIED, f"domain {domain} is still to be walked", sighting(seen))


def _rollback(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    if state.taking_over and seen.change is not None:
        return None if seen.locked else Observed(Finding.NOT_APPLIED, "an update is in progress", sighting(seen))
    if seen.change is None:
        if seen.locked:
            return None
        if ours(state, seen) or (state.taking_over and not as_before(state, seen)):
            return Observed(
                Finding.NOT_APPLIED, "the update was complete before it could be taken back", sighting(seen)
            )
        if not as_before(state, seen):
            return foreign(seen, "another release has taken the place of ours")
        return Observed(Finding.APPLIED, "the update is gone", sighting(seen))
    if not may_be_ours(state, seen):
        if as_before(state, seen):
            return Observed(Finding.APPLIED, "the old Label is back", sighting(seen))
        return foreign(seen, "another change has taken the place of ours")
    if seen.locked:
        return None
    return Observed(Finding.NOT_APPLIED, "our update is still in progress", sighting(seen))
