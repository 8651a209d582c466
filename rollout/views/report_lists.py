"""The lists of a report: every verdict with its evidence, approvals, words of people, and calls to the platform."""

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from rollout.core import event, fleet_event
from rollout.core.event import Evidence
from rollout.core.gate_event import Baselined
from rollout.core.names import ENGINE, POLICY, StreamName
from rollout.core.operation import describe
from rollout.journal.journal import Recorded
from rollout.views.text import one_line
from rollout.views.timeline import timeline_entry, whose


class EvidenceLine(msgspec.Struct, frozen=True):
    """What one check said."""

    check: str
    verdict: str
    detail: str


class VerdictLine(msgspec.Struct, frozen=True):
    """What checks said of a domain, or of a service that was watched."""

    at: float
    service: str
    domain: int | None
    what: str
    verdict: str
    evidence: tuple[EvidenceLine, ...]
    position: int


class ApprovalLine(msgspec.Struct, frozen=True):
    """An approval that was asked for, and its answer."""

    scope: str
    by: str
    asked_at: float
    until_at: float
    plan: str
    answer: str | None
    who: str
    note: str
    answered_at: float | None


class WordLine(msgspec.Struct, frozen=True):
    """What a person said, as it was recorded."""

    at: float
    who: str
    about: str
    verb: str
    sentence: str
    position: int


class CallLine(msgspec.Struct, frozen=True):
    """A call to the platform: intended before it was made, and what became of it."""

    at: float
    service: str
    attempt_stream: str
    number: int
    operation: str
    answer: str
    operation_id: str | None
    ended_at: float | None
    result: str | None


def verdicts_of(records: Sequence[Recorded]) -> tuple[VerdictLine, ...]:
    """Give every verdict that was recorded: each first one, each change, and each end of a gate or bake."""
    return tuple(line for each in records for line in _verdict(each))


def _verdict(recorded: Recorded) -> Iterator[VerdictLine]:
    entry = recorded.entry
    _, service = whose(entry)
    at, position = entry.now.wall, recorded.position
    match entry.fact:
        case event.Probed(domain=domain, verdict=verdict, evidence=evidence):
            yield VerdictLine(at, service or "", domain, "round", verdict.value, _said(evidence), position)
        case event.GatePassed(domain=domain, evidence=evidence):
            yield VerdictLine(at, service or "", domain, "gate", "passed", _said(evidence), position)
        case event.GateFailed(domain=domain, evidence=evidence):
            yield VerdictLine(at, service or "", domain, "gate", "failed", _said(evidence), position)
        case event.Baked(domain=domain, evidence=evidence):
            yield VerdictLine(at, service or "", domain, "bake", "passed", _said(evidence), position)
        case Baselined(evidence=evidence, hold=hold, refused=refused):
            stands = "refused" if refused else "held" if hold else "known"
            yield VerdictLine(at, service or "", None, "before the change", stands, _said(evidence), position)
        case fleet_event.BakeProbed(service=name, well=well, detail=detail):
            seen = "unknown" if well is None else "pass" if well else "fail"
            yield VerdictLine(
                at, name, None, "wave bake", seen, (EvidenceLine("watch", seen, one_line(detail)),), position
            )
        case _:
            pass


def _said(evidence: Sequence[Evidence]) -> tuple[EvidenceLine, ...]:
    return tuple(EvidenceLine(each.check, each.verdict.value, one_line(each.detail)) for each in evidence)


def approvals_of(records: Sequence[Recorded]) -> tuple[ApprovalLine, ...]:
    """Give every approval that was asked for, in order; one that was asked for again is there again."""
    found: list[ApprovalLine] = []
    for each in records:
        at = each.entry.now.wall
        match each.entry.fact:
            case fleet_event.ApprovalAsked(scope=scope, by=by, until_wall=until_wall, digest=digest):
                found.append(ApprovalLine(scope, by, at, until_wall, digest, None, "", "", None))
            case (fleet_event.Approved() | fleet_event.Rejected()) as fact:
                answer = "approved" if isinstance(fact, fleet_event.Approved) else "rejected"
                last = max(number for number, line in enumerate(found) if line.scope == fact.scope)
                found[last] = msgspec.structs.replace(
                    found[last], answer=answer, who=fact.who, note=one_line(fact.note), answered_at=at
                )
            case _:
                pass
    return tuple(found)


def words_of(records: Sequence[Recorded]) -> tuple[WordLine, ...]:
    """Give what people said: every entry that neither the engine nor the policy wrote.

    What one word did to many services at once is one line, and what follows from it is none.
    """
    spoken = [each for each in records if each.entry.actor not in {ENGINE, POLICY} and not _follows(each.entry.fact)]
    together = groupby(spoken, key=lambda each: (each.entry.now, each.entry.actor, type(each.entry.fact)))
    return tuple(_word(list(group)) for _, group in together)


def _follows(fact: event.Fact) -> bool:
    """Tell what is written along with a word: the first attempts of an opening, and the rollout's own book-keeping."""
    match fact:
        case event.Opened(attempt=attempt):
            return attempt == 1
        case fleet_event.ServiceEnded() | fleet_event.ServiceAdmitted() | fleet_event.ServiceReopened():
            return True
        case _:
            return False


def _word(group: Sequence[Recorded]) -> WordLine:
    told = timeline_entry(group[0])
    more = len(group) - 1
    about = told.service or told.rollout or told.stream
    sentence = told.sentence if not more else f"{told.sentence} (and {more} more)"
    return WordLine(
        at=told.at,
        who=told.actor,
        about=about if not more else f"{len(group)} services",
        verb=told.kind.replace("_", " "),
        sentence=sentence,
        position=told.position,
    )


def calls_of(records: Sequence[Recorded]) -> tuple[CallLine, ...]:
    """Give every call that was intended, with its answer and its end."""
    found: dict[tuple[StreamName, int], CallLine] = {}
    for each in records:
        entry = each.entry
        fact = entry.fact
        if isinstance(fact, event.Intended):
            _, service = whose(entry)
            found[entry.stream, fact.number] = CallLine(
                entry.now.wall, service or "", entry.stream, fact.number, describe(fact.operation), "none recorded",
                None, None, None,
            )  # fmt: skip
        elif isinstance(fact, _OF_CALLS) and (line := found.get((entry.stream, fact.number))) is not None:
            found[entry.stream, fact.number] = _answered(line, fact, entry.now.wall)
    return tuple(found.values())


_Answer = event.Accepted | event.Refused | event.Lost | event.Succeeded | event.Failed | event.Untracked
_OF_CALLS = (event.Accepted, event.Refused, event.Lost, event.Succeeded, event.Failed, event.Untracked)


def _answered(line: CallLine, fact: _Answer, at: float) -> CallLine:
    replace = msgspec.structs.replace
    match fact:
        case event.Accepted(handle=handle):
            return replace(line, answer="accepted", operation_id=handle.id)
        case event.Refused(kind=kind, error=error):
            return replace(line, answer=one_line(f"refused ({kind}): {error}"), ended_at=at)
        case event.Lost(detail=detail):
            return replace(line, answer=one_line(f"lost: {detail}"), ended_at=at)
        case event.Succeeded():
            return replace(line, result="succeeded", ended_at=at)
        case event.Failed(code=code, message=message):
            return replace(line, result=one_line(f"failed: {code}: {message}"), ended_at=at)
        case event.Untracked(detail=detail):
            return replace(line, result=one_line(f"not known any more: {detail}"), ended_at=at)
