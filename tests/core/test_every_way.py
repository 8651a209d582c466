"""Every way a service rollout can take: each action of `decide` meets every answer an adversary could give.

Breadth first over states whose times are written relative to now; losses, refusals, attempts and people's words are
bounded. What follows is the world's to say (world.py); what must hold of it is said here.
"""

import os
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from rollout.core import event
from rollout.core.action import Action, Record, Submit, Wait, Watch
from rollout.core.change_event import RevertBegun
from rollout.core.change_plan import SwapPlan
from rollout.core.command import Command, Refused, Told, Verb
from rollout.core.commands import answer
from rollout.core.deadline import deadline
from rollout.core.decide import FRESH_S, decide
from rollout.core.drafts import still_wanted
from rollout.core.evolve import IllegalFact, evolve
from rollout.core.explain import explain
from rollout.core.interpret import YOUNG_OPERATION_S
from rollout.core.names import Now
from rollout.core.operation import ActOnInstance, RollBack, SwapSlots, Walk
from rollout.core.operations import swap_back_of
from rollout.core.phase import (
    Beginning,
    Ended,
    Errand,
    ForeignChange,
    HeldForPerson,
    NeedsOperator,
    Queued,
    Ready,
    Reconciling,
    RollingBack,
    Swapping,
    SwappingBack,
    call_of,
    doing,
    domain_of,
    step_of,
)
from rollout.core.service import ServiceRollout
from rollout.core.way_back import past_return, way_back
from rollout.errors import InvariantBroken
from tests.core.tables import GIVEN_UP, transitions
from tests.core.world import COMMANDS, HORIZON_S, REFUSALS_MAX, Node, World

STATES_MAX = 60_000
Decide = Callable[[ServiceRollout, Now], Action | None]


class Way(NamedTuple):
    """One kind of change under one policy, and how many words people may say on the way."""

    kind: str
    domains: int
    on_failure: str
    words: int

    def story(self, story: Any) -> Any:
        return story(self.domains, kind=self.kind, on_failure=self.on_failure, allow_no_rollback=True)

    def __str__(self) -> str:
        return f"{self.kind}, {self.domains} domains, {self.on_failure}, {self.words} words"


KINDS = ("upgrade", "auto", "given", "copied", "manual", "configure", "swap", "staged", "start", "suspend", "instance")
FAILURES = ("rollback", "hold", "suspend")

WAYS = [
    Way("upgrade", 3, "rollback", 0),
    *(Way("upgrade", 2, on_failure, 0) for on_failure in ("hold", "suspend")),
    *(Way(kind, 2, "rollback", 0) for kind in ("auto", "given")),
    *(Way(kind, 1, "rollback", 0) for kind in ("manual", "staged", "copied", "configure")),
    *(Way(kind, 1, on_failure, 0) for kind in ("swap", "start", "suspend") for on_failure in FAILURES),
    *(Way(kind, 1, "rollback", 1) for kind in ("upgrade", "swap", "suspend", "instance")),
]
"""What is searched in every run."""
LONG_WAYS = [
    way
    for kind in KINDS
    for on_failure in FAILURES
    for domains in (1, 2, 3)
    if (way := Way(kind, domains, on_failure, 1)) not in WAYS
]
"""The rest: every kind under every policy, with a word said anywhere."""


def key(node: Node, action: Action | None) -> tuple[object, ...]:
    """Write a node so that two that differ only in dates, words and numbers are one."""
    state, phase, t = node.state, node.state.phase, node.t
    call, gate, step = call_of(phase), getattr(phase, "gate", None), step_of(phase)
    if isinstance(phase, Reconciling):
        call = phase.call
    cleared_t = getattr(doing(phase), "cleared_t", None)
    limit = deadline(state, t)
    return (
        place(phase),
        call and (type(call.operation), call.handle is None, t >= call.accepted_t + YOUNG_OPERATION_S),
        step and (step.losses, min(step.refusals, REFUSALS_MAX), t >= step.not_before_t),
        gate and (gate.verdict, gate.blind_since_t is None),
        cleared_t is not None and t <= cleared_t + FRESH_S,
        t >= getattr(phase, "quarantine_until_t", 0.0),
        getattr(phase, "rejected", None) is None,
        (limit.t <= t, limit.name),
        (state.failure is None, state.turned_back, state.no_way_back is None, state.blind is None),
        (len(state.holds), state.stop is None, len(state.walked), state.mark is None, state.mark_seen),
        (state.acted, state.complete, state.former is None, state.barrier_open, state.captured, state.swapped),
        (state.before is None, state.surveyed, state.production is None, state.vacant, state.prepared is None),
        (
            state.taking_over,
            state.suspends,
            state.resolution and (state.resolution.claim, state.resolution.seen is None),
        ),
        given_up(getattr(phase, "was", None)),
        (node.words, node.flying, state.attempt, type(action), isinstance(action, Watch) and action.due_t <= t),
    )


