"""Waves in virtual time: their order, what services need of each other, bakes under watch, and going back together."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rollout.core import event, fleet_event
from rollout.core.command import Ask, Command, Verb
from rollout.core.compile import Compiled
from rollout.core.event import Entry
from rollout.core.names import ServiceName
from rollout.core.result import ExitCode, Result
from rollout.simulation.world import Parts, World, carry_out

MakeWorld = Callable[..., World]
Compile = Callable[..., Compiled]
Recorded = Callable[..., list[Entry]]

SHORT = "health: {stable_duration: 10s, retry_timeout: 30s, interval: 5s}\nwalk: {bake_before_last: 0s}\n"


def fails(*services: str, domain: int = 1) -> list[dict[str, Any]]:
    return [{"service": each, "verb": "walk", "domain": domain, "effect": "fail", "times": 1000} for each in services]


def ran(world: World, plan: Compiled) -> Result:
    result = world.live(lambda parts: carry_out(parts, plan)).result
    assert result is not None
    return result


def times(entries: Sequence[Entry], of: type) -> dict[str, float]:
    """Give when a fact of this type was recorded, by service or wave."""
    return {
        getattr(entry.fact, "wave", "")
        if isinstance(entry.fact, fleet_event.FleetFact)
        else entry.stream[-10:-2]: entry.now.t
        for entry in entries
        if isinstance(entry.fact, of)
    }


TWO = "waves: [{name: canary, select: 1, bake: 10m}, {name: rest, select: rest, max_parallel: 3, strict: false}]"


def test_a_wave_opens_when_the_one_before_has_ended_and_was_watched(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(4, 2)
    assert ran(world, compiled(4, 2, waves=TWO, more=SHORT)).outcome == "succeeded"
    entries = recorded(world)
    ended, began = times(entries, event.Closed)["svc-0001"], times(entries, fleet_event.BakeBegan)["canary"]
    baked, opened = times(entries, fleet_event.BakeEnded)["canary"], times(entries, fleet_event.WaveOpened)["rest"]
    assert ended <= began <= baked - 600 <= baked <= opened
    assert baked - began < 620
    probed = [entry.fact for entry in entries if isinstance(entry.fact, fleet_event.BakeProbed)]
    assert [(each.service, each.well) for each in probed] == [("svc-0001", True)]


def sicken(world: World, service: str, *, sick: bool = True) -> None:
    """Let an instance of a service go down for good, or come up."""
    (deployment,) = world.fabric.world.services[service].slots.values()
    instance = deployment.instances[0]
    instance.restart(world.fabric.now(), 0.0, sick=sick, release=instance.release)


def test_a_bake_that_turns_red_halts_before_the_next_wave_and_a_resume_watches_again(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world, plan = make_world(3, 2), compiled(3, 2, waves=TWO, more=SHORT)

    async def script(parts: Parts) -> Result | None:
        parts.kit.ledger.listen(fall_ill)
        return await carry_out(parts, plan)

    def fall_ill(records: Sequence[Any]) -> None:
        if any(isinstance(each.entry.fact, fleet_event.BakeBegan) for each in records):
            sicken(world, "svc-0001")

    result = world.live(script).result
    assert result is not None
    assert (result.code, result.outcome) == (ExitCode.WENT_BACK, "halted")
    assert "the bake of wave canary failed: svc-0001 was not healthy while it was watched" in result.reason
    assert list(times(recorded(world), fleet_event.WaveOpened)) == ["canary"]
    sicken(world, "svc-0001", sick=False)

    async def resumed(parts: Parts) -> Result | None:
        await parts.engine.say(Ask(plan.plan.rollout, None, Command("k", Verb.RESUME, "ann", "it was the rack")))
        return await carry_out(parts, plan)

    again = world.live(resumed).result
    assert again is not None
    assert again.outcome == "succeeded"
    bakes = [entry.now.t for entry in recorded(world) if isinstance(entry.fact, fleet_event.BakeBegan)]
    assert len(bakes) == 2
    assert times(recorded(world), fleet_event.BakeEnded)["canary"] >= bakes[1] + 600


def test_a_bake_goes_on_where_it_was_when_the_engine_dies_in_it(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world, plan = make_world(2, 2), compiled(2, 2, waves=TWO, more=SHORT)
    began = 1177.0
    world.live(lambda parts: carry_out(parts, plan), dies_after_s=began + 300.0)
    assert len(times(recorded(world), fleet_event.BakeBegan)) == 1
    world.pass_by(5000.0)
    assert ran(world, plan).outcome == "succeeded"
    baked, opened = times(recorded(world), fleet_event.BakeEnded), times(recorded(world), fleet_event.BakeBegan)
    assert 600 <= baked["canary"] - opened["canary"] < 640


def test_the_first_service_of_a_wave_is_watched_before_the_others_begin(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    waves = "waves: [{name: all, select: rest, max_parallel: 3, strict: false, bake_first: 15m}]"
    world = make_world(4, 2)
    assert ran(world, compiled(4, 2, waves=waves, more=SHORT)).outcome == "succeeded"
    entries = recorded(world)
    begun, ended = times(entries, event.Admitted), times(entries, event.Closed)
    assert begun["svc-0002"] >= ended["svc-0001"] + 900
    assert begun["svc-0002"] == begun["svc-0003"] == begun["svc-0004"]


def test_waves_that_need_nothing_of_each_other_run_side_by_side(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    waves = (
        "waves: [{name: a, select: svc-0001}, {name: b, select: svc-0002, needs: [a]}, "
        "{name: c, select: rest, needs: [a]}]"
    )
    world = make_world(3, 2)
    assert ran(world, compiled(3, 2, waves=waves, more=SHORT)).outcome == "succeeded"
    begun, ended = times(recorded(world), event.Admitted), times(recorded(world), event.Closed)
    assert begun["svc-0002"] >= ended["svc-0001"]
    assert begun["svc-0003"] < ended["svc-0002"]


def test_what_a_service_needs_has_ended_before_it_begins_and_pairs_are_never_in_flight_together(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    says = {"svc-0001": "needs: [svc-0003]", "svc-0002": "paired: [svc-0004]"}
    world = make_world(4, 2)
    assert ran(world, compiled(4, 2, says=says, more=SHORT)).outcome == "succeeded"
    begun, ended = times(recorded(world), event.Admitted), times(recorded(world), event.Closed)
    assert begun["svc-0001"] >= ended["svc-0003"]
    assert begun["svc-0004"] >= ended["svc-0002"]


def test_what_needs_a_service_that_failed_waits_for_a_person_who_takes_it_out(
    make_world: MakeWorld, compiled: Compile
) -> None:
    world = make_world(3, 2, faults=fails("svc-0001"))
    plan = compiled(3, 2, parallel=3, tolerance=1, says={"svc-0002": "needs: [svc-0001]"}, more=SHORT)
    stuck = ran(world, plan)
    assert stuck.code is ExitCode.FOR_PERSON
    assert "svc-0002 waits for svc-0001, which it needs, to end well: that one was rolled back" in stuck.reason

    async def excluded(parts: Parts) -> Result | None:
        word = Command("k", Verb.EXCLUDE, "ann", "not this time")
        await parts.engine.say(Ask(plan.plan.rollout, ServiceName("svc-0002"), word))
        return await carry_out(parts, plan)

    result = world.live(excluded).result
    assert result is not None
    assert result.code is ExitCode.AS_ALLOWED


def test_a_cap_for_each_value_of_a_tag_is_kept(make_world: MakeWorld, compiled: Compile, recorded: Recorded) -> None:
    says = {f"svc-{n:04}": f"tags: {{region: {'weu' if n < 4 else 'neu'}}}" for n in range(1, 7)}
    waves = "waves: [{name: all, select: rest, max_parallel: 6, strict: false, max_parallel_per: {region: 1}}]"
    world = make_world(6, 2)
    assert ran(world, compiled(6, 2, waves=waves, says=says, more=SHORT)).outcome == "succeeded"
    flying: set[str] = set()
    for entry in recorded(world):
        if isinstance(entry.fact, event.Admitted):
            flying.add(entry.stream[-10:-2])
        elif isinstance(entry.fact, event.Closed):
            flying.remove(entry.stream[-10:-2])
        assert sum(name < "svc-0004" for name in flying) <= 1
        assert sum(name >= "svc-0004" for name in flying) <= 1


@pytest.mark.parametrize(("wave", "back"), [("halt", set()), ("rollback_wave", {"svc-0002", "svc-0003"})])
def test_a_wave_that_broke_its_tolerance_goes_back_where_the_policy_says_so(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded, wave: str, back: set[str]
) -> None:
    world = make_world(3, 3, faults=fails("svc-0001"))
    plan = compiled(3, 3, more=f"{SHORT}on_failure: {{wave: {wave}}}\n")
    result = ran(world, plan)
    turned = times(recorded(world), event.TurnedBack)
    assert turned.keys() == {"svc-0001", *back}
    if back:
        assert result.code is ExitCode.WENT_BACK
    else:
        assert result.code is ExitCode.FOR_PERSON


def test_a_wave_goes_back_by_as_many_at_a_time_as_its_cap_allows(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(4, 3, faults=fails("svc-0001"))
    more = f"{SHORT}on_failure: {{wave: rollback_all}}\nrollback: {{max_parallel: 1}}\n"
    assert ran(world, compiled(4, 3, more=more)).code is ExitCode.WENT_BACK
    going: set[str] = set()
    peak = 0
    for entry in recorded(world):
        if isinstance(entry.fact, event.TurnedBack):
            going.add(entry.stream)
        elif isinstance(entry.fact, event.Closed):
            going.discard(entry.stream)
        peak = max(peak, len(going))
    assert peak <= 2


BACK = 'rollback: {package: "https://relstore.blob.example/old.cspkg", max_parallel: 2}\n'
TWICE = (
    "waves: [{name: a, select: 2, max_parallel: 2, strict: false}, {name: b, select: rest}, "
    "{name: c, select: svc-0005}]"
)


def test_everything_that_went_well_goes_back_too_those_that_need_others_first(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    waves = TWICE.replace("{name: b, select: rest}", '{name: b, select: "svc-0003, svc-0004"}')
    says = {"svc-0003": "needs: [svc-0001]"}
    world = make_world(5, 2, faults=fails("svc-0004", domain=0))
    more = f"{SHORT}on_failure: {{wave: rollback_all}}\n{BACK}"
    result = ran(world, compiled(5, 2, waves=waves, says=says, more=more))
    assert (result.code, result.outcome) == (ExitCode.WENT_BACK, "halted")
    entries = recorded(world)
    undone = [entry for entry in entries if isinstance(entry.fact, event.Opened) and entry.fact.undoing is not None]
    assert [entry.stream[-10:] for entry in undone] == ["svc-0003#2", "svc-0002#2", "svc-0001#2"]
    ended = {entry.stream[-10:]: entry for entry in entries if isinstance(entry.fact, event.Closed)}
    assert {name: ended[name].fact.outcome for name in ended if name.endswith("#2")} == {  # type: ignore[union-attr]
        f"svc-000{number}#2": "rolled_back" for number in (1, 2, 3)
    }
    assert undone[-1].now.t >= ended["svc-0003#2"].now.t
    begun = {name for name, state in world.fabric.world.services.items() if state.slots}
    assert len(begun) == 5
    labels = {name: next(iter(each.slots.values())).release.label for name, each in world.fabric.world.services.items()}
    assert all("web-2.4.1" not in label for label in labels.values()), labels


def test_a_wave_whose_bake_turns_red_goes_back_although_all_of_it_had_ended_well(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(3, 2)
    plan = compiled(3, 2, waves=TWO, more=f"{SHORT}on_failure: {{wave: rollback_wave}}\n{BACK}")

    async def script(parts: Parts) -> Result | None:
        def fall_ill(records: Sequence[Any]) -> None:
            if any(isinstance(each.entry.fact, fleet_event.BakeBegan) for each in records):
                sicken(world, "svc-0001")
            if any(isinstance(each.entry.fact, fleet_event.Halted) for each in records):
                sicken(world, "svc-0001", sick=False)

        parts.kit.ledger.listen(fall_ill)
        return await carry_out(parts, plan)

    result = world.live(script).result
    assert result is not None
    assert (result.code, result.outcome) == (ExitCode.WENT_BACK, "halted")
    assert [entry.fact.outcome for entry in recorded(world, "svc-0001") if isinstance(entry.fact, event.Closed)] == [
        "succeeded",
        "rolled_back",
    ]


def test_what_ended_well_stays_where_there_is_no_way_back_and_the_rollout_still_ends(
    make_world: MakeWorld, compiled: Compile, recorded: Recorded
) -> None:
    world = make_world(3, 2, faults=fails("svc-0003", domain=0))
    more = f"{SHORT}on_failure: {{wave: rollback_all}}\n"
    assert ran(world, compiled(3, 2, waves=TWO, more=more)).code is ExitCode.WENT_BACK
    assert not [entry for entry in recorded(world, "svc-0001") if isinstance(entry.fact, event.TurnedBack)]
