"""Every way a service rollout can take: each action of `decide` meets every answer an adversary could give.

Breadth first over states whose times are written relative to now; losses, refusals and people's words are bounded. The
world owes nobody consistency: any look may come at any time, so what holds here holds whatever the platform does.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from rollout.core import event
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
from rollout.core.change_event import Prepared
from rollout.core.command import Command, Refused, Told, Verb
from rollout.core.commands import answer
from rollout.core.deadline import deadline
from rollout.core.decide import FRESH_S, decide
from rollout.core.drafts import still_wanted
from rollout.core.ending import Claim
from rollout.core.event import Evidence, ServiceFact, Verdict
from rollout.core.evolve import evolve
from rollout.core.explain import explain
from rollout.core.interpret import YOUNG_OPERATION_S, interpret_look, interpret_poll
from rollout.core.judge import interpret_probe
from rollout.core.names import Digest, Now
from rollout.core.operation import RollBack, SetStatus, Walk
from rollout.core.outcome import Failed, Handle, RefusedKind, Running, Succeeded, Unknown, Unreachable
from rollout.core.phase import (
    Beginning,
    Ended,
    ForeignChange,
    HeldForPerson,
    NeedsOperator,
    Queued,
    Ready,
    Reconciling,
    RollingBack,
    Suspending,
    domain_of,
)
from rollout.core.plan import OnFailure
from rollout.core.service import ServiceRollout
from rollout.core.snapshot import Absent, Look, Observation
from rollout.core.way_back import past_return

REFUSALS_MAX = 1
"""Refusals of one step in a row; more of the same is tried by the story of a platform that is always busy."""
HORIZON_S = 1e6
STATES_MIN, STATES_MAX = 1000, 30_000


class Node(msgspec.Struct, frozen=True):
    """A state and a moment. `words` = how many words people may still say on this way."""

    state: ServiceRollout
    t: float
    words: int


Decide = Callable[[ServiceRollout, Now], Action | None]

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


class World:
    """Everything that can happen next."""

    def __init__(self, told: Any) -> None:
        self.told = told
        self.spoken: set[tuple[str, Verb, str]] = set()
        self.looks = told.looks
        self._seen: dict[str, tuple[Observation, ...]] = {}

    def after(self, node: Node, action: Action | None) -> Iterator[Node]:
        if action is None:
            return
        if node.words:
            yield from self._spoken(node)
        match action:
            case Record(fact=fact):
                yield self._told(node, fact)
            case Submit(operation=operation):
                intended = event.Intended(node.state.calls + 1, operation, quarantine_s=40.0)
                yield from self._answers(self._told(node, intended))
            case Wait(until_t=None):
                yield from self._awaited(node)
            case Wait(until_t=until_t):
                assert until_t is not None
                assert until_t > node.t
                yield replace(node, t=until_t)
            case Watch():
                yield from self._watched(node, action)
            case Prepare():
                yield self._told(node, event.Unfit("it cannot be made"))
                yield self._told(node, Prepared(Digest("c" * 64), "the new configuration"))

    def _told(self, node: Node, fact: ServiceFact, t: float | None = None) -> Node:
        at = node.t if t is None else t
        entry = event.Entry(node.state.stream, node.state.version + 1, Now(at, at), "test", fact)
        return Node(evolve(node.state, entry), at, node.words)

    def _spoken(self, node: Node) -> Iterator[Node]:
        """Say everything that can be said here: what is accepted is legal, fact by fact, and does what it says."""
        fewer = replace(node, words=node.words - 1)
        for command in COMMANDS:
            said = answer(node.state, command, Now(node.t, node.t))
            self.spoken.add((type(node.state.phase).__name__, command.verb, type(said).__name__))
            if isinstance(said, Refused):
                assert command.verb is not Verb.ROLLBACK or refusable(node.state, command), explain_of(node)
            if isinstance(said, Told):
                after = fewer
                for fact in said.facts:
                    after = self._told(after, fact)
                kept(command, after.state)
                yield after

    def _answers(self, asked: Node) -> Iterator[Node]:
        """The intent is on disk: the engine dies, or the call is answered."""
        yield asked
        number, step = asked.state.calls, asked.state.phase.step  # type: ignore[union-attr]  # a phase with a call
        yield self._told(asked, event.Accepted(number, Handle("s", "op")))
        yield self._told(asked, event.Lost(number, "reset"))
        if step.refusals < REFUSALS_MAX:
            for kind in RefusedKind:
                yield self._told(asked, event.Refused(number, kind, "no", retry_in_s=45.0))

    def _awaited(self, node: Node) -> Iterator[Node]:
        state = node.state
        if isinstance(state.phase, Queued):
            yield self._told(node, event.Admitted("rest"))
        for hold in state.holds:
            yield self._told(node, event.Released(hold.reason, "ann"), node.t + 5000.0)
        if state.stop is not None:
            yield self._told(node, event.Resumed("ann", "go on"), node.t + 5000.0)

    def _watched(self, node: Node, action: Watch) -> Iterator[Node]:
        times = {node.t + 1.0, max(action.due_t, node.t) + 1.0, max(deadline(node.state, node.t).t, node.t) + 1.0}
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

    def _heard(self, state: ServiceRollout, source: Source, t: float) -> Iterator[ServiceFact | None]:
        match source:
            case PollOperation(number=number):
                for progress in (Running(), Succeeded(), Failed("Boom", "x"), Unknown("404"), Unreachable("down")):
                    yield interpret_poll(state, number, progress, Now(t, t))
                yield interpret_poll(state, number, Unknown("404"), Now(t + YOUNG_OPERATION_S, t))
            case LookAtDeployment():
                for seen in self._sights(state):
                    for previous in (None, Look(seen, Now(t - 1.0, t)), Look(Unreachable("down"), Now(t - 1.0, t))):
                        yield interpret_look(state, previous, Look(seen, Now(t, t)))
            case ProbeHealth(domains=domains, first_t=first_t, checks=checks):
                assert checks
                assert set(domains) <= set(state.walked)
                assert domains or not state.baselined
                for verdict in Verdict:
                    evidence = tuple(Evidence(check, verdict, "said") for check in checks)
                    yield interpret_probe(state, evidence, Now(max(t, first_t), t))

    def _sights(self, state: ServiceRollout) -> tuple[Observation, ...]:
        ours = f"web-2.4.1 {state.token}" if state.token else "web-2.4.1 [ro:none]"
        if ours not in self._seen:
            self._seen[ours] = tuple(self._shapes(ours))
        return self._seen[ours]

    def _shapes(self, ours: str) -> Iterator[Observation]:
        """Give what a deployment may look like, fair or not."""
        old, looks = "web-2.4.0", self.looks
        yield from (Absent("404"), Unreachable("down"), looks.running(), looks.running(ours), looks.running("strange"))
        yield from (looks.running(locked=True), looks.sick(looks.running(), 0), looks.sick(looks.running(ours), 0))
        yield from (looks.mid(0, "strange"), looks.mid(0, ours, manual=False), looks.running(ours, locked=True))
        for pointer in range(looks.domains):
            yield from (looks.mid(pointer, ours), looks.mid(pointer, ours, during=True), looks.mid(pointer, old))
            yield looks.mid(pointer, ours, locked=True)


def meaning(fact: ServiceFact | None) -> str:
    """Tell facts apart by what they do, not by their words."""
    if fact is None:
        return ""
    own = getattr(fact, "finding", "") or getattr(fact, "verdict", "")
    mark = own and getattr(fact, "saw", None) and fact.saw.release  # type: ignore[union-attr]  # seen above
    return f"{type(fact).__name__} {own} {mark}"


def key(node: Node, action: Action | None) -> tuple[object, ...]:
    """Write a node so that two that differ only in dates, words and numbers are one."""
    state, phase, t = node.state, node.state.phase, node.t
    call, step, gate = getattr(phase, "call", None), getattr(phase, "step", None), getattr(phase, "gate", None)
    cleared_t = getattr(phase, "cleared_t", None)
    return (
        (type(phase), domain_of(phase), getattr(phase, "settling", None), getattr(phase, "restored", None)),
        (call and (type(call.operation), call.handle is None, t >= call.accepted_t + YOUNG_OPERATION_S)),
        (step and (step.losses, min(step.refusals, REFUSALS_MAX), t >= step.not_before_t)),
        (gate and (gate.verdict, gate.blind_since_t is None)),
        cleared_t is not None and t <= cleared_t + FRESH_S,
        t >= getattr(phase, "quarantine_until_t", 0.0),
        getattr(phase, "rejected", None) is None,
        (deadline(state, t).t <= t, deadline(state, t).name),
        (state.failure is None, state.turned_back, state.no_way_back is None, state.blind is None),
        (len(state.holds), state.stop is None, len(state.walked), state.token is None, state.mark_seen),
        (state.taking_over, state.resolution and (state.resolution.claim, state.resolution.seen is None)),
        given_up(getattr(phase, "was", None)),
        (node.words, type(action), isinstance(action, Watch) and action.due_t <= t),
    )


def given_up(was: Any) -> tuple[object, ...]:
    """Tell apart what a retry would take up."""
    call, gate = getattr(was, "call", None), getattr(was, "gate", None)
    asked = call and (type(call.operation), call.handle is None)
    return (type(was), getattr(was, "domain", None), asked, getattr(was, "settling", None), gate and gate.verdict)


class Map:
    """What was reached: nodes by number, and who leads to whom."""

    def __init__(self, decide: Decide = decide) -> None:
        self.decide = decide
        self.known: dict[tuple[object, ...], int] = {}
        self.nodes: list[Node] = []
        self.edges: list[set[int]] = []

    def explore(self, first: Node, world: World) -> "Map":
        queue = deque([self._number(first, self.decide(first.state, Now(first.t, first.t)))[0]])
        while queue:
            number = queue.popleft()
            assert number < STATES_MAX, "the key tells states apart that do not differ"
            node = self.nodes[number]
            action = judged(node, self.decide)
            for following in world.after(node, action):
                found, new = self._number(following, self.decide(following.state, Now(following.t, following.t)))
                self.edges[number].add(found)
                if new:
                    queue.append(found)
        return self

    def _number(self, node: Node, action: Action | None) -> tuple[int, bool]:
        where = key(node, action)
        if where in self.known:
            return self.known[where], False
        self.known[where] = len(self.nodes)
        self.nodes.append(node)
        self.edges.append(set())
        return self.known[where], True

    def stranded(self) -> list[Node]:
        """Give the nodes from which neither an end nor a person can be reached."""
        leading: list[list[int]] = [[] for _ in self.nodes]
        for source, targets in enumerate(self.edges):
            for target in targets:
                leading[target].append(source)
        safe = {number for number, node in enumerate(self.nodes) if final(node)}
        queue = deque(safe)
        while queue:
            for source in leading[queue.popleft()]:
                if source not in safe:
                    safe.add(source)
                    queue.append(source)
        return [node for number, node in enumerate(self.nodes) if number not in safe]


def final(node: Node) -> bool:
    """Tell an end, or a phase that only a person moves on, from everything else."""
    return isinstance(node.state.phase, Ended | HeldForPerson | ForeignChange | NeedsOperator)


def explain_of(node: Node) -> str:
    return explain(node.state, Now(node.t, node.t))


def refusable(state: ServiceRollout, command: Command) -> bool:
    """Tell whether the table lets a rollback be refused: it is known to be gone, or somebody else's change is there."""
    theirs = isinstance(state.phase, ForeignChange) and not (command.take_over and state.before is not None)
    return theirs or state.no_way_back is not None or past_return(state) is not None


