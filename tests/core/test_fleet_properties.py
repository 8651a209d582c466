"""Random fleets, failures, words and bakes: no cap is ever exceeded, and a rollout is over exactly when it is."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rollout.core import event, fleet_event
from rollout.core.bake import Answer, interpret_round
from rollout.core.ending import Outcome
from rollout.core.fleet import decide_fleet
from rollout.core.fleet_action import Admit, BeginBake, CloseRollout, Halt, OpenWave, TakeBack
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.fleet_state import FAILED, WELL, RolloutState, Summary, needed_waves
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.result import is_over
from rollout.core.wave_plan import BakePlan, TagCap, WaveFailure

ENDS = (*Outcome, "held", "taken_over")
TURNS_MAX = 800
PAUSE, RESUME, RED, LIFT = 5, 6, 7, 8

Change = Callable[[RolloutPlan], RolloutPlan]


@dataclass
class Service:
    """A stand-in for one service rollout: some steps, then going back or not, then its end."""

    name: ServiceName
    steps: int
    end: str
    admitted: bool = False
    halted: bool = False
    paused: bool = False
    back: bool = False
    outcome: Outcome | None = None
    failed: bool = False
    has_way: bool = False
    """What it ended well with can be taken back."""

    @property
    def undoable(self) -> bool:
        return self.outcome is Outcome.SUCCEEDED and self.has_way

    @property
    def waits(self) -> bool:
        if not self.admitted or self.outcome is not None:
            return False
        stuck = self.steps == 0 and self.end in {"held", "taken_over"} and not self.back
        # A halt lets it finish its domain's gate, in which it may still fail.
        between = self.steps % 2 == 1
        return stuck or (not self.failed and (self.paused or (self.halted and between)))

    @property
    def in_flight(self) -> bool:
        return self.admitted and self.outcome is None

    @property
    def summary(self) -> Summary:
        can = self.in_flight and not self.back and self.end != "taken_over"
        return Summary(
            self.name,
            self.admitted,
            self.outcome,
            self.failed,
            self.waits,
            goes_back=self.back,
            can_go_back=can,
            undoable=self.undoable,
        )

    def step(self) -> None:
        """Go on; the last step but one of a failing service is where it begins to count as failed."""
        self.steps = max(self.steps - 1, 0)
        if self.back:
            self.outcome = Outcome.ROLLED_BACK if self.steps == 0 else None
            return
        if self.steps <= 1 and (self.end == "held" or self.end in FAILED):
            self.failed = True
        if self.steps == 0 and self.end not in {"held", "taken_over"}:
            self.outcome = Outcome(self.end)


@dataclass
class Fleet:
    """A rollout under way, its laws checked after every action. The rules on trial see the plan through `glasses`."""

    services: dict[ServiceName, Service]
    plan: RolloutPlan
    glasses: Change = lambda plan: plan
    state: RolloutState = field(init=False)
    order: list[ServiceName] = field(default_factory=list)
    t: float = 0.0
    words: bool = False
    """A person let it go on in spite of failures, which count no more then."""

    def __post_init__(self) -> None:
        self.state = evolve_fleet(None, self._entry(1, fleet_event.RolloutOpened(self.plan)))

    @property
    def now(self) -> Now:
        return Now(self.t, self.t)

    def _entry(self, version: int, fact: fleet_event.FleetFact) -> event.Entry:
        return event.Entry(rollout_stream(RolloutId("web-1")), version, self.now, "engine", fact)

    def tell(self, fact: fleet_event.FleetFact) -> None:
        self.state = evolve_fleet(self.state, self._entry(self.state.version + 1, fact))

    @property
    def summaries(self) -> dict[ServiceName, Summary]:
        return {name: service.summary for name, service in self.services.items()}

    @property
    def seen(self) -> RolloutState:
        plan = self.glasses(self.plan)
        return replace(
            self.state, plan=plan, deadline_wall=None if plan.deadline_s is None else self.state.deadline_wall
        )

    @property
    def can_move(self) -> list[Service]:
        return [each for each in self.services.values() if each.in_flight and not each.waits]

    def act(self) -> bool:
        """Do the one thing that is needed; False = nothing is."""
        match decide_fleet(self.seen, self.summaries, self.now):
            case None:
                return False
            case OpenWave(wave=name):
                wave = self.state.wave(name)
                for before in needed_waves(self.plan, wave):
                    assert all(self.services[each].outcome is not None for each in before.services)
                    assert before.bake is None or before.bake.all_s == 0 or self._baked(before)
                self._check_deadline()
                self.tell(fleet_event.WaveOpened(name))
            case Admit(services=names):
                self._admit(names)
            case Halt(wave=name, reason=reason, hold=hold, back=back, overdue=overdue):
                assert set(hold) == {each.name for each in self.services.values() if each.in_flight and not each.failed}
                self.tell(fleet_event.Halted(name, reason, back=back, overdue=overdue))
                for each in hold:
                    self.services[each].halted = True
            case TakeBack(services=names):
                self._take_back(names)
            case BeginBake(wave=name, first=first, services=names):
                assert all(self.services[each].outcome in WELL for each in names)
                self.tell(fleet_event.BakeBegan(name, first, names))
            case CloseRollout(failures=failures):
                assert all(each.outcome is not None for each in self.services.values())
                good = {Outcome.SUCCEEDED, Outcome.UNCHANGED}
                assert failures == sum(each.outcome not in good for each in self.services.values())
                self.tell(fleet_event.RolloutClosed(failures, "done"))
            case other:
                raise AssertionError(other)
        return True

    def _baked(self, wave: WavePlan) -> bool:
        nothing_to_watch = not any(self.services[each].outcome in WELL for each in wave.services)
        return wave.name in self.state.baked or nothing_to_watch

    def _check_deadline(self) -> None:
        assert self.state.deadline_wall is None or self.now.wall < self.state.deadline_wall

    def _admit(self, names: tuple[ServiceName, ...]) -> None:
        assert self.state.halted is None
        self._check_deadline()
        for name in names:
            assert all(self.services[each].outcome in WELL for each in self.plan.needs.get(name, ()))
            self.tell(fleet_event.ServiceAdmitted(name))
            self.services[name].admitted = True
            self.order.append(name)
        for wave in self.state.opened_waves:
            self._check_caps(wave)

    def _check_caps(self, wave: WavePlan) -> None:
        flying = [self.services[name] for name in wave.services if self.services[name].in_flight]
        assert sum(not (each.failed and each.waits) for each in flying) <= wave.max_parallel
        for cap in wave.caps:
            assert sum(each.name in cap.services for each in flying) <= cap.max_parallel
        for one in flying:
            assert not any(self.services[other].in_flight for other in self.plan.paired.get(one.name, ()))
        if wave.bake is not None and wave.bake.first_s > 0 and wave.name not in self.state.first_baked:
            assert len(flying) <= 1

    def _take_back(self, names: tuple[ServiceName, ...]) -> None:
        for name in names:
            needing = [self.services[each] for each, needs in self.plan.needs.items() if name in needs]
            assert not any(each.in_flight for each in needing)
            going = [each for wave in self.plan.waves if wave.name in self.state.going_back for each in wave.services]
            assert not any(each.undoable and each.name in going for each in needing)
            one = self.services[name]
            if one.undoable:
                one.outcome, one.halted, one.paused = None, False, False
            one.back = one.failed = True
            one.steps = 2
        for wave in self.plan.waves:
            back = [self.services[each] for each in wave.services if self.services[each].back]
            moving = sum(each.in_flight and not each.waits for each in back)
            assert moving <= max(wave.back_parallel or wave.max_parallel, 1) or not set(names) & set(wave.services)

    def bake(self, *, red: bool) -> None:
        """Let a round of questions be answered, late enough to mean something."""
        self.t += 100.0
        bake = self.state.bakes[0]
        answers = {
            service: Answer(not red or service != bake.services[-1], "2 of 3 ready") for service in bake.services
        }
        for fact in interpret_round(self.state, bake, answers, self.t, self.now):
            self.tell(fact)

    def lift(self) -> None:
        """A person lets it go on."""
        self.words = True
        failed = tuple(each.name for each in self.services.values() if each.failed)
        self.tell(fleet_event.HaltLifted("ann", "go on", failed))
        for each in self.services.values():
            each.halted = False

    def check_failures(self) -> None:
        """The bound that strict promises, as long as nobody forgives a failure or wants what has not failed back."""
        for wave in self.plan.waves:
            own = sum(self.services[name].failed and not self.services[name].back for name in wave.services)
            if wave.strict and not self.words:
                assert own <= wave.failure_tolerance + 1, f"{own} failed in {wave.name}"


@st.composite
def fleets(draw: st.DrawFn, /, ends: Sequence[str] = ENDS, **fixed: Any) -> Fleet:
    """Draw a fleet; `fixed` are fields that all its waves have alike."""
    sizes = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    services: dict[ServiceName, Service] = {}
    needs: dict[ServiceName, tuple[ServiceName, ...]] = {}
    paired: dict[ServiceName, tuple[ServiceName, ...]] = {}
    waves: list[WavePlan] = []
    for number, size in enumerate(sizes):
        names = tuple(ServiceName(f"web-{number}-{each}") for each in range(size))
        for name in names:
            needing = draw(st.booleans())
            if services and needing:
                needs[name] = tuple(draw(st.lists(st.sampled_from(list(services)), max_size=2, unique=True)))
            services[name] = Service(
                name, draw(st.integers(1, 4)), draw(st.sampled_from(ends)), has_way=draw(st.booleans())
            )
        wave = _wave(draw, number, names, earlier=[wave.name for wave in waves], needing=bool(needs))
        waves.append(replace(wave, **fixed))
    if len(services) > 1 and draw(st.booleans()):
        one, other = draw(st.lists(st.sampled_from(list(services)), min_size=2, max_size=2, unique=True))
        paired = {one: (other,), other: (one,)}
    plan = RolloutPlan(RolloutId("web-1"), Digest("a"), Digest("b"), tuple(waves), needs, paired)
    return Fleet(services, replace(plan, deadline_s=draw(st.none() | st.integers(0, 20).map(lambda n: n * 30.0))))


def _wave(draw: Any, number: int, names: tuple[ServiceName, ...], *, earlier: list[str], needing: bool) -> WavePlan:
    needed = None
    if not needing and draw(st.booleans()):
        needed = tuple(draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True))) if earlier else ()
    caps = (TagCap("region", "weu", names[:2], draw(st.integers(1, 2))),) if draw(st.booleans()) else ()
    all_s, first_s = draw(st.sampled_from([(50.0, 0.0), (0.0, 50.0), (50.0, 50.0)]))
    bake = BakePlan(all_s, first_s, interval_s=10.0, stable_s=20.0, retry_s=30.0)
    return WavePlan(
        f"wave-{number}",
        names,
        draw(st.integers(1, 5)),
        draw(st.integers(0, 4)),
        draw(st.booleans()),
        needs=needed,
        caps=caps,
        bake=bake if draw(st.booleans()) else None,
        on_failure=draw(st.sampled_from(WaveFailure)),
        back_parallel=draw(st.none() | st.integers(1, 3)),
    )


CHOICES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 8)), max_size=80)
"""Who is next, and whether it moves, is paused (5), all pauses end (6), a bake is red (7), a halt is lifted (8)."""


def run(fleet: Fleet, choices: list[tuple[int, int]]) -> None:
    """Go on until it is over; when the choices are used up the first one moves."""
    following = iter(choices)
    for _ in range(TURNS_MAX):
        over = is_over(fleet.seen, fleet.summaries, fleet.now)
        acted = fleet.act()
        fleet.check_failures()
        assert not (acted and over)
        who, word = next(following, (0, 0))
        if word == LIFT and fleet.state.halted is not None and fleet.state.closed is None:
            fleet.lift()
        elif over:
            break
        elif acted:
            continue
        elif fleet.state.bakes and (not fleet.can_move or word == RED):
            fleet.bake(red=word == RED)
        else:
            assert fleet.can_move
            _move(fleet, fleet.can_move[who % len(fleet.can_move)], word)
    else:
        raise AssertionError("the rollout never came to rest")


def _move(fleet: Fleet, chosen: Service, word: int) -> None:
    fleet.t += 10.0
    if word == PAUSE:
        chosen.paused = not chosen.failed
    elif word == RESUME:
        for each in fleet.services.values():
            each.paused = False
    else:
        chosen.step()


WELL_OR_NOT = (Outcome.SUCCEEDED, Outcome.SUCCEEDED, Outcome.FAILED)


@settings(max_examples=150, deadline=None)
@given(fleet=fleets(WELL_OR_NOT, on_failure=WaveFailure.ROLLBACK_ALL, failure_tolerance=0), choices=CHOICES)
def test_what_went_well_goes_back_under_the_same_caps_and_nothing_that_can_is_left(
    fleet: Fleet, choices: list[tuple[int, int]]
) -> None:
    run(fleet, choices)
    if fleet.state.halted is not None:
        back = [name for wave in fleet.plan.waves if wave.name in fleet.state.going_back for name in wave.services]
        assert not [name for name in back if fleet.services[name].undoable]


@settings(max_examples=250, deadline=None)
@given(fleet=fleets(), choices=CHOICES)
def test_a_fleet_keeps_its_caps_and_is_over_exactly_when_nothing_can_move(
    fleet: Fleet, choices: list[tuple[int, int]]
) -> None:
    run(fleet, choices)
    assert len(set(fleet.order)) == len(fleet.order)
    assert not fleet.can_move
    waiting = any(each.waits for each in fleet.services.values())
    stuck = any(
        fleet.services[needed].outcome not in WELL
        for name, needs in fleet.plan.needs.items()
        for needed in needs
        if not fleet.services[name].admitted
    )
    assert fleet.state.closed is not None or fleet.state.halted is not None or waiting or stuck


# --- the laws are able to fail ---


def of_waves(**changes: Any) -> Change:
    return lambda plan: replace(plan, waves=tuple(replace(wave, **changes) for wave in plan.waves))


WIDE = {"max_parallel": 5, "failure_tolerance": 0, "strict": True, "bake": None, "caps": ()}
BAKED = BakePlan(50.0, 50.0, interval_s=10.0, stable_s=20.0, retry_s=30.0)


@pytest.mark.parametrize(
    ("glasses", "law", "fixed"),
    [
        (of_waves(strict=False), "own <= wave.failure_tolerance", WIDE | {"ends": [Outcome.FAILED]}),
        (of_waves(max_parallel=9), "<= wave.max_parallel", WIDE | {"max_parallel": 1, "strict": False}),
        (of_waves(caps=()), "<= cap.max_parallel", {"max_parallel": 5, "strict": False, "bake": None}),
        (of_waves(needs=()), "outcome is not None", {"needs": None}),
        (lambda plan: replace(plan, needs={}), "plan.needs.get", {"max_parallel": 5, "strict": False}),
        (lambda plan: replace(plan, paired={}), "plan.paired.get", WIDE | {"strict": False}),
        (lambda plan: replace(plan, deadline_s=None), "deadline_wall", {"bake": None}),
        (of_waves(bake=None), "len.flying|_baked", {"bake": BAKED, "max_parallel": 5, "strict": False}),
        (
            of_waves(back_parallel=9),
            "moving <= max",
            WIDE | {"strict": False, "back_parallel": 1, "on_failure": WaveFailure.ROLLBACK_WAVE},
        ),
    ],
)
def test_a_rule_that_forgets_a_cap_is_caught_by_its_law(glasses: Change, law: str, fixed: dict[str, Any]) -> None:
    """The first is the plain rule, which knows no strict bound: more fail than the tolerance and one."""

    @settings(
        max_examples=1_000,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        phases=[Phase.generate],
    )
    @given(fleet=fleets(**fixed), choices=CHOICES)
    def judged(fleet: Fleet, choices: list[tuple[int, int]]) -> None:
        fleet.glasses = glasses
        run(fleet, choices)

    with pytest.raises(AssertionError) as caught:
        judged()
    assert re.search(law, str(caught.traceback[-1].statement)), str(caught.traceback[-1].statement)
