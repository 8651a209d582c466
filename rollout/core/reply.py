"""A whole ask answered: which facts go to which streams, all in one transaction, and what the person is told."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import msgspec

from rollout.core import event, fleet_event
from rollout.core.caring import claim_rollout, needy, reasons_of_rollout
from rollout.core.cells import undo
from rollout.core.command import FOR_ROLLOUTS, Answer, Ask, Command, NoOp, Refused, Told, Verb
from rollout.core.commands import answer
from rollout.core.drafts import Draft, with_companions
from rollout.core.ending import Outcome
from rollout.core.environment_event import EnvironmentLifted
from rollout.core.event import HoldReason, ServiceFact
from rollout.core.fleet_state import RolloutState
from rollout.core.freeze import EngineState, answer_freeze
from rollout.core.names import ENGINE_STREAM, Now, ServiceName, rollout_stream
from rollout.core.phase import ForeignChange, Queued
from rollout.core.service import ServiceRollout
from rollout.core.summary import summarize
from rollout.core.terms import with_service_terms
from rollout.core.way_back import undo_gone
from rollout.core.word_amend import answer_amend
from rollout.core.word_approval import Groups, Spoken, answer_approval, asked_again

SAID_MAX: Final = 50
"""How many services an answer names; it counts all of them."""

NOBODY: Final[Groups] = MappingProxyType({})
"""No group is known."""

Services = Mapping[ServiceName, ServiceRollout]


class Kind(StrEnum):
    """The three ways in which a command is answered."""

    ACCEPTED = "accepted"
    NO_OP = "no_op"
    REFUSED = "refused"


class Said(msgspec.Struct, frozen=True):
    """What one service, or the rollout (`about` is its id), answers. `instead` is what would work."""

    about: str
    kind: Kind
    text: str
    instead: str = ""


class Reply(msgspec.Struct, frozen=True):
    """What a person is told: accepted if anything was, refused if nothing but refusals is left."""

    kind: Kind
    said: tuple[Said, ...]
    counts: dict[str, int]


def reply(
    rollout: RolloutState | None, services: Services, ask: Ask, now: Now, groups: Groups = NOBODY
) -> tuple[Reply, tuple[Draft, ...]]:
    """Answer an ask. `services` are the newest attempts of the rollout, in fleet order."""
    verb, service = ask.command.verb, ask.service
    if rollout is None:
        return _no(ask.rollout, "there is no such rollout in this state directory", "`rollout list` names them")
    if rollout.closed is not None:
        return _no(ask.rollout, f"it is over: {rollout.closed.reason}", "a new rollout")
    if verb in FOR_ROLLOUTS:
        if service is not None or ask.services:
            about = service or ask.rollout
            return _no(
                about, f"{verb} is for a whole rollout", f"{verb} {ask.rollout}; stop or rollback for some of it"
            )
        return _for_rollout(rollout, services, ask.command, now, groups)
    named = ask.services if service is None else (service,)
    if unknown := [each for each in named if each not in services]:
        near = get_close_matches(unknown[0], services, n=1)
        why = f"rollout {ask.rollout} has no such service"
        return _no(unknown[0], why, *near or ["the names that `rollout get` shows"])
    if verb is Verb.RETRY and (gone := [each for each in named if each in rollout.handed_over]):
        return _no(gone[0], f"{rollout.handed_over[gone[0]]} took its place", "the same there")
    if verb is Verb.RETRY and rollout.aborted:
        return _no(ask.rollout, f"it was aborted by {rollout.halted_by}", "a new rollout")
    if named:
        return _each(rollout, {each: services[each] for each in named}, ask.command, now)
    if verb is Verb.CLAIM:
        return _claimed(rollout, services, ask.command, now)
    chosen = {name: state for name, state in services.items() if state.ended is None or _again(rollout, name, verb)}
    said, drafts = _answers(rollout, chosen, ask.command, now)
    if verb is Verb.RESUME:
        said_of, drafts_of = _resumed(rollout, services, ask.command, now)
        said, drafts = [*said_of, *said], [*drafts_of, *drafts]
    return _sum(said), tuple(drafts)


def reply_engine(state: EngineState, command: Command, now: Now) -> tuple[Reply, tuple[Draft, ...]]:
    """Answer a word for the engine as a whole."""
    fact, answered = answer_freeze(state, command, now)
    return _about("freeze", answered), () if fact is None else ((ENGINE_STREAM, fact),)


def _about(about: str, answered: Answer) -> Reply:
    match answered:
        case Told(said=text):
            return _sum([Said(about, Kind.ACCEPTED, text)])
        case NoOp(said=text):
            return _sum([Said(about, Kind.NO_OP, text)])
        case Refused(why=why, instead=instead):
            return _sum([Said(about, Kind.REFUSED, why, instead)])


def _again(rollout: RolloutState, service: ServiceName, verb: Verb) -> bool:
    return verb is Verb.RETRY and service not in rollout.handed_over


def _each(rollout: RolloutState, services: Services, command: Command, now: Now) -> tuple[Reply, tuple[Draft, ...]]:
    said, drafts = _answers(rollout, services, command, now)
    return _sum(said), tuple(drafts)


def _answers(rollout: RolloutState, services: Services, command: Command, now: Now) -> tuple[list[Said], list[Draft]]:
    said: list[Said] = []
    drafts: list[Draft] = []
    for name, state in services.items():
        match answer(state, command, now):
            case Told(facts=facts, said=text):
                said.append(Said(name, Kind.ACCEPTED, text))
                drafts += [draft for fact in facts for draft in with_companions(state, _under_terms(rollout, fact))]
            case NoOp(said=text):
                said.append(Said(name, Kind.NO_OP, text))
            case Refused(why=why, instead=instead):
                said.append(Said(name, Kind.REFUSED, why, instead))
    return said, drafts


def _claimed(rollout: RolloutState, services: Services, command: Command, now: Now) -> tuple[Reply, tuple[Draft, ...]]:
    """Answer for whatever of a rollout needs somebody, itself first; the others have nothing to say to a claim."""
    own = rollout.plan.rollout
    said, drafts = _answers(rollout, {name: services[name] for name in needy(services, now)}, command, now)
    if reasons_of_rollout(rollout) or not said:
        answered = claim_rollout(rollout, command)
        said = [*_about(own, answered).said, *said]
        facts = answered.facts if isinstance(answered, Told) else ()
        drafts = [*((rollout_stream(own), fact) for fact in facts), *drafts]
    return _sum(said), tuple(drafts)


def _under_terms(rollout: RolloutState, fact: ServiceFact) -> ServiceFact:
    """Let a new attempt begin under the terms that are in force by now: what had ended heard of no amendment."""
    if not isinstance(fact, event.Opened):
        return fact
    terms = rollout.terms.get(rollout.wave_of(fact.plan.service).name)
    return fact if terms is None else msgspec.structs.replace(fact, plan=with_service_terms(fact.plan, terms))


# --- words for a rollout ---


def _for_rollout(
    rollout: RolloutState, services: Services, command: Command, now: Now, groups: Groups
) -> tuple[Reply, tuple[Draft, ...]]:
    match command.verb:
        case Verb.HALT:
            return _halt(rollout, services, command, now)
        case Verb.ABORT:
            return _abort(rollout, services, command, now)
        case Verb.AMEND:
            answered, drafts = answer_amend(rollout, services, command)
            return _about(rollout.plan.rollout, answered), drafts
        case _:
            return _spoken(rollout, answer_approval(rollout, command, groups, now))


def _spoken(rollout: RolloutState, answers: Iterable[Spoken]) -> tuple[Reply, tuple[Draft, ...]]:
    said: list[Said] = []
    drafts: list[Draft] = []
    for each in answers:
        kind = Kind.REFUSED if each.fact is None else Kind.ACCEPTED
        said.append(Said(each.about, kind, each.text, each.instead))
        drafts += [] if each.fact is None else [(rollout_stream(rollout.plan.rollout), each.fact)]
    return _sum(said), tuple(drafts)


def _resumed(rollout: RolloutState, services: Services, command: Command, now: Now) -> tuple[list[Said], list[Draft]]:
    """Let the rollout itself go on: lift its halts, and ask for approvals again that nobody gave."""
    own = rollout.plan.rollout
    said: list[Said] = []
    facts: list[fleet_event.FleetFact] = []
    if again := asked_again(rollout, now):
        said.append(Said(own, Kind.ACCEPTED, "approval is asked for again"))
        facts += again
    if rollout.halted is not None and not rollout.aborted:
        lifted, fact = _lift(rollout, services, command, now)
        said, facts = [*said, lifted], [fact, *facts]
    if rollout.environment is not None:
        said.append(Said(own, Kind.ACCEPTED, "goes on, whatever its environment shows"))
        facts.insert(0, EnvironmentLifted(command.actor, command.reason))
    return said, [(rollout_stream(own), fact) for fact in facts]


def _lift(rollout: RolloutState, services: Services, command: Command, now: Now) -> tuple[Said, fleet_event.HaltLifted]:
    failed = tuple(name for name, state in services.items() if summarize(state, now).failed)
    past = " past its deadline" if rollout.overdue else ""
    text = f"goes on{past}" + (f"; {len(failed)} that failed count no more" if failed else "")
    fact = fleet_event.HaltLifted(command.actor, command.reason, failed)
    return Said(rollout.plan.rollout, Kind.ACCEPTED, text), fact


def _halt(rollout: RolloutState, services: Services, command: Command, now: Now) -> tuple[Reply, tuple[Draft, ...]]:
    own = rollout.plan.rollout
    if rollout.halted is not None:
        return _sum([Said(own, Kind.NO_OP, f"it is halted already, by {rollout.halted_by}: {rollout.halted}")]), ()
    wave = rollout.open_wave
    halted = fleet_event.Halted(wave.name if wave else "", command.reason, command.actor)
    held = event.Held(HoldReason.HALT, command.actor, command.reason)
    moving = [state for state in services.values() if _moves_forward(state, now)]
    text = f"nothing new starts; {len(moving)} in flight finish their domain's gate and then hold"
    drafts: list[Draft] = [(rollout_stream(own), halted), *((state.stream, held) for state in moving)]
    return _sum([Said(own, Kind.ACCEPTED, text)]), tuple(drafts)


def _moves_forward(state: ServiceRollout, now: Now) -> bool:
    return state.ended is None and not isinstance(state.phase, Queued) and not summarize(state, now).failed


def _abort(rollout: RolloutState, services: Services, command: Command, now: Now) -> tuple[Reply, tuple[Draft, ...]]:
    """Halt, and take back what has not ended. A stop outlives it; somebody else's change is left alone."""
    own = rollout.plan.rollout
    back = msgspec.structs.replace(command, verb=Verb.ROLLBACK, take_over=False)
    said: list[Said] = []
    drafts: list[Draft] = []
    if rollout.aborted:
        said.append(Said(own, Kind.NO_OP, f"it was aborted already, by {rollout.halted_by}: {rollout.halted}"))
    else:
        said.append(Said(own, Kind.ACCEPTED, "nothing starts any more, and what has not ended goes back"))
        drafts.append((rollout_stream(own), fleet_event.Aborted(command.actor, command.reason)))
    for name, state in services.items():
        if state.ended is not None and command.including_finished:
            said_of, drafts_of = _undone(name, state, command)
            said += said_of
            drafts += drafts_of
        if state.ended is not None or isinstance(state.phase, ForeignChange):
            continue
        said_of, drafts_of = _answers(rollout, {name: state}, back, now)
        kept = [draft for draft in drafts_of if not isinstance(draft[1], event.Resumed)]
        if state.stop is not None and drafts_of:
            text = f"goes back once the stop by {state.stop.who} is lifted: resume, or rollback"
            said_of = [Said(name, Kind.ACCEPTED if kept else Kind.NO_OP, text)]
        said += said_of
        drafts += kept
    return _sum(said), tuple(drafts)


