"""One seed, played to its end: a safety phase with faults and deaths, a calm one in which all must end, then quiet."""

import asyncio
import contextlib
import functools
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rollout.core.names import ServiceName
from rollout.core.plan import ServicePlan
from rollout.core.result import Result
from rollout.emulator.fleet import FleetPlan
from rollout.emulator.strangers import Act, Stranger, expect
from rollout.engine.groups import leaves
from rollout.platforms.platform import Platform
from rollout.simulation.book import Book, Told
from rollout.simulation.cast import cast
from rollout.simulation.checker import Checker, Peaks
from rollout.simulation.choice import SeededLoop
from rollout.simulation.last import judge_end
from rollout.simulation.loop import StepsExhausted
from rollout.simulation.people import Word, speak, words
from rollout.simulation.skies import DrawnFaults, drawn_knobs
from rollout.simulation.stage import SAFETY_S, Stage
from rollout.simulation.stormy import StormyWire
from rollout.simulation.throttle import Limits, Subscription, ThrottlingPlatform, storms
from rollout.simulation.truth import Truth
from rollout.simulation.violation import Violation
from rollout.simulation.watch import Post, WatchedAgenda, WatchedPlatform, WatchedWire
from rollout.simulation.weather import Profile, Weather
from rollout.simulation.world import WALL_AT_START, Parts, World, carry_out

QUIET_S: Final = 600.0
DOWN_S: Final = (0.1, 400.0)
DEATHS_MAX: Final = 3
MOMENTS: Final = 120
"""A death at a moment is drawn from so many of a life's first ones."""
STEPS: Final = 8_000
STEPS_PER_SERVICE_MAX: Final = 200_000
SYNC_S: Final = (0.0, 0.0, 0.005, 0.5, 3.0)
CLOCK_EVERY_S: Final = 1800.0
CLOCK_S: Final = 7200.0
FLAP_WITHIN_S: Final = 4 * 3600.0
FLAP_S: Final = (30.0, 900.0)


@dataclass(frozen=True, slots=True)
class Death:
    """How one life ends: at a moment, at a step, or after seconds; and how long nobody runs after it."""

    moment: int | None = None
    step: int | None = None
    after_s: float | None = None
    down_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Crash:
    """An instance fails by itself at a second of the world, and is back `takes_s` later."""

    at: float
    service: str
    instance: int
    takes_s: float


@dataclass(frozen=True, slots=True)
class Script:
    """What happens besides the weather, written down: how a found bug is kept when the draws change."""

    words: Sequence[Word] = ()
    crashes: Sequence[Crash] = ()


@dataclass(slots=True)
class Played:
    """One seed, told from outside."""

    seed: int
    profile: Profile
    trace: str = ""
    result: Result | None = None
    violation: Violation | None = None
    book: Book | None = None
    peaks: Peaks = field(default_factory=Peaks)
    effects: Sequence[tuple[float, str]] = ()
    deaths: list[tuple[float, str]] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    sends: int = 0
    steps: int = 0
    took_s: float = 0.0
    """Seconds of the world until the rollout was over."""


def play(stage: Stage, seed: int, script: Script = Script()) -> Played:
    """Play one seed; a broken promise is in the result, and the run ends with it."""
    game = _Game(stage, seed, script)
    try:
        game.play()
    except Exception as error:  # noqa: BLE001 - whatever an engine raises in a world that only has weather is a finding
        game.note(error)
    return game.played()


