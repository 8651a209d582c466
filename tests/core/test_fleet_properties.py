"""Random fleets, random failures, random words: the caps always hold, and a rollout is over exactly when it is."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rollout.core import event, fleet_event
from rollout.core.ending import Outcome
from rollout.core.fleet import (
    FAILED,
    Admit,
    CloseRollout,
    Halt,
    OpenWave,
    RolloutState,
    Summary,
    decide_fleet,
    evolve_fleet,
)
from rollout.core.names import Digest, Now, RolloutId, ServiceName, rollout_stream
from rollout.core.plan import RolloutPlan, WavePlan
from rollout.core.result import is_over

NOW = Now(0.0, 0.0)
ENDS = (*Outcome, "held", "taken_over")
TURNS_MAX = 500
PAUSE, RESUME = 5, 6


@dataclass
class Service:
    """A stand-in for one service rollout: some steps, then going back or not, then its end."""

    name: ServiceName
    steps: int
    end: str
    admitted: bool = False
    halted: bool = False
    paused: bool = False
    outcome: Outcome | None = None
    failed: bool = False

    @property
    def waits(self) -> bool:
        if not self.admitted or self.outcome is not None:
            return False
        stuck = self.steps == 0 and self.end in {"held", "taken_over"}
        return stuck or (not self.failed and (self.halted or self.paused))

    @property
    def summary(self) -> Summary:
        return Summary(self.name, self.admitted, self.outcome, self.failed, self.waits)

    def step(self) -> None:
        """Go on; the last step but one of a failing service is where it begins to count as failed."""
        self.steps = max(self.steps - 1, 0)
        if self.steps <= 1 and (self.end == "held" or self.end in FAILED):
            self.failed = True
        if self.steps == 0 and self.end not in {"held", "taken_over"}:
            self.outcome = Outcome(self.end)


@dataclass
class Fleet:
    """A rollout under way, its laws checked after every action."""

    services: dict[ServiceName, Service]
    waves: tuple[WavePlan, ...]
    state: RolloutState = field(init=False)
    order: list[ServiceName] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = RolloutPlan(RolloutId("web-1"), Digest("a"), Digest("b"), self.waves)
        self.state = evolve_fleet(None, self._entry(1, fleet_event.RolloutOpened(plan)))

    @staticmethod
    def _entry(version: int, fact: fleet_event.FleetFact) -> event.Entry:
        return event.Entry(rollout_stream(RolloutId("web-1")), version, NOW, "engine", fact)

    def tell(self, fact: fleet_event.FleetFact) -> None:
        self.state = evolve_fleet(self.state, self._entry(self.state.version + 1, fact))

    @property
    def summaries(self) -> dict[ServiceName, Summary]:
        return {name: service.summary for name, service in self.services.items()}

    @property
    def can_move(self) -> list[Service]:
        return [each for each in self.services.values() if each.admitted and each.outcome is None and not each.waits]

    def act(self) -> bool:
        """Do the one thing that is needed; False = nothing is."""
        match decide_fleet(self.state, self.summaries, NOW):
            case None:
                return False
            case OpenWave(wave=wave):
                self.tell(fleet_event.WaveOpened(wave))
            case Admit(services=names):
                assert self.state.halted is None
                for name in names:
                    self.tell(fleet_event.ServiceAdmitted(name))
                    self.services[name].admitted = True
                    self.order.append(name)
                self._check_caps()
            case Halt(wave=wave, reason=reason, hold=hold):
                assert set(hold) == {
                    each.name
                    for each in self.services.values()
                    if each.admitted and each.outcome is None and not each.failed
                }
                self.tell(fleet_event.Halted(wave, reason))
                for name in hold:
                    self.services[name].halted = True
            case CloseRollout(failures=failures):
                assert all(each.outcome is not None for each in self.services.values())
                good = {Outcome.SUCCEEDED, Outcome.UNCHANGED}
                assert failures == sum(each.outcome not in good for each in self.services.values())
                self.tell(fleet_event.RolloutClosed(failures, "done"))
        return True

    def _check_caps(self) -> None:
        wave = self.state.open_wave
        assert wave is not None
        resumable = [each for each in self.can_move if each.name in wave.services]
        resumable += [
            self.services[name] for name in wave.services if self.services[name].waits and not self.failed(name)
        ]
        assert len(resumable) <= wave.max_parallel

    def failed(self, name: ServiceName) -> bool:
        return self.services[name].failed

    def check_failures(self) -> None:
        for wave in self.waves:
            if wave.strict:
                assert sum(self.failed(name) for name in wave.services) <= wave.failure_tolerance + 1


@st.composite
def fleets(draw: Any) -> Fleet:
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=3))
    services, waves = {}, []
    for number, size in enumerate(sizes):
        names = tuple(ServiceName(f"web-{number}-{each}") for each in range(size))
        for name in names:
            services[name] = Service(name, draw(st.integers(1, 4)), draw(st.sampled_from(ENDS)))
        waves.append(
            WavePlan(f"wave-{number}", names, draw(st.integers(1, 5)), draw(st.integers(0, 4)), draw(st.booleans()))
        )
    return Fleet(services, tuple(waves))


@settings(max_examples=300, deadline=None)
@given(fleet=fleets(), choices=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6)), max_size=60))
def test_a_fleet_keeps_its_caps_and_is_over_exactly_when_nothing_can_move(
    fleet: Fleet, choices: list[tuple[int, int]]
) -> None:
    """`choices`: who is next, and whether it moves, is paused (5), or all pauses end (6). Then the first."""
    following = iter(choices)
    for _ in range(TURNS_MAX):
        over = is_over(fleet.state, fleet.summaries, NOW)
        acted = fleet.act()
        fleet.check_failures()
        assert not (acted and over)
        if over:
            break
        if acted:
            continue
        assert fleet.can_move
        who, word = next(following, (0, 0))
        chosen = fleet.can_move[who % len(fleet.can_move)]
        if word == PAUSE:
            chosen.paused = not chosen.failed
        elif word == RESUME:
            for each in fleet.services.values():
                each.paused = False
        else:
            chosen.step()
    else:
        raise AssertionError("the rollout never came to rest")
    assert fleet.order == [name for name in fleet.services if name in fleet.order]
    assert len(set(fleet.order)) == len(fleet.order)
    waiting = any(each.waits for each in fleet.services.values())
    assert not fleet.can_move
    assert fleet.state.closed is not None or fleet.state.halted is not None or waiting