def kept(command: Command, state: ServiceRollout) -> None:
    """Demand that an accepted command has made true what it says."""
    match command.verb:
        case Verb.PAUSE:
            assert state.holds
        case Verb.STOP:
            assert state.stop is not None
        case Verb.RESUME:
            assert state.stop is None
            assert state.turned_back or not state.holds
        case Verb.ROLLBACK:
            assert state.stop is None
            assert state.turned_back or state.ended is not None
        case Verb.EXCLUDE:
            assert state.ended is not None
        case Verb.RETRY:
            assert not isinstance(state.phase, HeldForPerson | ForeignChange | NeedsOperator)
        case Verb.RESOLVE:
            assert state.resolution is not None
        case _:
            assert state.failure is None


def movable(state: ServiceRollout) -> bool:
    """Tell whether some word moves on what waits for a person."""
    words = {command.verb: answer(state, command, Now(0.0, 0.0)) for command in COMMANDS}
    return all(isinstance(words[verb], Told) for verb in ({Verb.RESUME} if state.stop else {Verb.RETRY, Verb.RESOLVE}))


def judged(node: Node, decide: Decide = decide) -> Action | None:
    """Give what `decide` wants, once everything that must hold of it was found to hold."""
    state, now = node.state, Now(node.t, node.t)
    action = decide(state, now)
    assert (action is None) == isinstance(state.phase, Ended)
    sentence = explain(state, now)
    assert sentence.startswith(f"{state.plan.service} ")
    assert sentence.endswith(".")
    if isinstance(action, Submit):
        allowed(state, action, node.t)
    if action == Wait(None):
        waits_for = isinstance(state.phase, Queued | HeldForPerson | ForeignChange | NeedsOperator)
        withheld = isinstance(state.phase, Beginning | Ready | RollingBack | Suspending) and (state.holds or state.stop)
        assert waits_for or withheld, sentence
    if final(node) and state.ended is None and state.resolution is None:
        assert movable(state), sentence
    if isinstance(action, Watch):
        assert action.due_t < HORIZON_S, sentence
    return action


