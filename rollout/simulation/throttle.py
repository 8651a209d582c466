"""A platform that throttles: so many reads and writes a second pass, and in a storm hardly anything does."""

import bisect
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from rollout.core.names import Target
from rollout.core.operation import Operation
from rollout.core.outcome import Handle, Outcome, Progress, Refused, RefusedKind, Unreachable
from rollout.core.prepare import Order, Preparation
from rollout.core.snapshot import Observation
from rollout.emulator.chance import unit
from rollout.platforms.platform import Capabilities, Platform, Ticket

BURST: Final = 5.0
"""So many unused calls may be made up for at once; more are lost."""
ONE_CALL: Final = 1.0
ROUNDING: Final = 1e-9


class Storm(msgspec.Struct, frozen=True):
    """From `begins` to `ends`, in seconds of the loop, `passing` of the calls within the limit still pass."""

    begins: float
    ends: float
    passing: float = 0.0


class Limits(msgspec.Struct, frozen=True):
    """What one subscription takes. Rates are calls per second."""

    reads: float
    writes: float
    named_share: float = 0.25
    """The part of the throttled answers that come as 429 with a Retry-After; the rest are 503 TooManyRequests."""
    retry_after_s: float = 30.0


class Class:
    """Reads or writes: one limit, and every call counted against it."""

    def __init__(self, rate: float) -> None:
        self.passed: list[float] = []
        """When calls passed, in seconds of the loop."""
        self.refused: list[float] = []
        """When calls were throttled."""
        self.early: list[float] = []
        """Those of them that came while an answer's Retry-After was still running."""
        self.closed_until = 0.0
        self._rate = rate
        self._most = max(BURST, rate)
        self._left = self._most
        self._at = 0.0

    def takes(self, t: float) -> bool:
        """Count one call against the limit, if there is room for it."""
        self._left = min(self._most, self._left + self._rate * (t - self._at))
        self._at = t
        if self._left < ONE_CALL - ROUNDING:
            return False
        self._left -= ONE_CALL
        return True

    def most_in(self, window_s: float) -> int:
        """Give the largest number of calls that passed within any window of so many seconds."""
        ends = (bisect.bisect_right(self.passed, begin + window_s) for begin in self.passed)
        return max((end - index for index, end in enumerate(ends)), default=0)


class Subscription:
    """What one subscription takes and has taken, and its weather. It outlives the engines that call it."""

    def __init__(self, limits: Limits, storms: Iterable[Storm], seed: int) -> None:
        self.limits = limits
        self.storms = list(storms)
        """Those known so far; more may break loose at any time."""
        self.seed = seed
        self.reads = Class(limits.reads)
        self.writes = Class(limits.writes)

    def storm(self, t: float) -> Storm | None:
        """Give the storm at `t`."""
        return next((each for each in self.storms if each.begins <= t < each.ends), None)

    def calm_t(self, t: float) -> float:
        """Give when it is calm, at `t` or after."""
        while (storm := self.storm(t)) is not None:
            t = storm.ends
        return t


class ThrottlingPlatform:
    """Another platform, as one subscription is let through to it."""

    def __init__(self, platform: Platform, subscription: Subscription, time: Callable[[], float]) -> None:
        """`time` gives seconds of the loop."""
        self._platform = platform
        self._subscription = subscription
        self._time = time

    @property
    def capabilities(self) -> Capabilities:
        """What the other one can do."""
        return self._platform.capabilities

    def write_scope(self, target: Target) -> str:
        """Name the subscription."""
        return self._platform.write_scope(target)

    async def observe(self, target: Target) -> Observation:
        """Look, if there is room."""
        throttled = self._throttled(self._subscription.reads)
        return Unreachable(*throttled) if throttled else await self._platform.observe(target)

    async def poll(self, handle: Handle) -> Progress:
        """Ask, if there is room."""
        throttled = self._throttled(self._subscription.reads)
        return Unreachable(*throttled) if throttled else await self._platform.poll(handle)

    async def submit(self, target: Target, operation: Operation, ticket: Ticket) -> Outcome:
        """Call, if it is still wanted and there is room."""
        if not ticket.still_wanted():
            return Refused(RefusedKind.NOT_SENT, "no longer wanted when the connection was ready")
        throttled = self._throttled(self._subscription.writes)
        if throttled is None:
            return await self._platform.submit(target, operation, ticket)
        error, _, retry_after_s = throttled
        return Refused(RefusedKind.THROTTLED, error, retry_after_s)

    async def prepare(self, order: Order) -> Preparation:
        """Hand the order on: it touches nothing."""
        return await self._platform.prepare(order)

    async def close(self) -> None:
        """Close the other one."""
        await self._platform.close()

    def _throttled(self, calls: Class) -> tuple[str, bool, float | None] | None:
        """Count one call; give what it is answered where it does not pass, as the fields of Unreachable."""
        t, seed, limits = self._time(), self._subscription.seed, self._subscription.limits
        number = len(calls.passed) + len(calls.refused)
        storm = self._subscription.storm(t)
        weathered = storm is None or unit(seed, "storm", number) < storm.passing
        if t >= calls.closed_until and weathered and calls.takes(t):
            calls.passed.append(t)
            return None
        calls.refused.append(t)
        if t < calls.closed_until:
            calls.early.append(t)
        if unit(seed, "named", number) >= limits.named_share:
            return "HTTP 503 TooManyRequests", True, None
        calls.closed_until = max(calls.closed_until, t + limits.retry_after_s)
        return "HTTP 429 TooManyRequests", True, limits.retry_after_s


def storms(seed: int, *, every_s: float, until_s: float, lasting_s: tuple[float, float]) -> Sequence[Storm]:
    """Draw one storm for each stretch of `every_s` seconds up to `until_s`: when in it, how long, and how dense."""
    drawn = []
    for number in range(int(until_s / every_s)):
        low, high = lasting_s
        length = low + unit(seed, "length", number) * (high - low)
        begins = number * every_s + unit(seed, "begins", number) * max(0.0, every_s - length)
        drawn.append(Storm(begins, begins + length, passing=0.2 * unit(seed, "passing", number)))
    return drawn
