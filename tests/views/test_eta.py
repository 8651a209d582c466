"""When waves are expected to open and to be done: the forecast of the submission, moved by what really happened."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pytest

from rollout.core import event, fleet_event
from rollout.core.around import Around
from rollout.core.compile import Compiled
from rollout.core.ending import Outcome
from rollout.core.event import Entry, Fact
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import Summary
from rollout.core.foreseen import Foreseen, WaveForeseen
from rollout.core.freeze import Freeze
from rollout.core.names import Digest, Now, ServiceName, rollout_stream, service_stream
from rollout.core.snapshot import Snapshot
from rollout.core.terms import Amendment, wave_terms
from rollout.planning.foresight import foreseen_in
from rollout.planning.make import Wanted, plan_document
from rollout.planning.sighted import Sight
from rollout.simulation.world import Parts, World
from rollout.views.head import RolloutHead, head_of
from rollout.views.reading import Read
from tests.views.conftest import OWN

Compile = Callable[..., Compiled]
NOTHING: Mapping[ServiceName, Summary] = MappingProxyType({})
WAVES = "[{name: canary, select: 1, bake: 10m}, {name: pilot, select: 1}, {name: rest, select: rest}]"
FORESEEN = Foreseen(
    Digest("0" * 64),
    {"canary": WaveForeseen(0.0, 1_600.0), "pilot": WaveForeseen(1_600.0, 2_600.0), "rest": WaveForeseen(2_600.0, 5e3)},
    5e3,
)
A, B, C = (ServiceName(f"svc-000{number}") for number in range(1, 4))


def seen(
    plan: Compiled,
    *facts: Fact,
    at: float,
    foreseen: Foreseen | None = FORESEEN,
    around: Around | None = None,
    known: Mapping[ServiceName, Summary] = NOTHING,
) -> RolloutHead:
    """Give the head of a rollout after these facts, `at` seconds after its opening; engine seconds are wall seconds."""
    state, stream = None, rollout_stream(OWN)
    for version, fact in enumerate([fleet_event.RolloutOpened(plan.plan, foreseen), *facts], 1):
        state = evolve_fleet(state, Entry(stream, version, Now(0.0, 0.0), "t", fact))
    assert state is not None
    services = {}
    for each in plan.services:
        opened = Entry(service_stream(OWN, each.service, 1), 1, Now(0.0, 0.0), "t", event.Opened(each, 1, None))
        services[each.service] = evolve(None, opened)
    return head_of(Read(state, services, Now(at, at), Now(at, at), around=around or Around(), summaries=known))


def moments(head: RolloutHead) -> list[tuple[float | None, float | None]]:
    return [(wave.opens_at, wave.ends_at) for wave in head.waves]


def done(service: str, took_s: float = 900.0) -> Summary:
    return Summary(
        ServiceName(service), admitted=True, outcome=Outcome.SUCCEEDED, failed=False, for_person=False, took_s=took_s
    )


def test_before_anything_happens_it_is_as_the_forecast_has_it(compiled: Compile) -> None:
    head = seen(compiled(4, waves=WAVES), at=0.0)
    assert moments(head) == [(0.0, 1_600.0), (1_600.0, 2_600.0), (2_600.0, 5_000.0)]
    assert head.ends_at == 5_000.0
    assert [wave.eta_s for wave in head.waves] == [1_600.0, 2_600.0, 5_000.0]


def test_what_is_late_moves_everything_that_comes_after_it(compiled: Compile) -> None:
    plan, opened = compiled(4, waves=WAVES), fleet_event.WaveOpened("canary")
    assert moments(seen(plan, opened, at=500.0)) == [(None, 1_600.0), (1_600.0, 2_600.0), (2_600.0, 5_000.0)]
    late = seen(plan, opened, at=1_900.0)
    assert moments(late) == [(None, 1_900.0), (1_900.0, 2_900.0), (2_900.0, 5_300.0)]


def test_a_wave_that_is_done_is_expected_no_more_and_an_early_one_draws_the_others_near(compiled: Compile) -> None:
    plan = compiled(4, waves=WAVES)
    facts: list[Fact] = [
        fleet_event.WaveOpened("canary"),
        fleet_event.ServiceAdmitted(A),
        fleet_event.ServiceEnded(A, Outcome.SUCCEEDED),
        fleet_event.BakeBegan("canary", first=False, services=(A,)),
        fleet_event.BakeEnded("canary"),
    ]
    head = seen(plan, *facts, at=1_000.0, known={A: done(A)})
    assert moments(head) == [(None, None), (1_000.0, 2_000.0), (2_000.0, 4_400.0)]
    assert head.ends_at == 4_400.0


def test_an_open_wave_goes_by_what_its_services_took_once_enough_of_them_are_done(compiled: Compile) -> None:
    plan = compiled(4, waves="[{name: rest, select: rest}]")
    facts: list[Fact] = [
        fleet_event.WaveOpened("rest"),
        *map(fleet_event.ServiceAdmitted, (A, B, C)),
        *(fleet_event.ServiceEnded(name, Outcome.SUCCEEDED) for name in (A, B, C)),
    ]
    foreseen = Foreseen(Digest("0" * 64), {"rest": WaveForeseen(0.0, 9_000.0)}, 9_000.0)
    known = {A: done(A, 50.0), B: done(B, 60.0)}
    assert seen(plan, *facts, at=200.0, foreseen=foreseen, known=known).ends_at == 9_000.0
    assert seen(plan, *facts, at=200.0, foreseen=foreseen, known=known | {C: done(C, 70.0)}).ends_at == 260.0


@pytest.mark.parametrize(
    "fact", [fleet_event.Halted("canary", "too many failed"), fleet_event.Aborted("ann", "no")], ids=["halt", "abort"]
)
def test_nothing_is_expected_of_what_stands_still_until_somebody_speaks(compiled: Compile, fact: Fact) -> None:
    head = seen(compiled(4, waves=WAVES), fleet_event.WaveOpened("canary"), fact, at=10.0)
    assert moments(head) == [(None, None)] * 3
    assert head.ends_at is None


def test_a_rejected_approval_leaves_later_waves_without_a_date(compiled: Compile) -> None:
    asked = fleet_event.ApprovalAsked("pilot", "leads", 9e9, "0" * 64)
    head = seen(compiled(4, waves=WAVES), asked, fleet_event.Rejected("pilot", "ann", "no"), at=0.0)
    assert head.ends_at is None


def test_a_freeze_with_a_date_moves_everything_behind_it_and_one_without_leaves_no_date(compiled: Compile) -> None:
    plan = compiled(4, waves=WAVES)
    dated = Freeze("ann", "busy", 0.0, until_wall=7_000.0)
    assert moments(seen(plan, at=0.0, around=Around(freeze=dated)))[0] == (7_000.0, 8_600.0)
    assert seen(plan, at=0.0, around=Around(freeze=Freeze("ann", "busy", 0.0))).ends_at is None


def test_an_amended_rollout_and_one_without_a_forecast_go_by_what_services_took_alone(compiled: Compile) -> None:
    plan = compiled(6, waves="[{name: first, select: 3, bake: 10m}, {name: rest, select: rest}]")
    terms = tuple(wave_terms(wave, plan.services[0]) for wave in plan.plan.waves)
    amended = fleet_event.Amended(Amendment(terms, plan.plan.documents), "ann", "because")
    opened = fleet_event.WaveOpened("first")
    foreseen = Foreseen(Digest("0" * 64), {"first": WaveForeseen(0.0, 1.0), "rest": WaveForeseen(1.0, 2.0)}, 2.0)
    assert seen(plan, opened, amended, at=0.0, foreseen=foreseen).ends_at is None
    known = {A: done(A, 50.0), B: done(B, 60.0), C: done(C, 70.0)}
    without = seen(plan, opened, at=200.0, foreseen=None, known=known)
    assert moments(without) == [(None, 800.0), (800.0, 980.0)]
    assert seen(plan, opened, amended, at=200.0, foreseen=foreseen, known=known).waves == without.waves


def test_halfway_through_the_end_that_is_expected_is_the_end_that_comes(
    compiled: Compile, make_world: Callable[..., World]
) -> None:
    plan, world = compiled(6, waves="[{name: a, select: 2, bake: 5m}, {name: b, select: rest}]"), make_world(6)
    told: list[RolloutHead] = []

    async def script(parts: Parts) -> None:
        for payload in plan.payloads:
            await parts.journal.put(payload)
        looks = {each.service: await parts.kit.platform.observe(each.target) for each in plan.services}
        sights = {name: Sight(look) for name, look in looks.items() if isinstance(look, Snapshot)}
        wanted = Wanted(plan.plan, plan.services)
        foreseen = foreseen_in(plan_document(wanted, parts.kit.clock.now().wall, sights=sights))[1]
        await parts.engine.open_rollout(plan.plan, plan.services, foreseen=foreseen)

        def look() -> None:
            now = parts.kit.clock.now()
            rollout = parts.kit.ledger.rollout(OWN)
            assert rollout is not None
            told.append(head_of(Read(rollout, parts.engine.services(OWN), now, now)))

        for share in (0.1, 0.5, 0.8):
            loop_now = world.time()
            world.at(loop_now + share * (foreseen.finish_s or 0.0), look)
        assert await parts.engine.run(OWN) is not None

    world.live(script)
    ended_at = world.wall(world.time())
    assert len(told) == 3
    for head in told:
        assert head.ends_at is not None
        left_s = ended_at - head.ends_at
        assert abs(left_s) < 0.15 * (ended_at - head.opened_at), (head.ends_at, ended_at)
