"""Windows, freezes, approvals and several rollouts, in virtual time: what waits, until when, and who lets it go on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rollout.core import event, fleet_event
from rollout.core.approvals import plan_digest
from rollout.core.command import Ask, Command, Verb
from rollout.core.compile import Compiled, compile_bundle
from rollout.core.ending import Outcome
from rollout.core.event import Entry, HoldReason
from rollout.core.names import ENGINE_STREAM, RolloutId, ServiceName
from rollout.core.reply import Kind, Reply
from rollout.core.result import ExitCode, Result
from rollout.core.word_amend import amendment
from rollout.emulator.fleet import SUBSCRIPTION, FleetPlan, configuration
from rollout.errors import CommandRefused
from rollout.policy.load import load_policy
from rollout.simulation.world import WALL_AT_START, Parts, World, carry_out

MakeWorld = Callable[..., World]
Compile = Callable[..., Compiled]
Recorded = Callable[..., list[Entry]]

STAGED = """
rollout: web-2.4.1
change:
  upgrade: {{slot: staging, package: "https://relstore.blob.example/web.cspkg", configuration: web.cscfg, label: web-2}}
  swap: {{bake: 1m}}
fleet: {{subscription: {subscription}, services: {{{services}}}}}
{more}
{health}
"""
SHORT = "health: {stable_duration: 10s, retry_timeout: 30s, interval: 5s}\nwalk: {bake_before_last: 0s}\n"
HOUR = 3600.0


def ran(world: World, plan: Compiled) -> Result:
    result = world.live(lambda parts: carry_out(parts, plan)).result
    assert result is not None
    return result


def begun(entries: Sequence[Entry]) -> dict[str, str]:
    """Give when each service began, as people's clocks had it."""
    return {
        entry.stream[-10:-2]: datetime.fromtimestamp(entry.now.wall, UTC).isoformat(timespec="minutes")
        for entry in entries
        if isinstance(entry.fact, event.Admitted)
    }


def held(entries: Sequence[Entry], reason: HoldReason) -> list[event.Held]:
    return [entry.fact for entry in entries if isinstance(entry.fact, event.Held) and entry.fact.reason is reason]


async def say(parts: Parts, rollout: str, verb: Verb, actor: str = "ann", **flags: Any) -> Reply:
    word = Command(f"{verb}-{actor}-{flags}", verb, actor, "because", **flags)
    return await parts.engine.say(Ask(RolloutId(rollout), None, word))


def beside(
    plan: Compiled, *words: tuple[float, Callable[[Parts], Awaitable[object]]]
) -> Callable[[Parts], Awaitable[Result | None]]:
    """Carry a rollout out while people speak, each so many seconds after the start."""

    async def script(parts: Parts) -> Result | None:
        async def speak() -> None:
            began = asyncio.get_running_loop().time()
            for at, word in words:
                await asyncio.sleep(began + at - asyncio.get_running_loop().time())
                await word(parts)

        async with asyncio.TaskGroup() as group:
            speaking = group.create_task(speak(), name="people")
            result = await carry_out(parts, plan)
            speaking.cancel()
        return result

    return script


@pytest.fixture
def staged(tmp_path: Path) -> Callable[..., Compiled]:
    """Write a policy that upgrades staging and swaps, and compile it."""

    def make(more: str) -> Compiled:
        (tmp_path / "web.cscfg").write_bytes(configuration("web", "web-2", 2))
        services = "svc-0001: {}" if "waves" in more else "svc-0001: {}, svc-0002: {}"
        text = STAGED.format(subscription=SUBSCRIPTION, services=services, more=more, health=SHORT)
        (tmp_path / "policy.yaml").write_text(text)
        return compile_bundle(load_policy(tmp_path / "policy.yaml"))

    return make


# --- windows ---


