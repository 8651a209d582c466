"""People's words from another process: answered once through the journal; what they stop or turn, in virtual time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from rollout.core import event, fleet_event
from rollout.core.command import Ask, Command, Verb
from rollout.core.compile import Compiled
from rollout.core.ending import Claim, Outcome
from rollout.core.event import Entry, Finding
from rollout.core.names import RolloutId, ServiceName
from rollout.core.operation import RollBack, StartUpgrade, Walk
from rollout.core.reply import Kind, Reply
from rollout.core.result import ExitCode, Result
from rollout.engine.inbox import INBOX_POLL_S
from rollout.journal.journal import Question, Recorded
from rollout.simulation import loop
from rollout.simulation.world import Parts, World, carry_out

ROLLOUT = RolloutId("web-2.4.1")
SERVICE = ServiceName("svc-0001")
SLACK_S = 45.0
"""A look or two, at the pace of a deployment that has been under way for a while."""

Trigger = Callable[[Entry], bool]


def question(verb: Verb, service: ServiceName | None = None, *, key: str = "k1", **flags: Any) -> Question:
    command = Command(key, verb, "ann", "because", **flags)
    text = msgspec.json.encode(Ask(ROLLOUT, service, command)).decode()
    return Question(key, "ann", "because", text, 0.0)


def speaking(plan: Compiled, when: Trigger, *questions: Question) -> Callable[[Parts], Any]:
    """Give an engine's script, beside which somebody asks as soon as an entry like `when` is durable."""

    async def script(parts: Parts) -> Result | None:
        heard = asyncio.Event()

        def hear(records: Sequence[Recorded]) -> None:
            if any(when(each.entry) for each in records):
                heard.set()

        async def person() -> None:
            await heard.wait()
            for each in questions:
                await parts.journal.post(each)

        parts.kit.ledger.listen(hear)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(person())
            result = await carry_out(parts, plan)
            asking.cancel()
        return result

    return script


def told(world: World, key: str = "k1") -> Reply | None:
    text = loop.run(world.journal.answer_to(key))
    return None if text is None else msgspec.json.decode(text, type=Reply)


def after_walk(domain: int) -> Callable[[type], Trigger]:
    """Give triggers for the first fact of a type after the intent to walk `domain`."""

    def of(kind: type) -> Trigger:
        walked = False

        def when(entry: Entry) -> bool:
            nonlocal walked
            walked = walked or (isinstance(entry.fact, event.Intended) and entry.fact.operation == Walk(domain))
            return walked and isinstance(entry.fact, kind)

        return when

    return of


def settled(entry: Entry) -> bool:
    return isinstance(entry.fact, event.Observed) and entry.fact.finding is Finding.SETTLED


PLACES: dict[str, Callable[[], Trigger]] = {
    "walk": lambda: after_walk(1)(event.Accepted),
    "settle": lambda: after_walk(1)(event.Succeeded),
    "gate": lambda: after_walk(0)(event.Probed),
    "bake": lambda: lambda entry: isinstance(entry.fact, event.GatePassed) and entry.fact.domain == 1,
    "reconcile": lambda: after_walk(1)(event.Lost),
}
LOST = ({"verb": "walk", "domain": 1, "effect": "lose_after", "times": 1},)


@pytest.fixture
def world_of(make_world: Callable[..., World]) -> Callable[..., World]:
    def make(services: int = 1, place: str = "gate") -> World:
        world = make_world(services, 3, faults=LOST if place == "reconcile" else ())
        world.inbox_poll_s = INBOX_POLL_S
        return world

    return make


def intents(entries: Sequence[Entry]) -> list[tuple[float, Any]]:
    return [(each.now.t, each.fact.operation) for each in entries if isinstance(each.fact, event.Intended)]


def fact_of(entries: Sequence[Entry], kind: type) -> Any:
    return next(each.fact for each in entries if isinstance(each.fact, kind))


def when_said(entries: Sequence[Entry], kind: type) -> float:
    return next(each.now.t for each in entries if isinstance(each.fact, kind))


def soonest(place: str, undisturbed: Sequence[Entry], said_t: float) -> float:
    """Give the second from which on the platform lets anything be asked, as an undisturbed run shows it."""
    if place in {"gate", "bake"}:
        return said_t
    settlings = [each.now.t for each in undisturbed if settled(each)]
    return settlings[1]


