"""What of a rollout may be amended under way: timing, health and caps of each wave, and nothing else."""

import msgspec
from msgspec.structs import replace

from rollout.core.names import Digest
from rollout.core.plan import HealthPlan, RolloutPlan, ServicePlan, WalkPlan, WavePlan
from rollout.core.wave_plan import BakePlan, WindowsPlan


class ServiceTerms(msgspec.Struct, frozen=True):
    """The part of each of a wave's services."""

    health: HealthPlan
    walk: WalkPlan
    begin_timeout_s: float
    timeout_s: float


class WaveTerms(msgspec.Struct, frozen=True):
    """The part of a wave. `caps` are those of its tags, in the order of the plan."""

    wave: str
    service: ServiceTerms
    max_parallel: int
    failure_tolerance: int
    strict: bool
    caps: tuple[int, ...]
    bake: BakePlan | None
    back_parallel: int | None
    windows: WindowsPlan | None
    expected_s: float


class Amendment(msgspec.Struct, frozen=True):
    """New terms for every wave, and the digest of the documents they come from."""

    waves: tuple[WaveTerms, ...]
    documents: Digest
    deadline_s: float | None = None
    policy: Digest = Digest("")
    """The payload with the changed policy's text; empty = it was not kept."""


def service_terms(plan: ServicePlan) -> ServiceTerms:
    """Take the terms out of a service's plan."""
    return ServiceTerms(plan.health, plan.walk, plan.begin_timeout_s, plan.timeout_s)


def with_service_terms(plan: ServicePlan, terms: ServiceTerms) -> ServicePlan:
    """Put other terms into a service's plan."""
    return replace(
        plan,
        health=terms.health,
        walk=terms.walk,
        begin_timeout_s=terms.begin_timeout_s,
        timeout_s=terms.timeout_s,
    )


def wave_terms(wave: WavePlan, service: ServicePlan) -> WaveTerms:
    """Take the terms out of a wave and one of its services."""
    return WaveTerms(
        wave=wave.name,
        service=service_terms(service),
        max_parallel=wave.max_parallel,
        failure_tolerance=wave.failure_tolerance,
        strict=wave.strict,
        caps=tuple(cap.max_parallel for cap in wave.caps),
        bake=wave.bake,
        back_parallel=wave.back_parallel,
        windows=wave.windows,
        expected_s=wave.expected_s,
    )


def amended(plan: RolloutPlan, amendment: Amendment) -> RolloutPlan:
    """Put other terms into a plan, and the text they come from; what they do not name stays as it is."""
    terms = {each.wave: each for each in amendment.waves}
    waves = tuple(_amended(wave, terms[wave.name]) if wave.name in terms else wave for wave in plan.waves)
    policy = amendment.policy or plan.policy
    return replace(plan, policy=policy, waves=waves, documents=amendment.documents, deadline_s=amendment.deadline_s)


def _amended(wave: WavePlan, terms: WaveTerms) -> WavePlan:
    caps = tuple(replace(cap, max_parallel=most) for cap, most in zip(wave.caps, terms.caps, strict=False))
    return replace(
        wave,
        max_parallel=terms.max_parallel,
        failure_tolerance=terms.failure_tolerance,
        strict=terms.strict,
        caps=caps if len(caps) == len(wave.caps) else wave.caps,
        bake=terms.bake,
        back_parallel=terms.back_parallel,
        windows=terms.windows,
        expected_s=terms.expected_s,
    )
