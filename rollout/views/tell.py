"""A rollout read from a journal, told to people: sentences with dates, and the same as data. Pure."""

from datetime import UTC, datetime
from typing import Any, Final

from rollout.core import event
from rollout.core.action import Wait
from rollout.core.admission import Scene
from rollout.core.approvals import asked
from rollout.core.care import Care
from rollout.core.caring import care_of_rollout, care_of_service
from rollout.core.caring import said as claimed
from rollout.core.cells import goes_back
from rollout.core.command import FOR_SERVICES, Command, NoOp, Refused, Told, Verb
from rollout.core.commands import answer
from rollout.core.decide import consider
from rollout.core.ending import Claim
from rollout.core.event import HoldReason
from rollout.core.explain import spell
from rollout.core.fleet_state import Summary
from rollout.core.names import ServiceName
from rollout.core.phase import Beginning, Queued, Ready, Swapping
from rollout.core.service import ServiceRollout
from rollout.core.waiting import waits_for
from rollout.core.way_back import way_back
from rollout.views.gates import BASELINED, gate_samples
from rollout.views.operation import spellings
from rollout.views.reading import Read
from rollout.views.text import counted, one_line
from rollout.views.view import GOOD, kept_from, phase_name

MOVES: Final = (Verb.RESUME, Verb.RETRY, Verb.ADVANCE, Verb.ROLLBACK, Verb.RESOLVE, Verb.EXCLUDE)
"""Words that may free what waits for a person."""


def sentence(read: Read, state: ServiceRollout, scene: Scene | None = None) -> str:
    """Say what it does or waits for, since when, what frees it, and what happens when if nothing does.

    Whoever asks for many of a rollout makes the scene once.
    """
    following = consider(state, read.now)
    if state.ended is not None:
        return one_line(f"{state.plan.service} {following.doing}; {state.ended.who} ended it at {_since(read, state)}.")
    spent = spell(max(read.now.t - _since_t(state), 0.0))
    if isinstance(state.phase, Queued) and not _waits_for_word(state):
        return _queued(read, state, scene or read.scene(), spent)
    said = f"{state.plan.service} {following.doing}{kept_from(state)}, since {_since(read, state)} ({spent})"
    if following.action == Wait(None):
        until = _ends(state)
        if until is not None:
            return one_line(f"{said}; that ends at {clock(until)} if nothing else happens.")
        words = ", ".join(_works(read, state))
        freed = words if _waits_for_word(state) else "the last of its group, or by rollback"
        return one_line(f"{said}; freed by {freed}; nothing happens by itself.")
    if following.until_t is None or not following.then:
        return one_line(f"{said}; it goes on by itself.")
    at = f"at {clock(read.wall_at(following.until_t))}" if read.running else "some time after an engine runs again"
    return one_line(f"{said}; {following.then} {at} if nothing else happens.")


def with_care(said: str, care: Care | None) -> str:
    """Add who has it, if anybody does."""
    return said if care is None else one_line(f"{said.removesuffix('.')}; {claimed(care)}.")


def _queued(read: Read, state: ServiceRollout, scene: Scene, spent: str) -> str:
    """Say what a service that was not begun waits for, and until when if that has a date."""
    waiting = waits_for(scene, state.plan.service)
    said = f"{state.plan.service} is queued and waits {waiting.said}, since {_since(read, state)} ({spent})"
    if waiting.until_wall is None:
        return one_line(f"{said}.")
    return one_line(f"{said}; that ends at {clock(waiting.until_wall)} if nothing else happens.")


def _waits_for_word(state: ServiceRollout) -> bool:
    return not isinstance(state.phase, Queued | Swapping) or bool(state.holds) or state.stop is not None


def _ends(state: ServiceRollout) -> float | None:
    """Give the date at which the last of the holds ends by itself, if all of them do."""
    dates = [hold.until_wall for hold in state.holds if hold.until_wall is not None]
    return max(dates) if dates and len(dates) == len(state.holds) and state.stop is None else None


def _works(read: Read, state: ServiceRollout) -> list[str]:
    legal = legal_words(read, state)
    approved = [Verb.APPROVE.value] if any(hold.reason is HoldReason.APPROVAL for hold in state.holds) else []
    return approved + [verb.value for verb in MOVES if legal[verb]["answer"] == "accepted"]


def legal_words(read: Read, state: ServiceRollout) -> dict[Verb, dict[str, str]]:
    """Give what each word would be answered now, with no flag but the claim that a resolve needs."""
    words = {}
    for verb in (each for each in Verb if each in FOR_SERVICES):
        command = Command("", verb, "you", "asked", resolve_as=Claim.LEFT)
        match answer(state, command, read.now):
            case Told(said=said):
                words[verb] = {"answer": "accepted", "said": said}
            case NoOp(said=said):
                words[verb] = {"answer": "no_op", "said": said}
            case Refused(why=why, instead=instead):
                words[verb] = {"answer": "refused", "said": why, "instead": instead}
    return words


def headline(read: Read) -> str:
    """Say in one line where the rollout stands."""
    own = read.rollout
    if read.trouble is not None:
        return one_line(f"{own.plan.rollout} STANDS STILL: {read.trouble}")
    parts = [f"{number} {what}" for what, number in counts(read).items() if number]
    said = f"{own.plan.rollout}: {', '.join(parts)}"
    if own.aborted:
        said += f"; aborted by {own.halted_by}: {own.halted}"
    elif own.halted is not None:
        said += f"; halted by {own.halted_by}: {own.halted} (freed by resume)"
    if (freeze := read.around.freeze) is not None:
        until = f" until {clock(freeze.until_wall)}" if freeze.until_wall is not None else ""
        said += f"; frozen by {freeze.who}{until}: {freeze.note}"
    if own.closed is None and own.deadline_wall is not None and not own.overdue:
        said += f"; deadline {clock(own.deadline_wall)}"
    if own.closed is not None:
        said += f"; over: {own.closed.reason}"
    if (care := care_of_rollout(own)) is not None:
        said += f"; {claimed(care)}"
    return one_line(said)