def allowed(state: ServiceRollout, action: Submit, t: float) -> None:
    """Demand what must be true before any call leaves."""
    assert state.stop is None
    assert action.going_back == isinstance(action.operation, RollBack | SetStatus) == state.turned_back
    assert isinstance(state.phase, Beginning | Ready | RollingBack | Suspending)
    cleared_t = state.phase.cleared_t
    assert cleared_t is not None
    assert t - cleared_t <= FRESH_S
    assert getattr(state.phase, "call", None) is None
    if not action.going_back:
        assert not state.holds
        assert state.failure is None
    if isinstance(action.operation, Walk):
        assert action.operation.domain not in state.walked
        assert state.walked == tuple(range(action.operation.domain))
    intended = event.Intended(state.calls + 1, action.operation, 40.0)
    asked = evolve(state, event.Entry(state.stream, state.version + 1, Now(t, t), "test", intended))
    assert still_wanted(asked, asked.calls)


@pytest.mark.parametrize("on_failure", OnFailure)
@pytest.mark.parametrize(("domains", "words"), [(1, 1), (2, 1), (3, 0)])
def test_every_way_is_legal_explained_and_leads_to_an_end_or_a_person(
    story: Any, record_property: Any, domains: int, words: int, on_failure: OnFailure
) -> None:
    told = story(domains, on_failure=on_failure, allow_no_rollback=True)
    world = World(told)
    found = Map().explore(Node(told.state, 0.0, words), world)
    assert [explain(node.state, Now(node.t, node.t)) for node in found.stranded()] == []
    states, edges = len(found.nodes), sum(map(len, found.edges))
    record_property("states", states)
    record_property("edges", edges)
    print(f"{domains} domains, {words} words, {on_failure}: {states} states, {edges} edges")  # noqa: T201 - the numbers are wanted with -s
    assert states > STATES_MIN
    assert edges > 2 * states
    assert reached(found) >= {"Ended", "HeldForPerson", "ForeignChange", "NeedsOperator", "Reconciling", "Settling"}
    assert ("RollingBack" in reached(found)) == (on_failure is OnFailure.ROLLBACK or words > 0)
    assert ("Suspending" in reached(found)) == (on_failure is OnFailure.SUSPEND)
    if words:
        phases = {type(node.state.phase).__name__ for node in found.nodes if node.words and node.state.ended is None}
        assert {(phase, verb) for phase, verb, _ in world.spoken} == {(p, c.verb) for p in phases for c in COMMANDS}


