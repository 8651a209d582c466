"""Whether a call took effect whose answer is lost or unclear: the table of design.md §6, row by row.

Each row ends in applied, not applied, somebody else's, or needs a person; None = it cannot be told yet, look again.
"""

from typing import Final

from rollout.core.event import Escalated, Finding, Observed, ServiceFact, TakenOver
from rollout.core.operation import (
    ActOnInstance,
    CapturePackage,
    Create,
    RollBack,
    SetStatus,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    Walk,
    describe,
)
from rollout.core.phase import Reconciling, Reverting, RollingBack, Swapping, SwappingBack
from rollout.core.service import ServiceRollout
from rollout.core.shows import as_before, foreign, may_be_ours, ours, settled
from rollout.core.sight_swap import swap_applied
from rollout.core.snapshot import Absent, Activity, Snapshot, sighting

_TOO_LATE: Final = "the update was complete before it could be taken back"


def reconcile(state: ServiceRollout, phase: Reconciling, seen: Snapshot | Absent) -> ServiceFact | None:
    """Judge a look made after the quarantine."""
    operation = phase.call.operation
    if isinstance(operation, SwapSlots) and isinstance(phase.of, Swapping | SwappingBack):
        return swap_applied(state, phase.of, seen)
    if isinstance(seen, Absent):
        if isinstance(operation, Create):
            return Observed(Finding.NOT_APPLIED, f"staging is empty: {seen.detail}")
        return TakenOver(f"the deployment is gone: {seen.detail}")
    match operation:
        case StartUpgrade() | StartConfigure() | Create():
            return _begin(state, seen)
        case Walk(domain=domain) if isinstance(phase.of, RollingBack):
            return _walk_back(state, seen, domain)
        case Walk(domain=domain):
            return _walk(state, phase, seen, domain)
        case RollBack():
            return _rollback(state, seen)
        case SetStatus(running=running):
            return _status(seen, running=running)
        case ActOnInstance() | SwapSlots() | CapturePackage():
            return _unseen(phase, seen)


def _unseen(phase: Reconciling, seen: Snapshot) -> ServiceFact:
    """Judge what leaves no mark on the deployment: only a refusal proves that nothing came of it."""
    what = describe(phase.call.operation)
    if phase.rejected is not None and phase.call.handle is None:
        return Observed(Finding.NOT_APPLIED, f"the platform refused the {what}", sighting(seen))
    failed = f"the {what} failed: {phase.rejected}; " if phase.rejected is not None else ""
    return Escalated(f"{failed}nobody can see whether the {what} took effect", sighting(seen))


def _begin(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    if ours(state, seen):
        by = "the Label carries our token" if state.token is not None else "it has the configuration that we sent"
        return None if seen.locked else Observed(Finding.APPLIED, by, sighting(seen))
    if seen.locked:
        return None
    if seen.change is not None:
        reason = "an update is in progress that does not carry our mark: it may be ours or somebody else's"
        return Escalated(reason, sighting(seen))
    return Observed(Finding.NOT_APPLIED, "no mark of ours, no update in progress, not locked", sighting(seen))


def _walk(state: ServiceRollout, phase: Reconciling, seen: Snapshot, domain: int) -> ServiceFact | None:
    change = seen.change
    if change is None:
        last = domain == state.domain_count - 1
        if not last or not ours(state, seen):
            return foreign(seen, f"our change is gone while domain {domain} was being walked")
        # A walk that reverts brings back what runs whether or not all of it is well yet.
        done = settled(seen) or isinstance(phase.of, Reverting)
        return Observed(Finding.APPLIED, "the change is complete", sighting(seen)) if done else None
    if not change.manual or not may_be_ours(state, seen):
        return foreign(seen, "another change has taken the place of ours")
    return _by_pointer(seen, change.domain, domain, during=change.during)


def _by_pointer(seen: Snapshot, pointer: int, domain: int, *, during: bool) -> ServiceFact | None:
    if pointer > domain or (pointer == domain and during):
        return Observed(Finding.APPLIED, f"the pointer is at domain {pointer}", sighting(seen))
    if pointer < domain:
        reason = f"domain {domain} was walked, yet the pointer is back at domain {pointer}"
        return Escalated(reason, sighting(seen))
    if seen.locked:
        return None
    return Observed(Finding.NOT_APPLIED, f"domain {domain} is still to be walked", sighting(seen))


def _walk_back(state: ServiceRollout, seen: Snapshot, domain: int) -> ServiceFact | None:
    change = seen.change
    if change is None and as_before(state, seen):
        return Observed(Finding.APPLIED, "the rollback is complete", sighting(seen))
    if change is None or not change.manual:
        return foreign(seen, "another change has taken the place of the rollback")
    return _by_pointer(seen, change.domain, domain, during=change.during)


def _rollback(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    if state.taking_over and seen.change is not None:
        return None if seen.locked else Observed(Finding.NOT_APPLIED, "an update is in progress", sighting(seen))
    if seen.change is None:
        if seen.locked:
            return None
        if ours(state, seen):
            return Observed(Finding.NO_WAY_BACK, _TOO_LATE, sighting(seen))
        if state.taking_over and not as_before(state, seen):
            return Observed(Finding.NOT_APPLIED, _TOO_LATE, sighting(seen))
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


def _status(seen: Snapshot, *, running: bool) -> ServiceFact | None:
    if seen.locked or seen.activity is Activity.OTHER:
        return None
    runs = seen.activity in {Activity.RUNNING, Activity.CHANGING}
    if runs is running:
        return Observed(Finding.APPLIED, f"the deployment shows {seen.status}", sighting(seen))
    return Observed(Finding.NOT_APPLIED, f"the deployment shows {seen.status}", sighting(seen))