class _Game:
    """One seed under way."""

    def __init__(self, stage: Stage, seed: int, script: Script) -> None:
        self._stage = stage
        self._weather = Weather(seed, stage.profile)
        self._weather.calm_at = SAFETY_S if stage.profile is Profile.STORM else stage.bound_s
        journal, post = Told(), Post()
        knobs = drawn_knobs(self._weather)
        calm = stage.profile is Profile.NONE
        sync_s = 0.0 if calm else SYNC_S[self._weather.number(len(SYNC_S), "sync")]
        self._world = World(stage.make_kit, FleetPlan(0), knobs, seed, sync_s=sync_s, journal=journal)
        self._checker = Checker(seed, Truth(self._world.fabric), Book(journal), self._world.time)
        self._told = Played(seed, stage.profile)
        said = [*words(self._weather, stage.compiled), *script.words]
        self._words = deque(sorted(said, key=lambda word: word.at))
        self._lives = 0
        journal.tell = self._checker.read
        self._dress(post)
        cast(self._world.fabric, stage.compiled, stage.configurations, stage.domains, stage.instances)
        self._haunt()
        self._stage_crashes(script.crashes)

    def play(self) -> None:
        """Go through the phases."""
        result = self._live_on()
        self._told.result, self._told.took_s = result, self._world.time()
        effects = len(self._checker.effects)
        self._world.pass_by(QUIET_S)
        self._world.fabric.now()
        moved = [text for _, text in self._checker.effects[effects:] if not text.endswith("a stranger")]
        if moved:
            self._checker.broken("quiet", f"the rollout was over, and then: {moved[0]}")
        judge_end(self._checker, result, self._stage.secrets)

    def note(self, error: Exception) -> None:
        """Keep what ended the run as a violation."""
        if self._checker.violation is not None:
            return
        first = leaves(error)[0]
        if isinstance(first, Violation):
            self._checker.violation = first
            return
        rule = "L2" if isinstance(first, StepsExhausted) else "error"
        with contextlib.suppress(Violation):
            self._checker.broken(rule, f"{type(first).__name__}: {first}")

    def played(self) -> Played:
        """Tell how it went."""
        checker = self._checker
        return replace(
            self._told,
            trace=checker.trace.value,
            violation=checker.violation,
            book=checker.book,
            peaks=checker.peaks,
            effects=checker.effects,
            hits=self._weather.hits,
            sends=checker.sends,
            steps=checker.trace.steps,
        )

    # --- lives and deaths ---

    def _live_on(self) -> Result | None:
        """Live and die as the weather has it, until the rollout is over and nobody says anything more."""
        deaths = self._deaths()
        while True:
            unsaid = len(self._words)
            death = deaths.popleft() if deaths else Death()
            left_s = self._weather.calm_at + self._stage.bound_s - self._world.time()
            after_s = left_s if death.after_s is None else min(death.after_s, left_s)
            self._lives += 1
            life = self._world.live(
                functools.partial(self._script, death=death),
                dies_at=death.moment,
                dies_after_s=after_s,
                steps_max=STEPS_PER_SERVICE_MAX * len(self._stage.compiled.services),
            )
            self._checker.read()
            if self._checker.violation is not None:
                raise self._checker.violation
            if life.killed:
                if after_s == left_s and death == Death():
                    return None
                self._weather.hits["death"] += 1
                self._told.deaths.append((self._world.time(), _said(death, life.moments)))
                self._checker.died()
                self._world.pass_by(death.down_s)
            elif self._words:
                self._world.pass_by(max(0.0, self._words[0].at - self._world.time()))
            elif not unsaid:
                return life.result

    async def _script(self, parts: Parts, *, death: Death) -> Result | None:
        loop = asyncio.get_running_loop()
        if death.step is not None and isinstance(loop, SeededLoop):
            loop.die_at(death.step, parts.process.kill)
        speaking = asyncio.create_task(speak(parts, self._words, self._world.time, self._weather.hits), name="people")
        if self._lives > 1:
            await asyncio.sleep(0)
        try:
            return await carry_out(parts, self._stage.compiled)
        finally:
            speaking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await speaking

    def _deaths(self) -> deque[Death]:
        weather = self._weather
        factor = weather.factor("death")
        count = min(DEATHS_MAX, int(weather.amount(0, 1 + DEATHS_MAX, "deaths") * min(factor, 1.0)))
        deaths = deque[Death]()
        for number in range(count):
            down_s = DOWN_S[0] * (DOWN_S[1] / DOWN_S[0]) ** weather.amount(0, 1, "down", number)
            kind = weather.number(3, "kind of death", number)
            if kind == 0:
                deaths.append(Death(moment=weather.number(MOMENTS, "moment", number), down_s=down_s))
            elif kind == 1:
                deaths.append(Death(step=weather.number(STEPS, "step", number), down_s=down_s))
            else:
                deaths.append(Death(after_s=weather.amount(0, SAFETY_S / 3, "after", number), down_s=down_s))
        return deaths

    # --- the world, dressed ---

    def _dress(self, post: Post) -> None:
        """Put weather and checker around the world's parts."""
        world, weather, checker = self._world, self._weather, self._checker
        subscription = self._subscription()
        throttled = weather.happens("throttle")

        def around(platform: Platform) -> Platform:
            if throttled:
                platform = ThrottlingPlatform(platform, subscription, world.time)
            return WatchedPlatform(platform, checker, weather, post, world.time)

        world.wire = StormyWire(weather, world.time, world.later)
        world.around_wire = lambda wire: WatchedWire(wire, checker, post)
        world.around_platform = around
        world.wall = _Wall(weather)
        world.make_loop = self._make_loop
        world.fabric.world.on_effect = checker.effect
        world.fabric.world.agenda = WatchedAgenda(checker.moved)
        world.fabric.world.faults = DrawnFaults(weather=weather, time=world.time)

    def _make_loop(self, start: float, steps_max: int) -> SeededLoop:
        seed = self._world.seed * 1_000 + self._lives
        return SeededLoop(seed, self._checker.trace, start=start, steps_max=steps_max)

    def _subscription(self) -> Subscription:
        weather = self._weather
        drawn = storms(weather.seed, every_s=3600.0, until_s=SAFETY_S, lasting_s=(60.0, 1200.0))
        return Subscription(
            Limits(weather.amount(3, 30, "reads"), weather.amount(0.1, 2, "writes")), drawn, weather.seed
        )

    def _haunt(self) -> None:
        """Plan what happens beside the calls: crashing instances and strangers."""
        weather, fabric, truth = self._weather, self._world.fabric, self._checker.truth
        for plan in self._stage.compiled.services:
            if weather.happens("flap", plan.service):
                at = weather.amount(0, FLAP_WITHIN_S, "flap", plan.service)
                fabric.world.agenda.plan(at, _crash(truth, weather, plan))
            if weather.happens("stranger", plan.service):
                at = weather.amount(0, FLAP_WITHIN_S, "stranger", plan.service)
                weather.hits["stranger"] += 1
                expect(fabric, [Stranger(service=plan.service, effect=Act.UPGRADE, at=at)])

    def _stage_crashes(self, crashes: Sequence[Crash]) -> None:
        truth = self._checker.truth
        targets = {plan.service: plan.target for plan in self._stage.compiled.services}

        def fail(crash: Crash) -> None:
            deployment = truth.deployment(targets[ServiceName(crash.service)])
            if deployment is not None:
                truth.crash(deployment, deployment.instances[crash.instance], crash.takes_s)

        for crash in crashes:
            self._world.fabric.world.agenda.plan(crash.at, functools.partial(fail, crash))