def place(phase: Any) -> tuple[object, ...]:
    """Tell apart where it is: the phase, what it wraps, and how far that is."""
    inner = getattr(phase, "of", None) or doing(phase)
    return (
        (type(phase), domain_of(phase), getattr(phase, "settling", None), getattr(phase, "restored", None)),
        (type(inner), type(doing(inner)), getattr(doing(inner), "settling", None)),
    )


def given_up(was: Any) -> tuple[object, ...]:
    """Tell apart what a retry would take up."""
    if was is None:
        return ()
    call, gate = was.call if isinstance(was, Reconciling) else call_of(was), getattr(was, "gate", None)
    asked = call and (type(call.operation), call.handle is None)
    return (*place(was), asked, gate and gate.verdict, getattr(was, "rejected", None) is None)


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
            for command, said, following in world.after(node, action):
                if command is not None:
                    heard(node, command, said, following)
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


# --- what must hold ---


def final(node: Node) -> bool:
    """Tell an end, or a phase that only a person moves on, from everything else."""
    return isinstance(node.state.phase, Ended | HeldForPerson | ForeignChange | NeedsOperator)


def explain_of(node: Node) -> str:
    return explain(node.state, Now(node.t, node.t))


def judged(node: Node, decide: Decide = decide) -> Action | None:
    """Give what `decide` wants, once everything that must hold of it was found to hold."""
    state, now = node.state, Now(node.t, node.t)
    action = decide(state, now)
    assert (action is None) == isinstance(state.phase, Ended)
    sentence = explain(state, now)
    assert sentence.startswith(f"{state.plan.service} ")
    assert sentence.endswith(".")
    if isinstance(action, Submit):
        allowed(node, action)
    if action == Wait(None):
        assert named(state), sentence
    if isinstance(action, Watch):
        assert action.due_t < HORIZON_S, sentence
    if final(node) and state.ended is None and state.resolution is None:
        assert movable(state), sentence
    if state.ended is None:
        promised(state, now)
    return action


def named(state: ServiceRollout) -> bool:
    """Tell whether somebody is named who ends a wait without a date: the fleet, a person, or whoever spoke."""
    if isinstance(state.phase, Queued | HeldForPerson | ForeignChange | NeedsOperator):
        return True
    at_barrier = isinstance(state.phase, Swapping) and not state.barrier_open
    withheld = isinstance(doing(state.phase), Beginning | Ready | Errand) and (state.holds or state.stop)
    return at_barrier or bool(withheld)


def allowed(node: Node, action: Submit) -> None:
    """Demand what must be true before any call leaves."""
    state, step, t = node.state, doing(node.state.phase), node.t
    assert state.stop is None
    assert action.going_back == state.turned_back
    assert not node.flying, "one call is at work already"
    assert isinstance(step, Beginning | Ready | Errand)
    assert step.cleared_t is not None
    assert t - step.cleared_t <= FRESH_S
    assert call_of(state.phase) is None
    if not action.going_back:
        assert not state.holds
        assert state.failure is None
        forward(state, action)
    intended = event.Intended(state.calls + 1, action.operation, 40.0)
    asked = evolve(state, event.Entry(state.stream, state.version + 1, Now(t, t), "test", intended))
    assert still_wanted(asked, asked.calls)


def forward(state: ServiceRollout, action: Submit) -> None:
    """Demand what must be true before a call of the way forward: in order, once, and not before the others."""
    match action.operation:
        case Walk(domain=domain):
            assert domain not in state.walked
            assert state.walked == tuple(range(domain))
        case SwapSlots():
            assert isinstance(state.plan.change, SwapPlan)
            assert state.barrier_open or state.plan.change.upgrade is None
        case ActOnInstance():
            assert not state.acted, "nobody can see whether the first one took effect"
        case RollBack():
            pytest.fail("no way forward")
        case _:
            assert state.walked == ()


def promised(state: ServiceRollout, now: Now) -> None:
    """Demand that there is a way back, or a reason why there is none; and that a promised one is not refused."""
    way = way_back(state)
    if way.startswith("none"):
        assert way.startswith("none: "), way
        return
    said = answer(state, COMMANDS[6], now)
    given_up = isinstance(state.phase, ForeignChange) or (state.turned_back and isinstance(state.phase, HeldForPerson))
    assert not isinstance(said, Refused) or given_up, f"{way}: {said}"


def heard(node: Node, command: Command, said: Any, after: Node) -> None:
    """Demand that an accepted command has made true what it says, and that a way back is refused with a reason."""
    if isinstance(said, Refused):
        assert said.why
        assert said.instead
        assert command.verb is not Verb.ROLLBACK or refusable(node.state, command), explain_of(node)
    if isinstance(said, Told) and not any(isinstance(fact, event.Opened) for fact in said.facts):
        kept(command, after.state)


def refusable(state: ServiceRollout, command: Command) -> bool:
    """Tell whether a rollback may be refused: it has ended, has no way back, or is somebody else's change."""
    theirs = isinstance(state.phase, ForeignChange) and not (command.take_over and state.before is not None)
    return theirs or state.ended is not None or state.no_way_back is not None or past_return(state) is not None


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


# --- the search ---

