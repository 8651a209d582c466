"""Amending a rollout under way: what a changed policy changes, whether that may be, and what is recorded of it."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from rollout.core import fleet_event, word_event
from rollout.core.approvals import DIGEST_CHARS_MIN, plan_digest
from rollout.core.command import Answer, Command, NoOp, Refused, Told
from rollout.core.compile import Compiled
from rollout.core.drafts import Draft
from rollout.core.fleet_state import RolloutState
from rollout.core.names import Digest, ServiceName, rollout_stream
from rollout.core.plan import RolloutPlan, ServicePlan
from rollout.core.service import ServiceRollout
from rollout.core.terms import Amendment, WaveTerms, amended, service_terms, wave_terms, with_service_terms

SHOWN_MAX: Final = 3


def amendment(
    plan: RolloutPlan, services: Mapping[ServiceName, ServicePlan], compiled: Compiled
) -> tuple[Amendment | None, tuple[str, ...]]:
    """Compare a rollout with a changed policy: the amendment and its diff, or None and what may not be amended."""
    wanted = {each.service: each for each in compiled.services}
    if beyond := tuple(_beyond(plan, services, compiled.plan, wanted)):
        return None, beyond
    terms = tuple(wave_terms(wave, wanted[wave.services[0]]) for wave in compiled.plan.waves)
    before = [wave_terms(wave, services[wave.services[0]]) for wave in plan.waves]
    changes = (*_differences("deadline", plan.deadline_s, compiled.plan.deadline_s), *_diff(before, terms))
    return Amendment(terms, compiled.plan.documents, compiled.plan.deadline_s, compiled.plan.policy), changes


def _beyond(
    plan: RolloutPlan,
    services: Mapping[ServiceName, ServicePlan],
    other: RolloutPlan,
    wanted: Mapping[ServiceName, ServicePlan],
) -> Iterator[str]:
    """Say what differs besides the terms."""
    if [wave.services for wave in plan.waves] != [wave.services for wave in other.waves]:
        yield "the services of its waves"
        return
    terms = tuple(wave_terms(wave, wanted[wave.services[0]]) for wave in other.waves)
    same = amended(plan, Amendment(terms, other.documents, other.deadline_s))
    if _compared(same) != _compared(other):
        yield "needs, pairs, approvals, notify, what a failure does to a wave, on_conflict or priority"
    changed = [
        name
        for name, service in services.items()
        if with_service_terms(service, service_terms(wanted[name])) != wanted[name]
    ]
    if changed:
        more = f" and {len(changed) - SHOWN_MAX} more" if len(changed) > SHOWN_MAX else ""
        yield f"what is done to {', '.join(changed[:SHOWN_MAX])}{more}"


def _compared(plan: RolloutPlan) -> RolloutPlan:
    """Leave out what is only shown."""
    return replace(plan, policy=Digest(""), submitter="", about={}, tags={})


def _diff(before: list[WaveTerms], after: tuple[WaveTerms, ...]) -> Iterator[str]:
    for old, new in zip(before, after, strict=True):
        yield from _differences(f"wave {old.wave}", msgspec.to_builtins(old), msgspec.to_builtins(new))


def _differences(path: str, old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys([*old, *new]):
            yield from _differences(f"{path} {name}".replace(" service ", " "), old.get(name), new.get(name))
    elif old != new:
        yield f"{path}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    return "none" if value is None else msgspec.json.encode(value).decode()


def answer_amend(
    rollout: RolloutState, services: Mapping[ServiceName, ServiceRollout], command: Command
) -> tuple[Answer, tuple[Draft, ...]]:
    """Answer an amend: the plan it was compared with has to be the one that is in force."""
    digest = plan_digest(rollout.plan)
    if len(command.plan) < DIGEST_CHARS_MIN or not digest.startswith(command.plan):
        why = f"the plan is {digest[:DIGEST_CHARS_MIN]} by now, and not {command.plan[:DIGEST_CHARS_MIN] or 'nothing'}"
        return Refused(why, "the same again, after a look at what differs now"), ()
    wanted = command.amendment
    if wanted is None or any(terms.wave not in {wave.name for wave in rollout.plan.waves} for terms in wanted.waves):
        return Refused("it names no terms, or a wave that is not there", "rollout amend -f POLICY"), ()
    drafts = tuple(_to_services(rollout, services, wanted, command))
    if not drafts and _compared(amended(rollout.plan, wanted)) == _compared(rollout.plan):
        return NoOp("it runs under these terms already"), ()
    voids = _touches(rollout.plan, amended(rollout.plan, wanted), services, wanted)
    own = fleet_event.Amended(wanted, command.actor, command.reason, voids_approvals=voids)
    asked = "; approvals for what has not begun are asked for again" if voids and rollout.approvals else ""
    told = Told((), f"runs under the new terms{asked}")
    return told, ((rollout_stream(rollout.plan.rollout), own), *drafts)


def _to_services(
    rollout: RolloutState, services: Mapping[ServiceName, ServiceRollout], wanted: Amendment, command: Command
) -> Iterator[Draft]:
    for terms in wanted.waves:
        for name in rollout.wave(terms.wave).services:
            state = services.get(name)
            if state is not None and state.ended is None and service_terms(state.plan) != terms.service:
                fact = word_event.TermsChanged(
                    terms.service.health,
                    terms.service.walk,
                    terms.service.begin_timeout_s,
                    terms.service.timeout_s,
                    command.actor,
                    command.reason,
                )
                yield state.stream, fact


def _touches(
    old: RolloutPlan, new: RolloutPlan, services: Mapping[ServiceName, ServiceRollout], wanted: Amendment
) -> bool:
    """Tell whether health or caps change: what people approved was another risk."""
    caps = [
        [(wave.max_parallel, wave.failure_tolerance, wave.strict, wave.caps) for wave in plan.waves]
        for plan in (old, new)
    ]
    health = {terms.wave: terms.service.health for terms in wanted.waves}
    same = all(
        services[wave.services[0]].plan.health == health.get(wave.name, services[wave.services[0]].plan.health)
        for wave in old.waves
        if wave.services[0] in services
    )
    return caps[0] != caps[1] or not same