def _crash(truth: Truth, weather: Weather, plan: ServicePlan) -> Callable[[], None]:
    def crash() -> None:
        deployment = truth.deployment(plan.target)
        if deployment is None:
            return
        up = [each for each in deployment.instances if truth.up(deployment, each)]
        if up:
            chosen = up[weather.number(len(up), "crash", plan.service)]
            weather.hits["flap"] += 1
            truth.crash(deployment, chosen, weather.amount(*FLAP_S, "crash", plan.service))

    return crash


class _Wall:
    """A wall clock that is set forward and back, now and then."""

    def __init__(self, weather: Weather) -> None:
        self._weather = weather
        self._off_s: dict[int, float] = {}

    def __call__(self, t: float) -> float:
        """Show POSIX seconds at second `t` of the world."""
        if t >= self._weather.calm_at:
            return WALL_AT_START + t
        period = int(t / CLOCK_EVERY_S)
        if period not in self._off_s:
            jumps = self._weather.happens("clock", period)
            self._off_s[period] = self._weather.amount(-CLOCK_S, CLOCK_S, "clock", period) if jumps else 0.0
        return WALL_AT_START + t + self._off_s[period]


def _said(death: Death, moments: Sequence[str]) -> str:
    if death.moment is not None and moments:
        return f"at the moment: {moments[-1]}"
    return "between two steps" if death.step is not None else "at a random time"
