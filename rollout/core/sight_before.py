"""What a look means before anything is touched: whether the change can work, and whether all is as it was."""

from rollout.core import change_event, event
from rollout.core.change_plan import InstancePlan, Reaction, StatusPlan, SwapPlan, UpgradePlan, may_create, updates
from rollout.core.event import Finding, Observed, ServiceFact
from rollout.core.names import Now, Slot, digest_of
from rollout.core.service import ServiceRollout
from rollout.core.shows import as_before, foreign, settled, suspended
from rollout.core.sight_word import listens
from rollout.core.snapshot import Absent, Before, Snapshot, sighting
from rollout.core.stages import needs_survey

NAMED_MAX = 8
"""How many instances an error names."""


def before_of(seen: Snapshot) -> Before:
    """Keep of a deployment what going back is measured against. The configuration is named by its digest."""
    digest = digest_of(seen.configuration) if seen.configuration else None
    return Before(
        deployment=seen.deployment,
        release=seen.release,
        domain_count=seen.domain_count,
        instance_counts=seen.instance_counts(),
        configuration=digest,
        key=seen.key,
        private_id=seen.private_id,
        running=not suspended(seen),
    )


def preflight(state: ServiceRollout, seen: Snapshot | Absent, now: Now) -> ServiceFact | None:
    """Judge whether the plan can work on what is there."""
    if needs_survey(state):
        return _survey(seen)
    if isinstance(seen, Absent):
        return _absent(state, seen)
    word = isinstance(state.plan.change, StatusPlan | InstancePlan)
    if seen.change is not None and not (word and state.plan.foreign.upgrade is Reaction.TOLERATE):
        return event.Unfit("an update that is not ours is in progress on the deployment")
    if seen.domain_count < 1:
        return None
    if seen.locked or not (listens(seen) if word else settled(seen) or suspended(seen)):
        return None
    if (wrong := _wrong(state, seen) or _expires(state, now)) is not None:
        return event.Unfit(wrong)
    return event.Preflighted(before_of(seen), sighting(seen))


def _survey(seen: Snapshot | Absent) -> ServiceFact | None:
    if isinstance(seen, Absent):
        return change_event.Surveyed(None)
    if seen.change is not None:
        return event.Unfit("an update is in progress in production, which cannot be swapped meanwhile")
    if seen.locked or not settled(seen):
        return None
    return change_event.Surveyed(before_of(seen), sighting(seen))


def _absent(state: ServiceRollout, seen: Absent) -> ServiceFact:
    slot = state.plan.target.slot
    if may_create(state.plan.change) and slot is Slot.STAGING:
        return change_event.Vacant(f"staging is empty: {seen.detail}")
    return event.Unfit(f"there is no deployment in {slot}: {seen.detail}")


def _wrong(state: ServiceRollout, seen: Snapshot) -> str | None:
    change = state.plan.change
    if suspended(seen) and not isinstance(change, StatusPlan):
        return "it is suspended: start it first"
    if isinstance(change, InstancePlan):
        names = [instance.name for instance in seen.instances]
        if change.instance not in names:
            more = ", …" if len(names) > NAMED_MAX else ""
            return f"it has no instance {change.instance}; it has {', '.join(names[:NAMED_MAX])}{more}"
        return None
    in_place = isinstance(change, UpgradePlan) or (updates(change) is not None and not isinstance(change, SwapPlan))
    if in_place and seen.domain_count == 1 and not state.plan.walk.allow_no_rollback:
        return "it has one upgrade domain, so no way back; walk.allow_no_rollback permits that"
    return None


def _expires(state: ServiceRollout, now: Now) -> str | None:
    """Say which package cannot be fetched any more by the time it may be wanted."""
    update, back = updates(state.plan.change), state.plan.rollback
    if isinstance(update, UpgradePlan) and _ends(update.package_expires_wall, now.wall + state.plan.begin_timeout_s):
        return f"the signature of {update.package_shown} ends before the platform is sure to have fetched the package"
    if _ends(back.package_expires_wall, now.wall + state.plan.timeout_s):
        shown = back.package_shown or back.capture_shown
        return f"the signature of {shown} ends while it may still be needed to go back"
    return None


def _ends(expires_wall: float | None, wanted_until_wall: float) -> bool:
    return expires_wall is not None and expires_wall < wanted_until_wall


def still_untouched(state: ServiceRollout, seen: Snapshot) -> ServiceFact | None:
    """Judge a look right before the first call."""
    before = state.before
    if seen.change is not None or before is None or not as_before(state, seen):
        return foreign(seen, "somebody began another change before ours")
    if seen.locked:
        return None
    if seen.instance_counts() != before.instance_counts:
        return _rescaled(state, before, seen)
    if seen.key != before.key:
        return foreign(seen, "somebody changed the configuration before our change began")
    return Observed(Finding.CLEAR, "untouched since preflight", sighting(seen))


def _rescaled(state: ServiceRollout, before: Before, seen: Snapshot) -> ServiceFact | None:
    words = f"somebody scaled it from {_counts(before.instance_counts)} to {_counts(seen.instance_counts())}"
    if state.plan.foreign.scale is Reaction.HOLD:
        return foreign(seen, f"{words} before our change began")
    if not settled(seen):
        return None
    return change_event.Rescaled(before_of(seen), words, sighting(seen))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} of {role}" for role, count in counts.items())
