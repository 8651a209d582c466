"""One seed, played to its end: a safety phase with faults and deaths, a calm one in which all must end, then quiet."""

import asyncio
import contextlib
import functools
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rollout.core.evolve import IllegalFact
from rollout.core.result import Result
from rollout.emulator.faults import Fault
from rollout.emulator.fleet import FleetPlan
from rollout.engine.groups import leaves
from rollout.errors import InvariantBroken, JournalFull, RolloutError, StateUnusable
from rollout.journal.journal import VersionConflict
from rollout.platforms.classic.vocabulary import Verb
from rollout.simulation.approvers import Approvers
from rollout.simulation.besides import Crash, Crashes, strangers
from rollout.simulation.book import Book
from rollout.simulation.cast import cast
from rollout.simulation.checker import Checker
from rollout.simulation.choice import SeededLoop
from rollout.simulation.death import Death, Freeze, drawn_deaths, drawn_freezes
from rollout.simulation.disk import Disk
from rollout.simulation.disk_journal import DiskJournal
from rollout.simulation.dress import dress
from rollout.simulation.last import judge_end
from rollout.simulation.loop import StepsExhausted
from rollout.simulation.peaks import Peaks
from rollout.simulation.people import Word, speak, words
from rollout.simulation.skies import DiskSky, drawn_knobs
from rollout.simulation.stage import SAFETY_S, Approve, Stage
from rollout.simulation.truth import Truth
from rollout.simulation.violation import Violation
from rollout.simulation.watchdog import CPU_S_PER_SERVICE, Spins, armed
from rollout.simulation.weather import Profile, Weather
from rollout.simulation.world import Life, Parts, World, carry_out, open_unless_known

QUIET_S: Final = 600.0
GIVEN_UP_S: Final = 30.0
"""How long a supervisor waits before it starts a process again."""
STEPS_PER_SERVICE_MAX: Final = 200_000
SYNC_S: Final = (0.0, 0.0, 0.005, 0.5, 3.0)
HEARTBEAT_S: Final = (5.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0, 60.0)
"""Mostly seldom: a heartbeat costs a simulation more steps than anything else, and seldom loses more engine time."""


@dataclass(frozen=True, slots=True)
class Script:
    """What happens besides the weather, written down: how a found bug is kept when the draws change."""

    words: Sequence[Word] = ()
    crashes: Sequence[Crash] = ()
    faults: Sequence[Fault] = ()
    """What the service does to calls and work, in the emulator's own words."""
    deaths: Sequence[Death] = ()
    """How the first lives end, one after another."""
    after: Mapping[Verb, Crash] = field(default_factory=dict)
    """Crashes that come so many seconds after the first call of a kind took effect on that service."""


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
    moments: list[Sequence[str]] = field(default_factory=list)
    """What each life passed at which it could have died."""
    hits: Counter[str] = field(default_factory=Counter)
    sends: int = 0
    steps: int = 0
    took_s: float = 0.0
    """Seconds of the world until the rollout was over."""


