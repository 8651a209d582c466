"""Everything that can happen to a service rollout next, whatever is being changed: the adversary of the model check.

The world owes nobody consistency: any look may come at any time, so what holds here holds whatever the platform does.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from rollout.core import change_event, event
from rollout.core.action import (
    Action,
    LookAtDeployment,
    PollOperation,
    Prepare,
    ProbeHealth,
    Record,
    Source,
    Submit,
    Wait,
    Watch,
)
from rollout.core.change_plan import ConfigurePlan
from rollout.core.command import Answer, Command, Told, Verb
from rollout.core.commands import answer
from rollout.core.deadline import deadline
from rollout.core.ending import Claim
from rollout.core.event import Evidence, Finding, ServiceFact, Verdict
from rollout.core.evolve import evolve
from rollout.core.interpret import YOUNG_OPERATION_S, interpret_look, interpret_poll
from rollout.core.judge import interpret_probe
from rollout.core.names import Digest, Now, Slot, service_stream
from rollout.core.outcome import Failed, Handle, RefusedKind, Running, Succeeded, Unknown, Unreachable
from rollout.core.phase import Queued, Ready, Swapping, call_of, step_of
from rollout.core.service import ServiceRollout
from rollout.core.slow import slow_t
from rollout.core.snapshot import Absent, Look, Observation, Snapshot
from rollout.core.stages import walks_itself

REFUSALS_MAX = 1
"""Refusals of one step in a row; more of the same is tried by the story of a platform that is always busy."""
HORIZON_S = 1e6
ATTEMPTS_MAX = 2
OLD, STRANGE = "web-2.4.0", "strange"

COMMANDS = (
    Command("k", Verb.PAUSE, "ann", "lunch"),
    Command("k", Verb.RESUME, "ann", "go on"),
    Command("k", Verb.STOP, "ann", "stop it"),
    Command("k", Verb.ADVANCE, "ann", "it is known", accept_red=("instances",), past_no_return=True),
    Command("k", Verb.RETRY, "ann", "again"),
    Command("k", Verb.EXCLUDE, "ann", "not this one"),
    Command("k", Verb.ROLLBACK, "ann", "take it back"),
    Command("k", Verb.ROLLBACK, "ann", "take it back", take_over=True),
    Command("k", Verb.RESOLVE, "ann", "it is done", resolve_as=Claim.SUCCEEDED),
    Command("k", Verb.RESOLVE, "ann", "never mind", resolve_as=Claim.LEFT, force=True),
)

SHOWS_WHAT_CAME_OF_IT = frozenset(Finding) - {Finding.OVERDUE}
"""Findings of looks at a deployment that nobody has exclusive access to: whatever was accepted there has ended."""


class Node(msgspec.Struct, frozen=True):
    """A state and a moment. `words` = how many words people may still say on this way.

    `flying` = a call was accepted, and neither its operation nor the deployment has shown its end.
    """

    state: ServiceRollout
    t: float
    words: int
    flying: bool = False


class World:
    """Everything that can happen next. `told` is the story of what is being changed, before its first fact."""

    def __init__(self, told: Any) -> None:
        self.told = told
        self.spoken: set[tuple[str, Verb, str]] = set()
        self._seen: dict[object, tuple[Observation, ...]] = {}

    def after(self, node: Node, action: Action | None) -> Iterator[tuple[Command | None, Answer | None, Node]]:
        """Give what may follow, and the word and its answer where a person spoke."""
        if node.words:
            yield from self._spoken(node)
        yield from ((None, None, each) for each in self._unspoken(node, action))

    def _unspoken(self, node: Node, action: Action | None) -> Iterator[Node]:
        match action:
            case None:
                return
            case Record(fact=event.Lost()):
                yield from self._answers(node)
            case Record(fact=fact):
                yield self._told(node, fact)
            case Submit(operation=operation):
                yield self._told(node, event.Intended(node.state.calls + 1, operation, quarantine_s=40.0))
            case Wait(until_t=None):
                yield from self._awaited(node)
            case Wait(until_t=until_t):
                assert until_t is not None
                assert until_t > node.t
                yield replace(node, t=until_t)
            case Prepare():
                yield from self._prepared(node)
            case Watch():
                yield from self._watched(node, action)

    def _told(self, node: Node, fact: ServiceFact, t: float | None = None) -> Node:
        at = node.t if t is None else t
        state = node.state
        if isinstance(fact, event.Opened):
            stream = service_stream(state.plan.rollout, state.plan.service, fact.attempt)
            opened = evolve(None, event.Entry(stream, 1, Now(at, at), "test", fact))
            return replace(node, state=opened, t=at, flying=False)
        entry = event.Entry(state.stream, state.version + 1, Now(at, at), "test", fact)
        return replace(node, state=evolve(state, entry), t=at, flying=flies(node.flying, fact))

    def _spoken(self, node: Node) -> Iterator[tuple[Command, Answer, Node]]:
        """Say everything that can be said here; what is accepted is legal, fact by fact."""
        fewer = replace(node, words=node.words - 1)
        for command in COMMANDS:
            said = answer(node.state, command, Now(node.t, node.t))
            self.spoken.add((type(node.state.phase).__name__, command.verb, type(said).__name__))
            after = fewer
            if isinstance(said, Told) and not self._one_too_many(said):
                for fact in said.facts:
                    after = self._told(after, fact)
            yield command, said, after

    @staticmethod
    def _one_too_many(said: Told) -> bool:
        return any(isinstance(fact, event.Opened) and fact.attempt > ATTEMPTS_MAX for fact in said.facts)

    def _answers(self, asked: Node) -> Iterator[Node]:
        """The intent is on disk: the call is answered, or the engine dies and its answer is lost."""
        number, step = asked.state.calls, step_of(asked.state.phase)
        assert step is not None
        yield self._told(asked, event.Accepted(number, Handle("s", "op")))
        yield self._told(asked, event.Lost(number, "reset"))
        if step.refusals < REFUSALS_MAX:
            for kind in RefusedKind:
                yield self._told(asked, event.Refused(number, kind, "no", retry_in_s=45.0))

    def _awaited(self, node: Node) -> Iterator[Node]:
        state = node.state
        if isinstance(state.phase, Queued):
            yield self._told(node, event.Admitted("rest"))
        if isinstance(state.phase, Swapping) and not state.barrier_open:
            yield self._told(node, change_event.BarrierOpened("all others are ready"), node.t + 5000.0)
        for hold in state.holds:
            yield self._told(node, event.Released(hold.reason, "ann"), node.t + 5000.0)
        if state.stop is not None:
            yield self._told(node, event.Resumed("ann", "go on"), node.t + 5000.0)

    def _prepared(self, node: Node) -> Iterator[Node]:
        yield self._told(node, event.Unfit("it cannot be made"))
        copy = Digest("f") if node.state.plan.rollback.capture is not None else None
        for key in ("key-new", "key-old"):
            yield self._told(node, change_event.Prepared(Digest("e"), key, copy))

    def _watched(self, node: Node, action: Watch) -> Iterator[Node]:
        limit_t = max(deadline(node.state, node.t).t, node.t) + 1.0
        times = {node.t + 1.0, max(action.due_t, node.t) + 1.0, limit_t}
        for t in sorted(time for time in times if time < HORIZON_S):
            silent = False
            for source in action.sources:
                heard = {meaning(fact): fact for fact in self._heard(node.state, source, t)}
                silent = silent or "" in heard
                for fact in heard.values():
                    if fact is not None:
                        yield self._told(node, fact, t)
            if silent:
                yield replace(node, t=t)
        yield from self._slow(node, action)

    def _slow(self, node: Node, action: Watch) -> Iterator[Node]:
        t = max(slow_t(node.state, Now(node.t, node.t)), node.t) + 1.0
        call = call_of(node.state.phase)
        if call is None or t >= HORIZON_S or not any(isinstance(each, PollOperation) for each in action.sources):
            return
        fact = interpret_poll(node.state, call.number, Running(), Now(t, t))
        if fact is not None:
            yield self._told(node, fact, t)

    def _heard(self, state: ServiceRollout, source: Source, t: float) -> Iterator[ServiceFact | None]:
        match source:
            case PollOperation(number=number):
                for progress in (Running(), Succeeded(), Failed("Boom", "x"), Unknown("404"), Unreachable("down")):
                    yield interpret_poll(state, number, progress, Now(t, t))
                yield interpret_poll(state, number, Unknown("404"), Now(t + YOUNG_OPERATION_S, t))
            case LookAtDeployment(slot=slot):
                for seen in self._sights(state, slot):
                    for previous in (None, Look(seen, Now(t - 1.0, t))):
                        fact = interpret_look(state, previous, Look(seen, Now(t, t)))
                        assert unlocked(fact, seen) or is_last_look(state)
                        yield fact
            case ProbeHealth(domains=domains, first_t=first_t, checks=checks):
                assert checks
                assert domains or not state.baselined
                whole = walks_itself(state) or state.swapped
                assert set(domains) <= set(range(state.domain_count) if whole else state.walked)
                for verdict in Verdict:
                    evidence = tuple(Evidence(check, verdict, "said") for check in checks)
                    yield interpret_probe(state, evidence, Now(max(t, first_t), t))

    # --- what a deployment may look like ---

    def _sights(self, state: ServiceRollout, slot: Slot | None) -> tuple[Observation, ...]:
        where = (slot, state.mark, state.former, state.vacant)
        if where not in self._seen:
            draw = self._production() if slot is Slot.PRODUCTION else self._shapes(state)
            self._seen[where] = tuple(draw)
        return self._seen[where]

    def _production(self) -> Iterator[Observation]:
        """Give what may stand in production: what was there, what was in staging, something else, nothing."""
        looks = self.told.looks
        yield from (Absent("404"), Unreachable("down"))
        for name in ("dep-0", "dep-1", "web-new", "dep-7"):
            yield looks.running(deployment=name)
        yield from (looks.running(deployment="dep-0", locked=True), looks.running(deployment="dep-1", locked=True))
        yield from (looks.mid(0, STRANGE, deployment="dep-0"), looks.sick(looks.running(deployment="dep-1"), 0))

    def _shapes(self, state: ServiceRollout) -> Iterator[Observation]:
        """Give what a deployment may look like, fair or not."""
        looks = self.told.looks
        yield from (Absent("404"), Unreachable("down"), looks.suspended(), looks.mid(0, STRANGE))
        yield from (looks.running(OLD), looks.running(STRANGE), looks.running(locked=True))
        yield looks.sick(looks.running(OLD), 0)
        for shown in {msgspec.json.encode(each): each for each in self._ours(state)}.values():
            yield from (looks.running(**shown), looks.running(**shown, locked=True), looks.suspended(**shown))
            yield from (looks.sick(looks.running(**shown), 0), looks.mid(0, **shown, manual=False))
            for pointer in range(looks.domains):
                yield from (looks.mid(pointer, **shown), looks.mid(pointer, **shown, during=True))
                yield looks.mid(pointer, **shown, locked=True)
        for pointer in range(looks.domains):
            yield looks.mid(pointer, OLD)

    def _ours(self, state: ServiceRollout) -> Iterator[dict[str, Any]]:
        """Give how our update shows, and while it is reverted both of them."""
        configured = isinstance(state.plan.change, ConfigurePlan)
        deployed = {"deployment": "web-new"} if state.vacant else {}
        for mark in (state.mark, state.former):
            if configured:
                yield {"release": OLD, "key": "key-new" if mark is None else mark.key}
            else:
                yield {"release": f"web-2.4.1 {mark.token if mark is not None else '[ro:none]'}", **deployed}


def flies(flying: bool, fact: ServiceFact) -> bool:
    """Tell whether an accepted call may still be at work after a fact."""
    match fact:
        case event.Accepted():
            return True
        case event.Succeeded() | event.Failed() | event.Untracked() | change_event.Deployed():
            return False
        case event.Observed(finding=finding):
            return flying and finding not in SHOWS_WHAT_CAME_OF_IT
        case _:
            return flying


def unlocked(fact: ServiceFact | None, seen: Observation) -> bool:
    """Tell whether a look that clears the way for a call shows nobody else at work."""
    clears = isinstance(fact, event.Observed) and fact.finding is Finding.CLEAR
    return not (clears and isinstance(seen, Snapshot) and seen.locked)


def is_last_look(state: ServiceRollout) -> bool:
    """Tell whether no call follows the look: it only says whether production still is what was swapped in."""
    return state.swapped and isinstance(state.phase, Ready)


def meaning(fact: ServiceFact | None) -> str:
    """Tell facts apart by what they do, not by their words."""
    if fact is None:
        return ""
    own = getattr(fact, "finding", "") or getattr(fact, "verdict", "")
    saw, before = getattr(fact, "saw", None), getattr(fact, "before", None)
    mark = own and saw and (saw.release, saw.key, saw.pointer)
    return f"{type(fact).__name__} {own} {mark} {before and before.running}"
