"""Which way back a service rollout has, and from where on it has none: known before the first step."""

import msgspec

from rollout.core.change_plan import ConfigurePlan, InstancePlan, StatusPlan, SwapPlan, UpgradePlan, updates
from rollout.core.mark import without_token
from rollout.core.names import Digest
from rollout.core.phase import (
    Back,
    Checking,
    Ended,
    ForeignChange,
    HeldForPerson,
    NeedsOperator,
    Phase,
    Preflight,
    Queued,
    Ready,
    Reverting,
    Settling,
    Suspending,
    SwappingBack,
    Walking,
)
from rollout.core.service import ServiceRollout
from rollout.core.stages import walks_itself


class RevertSource(msgspec.Struct, frozen=True):
    """What a revert sends. `package` None = only the configuration goes back. `shown` is its name for people."""

    package: Digest | None
    configuration: Digest
    label: str
    shown: str
    key: str = ""


def revert_source(state: ServiceRollout) -> RevertSource | None:
    """Give what a revert can be made of: given by the policy, copied before the change, or known from our records."""
    before, change, back = state.before, state.plan.change, state.plan.rollback
    if before is None or isinstance(change, SwapPlan):
        return None
    configuration = back.configuration or before.configuration
    if configuration is None:
        return None
    shown = without_token(before.release)
    if isinstance(change, ConfigurePlan):
        return RevertSource(None, configuration, before.release, f"the configuration of {shown}", before.key)
    if not isinstance(change, UpgradePlan):
        return None
    package = back.package or _copied(state) or _recorded(state)
    return None if package is None else RevertSource(package, configuration, before.release, shown)


def _copied(state: ServiceRollout) -> Digest | None:
    expected = state.captured or not state.begun
    return state.prepared.captured if state.prepared is not None and expected else None


def _recorded(state: ServiceRollout) -> Digest | None:
    known, before = state.known, state.before
    return known.package if known is not None and before is not None and before.release.endswith(known.token) else None


def way_back(state: ServiceRollout) -> str:
    """Say it for people: what going back would do from here, and what it would do later."""
    if isinstance(state.phase, Ended):
        return "none, it has ended"
    if isinstance(state.phase, Queued | Preflight):
        return "nothing was touched"
    if isinstance(state.phase, Back):
        return f"under way: {_under_way(state)}"
    source = revert_source(state)
    revert = None if source is None else f"revert to {source.shown}"
    if (gone := rollback_gone(state)) is not None:
        return revert or f"none: {gone}"
    match state.plan.change:
        case InstancePlan():
            return "none: a word to an instance cannot be taken back"
        case StatusPlan(running=running):
            return "suspension" if running else "start"
        case SwapPlan() if state.swapped or updates(state.plan.change) is None:
            return "swap back"
        case SwapPlan():
            return "rollback of staging → swap back"
        case UpgradePlan() | ConfigurePlan() if state.domain_count == 1:
            return revert or "none: the platform has no Rollback for one domain"
        case UpgradePlan() | ConfigurePlan():
            return f"rollback → {revert}" if revert else "rollback while in progress, none after the last domain"


def _under_way(state: ServiceRollout) -> str:
    source = revert_source(state)
    match state.phase:
        case SwappingBack():
            return "swap back"
        case Suspending():
            return "suspension"
        case Reverting() if source is not None:
            return f"revert to {source.shown}"
        case Reverting():
            return "the status it had"
        case _:
            return "rollback"


def past_return(state: ServiceRollout) -> str | None:
    """Say why there is no way back at all: Rollback is gone and nothing is at hand for a revert."""
    if isinstance(state.plan.change, InstancePlan) and state.begun:
        return "a word to an instance cannot be taken back"
    gone = rollback_gone(state)
    return None if gone is None or revert_source(state) is not None else gone


def undo_gone(state: ServiceRollout) -> str | None:
    """Say why what an attempt ended well with cannot be taken back."""
    match state.plan.change:
        case InstancePlan():
            return "a word to an instance cannot be taken back"
        case UpgradePlan() | ConfigurePlan() if revert_source(state) is None:
            return "the platform's Rollback is gone, and nothing is at hand for a revert"
        case _:
            return None


def rollback_gone(state: ServiceRollout) -> str | None:
    """Say why Rollback is known to be gone: the last walk was accepted, and did not fail."""
    if state.no_way_back is not None:
        return f"it cannot go back: {state.no_way_back}"
    if not isinstance(state.plan.change, UpgradePlan | ConfigurePlan):
        return None  # swaps and statuses are taken back by themselves, and a staging in progress by Rollback
    phase: Phase = state.phase
    if isinstance(phase, HeldForPerson | NeedsOperator | ForeignChange):
        phase = phase.was
    count = state.domain_count
    match phase:
        case Settling() if walks_itself(state):
            return None  # the platform's own walk may be under way still: it is asked
        case Walking(domain=domain, call=call) if domain == count - 1 and call.handle is not None:
            return "the last domain's walk was accepted, and the platform's Rollback went with it"
        case Settling(domain=domain) | Checking(domain=domain) if domain == count - 1:
            return "the last domain was walked, and the platform's Rollback went with it"
        case Ready(domain=domain) if 0 < count <= domain:
            return "every domain was walked, and the platform's Rollback went with the last"
        case _:
            return None
