"""A policy's weak spots in words: what its own numbers say, and what the rehearsed seeds showed."""

from collections.abc import Iterator
from typing import Final

from rollout.core.plan import OnFailure, ServicePlan, WavePlan
from rollout.emulator.durations import Recorded
from rollout.policy.duration import format_duration
from rollout.simulation.stage import Stage
from rollout.simulation.tally import P95, Tally

HALF: Final = 0.5
PERSON_SHARE: Final = 0.1
"""From this part of the seeds on, waiting for a person is worth a sentence."""
TIGHT: Final = 0.8
"""A limit that the slow ones use up to this part is tight."""


def weaknesses(stage: Stage, tally: Tally) -> list[str]:
    """Give one sentence for each weak spot, the policy's own first; the same one is said once."""
    found: list[str] = []
    for wave in stage.compiled.plan.waves:
        found += _of_wave(wave)
    for plan in stage.compiled.services:
        found += _of_service(plan, stage.domains)
    found += _shown(stage, tally)
    return list(dict.fromkeys(found))


def _of_wave(wave: WavePlan) -> Iterator[str]:
    total = len(wave.services)
    broken = min(wave.failure_tolerance + 1, total)
    if total > 1 and broken > total * HALF:
        yield (
            f"waves.{wave.name}.failure_tolerance {wave.failure_tolerance} halts only after {broken} of {total} "
            "services have failed: half the fleet may be broken before anything stops"
        )
    if total > 1 and wave.max_parallel >= total:
        at_once = f"waves.{wave.name}.max_parallel {wave.max_parallel}"
        yield f"{at_once} starts all {total} services at once: nobody goes first"


def _of_service(plan: ServicePlan, domains: int) -> Iterator[str]:
    health, walk = plan.health, plan.walk
    limit = f"walk.domain_timeout {format_duration(walk.domain_timeout_s)}"
    gate_s = health.wait_s + health.stable_s
    slow_s = Recorded.UPGRADE.at(P95)
    if health.retry_s >= walk.domain_timeout_s:
        yield f"health.retry_timeout {format_duration(health.retry_s)} is never used up: {limit} ends the domain before"
    if health.stable_s == 0:
        yield "health.stable_duration is 0s: a single healthy answer opens the gate"
    elif health.interval_s > health.stable_s:
        yield (
            f"health.interval {format_duration(health.interval_s)} is longer than health.stable_duration "
            f"{format_duration(health.stable_s)}: nobody looks in between"
        )
    if slow_s + gate_s > walk.domain_timeout_s:
        yield (
            f"{limit} is short: recorded domains took up to {format_duration(round(slow_s))}, and the gate needs "
            f"{format_duration(gate_s)} after that"
        )
    whole_s = domains * (slow_s + gate_s) + walk.bake_before_last_s
    if whole_s > plan.timeout_s:
        yield (
            f"timeout {format_duration(plan.timeout_s)} is shorter than {domains} domains need at the recorded pace "
            f"({format_duration(round(whole_s))})"
        )
    if plan.rollback.bound_s(domains) < domains * slow_s:
        yield (
            f"rollback.timeout {format_duration(plan.rollback.bound_s(domains))} is shorter than {domains} domains "
            f"need to go back ({format_duration(round(domains * slow_s))})"
        )
    if domains == 1:
        yield "services of one upgrade domain have no way back: the first walk is the point of no return"
    elif walk.bake_before_last_s == 0:
        yield "walk.bake_before_last is 0s: nothing is waited for before the point of no return"
    if plan.on_failure is OnFailure.HOLD:
        yield "on_failure.service hold: every failing service stays half upgraded until a person speaks"


def _shown(stage: Stage, tally: Tally) -> Iterator[str]:
    if not tally.seeds:
        return
    waits = tally.outcomes["waits for a person"]
    if waits >= PERSON_SHARE * tally.seeds:
        yield f"{waits} of {tally.seeds} seeds ended waiting for a person (seed {tally.shown['waits for a person']})"
    limit_s = min(plan.walk.domain_timeout_s for plan in stage.compiled.services)
    slow_s = tally.domain.at(P95)
    if slow_s > TIGHT * limit_s:
        yield (
            f"one domain in twenty took {format_duration(round(slow_s))} or more, of the "
            f"{format_duration(limit_s)} that walk.domain_timeout gives (seed {tally.domain.longest.seed})"
        )
    if tally.used["gate without evidence"] > tally.used["gate passed"]:
        yield "the checks were unknown more often than a gate passed: they say too little to go by"
    total = len(stage.compiled.services)
    if total > 1 and tally.broken.value > total * HALF:
        yield f"{tally.broken.value:.0f} of {total} services were broken at once (seed {tally.broken.seed})"
    if tally.used["no way back any more"]:
        seed = tally.first_used["no way back any more"]
        yield (
            f"{tally.used['no way back any more']} services failed after their last walk, where no rollback is left "
            f"(first in seed {seed})"
        )