# --- abort and stop, wherever it is ---


@pytest.mark.parametrize("verb", [Verb.ABORT, Verb.ROLLBACK])
@pytest.mark.parametrize("place", PLACES)
def test_going_back_starts_as_soon_as_the_platform_allows_and_no_walk_follows(
    world_of: Callable[..., World],
    compiled: Callable[..., Compiled],
    recorded: Callable[..., list[Entry]],
    place: str,
    verb: Verb,
) -> None:
    calm = world_of(1, place)
    calm.live(lambda parts: carry_out(parts, compiled(1, 3)))
    world, plan = world_of(1, place), compiled(1, 3)
    asked = question(verb, None if verb is Verb.ABORT else SERVICE)
    result = world.live(speaking(plan, PLACES[place](), asked)).result
    entries = recorded(world)
    said_t = when_said(entries, event.TurnedBack)
    later = [(t, operation) for t, operation in intents(entries) if t >= said_t]
    assert [operation for _, operation in later] == [RollBack()]
    assert later[0][0] <= soonest(place, recorded(calm), said_t) + SLACK_S
    assert not [each for each in world.log() if each.at > said_t and each.verb.value in {"walk", "upgrade"}]
    closed = fact_of(entries, event.Closed)
    assert (closed.outcome, closed.who, closed.reason) == (Outcome.ROLLED_BACK, "ann", "because")
    assert result is not None
    assert result.code is ExitCode.BY_PERSON
    deployment = next(iter(world.fabric.world.services[SERVICE].slots.values()))
    assert len({instance.release.label for instance in deployment.instances}) == 1
    assert isinstance(entries[-1].fact, fleet_event.RolloutClosed)


@pytest.mark.parametrize("place", PLACES)
def test_after_a_stop_nothing_is_sent_until_a_resume_and_then_it_arrives(
    world_of: Callable[..., World],
    compiled: Callable[..., Compiled],
    recorded: Callable[..., list[Entry]],
    place: str,
) -> None:
    world, plan = world_of(1, place), compiled(1, 3)
    result = world.live(speaking(plan, PLACES[place](), question(Verb.STOP, SERVICE))).result
    entries = recorded(world)
    said_t, moved = when_said(entries, event.Stopped), len(world.log())
    assert [t for t, _ in intents(entries) if t >= said_t] == []
    assert result is not None
    assert result.code is ExitCode.FOR_PERSON
    world.pass_by(7200.0)
    again = world.live(lambda parts: carry_out(parts, plan)).result
    assert again is not None
    assert (again.code, len(world.log())) == (ExitCode.FOR_PERSON, moved)
    loop.run(world.journal.post(question(Verb.RESUME, SERVICE, key="k2")))
    last = world.live(lambda parts: carry_out(parts, plan)).result
    assert last is not None
    assert last.code is ExitCode.AS_ALLOWED
    walks = [operation for _, operation in intents(recorded(world))]
    assert walks == [walks[0], Walk(0), Walk(1), Walk(2)]
    assert isinstance(walks[0], StartUpgrade)


