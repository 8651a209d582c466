"""One seed, played to its end: a safety phase with faults and deaths, a calm one in which all must end, then quiet."""

import asyncio
import contextlib
import functools
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rollout.core.evolve import IllegalFact
from rollout.core.result import Result
from rollout.emulator.fleet import FleetPlan
from rollout.engine.groups import leaves
from rollout.errors import InvariantBroken, RolloutError
from rollout.platforms.platform import Platform
from rollout.simulation.besides import Crash, Crashes, Wall, strangers
from rollout.simulation.book import Book, Told
from rollout.simulation.cast import cast
from rollout.simulation.checker import Checker
from rollout.simulation.choice import SeededLoop
from rollout.simulation.death import Death, drawn_deaths
from rollout.simulation.http_lane import HttpLane
from rollout.simulation.last import judge_end
from rollout.simulation.loop import StepsExhausted
from rollout.simulation.mortal import LATE_PER_TIMEOUT
from rollout.simulation.peaks import Peaks
from rollout.simulation.people import Word, speak, words
from rollout.simulation.skies import DrawnFaults, drawn_knobs
from rollout.simulation.spoil import Spoiler
from rollout.simulation.stage import SAFETY_S, LaneName, Stage
from rollout.simulation.stormy import StormyNetwork, StormyWire
from rollout.simulation.throttle import Limits, Subscription, ThrottlingPlatform, storms
from rollout.simulation.truth import Truth
from rollout.simulation.violation import Violation
from rollout.simulation.watch import Post, WatchedAgenda, WatchedPlatform, WatchedWire
from rollout.simulation.weather import Profile, Weather
from rollout.simulation.world import Parts, World, carry_out

QUIET_S: Final = 600.0
STEPS_PER_SERVICE_MAX: Final = 200_000
SYNC_S: Final = (0.0, 0.0, 0.005, 0.5, 3.0)


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
    """Play one seed; a broken promise is in the result, and the run ends with it.

    So does an engine that gives up, for in a world that has only weather none may. What is no error of ours is raised.
    """
    game = _Game(stage, seed, script)
    try:
        game.play()
    except (InvariantBroken, RolloutError, IllegalFact, ExceptionGroup) as error:
        game.note(error)
    finally:
        game.close()
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
        crashes = Crashes(self._checker.truth, self._world.fabric, stage.compiled)
        crashes.draw(self._weather)
        crashes.plan(script.crashes)
        strangers(self._weather, self._world.fabric, stage.compiled)

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

    def close(self) -> None:
        """End the world."""
        self._world.close()

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
        deaths = drawn_deaths(self._weather)
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
                self._told.deaths.append((self._world.time(), death.told(life.moments)))
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
        world.around_wire = lambda wire: WatchedWire(wire, post)
        world.lane = self._lane(post) if self._stage.lane is LaneName.HTTP else None
        world.around_platform = around
        world.wall = Wall(weather)
        world.make_loop = self._make_loop
        world.fabric.world.on_effect = checker.effect
        world.fabric.world.agenda = WatchedAgenda(checker.moved)
        world.fabric.world.faults = DrawnFaults(weather=weather, time=world.time)

    def _lane(self, post: Post) -> HttpLane:
        world, weather = self._world, self._weather
        return HttpLane(
            world.fabric,
            StormyNetwork(weather, world.time),
            time=world.time,
            at=world.at,
            late_s=LATE_PER_TIMEOUT * world.request_timeout_s,
            subscription=self._stage.compiled.services[0].target.subscription,
            sender=post.taken,
            spoil=Spoiler(weather, world.time),
        )

    def _make_loop(self, start: float, steps_max: int) -> SeededLoop:
        seed = self._world.seed * 1_000 + self._lives
        return SeededLoop(seed, self._checker.trace, start=start, steps_max=steps_max)

    def _subscription(self) -> Subscription:
        weather = self._weather
        drawn = storms(weather.seed, every_s=3600.0, until_s=SAFETY_S, lasting_s=(60.0, 1200.0))
        return Subscription(
            Limits(weather.amount(3, 30, "reads"), weather.amount(0.1, 2, "writes")), drawn, weather.seed
        )