def play(stage: Stage, seed: int, script: Script = Script(), *, watchdog: bool = False) -> Played:
    """Play one seed; a broken promise is in the result, and the run ends with it.

    So does an engine that gives up, for in a world that has only weather none may. What is no error of ours is raised.
    `watchdog` counts seconds of processor as well, by an alarm of the whole process.
    """
    game = _Game(stage, seed, script)
    try:
        with armed(CPU_S_PER_SERVICE * len(stage.compiled.services) if watchdog else None):
            game.play()
    except (InvariantBroken, RolloutError, IllegalFact, VersionConflict, ExceptionGroup) as error:
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
        self._journal = journal = DiskJournal(Disk(DiskSky(self._weather, self._now), self._now))
        knobs = drawn_knobs(self._weather)
        calm = stage.profile is Profile.NONE
        sync_s = 0.0 if calm else SYNC_S[self._weather.number(len(SYNC_S), "sync")]
        beat_s = HEARTBEAT_S[self._weather.number(len(HEARTBEAT_S), "heartbeat")]
        self._world = World(
            stage.make_kit, FleetPlan(0), knobs, seed, sync_s=sync_s, journal=journal, heartbeat_s=beat_s
        )
        self._checker = Checker(seed, Truth(self._world.fabric), Book(journal), self._world.time)
        self._told = Played(seed, stage.profile)
        said = [*words(self._weather, stage.compiled), *script.words]
        self._words = deque(sorted(said, key=lambda word: word.at))
        self._lives = 0
        self._over = False
        willing = stage.approve is Approve.DRAWN
        self._approvers = Approvers(self._weather, stage.compiled.plan, self._now, willing)
        self._world.groups = self._approvers.groups
        journal.tell = self._read
        self._freezes = deque(drawn_freezes(self._weather))
        dress(self._world, stage, self._weather, self._checker)
        self._world.make_loop = self._make_loop
        cast(self._world.fabric, stage.compiled, stage.configurations, stage.domains, stage.instances)
        self._checker.truth.remember(stage.compiled.services)
        crashes = Crashes(self._checker.truth, self._world.fabric, stage.compiled)
        crashes.draw(self._weather)
        crashes.plan(script.crashes)
        crashes.follow(script.after)
        self._world.fabric.set_faults(script.faults)
        self._deaths = deque([*script.deaths, *drawn_deaths(self._weather)])
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
        found = leaves(error)
        first = next((each for each in found if isinstance(each, Violation | Spins)), found[0])
        if isinstance(first, Violation):
            self._checker.violation = first
            return
        rule = "L2" if isinstance(first, StepsExhausted | Spins) else "error"
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
        deaths = self._deaths
        while True:
            unsaid, approved = len(self._words), self._approvers.said
            death = deaths.popleft() if deaths else Death()
            left_s = self._weather.calm_at + self._stage.bound_s - self._world.time()
            after_s = left_s if death.after_s is None else min(death.after_s, left_s)
            self._lives += 1
            life = self._live(death, after_s)
            if not self._journal.closed:
                self._read()
            if self._checker.violation is not None:
                raise self._checker.violation
            if life is None:
                self._bury("its disk failed it", Death(down_s=GIVEN_UP_S))
                continue
            self._told.moments.append(life.moments)
            if life.killed:
                if after_s == left_s and death == Death():
                    return None
                self._bury(death.told(life.moments), death)
            elif (next_at := self._next_word_at()) is not None:
                self._world.pass_by(max(0.0, next_at - self._world.time()))
            elif not unsaid and approved == self._approvers.said:
                return life.result

    def _next_word_at(self) -> float | None:
        """Give when somebody says something next, whether or not an engine runs."""
        approved_at = self._approvers.next_at
        dates = [*(word.at for word in self._words), *([] if approved_at is None else [approved_at])]
        return min(dates, default=None)

    def _read(self) -> None:
        """Judge what became durable, and show people what they are asked."""
        self._checker.read()
        self._approvers.read(self._checker.book)

    def _live(self, death: Death, after_s: float) -> Life[Result | None] | None:
        """Live once; None = the process gave up, which is all it can do once a sync has failed.

        So it does where somebody's last word finds the disk full when all else is over.
        """
        self._over = False
        try:
            return self._world.live(
                functools.partial(self._script, death=death),
                dies_at=death.moment,
                dies_after_s=after_s,
                steps_max=STEPS_PER_SERVICE_MAX * len(self._stage.compiled.services),
            )
        except StateUnusable as error:
            if self._journal.closed or (self._over and isinstance(error, JournalFull)):
                return None
            raise

    def _bury(self, how: str, death: Death) -> None:
        """Let nobody live for a while, and the next life begin with what is on the disk."""
        self._weather.hits["death"] += 1
        self._weather.hits[f"death {death.kind}"] += 1
        self._told.deaths.append((self._world.time(), how + (", and power is lost" if death.power_lost else "")))
        self._weather.hits["power_lost"] += death.power_lost
        self._journal.recover(power_lost=death.power_lost)
        self._weather.hits["torn_tail"] = self._journal.torn
        self._read()
        self._checker.died()
        self._world.pass_by(death.down_s)

    def _make_loop(self, start: float, steps_max: int) -> SeededLoop:
        seed = self._world.seed * 1_000 + self._lives
        return SeededLoop(seed, self._checker.trace, start=start, steps_max=steps_max)

    def _now(self) -> float:
        return self._world.time()

    async def _script(self, parts: Parts, *, death: Death) -> Result | None:
        loop = asyncio.get_running_loop()
        if death.step is not None and isinstance(loop, SeededLoop):
            loop.die_at(death.step, parts.process.kill)
        said = [speak(parts, self._words, self._world.time, self._weather.hits)]
        said += [self._approvers.speak(parts)] if self._approvers.needed else []
        speaking = [asyncio.create_task(each, name="people") for each in said]
        for freeze in self._freezes:
            if freeze.at > self._world.time():
                parts.process.call_at(freeze.at, functools.partial(self._freeze, freeze))
        if self._lives > 1:
            await asyncio.sleep(0)
        try:
            await self._open(parts)
            result = await carry_out(parts, self._stage.compiled)
            self._over = True
            return result
        finally:
            for each in speaking:
                each.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await each

    async def _open(self, parts: Parts) -> None:
        """Open the rollout, as often as it takes: nobody can begin while the disk is full."""
        while True:
            try:
                await open_unless_known(parts, self._stage.compiled)
            except JournalFull:
                await asyncio.sleep(GIVEN_UP_S)
            else:
                return

    def _freeze(self, freeze: Freeze) -> None:
        self._weather.hits["freeze"] += 1
        self._told.deaths.append((self._world.time(), f"is frozen for {freeze.lasts_s:.0f} s"))
        self._checker.evidence.froze(self._world.time(), freeze.lasts_s)
        self._world.freeze(freeze.lasts_s)