GOES_BACK_BY = {
    "given": {"RollingBack", "Reverting"},
    "copied": {"Capturing", "RollingBack", "Reverting"},
    "configure": {"RollingBack", "Reverting"},
    "swap": {"Swapping", "SwapBaking", "SwappingBack"},
    "staged": {"Applying", "Swapping", "SwapBaking", "SwappingBack", "RollingBack"},
    "start": {"Applying", "Reverting"},
    "suspend": {"Applying", "Reverting"},
}


def searched(way: Way, story: Any, record_property: Any) -> Map:
    told = way.story(story)
    world = World(told)
    found = Map().explore(Node(told.state, 0.0, way.words), world)
    assert [explain_of(node) for node in found.stranded()] == []
    states, edges = len(found.nodes), sum(map(len, found.edges))
    record_property("way", str(way))
    record_property("states", states)
    record_property("edges", edges)
    print(f"{way!s:45} {states:7} states {edges:8} edges")  # noqa: T201 - the numbers are wanted with -s
    assert edges > states
    assert steps(found) <= set(transitions()), "the README draws all of them"
    if way.words:
        phases = {type(node.state.phase).__name__ for node in found.nodes if node.words}
        assert {(phase, verb) for phase, verb, _ in world.spoken} == {(p, c.verb) for p in phases for c in COMMANDS}
    return found


def steps(found: Map) -> set[tuple[str, str]]:
    """Give which phase followed which, but for what waits for a person and is taken up again, and new attempts."""
    names = [type(node.state.phase).__name__ for node in found.nodes]
    pairs = {(names[source], names[target]) for source, targets in enumerate(found.edges) for target in targets}
    return {(source, target) for source, target in pairs if source != target and source not in {*GIVEN_UP, "Ended"}}


def reached(found: Map) -> set[str]:
    return {type(node.state.phase).__name__ for node in found.nodes}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_way_is_legal_explained_and_leads_to_an_end_or_a_person(
    story: Any, record_property: Any, way: Way
) -> None:
    phases = reached(searched(way, story, record_property))
    assert phases >= {"Queued", "Preflight", "Ended", "NeedsOperator", "Reconciling"}
    if way.on_failure == "rollback":
        assert phases >= GOES_BACK_BY.get(way.kind, set())
    assert ("Suspending" in phases) == (way.on_failure == "suspend" and way.kind != "instance")


@pytest.mark.skipif(os.environ.get("ROLLOUT_LONG") != "1", reason="a search that runs only with ROLLOUT_LONG=1")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", LONG_WAYS, ids=str)
def test_every_other_way_is_legal_explained_and_leads_to_an_end_or_a_person(
    story: Any, record_property: Any, way: Way
) -> None:
    searched(way, story, record_property)


# --- the test of the test: without one of its rules `decide` is caught ---


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


def without_the_barrier(state: ServiceRollout, now: Now) -> Action | None:
    return decide(replace(state, barrier_open=True), now)


def without_looking_before_the_swap_back(state: ServiceRollout, now: Now) -> Action | None:
    phase = state.phase
    if isinstance(phase, SwappingBack) and phase.call is None and not (phase.settling or phase.restored):
        return Submit(swap_back_of(state), going_back=True)
    return decide(state, now)


def without_failure(state: ServiceRollout, now: Now) -> Action | None:
    return decide(replace(state, failure=None), now)


def without_a_source_of_a_revert(state: ServiceRollout, now: Now) -> Action | None:
    if isinstance(state.phase, RollingBack) and state.no_way_back is not None:
        return Record(RevertBegun("gone", "something"))
    return decide(state, now)


def without_once_only(state: ServiceRollout, now: Now) -> Action | None:
    if isinstance(state.phase, NeedsOperator):
        return Submit(state.phase.was.call.operation, going_back=False)  # type: ignore[union-attr]  # a Reconciling
    return decide(state, now)


BROKEN: list[tuple[Decide, str]] = [
    *((broken, "upgrade") for broken in (without_stop, without_holds, without_looking_back, without_quarantine)),
    *((broken, "swap") for broken in (without_stop, without_holds, without_looking_before_the_swap_back)),
    *((broken, "start") for broken in (without_stop, without_quarantine, without_failure)),
    (without_stop, "given"),
    (without_a_source_of_a_revert, "upgrade"),
    (without_the_barrier, "staged"),
    (without_once_only, "instance"),
]


@pytest.mark.parametrize(("broken", "kind"), BROKEN)
def test_without_one_of_its_rules_decide_is_caught(story: Any, broken: Decide, kind: str) -> None:
    told = Way(kind, 2, "rollback", 1).story(story)
    with pytest.raises((AssertionError, IllegalFact, InvariantBroken)):
        Map(broken).explore(Node(told.state, 0.0, 1), World(told))


def test_what_became_of_a_call_never_waits_for_the_service_timeout(story: Any) -> None:
    told = story(timeout_s=100.0).go("reconciling")
    assert isinstance(told.state.phase, Reconciling)
    assert deadline(told.state, 0.0).name == "walk.domain_timeout"