def test_a_stop_on_the_way_back_keeps_the_rollback_from_being_asked_for(
    world_of: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world, plan = world_of(), compiled(1, 3)
    asked = (question(Verb.ROLLBACK, SERVICE), question(Verb.STOP, SERVICE, key="k2"))
    result = world.live(speaking(plan, PLACES["walk"](), *asked)).result
    assert result is not None
    assert result.code is ExitCode.FOR_PERSON
    assert RollBack() not in [operation for _, operation in intents(recorded(world))]
    loop.run(world.journal.post(question(Verb.ROLLBACK, SERVICE, key="k3")))
    last = world.live(lambda parts: carry_out(parts, plan)).result
    assert last is not None
    assert last.code is ExitCode.BY_PERSON


# --- a whole rollout ---


def test_an_abort_takes_back_who_moves_and_cancels_who_waits(
    world_of: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world, plan = world_of(3), compiled(3, 3, parallel=2)
    world.live(speaking(plan, PLACES["gate"](), question(Verb.ABORT)))
    closed = {each.stream[-6:-2]: each.fact.outcome for each in recorded(world) if isinstance(each.fact, event.Closed)}
    assert closed == {
        "0001": Outcome.ROLLED_BACK,
        "0002": Outcome.ROLLED_BACK,
        "0003": Outcome.CANCELLED,
    }
    assert {entry.service for entry in world.log()} == {"svc-0001", "svc-0002"}


def test_a_halt_lets_gates_finish_and_a_resume_goes_on_with_everybody(
    world_of: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world, plan = world_of(3), compiled(3, 3, parallel=2)
    result = world.live(speaking(plan, PLACES["gate"](), question(Verb.HALT))).result
    assert result is not None
    assert result.code is ExitCode.FOR_PERSON
    halted_t = when_said(recorded(world), fleet_event.Halted)
    assert not [t for t, _ in intents(recorded(world)) if t > halted_t]
    loop.run(world.journal.post(question(Verb.RESUME, key="k2")))
    last = world.live(lambda parts: carry_out(parts, plan)).result
    assert last is not None
    assert last.reason == "all 3 services run the new release"


def test_a_retry_after_a_halt_is_a_new_attempt_that_arrives(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(2, 3, faults=[{"service": "svc-0001", "verb": "walk", "domain": 1, "effect": "fail"}])
    plan = compiled(2, 3, parallel=1)
    first = world.live(lambda parts: carry_out(parts, plan)).result
    assert first is not None
    assert first.outcome == "halted"
    for asked in (question(Verb.RETRY, SERVICE), question(Verb.RESUME, key="k2")):
        loop.run(world.journal.post(asked))
    last = world.live(lambda parts: carry_out(parts, plan)).result
    assert last is not None
    assert last.reason == "all 2 services run the new release"
    streams = {each.stream for each in recorded(world, SERVICE)}
    assert streams == {"web-2.4.1/svc-0001#1", "web-2.4.1/svc-0001#2"}


def test_an_excluded_service_is_never_touched_and_the_others_arrive(
    world_of: Callable[..., World], compiled: Callable[..., Compiled]
) -> None:
    world, plan = world_of(2), compiled(2, 3, parallel=1)
    asked = question(Verb.EXCLUDE, ServiceName("svc-0002"))
    result = world.live(speaking(plan, PLACES["gate"](), asked)).result
    assert result is not None
    assert result.code is ExitCode.AS_ALLOWED
    assert result.reason == "1 of 2 services run the new release, the others were excluded"
    assert {entry.service for entry in world.log()} == {SERVICE}


def test_a_paused_service_that_waits_for_its_wave_lets_others_go_first(
    world_of: Callable[..., World], compiled: Callable[..., Compiled]
) -> None:
    world, plan = world_of(3), compiled(3, 3, parallel=1)
    asked = question(Verb.PAUSE, ServiceName("svc-0002"))
    result = world.live(speaking(plan, PLACES["gate"](), asked)).result
    assert result is not None
    assert result.code is ExitCode.FOR_PERSON
    assert {entry.service for entry in world.log()} == {SERVICE, "svc-0003"}


def test_a_resolve_looks_at_the_deployment_before_it_believes(
    make_world: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = make_world(1, 3, faults=[{"verb": "walk", "domain": 1, "effect": "fail", "times": 1}])
    plan = compiled(1, 3, more="on_failure: {service: hold}\n")
    world.live(lambda parts: carry_out(parts, plan))
    loop.run(world.journal.post(question(Verb.RESOLVE, SERVICE, resolve_as=Claim.SUCCEEDED)))
    doubted = world.live(lambda parts: carry_out(parts, plan)).result
    assert doubted is not None
    assert doubted.code is ExitCode.FOR_PERSON
    loop.run(world.journal.post(question(Verb.RESOLVE, SERVICE, key="k2", resolve_as=Claim.LEFT)))
    last = world.live(lambda parts: carry_out(parts, plan)).result
    assert last is not None
    assert last.code is ExitCode.BY_PERSON
    closed = fact_of(recorded(world), event.Closed)
    assert closed.outcome is Outcome.RESOLVED
    assert "seen: the deployment is labelled" in closed.reason


# --- the inbox itself ---


def test_a_question_is_answered_within_one_look_of_the_inbox(
    world_of: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world = world_of()
    world.live(speaking(compiled(1, 3), PLACES["bake"](), question(Verb.PAUSE, SERVICE)))
    entries = recorded(world)
    baking_t = next(each.now.t for each in entries if PLACES["bake"]()(each))
    held = next(each for each in entries if isinstance(each.fact, event.Held))
    assert baking_t <= held.now.t <= baking_t + INBOX_POLL_S <= baking_t + 0.5
    assert (held.actor, held.fact) == ("ann", event.Held(event.HoldReason.PAUSE, "ann", "because"))


def test_the_same_key_gets_the_first_answer_and_nothing_is_done_twice(
    world_of: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world, asked = world_of(), question(Verb.STOP, SERVICE)
    world.live(speaking(compiled(1, 3), PLACES["gate"](), asked, asked))
    first = told(world)
    loop.run(world.journal.post(asked))
    world.live(lambda parts: carry_out(parts, compiled(1, 3)))
    assert told(world) == first
    assert sum(isinstance(each.fact, event.Stopped) for each in recorded(world)) == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("{}", "cannot be read"),
        ("not json", "cannot be read"),
        (question(Verb.PAUSE).command.replace("web-2.4.1", "web-9"), "no such rollout"),
        (question(Verb.PAUSE, ServiceName("svc-0009")).command, "no such service"),
        (question(Verb.ABORT, SERVICE).command, "for a whole rollout"),
    ],
)
def test_what_makes_no_sense_is_refused_and_harms_nobody(
    world_of: Callable[..., World], compiled: Callable[..., Compiled], command: str, said: str
) -> None:
    world = world_of()
    asked = Question("k1", "ann", "because", command, 0.0)
    result = world.live(speaking(compiled(1, 3), PLACES["gate"](), asked)).result
    assert result is not None
    assert result.code is ExitCode.AS_ALLOWED
    answer = told(world)
    assert answer is not None
    assert answer.kind is Kind.REFUSED
    assert said in answer.said[0].text


def test_a_command_to_a_rollout_that_is_over_is_refused(
    world_of: Callable[..., World], compiled: Callable[..., Compiled]
) -> None:
    world, plan = world_of(), compiled(1, 3)
    world.live(lambda parts: carry_out(parts, plan))
    loop.run(world.journal.post(question(Verb.ROLLBACK, SERVICE)))
    world.live(lambda parts: carry_out(parts, plan))
    answer = told(world)
    assert answer is not None
    assert (answer.kind, answer.said[0].instead) == (Kind.REFUSED, "a new rollout")


def test_a_program_that_runs_the_engine_speaks_without_an_inbox(
    world_of: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]]
) -> None:
    world, plan = world_of(), compiled(1, 3)
    ask = Ask(ROLLOUT, SERVICE, Command("k", Verb.PAUSE, "ann", "lunch"))

    async def script(parts: Parts) -> Reply:
        for payload in plan.payloads:
            await parts.journal.put(payload)
        await parts.engine.open_rollout(plan.plan, plan.services)
        return await parts.engine.say(ask)

    reply = world.live(script).result
    assert reply is not None
    assert reply.kind is Kind.ACCEPTED
    assert [type(each.fact) for each in recorded(world, SERVICE)] == [event.Opened, event.Held]


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.ROLLBACK, Verb.ABORT])
def test_a_death_around_an_answer_neither_loses_nor_doubles_it(
    world_of: Callable[..., World], compiled: Callable[..., Compiled], recorded: Callable[..., list[Entry]], verb: Verb
) -> None:
    plan, asked = compiled(1, 3), question(verb, None if verb is Verb.ABORT else SERVICE)
    kind = event.Stopped if verb is Verb.STOP else event.TurnedBack
    calm = world_of()
    moments = calm.live(speaking(plan, PLACES["gate"](), asked)).moments
    around = [number for number, moment in enumerate(moments) if "k1" in moment]
    assert len(around) == 3
    for number in range(around[0], min(around[-1] + 6, len(moments))):
        world = world_of()
        life = world.live(speaking(plan, PLACES["gate"](), asked), dies_at=number)
        assert life.killed
        world.pass_by(200.0)
        last = world.live(lambda parts: carry_out(parts, plan)).result
        assert last is not None
        assert last.code is (ExitCode.FOR_PERSON if verb is Verb.STOP else ExitCode.BY_PERSON), moments[number]
        assert sum(isinstance(each.fact, kind) for each in recorded(world)) == 1, moments[number]
        answer = told(world)
        assert answer is not None
        assert answer.kind is Kind.ACCEPTED