def test_services_are_begun_inside_the_window_that_has_room_for_them_and_run_on_past_its_end(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    # The world begins on Friday, 2016-02-19 at 01:33; a service is expected to take 53 minutes and takes 20.
    waves = "waves: [{name: all, select: rest, max_parallel: 1}]\nwindows: ['Fri-Sat 02:00-04:00 UTC']"
    world = make_world(8, 2)
    assert ran(world, compiled(8, 2, waves=waves, more=SHORT)).outcome == "succeeded"
    at = begun(recorded(world))
    assert at["svc-0001"] == "2016-02-19T02:00+00:00"
    days = [when[:10] for when in at.values()]
    assert days == sorted(days)
    assert set(days) == {"2016-02-19", "2016-02-20"}
    assert all("02:00" <= when[11:16] < "04:00" for when in at.values())


@pytest.mark.parametrize(
    ("night", "window", "begins"),
    [
        # 2016-03-13, New York: 02:00 to 03:00 is skipped, so the window opens as the clock jumps.
        ("2016-03-13T00:30:00-05:00", "Sun 02:30-06:00 America/New_York", "2016-03-13T07:00+00:00"),
        # 2016-11-06, New York: 01:30 comes twice, and the first counts.
        ("2016-11-06T00:30:00-04:00", "Sun 01:30-05:00 America/New_York", "2016-11-06T05:30+00:00"),
        # Across midnight, on the day before.
        ("2016-03-12T23:50:00-05:00", "Sat 22:00-06:00 America/New_York", "2016-03-13T04:50+00:00"),
    ],
)
def test_windows_go_by_the_clock_on_the_wall_when_clocks_are_turned(  # noqa: PLR0917 - fixtures and a row of the table
    make_world: MakeWorld, compiled: Compile, recorded: Recorded, night: str, window: str, begins: str
) -> None:
    world = make_world(1, 2)
    world.pass_by(datetime.fromisoformat(night).timestamp() - WALL_AT_START)
    waves = f"waves: [{{name: all, select: rest}}]\nwindows: ['{window}']"
    assert ran(world, compiled(1, 2, waves=waves, more=SHORT)).outcome == "succeeded"
    assert begun(recorded(world)) == {"svc-0001": begins}


def test_a_service_under_way_holds_outside_windows_where_the_policy_says_so_and_its_clocks_stand_still(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    waves = (
        "waves: [{name: all, select: rest}]\ntimeout: 4h\n"
        "windows: {open: ['Mon-Sun 02:00-02:30 UTC'], mid_service: hold}"
    )
    world = make_world(1, 6)
    assert ran(world, compiled(1, 6, waves=waves, more=SHORT)).outcome == "waits for a person"
    # Expected to take longer than any window: it has to be begun by hand, or the window made longer.
    assert begun(recorded(world)) == {}
    longer = waves.replace("02:30", "03:00")
    world = make_world(1, 8)
    assert ran(world, compiled(1, 8, waves=longer, more=SHORT)).outcome == "succeeded"
    holds = held(recorded(world), HoldReason.WINDOW)
    assert len(holds) == 1
    assert holds[0].until_wall == datetime(2016, 2, 20, 2, 0, tzinfo=UTC).timestamp()
    lifted = [entry for entry in recorded(world) if isinstance(entry.fact, event.Released)]
    assert lifted[0].now.wall == pytest.approx(holds[0].until_wall, abs=1.0)


# --- freezes ---


def test_a_freeze_during_a_walk_begins_nobody_and_lets_the_walk_go_on(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world, plan = make_world(2, 2), compiled(2, 2, parallel=1, more=SHORT)
    frozen = world.live(beside(plan, (300.0, lambda parts: say(parts, ENGINE_STREAM, Verb.FREEZE)))).result
    assert frozen is not None
    assert frozen.code is ExitCode.FOR_PERSON
    assert "svc-0002 waits for the freeze by ann to be lifted: because" in frozen.reason
    assert list(begun(recorded(world))) == ["svc-0001"]
    assert [entry.verb for entry in world.log()] == ["upgrade", "walk", "walk"]
    thawed = world.live(beside(plan, (0.0, lambda parts: say(parts, ENGINE_STREAM, Verb.UNFREEZE, "bob")))).result
    assert thawed is not None


def test_a_freeze_with_an_end_is_waited_for_and_outlives_the_engine(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world, plan = make_world(1, 2), compiled(1, 2, more=SHORT)
    until = WALL_AT_START + 5 * HOUR

    async def freeze(parts: Parts) -> None:
        await say(parts, ENGINE_STREAM, Verb.FREEZE, until_wall=until)

    world.live(freeze)
    assert ran(world, plan).outcome == "succeeded"
    assert begun(recorded(world)) == {"svc-0001": "2016-02-19T06:33+00:00"}


def test_a_freeze_of_domains_holds_the_next_walk_and_never_the_way_back(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world, plan = make_world(2, 3), compiled(2, 3, tolerance=1, more=SHORT)
    one = ServiceName("svc-0001")

    async def back(parts: Parts) -> None:
        word = Command("back", Verb.ROLLBACK, "bob", "it smells")
        await parts.engine.say(Ask(plan.plan.rollout, one, word))

    frozen = world.live(
        beside(
            plan,
            (700.0, lambda parts: say(parts, ENGINE_STREAM, Verb.FREEZE, domains=True)),
            (1000.0, back),
        )
    ).result
    assert frozen is not None
    assert frozen.code is ExitCode.FOR_PERSON
    assert len(held(recorded(world), HoldReason.FREEZE)) == 1
    endings = {
        entry.stream[-10:-2]: entry.fact.outcome for entry in recorded(world) if isinstance(entry.fact, event.Closed)
    }
    assert endings == {"svc-0001": Outcome.ROLLED_BACK}

    async def thawed(parts: Parts) -> Result | None:
        await say(parts, ENGINE_STREAM, Verb.UNFREEZE)
        return await carry_out(parts, plan)

    result = world.live(thawed).result
    assert result is not None
    assert [entry.fact.outcome for entry in recorded(world, "svc-0002") if isinstance(entry.fact, event.Closed)] == [
        Outcome.SUCCEEDED
    ]


# --- approvals ---

LEADS = {"leads": ("ann", "bob")}
APPROVED = "waves: [{name: a, select: 1}, {name: b, select: rest, approve: {by: leads, before: start, within: 2h}}]"


def test_a_wave_waits_for_the_word_of_its_group_and_the_plan_that_was_looked_at(
    make_world: MakeWorld, compiled: Compile
) -> None:
    world, plan = make_world(2, 2), compiled(2, 2, waves=APPROVED, more=SHORT)
    world.groups = LEADS
    digest = plan_digest(plan.plan)
    asked = ran(world, plan)
    assert asked.code is ExitCode.FOR_PERSON
    assert "svc-0002 waits for leads to approve wave b, until 2016-02-19 0" in asked.reason
    said: list[Reply] = []

    async def approved(parts: Parts) -> Result | None:
        said.append(await say(parts, plan.plan.rollout, Verb.APPROVE, "eve", plan=digest))
        said.append(await say(parts, plan.plan.rollout, Verb.APPROVE, "bob", plan="0" * 12))
        said.append(await say(parts, plan.plan.rollout, Verb.APPROVE, "bob", plan=digest[:12]))
        said.append(await say(parts, plan.plan.rollout, Verb.APPROVE, "ann", plan=digest))
        return await carry_out(parts, plan)

    result = world.live(approved).result
    assert result is not None
    assert result.outcome == "succeeded"
    assert [each.kind for each in said] == [Kind.REFUSED, Kind.REFUSED, Kind.ACCEPTED, Kind.REFUSED]
    assert said[0].said[0].text == "eve is not in group leads of the settings"
    assert said[1].said[0].text == f"the plan is {digest[:12]}, and not {'0' * 12}"


def test_an_approval_that_expires_is_a_hold_with_a_sentence_and_a_resume_asks_again(
    make_world: MakeWorld, compiled: Compile
) -> None:
    world, plan = make_world(2, 2), compiled(2, 2, waves=APPROVED, more=SHORT)
    world.groups = LEADS
    ran(world, plan)
    world.pass_by(3 * HOUR)
    expired = ran(world, plan)
    assert expired.code is ExitCode.FOR_PERSON
    assert "for leads to approve wave b: nobody did until 2016-02-19 0" in expired.reason
    assert expired.reason.endswith("; resume asks again")
    digest, said = plan_digest(plan.plan), []

    async def again(parts: Parts) -> Result | None:
        said.append(await say(parts, plan.plan.rollout, Verb.APPROVE, plan=digest))
        said.append(await say(parts, plan.plan.rollout, Verb.RESUME))
        said.append(await say(parts, plan.plan.rollout, Verb.APPROVE, "bob", plan=digest))
        return await carry_out(parts, plan)

    result = world.live(again).result
    assert result is not None
    assert result.outcome == "succeeded"
    assert [each.kind for each in said] == [Kind.REFUSED, Kind.ACCEPTED, Kind.ACCEPTED]
    assert said[0].said[0].text == "it was not given in time"


def test_a_rejection_starts_no_later_wave_until_a_resume(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world, plan = make_world(2, 2), compiled(2, 2, waves=APPROVED, more=SHORT)
    world.groups = LEADS
    ran(world, plan)

    async def rejected(parts: Parts) -> Result | None:
        await say(parts, plan.plan.rollout, Verb.REJECT)
        return await carry_out(parts, plan)

    result = world.live(rejected).result
    assert result is not None
    assert "for leads to approve wave b: ann rejected it: because; resume asks again" in result.reason
    assert [entry.fact.wave for entry in recorded(world) if isinstance(entry.fact, fleet_event.WaveOpened)] == ["a"]


def test_an_approval_before_the_last_domain_holds_each_service_there(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    more = f"{SHORT}approve: {{by: leads, before: last}}\n"
    world, plan = make_world(2, 2), compiled(2, 2, more=more)
    world.groups = LEADS
    asked = ran(world, plan)
    assert asked.code is ExitCode.FOR_PERSON
    assert [entry.domain for entry in world.log() if entry.verb == "walk"] == [0, 0]
    holds = held(recorded(world), HoldReason.APPROVAL)
    assert len(holds) == 2
    assert holds[0].note == "waits for leads to approve the rollout, before the last domain"
    digest = plan_digest(plan.plan)

    async def approved(parts: Parts) -> Result | None:
        await say(parts, plan.plan.rollout, Verb.APPROVE, plan=digest)
        return await carry_out(parts, plan)

    result = world.live(approved).result
    assert result is not None
    assert result.outcome == "succeeded"


def test_an_approval_before_the_swap_lets_staging_be_upgraded_and_shows_nothing_before_it_is_given(
    make_world: MakeWorld, recorded: Recorded, staged: Callable[..., Compiled]
) -> None:
    plan = staged("approve: {by: leads, before: swap, within: 2h}")
    world = World(make_world().make_kit, FleetPlan(2, 2, staging=True))
    world.groups = LEADS
    asked = ran(world, plan)
    assert (asked.code, asked.outcome) == (ExitCode.FOR_PERSON, "waits for a person")
    assert len([entry for entry in world.log() if entry.verb == "walk" and entry.slot == "staging"]) == 4
    assert all(entry.verb != "swap" for entry in world.log())
    holds = held(recorded(world), HoldReason.APPROVAL)
    assert {hold.note for hold in holds} == {"waits for leads to approve the rollout, before the swap"}
    digest = plan_digest(plan.plan)

    async def approved(parts: Parts) -> Result | None:
        await say(parts, plan.plan.rollout, Verb.APPROVE, plan=digest)
        return await carry_out(parts, plan)

    result = world.live(approved).result
    assert result is not None
    assert result.outcome == "succeeded"
    swaps = [entry.service for entry in world.log() if entry.verb == "swap"]
    assert swaps == ["svc-0001", "svc-0002"]


def test_the_waves_approval_before_the_last_domain_and_the_rollouts_before_the_swap_are_both_asked_for(
    make_world: MakeWorld, recorded: Recorded, staged: Callable[..., Compiled]
) -> None:
    waves = "waves: [{name: all, select: rest, approve: {by: ops, before: last}}]\n"
    plan = staged(f"{waves}approve: {{by: leads, before: swap}}")
    world = World(make_world().make_kit, FleetPlan(1, 2, staging=True))
    world.groups = LEADS | {"ops": ("oda",)}
    digest = plan_digest(plan.plan)
    seen: list[tuple[str, int]] = []

    def saying(actor: str) -> Callable[[Parts], Awaitable[Result | None]]:
        async def script(parts: Parts) -> Result | None:
            await say(parts, plan.plan.rollout, Verb.APPROVE, actor, plan=digest)
            return await carry_out(parts, plan)

        return script

    for script in (saying("nobody"), saying("oda"), saying("ann")):
        result = world.live(script).result if seen else ran(world, plan)
        assert result is not None
        seen.append((result.outcome, len([e for e in world.log() if e.verb in {"walk", "swap"}])))
    assert seen == [("waits for a person", 1), ("waits for a person", 2), ("succeeded", 3)]
    asked = [e.fact.scope for e in recorded(world) if isinstance(e.fact, fleet_event.ApprovalAsked)]
    assert asked == ["all", ""]


# --- deadlines ---


def test_past_its_deadline_a_rollout_begins_nothing_more_until_a_person_lets_it(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(3, 2)
    plan = compiled(3, 2, parallel=1, more=f"{SHORT}deadline: 3m\n")
    late = ran(world, plan)
    assert (late.code, late.outcome) == (ExitCode.FOR_PERSON, "waits for a person")
    entries = recorded(world)
    opened = entries[0].now.wall
    (halt,) = [entry.now.wall - opened for entry in entries if isinstance(entry.fact, fleet_event.Halted)]
    assert halt == pytest.approx(180.0, abs=0.1)
    begins = [entry.now.wall - opened for entry in entries if isinstance(entry.fact, event.Admitted)]
    assert begins
    assert max(begins) < 180.0
    assert len(begins) < 3

    async def lifted(parts: Parts) -> Result | None:
        await say(parts, plan.plan.rollout, Verb.RESUME)
        return await carry_out(parts, plan)

    result = world.live(lifted).result
    assert result is not None
    assert result.outcome == "succeeded"


def test_a_deadline_passes_while_no_engine_runs_and_an_approval_given_after_it_opens_nothing(
    make_world: MakeWorld, compiled: Compile
) -> None:
    world, plan = make_world(2, 2), compiled(2, 2, waves=APPROVED, more=f"{SHORT}deadline: 90m\n")
    world.groups = LEADS
    assert "svc-0002 waits for leads to approve wave b" in ran(world, plan).reason
    world.pass_by(1.6 * HOUR)

    async def approved(parts: Parts) -> Result | None:
        await say(parts, plan.plan.rollout, Verb.APPROVE, plan=plan_digest(plan.plan))
        return await carry_out(parts, plan)

    result = world.live(approved).result
    assert result is not None
    assert (result.code, result.outcome) == (ExitCode.FOR_PERSON, "overdue")
    assert result.reason.startswith("the deadline 2016-02-19 ")
    assert {entry.service for entry in world.log()} == {"svc-0001"}


# --- several rollouts ---


def two(compiled: Compile, on_conflict: str, *, services: int = 3) -> tuple[Compiled, Compiled]:
    first = compiled(services, 2, rollout="web-2.4.1", parallel=1, more=SHORT)
    more = f"{SHORT}on_conflict: {on_conflict}\npriority: urgent\n"
    return first, compiled(services, 2, rollout="web-2.4.2", parallel=1, more=more)


def interrupted(world: World, plan: Compiled, at_s: float) -> None:
    world.live(lambda parts: carry_out(parts, plan), dies_after_s=at_s)


def test_a_second_rollout_of_the_same_targets_is_refused_and_told_what_would_work(
    make_world: MakeWorld, compiled: Compile
) -> None:
    world = make_world(3, 2)
    first, second = two(compiled, "refuse")
    interrupted(world, first, 1500.0)
    with pytest.raises(CommandRefused, match=r"web-2\.4\.1, which is not over, has svc-0002, svc-0003") as caught:
        ran(world, second)
    assert "on_conflict: queue waits for it, supersede takes its place" in str(caught.value)


def test_a_queued_rollout_takes_each_target_when_the_one_before_is_done_with_it(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(3, 2)
    first, second = two(compiled, "queue")
    interrupted(world, first, 1500.0)
    assert ran(world, second).outcome == "succeeded"
    assert_one_owner(recorded(world))
    labels = {entry.service: entry.label for entry in world.log() if entry.verb == "walk"}
    assert all(label.startswith("web-2.4.2") for label in labels.values())
    ended = [entry.stream for entry in recorded(world) if isinstance(entry.fact, event.Closed)]
    assert len(ended) == 6


def test_a_hotfix_supersedes_a_half_done_rollout_whose_targets_change_hands_as_they_end(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(3, 2)
    first, second = two(compiled, "supersede")
    # The first service is done, the second under way, the third not begun.
    interrupted(world, first, 1500.0)
    assert ran(world, second).outcome == "succeeded"
    entries = recorded(world)
    assert_one_owner(entries)
    endings = {str(entry.stream): entry.fact for entry in entries if isinstance(entry.fact, event.Closed)}
    assert endings["web-2.4.1/svc-0001#1"].outcome is Outcome.SUCCEEDED
    assert endings["web-2.4.1/svc-0002#1"].outcome is Outcome.SUCCEEDED
    assert endings["web-2.4.1/svc-0003#1"].outcome is Outcome.EXCLUDED
    assert endings["web-2.4.1/svc-0003#1"].reason == "superseded by web-2.4.2"
    assert all(endings[f"web-2.4.2/svc-000{n}#1"].outcome is Outcome.SUCCEEDED for n in (1, 2, 3))

    async def retried(parts: Parts) -> Reply:
        word = Command("k", Verb.RETRY, "ann", "again")
        return await parts.engine.say(Ask(first.plan.rollout, ServiceName("svc-0003"), word))

    told = world.live(retried).result
    assert told is not None
    assert told.kind is Kind.REFUSED


def assert_one_owner(entries: Sequence[Entry]) -> None:
    owners: dict[str, str] = {}
    for entry in entries:
        service = entry.stream[-10:-2]
        if isinstance(entry.fact, event.Admitted):
            assert service not in owners
            owners[service] = entry.stream
        elif isinstance(entry.fact, event.Closed):
            owners.pop(service, None)


def test_rollouts_that_share_nothing_run_side_by_side_in_one_engine(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(4, 2)
    first = compiled(["svc-0001", "svc-0002"], 2, rollout="web-1", more=SHORT)
    second = compiled(["svc-0003", "svc-0004"], 2, rollout="web-2", more=SHORT)

    async def both(parts: Parts) -> list[Result | None]:
        async with parts.engine.at_work(), asyncio.TaskGroup() as group:
            tasks = [group.create_task(carry_out(parts, plan), name=plan.plan.rollout) for plan in (first, second)]
        return [task.result() for task in tasks]

    results = world.live(both).result
    assert results is not None
    assert [each is not None and each.outcome for each in results] == ["succeeded", "succeeded"]
    assert len({entry.now.t for entry in recorded(world) if isinstance(entry.fact, event.Admitted)}) == 1


def test_a_rollout_that_is_amended_under_way_goes_on_under_its_new_terms(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(4, 2)
    slow = compiled(4, 2, parallel=1, more=SHORT)
    quick = compiled(4, 2, parallel=3, more=SHORT.replace("10s", "5s"))
    wanted, told = amendment(slow.plan, {each.service: each for each in slow.services}, quick)
    assert told == ("wave all health stable_s: 10.0 -> 5.0", "wave all max_parallel: 1 -> 3")
    said: list[Reply] = []

    async def amend(parts: Parts) -> None:
        digest = plan_digest(slow.plan)
        said.append(await say(parts, slow.plan.rollout, Verb.AMEND, amendment=wanted, plan=digest))

    result = world.live(beside(slow, (300.0, amend))).result
    assert result is not None
    assert result.outcome == "succeeded"
    assert said[0].kind is Kind.ACCEPTED
    began = [entry.now.t for entry in recorded(world) if isinstance(entry.fact, event.Admitted)]
    assert began[0] == 0.0
    assert began[1] == began[2] == pytest.approx(300.0, abs=1.0)
