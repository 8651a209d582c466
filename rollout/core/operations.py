"""The operations a state calls for: what begins a change, what swaps, what takes back."""

from rollout.core.change_plan import ConfigurePlan, InstancePlan, StatusPlan, UpgradePlan, updates
from rollout.core.mark import without_token
from rollout.core.names import parse_service_stream
from rollout.core.operation import (
    USER_LABEL_CHARS_MAX,
    ActOnInstance,
    CapturePackage,
    Create,
    Operation,
    SetStatus,
    StartConfigure,
    StartUpgrade,
    SwapSlots,
    attempt_token,
)
from rollout.core.service import ServiceRollout
from rollout.core.stages import stands
from rollout.core.way_back import revert_source
from rollout.errors import InvariantBroken

DEPLOYMENT_NAME_CHARS: int = 32


def start_of(state: ServiceRollout) -> StartUpgrade | StartConfigure:
    """Give what begins the update of the way forward."""
    match updates(state.plan.change):
        case UpgradePlan() as plan:
            counts = state.before.instance_counts if plan.keep_counts and state.before is not None else {}
            return StartUpgrade(
                plan.package,
                plan.configuration,
                f"{plan.label} {_token(state)}",
                counts,
                plan.force,
                plan.role,
                plan.mode,
                plan.extras,
            )
        case ConfigurePlan() as plan if state.prepared is not None:
            made = state.prepared
            return StartConfigure(made.configuration, made.key, plan.mode, plan.treat_warnings_as_error, plan.extras)
        case _:
            raise _nothing_to("begin", state)


def call_of_change(state: ServiceRollout) -> Operation:
    """Give the one call of a change that has no domains to walk."""
    match state.plan.change:
        case StatusPlan(running=running):
            return SetStatus(running)
        case InstancePlan(verb=verb, instance=instance):
            return ActOnInstance(verb, instance)
        case _:
            return _creation(state)


def _creation(state: ServiceRollout) -> Create:
    plan = updates(state.plan.change)
    if not isinstance(plan, UpgradePlan):
        raise _nothing_to("create", state)
    token = _token(state)
    # The name is as unique as the token: a repeat after a lost answer may find the first one there.
    name = token.strip("[]").removeprefix("ro:").ljust(DEPLOYMENT_NAME_CHARS, "0")
    return Create(name, plan.package, plan.configuration, f"{plan.label} {token}", plan.extras)


def copy_of_old(state: ServiceRollout) -> CapturePackage:
    """Give the copy of what runs before the change."""
    if state.plan.rollback.capture is None:
        raise _nothing_to("copy", state)
    return CapturePackage(state.plan.rollback.capture)


def swap_of(state: ServiceRollout) -> SwapSlots:
    """Exchange the slots as they stood before the change."""
    if state.before is None:
        raise _nothing_to("swap", state)
    return SwapSlots(stands(state.production), state.before.deployment)


def swap_back_of(state: ServiceRollout) -> SwapSlots:
    """Exchange them again; what once stood in an empty production goes back to staging by its own name."""
    if state.before is None:
        raise _nothing_to("swap", state)
    if state.production is None:
        return SwapSlots(None, state.before.deployment)
    return SwapSlots(state.before.deployment, state.production.deployment)


def revert_of(state: ServiceRollout) -> StartUpgrade | StartConfigure:
    """Give the new change back to what was."""
    source = revert_source(state)
    if source is None:
        raise _nothing_to("revert to", state)
    if source.package is None:
        return StartConfigure(source.configuration, source.key)
    label = without_token(source.label)[:USER_LABEL_CHARS_MAX]
    counts = state.before.instance_counts if state.before is not None else {}
    role = state.plan.change.role if isinstance(state.plan.change, UpgradePlan) else None
    return StartUpgrade(source.package, source.configuration, f"{label} {_token(state)}", counts, role=role)


def _token(state: ServiceRollout) -> str:
    _, service, attempt = parse_service_stream(state.stream)
    return attempt_token(state.plan.rollout, service, attempt, state.calls + 1)


def _nothing_to(what: str, state: ServiceRollout) -> InvariantBroken:
    return InvariantBroken(f"{state.stream} has nothing to {what}: {type(state.plan.change).__name__}")
