"""What of a service or a rollout needs somebody, who has it, and what a claim is answered. Pure.

A claim is no word to the engine: nothing that `decide` or `decide_fleet` look at changes by it.
"""

from collections.abc import Mapping
from typing import Final

from rollout.core.approvals import asked
from rollout.core.attention import alerts_of_service, approval_key, halt_key
from rollout.core.care import Care
from rollout.core.care_event import HandedBack, TakenUp
from rollout.core.command import Answer, Command, NoOp, Refused, Told
from rollout.core.explain import clock_text
from rollout.core.fleet_state import RolloutState
from rollout.core.names import Now, ServiceName
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize

NOBODY: Final = Refused("nothing of it needs anybody now", "`rollout list --attention` names what does")
"""There is nothing to take up."""


def reasons_of_service(state: ServiceRollout, now: Now) -> tuple[str, ...]:
    """Name why a service needs somebody: its alerts, or the word that keeps it; nothing = it needs nobody."""
    if alerts := alerts_of_service(state, now):
        return tuple(each.key for each in alerts)
    if state.ended is not None or not summarize(state, now).for_person:
        return ()
    since_t = state.phase_since_t if state.withheld_since_t is None else state.withheld_since_t
    return (f"{state.stream}:word@{since_t:.3f}",)


def reasons_of_rollout(state: RolloutState) -> tuple[str, ...]:
    """Name why a rollout as a whole needs somebody: its halt, whoever spoke it, and approvals that nobody gave."""
    if state.closed is not None:
        return ()
    halt = () if state.halted is None else (halt_key(state),)
    owed = (approval_key(state, each.scope) for each in asked(state) if not state.approvals[each.scope].given)
    return (*halt, *owed)


def needy(services: Mapping[ServiceName, ServiceRollout], now: Now) -> tuple[ServiceName, ...]:
    """Name the services that need somebody, in their order."""
    return tuple(name for name, state in services.items() if reasons_of_service(state, now))


def care_of_service(state: ServiceRollout, now: Now) -> Care | None:
    """Give who has all that a service needs somebody for."""
    care = state.care
    return care if care is not None and care.covers(reasons_of_service(state, now)) else None


def care_of_rollout(state: RolloutState) -> Care | None:
    """Give who has all that the rollout itself needs somebody for."""
    care = state.care
    return care if care is not None and care.covers(reasons_of_rollout(state)) else None


def claim(state: ServiceRollout, command: Command, now: Now) -> Answer:
    """Take up what a service needs somebody for, or hand it back."""
    return _answer(reasons_of_service(state, now), care_of_service(state, now), command)


def claim_rollout(state: RolloutState, command: Command) -> Answer:
    """Take up what the rollout itself needs somebody for, or hand it back."""
    return _answer(reasons_of_rollout(state), care_of_rollout(state), command)


def said(care: Care) -> str:
    """Say who has it since when, such as `ann has it since 2026-11-27 03:12 UTC: looking`."""
    return f"{care.who} has it since {clock_text(care.since_wall)}" + (f": {care.note}" if care.note else "")


def _answer(reasons: tuple[str, ...], care: Care | None, command: Command) -> Answer:
    """Let anybody take over, for whoever has it may be asleep; but hand back only what is one's own."""
    who = command.actor
    if command.release:
        return _released(care, command)
    if not reasons:
        return NOBODY
    if care is not None and care.who == who:
        return NoOp(f"{said(care)}; --release hands it back")
    before = "" if care is None else f"; until now {said(care)}"
    return Told((TakenUp(reasons, who, command.reason),), f"{who} has it, and nobody is paged again for it{before}")


def _released(care: Care | None, command: Command) -> Answer:
    if care is None:
        return NoOp("nobody has it")
    if care.who != command.actor:
        return Refused(said(care), "claim takes it over from them")
    return Told((HandedBack(command.actor, command.reason),), "it is handed back, and needs somebody again")