def _undone(name: ServiceName, state: ServiceRollout, command: Command) -> tuple[list[Said], list[Draft]]:
    """Take back what has ended well, as a new attempt; what ended otherwise has nothing to be taken back."""
    if state.ended is None or state.ended.outcome is not Outcome.SUCCEEDED:
        return [], []
    if (gone := undo_gone(state)) is not None:
        return [Said(name, Kind.REFUSED, gone, "a rollout of the old release brings that back")], []
    opened = undo(state, command)
    return [Said(name, Kind.ACCEPTED, "goes back, as a new attempt")], list(with_companions(state, opened))


# --- what is said ---


def _no(about: str, why: str, instead: str) -> tuple[Reply, tuple[Draft, ...]]:
    return _sum([Said(about, Kind.REFUSED, why, instead)]), ()


def _sum(said: Iterable[Said]) -> Reply:
    """Put answers together, the refusals first, since they need reading."""
    ordered = sorted(said, key=lambda each: each.kind is not Kind.REFUSED)
    counts = {kind.value: sum(each.kind is kind for each in ordered) for kind in Kind}
    kinds = {each.kind for each in ordered}
    kind = next((each for each in (Kind.ACCEPTED, Kind.NO_OP, Kind.REFUSED) if each in kinds), Kind.NO_OP)
    return Reply(kind, tuple(ordered[:SAID_MAX]), counts)
