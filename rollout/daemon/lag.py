"""How late the loop is: somebody who wants to wake at a time, and measures by how much that fails."""

from collections import deque
from typing import Final

from rollout.engine.clock import Clock

LOOK_S: Final = 0.5
"""How often it is measured."""
KEPT_S: Final = 60.0
"""The worst is that of the last minute."""


class LoopLag:
    """Measures while `run` runs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, float]] = deque(maxlen=int(KEPT_S / LOOK_S))

    async def run(self) -> None:
        """Measure for ever."""
        while True:
            due_t = self._clock.now().t + LOOK_S
            await self._clock.sleep_until(due_t)
            now_t = self._clock.now().t
            self._seen.append((now_t, now_t - due_t))

    @property
    def last_s(self) -> float:
        """How late it was just now."""
        return self._seen[-1][1] if self._seen else 0.0

    @property
    def worst_s(self) -> float:
        """How late it was at worst within a minute."""
        since_t = self._clock.now().t - KEPT_S
        return max((late_s for t, late_s in self._seen if t >= since_t), default=0.0)
