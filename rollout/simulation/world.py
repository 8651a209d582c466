"""The simulated world: a fleet, a durable journal and calls in flight, which outlive every engine process in it."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from rollout.core.compile import Compiled
from rollout.core.evolve import evolve
from rollout.core.fleet_evolve import evolve_fleet
from rollout.core.result import Result
from rollout.emulator.chance import unit
from rollout.emulator.fabric import Fabric
from rollout.emulator.fabric_state import LogEntry
from rollout.emulator.fleet import FleetPlan, populate
from rollout.emulator.knobs import Knobs
from rollout.emulator.request_ids import RequestIds
from rollout.engine.clock import Clock, EngineClock
from rollout.engine.engine import HEARTBEAT_S, Engine
from rollout.engine.groups import unwrapped
from rollout.engine.kit import Kit
from rollout.engine.streams import RolloutLedger
from rollout.errors import InvariantBroken
from rollout.journal.journal import Journal
from rollout.journal.ledger import Ledger
from rollout.journal.memory import MemoryJournal
from rollout.platforms.platform import Platform
from rollout.simulation.direct import DirectPlatform
from rollout.simulation.disk_journal import DiskJournal, MortalDiskJournal
from rollout.simulation.http_lane import HttpLane
from rollout.simulation.loop import STEPS_MAX
from rollout.simulation.mortal import LATE_PER_TIMEOUT, MortalJournal, MortalWire
from rollout.simulation.process import LoopMaker, Process
from rollout.simulation.wire import SteadyWire, Wire

T = TypeVar("T")

WALL_AT_START: Final = 1_455_845_583.0
"""POSIX seconds of the fabric's epoch."""

KitMaker = Callable[[RolloutLedger, Platform, Clock, Callable[[], float]], Kit]
"""Puts an engine's parts together over a ledger, a platform, a clock and chance."""


@dataclass(frozen=True, slots=True)
class Parts:
    """One engine process from inside, for the script it runs."""

    engine: Engine
    kit: Kit
    journal: Journal
    process: Process


