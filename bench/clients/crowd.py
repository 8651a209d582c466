"""A crowd in one subscription, on virtual time: the product's tracker over a service that only knows what ends when.

As many operations as ordered are in flight at any moment: who ends is replaced. Counted are the requests that the
service gets for each operation that ended, and how long after its end its waiter was told.
"""

import asyncio
import itertools
import math
import random
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec

from bench.child import Reading
from bench.clients.product import UNLIMITED
from bench.shapes import Shape
from rollout.core.names import Now, Target
from rollout.core.operation import Operation
from rollout.core.outcome import Failed, Handle, Outcome, Progress, Running, Succeeded, Unreachable
from rollout.core.prepare import Order, Preparation
from rollout.core.snapshot import Observation
from rollout.engine.clock import EngineClock
from rollout.engine.pacer import Pace, Pacer
from rollout.engine.timetable import Learning, Regular, Timetable
from rollout.engine.tracker import Tracker
from rollout.errors import InvariantBroken
from rollout.platforms.platform import Capabilities, RollbackSupport, Ticket, WalkOrder
from rollout.simulation import loop as virtual

SCOPE: Final = "crowd"
KIND: Final = "walk"
ROUND_TRIP_S: Final = 0.08
STEPS_MAX: Final = 1_000_000_000
_STRIDE: Final = 0.6180339887498949


class Crowd(msgspec.Struct, frozen=True):
    """One measurement, in virtual seconds."""

    operations: int
    mean_s: float
    sigma: float
    warm_s: float
    window_s: float
    fixed_s: float = 0.0
    """Each is asked about once in so long; 0 = by what is learned."""
    listing_s: float = 0.0
    """0 = no listing."""
    page: int = 100
    reads_per_s: float = 0.0
    """What the subscription passes; 0 = anything."""


class Service:
    """The platform: it answers questions, in one round trip each, and counts them."""

    capabilities = Capabilities(
        walk_order=WalkOrder.ASCENDING,
        begin_starts_first_domain=False,
        rollback=RollbackSupport.NONE,
        suspend=False,
        swap=False,
    )

    def __init__(self, page: int) -> None:
        self.ends_s: dict[str, float] = {}
        """Of everything that began and has not been found out to have ended, in the order of beginning."""
        self.requests = 0
        self._page = page

    async def poll(self, handle: Handle) -> Progress:
        """Get the status."""
        self.requests += 1
        await asyncio.sleep(ROUND_TRIP_S)
        return Succeeded() if self.ends_s[handle.id] <= _now_s() else Running()

    async def running(self, scope: str, since: float) -> AsyncIterator[frozenset[str] | Unreachable]:  # noqa: ARG002 - one scope, none is old
        """List what is in progress, page by page; each one goes on behind the last it has shown."""
        last = ""
        while True:
            self.requests += 1
            await asyncio.sleep(ROUND_TRIP_S)
            left = (name for name, ends_s in self.ends_s.items() if name > last and ends_s > _now_s())
            shown = list(itertools.islice(left, self._page))
            if not shown:
                return
            yield frozenset(shown)
            if len(shown) < self._page:
                return
            last = shown[-1]

    def write_scope(self, target: Target) -> str:  # noqa: ARG002 - there is one
        """Name the one subscription."""
        return SCOPE

    async def observe(self, target: Target) -> Observation:
        """Have no deployments."""
        raise InvariantBroken(f"nobody is to look at {target}")

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:  # noqa: ARG002 - as the protocol says
        """Take no calls."""
        raise InvariantBroken(f"nobody is to call {target}")

    async def prepare(self, order: Order) -> Preparation:
        """Prepare nothing."""
        raise InvariantBroken(f"nobody is to prepare {order}")

    async def close(self) -> None:
        """Hold nothing."""


def measure(given: dict[str, Any]) -> Reading:
    """Follow a crowd as ordered."""
    order = msgspec.convert(given, Crowd)
    return virtual.run(_measure(order), steps_max=STEPS_MAX)


async def _measure(order: Crowd) -> Reading:
    service, chance = Service(order.page), random.Random(0)  # noqa: S311 - repeatable on purpose
    clock = EngineClock.on_running_loop(0.0, _now_s)
    pace = UNLIMITED
    if order.reads_per_s:
        pace = Pace(start=order.reads_per_s, floor=order.reads_per_s, ceiling=order.reads_per_s, rise=0.0)
    timetable: Timetable = Regular(order.fixed_s) if order.fixed_s else Learning()
    listing_s = order.listing_s or None
    pacer = Pacer(clock, pace, UNLIMITED)
    tracker = Tracker(service, pacer, clock, draw=chance.random, timetable=timetable, listing_s=listing_s)
    durations = Shape("", order.mean_s, order.sigma).durations()
    delays_s: list[float] = []
    numbers = itertools.count()

    def begin(part: float = 1.0) -> None:
        """Let one more operation begin; of those of the first moment only a part is left."""
        number = next(numbers)
        name = f"{number:032x}"
        service.ends_s[name] = _now_s() + part * durations[int(len(durations) * ((number * _STRIDE) % 1.0))]
        tracker.poll(Handle(SCOPE, name), _waiter(name), due_t=math.inf, kind=KIND)

    def _waiter(name: str) -> Callable[[Progress, Now], bool]:
        def tell(progress: Progress, _now: Now) -> bool:
            if not isinstance(progress, Succeeded | Failed):
                return False
            delays_s.append(_now_s() - service.ends_s.pop(name))
            begin()
            return True

        return tell

    async with asyncio.TaskGroup() as group:
        asking = group.create_task(tracker.run(), name="tracker")
        for number in range(order.operations):
            begin((number * _STRIDE) % 1.0)
        await asyncio.sleep(order.warm_s)
        requests, ended = service.requests, len(delays_s)
        await asyncio.sleep(order.window_s)
        requests, told = service.requests - requests, delays_s[ended:]
        asking.cancel()
    return {
        "ended": len(told),
        "polls": requests / len(told) if told else math.nan,
        "delay_s": sum(told) / len(told) if told else math.nan,
        "requests_per_s": requests / order.window_s,
    }


def _now_s() -> float:
    return asyncio.get_running_loop().time()