def engine_line(read: Read) -> str:
    """Say that nobody is at work, if so; and of one at work, where its calls wait for their turn."""
    if read.rollout.closed is not None:
        return ""
    if read.running:
        return f"Calls wait for their turn: {read.said}." if read.said else ""
    return f"No engine was heard since {clock(read.heard.wall)}: nothing moves until `rollout run` goes on."


def counts(read: Read) -> dict[str, int]:
    """Count services by what a person wants to know of them."""
    found = {"done": 0, "in flight": 0, "queued": 0, "waiting for a person": 0, "going back": 0, "ended otherwise": 0}
    for name, state in read.services.items():
        found[_standing(state, read.summary(name))] += 1
    return found


def _standing(state: ServiceRollout, summary: Summary) -> str:
    if state.ended is not None:
        return "done" if state.ended.outcome in GOOD else "ended otherwise"
    if summary.for_person:
        return "waiting for a person"
    if isinstance(state.phase, Queued):
        return "queued"
    return "going back" if goes_back(state) else "in flight"


def attends(read: Read) -> bool:
    """Tell whether the rollout waits for a person: to move a service on, to lift a halt, or to approve something."""
    own = read.rollout
    owed = any(not own.approvals[each.scope].given for each in asked(own))
    if read.trouble is not None:
        return True
    return own.closed is None and (counts(read)["waiting for a person"] > 0 or own.halted is not None or owed)


def details(read: Read, service: ServiceName, scene: Scene | None = None) -> dict[str, Any]:
    """Give everything worth knowing of one service, as data."""
    state = read.services[service]
    return {
        "service": service,
        "wave": next((wave.name for wave in read.rollout.plan.waves if service in wave.services), None),
        "attempt": state.attempt,
        "phase": phase_name(state.phase),
        "outcome": state.ended.outcome.value if state.ended else None,
        "sentence": with_care(sentence(read, state, scene), care_of_service(state, read.now)),
        "since": _since(read, state),
        "domains": state.domain_count,
        "walked": list(state.walked),
        "way_back": way_back(state),
        "holds": [{"reason": hold.reason.value, "who": hold.who, "note": hold.note} for hold in state.holds],
        "stop": {"who": state.stop.who, "note": state.stop.note} if state.stop else None,
        "failure": state.failure,
        "gate": _gate(read, service),
        "operation": _operation(read, service),
        "error": _error(read, service),
    }


def _gate(read: Read, service: ServiceName) -> dict[str, Any] | None:
    """Find the last gate's evidence."""
    found = next(
        (each for each in reversed(gate_samples(read.entries.get(service, ()))) if each.said != BASELINED), None
    )
    if found is None:
        return None
    return {"domain": found.domain, "said": found.said, "at": clock(found.at), "checks": list(found.checks)}


def _operation(read: Read, service: ServiceName) -> dict[str, str] | None:
    """Find the last accepted operation's id, in the two spellings that the platform uses."""
    for recorded in reversed(read.entries.get(service, ())):
        if isinstance(recorded.entry.fact, event.Accepted):
            plain, dashed = spellings(recorded.entry.fact.handle.id)
            return {"id": plain, "dashed": dashed}
    return None


def _error(read: Read, service: ServiceName) -> str | None:
    """Find the last error in the service's own words."""
    for recorded in reversed(read.entries.get(service, ())):
        match recorded.entry.fact:
            case event.Failed(code=code, message=message):
                return f"{code}: {message}"
            case event.Refused(error=error):
                return error
            case event.Lost(detail=detail):
                return detail
            case _:
                continue
    return None


def block(read: Read, service: ServiceName, scene: Scene | None = None) -> list[str]:
    """Lay the details of one service out as lines."""
    known = details(read, service, scene)
    done = (
        f"{len(known['walked'])} of {counted(known['domains'], 'domain')} walked"
        if known["domains"]
        else "not looked at"
    )
    lines = [f"{service}: {known['outcome'] or known['phase']}, {done}; wave {known['wave']}", known["sentence"]]
    lines.append(f"way back: {known['way_back']}")
    if known["gate"]:
        checks = "; ".join(f"{each['check']} {each['verdict']}: {each['detail']}" for each in known["gate"]["checks"])
        lines.append(
            f"gate of domain {known['gate']['domain']}: {known['gate']['said']} at {known['gate']['at']}: {checks}"
        )
    if known["operation"]:
        lines.append(f"operation: {known['operation']['id']} ({known['operation']['dashed']})")
    if known["error"]:
        lines.append(f"last error: {known['error']}")
    return [one_line(line) if number == 0 else f"    {one_line(line)}" for number, line in enumerate(lines)]


def clock(wall: float) -> str:
    """Write a POSIX second for people: UTC, to the second."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _since(read: Read, state: ServiceRollout) -> str:
    return clock(since_wall(read, state))


def since_wall(read: Read, state: ServiceRollout) -> float:
    """Give when the phase began: the time of the entry that began it, which downtime does not bend."""
    records = read.entries.get(state.plan.service, ())
    began = next((each for each in records if each.entry.now.t >= _since_t(state)), None)
    return began.entry.now.wall if began else read.wall_at(_since_t(state))


def _since_t(state: ServiceRollout) -> float:
    """Give when what goes on began: the phase, or the word that keeps it from going on."""
    if isinstance(state.phase, Ready | Queued | Beginning) and state.withheld_since_t is not None:
        return max(state.phase_since_t, state.withheld_since_t)
    return state.phase_since_t
