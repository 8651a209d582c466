"""What storms have found, kept as scripts: each plays without any drawn weather and names the promise it was about."""

from collections.abc import Callable

from rollout.core import event
from rollout.core.change_event import Staged
from rollout.core.fleet_event import Halted
from rollout.core.names import StreamName, parse_service_stream
from rollout.emulator.faults import read_faults
from rollout.emulator.fleet import FleetPlan
from rollout.simulation.besides import Crash
from rollout.simulation.book import Told, at_once
from rollout.simulation.cast import cast
from rollout.simulation.people import Word
from rollout.simulation.play import Script, play
from rollout.simulation.stage import Stage
from rollout.simulation.world import World, carry_out

PAUSED = StreamName("storm/svc-a#1")


def test_a_domain_is_not_walked_while_an_earlier_one_has_been_down_for_long(stage_of: Callable[..., Stage]) -> None:
    """S2, storm seed 37 of a search: paused between two domains, one instance crashed, and the release walked on."""
    script = Script(
        words=(
            Word(300.0, PAUSED, event.Held(event.HoldReason.PAUSE, "ana", "lunch")),
            Word(2_000.0, PAUSED, event.Released(event.HoldReason.PAUSE, "ana")),
        ),
        crashes=(Crash(1_200.0, "svc-a", 0, 3_000.0),),
    )
    played = play(stage_of(profile="none"), 0, script)
    assert played.violation is None, played.violation


def test_a_service_that_ends_while_the_wave_halts_stops_nobody(stage_of: Callable[..., Stage]) -> None:
    """Error, storm seed 5451: on a slow disk the halt held a service whose ending was known and not yet on disk."""
    stage = stage_of("wide", profile="none", domains=2)
    journal = Told()
    world = World(stage.make_kit, FleetPlan(0), sync_s=3.0, journal=journal)
    cast(world.fabric, stage.compiled, stage.configurations, stage.domains, stage.instances)
    refused = [{"service": name, "verb": "upgrade", "effect": "307"} for name in ("svc-b", "svc-d")]
    world.fabric.set_faults(read_faults(refused))
    life = world.live(lambda parts: carry_out(parts, stage.compiled))
    assert life.result is not None
    assert life.result.outcome == "waits for a person"
    records = at_once(journal.read_after(0, 500))
    assert any(isinstance(record.entry.fact, Halted) for record in records)
    assert sum(isinstance(record.entry.fact, event.Closed) for record in records) == 2


def test_a_rollback_during_a_walk_may_find_that_domain_down_still(stage_of: Callable[..., Stage]) -> None:
    """S1, storm seed 69: a person turns back during a walk, and the platform goes back in its own order."""
    script = Script(words=(Word(300.0, PAUSED, event.TurnedBack("asked for by ana")),))
    played = play(stage_of(profile="none"), 0, script)
    assert played.violation is None, played.violation
    assert [text.partition(" by ")[0] for _, text in played.effects if "svc-a" in text] == [
        "upgrade svc-a",
        "walk svc-a domain 0",
        "rollback svc-a",
    ]


def test_a_stop_on_a_queued_service_is_over_and_goes_on_when_it_is_lifted(stage_of: Callable[..., Stage]) -> None:
    """L1, storm seed 58: what is stopped before it began waits for a person, and ends once the person resumes."""
    queued = StreamName("held/svc-c#1")
    script = Script(
        words=(
            Word(100.0, queued, event.Stopped("ana", "something smells")),
            Word(30_000.0, queued, event.Resumed("ana", "nothing was wrong")),
        )
    )
    played = play(stage_of("held", profile="none"), 0, script)
    assert played.violation is None, played.violation
    assert played.result is not None
    assert played.result.outcome == "succeeded"
    assert played.took_s > 30_000.0


def test_what_fell_while_it_waited_at_the_barrier_is_not_swapped_before_it_is_back(
    stage_of: Callable[..., Stage],
) -> None:
    """S2, staged seed 106: staging was healthy at its gate, lost an instance at the barrier, and was swapped so."""
    stage = stage_of("staged", profile="none", domains=2)
    undisturbed = play(stage, 0)
    assert undisturbed.book is not None
    staged = {p.entry.stream: p.at for p in undisturbed.book.pages if isinstance(p.entry.fact, Staged)}
    stream = min(staged, key=lambda each: staged[each])
    fell = Crash(staged[stream] + 1.0, parse_service_stream(stream)[1], 0, max(staged.values()) + 500.0)
    played = play(stage, 0, Script(crashes=(fell,)))
    assert played.violation is None, played.violation
    swapped_at = next(at for at, text in played.effects if text.startswith(f"swap {fell.service}"))
    assert swapped_at > fell.at + fell.takes_s