Script = Callable[[Parts], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Life(Generic[T]):
    """One engine process from outside, when it is over."""

    result: T | None
    """None where it was killed."""
    killed: bool
    moments: Sequence[str]
    """What it passed at which it could have died."""
    steps: int


@dataclass(slots=True)
class World:
    """A fleet on virtual time. Nothing in it is lost when an engine dies; time goes on over all of them.

    The same seed and scripts give the same steps, whatever ran before.
    """

    make_kit: KitMaker
    fleet: FleetPlan
    knobs: Knobs = field(default_factory=Knobs)
    seed: int = 0
    request_timeout_s: float = 30.0
    wire: Wire | None = None
    """None = a steady one, drawn from the seed."""
    sync_s: float = 0.0
    """How long the disk takes to make an append durable."""
    lane: HttpLane | None = None
    """How its engines reach the fleet: None = straight on the fabric; over HTTP else, and then nothing of `wire`."""
    make_loop: LoopMaker | None = None
    """None = plain virtual loops, which run everything in order of arrival."""
    wall: Callable[[float], float] = lambda t: WALL_AT_START + t
    """What people's clocks show at a virtual second."""
    around_wire: Callable[[Wire], Wire] = lambda wire: wire
    """Lays something between the platform and its wire, such as an observer."""
    around_platform: Callable[[Platform], Platform] = lambda platform: platform
    """Lays something between the engine and its platform."""
    around_kit: Callable[[Kit], Kit] = lambda kit: kit
    """Lays something between the engine and its parts."""
    inbox_poll_s: float = 30.0
    """How often its engines look into the inbox: seldom, for most worlds hold nobody who speaks."""
    heartbeat_s: float = HEARTBEAT_S
    """How much engine time a death may cost."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Who may approve."""
    fabric: Fabric = field(init=False)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    _ids: RequestIds = field(init=False)
    _t: float = field(init=False, default=0.0)
    _process: Process | None = field(init=False, default=None)
    _lives: int = field(init=False, default=0)
    _in_flight: list[tuple[float, int, Callable[[], object]]] = field(init=False, default_factory=list)
    _flights: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.fabric = Fabric(self.time, self.knobs, self.seed)
        populate(self.fabric, self.fleet)
        self._ids = RequestIds(self.seed)

    def time(self) -> float:
        """Virtual seconds since the world began."""
        return self._t if self._process is None else self._process.time

    def log(self) -> Sequence[LogEntry]:
        """List every change the fleet has seen."""
        return self.fabric.log()

    def close(self) -> None:
        """End whatever else lives in it."""
        if self.lane is not None:
            self.lane.close()

    def pass_by(self, seconds: float) -> None:
        """Let time pass without any engine; calls in flight arrive at their own time."""
        end = self._t + seconds
        while self._in_flight and self._in_flight[0][0] <= end:
            self._t = max(self._t, self._in_flight[0][0])
            self._land()
        self._t = end

    def live(
        self,
        script: Script[T],
        *,
        dies_at: int | None = None,
        dies_after_s: float | None = None,
        steps_max: int = STEPS_MAX,
    ) -> Life[T]:
        """Start an engine process, run `script` in it, and give its life when it has ended or died.

        It dies at the moment numbered `dies_at`, or after so many seconds, whichever comes first.
        """
        if self._process is not None:
            raise InvariantBroken("one engine process at a time: the state directory has one lock")
        process = Process(start=self._t, dies_at=dies_at, steps_max=steps_max, make_loop=self.make_loop)
        for when, _, _ in self._in_flight:
            process.call_at(when, self._land)
        if dies_after_s is not None:
            process.call_at(self._t + dies_after_s, process.kill)
        self._process = process
        try:
            result = process.run(self._main(process, script))
        finally:
            self._t = process.time
            self._process = None
            self._lives += 1
        return Life(result, process.killed, tuple(process.moments), process.steps)

    async def _main(self, process: Process, script: Script[T]) -> T:
        """Put an engine together over what is durable, as after any start."""
        draw = self._chance("engine")
        journal = (
            MortalDiskJournal(process, self.journal, self.sync_s)
            if isinstance(self.journal, DiskJournal)
            else MortalJournal(process, self.journal, self.sync_s)
        )
        platform = self.around_platform(self._platform(process, journal))
        now = asyncio.get_running_loop().time
        clock = EngineClock.on_running_loop(await journal.last_t(), lambda: self.wall(now()))
        with unwrapped():
            ledger: RolloutLedger = Ledger(journal, evolve, evolve_fleet)
            async with ledger.opened():
                kit = self.around_kit(self.make_kit(ledger, platform, clock, draw))
                engine = Engine(
                    journal, kit, inbox_poll_s=self.inbox_poll_s, heartbeat_s=self.heartbeat_s, groups=self.groups
                )
                try:
                    return await script(Parts(engine, kit, journal, process))
                finally:
                    await platform.close()

    def _platform(self, process: Process, journal: Journal) -> Platform:
        if self.lane is not None:
            return self.lane.platform(process, journal, wall=self._wall_now, timeout_s=self.request_timeout_s)
        steady = self.wire or SteadyWire(self._chance("wire"))
        wire = MortalWire(process, steady, self.later, LATE_PER_TIMEOUT * self.request_timeout_s)
        return DirectPlatform(
            self.fabric, journal, self.around_wire(wire), self._ids, request_timeout_s=self.request_timeout_s
        )

    def _wall_now(self) -> float:
        return self.wall(self.time())

    def _chance(self, whose: str) -> Callable[[], float]:
        numbers, life = itertools.count(), self._lives
        return lambda: unit(self.seed, whose, life, next(numbers))

    def freeze(self, seconds: float) -> None:
        """Let time pass without a turn of the engine that lives, as by SIGSTOP; what is under way arrives meanwhile.

        Only from a plain callback of its loop. Its own timers are found overdue afterwards.
        """
        if self._process is None:
            raise InvariantBroken("nobody lives who could be frozen")
        end = self.time() + seconds
        while self._in_flight and self._in_flight[0][0] <= end:
            self._process.oversleep(self._in_flight[0][0])
            self._land()
        self._process.oversleep(end)

    def later(self, seconds: float, arrive: Callable[[], object]) -> None:
        """Let something arrive at the service after so many seconds, whether or not its sender lives to see it."""
        self.at(self.time() + seconds, arrive)

    def at(self, when: float, arrive: Callable[[], object]) -> None:
        """Let something happen at second `when`; what is for the same second happens in order of these calls."""
        self._flights += 1
        heapq.heappush(self._in_flight, (when, self._flights, arrive))
        if self._process is not None:
            self._process.call_at(when, self._land)

    def _land(self) -> None:
        """Let arrive whatever is due."""
        while self._in_flight and self._in_flight[0][0] <= self.time():
            heapq.heappop(self._in_flight)[2]()


async def carry_out(parts: Parts, compiled: Compiled, *, strict_exit: bool = False) -> Result | None:
    """Open the compiled rollout unless the journal knows it, and go on with it until it is over; None = drained."""
    await open_unless_known(parts, compiled)
    return await parts.engine.run(compiled.plan.rollout, strict_exit=strict_exit)


async def open_unless_known(parts: Parts, compiled: Compiled) -> None:
    """Open the compiled rollout unless the journal knows it."""
    rollout = compiled.plan.rollout
    if parts.kit.ledger.rollout(rollout) is None:
        for payload in compiled.payloads:
            await parts.journal.put(payload)
        await parts.engine.open_rollout(compiled.plan, compiled.services)
