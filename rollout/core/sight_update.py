"""What a look means in the middle of an update: begun, clear to be walked, settled; forward and in a revert alike."""

from rollout.core.change_plan import Reaction
from rollout.core.event import Finding, Observed, ServiceFact
from rollout.core.phase import Back
from rollout.core.service import ServiceRollout
from rollout.core.shows import foreign, may_be_ours, ours, settled
from rollout.core.snapshot import Snapshot, sighting
from rollout.core.stages import walks_itself


def begun(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    """Judge a look while the begin is under way: it may show before its operation says so."""
    change = seen.change
    if change is None or not ours(state, seen) or seen.locked:
        return None
    if change.manual and change.domain == 0 and not change.during:
        return Observed(Finding.BEGUN, "the deployment waits for its first walk", sighting(seen))
    return None


def clear_to_walk(state: ServiceRollout, seen: Snapshot, domain: int) -> ServiceFact | None:
    """Judge a look right before a walk."""
    change = seen.change
    if change is None:
        return foreign(seen, f"our change is gone before domain {domain} was walked")
    if not may_be_ours(state, seen) or not change.manual:
        return foreign(seen, "another change has taken the place of ours")
    if change.domain > domain:
        return foreign(seen, f"somebody walked domain {domain}")
    if change.domain < domain or change.during or seen.locked:
        return None
    if not isinstance(state.phase, Back):
        if not all(seen.domain_ready(each) for each in state.walked if each not in state.red_accepted):
            return None  # one domain down at a time: a walked one that fell since its gate has to come back first
        if (rebooted := _rebooted(state, seen)) is not None:
            return rebooted
    return Observed(Finding.CLEAR, f"domain {domain} is next and nothing is under way", sighting(seen))


def _rebooted(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    if state.plan.foreign.reboot is Reaction.TOLERATE:
        return None
    down = [each for each in seen.instances if not each.ready and each.domain not in state.walked]
    if not down:
        return None
    named = ", ".join(f"{each.name} ({each.status})" for each in down)
    return foreign(seen, f"instances are down that we have not touched: {named}")


def walk_settled(state: ServiceRollout, earlier: Snapshot | None, seen: Snapshot, domain: int) -> ServiceFact | None:
    """Judge a look after a walk: the pointer moved on, or the change complete, and the instances ready, twice."""
    last = domain == state.domain_count - 1
    whole = last or (walks_itself(state) and not isinstance(state.phase, Back))
    if seen.change is None and not whole:
        return foreign(seen, f"our change is gone after domain {domain}, before it was complete")
    if seen.change is None and not ours(state, seen):
        return foreign(seen, "another release has taken the place of ours")
    if seen.change is not None and not may_be_ours(state, seen):
        return foreign(seen, "another change has taken the place of ours")
    if earlier is None or not (_walk_shows(earlier, domain, last=last) and _walk_shows(seen, domain, last=last)):
        return None
    return Observed(Finding.SETTLED, f"domain {domain} runs the new release", sighting(seen))


def _walk_shows(seen: Snapshot, domain: int, *, last: bool) -> bool:
    if seen.locked:
        return False
    if last:
        return seen.change is None and settled(seen)
    return seen.change is not None and seen.change.domain > domain and seen.domain_ready(domain)
