"""A rollout that takes an ended one back: from what was captured before it began, in the reverse order. Pure."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from rollout.core.change_plan import (
    ChangePlan,
    ConfigurePlan,
    RollbackPlan,
    StatusPlan,
    SwapPlan,
    UpgradePlan,
)
from rollout.core.compile import Compiled
from rollout.core.compile_change import digest_of
from rollout.core.ending import Outcome
from rollout.core.fleet_state import RolloutState
from rollout.core.mark import without_token
from rollout.core.names import Digest, RolloutId, ServiceName
from rollout.core.operation import USER_LABEL_CHARS_MAX
from rollout.core.package_url import expires_wall, without_secrets
from rollout.core.plan import RolloutPlan, ServicePlan
from rollout.core.service import ServiceRollout
from rollout.core.way_back import revert_source, undo_gone

SUFFIX = "-revert"


class Undone(msgspec.Struct, frozen=True):
    """What taking back came to: the services' plans in their new order, and why the others have none."""

    plans: tuple[ServicePlan, ...]
    refused: dict[ServiceName, str]
    """What ended well and cannot be taken back."""


def packages_wanted(services: Mapping[ServiceName, ServiceRollout]) -> frozenset[Digest]:
    """Name the references of packages that `undo` has to be given."""
    sources = (revert_source(state) for state in services.values() if _went_well(state))
    return frozenset(source.package for source in sources if source is not None and source.package is not None)


def undo(
    rollout: RolloutState, services: Mapping[ServiceName, ServiceRollout], packages: Mapping[Digest, str]
) -> Undone:
    """Give the plans that take back what went well, last ones first; what went otherwise has nothing to take back.

    Of the rollout's services only those in `services` are considered.
    """
    plans, refused = [], dict[ServiceName, str]()
    for wave in reversed(rollout.plan.waves):
        for service in reversed(wave.services):
            state = services.get(service)
            if state is None or not _went_well(state):
                continue
            if (why := _no_way(state)) is not None:
                refused[service] = why
            elif (change := _undoing(state, packages)) is not None:
                plans.append(_plan(state.plan, change))
    return Undone(tuple(plans), refused)


def compile_revert(rollout: RolloutState, undone: Undone, who: str, reason: str) -> Compiled:
    """Compile the plans into a rollout with the waves of the first one, the last wave first."""
    chosen = {plan.service: plan for plan in undone.plans}
    kept = [tuple(each for each in reversed(wave.services) if each in chosen) for wave in rollout.plan.waves]
    waves = tuple(
        replace(wave, services=services)
        for wave, services in zip(reversed(rollout.plan.waves), reversed(kept), strict=True)
        if services
    )
    said = {"who": who, "reason": reason, "services": list(chosen)}
    text = f"# takes {rollout.plan.rollout} back\n{msgspec.json.format(msgspec.json.encode(said), indent=1).decode()}"
    plan: RolloutPlan = replace(
        rollout.plan,
        rollout=RolloutId(f"{rollout.plan.rollout}{SUFFIX}"),
        policy=digest_of(text.encode()),
        documents=digest_of(msgspec.json.encode((undone.plans, waves), order="deterministic")),
        waves=waves,
    )
    return Compiled(plan, undone.plans, (text.encode(),), text)


def _went_well(state: ServiceRollout) -> bool:
    return state.ended is not None and state.ended.outcome is Outcome.SUCCEEDED


def _no_way(state: ServiceRollout) -> str | None:
    if isinstance(state.plan.change, SwapPlan) and state.production is None:
        return "production was empty before the swap, so there is nothing to exchange it with"
    return undo_gone(state)


def _undoing(state: ServiceRollout, packages: Mapping[Digest, str]) -> ChangePlan | None:
    """Give the change that brings back what was; None = it is so already."""
    change, before, source = state.plan.change, state.before, revert_source(state)
    match change:
        case UpgradePlan() if source is not None and source.package is not None:
            url = packages[source.package]
            return UpgradePlan(
                package=source.package,
                package_shown=without_secrets(url),
                configuration=source.configuration,
                label=without_token(source.label)[:USER_LABEL_CHARS_MAX],
                role=change.role,
                mode=change.mode,
                keep_counts=change.keep_counts,
                package_expires_wall=expires_wall(url),
                check_package=change.check_package,
            )
        case ConfigurePlan() if source is not None:
            return ConfigurePlan(source.configuration, mode=change.mode, keep_counts=change.keep_counts)
        case SwapPlan():
            return SwapPlan(change.bake_s, change.keep_previous_s)
        case StatusPlan(running=running) if before is not None and before.running is not running:
            return StatusPlan(before.running)
        case _:
            return None


def _plan(plan: ServicePlan, change: ChangePlan) -> ServicePlan:
    """Keep how it was done. What was the way forward is the way back of the way back."""
    back = RollbackPlan(plan.rollback.mode, plan.rollback.timeout_s)
    if isinstance(plan.change, UpgradePlan) and isinstance(change, UpgradePlan):
        back = replace(
            back,
            package=plan.change.package,
            package_shown=plan.change.package_shown,
            configuration=plan.change.configuration,
            package_expires_wall=plan.change.package_expires_wall,
        )
    return replace(plan, rollout=RolloutId(f"{plan.rollout}{SUFFIX}"), change=change, rollback=back)