def without_stop(state: ServiceRollout, now: Now) -> Action | None:
    return decide(replace(state, stop=None), now)


def without_holds(state: ServiceRollout, now: Now) -> Action | None:
    return decide(replace(state, holds=()), now)


def without_looking_back(state: ServiceRollout, now: Now) -> Action | None:
    phase = state.phase
    fresh = isinstance(phase, RollingBack) and phase.call is None and not (phase.settling or phase.restored)
    return Submit(RollBack(), going_back=True) if fresh and state.token else decide(state, now)


def without_quarantine(state: ServiceRollout, now: Now) -> Action | None:
    if isinstance(state.phase, Reconciling):
        call = state.phase.call
        return Submit(call.operation, going_back=isinstance(call.operation, RollBack))
    return decide(state, now)


@pytest.mark.parametrize("broken", [without_stop, without_holds, without_looking_back, without_quarantine])
def test_without_one_of_its_rules_decide_is_caught(story: Any, broken: Decide) -> None:
    told = story(2)
    with pytest.raises(AssertionError):
        Map(broken).explore(Node(told.state, 0.0, 1), World(told))


def reached(found: Map) -> set[str]:
    return {type(node.state.phase).__name__ for node in found.nodes}


def test_what_became_of_a_call_never_waits_for_the_service_timeout(story: Any) -> None:
    told = story(timeout_s=100.0).go("reconciling")
    assert isinstance(told.state.phase, Reconciling)
    assert deadline(told.state, 0.0).name == "walk.domain_timeout"
