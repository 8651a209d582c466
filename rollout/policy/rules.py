"""Rules that tie fields together: waves to each other, the policy to its fleet, services to services."""

from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from rollout.policy.duration import format_duration
from rollout.policy.model.check import Check
from rollout.policy.model.fleet import Fleet
from rollout.policy.model.health import Health
from rollout.policy.model.policy import Policy
from rollout.policy.model.select import Names, Rest
from rollout.policy.model.walk import Walk
from rollout.policy.placeholders import used
from rollout.policy.selection import wave_faults
from rollout.policy.tree import Loc, did_you_mean

Fault: TypeAlias = tuple[Loc, str]

SUGGESTIONS_MAX = 10


def policy_faults(policy: Policy) -> Iterator[Fault]:
    """Say what is wrong within a policy whose fields are each right."""
    yield from _wave_faults(policy)
    yield from _clock_faults(policy.health, policy.walk, ())
    for number, wave in enumerate(policy.waves):
        if wave.health or wave.walk:
            yield from _clock_faults(policy.health_of(wave), policy.walk_of(wave), ("waves", number))
    approvals = {("approve", "before"): policy.approve} | {
        ("waves", number, "approve", "before"): wave.approve for number, wave in enumerate(policy.waves)
    }
    for loc, approve in approvals.items():
        if approve is not None and approve.before == "swap" and policy.change.swap is None:
            yield loc, "nothing is swapped; `before` can be start or last"
        if approve is not None and approve.before == "last" and not policy.change.walks:
            yield loc, "no domain is walked by this change, so nobody would be asked; `before` can be start or swap"


def _wave_faults(policy: Policy) -> Iterator[Fault]:
    earlier: list[str] = []
    rest: str | None = None
    for number, wave in enumerate(policy.waves):
        if wave.name in earlier:
            yield ("waves", number, "name"), f"there is already a wave `{wave.name}`"
        if rest is not None:
            yield ("waves", number, "select"), f"takes nothing: wave `{rest}` before it takes all the rest"
        elif isinstance(wave.select, Rest):
            rest = wave.name
        reach = wave.failure_tolerance + 1
        if wave.strict and "max_parallel" in wave.model_fields_set and wave.max_parallel > reach:
            message = (
                f"{wave.max_parallel} is never reached: strict keeps at most failure_tolerance + 1 = {reach} in "
                f"flight; lower it, raise failure_tolerance, or set `strict: false`"
            )
            yield ("waves", number, "max_parallel"), message
        for at, name in enumerate(wave.needs or ()):
            if name not in earlier:
                yield ("waves", number, "needs", at), f"no earlier wave `{name}`{did_you_mean(name, earlier)}"
        earlier.append(wave.name)


def _clock_faults(health: Health, walk: Walk, prefix: Loc) -> Iterator[Fault]:
    least = health.wait_duration + health.stable_duration
    if least > walk.domain_timeout:
        bound = format_duration(walk.domain_timeout)
        message = (
            f"no domain can pass: wait_duration + stable_duration is {format_duration(least)}, domain_timeout {bound}"
        )
        yield (*prefix, "health", "stable_duration"), message
    names = set[str]()
    for number, check in enumerate(health.checks):
        if check.name in names:
            yield (*prefix, "health", "checks", number, "name"), f"there is already a check `{check.name}`"
        names |= {check.name} if check.name else set()


def all_checks(policy: Policy) -> Iterator[tuple[Loc, Check]]:
    """Give every check of a policy with its place, those of its waves included."""
    for prefix, health in [((), policy.health), *((("waves", n), wave.health) for n, wave in enumerate(policy.waves))]:
        for number, check in enumerate(health.checks if health is not None else ()):
            yield (*prefix, "health", "checks", number), check


def advice(policy: Policy) -> Iterator[Fault]:
    """Say what is right and still unwise."""
    for health, prefix in [(policy.health, ()), *((w.health, ("waves", n)) for n, w in enumerate(policy.waves))]:
        given = health is not None and (not prefix or "checks" in health.model_fields_set)
        if health is not None and given and not any(_sees_the_walked(check) for check in health.checks):
            message = (
                "no required check but `instances` looks at the walked domain: a release that starts and answers "
                'wrongly passes; add one such as `{http: "http://{instances}:8080/healthz", scope: domain}`'
            )
            yield (*prefix, "health", "checks"), message


def _sees_the_walked(check: Check) -> bool:
    if check.advisory or check.instances is not None or "domain" not in check.moments:
        return False
    compares = check.metric is not None and check.metric.compare is not None
    return compares or check.judged == "domain" or any("instances" in used(word) for word in check.words)


def fleet_faults(fleet: Fleet) -> Iterator[Fault]:
    """Say what is wrong within a fleet whose fields are each right."""
    unknown = _unknown_service(fleet)
    for name, service in fleet.services.items():
        for field, others in (("needs", service.needs), ("paired", service.paired)):
            for at, other in enumerate(others):
                if other == name:
                    yield ("services", name, field, at), "names the service itself"
                elif other not in fleet.services:
                    yield ("services", name, field, at), unknown(other)
    try:
        TopologicalSorter({name: service.needs for name, service in fleet.services.items()}).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        if len(set(circle)) > 1:
            yield ("services", circle[-1], "needs"), f"needs go in a circle: {' -> '.join(reversed(circle))}"


def selection_faults(policy: Policy, fleet: Fleet) -> Iterator[Fault]:
    """Say which services a policy names that its fleet does not have; if none, what its waves make of the fleet."""
    unknown = _unknown_service(fleet)
    strangers = False
    for number, wave in enumerate(policy.waves):
        if isinstance(wave.select, Names):
            for at, name in enumerate(wave.select.names):
                if name not in fleet.services:
                    strangers = True
                    yield ("waves", number, "select", at), unknown(name)
    if not strangers:
        yield from wave_faults(policy, fleet)


def _unknown_service(fleet: Fleet) -> Callable[[str], str]:
    """Make the sentence for services the fleet does not have; a suggestion looks at every name, so few are given."""
    left = iter(range(SUGGESTIONS_MAX))
    known = list(fleet.services)

    def sentence(name: str) -> str:
        hint = did_you_mean(name, known) if next(left, None) is not None else ""
        return f"the fleet has no service `{name}`{hint}"

    return sentence
