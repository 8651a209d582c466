"""A policy's weak spots in words: what its own numbers say, and what the rehearsed seeds showed."""

from collections.abc import Iterator, Sequence
from typing import Final

from rollout.core.change_plan import ConfigurePlan, StatusPlan, SwapPlan, updates
from rollout.core.plan import OnFailure, ServicePlan, WavePlan
from rollout.core.verdict import Verdict
from rollout.core.wave_plan import WindowsPlan
from rollout.core.windows import DAY_MIN, fits_at
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
    return list(dict.fromkeys([*own_weaknesses(stage), *_shown(stage, tally)]))


def own_weaknesses(stage: Stage) -> list[str]:
    """Give those that the policy's own numbers say, whatever any seed shows."""
    found: list[str] = []
    for wave in stage.compiled.plan.waves:
        found += _of_wave(wave, [each for each in stage.compiled.services if each.service in wave.services])
    for plan in stage.compiled.services:
        found += _of_service(plan, stage)
    for name, why in stage.mute.items():
        found.append(f"check {name} is unknown whenever it is asked, for {why}: it decides nothing")
    return list(dict.fromkeys(found))


def _of_wave(wave: WavePlan, services: Sequence[ServicePlan]) -> Iterator[str]:
    total = len(wave.services)
    broken = min(wave.failure_tolerance + 1, total)
    if total > 1 and broken >= total * HALF and wave.failure_tolerance:
        yield (
            f"waves.{wave.name}.failure_tolerance {wave.failure_tolerance} halts only after {broken} of {total} "
            "services have failed: half the fleet may be broken before anything stops"
        )
    if total > 1 and wave.max_parallel >= total:
        at_once = f"waves.{wave.name}.max_parallel {wave.max_parallel}"
        yield f"{at_once} starts all {total} services at once: nobody goes first"
    if wave.windows is not None:
        yield from _of_windows(wave, wave.windows, services)


def _of_windows(wave: WavePlan, windows: WindowsPlan, services: Sequence[ServicePlan]) -> Iterator[str]:
    """Hold windows to the time a service takes, and to the time in which it is found not to get well."""
    longest_s = max(60.0 * ((each.end_min - each.start_min) % DAY_MIN or DAY_MIN) for each in windows.open)
    shown = f"the longest of its windows ({format_duration(longest_s)})"
    if fits_at(windows, 0.0, wave.expected_s) is None:
        expected = format_duration(round(wave.expected_s))
        yield f"wave {wave.name} never begins: a service is expected to take {expected}, longer than {shown}"
    for retry_s in sorted({plan.health.retry_s for plan in services if plan.health.retry_s > longest_s}):
        yield (
            f"health.retry_timeout {format_duration(retry_s)} is longer than {shown} of wave {wave.name}: a domain "
            "that turns red is given up only after it has closed"
        )


def _of_service(plan: ServicePlan, stage: Stage) -> Iterator[str]:
    yield from _of_health(plan)
    match plan.change:
        case StatusPlan(running=running):
            slow_s = stage.slow_s(Recorded.STATUS_RUNNING if running else Recorded.STATUS_SUSPENDED)
            yield from _short("operation_timeout.status", plan.status_timeout_s, "statuses", slow_s)
            if not running:
                yield "change.status suspended is an outage of every service, until somebody starts it again"
        case SwapPlan(bake_s=bake_s) as swap:
            yield from _short("operation_timeout.swap", plan.swap_timeout_s, "swaps", stage.slow_s(Recorded.SWAP))
            if bake_s == 0:
                yield "swap.bake is 0s: nobody looks at production after the swap"
            if swap.upgrade is not None:
                yield from _of_walks(plan, stage)
        case _:
            yield from _of_walks(plan, stage)
            yield from _of_last(plan, stage.domains)
    if plan.on_failure is OnFailure.HOLD:
        yield "on_failure.service hold: every failing service stays as it is until a person speaks"


def _short(name: str, limit_s: float, what: str, slow_s: float) -> Iterator[str]:
    if slow_s > limit_s:
        taken = format_duration(round(slow_s, 1))
        yield f"{name} {format_duration(limit_s)} is short: recorded {what} took up to {taken}"


def _of_health(plan: ServicePlan) -> Iterator[str]:
    health = plan.health
    if isinstance(plan.change, StatusPlan) and not plan.change.running:
        return
    if health.stable_s == 0:
        yield "health.stable_duration is 0s: a single healthy answer opens the gate"
    elif health.interval_s > health.stable_s:
        yield (
            f"health.interval {format_duration(health.interval_s)} is longer than health.stable_duration "
            f"{format_duration(health.stable_s)}: nobody looks in between"
        )


def _of_walks(plan: ServicePlan, stage: Stage) -> Iterator[str]:
    health, walk, domains = plan.health, plan.walk, stage.domains
    limit = f"walk.domain_timeout {format_duration(walk.domain_timeout_s)}"
    gate_s = health.wait_s + health.stable_s
    slow_s = stage.slow_s(Recorded.CONFIG if isinstance(plan.change, ConfigurePlan) else Recorded.UPGRADE)
    if health.retry_s >= walk.domain_timeout_s:
        yield f"health.retry_timeout {format_duration(health.retry_s)} is never used up: {limit} ends the domain before"
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


def _of_last(plan: ServicePlan, domains: int) -> Iterator[str]:
    """Say what the point of no return is worth; a change of configuration can always be taken back by another."""
    if isinstance(plan.change, ConfigurePlan) or plan.rollback.package is not None:
        return
    if domains == 1:
        yield "services of one upgrade domain have no way back: the first walk is the point of no return"
    elif plan.walk.bake_before_last_s == 0:
        yield "walk.bake_before_last is 0s: nothing is waited for before the point of no return"


def _shown(stage: Stage, tally: Tally) -> Iterator[str]:
    if not tally.seeds:
        return
    waits = tally.outcomes["waits for a person"]
    if waits >= PERSON_SHARE * tally.seeds:
        yield f"{waits} of {tally.seeds} seeds ended waiting for a person (seed {tally.shown['waits for a person']})"
    limit_s = min(plan.walk.domain_timeout_s for plan in stage.compiled.services)
    slow_s = tally.domain.at(P95)
    if any(updates(plan.change) is not None for plan in stage.compiled.services) and slow_s > TIGHT * limit_s:
        yield (
            f"one domain in twenty took {format_duration(round(slow_s))} or more, of the "
            f"{format_duration(limit_s)} that walk.domain_timeout gives (seed {tally.domain.longest.seed})"
        )
    for name in sorted(tally.asked):
        said = tally.asked[name]
        if said.keys() == {Verdict.UNKNOWN}:
            yield f"check {name} was unknown all {said.total()} times that it was recorded: it decides nothing"
    if tally.used["gate without evidence"] > tally.used["gate passed"] + tally.used["bake passed"]:
        yield "the checks were unknown more often than a gate passed: they say too little to go by"
    total = len(stage.compiled.services)
    if total > 1 and tally.broken.value > total * HALF:
        yield f"{tally.broken.value:.0f} of {total} services were broken at once (seed {tally.broken.seed})"
    if tally.used["no way back any more"]:
        late, seed = tally.used["no way back any more"], tally.first_used["no way back any more"]
        who = "1 service" if late == 1 else f"{late} services"
        yield f"{who} failed after the last walk, where no rollback is left (first in seed {seed})"
