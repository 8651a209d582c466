"""Workers put one question each: looks, and polls where the platform has no bulk port."""

import asyncio
from collections.abc import Callable
from typing import Final

from rollout.core.names import Now, Target
from rollout.core.outcome import Handle, Progress
from rollout.core.snapshot import Observation
from rollout.engine.clock import Clock
from rollout.engine.eyes import tell_pacer
from rollout.engine.line import Tracked
from rollout.engine.lines import Lines
from rollout.engine.pacer import Kind, Pacer
from rollout.errors import InvariantBroken
from rollout.platforms.platform import Platform

WORKERS: Final = 64
"""Questions in flight at once, besides those of the bulk port."""


class Workers:
    """What the workers of one tracker share. `hear` takes an answer, `again` a record that is to be asked later."""

    def __init__(
        self,
        platform: Platform,
        pacer: Pacer,
        clock: Clock,
        lines: Lines,
        *,
        hear: Callable[[Tracked, Progress | Observation, Now], None],
        again: Callable[[Tracked, float], None],
    ) -> None:
        self.polls = 0
        """Operations asked about."""
        self.looks = 0
        """Deployments looked at."""
        self._platform = platform
        self._pacer = pacer
        self._clock = clock
        self._lines = lines
        self._hear = hear
        self._again = again

    async def work(self) -> None:
        """Take questions for ever."""
        while True:
            record = await self._lines.asking.get()
            try:
                await self._ask(record)
            except asyncio.CancelledError:
                self._again(record, self._clock.now().t)
                raise
            finally:
                self._lines.idle += 1
                self._lines.of(record.scope).busy -= 1
            self._lines.serve_crowded(self._clock.now().t)

    async def _ask(self, record: Tracked) -> None:
        """Put one question if its answer is still wanted, tell it, and schedule the next one if that was not enough."""
        if not record.wanted:
            self._lines.held -= 1
            self._pacer.give_back(record.scope, Kind.READ)
            return
        if self._pacer.is_closed(record.scope, Kind.READ):
            # A Retry-After came after the permit and before the question.
            self._pacer.give_back(record.scope, Kind.READ)
            self._again(record, self._clock.now().t)
            return
        record.asked_t = self._clock.now().t
        if isinstance(record.subject, Handle):
            self.polls += 1
        else:
            self.looks += 1
        answer = await self._answer(record.subject)
        tell_pacer(self._pacer, record.scope, record.asked_t, answer)
        self._hear(record, answer, self._clock.now())

    async def _answer(self, subject: Handle | Target) -> Progress | Observation:
        try:
            if isinstance(subject, Handle):
                return await self._platform.poll(subject)
            return await self._platform.observe(subject)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # A task group takes this for an ordinary end: the worker would be gone, and its record never asked again.
            raise InvariantBroken(f"the platform cancelled a question about {subject}") from error
