"""What a look into production means around a swap: which of the two deployments stands there. By names alone."""

from rollout.core.event import Finding, Observed, ServiceFact, TakenOver
from rollout.core.phase import Swapping, SwappingBack
from rollout.core.service import ServiceRollout
from rollout.core.shows import as_before, foreign, ours, settled
from rollout.core.snapshot import Absent, Activity, Snapshot, sighting
from rollout.core.stages import stands

Seen = Snapshot | Absent


def swap_seen(
    state: ServiceRollout, phase: Swapping | SwappingBack, earlier: Seen | None, seen: Seen
) -> ServiceFact | None:
    """Judge a look while a swap, or the swap back, is wanted, under way, or to be seen."""
    wanted, other = _ends(state, phase)
    done = _stands_as(seen, wanted)
    if done and (phase.settling or isinstance(phase, SwappingBack)):
        if earlier is None or not (_stands_as(earlier, wanted) and _quiet(earlier) and _quiet(seen)):
            return None
        return _found(Finding.SETTLED if isinstance(phase, Swapping) else Finding.RESTORED, seen)
    if phase.settling and _stands_as(seen, other):
        return None
    if not _stands_as(seen, other):
        return _foreign(seen, "another deployment stands in production than the plan found there")
    if isinstance(seen, Snapshot) and seen.change is not None:
        what = "swap" if isinstance(phase, Swapping) else "swap back"
        return foreign(seen, f"somebody began a change in production before our {what}")
    if isinstance(seen, Snapshot) and seen.locked:
        return None
    return _found(Finding.CLEAR, seen)


def staging_seen(state: ServiceRollout, seen: Seen) -> ServiceFact | None:
    """Judge a look at what is to be swapped: it may have stood at a barrier, or under a hold, for hours since its gate.

    It has to be ours and to serve, but for domains that a person went past although they were red.
    """
    if isinstance(seen, Absent):
        return TakenOver(f"what was to be swapped is gone: {seen.detail}")
    if seen.change is not None:
        return foreign(seen, "somebody began a change on what was to be swapped")
    if not (ours(state, seen) if state.mark is not None else as_before(state, seen)):
        return foreign(seen, "another release has taken the place of what was to be swapped")
    serves = all(seen.domain_ready(each) for each in range(seen.domain_count) if each not in state.red_accepted)
    if seen.locked or seen.activity is not Activity.RUNNING or not serves:
        return None
    return Observed(Finding.WHOLE, f"{seen.deployment} is whole, and may be swapped", sighting(seen))


def still_swapped(state: ServiceRollout, seen: Seen) -> ServiceFact:
    """Judge the last look of all: the checks followed the deployment by its name, wherever somebody may have put it."""
    if not _stands_as(seen, stands(state.before)):
        return _foreign(seen, "somebody swapped production after us")
    return _found(Finding.CLEAR, seen)


def swap_applied(state: ServiceRollout, phase: Swapping | SwappingBack, seen: Seen) -> ServiceFact | None:
    """Judge a look after a swap whose answer was lost or refused."""
    wanted, other = _ends(state, phase)
    if isinstance(seen, Snapshot) and seen.locked:
        return None
    if _stands_as(seen, wanted):
        return _found(Finding.APPLIED, seen)
    if _stands_as(seen, other):
        return _found(Finding.NOT_APPLIED, seen)
    return _foreign(seen, "another deployment stands in production than the plan found there")


def _ends(state: ServiceRollout, phase: Swapping | SwappingBack) -> tuple[str | None, str | None]:
    """Give who shall stand in production, and who did before; None = nobody."""
    new, old = stands(state.before), stands(state.production)
    return (new, old) if isinstance(phase, Swapping) else (old, new)


def _stands_as(seen: Seen, name: str | None) -> bool:
    return seen.deployment == name if isinstance(seen, Snapshot) else name is None


def _quiet(seen: Seen) -> bool:
    return isinstance(seen, Absent) or settled(seen)


def _found(finding: Finding, seen: Seen) -> Observed:
    if isinstance(seen, Absent):
        return Observed(finding, "production is empty")
    return Observed(finding, f"{seen.deployment} stands in production", sighting(seen))


def _foreign(seen: Seen, why: str) -> ServiceFact:
    if isinstance(seen, Absent):
        return TakenOver(f"{why}: it is empty ({seen.detail})")
    return foreign(seen, f"{why}, {seen.deployment}")
