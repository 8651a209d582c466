"""The waves of a bundle become plans: who is in which, under which caps, windows and approvals. Pure."""

from collections.abc import Mapping, Sequence

from rollout.core.compile_notify import notify_of
from rollout.core.estimate import DOMAINS_ASSUMED, RECORDED, expected_s
from rollout.core.names import Digest, RolloutId, ServiceName
from rollout.core.plan import RolloutPlan, ServicePlan, WavePlan
from rollout.core.wave_plan import (
    ApprovalPlan,
    BakePlan,
    Moment,
    OnConflict,
    TagCap,
    WaveFailure,
    WindowPlan,
    WindowsPlan,
)
from rollout.policy.bundle import Bundle
from rollout.policy.model.fleet import Fleet
from rollout.policy.model.health import Health
from rollout.policy.model.wave import Approve, Wave
from rollout.policy.model.window import Windows
from rollout.policy.selection import waves_of


def wave_by_service(bundle: Bundle) -> Mapping[str, Wave]:
    """Give each service's wave, whose health, walk and failure are its own."""
    members = waves_of(bundle.policy, bundle.fleet)
    return {name: wave for wave, names in zip(bundle.policy.waves, members, strict=True) for name in names}


def compile_fleet(bundle: Bundle, services: Sequence[ServicePlan]) -> RolloutPlan:
    """Compile all but the digests, which are taken of what comes out here."""
    policy, fleet = bundle.policy, bundle.fleet
    plans = {each.service: each for each in services}
    members = waves_of(policy, fleet)
    return RolloutPlan(
        rollout=RolloutId(policy.rollout),
        policy=Digest(""),
        documents=Digest(""),
        waves=tuple(
            _wave(bundle, wave, tuple(map(ServiceName, names)), plans)
            for wave, names in zip(policy.waves, members, strict=True)
        ),
        needs={
            ServiceName(name): tuple(map(ServiceName, each.needs))
            for name, each in fleet.services.items()
            if each.needs
        },
        paired=_paired(fleet),
        approval=_approval(policy.approve),
        on_conflict=OnConflict(policy.on_conflict),
        urgent=policy.priority == "urgent",
        deadline_s=policy.deadline,
        notify=notify_of(policy),
    )


def _wave(
    bundle: Bundle, wave: Wave, names: tuple[ServiceName, ...], plans: Mapping[ServiceName, ServicePlan]
) -> WavePlan:
    policy = bundle.policy
    windows = wave.windows or policy.windows
    return WavePlan(
        name=wave.name,
        services=names,
        max_parallel=wave.max_parallel,
        failure_tolerance=wave.failure_tolerance,
        strict=wave.strict,
        needs=wave.needs,
        caps=_caps(bundle.fleet, wave, names),
        bake=_bake(wave, policy.health_of(wave)),
        on_failure=WaveFailure(policy.on_failure_of(wave).wave),
        back_parallel=policy.rollback.max_parallel,
        windows=_windows(windows),
        expected_s=expected_s(plans[names[0]], DOMAINS_ASSUMED, RECORDED) if windows else 0.0,
        approval=_approval(wave.approve),
    )


def _caps(fleet: Fleet, wave: Wave, names: Sequence[ServiceName]) -> tuple[TagCap, ...]:
    """Give one cap for each value of each tag; a service without the tag is under none of its caps."""
    found: dict[tuple[str, str], list[ServiceName]] = {}
    for tag in wave.max_parallel_per:
        for name in names:
            if (value := fleet.services[name].tags.get(tag)) is not None:
                found.setdefault((tag, value), []).append(name)
    return tuple(
        TagCap(tag, value, tuple(members), wave.max_parallel_per[tag]) for (tag, value), members in found.items()
    )


def _bake(wave: Wave, health: Health) -> BakePlan | None:
    if not (wave.bake or wave.bake_first):
        return None
    return BakePlan(wave.bake, wave.bake_first or 0.0, health.interval, health.stable_duration, health.retry_timeout)


def _paired(fleet: Fleet) -> dict[ServiceName, tuple[ServiceName, ...]]:
    """Make pairs mutual."""
    found: dict[ServiceName, dict[ServiceName, None]] = {}
    for name, each in fleet.services.items():
        for other in each.paired:
            found.setdefault(ServiceName(name), {})[ServiceName(other)] = None
            found.setdefault(ServiceName(other), {})[ServiceName(name)] = None
    return {name: tuple(others) for name, others in found.items()}


def _approval(approve: Approve | None) -> ApprovalPlan | None:
    return None if approve is None else ApprovalPlan(approve.by, Moment(approve.before), approve.within)


def _windows(windows: Windows | None) -> WindowsPlan | None:
    if windows is None:
        return None
    return WindowsPlan(
        open=tuple(WindowPlan(tuple(sorted(each.days)), each.start, each.end, each.zone) for each in windows.open),
        closed=tuple((each.first.isoformat(), each.last.isoformat()) for each in windows.closed),
        hold_mid_service=windows.mid_service == "hold",
    )
